//! LightFM without any care for time, and that it agrees.

use fornax_core::Philox;
use fornax_recommend::{Index, ItemIndex, LightFm, LightFmLoss, Score, UserIndex};

use crate::common::Log;
use crate::{LOSSES, features_of_both, log, vectors};

/// LightFM as its equations say, in 64 bits and without any care for time.
struct Slow {
    factors: usize,
    rate: f64,
    regularization: [f64; 2],
    /// For users and items: the weights of features, the vectors `[e, b]` of features, and AdaGrad's sums.
    weights: [Vec<Vec<(usize, f64)>>; 2],
    vectors: [Vec<Vec<f64>>; 2],
    squares: [Vec<Vec<f64>>; 2],
}

impl Slow {
    fn new(
        factors: usize,
        rate: f64,
        regularization: [f64; 2],
        weights: [Vec<Vec<(usize, f64)>>; 2],
        random: Philox,
    ) -> Self {
        let drawn = [0, 1].map(|side: usize| {
            let mut random = random.stream(side as u64);
            let features = 1 + weights[side].iter().flatten().map(|(feature, _)| *feature).max().unwrap();
            let vector = |_| {
                let bound = 0.5 / factors as f32;
                let embedding = (0..factors).map(|_| f64::from(random.uniform_in(-bound, bound)));
                embedding.chain([0.0]).collect::<Vec<f64>>()
            };
            (0..features).map(vector).collect::<Vec<_>>()
        });
        let squares = drawn.clone().map(|side| side.iter().map(|vector| vec![1.0; vector.len()]).collect());
        Self { factors, rate, regularization, weights, vectors: drawn, squares }
    }

    fn vector(&self, side: usize, of: usize) -> Vec<f64> {
        let mut sum = vec![0.0; self.factors + 1];
        for (feature, weight) in &self.weights[side][of] {
            sum.iter_mut().zip(&self.vectors[side][*feature]).for_each(|(sum, x)| *sum += weight * x);
        }
        sum
    }

    fn score(&self, user: usize, item: usize) -> f64 {
        let (x, y) = (self.vector(0, user), self.vector(1, item));
        (0..self.factors).map(|at| x[at] * y[at]).sum::<f64>() + x[self.factors] + y[self.factors]
    }

    fn descend(&mut self, side: usize, of: usize, gradient: &[f64]) {
        for (feature, weight) in self.weights[side][of].clone() {
            for (at, gradient) in gradient.iter().enumerate() {
                let x = &mut self.vectors[side][feature][at];
                let slope = weight * gradient + self.regularization[side] * *x;
                let square = &mut self.squares[side][feature][at];
                *x -= self.rate * slope / square.sqrt();
                *square += slope * slope;
            }
        }
    }

    /// A step on `weight (s_uj - s_ui)`.
    fn apart(&mut self, [user, item, other]: [usize; 3], weight: f64) {
        let [x, y, z] = [self.vector(0, user), self.vector(1, item), self.vector(1, other)];
        let towards = |sign: f64| x[..x.len() - 1].iter().map(|x| sign * x).chain([sign]).collect::<Vec<_>>();
        self.descend(1, item, &towards(-weight));
        self.descend(1, other, &towards(weight));
        let away: Vec<f64> = y.iter().zip(&z).map(|(y, z)| weight * (z - y)).collect();
        self.descend(0, user, &[&away[..self.factors], &[0.0]].concat());
    }

    fn pass(&mut self, log: &Log, loss: LightFmLoss, max_sampled: usize, mut random: Philox) {
        let entries: Vec<_> = log.matrix().entries().collect();
        let mut draws = random.stream(0);
        for at in random.permutation(entries.len()) {
            let (user, item, value) = entries[at];
            let (user, item, value) = (user.get(), item.get(), f64::from(value));
            let has = log.matrix().row(UserIndex::new(user as u32)).0;
            let free: Vec<usize> =
                (0..log.items().len()).filter(|item| !has.contains(&(*item as u32))).collect();
            let mut draw = || free[((u64::from(draws.next_u32()) * free.len() as u64) >> 32) as usize];
            let score = self.score(user, item);
            match loss {
                LightFmLoss::Logistic => {
                    let label = if value > 0.0 { 1.0 } else { 0.0 };
                    let slope = value.abs() * (1.0 / (1.0 + (-score).exp()) - label);
                    let [x, y] = [self.vector(0, user), self.vector(1, item)];
                    let towards = |vector: &[f64]| {
                        vector[..self.factors].iter().map(|x| slope * x).chain([slope]).collect::<Vec<_>>()
                    };
                    let (of_item, of_user) = (towards(&x), towards(&y));
                    self.descend(1, item, &of_item);
                    self.descend(0, user, &of_user);
                }
                LightFmLoss::Bpr => {
                    let other = draw();
                    let difference = score - self.score(user, other);
                    self.apart([user, item, other], value / (1.0 + difference.exp()));
                }
                LightFmLoss::Warp => {
                    for drawn in 1..=max_sampled {
                        let other = draw();
                        if self.score(user, other) > score - 1.0 {
                            let rank = ((log.items().len() - 1) / drawn).max(1) as f64;
                            self.apart([user, item, other], (value * rank.ln()).min(10.0));
                            break;
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_plain_implementation_agrees() {
    for loss in LOSSES {
        let mut log = log(25, 20, 150, 5);
        if loss == LightFmLoss::Logistic {
            log = log.map_values(|value| if value == 1.5 { -value } else { value }).unwrap();
        } else {
            log = log.map_values(|value| if value == 2.5 { 8.0 } else { value }).unwrap();
        }
        let (users, items) = features_of_both(&log);
        let items = items.normalized();
        let settings = LightFm::new(3).loss(loss).learning_rate(0.3).iterations(2).max_sampled(4).seed(6);
        let settings = settings.user_regularization(0.02).item_regularization(0.01);
        let model = settings.fit_with(&log, Some(&users), Some(&items)).unwrap();

        let rows = |columns: &[u32], weights: &[f32]| {
            let pairs = columns.iter().zip(weights);
            pairs.map(|(&column, &weight)| (column as usize, f64::from(weight))).collect::<Vec<_>>()
        };
        let (of_users, of_items) = (users.matrix().unwrap(), items.matrix().unwrap());
        let weights = [
            (0..25).map(|user| of_users.row(UserIndex::new(user))).map(|(f, w)| rows(f, w)).collect(),
            (0..20).map(|item| of_items.row(ItemIndex::new(item))).map(|(f, w)| rows(f, w)).collect(),
        ];
        let random = Philox::new(6).named("light-fm");
        let mut slow = Slow::new(3, f64::from(0.3f32), [0.02, 0.01], weights, random);
        (0..2).for_each(|pass| slow.pass(&log, loss, 4, random.stream(2).stream(pass)));
        for user in 0..25 {
            let scores = model.scores(UserIndex::new(user as u32)).unwrap();
            for (item, score) in scores.into_iter().enumerate() {
                let wanted = slow.score(user, item);
                assert!((f64::from(score) - wanted).abs() < 1e-3, "{loss:?}: {score}, wanted {wanted}");
            }
        }
        for (found, wanted) in vectors(model.item_features()).iter().zip(&slow.vectors[1]) {
            assert_eq!(found[3], 1.0);
            for (found, wanted) in found[..3].iter().chain(&found[4..]).zip(wanted) {
                assert!((f64::from(*found) - wanted).abs() < 1e-3, "{loss:?}: {found}, wanted {wanted}");
            }
        }
    }
}
