//! [`TwoTower`]: a tower of layers for users and one for items (Covington, Adams and Sargin, RecSys 2016; Yi et al., RecSys 2019).

use fornax_core::ops::Activation;
use fornax_core::{Array, Backend, Error, Philox, Result};
use fornax_data::archive::MappedArrays;
use fornax_data::{Batch, Dataset};
use fornax_layers::layers::{Concatenate, Dense as DenseLayer, UnitNormalization};
use fornax_layers::{Apply, Functional, LayerExt, Network, Symbolic, input, setters};
use fornax_train::losses::Loss;
use fornax_train::{Fit, History};
use serde_json::Value as Json;

use super::bags::{Bags, EmbeddingBag};
use super::sampled_softmax::SampledSoftmax;
use super::{Training, check_counts, training_setters};
use crate::features::Features;
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::factors::{Factors, by_factors};
use crate::models::stored::{self, StoredModel, json};
use crate::sparse::UserItems;

/// `s_uv = m_u · q_v`: the vectors are what two towers of dense layers make of the sums `sum over f of w_f e_f` of vectors of the features of a user or
/// item, by default of the user or item alone.
///
/// Trained by the softmax over the other items of a batch and `negatives` more for each interaction, drawn evenly:
/// `-ln(exp(z_uv) / sum over w of exp(z_uw))`, `z_uv = s_uv / temperature - ln Q(v)`, where `Q(v)` is in proportion to how often `v` is
/// expected among them: else the more frequent items would be pushed down (logQ correction, Bengio and Senécal 2008). Where an
/// item of the others is `v` itself it is left out; what else `u` has is not. Values of interactions do not count.
///
/// Defaults: no hidden layer, vectors of length 1, temperature 0.1, no more negatives than those of the batch, 20 epochs of batches
/// of 1024 interactions, a learning rate of 0.001, seed 0.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_recommend::{Duplicates, Filter, Interactions, Recommend, TwoTower};
///
/// let log = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("d", 3), ("d", 4), ("e", 3), ("e", 4), ("f", 4)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = TwoTower::new(8).epochs(200).learning_rate(0.02).verbose(false).fit(&log)?;
/// let list = model.recommend(log.users().expect("c")?, 1, &Filter::unseen(&log))?;
/// assert_eq!(*log.items().id(list[0].index), 2);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TwoTower {
    dimension: usize,
    hidden: Vec<usize>,
    normalize: bool,
    temperature: f64,
    negatives: usize,
    training: Training,
}

/// A fitted [`TwoTower`]. It scores on the CPU, whatever it was trained on.
#[derive(Clone, Debug)]
pub struct TwoTowerModel {
    factors: Factors,
    history: History,
}

impl TwoTower {
    /// With vectors of so many elements.
    pub fn new(dimension: usize) -> Self {
        let training = Training::new(20, 1024);
        Self { dimension, hidden: vec![], normalize: true, temperature: 0.1, negatives: 0, training }
    }

    setters! {
        /// The units of each hidden layer of both towers, with relu.
        hidden: Into(Vec<usize>),
        /// Whether vectors are divided by their lengths.
        normalize: bool,
        /// What scores are divided by in the softmax.
        temperature: f64,
        /// How many items are drawn for each interaction, beside those of the batch.
        negatives: usize,
    }
    training_setters!();

    /// Fits the model on the CPU, with a vector of its own for each user and item.
    ///
    /// # Errors
    /// If a setting is out of its domain, there is no interaction, or the loss grows beyond 32 bits.
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub fn fit(&self, interactions: &impl AsRef<UserItems>) -> Result<TwoTowerModel> {
        self.fit_with::<fornax_core::Cpu>(interactions, None, None, Default::default())
    }

    /// Fits the model with features of users and items, on a device of any backend. Without features each user or item has a vector
    /// of its own; features have that too, as long as they have the identity.
    ///
    /// # Errors
    /// As for `fit`, and if features are those of another log.
    pub fn fit_with<B: Backend>(
        &self,
        interactions: &impl AsRef<UserItems>,
        user_features: Option<&Features<UserIndex>>,
        item_features: Option<&Features<ItemIndex>>,
        device: B::Device,
    ) -> Result<TwoTowerModel> {
        let matrix = interactions.as_ref();
        self.check(matrix)?;
        let users = Bags::new(user_features, matrix.rows())?;
        let items = Bags::new(item_features, matrix.columns())?;
        let units = [&[self.dimension], &self.hidden[..], &[self.dimension]].concat();
        // Nothing leads from one tower to the other.
        let units = [&units[..], &[0], &units].concat();
        let tables = [users.features(), items.features()].map(|features| [features, self.dimension]);
        self.training.check_negatives(self.negatives, matrix.len(), self.dimension)?;
        let batch = self.training.batch_size.min(matrix.len());
        let logits = [batch, batch, self.negatives.saturating_add(1)];
        self.training.check_memory(&tables, &units, logits)?;
        let network = self.network::<B>([users.features(), items.features()], device)?;
        let sampler = Sampler::new(matrix, [users.clone(), items.clone()], self.negatives);
        let set = sampler.dataset(matrix)?;
        let fit = Fit::new().augment(move |batch, random| sampler.batch(batch, random));
        let loss = Loss::custom(SampledSoftmax { temperature: self.temperature });
        let (network, history) = self.training.run(network, loss, &set, fit)?;
        let factors = vectors(&network, [&users, &items])?;
        Ok(TwoTowerModel { factors, history })
    }

