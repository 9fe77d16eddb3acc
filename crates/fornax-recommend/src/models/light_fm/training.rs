//! An iteration of LightFM: a step for each interaction, in an order drawn anew, on one thread.

use fornax_core::Philox;

use super::loss::{LightFmLoss, rank_weight, sigmoid, softplus};
use super::side::Side;
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::products::product;
use crate::sparse::{UserItems, nth_absent};

/// Both sides, and how steps are made.
pub(super) struct Training<'a> {
    pub(super) matrix: &'a UserItems,
    /// The user of each interaction.
    pub(super) owners: Vec<u32>,
    pub(super) users: Side<UserIndex>,
    pub(super) items: Side<ItemIndex>,
    pub(super) loss: LightFmLoss,
    pub(super) learning_rate: f32,
    pub(super) max_sampled: usize,
}

/// An interaction, and its score before the step.
#[derive(Clone, Copy)]
struct Example {
    user: UserIndex,
    item: ItemIndex,
    value: f32,
    score: f32,
}

/// The vectors of a step: of the user, of the item and of the other item, and the difference of the last two.
struct Vectors {
    user: Vec<f32>,
    item: Vec<f32>,
    other: Vec<f32>,
    away: Vec<f32>,
}

impl Training<'_> {
    /// A step for each interaction; returns the mean loss before each step.
    pub(super) fn pass(&mut self, width: usize, mut random: Philox) -> f64 {
        let order = random.permutation(self.matrix.len());
        let mut draws = Draws::new(random.stream(0));
        let [user, item, other, away] = std::array::from_fn(|_| vec![0.0; width]);
        let mut vectors = Vectors { user, item, other, away };
        let mut total = 0.0;
        for at in order {
            let user = UserIndex::new(self.owners[at]);
            let item = ItemIndex::new(self.matrix.indices()[at]);
            self.users.represent(user, &mut vectors.user);
            self.items.represent(item, &mut vectors.item);
            let score = product(&vectors.user, &vectors.item);
            let example = Example { user, item, value: self.matrix.values()[at], score };
            total += match self.loss {
                LightFmLoss::Logistic => self.logistic(example, &vectors),
                LightFmLoss::Bpr => self.bpr(example, &mut draws, &mut vectors),
                LightFmLoss::Warp => self.warp(example, &mut draws, &mut vectors),
            };
        }
        total / self.matrix.len() as f64
    }

    fn logistic(&mut self, Example { user, item, value, score }: Example, vectors: &Vectors) -> f64 {
        let (label, weight) = (if value > 0.0 { 1.0 } else { 0.0 }, value.abs());
        let slope = weight * (sigmoid(score) - label);
        self.items.descend(item, slope, &vectors.user, self.learning_rate);
        self.users.descend(user, slope, &vectors.item, self.learning_rate);
        f64::from(weight) * softplus(if value > 0.0 { -score } else { score })
    }

    fn bpr(&mut self, example: Example, draws: &mut Draws, vectors: &mut Vectors) -> f64 {
        let Some(other) = draws.item_without(self.matrix, example.user) else { return 0.0 };
        let behind = self.items.score(other, &vectors.user, &mut vectors.other) - example.score;
        self.step(example, other, example.value * sigmoid(behind), vectors);
        f64::from(example.value) * softplus(behind)
    }

    fn warp(&mut self, example: Example, draws: &mut Draws, vectors: &mut Vectors) -> f64 {
        for drawn in 1..=self.max_sampled {
            let Some(other) = draws.item_without(self.matrix, example.user) else { return 0.0 };
            let score = self.items.score(other, &vectors.user, &mut vectors.other);
            if score > example.score - 1.0 {
                let weight = rank_weight(example.value, self.matrix.columns(), drawn);
                self.step(example, other, weight, vectors);
                return f64::from(weight) * (1.0 - f64::from(example.score) + f64::from(score));
            }
        }
        0.0
    }

    /// A step that raises the score of an item against that of another one.
    fn step(&mut self, example: Example, other: ItemIndex, weight: f32, vectors: &mut Vectors) {
        self.items.represent(other, &mut vectors.other);
        let both = vectors.other.iter().zip(&vectors.item);
        vectors.away.iter_mut().zip(both).for_each(|(away, (other, item))| *away = other - item);
        self.items.descend(example.item, -weight, &vectors.user, self.learning_rate);
        self.items.descend(other, weight, &vectors.user, self.learning_rate);
        self.users.descend(example.user, weight, &vectors.away, self.learning_rate);
    }
}

/// Numbers of 32 bits, many at a time.
struct Draws {
    random: Philox,
    ready: [u32; 512],
    used: usize,
}

impl Draws {
    fn new(random: Philox) -> Self {
        Self { random, ready: [0; 512], used: 512 }
    }

    /// An item that a user has no interaction with, all alike; none if the user has all.
    fn item_without(&mut self, matrix: &UserItems, user: UserIndex) -> Option<ItemIndex> {
        let has = matrix.row(user).0;
        let free = matrix.columns() - has.len();
        if free == 0 {
            return None;
        }
        if self.used == self.ready.len() {
            self.random.fill_u32(&mut self.ready);
            self.used = 0;
        }
        let drawn = ((u64::from(self.ready[self.used]) * free as u64) >> 32) as u32;
        self.used += 1;
        Some(ItemIndex::new(nth_absent(has, drawn)))
    }
}
