//! Lane-wise functions of the pixel kernels, generic over the CPU's SIMD level.
//!
//! Everything here is inlined into the kernel that `dispatch!` builds for each level; nothing uses a
//! fused multiply-add, an estimate or a sum over lanes, so that every level gives the same bits.

use fearless_simd::prelude::*;

use crate::colour::Ramp;

/// Sixteen pixels at once: two AVX2 registers, so that one works while the other waits.
pub(crate) type F<S> = fearless_simd::f32x16<S>;
pub(crate) type U<S> = fearless_simd::u32x16<S>;
pub(crate) type I<S> = fearless_simd::i32x16<S>;

/// Rows are padded to this many values, a multiple of every level's lane count.
pub(crate) const ROW_ALIGN: usize = 16;

const IOTA: [f32; ROW_ALIGN] = [
    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
];

/// The lane numbers 0, 1, 2, …
#[inline(always)]
pub(crate) fn iota<S: Simd>(simd: S) -> F<S> {
    F::<S>::from_slice(simd, &IOTA[..F::<S>::LEN])
}

/// `value` in every lane.
#[inline(always)]
pub(crate) fn splat<S: Simd>(simd: S, value: f32) -> F<S> {
    F::<S>::splat(simd, value)
}

/// The lanes at `values[at..]`.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, values: &[f32], at: usize) -> F<S> {
    F::<S>::from_slice(simd, &values[at..at + F::<S>::LEN])
}

/// Writes the lanes to `values[at..]`.
#[inline(always)]
pub(crate) fn store<S: Simd>(lanes: F<S>, values: &mut [f32], at: usize) {
    lanes.store_slice(&mut values[at..at + F::<S>::LEN]);
}

/// Fills the rows `[red, green, blue]` with what the expression gives for the lanes from column `x` on. A
/// macro, as closures may end up as calls, and with them every instruction that they use.
macro_rules! each_pixel {
    ($rgb:expr, $x:ident => $pixel:expr) => {{
        let [red, green, blue] = $rgb;
        for $x in (0..red.len()).step_by(crate::lanes::F::<S>::LEN) {
            let [r, g, b] = $pixel;
            crate::lanes::store::<S>(r, red, $x);
            crate::lanes::store::<S>(g, green, $x);
            crate::lanes::store::<S>(b, blue, $x);
        }
    }};
}
pub(crate) use each_pixel;

/// From `a` (t = 0) to `b` (t = 1).
#[inline(always)]
pub(crate) fn mix<S: Simd>(a: F<S>, b: F<S>, t: F<S>) -> F<S> {
    a + (b - a) * t
}

/// Held within 0 and 1.
#[inline(always)]
pub(crate) fn saturate<S: Simd>(x: F<S>) -> F<S> {
    x.max(0.0).min(1.0)
}

/// 0 up to `low`, 1 from `high` on, smooth between; `low` may be the greater.
#[inline(always)]
pub(crate) fn smoothstep<S: Simd>(low: f32, high: f32, x: F<S>) -> F<S> {
    let t = saturate::<S>((x - low) * (1.0 / (high - low)));
    t * t * (t * -2.0 + 3.0)
}

/// The sine of `turns` whole turns, to about 1e-3.
#[inline(always)]
pub(crate) fn sin<S: Simd>(turns: F<S>) -> F<S> {
    let f = turns - (turns + 0.5).floor();
    let parabola = f * (f.abs() * -16.0 + 8.0);
    parabola * (parabola.abs() * 0.225 + 0.775)
}

/// The angle of `(x, y)` in turns, -0.5 to 0.5, to about 2e-4; 0 at the origin.
#[inline(always)]
pub(crate) fn turns_of<S: Simd>(x: F<S>, y: F<S>) -> F<S> {
    let (ax, ay) = (x.abs(), y.abs());
    let (small, large) = (ax.min(ay), ax.max(ay).max(1e-9));
    let t = small / large;
    // The arc tangent over a whole turn, odd to the fifth.
    let first = t * ((t * t * 0.013_208_74 - 0.046_513_87) * (t * t) + 0.158_514_86);
    let steep = step::<S>(ay - ax);
    let quarter = first + steep * (first * -2.0 + 0.25);
    let back = step::<S>(x * -1.0);
    let half = quarter + back * (quarter * -2.0 + 0.5);
    half * (step::<S>(y) * 2.0 - 1.0)
}

/// 1 where `x` is 0 or more, else 0.
#[inline(always)]
pub(crate) fn step<S: Simd>(x: F<S>) -> F<S> {
    let sign = (x.bitcast::<U<S>>() >> 31).bitcast::<I<S>>();
    F::<S>::float_from(sign * -1 + 1)
}

/// The logarithm to base 2 of positive `x`, to about 2e-3.
#[inline(always)]
pub(crate) fn log2<S: Simd>(x: F<S>) -> F<S> {
    let bits = x.max(1e-20).bitcast::<U<S>>();
    let exponent = F::<S>::float_from((bits >> 23).bitcast::<I<S>>() - 127);
    let m = ((bits & 0x007f_ffff) | 0x3f80_0000).bitcast::<F<S>>() - 1.0;
    exponent + m * ((m * 0.156_386_12 - 0.577_250_66) * m + 1.420_864_5)
}