    fn check(&self, matrix: &UserItems) -> Result<()> {
        if matrix.is_empty() {
            return Err(Error::data("interactions", "none", "at least one"));
        }
        check_counts([matrix.rows(), matrix.columns()])?;
        if self.dimension == 0 {
            return Err(Error::argument("dimension", 0, "at least 1"));
        }
        if self.hidden.contains(&0) {
            return Err(Error::argument("hidden", format!("{:?}", self.hidden), "layers of 1 unit or more"));
        }
        match self.temperature > 0.0 && self.temperature.is_finite() {
            true => Ok(()),
            false => Err(Error::argument("temperature", self.temperature, "a finite number above 0")),
        }
    }

    /// From the features of a user, `[batch, 1, features]`, and of items, `[batch, items, features]`, each with weights, to
    /// their vectors, `[batch, 1 + items, dimension]`.
    fn network<B: Backend>(&self, features: [usize; 2], device: B::Device) -> Result<Network<B>> {
        let inputs: [Symbolic<B>; 4] = std::array::from_fn(|_| input([None, None]));
        let tower = |side: usize| {
            let name = ["user", "item"][side];
            let bag = EmbeddingBag::new(features[side], self.dimension).named(format!("{name}_features"));
            let mut x = bag.apply([&inputs[2 * side], &inputs[2 * side + 1]])?;
            for (at, &units) in self.hidden.iter().enumerate() {
                let layer = DenseLayer::new(units).activation(Activation::Relu);
                x = layer.named(format!("{name}_dense_{at}")).apply(&x)?;
            }
            if !self.hidden.is_empty() {
                x = DenseLayer::new(self.dimension).named(format!("{name}_output")).apply(&x)?;
            }
            if self.normalize {
                UnitNormalization::new().named(format!("{name}_unit")).apply(&x)
            } else {
                Ok(x)
            }
        };
        let vectors = Concatenate::new().axis(1).apply([&tower(0)?, &tower(1)?])?;
        let inputs = inputs.each_ref();
        Functional::new(inputs, &vectors).seed(self.training.seed).device(device).build()
    }
}

/// Makes the batches of a training: each interaction with drawn items.
struct Sampler {
    bags: [Bags; 2],
    negatives: usize,
    /// `ln Q` of each item.
    log_q: Vec<f32>,
}

impl Sampler {
    fn new(matrix: &UserItems, bags: [Bags; 2], negatives: usize) -> Self {
        let mut counts = vec![0usize; matrix.columns()];
        matrix.indices().iter().for_each(|&item| counts[item as usize] += 1);
        let even = negatives as f64 / counts.len() as f64;
        let log_q = counts.iter().map(|&count| (count as f64 / matrix.len() as f64 + even).ln() as f32);
        Self { bags, negatives, log_q: log_q.collect() }
    }

    /// The numbers of users and items; [`batch`](Self::batch) puts features in their place.
    fn dataset(&self, matrix: &UserItems) -> Result<Dataset> {
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

    fn batch(&self, batch: Batch, mut random: Philox) -> Result<Batch> {
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

/// The vectors of all users and items.
fn vectors<B: Backend>(network: &Network<B>, [users, items]: [&Bags; 2]) -> Result<Factors> {
    let table = |side: usize| {
        let mut table = vec![];
        let mut width = 0;
        let count = [users, items][side].rows();
        for start in (0..count as u32).step_by(BATCH) {
            let rows: Vec<u32> = (start..(start + BATCH as u32).min(count as u32)).collect();
            // Who or what stands on the other side does not matter.
            let others = vec![0; rows.len()];
            let numbers = if side == 0 { [&rows, &others] } else { [&others, &rows] };
            let [a, b] = users.inputs(numbers[0], 1)?;
            let [c, d] = items.inputs(numbers[1], 1)?;
            let output = network.predict_all(&[a, b, c, d], BATCH)?.swap_remove(0);
            width = output.shape()[2];
            table.extend(
                output
                    .to_f32()
                    .chunks_exact(2 * width)
                    .flat_map(|pair| pair[side * width..][..width].to_vec()),
            );
        }
        Array::from_vec([count, width], table)
    };
    Factors::new(&table(0)?, &table(1)?)
}

/// Vectors that are made together.
const BATCH: usize = 1024;

impl TwoTowerModel {
    /// The vectors of users and of items.
    pub fn factors(&self) -> &Factors {
        &self.factors
    }

    /// The loss of each epoch.
    pub fn history(&self) -> &History {
        &self.history
    }
}

by_factors!(TwoTowerModel);

impl StoredModel for TwoTowerModel {
    const KIND: &'static str = "two-tower";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        (json(&self.history), self.factors.arrays())
    }

    fn from_parts(history: Json, arrays: &MappedArrays, _: &UserItems) -> Result<Self> {
        Ok(Self { factors: Factors::from_arrays(arrays)?, history: stored::settings(history)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
