//! The few functions that pixels need, with their own polynomials: the C library's differ from machine
//! to machine, and the same parameters must give the same bytes everywhere.

/// `2^x`, to about 1e-6 relative; 0 below -126.
pub(crate) fn exp2(x: f32) -> f32 {
    if x < -126.0 {
        return 0.0;
    }
    let x = x.min(127.0);
    let whole = (x + 0.5).floor();
    let f = x - whole;
    let tail = 0.009618129 + f * (0.0013333558 + f * 0.000_154_035_3);
    let poly = 1.0 + f * (std::f32::consts::LN_2 + f * (0.2402265 + f * (0.05550411 + f * tail)));
    poly * f32::from_bits(((whole as i32 + 127) as u32) << 23)
}

/// `log2(x)` for positive normal `x`, to about 1e-6.
pub(crate) fn log2(x: f32) -> f32 {
    let bits = x.to_bits();
    let mut exponent = (bits >> 23) as i32 - 127;
    let mut mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    if mantissa > std::f32::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let series = 1.0 + s2 * (0.333_333_34 + s2 * (0.2 + s2 * (0.142_857_15 + s2 * 0.111_111_11)));
    exponent as f32 + s * series * (2.0 * std::f32::consts::LOG2_E)
}

/// `x^y` for `x ≥ 0`.
pub(crate) fn pow(x: f32, y: f32) -> f32 {
    if x < 1e-30 { 0.0 } else { exp2(log2(x) * y) }
}

/// The sine of `turns` whole turns, to about 1e-3: enough for motion and shapes.
pub(crate) fn sin(turns: f32) -> f32 {
    let f = turns - (turns + 0.5).floor();
    let parabola = f * (8.0 - 16.0 * f.abs());
    parabola * (0.775 + 0.225 * parabola.abs())
}

/// The cosine of `turns` whole turns.
pub(crate) fn cos(turns: f32) -> f32 {
    sin(turns + 0.25)
}

/// From `a` (t = 0) to `b` (t = 1).
pub(crate) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 up to `low`, 1 from `high` on, smooth between.
pub(crate) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomials_follow_the_functions_they_stand_for() {
        for i in 1..400 {
            let x = i as f32 * 0.05 - 10.0;
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 5e-6, "exp2({x})");
            assert!(
                (sin(x) - (x * std::f32::consts::TAU).sin()).abs() < 2e-3,
                "sin({x})"
            );
            let positive = i as f32 * 0.07;
            assert!(
                (log2(positive) - positive.log2()).abs() < 5e-6,
                "log2({positive})"
            );
        }
        assert_eq!(pow(0.0, 2.4), 0.0);
    }
}
