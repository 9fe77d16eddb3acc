//! [`TwoTower`]: a tower of layers for users and one for items (Covington, Adams and Sargin, RecSys 2016; Yi et al., RecSys
//! 2019).

mod bags;
mod model;
mod sampled_softmax;
mod sampler;

use fornax_core::ops::Activation;
use fornax_core::{Array, Backend, Error, Result};
use fornax_layers::layers::{Concatenate, Dense as DenseLayer, UnitNormalization};
use fornax_layers::{Apply, Functional, LayerExt, Network, Symbolic, input, setters};
use fornax_train::Fit;
use fornax_train::losses::Loss;

pub use model::TwoTowerModel;

use super::multilayer_perceptron::{Dense, MultilayerPerceptron};
use super::{Training, check_counts, training_setters};
use crate::features::Features;
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::factors::Factors;
use crate::models::feature_vectors::FeatureVectors;
use crate::sparse::UserItems;
use bags::{Bags, EmbeddingBag};
use model::Tower;
use sampled_softmax::SampledSoftmax;
use sampler::Sampler;

/// `s_uv = m_u · q_v`: the vectors are what two towers of dense layers make of the sums `sum over f of w_f e_f` of vectors
/// of the features of a user or item, by default of the user or item alone.
///
/// Trained by the softmax over the other items of a batch and `negatives` more for each interaction, drawn evenly:
/// `-ln(exp(z_uv) / sum over w of exp(z_uw))`, `z_uv = s_uv / temperature - ln Q(v)`, where `Q(v)` is in proportion to how
/// often `v` is expected among them: else the more frequent items would be pushed down (logQ correction, Bengio and Senécal
/// 2008). Where an item of the others is `v` itself it is left out; what else `u` has is not. Values of interactions do not
/// count.
///
/// Defaults: no hidden layer, vectors of length 1, temperature 0.1, no more negatives than those of the batch, 20 epochs of
/// batches of 1024 interactions, a learning rate of 0.001, seed 0.
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

    /// Fits the model with features of users and items, on a device of any backend. Without features each user or item has a
    /// vector of its own; features have that too, as long as they have the identity.
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
        let towers =
            [self.tower(&network, "user", user_features)?, self.tower(&network, "item", item_features)?];
        Ok(TwoTowerModel { factors, towers: towers.into(), history })
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

    /// The tower of one side, for those who are known by features alone.
    fn tower<B: Backend, X: Index>(
        &self,
        network: &Network<B>,
        name: &str,
        features: Option<&Features<X>>,
    ) -> Result<Tower> {
        let table = network.weight(&format!("{name}_features/embeddings"))?.to_f32();
        let features = match features {
            Some(features) => FeatureVectors::new(features, self.dimension, None, |at| {
                &table[at * self.dimension..][..self.dimension]
            }),
            None => FeatureVectors::none(self.dimension),
        };
        let layers = (0..self.hidden.len()).map(|at| Dense::of(network, &format!("{name}_dense_{at}")));
        let layers = MultilayerPerceptron::new(layers.collect::<Result<_>>()?);
        let output = match self.hidden.is_empty() {
            true => None,
            false => Some(Dense::of(network, &format!("{name}_output"))?),
        };
        Ok(Tower { features, layers, output, normalize: self.normalize })
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
