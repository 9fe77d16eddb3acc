//! Functions of numbers: what kernels use, and what others need over slices.
//!
//! Exponential, hyperbolic tangent and error function without branches, so that a loop over them is vectorised.
//!
//! Accurate to a few units in the last place (the tests compare with `f64`); NaN stays NaN. Exponential and hyperbolic
//! tangent follow Cephes (Moshier), the error function is Eigen's rational approximation.

// The constants are as published.
#![allow(clippy::excessive_precision)]

/// `1.5 * 2^23`: adding it rounds to an integer, which then is in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// `2^n` for `n` from -126 to 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// `e^x`: infinite above 88.7, denormal below -87.3, 0 below -104.
///
/// What is 0 (a masked score) is not computed by way of denormal numbers, with which a processor takes several times as long.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let vanishes = x < -104.0;
    let x = if vanishes { 0.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let n = rounded.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32;
    let whole = rounded - ROUNDER;
    let r = x - whole * 0.693_359_375 + whole * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5e-1;
    let power = p * (r * r) + r + 1.0;
    // In two factors, because one of 2^128 or 2^-130 does not exist.
    let half = n >> 1;
    let y = power * power_of_two(half) * power_of_two(n - half);
    if vanishes { 0.0 } else { y }
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let z = x * x;
    let mut p = -5.704_988_7e-3;
    p = p * z + 2.063_908_9e-2;
    p = p * z - 5.373_971_6e-2;
    p = p * z + 1.333_144_2e-1;
    p = p * z - 3.333_328_2e-1;
    let small = p * z * x + x;
    let large = (1.0 - 2.0 / (exp(2.0 * size) + 1.0)).copysign(x);
    if size < 0.625 { small } else { large }
}

/// `a b + c`, in one rounding where the machine has that.
#[inline(always)]
pub(super) fn madd<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// [`tanh`] as a quotient of polynomials (Eigen): within 5e-7 of it, at half the cost.
#[inline(always)]
pub(super) fn rational_tanh<const FMA: bool>(x: f32) -> f32 {
    const END: f32 = 7.905_311;
    let x = if x < -END { -END } else { x };
    let x = if x > END { END } else { x };
    let z = x * x;
    let mut p = -2.760_768_5e-16;
    p = madd::<FMA>(p, z, 2.000_187_9e-13);
    p = madd::<FMA>(p, z, -8.604_671_5e-11);
    p = madd::<FMA>(p, z, 5.122_297_1e-8);
    p = madd::<FMA>(p, z, 1.485_722_4e-5);
    p = madd::<FMA>(p, z, 6.372_619_3e-4);
    p = madd::<FMA>(p, z, 4.893_524_6e-3);
    let mut q = 1.198_258_4e-6;
    q = madd::<FMA>(q, z, 1.185_347_1e-4);
    q = madd::<FMA>(q, z, 2.268_434_6e-3);
    q = madd::<FMA>(q, z, 4.893_525e-3);
    x * p / q
}

/// [`sigmoid`] from [`rational_tanh`].
#[inline(always)]
pub(super) fn rational_sigmoid<const FMA: bool>(x: f32) -> f32 {
    madd::<FMA>(0.5, rational_tanh::<FMA>(0.5 * x), 0.5)
}

#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let x = if x < -4.0 { -4.0 } else { x };
    let x = if x > 4.0 { 4.0 } else { x };
    let z = x * x;
    let mut p = -2.726_142_3e-10;
    p = p * z + 2.770_681_4e-8;
    p = p * z - 2.101_024e-6;
    p = p * z - 5.692_506_4e-5;
    p = p * z - 7.349_906_3e-4;
    p = p * z - 2.954_599_8e-3;
    p = p * z - 1.609_603_3e-2;
    let mut q = -1.456_607_2e-5;
    q = q * z - 2.133_740_6e-4;
    q = q * z - 1.682_827e-3;
    q = q * z - 7.373_329_2e-3;
    q = q * z - 1.426_473_9e-2;
    x * p / q
}

/// The largest number, minus infinity of none; NaN does not count.
///
/// ```
/// assert_eq!(fornax_core::largest(&[1.0, 3.0, f32::NAN, 2.0]), 3.0);
/// ```
pub fn largest(values: &[f32]) -> f32 {
    largest_of(values)
}

/// The logarithm of the sum of the exponentials, without overflow; minus infinity of none.
///
/// ```
/// assert_eq!(fornax_core::log_sum_exp(&[1000.0, 1000.0]), 1000.0 + 2f64.ln());
/// ```
pub fn log_sum_exp(values: &[f32]) -> f64 {
    let largest = largest_of(values);
    match largest.is_finite() {
        true => f64::from(largest) + sum_of_exponentials(values, largest).ln(),
        false => f64::from(largest),
    }
}

simd_fn! {
    fn largest_of(values: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; 16];
        let chunks = values.chunks_exact(16);
        let rest = chunks.remainder();
        for chunk in chunks {
            for lane in 0..16 {
                lanes[lane] = if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] };
            }
        }
        rest.iter().chain(&lanes).fold(f32::NEG_INFINITY, |largest, &x| if x > largest { x } else { largest })
    }
}

