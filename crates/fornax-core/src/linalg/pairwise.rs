//! [`PairwiseRanking`]: gradient steps on pairs of items of which a user prefers one.

use crate::lanes::{Kernel, Lanes};
use crate::math::sigmoid;

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

/// Draws whose differences are computed together.
const TOGETHER: usize = 8;

impl PairwiseRanking<'_> {
    /// For each draw `[u, i, j]` a step of gradient ascent on
    /// `ln sigmoid(d) - regularization/2 (|x_u|² + |y_i|² + |y_j|² + b_i² + b_j²)` with `d = x_u · (y_i - y_j) + b_i - b_j`. Returns
    /// the number of draws with a `d > 0`.
    ///
    /// Eight draws are taken together, which lie an eighth of the slice apart: each `d` is that before their steps, which then are
    /// made in turn. So neighbours, often of one user, do not wait for each other.
    ///
    /// # Panics
    /// If the width is not a multiple of 16, a draw names what there is not, or its items are the same.
    pub fn ascend(&mut self, draws: &[[u32; 3]], learning_rate: f32, regularization: f32) -> usize {
        let width = self.width;
        assert!(width > 0 && width.is_multiple_of(16), "vectors come in multiples of 16, not {width}");
        let (users, items) = (self.users.len() / width, (self.items.len() / width).min(self.biases.len()));
        for &[user, preferred, other] in draws {
            assert!((user as usize) < users, "user {user} of {users}");
            let differ = preferred != other && (preferred.max(other) as usize) < items;
            assert!(differ, "items {preferred} and {other} are two of {items}");
        }
        let mut right = 0;
        let ascent = Ascent {
            users: self.users.as_mut_ptr(),
            items: self.items.as_mut_ptr(),
            biases: self.biases.as_mut_ptr(),
            width,
            draws,
            rate: learning_rate,
            decay: 1.0 - learning_rate * regularization,
            right: &mut right,
        };
        // SAFETY: all draws name rows of the tables.
        unsafe { ascent.run_widest() };
        right
    }
}

struct Ascent<'a> {
    users: *mut f32,
    items: *mut f32,
    biases: *mut f32,
    width: usize,
    draws: &'a [[u32; 3]],
    rate: f32,
    decay: f32,
    right: &'a mut usize,
}

impl Kernel for Ascent<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let apart = self.draws.len().div_ceil(TOGETHER);
        for first in 0..apart {
            let mut steps = [0.0; TOGETHER];
            let mut count = 0;
            // SAFETY: the caller's.
            unsafe {
                let mut sums = [L::zero(); TOGETHER];
                while count < TOGETHER && first + count * apart < self.draws.len() {
                    let ([x, y, z], [b, c]) = self.rows(first + count * apart);
                    let mut sum = L::zero();
                    for at in (0..self.width).step_by(L::LEN) {
                        let towards = L::load(y.add(at)).subtract(L::load(z.add(at)));
                        sum = L::load(x.add(at)).multiply_add(towards, sum);
                    }
                    (sums[count], steps[count]) = (sum, *b - *c);
                    count += 1;
                }
                let mut products = [0.0; TOGETHER];
                L::sums(sums, products.as_mut_ptr());
                for (step, product) in steps.iter_mut().zip(products) {
                    *step += product;
                }
                *self.right += steps[..count].iter().filter(|&&difference| difference > 0.0).count();
                for step in &mut steps {
                    *step = self.rate * sigmoid(-*step);
                }
                for (at, &step) in steps[..count].iter().enumerate() {
                    self.ascend::<L>(first + at * apart, step);
                }
            }
        }
    }
}

impl Ascent<'_> {
    /// The vectors and the biases of a draw.
    #[inline(always)]
    unsafe fn rows(&self, draw: usize) -> ([*mut f32; 3], [*mut f32; 2]) {
        let [user, preferred, other] = self.draws[draw];
        unsafe {
            let [y, z] = [preferred, other].map(|item| self.items.add(item as usize * self.width));
            let biases = [preferred, other].map(|item| self.biases.add(item as usize));
            ([self.users.add(user as usize * self.width), y, z], biases)
        }
    }

    #[inline(always)]
    unsafe fn ascend<L: Lanes>(&self, draw: usize, step: f32) {
        unsafe {
            let ([x, y, z], [b, c]) = self.rows(draw);
            let (by, decay) = (L::splat(&step), L::splat(&self.decay));
            for at in (0..self.width).step_by(L::LEN) {
                let [x, y, z] = [x.add(at), y.add(at), z.add(at)];
                let (of_user, liked, unliked) = (L::load(x), L::load(y), L::load(z));
                let moved = by.multiply(of_user);
                by.multiply_add(liked.subtract(unliked), of_user.multiply(decay)).store(x);
                liked.multiply_add(decay, moved).store(y);
                unliked.multiply(decay).subtract(moved).store(z);
            }
            *b = self.decay * *b + step;
            *c = self.decay * *c - step;
        }
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

    /// Steps on many draws are those of a plain loop with the same order, be there eight to take together or not.
    #[test]
    fn many_steps_are_those_of_a_loop() {
        let (width, users, items, rate, regularization) = (48, 5, 7, 0.2, 0.1);
        let mut random = Philox::new(5);
        for count in [1usize, 7, 8, 9, 100] {
            let mut numbers = |len| (0..len).map(|_| random.normal()).collect::<Vec<f32>>();
            let (mut x, mut y, mut b) = (numbers(users * width), numbers(items * width), numbers(items));
            let (mut wanted_x, mut wanted_y, mut wanted_b) = (x.clone(), y.clone(), b.clone());
            let draws: Vec<[u32; 3]> = (0..count)
                .map(|_| {
                    let item = random.below(items);
                    [random.below(users), item, (item + 1 + random.below(items - 1)) % items]
                        .map(|at| at as u32)
                })
                .collect();
            let mut wanted_right = 0;
            let apart = count.div_ceil(8);
            for first in 0..apart {
                let together: Vec<[usize; 3]> =
                    draws.iter().skip(first).step_by(apart).map(|draw| draw.map(|at| at as usize)).collect();
                let differences: Vec<f32> = together
                    .iter()
                    .map(|[u, i, j]| {
                        let of = |at| {
                            wanted_x[u * width + at] * (wanted_y[i * width + at] - wanted_y[j * width + at])
                        };
                        (0..width).map(of).sum::<f32>() + wanted_b[*i] - wanted_b[*j]
                    })
                    .collect();
                for (&[u, i, j], difference) in together.iter().zip(differences) {
                    wanted_right += usize::from(difference > 0.0);
                    let step = rate / (1.0 + difference.exp());
                    for at in 0..width {
                        let [u, i, j] = [u, i, j].map(|row| row * width + at);
                        let (of_user, liked, unliked) = (wanted_x[u], wanted_y[i], wanted_y[j]);
                        wanted_x[u] += step * (liked - unliked) - rate * regularization * of_user;
                        wanted_y[i] += step * of_user - rate * regularization * liked;
                        wanted_y[j] += -step * of_user - rate * regularization * unliked;
                    }
                    wanted_b[i] += step - rate * regularization * wanted_b[i];
                    wanted_b[j] += -step - rate * regularization * wanted_b[j];
                }
            }
            let mut vectors = PairwiseRanking { users: &mut x, items: &mut y, biases: &mut b, width };
            assert_eq!(vectors.ascend(&draws, rate, regularization), wanted_right);
            for (found, wanted) in [(x, wanted_x), (y, wanted_y), (b, wanted_b)] {
                assert!(found.iter().zip(&wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-3));
            }
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
