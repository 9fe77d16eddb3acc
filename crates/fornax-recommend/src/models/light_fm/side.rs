//! The vectors of the features of one side, users or items, while they are learned.

use fornax_core::Philox;

use crate::ids::{FeatureIndex, Index};
use crate::models::products::product;
use crate::sparse::SparseMatrix;

/// The embedding of a feature, its bias and a 1 where the other side has its bias, so that the score is a product:
/// `[e, b, 1]` of users' features, `[e, 1, b]` of items'; zeros follow, for whole multiples of 8.
pub(super) struct Side<X> {
    weights: SparseMatrix<X, FeatureIndex>,
    regularization: f32,
    width: usize,
    /// The column of ones.
    ones: usize,
    /// `[features, width]`.
    vectors: Vec<f32>,
    /// 1 and the sum of the squared gradients of each element so far, as AdaGrad keeps.
    squares: Vec<f32>,
}

/// Elements of a vector with so many factors.
pub(super) fn width(factors: usize) -> usize {
    (factors + 2).next_multiple_of(8)
}

impl<X: Index> Side<X> {
    /// Embeddings are uniform, at most `0.5 / factors`; biases are 0.
    pub(super) fn new(
        weights: SparseMatrix<X, FeatureIndex>,
        factors: usize,
        ones: usize,
        regularization: f32,
        mut random: Philox,
    ) -> Self {
        let (width, features) = (width(factors), weights.columns());
        let mut vectors = vec![0.0; features * width];
        for vector in vectors.chunks_exact_mut(width) {
            let bound = 0.5 / factors as f32;
            vector[..factors].iter_mut().for_each(|x| *x = random.uniform_in(-bound, bound));
            vector[ones] = 1.0;
        }
        Self { weights, regularization, width, ones, vectors, squares: vec![1.0; features * width] }
    }

    /// The vector of a feature.
    pub(super) fn feature(&self, feature: usize) -> &[f32] {
        &self.vectors[feature * self.width..][..self.width]
    }

    pub(super) fn rows(&self) -> usize {
        self.weights.rows()
    }

    /// The sum of the vectors of the features of a user or item, with their weights, and a 1.
    pub(super) fn represent(&self, of: X, out: &mut [f32]) {
        let (features, weights) = self.weights.row(of);
        out.fill(0.0);
        for (&feature, &weight) in features.iter().zip(weights) {
            let vector = self.feature(feature as usize);
            out.iter_mut().zip(vector).for_each(|(out, x)| *out += weight * x);
        }
        out[self.ones] = 1.0;
    }

    /// The score with a vector of the other side; `scratch` is written over.
    pub(super) fn score(&self, of: X, other: &[f32], scratch: &mut [f32]) -> f32 {
        match self.weights.row(of) {
            (&[feature], &[1.0]) => product(self.feature(feature as usize), other),
            _ => {
                self.represent(of, scratch);
                product(scratch, other)
            }
        }
    }

    /// A step of AdaGrad for the features of a user or item, from `factor` times the gradient for its vector.
    pub(super) fn descend(&mut self, of: X, factor: f32, gradient: &[f32], learning_rate: f32) {
        let (features, weights) = self.weights.row(of);
        for (&feature, &weight) in features.iter().zip(weights) {
            let range = feature as usize * self.width..(feature as usize + 1) * self.width;
            let (vector, squares) = (&mut self.vectors[range.clone()], &mut self.squares[range]);
            let (factor, regularization) = (factor * weight, self.regularization);
            for ((x, square), gradient) in vector.iter_mut().zip(squares).zip(gradient) {
                let slope = factor * gradient + regularization * *x;
                *x -= learning_rate * slope / square.sqrt();
                *square += slope * slope;
            }
            vector[self.ones] = 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserIndex;

    /// What pads vectors must stay 0, and ones must stay 1, whatever the gradient.
    #[test]
    fn steps_keep_ones_and_padding() {
        let weights = SparseMatrix::from_entries(1, 2, [(0, 0, 2.0), (0, 1, -1.0)]).unwrap();
        let mut side = Side::<UserIndex>::new(weights, 3, 4, 0.1, Philox::new(1));
        let before = side.vectors.clone();
        side.descend(UserIndex::new(0), 0.5, &[1.0, 2.0, 3.0, 1.0, 9.0, 0.0, 0.0, 0.0], 0.2);
        for feature in 0..2 {
            assert_eq!(side.feature(feature)[4..], [1.0, 0.0, 0.0, 0.0]);
        }
        // -0.2 (0.5 * 2 * 1 + 0.1 x) for a first step.
        let (x, moved) = (before[0], side.feature(0)[0]);
        assert!((moved - (x - 0.2 * (1.0 + 0.1 * x))).abs() < 1e-6);
        let mut vector = [7.0; 8];
        side.represent(UserIndex::new(0), &mut vector);
        assert_eq!(vector[1], 2.0 * side.feature(0)[1] - side.feature(1)[1]);
        assert_eq!(vector[4..], [1.0, 0.0, 0.0, 0.0]);
    }
}