/// `2^x` to about 1e-4, for `x` in -120…120.
#[inline(always)]
pub(crate) fn exp2<S: Simd>(x: F<S>) -> F<S> {
    let x = x.max(-120.0).min(120.0);
    let whole = (x + 0.5).floor();
    let f = x - whole;
    let poly =
        (((f * 0.009618129 + 0.05550411) * f + 0.2402265) * f + std::f32::consts::LN_2) * f + 1.0;
    let bits = (I::<S>::truncate_from(whole) + 127) << 23;
    poly * bits.bitcast::<F<S>>()
}

/// 23 random bits as a number in `[0, 1)`.
#[inline(always)]
pub(crate) fn unit<S: Simd>(bits: U<S>) -> F<S> {
    ((bits >> 9) | 0x3f80_0000).bitcast::<F<S>>() - 1.0
}

/// Mixes the two products of a grid cell's coordinates to random bits.
#[inline(always)]
pub(crate) fn scramble<S: Simd>(x: U<S>, y: U<S>) -> U<S> {
    let h = x ^ y;
    (h ^ (h >> 15)) * 0x846c_a68b
}

/// Smooth noise over the plane in `[0, 1]`, with one value a unit square.
#[inline(always)]
pub(crate) fn noise<S: Simd>(seed: u32, x: F<S>, y: F<S>) -> F<S> {
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let x0 = I::<S>::truncate_from(left).bitcast::<U<S>>() * 0x9e37_79b1;
    let y0 = I::<S>::truncate_from(top).bitcast::<U<S>>() * 0x85eb_ca77 + seed;
    let (x1, y1) = (x0 + 0x9e37_79b1, y0 + 0x85eb_ca77);
    let sx = fx * fx * (fx * -2.0 + 3.0);
    let sy = fy * fy * (fy * -2.0 + 3.0);
    let upper = mix::<S>(
        unit::<S>(scramble::<S>(x0, y0)),
        unit::<S>(scramble::<S>(x1, y0)),
        sx,
    );
    let lower = mix::<S>(
        unit::<S>(scramble::<S>(x0, y1)),
        unit::<S>(scramble::<S>(x1, y1)),
        sx,
    );
    mix::<S>(upper, lower, sy)
}

/// Smooth noise along a line in `[0, 1]`, with one value a unit.
#[inline(always)]
pub(crate) fn noise_line<S: Simd>(seed: u32, x: F<S>) -> F<S> {
    let left = x.floor();
    let f = x - left;
    let x0 = I::<S>::truncate_from(left).bitcast::<U<S>>() * 0x9e37_79b1;
    let (a, b) = (x0 ^ seed, (x0 + 0x9e37_79b1) ^ seed);
    let a = (a ^ (a >> 15)) * 0x846c_a68b;
    let b = (b ^ (b >> 15)) * 0x846c_a68b;
    mix::<S>(unit::<S>(a), unit::<S>(b), f * f * (f * -2.0 + 3.0))
}

/// A point of the plane in each lane.
pub(crate) type Point<S> = (F<S>, F<S>);

/// Stirs the plane like a slow fluid: `steps` sine shears, each turned against the last and finer by
/// `FINER`. `amount` is how far a shear moves what it moves, in its own wavelengths.
#[inline(always)]
pub(crate) fn stir<S: Simd>(
    (mut x, mut y): Point<S>,
    steps: usize,
    mut frequency: f32,
    amount: f32,
    time: f32,
) -> Point<S> {
    const FINER: f32 = 1.45;
    let (mut c, mut s) = (0.8_f32, 0.6_f32);
    for step in 0..steps {
        let along = y * c - x * s;
        let push = sin::<S>(along * frequency + (time + step as f32 * 0.37)) * (amount / frequency);
        x += push * c;
        y += push * s;
        (c, s) = (c * 0.6 - s * 0.8, c * 0.8 + s * 0.6);
        frequency *= FINER;
    }
    (x, y)
}

/// The colours of `ramp` at `at`, which is held within 0 and 1.
#[inline(always)]
pub(crate) fn ramp<S: Simd>(simd: S, ramp: &Ramp, at: F<S>) -> [F<S>; 3] {
    let mut where_ = [0.0; ROW_ALIGN];
    let (mut r, mut g, mut b) = ([0.0; ROW_ALIGN], [0.0; ROW_ALIGN], [0.0; ROW_ALIGN]);
    store::<S>(saturate::<S>(at), &mut where_, 0);
    for lane in 0..F::<S>::LEN {
        let colour = ramp.at(where_[lane]);
        (r[lane], g[lane], b[lane]) = (colour[0], colour[1], colour[2]);
    }
    [load(simd, &r, 0), load(simd, &g, 0), load(simd, &b, 0)]
}
