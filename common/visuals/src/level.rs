//! Which instructions a kernel is compiled for, and the choice among them at run time.
//!
//! Three levels on `x86_64`: AVX-512, AVX2, and the SSE2 that every such CPU has. What lies between is as
//! good as extinct, and every level costs each build its time.

/// Runs `body` compiled for the best instructions that `level` has; `simd` is the token for them.
macro_rules! on_this_cpu {
    ($level:expr, $simd:ident => $body:expr) => {{
        // Unit tests draw no scenes: one level is enough for them, and saves them two builds of all kernels.
        #[cfg(all(target_arch = "x86_64", test))]
        {
            use fearless_simd::Simd as _;
            if let Some($simd) = $level.as_sse2() {
                crate::level::vectorized!($simd, $body);
            }
        }
        #[cfg(all(target_arch = "x86_64", not(test)))]
        {
            use fearless_simd::Simd as _;
            if let Some($simd) = $level.as_avx512() {
                crate::level::vectorized!($simd, $body);
            } else if let Some($simd) = $level.as_avx2() {
                crate::level::vectorized!($simd, $body);
            } else if let Some($simd) = $level.as_sse2() {
                crate::level::vectorized!($simd, $body);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        fearless_simd::dispatch!($level, $simd => $body);
    }};
}

macro_rules! vectorized {
    ($simd:ident, $body:expr) => {
        $simd.vectorize(
            #[inline(always)]
            || $body,
        )
    };
}

pub(crate) use {on_this_cpu, vectorized};
