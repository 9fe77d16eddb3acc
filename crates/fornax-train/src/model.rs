//! [`Model`]: a network with an optimizer, losses and metrics; what `compile` makes.

use fornax_core::{Array, Backend, Error, Result};
use fornax_data::Dataset;
use fornax_layers::{IntoNetwork, Network};
use fornax_optim::{Optimizer, OptimizerState};

use crate::losses::{IntoLosses, Loss};
use crate::metrics::{IntoMetrics, Metric};

/// A compiled model.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Flex, ops::Activation::{Relu, Softmax}};
/// use fornax_layers::{Sequential, layers::Dense};
/// use fornax_optim::Adam;
/// use fornax_train::{Compile, Fit, losses::SparseCategoricalCrossentropy, metrics::Accuracy};
///
/// let digits = fornax_data::synthetic::digits(500, 1).flatten();
/// let mut model = Sequential::<Flex>::new([784])
///     .add(Dense::new(32).activation(Relu))
///     .add(Dense::new(10).activation(Softmax))
///     .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])?;
/// let history = model.fit(&digits, Fit::new().epochs(3))?;
/// assert!(history.last("accuracy").unwrap() > 0.5);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Model<B: Backend> {
    pub(crate) network: Network<B>,
    pub(crate) compiled: Compiled,
    pub(crate) state: OptimizerState<B>,
    /// The number of training steps so far: the key of random layers.
    pub(crate) steps: u64,
    pub(crate) stop: bool,
}

/// What `compile` adds to a network.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Compiled {
    pub(crate) optimizer: Optimizer,
    /// One an output.
    pub(crate) losses: Vec<Loss>,
    /// One an output.
    pub(crate) loss_weights: Vec<f64>,
    /// A list an output.
    pub(crate) metrics: Vec<Vec<Metric>>,
}

/// Compiles what becomes a network: [`fornax_layers::Sequential`], [`fornax_layers::Functional`], a [`Network`].
pub trait Compile<B: Backend>: IntoNetwork<B> + Sized {
    /// Builds the network and puts an optimizer, losses (one, or one an output) and metrics around it.
    ///
    /// # Errors
    /// If a layer cannot take its input, the optimizer's hyper-parameters are out of their domain, or there are
    /// neither one loss nor as many as outputs.
    fn compile(
        self,
        optimizer: impl Into<Optimizer>,
        losses: impl IntoLosses,
        metrics: impl IntoMetrics,
    ) -> Result<Model<B>> {
        Model::new(self.into_network()?, optimizer.into(), losses.into_losses(), metrics.into_metrics())
    }
}

impl<B: Backend, T: IntoNetwork<B>> Compile<B> for T {}

impl<B: Backend> Model<B> {
    fn new(
        network: Network<B>,
        optimizer: Optimizer,
        losses: Vec<Loss>,
        metrics: Vec<Vec<Metric>>,
    ) -> Result<Self> {
        optimizer.validate()?;
        let outputs = network.output_shapes().len();
        let losses = an_output("losses", losses, outputs)?;
        let metrics = match metrics.len() {
            0 => vec![vec![]; outputs],
            _ => an_output("lists of metrics", metrics, outputs)?,
        };
        let shapes = network.output_shapes();
        for ((loss, metrics), shape) in losses.iter().zip(&metrics).zip(&shapes) {
            loss.check_output(shape)?;
            metrics.iter().try_for_each(|metric| metric.validate())?;
        }
        let compiled = Compiled { optimizer, losses, loss_weights: vec![1.0; outputs], metrics };
        Ok(Self::restored(network, compiled, OptimizerState::default(), 0))
    }

    pub(crate) fn restored(
        network: Network<B>,
        compiled: Compiled,
        state: OptimizerState<B>,
        steps: u64,
    ) -> Self {
        Self { network, compiled, state, steps, stop: false }
    }

    /// The factor of each output's loss in the total.
    ///
    /// # Errors
    /// If there are not as many as outputs.
    pub fn loss_weights(mut self, weights: impl Into<Vec<f64>>) -> Result<Self> {
        let weights = weights.into();
        if weights.len() != self.compiled.losses.len() {
            return Err(Error::argument(
                "loss_weights",
                weights.len(),
                format!("{}, one an output", self.compiled.losses.len()),
            ));
        }
        self.compiled.loss_weights = weights;
        Ok(self)
    }

    /// The structure and weights.
    pub fn network(&self) -> &Network<B> {
        &self.network
    }

    /// The structure and weights, to freeze layers or set weights.
    pub fn network_mut(&mut self) -> &mut Network<B> {
        &mut self.network
    }

    /// The structure and weights alone.
    pub fn into_network(self) -> Network<B> {
        self.network
    }

    /// The layers, shapes and parameter counts as Keras prints them.
    pub fn summary(&self) -> String {
        self.network.summary()
    }

    /// The present learning rate.
    pub fn learning_rate(&self) -> f64 {
        self.state.learning_rate(&self.compiled.optimizer)
    }

    /// Overrides the optimizer's learning rate or schedule from the next step on.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.state.set_learning_rate(learning_rate);
    }

    /// Ends `fit` after the present epoch; callbacks call it.
    pub fn stop_training(&mut self) {
        self.stop = true;
    }

    /// The output for each sample of `x`, in batches of 32.
    ///
    /// # Errors
    /// If `x` is not of the model's input shape, or the model has several inputs or outputs (see
    /// [`Self::predict_all`]).
    pub fn predict(&self, x: &Array) -> Result<Array> {
        self.network.predict(x)
    }

    /// The outputs for the inputs of a data set, in batches of `batch_size`.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes or `batch_size` is 0.
    pub fn predict_all(&self, dataset: &Dataset, batch_size: usize) -> Result<Vec<Array>> {
        self.network.predict_all(dataset.inputs(), batch_size)
    }
}

fn an_output<T: Clone>(name: &str, mut values: Vec<T>, outputs: usize) -> Result<Vec<T>> {
    match values.len() {
        1 => Ok(vec![values.remove(0); outputs]),
        count if count == outputs => Ok(values),
        count => Err(Error::argument(name, count, format!("1 or {outputs}, one an output"))),
    }
}
