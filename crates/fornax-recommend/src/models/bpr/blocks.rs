//! The interactions of a pass, dealt onto blocks of users and groups of items: what takes place in blocks that share neither can
//! run at the same time and has one result.

use std::ops::Range;

use fornax_core::Philox;
use fornax_core::linalg::PairwiseRanking;
use rayon::prelude::*;

use super::Negatives;
use crate::sparse::UserItems;

/// The fewest items of a group: what an interaction is compared with comes from one.
const GROUP: usize = 256;

/// The most blocks of each side. Not the number of threads: the result depends on it.
const BLOCKS: usize = 16;

/// How many draws are made before the steps on them.
const DRAWS: usize = 512;

/// The vectors while they are learned; items are in an order that is drawn anew for each pass.
pub(super) struct Blocks {
    pub(super) width: usize,
    pub(super) users: Vec<f32>,
    pub(super) items: Vec<f32>,
    pub(super) biases: Vec<f32>,
    /// The row of each item.
    pub(super) places: Vec<u32>,
    parts: Vec<Part>,
    /// Rows of a group.
    group: usize,
}

/// The interactions of a block of users, by group of items, then by user.
struct Part {
    users: Range<usize>,
    starts: Vec<usize>,
    /// The user within the block, and the item within the group.
    pairs: Vec<[u32; 2]>,
}

/// How a pass moves the vectors.
#[derive(Clone, Copy)]
pub(super) struct Rates {
    pub(super) learning_rate: f32,
    pub(super) regularization: f32,
    pub(super) negatives: Negatives,
}

impl Blocks {
    pub(super) fn new(matrix: &UserItems, width: usize, users: Vec<f32>, items: Vec<f32>) -> Self {
        let count = (matrix.columns() / GROUP).clamp(1, BLOCKS);
        let bound = |part: usize| match part == count {
            true => matrix.rows(),
            false => {
                let wanted = matrix.len() * part / count;
                matrix.offsets().partition_point(|&offset| offset < wanted).min(matrix.rows())
            }
        };
        let part = |part| Part { users: bound(part)..bound(part + 1), starts: vec![], pairs: vec![] };
        Self {
            width,
            users,
            items,
            biases: vec![0.0; matrix.columns()],
            places: (0..matrix.columns() as u32).collect(),
            parts: (0..count).map(part).collect(),
            group: matrix.columns().div_ceil(count),
        }
    }

    /// A step on each interaction, against another item of its group; returns the number of draws, and of those that were in the
    /// right order before the step of those that are taken together.
    pub(super) fn pass(&mut self, matrix: &UserItems, mut random: Philox, rates: Rates) -> [usize; 2] {
        self.deal(matrix, &mut random);
        let (width, group, count) = (self.width, self.group, self.parts.len());
        let mut totals = [0, 0];
        for round in 0..count {
            let mut users = &mut *self.users;
            let mut tasks = vec![];
            for part in &self.parts {
                let (block, rest) = std::mem::take(&mut users).split_at_mut(part.users.len() * width);
                tasks.push((part, block));
                users = rest;
            }
            let mut items: Vec<_> =
                self.items.chunks_mut(group * width).zip(self.biases.chunks_mut(group)).enumerate().collect();
            items.rotate_left(round);
            let done = tasks.into_par_iter().zip(items).enumerate().map(|(block, (users, items))| {
                let ((part, users), (at, (items, biases))) = (users, items);
                let stream = random.stream(block as u64).stream(at as u64);
                let pairs = &part.pairs[part.starts[at]..part.starts[at + 1]];
                step(pairs, PairwiseRanking { users, items, biases, width }, stream, rates)
            });
            let done: Vec<[usize; 2]> = done.collect();
            done.iter().for_each(|[drawn, right]| totals = [totals[0] + drawn, totals[1] + right]);
        }
        totals
    }

    /// Deals items onto groups, and interactions onto what they belong to.
    fn deal(&mut self, matrix: &UserItems, random: &mut Philox) {
        let (width, group, groups) = (self.width, self.group, self.parts.len());
        let before = std::mem::take(&mut self.places);
        self.places = random.permutation(before.len()).into_iter().map(|place| place as u32).collect();
        let (items, biases) = (self.items.clone(), self.biases.clone());
        for (from, to) in before.iter().zip(&self.places).map(|(&from, &to)| (from as usize, to as usize)) {
            self.items[to * width..][..width].copy_from_slice(&items[from * width..][..width]);
            self.biases[to] = biases[from];
        }
        let of_item: Vec<[u32; 2]> =
            self.places.iter().map(|&place| [place / group as u32, place % group as u32]).collect();
        self.parts.par_iter_mut().for_each(|part| {
            let entries = matrix.offsets()[part.users.start]..matrix.offsets()[part.users.end];
            let mut starts = vec![0; groups + 1];
            for &item in &matrix.indices()[entries.clone()] {
                starts[of_item[item as usize][0] as usize + 1] += 1;
            }
            (0..groups).for_each(|at| starts[at + 1] += starts[at]);
            let mut next = starts.clone();
            part.pairs.resize(entries.len(), [0; 2]);
            for (user, row) in part.users.clone().enumerate() {
                for &item in &matrix.indices()[matrix.range(row)] {
                    let [at, item] = of_item[item as usize];
                    let next = &mut next[at as usize];
                    part.pairs[*next] = [user as u32, item];
                    *next += 1;
                }
            }
            part.starts = starts;
        });
    }
}

/// Draws for the interactions of a block with a group, in turn, and the steps on them.
fn step(
    pairs: &[[u32; 2]],
    mut vectors: PairwiseRanking<'_>,
    mut random: Philox,
    rates: Rates,
) -> [usize; 2] {
    let mut noise = [0; DRAWS];
    let mut draws = Vec::with_capacity(DRAWS);
    let (mut drawn, mut right, mut used) = (0, 0, DRAWS);
    let items = vectors.biases.len();
    let mut owned = vec![0u64; items.div_ceil(64)];
    let bit = |item: u32| (item as usize / 64, 1 << (item % 64));
    let mut ascend = |draws: &mut Vec<[u32; 3]>| {
        drawn += draws.len();
        right += vectors.ascend(draws, rates.learning_rate, rates.regularization);
        draws.clear();
    };
    for of_user in pairs.chunk_by(|a, b| a[0] == b[0]) {
        for &[_, item] in of_user {
            let (word, bit) = bit(item);
            owned[word] |= bit;
        }
        for &[user, item] in of_user {
            if used == DRAWS {
                random.fill_u32(&mut noise);
                used = 0;
            }
            let below = |bound: usize| ((u64::from(noise[used]) * bound as u64) >> 32) as usize;
            let other = match rates.negatives {
                Negatives::Uniform => below(items) as u32,
                Negatives::ByPopularity => pairs[below(pairs.len())][1],
            };
            used += 1;
            let (word, bit) = bit(other);
            if owned[word] & bit == 0 {
                draws.push([user, item, other]);
                if draws.len() == DRAWS {
                    ascend(&mut draws);
                }
            }
        }
        of_user.iter().for_each(|&[_, item]| owned[bit(item).0] = 0);
    }
    ascend(&mut draws);
    [drawn, right]
}
