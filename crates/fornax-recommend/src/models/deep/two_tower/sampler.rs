//! [`Sampler`]: the batches that [`TwoTower`](super::TwoTower) is trained on.

use fornax_core::{Array, Philox, Result};
use fornax_data::{Batch, Dataset};

use super::bags::Bags;
use crate::ids::Index;
use crate::sparse::UserItems;

/// Makes the batches of a training: each interaction with drawn items.
pub(super) struct Sampler {
    bags: [Bags; 2],
    negatives: usize,
    /// `ln Q` of each item.
    log_q: Vec<f32>,
}

impl Sampler {
    pub(super) fn new(matrix: &UserItems, bags: [Bags; 2], negatives: usize) -> Self {
        let mut counts = vec![0usize; matrix.columns()];
        matrix.indices().iter().for_each(|&item| counts[item as usize] += 1);
        let even = negatives as f64 / counts.len() as f64;
        let log_q = counts.iter().map(|&count| (count as f64 / matrix.len() as f64 + even).ln() as f32);
        Self { bags, negatives, log_q: log_q.collect() }
    }

    /// The numbers of users and items; [`batch`](Self::batch) puts features in their place.
    pub(super) fn dataset(&self, matrix: &UserItems) -> Result<Dataset> {
        let pairs = matrix.entries().map(|(user, item, _)| (user.get() as i32, item.get() as i32));
        let (users, items): (Vec<i32>, Vec<i32>) = pairs.unzip();
        let shape = [matrix.len(), 1, 1];
        let weights = Array::from_vec(shape, vec![1.0; matrix.len()])?;
        let inputs = vec![
            Array::from_i32(shape, users)?,
            weights.clone(),
            Array::from_i32(shape, items)?,
            weights.clone(),
        ];
        Dataset::from_parts(inputs, vec![weights])
    }

    pub(super) fn batch(&self, batch: Batch, mut random: Philox) -> Result<Batch> {
        let [users, positives] = [0, 2].map(|at: usize| batch.inputs[at].to_i32());
        let mut items = vec![];
        for item in positives {
            items.push(item as u32);
            items.extend((0..self.negatives).map(|_| random.below(self.log_q.len()) as u32));
        }
        let users: Vec<u32> = users.into_iter().map(|user| user as u32).collect();
        let targets = items.iter().flat_map(|&item| [item as f32, self.log_q[item as usize]]).collect();
        let targets = Array::from_vec([users.len(), 1 + self.negatives, 2], targets)?;
        let [user_ids, user_weights] = self.bags[0].inputs(&users, 1)?;
        let [item_ids, item_weights] = self.bags[1].inputs(&items, 1 + self.negatives)?;
        Ok(Batch {
            inputs: vec![user_ids, user_weights, item_ids, item_weights],
            targets: vec![targets],
            ..batch
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ItemIndex, UserIndex};

    /// Two of four interactions are with item 0; with two even draws more, of three items.
    #[test]
    fn batches_have_drawn_items_and_the_logarithm_of_how_often_they_come() {
        let matrix =
            UserItems::from_entries(2, 3, [(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 2, 1.0)]).unwrap();
        let bags = || [Bags::new::<UserIndex>(None, 2).unwrap(), Bags::new::<ItemIndex>(None, 3).unwrap()];
        let wanted = |count: f32, even: f32| (count / 4.0 + even).ln();
        let close =
            |found: &[f32], wanted: [f32; 3]| found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6);
        let sampler = Sampler::new(&matrix, bags(), 0);
        assert!(close(&sampler.log_q, [2.0, 1.0, 1.0].map(|count| wanted(count, 0.0))));
        let sampler = Sampler::new(&matrix, bags(), 2);
        assert!(close(&sampler.log_q, [2.0, 1.0, 1.0].map(|count| wanted(count, 2.0 / 3.0))));
        let set = sampler.dataset(&matrix).unwrap();
        let all = fornax_data::Batches::new(&set, 4).unwrap().epoch(0).next().unwrap().unwrap();
        let batch = sampler.batch(all, Philox::new(3)).unwrap();
        assert_eq!(batch.inputs[0].to_i32(), [0, 0, 1, 1]);
        assert_eq!(batch.inputs[2].shape(), [4, 3, 1]);
        let items = batch.inputs[2].to_i32();
        assert_eq!(items.iter().step_by(3).copied().collect::<Vec<i32>>(), [0, 1, 0, 2]);
        for (item, target) in items.into_iter().zip(batch.targets[0].to_f32().chunks_exact(2)) {
            assert_eq!(target, [item as f32, sampler.log_q[item as usize]]);
        }
    }
}
