//! Models that are trained by gradient descent, on any backend: [`NeuMf`], [`TwoTower`], [`SasRec`].

mod multilayer_perceptron;
mod neu_mf;
mod sas_rec;
mod two_tower;

pub use neu_mf::{NeuMf, NeuMfModel};
pub use sas_rec::{SasRec, SasRecModel};
pub use two_tower::{TwoTower, TwoTowerModel};

use fornax_core::{Array, Backend, Error, Result};
use fornax_data::Dataset;
use fornax_layers::{IntoNetwork, Network};
use fornax_optim::Adam;
use fornax_train::losses::Loss;
use fornax_train::{Compile, Fit, History};

/// How such a model is trained.
#[derive(Clone, Debug)]
struct Training {
    epochs: usize,
    batch_size: usize,
    learning_rate: f64,
    lazy: bool,
    memory: u64,
    seed: u64,
    verbose: bool,
}

impl Training {
    fn new(epochs: usize, batch_size: usize) -> Self {
        Self { epochs, batch_size, learning_rate: 1e-3, lazy: false, memory: 4 << 30, seed: 0, verbose: true }
    }

    /// An error unless a network of tables `[rows, width]` and dense layers fits into the memory, with gradients and what
    /// Adam keeps, and with so many logits of a batch, their gradients and what is left of the softmax.
    fn check_memory(&self, tables: &[[usize; 2]], units: &[usize], logits: [usize; 3]) -> Result<()> {
        let product = |all: &[usize]| all.iter().fold(1u128, |product, &x| product.saturating_mul(x as u128));
        let layers = units.windows(2).map(|pair| [pair[0], pair[1]]);
        let weights = tables.iter().copied().chain(layers).map(|table| product(&table));
        let weights = weights.fold(0u128, u128::saturating_add);
        let most = u128::from(self.memory / 16);
        if weights > most {
            let wanted = format!("at most {most}, for {} bytes, or more memory", self.memory);
            return Err(Error::argument("weights", weights, wanted));
        }
        let (found, most) = (product(&logits), (u128::from(self.memory) - 16 * weights) / 12);
        match found <= most {
            true => Ok(()),
            false => {
                let wanted = format!("a smaller batch_size, for at most {most}, or more memory");
                Err(Error::argument("logits of a batch", found, wanted))
            }
        }
    }

    /// An error unless the vectors of a batch fit into the memory, as [`check_memory`](Self::check_memory).
    fn check_negatives(&self, negatives: usize, interactions: usize, width: usize) -> Result<()> {
        let each = 16 * width as u128 * self.batch_size.clamp(1, interactions) as u128;
        let most = (u128::from(self.memory) / each).saturating_sub(1);
        match negatives as u128 <= most {
            true => Ok(()),
            false => {
                let wanted = format!("at most {most}, for {} bytes, or more memory", self.memory);
                Err(Error::argument("negatives", negatives, wanted))
            }
        }
    }

    /// The trained network and the loss of each epoch.
    fn run<B: Backend>(
        &self,
        network: impl IntoNetwork<B>,
        loss: impl Into<Loss>,
        set: &Dataset,
        fit: Fit<B>,
    ) -> Result<(Network<B>, History)> {
        if self.epochs == 0 {
            return Err(Error::argument("epochs", 0, "at least 1"));
        }
        let optimizer = Adam::new(self.learning_rate).lazy(self.lazy);
        let mut model = network.compile(optimizer, loss.into(), ())?;
        let fit = fit.epochs(self.epochs).batch_size(self.batch_size).seed(self.seed).verbose(self.verbose);
        let history = model.fit(set, fit)?;
        let network = model.into_network();
        let mut weights = network.weights().iter().flat_map(|weight| weight.to_vec());
        match history.last("loss").is_some_and(f64::is_finite) && weights.all(f32::is_finite) {
            true => Ok((network, history)),
            false => {
                Err(Error::training("weights", "numbers that are not finite", "a smaller learning rate"))
            }
        }
    }
}

/// The methods of a model that holds a [`Training`] in `training`.
macro_rules! training_setters {
    () => {
        fornax_layers::setters! {
            in training:
            /// How often the interactions are trained on.
            epochs: usize,
            /// Interactions (of a sequence model: users) a step.
            batch_size: usize,
            /// The learning rate of Adam.
            learning_rate: f64,
            /// Whether a step changes the vectors alone of whom and what it looked up, as PyTorch's `SparseAdam`.
            lazy: bool,
            /// The most memory that training may take, in bytes: 16 for a weight or an element of a batch's vectors, 12 for
            /// a logit.
            memory: u64,
            /// What weights, order, dropout and negatives are drawn from.
            seed: u64,
            /// Whether to show progress (only where standard error is a terminal).
            verbose: bool,
        }
    };
}
use training_setters;

/// Numbers of users or items as an input of a network, `[numbers, 1]`.
fn column(numbers: Vec<u32>) -> Result<Array> {
    Array::from_i32([numbers.len(), 1], numbers.into_iter().map(|number| number as i32).collect())
}

/// An error where there are numbers that a network's inputs cannot hold.
fn check_counts(counts: [usize; 2]) -> Result<()> {
    match counts.iter().find(|&&count| count >= i32::MAX as usize) {
        Some(count) => Err(Error::data("users or items", count, "fewer than 2^31 - 1")),
        None => Ok(()),
    }
}