simd_fn! {
    /// The sum of `e^(x - largest)`: 16 partial sums, joined in f64 before they lose digits.
    fn sum_of_exponentials(values: &[f32], largest: f32) -> f64 {
        let mut total = 0.0;
        for run in values.chunks(1024) {
            let mut sums = [0.0f32; 16];
            let chunks = run.chunks_exact(16);
            let rest: f32 = chunks.remainder().iter().map(|x| exp(x - largest)).sum();
            for chunk in chunks {
                for lane in 0..16 {
                    sums[lane] += exp(chunk[lane] - largest);
                }
            }
            total += sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() + f64::from(rest);
        }
        total
    }
}

/// The sum of eight numbers, by halves.
#[inline(always)]
pub(super) fn sum_of_lanes(mut lanes: [f32; 8]) -> f32 {
    for half in [4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest distance from `f64`, in units in the last place, over a grid.
    fn worst(from: f32, to: f32, found: fn(f32) -> f32, wanted: fn(f64) -> f64) -> f64 {
        let points = 200_000;
        let point = |at: i32| from + (to - from) * at as f32 / points as f32;
        let distance = |x: f32| {
            let wanted = wanted(f64::from(x));
            let unit = f64::from((wanted.abs() as f32).max(f32::MIN_POSITIVE)) * f64::from(f32::EPSILON);
            (f64::from(found(x)) - wanted).abs() / unit
        };
        (0..=points).map(|at| distance(point(at))).fold(0.0, f64::max)
    }

    /// The error function in `f64`: its series, or its continued fraction where that converges.
    fn erf64(x: f64) -> f64 {
        let (mut sum, mut term, mut n) = (x, x, 0.0);
        while term.abs() > 1e-17 * sum.abs() {
            n += 1.0;
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    #[test]
    fn a_few_units_in_the_last_place() {
        assert!(worst(-87.0, 88.7, exp, f64::exp) < 2.0);
        assert!(worst(-1.0, 1.0, exp, f64::exp) < 2.0);
        assert!(worst(-20.0, 20.0, tanh, f64::tanh) < 3.0);
        assert!(worst(-1.0, 1.0, tanh, f64::tanh) < 3.0);
        assert!(worst(-80.0, 30.0, sigmoid, |x| 1.0 / (1.0 + (-x).exp())) < 4.0);
        assert!(worst(-3.5, 3.5, erf, erf64) < 6.0);
    }

    #[test]
    fn sums_of_exponentials() {
        for len in [1, 15, 16, 17, 1023, 1040, 5000] {
            let values: Vec<f32> = (0..len).map(|at| (at as f32 * 0.37).sin() * 20.0).collect();
            let wanted = values.iter().map(|&x| f64::from(x).exp()).sum::<f64>().ln();
            assert!((log_sum_exp(&values) - wanted).abs() < 1e-6, "{len} numbers");
            assert_eq!(largest(&values), values.iter().copied().fold(f32::MIN, f32::max));
        }
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp(&[f32::NEG_INFINITY; 3]), f64::NEG_INFINITY);
        assert!(log_sum_exp(&[1.0, f32::NAN]).is_nan());
    }

    #[test]
    fn the_rational_functions_are_near() {
        let distance = |x: f32| {
            let tanh = f64::from(rational_tanh::<false>(x)) - f64::from(x).tanh();
            let sigmoid = f64::from(rational_sigmoid::<false>(x)) - 1.0 / (1.0 + (-f64::from(x)).exp());
            tanh.abs().max(sigmoid.abs())
        };
        let largest = (-200_000..=200_000).map(|at| distance(at as f32 / 10_000.0)).fold(0.0, f64::max);
        assert!(largest < 5e-7, "{largest}");
        assert!(distance(f32::INFINITY) < 5e-7 && distance(f32::NEG_INFINITY) < 5e-7);
        assert!(rational_tanh::<true>(f32::NAN).is_nan() && rational_sigmoid::<true>(f32::NAN).is_nan());
    }

    #[test]
    fn ends_and_nan() {
        assert_eq!([exp(-1e9), exp(f32::NEG_INFINITY), exp(0.0)], [0.0, 0.0, 1.0]);
        assert!((f64::from(exp(-100.0)) - (-100f64).exp()).abs() < 2e-45, "denormal numbers are not lost");
        assert_eq!([exp(89.0), exp(f32::INFINITY)], [f32::INFINITY; 2]);
        assert!((exp(-100.0) - 3.783_506e-44).abs() < 2e-45);
        assert_eq!([tanh(-50.0), tanh(50.0), tanh(f32::INFINITY), tanh(0.0)], [-1.0, 1.0, 1.0, 0.0]);
        assert_eq!([sigmoid(-200.0), sigmoid(200.0), sigmoid(0.0)], [0.0, 1.0, 0.5]);
        assert!((erf(9.0) - 1.0).abs() < 1e-6 && (erf(-9.0) + 1.0).abs() < 1e-6 && erf(0.0) == 0.0);
        assert!([exp, tanh, sigmoid, erf].iter().all(|function| function(f32::NAN).is_nan()));
    }
}
