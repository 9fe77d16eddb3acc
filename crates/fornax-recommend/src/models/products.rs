//! Products of two vectors.

/// The product of two vectors, in 8 partial sums, which the compiler keeps in registers. For one vector and a table this is some
/// ten times as fast as a product of matrices, which is made for many.
pub(crate) fn product(a: &[f32], b: &[f32]) -> f32 {
    let (chunks, others) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = chunks.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 8];
    for (a, b) in chunks.zip(others) {
        (0..8).for_each(|lane| sums[lane] += a[lane] * b[lane]);
    }
    sums.iter().sum::<f32>() + rest
}

/// The product of two vectors in 64 bits.
pub(super) fn wide_product(a: &[f32], b: &[f32]) -> f64 {
    let ((left, left_rest), (right, right_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in left.iter().zip(right) {
        (0..8).for_each(|lane| sums[lane] += f64::from(a[lane]) * f64::from(b[lane]));
    }
    let rest = left_rest.iter().zip(right_rest).map(|(&a, &b)| f64::from(a) * f64::from(b));
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_a_loop() {
        let values = |seed: f32| (0..77).map(|at| (at as f32 * seed).sin()).collect::<Vec<f32>>();
        let (a, b) = (values(0.7), values(1.3));
        for width in 0..a.len() {
            let (a, b) = (&a[..width], &b[..width]);
            let wanted: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            assert!((f64::from(product(a, b)) - wanted).abs() < 1e-5, "{width}");
            assert!((wide_product(a, b) - wanted).abs() < 1e-12, "{width}");
        }
    }
}
