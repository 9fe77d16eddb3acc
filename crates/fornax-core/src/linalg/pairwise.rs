//! [`PairwiseRanking`]: gradient steps on pairs of items of which a user prefers one.

use crate::math::{madd, sigmoid};

/// Vectors of users `x_u` and items `y_v` with biases `b_v`, changed in place by draws of a user, a preferred item and another one.
///
/// ```
/// use fornax_core::linalg::PairwiseRanking;
///
/// let (mut users, mut items, mut biases) = ([1.0; 16], [0.0; 32], [0.0; 2]);
/// let mut vectors = PairwiseRanking { users: &mut users, items: &mut items, biases: &mut biases, width: 16 };
/// assert_eq!(vectors.ascend(&[[0, 1, 0]], 0.5, 0.0), 0);
/// assert_eq!((items[0], items[16], biases), (-0.25, 0.25, [-0.25, 0.25]));
/// ```
#[derive(Debug)]
pub struct PairwiseRanking<'a> {
    /// `[users, width]`.
    pub users: &'a mut [f32],
    /// `[items, width]`.
    pub items: &'a mut [f32],
    /// `[items]`.
    pub biases: &'a mut [f32],
    /// Elements of a vector, a multiple of 16.
    pub width: usize,
}

impl PairwiseRanking<'_> {
    /// For each draw `[u, i, j]` in turn a step of gradient ascent on
    /// `ln sigmoid(d) - regularization/2 (|x_u|² + |y_i|² + |y_j|² + b_i² + b_j²)` with `d = x_u · (y_i - y_j) + b_i - b_j`. Returns
    /// the number of draws with `d > 0` before their step.
    ///
    /// # Panics
    /// If the width is not a multiple of 16, a draw names what there is not, or its items are the same.
    pub fn ascend(&mut self, draws: &[[u32; 3]], learning_rate: f32, regularization: f32) -> usize {
        let width = self.width;
        assert!(width > 0 && width.is_multiple_of(16), "vectors come in multiples of 16, not {width}");
        ascend(self.users, self.items, self.biases, width, draws, learning_rate, regularization)
    }
}

simd_fn! {
    fn ascend(
        users: &mut [f32], items: &mut [f32], biases: &mut [f32], width: usize, draws: &[[u32; 3]], rate: f32,
        regularization: f32,
    ) -> usize {
        let decay = 1.0 - rate * regularization;
        let mut right = 0;
        for draw in draws {
            let [user, preferred, other] = draw.map(|at| at as usize);
            let rows = [preferred, other].map(|at| at * width..(at + 1) * width);
            let Ok([liked, unliked]) = items.get_disjoint_mut(rows) else {
                panic!("items {preferred} and {other} are two of {}", biases.len());
            };
            let (user, _) = users[user * width..][..width].as_chunks_mut::<16>();
            let ((liked, _), (unliked, _)) = (liked.as_chunks_mut::<16>(), unliked.as_chunks_mut::<16>());
            let mut sums = [0.0f32; 16];
            for ((x, y), z) in user.iter().zip(&*liked).zip(&*unliked) {
                for lane in 0..16 {
                    sums[lane] = madd::<FMA>(x[lane], y[lane] - z[lane], sums[lane]);
                }
            }
            for half in [8, 4, 2, 1] {
                for lane in 0..half {
                    sums[lane] += sums[lane + half];
                }
            }
            let difference = sums[0] + biases[preferred] - biases[other];
            right += usize::from(difference > 0.0);
            let step = rate * sigmoid(-difference);
            for ((x, y), z) in user.iter_mut().zip(liked).zip(unliked) {
                for lane in 0..16 {
                    let (of_user, towards) = (x[lane], y[lane] - z[lane]);
                    x[lane] = madd::<FMA>(step, towards, decay * of_user);
                    y[lane] = madd::<FMA>(step, of_user, decay * y[lane]);
                    z[lane] = madd::<FMA>(-step, of_user, decay * z[lane]);
                }
            }
            biases[preferred] = decay * biases[preferred] + step;
            biases[other] = decay * biases[other] - step;
        }
        right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Philox;

    /// The objective's gradient by finite differences is what a step moves by.
    #[test]
    fn steps_follow_the_gradient() {
        let (width, rate, regularization) = (32, 1e-3, 0.3);
        let mut random = Philox::new(4);
        let before: Vec<f32> = (0..3 * width + 2).map(|_| random.normal()).collect();
        let objective = |all: &[f64]| {
            let (vectors, biases) = all.split_at(3 * width);
            let (x, yz) = vectors.split_at(width);
            let (y, z) = yz.split_at(width);
            let difference =
                (0..width).map(|at| x[at] * (y[at] - z[at])).sum::<f64>() + biases[0] - biases[1];
            let squares: f64 = all.iter().map(|x| x * x).sum();
            -(-difference).exp().ln_1p() - f64::from(regularization) / 2.0 * squares
        };
        let mut after = before.clone();
        let (vectors, biases) = after.split_at_mut(3 * width);
        let (users, items) = vectors.split_at_mut(width);
        let right =
            PairwiseRanking { users, items, biases, width }.ascend(&[[0, 0, 1]], rate, regularization);
        let wide: Vec<f64> = before.iter().map(|&x| f64::from(x)).collect();
        let difference: f64 =
            (0..width).map(|at| wide[at] * (wide[width + at] - wide[2 * width + at])).sum::<f64>()
                + wide[3 * width]
                - wide[3 * width + 1];
        assert_eq!(right, usize::from(difference > 0.0));
        for (at, (after, before)) in after.iter().zip(&before).enumerate() {
            let moved = |by: f64| {
                let mut all = wide.clone();
                all[at] += by;
                objective(&all)
            };
            let wanted = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let found = f64::from(after - before) / f64::from(rate);
            assert!((found - wanted).abs() < 2e-3, "{at}: {found}, wanted {wanted}");
        }
    }

    #[test]
    #[should_panic(expected = "items 1 and 1 are two of 2")]
    fn an_item_is_not_preferred_to_itself() {
        let (mut users, mut items, mut biases) = ([0.0; 16], [0.0; 32], [0.0; 2]);
        let mut vectors =
            PairwiseRanking { users: &mut users, items: &mut items, biases: &mut biases, width: 16 };
        vectors.ascend(&[[0, 1, 1]], 0.1, 0.1);
    }
}
