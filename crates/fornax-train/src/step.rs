//! One step: forward, loss, backward, update; and the same without the last two for evaluation.

use fornax_core::{Array, Autodiff, Backend, DynTensor, Error, Philox, Result, Value};
use fornax_data::{Batch, Dataset};
use fornax_layers::{Lifted, Lookup, Network, Variable};
use fornax_optim::Gradient;

use crate::model::Compiled;
use crate::{ClassWeight, Logs, Model};

/// What a step leaves for the metrics.
pub(crate) struct Outcome<B: Backend> {
    /// The total loss `[1]`, regularization included.
    pub(crate) loss: DynTensor<B>,
    /// The loss of each output `[1]`.
    pub(crate) parts: Vec<DynTensor<B>>,
    pub(crate) targets: Vec<Value<B>>,
    pub(crate) outputs: Vec<Value<B>>,
    pub(crate) samples: usize,
}

/// A batch on the device.
struct Placed<B: Backend> {
    inputs: Vec<Value<B>>,
    targets: Vec<Value<B>>,
    weight: Option<DynTensor<B>>,
}

impl<B: Backend> Placed<B> {
    fn new(batch: Batch, class_weight: Option<&ClassWeight>, device: &B::Device) -> Result<Self> {
        let place = |arrays: Vec<Array>| {
            arrays.into_iter().map(|array| Value::from_owned_array(array, device)).collect()
        };
        let weight = match (class_weight, batch.sample_weight) {
            (Some(classes), given) => Some(classes.weigh(&batch.targets[0], given.as_ref())?),
            (None, given) => given,
        };
        Ok(Self {
            inputs: place(batch.inputs),
            targets: place(batch.targets),
            weight: weight.map(|weight| DynTensor::from_owned_array(weight, device)),
        })
    }
}

impl<B: Backend> Model<B> {
    /// One training step; the weights are in their place again afterwards, on errors too.
    pub(crate) fn train_step(
        &mut self,
        batch: Batch,
        class_weight: Option<&ClassWeight>,
    ) -> Result<Outcome<B>> {
        let placed = Placed::new(batch, class_weight, self.network.device())?;
        let random = Philox::new(self.network.seed()).named("training").stream(self.steps);
        let lifted = self.network.lift();
        let step = forward_backward(&self.network, &self.compiled, &lifted, placed, random);
        let (outcome, mut gradients, updates) = match step {
            Ok(step) => step,
            Err(error) => {
                self.network.lower(lifted, |_, weight| weight);
                return Err(error);
            }
        };
        self.state.begin(&self.compiled.optimizer, &mut gradients);
        let constraints: Vec<_> =
            self.network.variables().iter().map(|variable| variable.constraint()).collect();
        let (state, optimizer) = (&mut self.state, &self.compiled.optimizer);
        self.network.lower(lifted, |index, weight| {
            let Some(gradient) = gradients[index].take() else { return weight };
            let moved = state.update(optimizer, index, weight, gradient);
            match constraints[index] {
                Some(constraint) => constraint.project(moved),
                None => moved,
            }
        });
        for (index, value) in updates {
            self.network.replace(index, value);
        }
        self.steps += 1;
        Ok(outcome)
    }

    /// Puts the moving averages in the weights' place, where the optimizer keeps them (`use_ema`).
    pub(crate) fn adopt_averages(&mut self) {
        for index in 0..self.network.weights().len() {
            if let Some(average) = self.state.average(index).cloned() {
                self.network.replace(index, average);
            }
        }
    }

    /// The loss and the outputs of a batch, without training.
    pub(crate) fn test_step(&self, batch: Batch) -> Result<Outcome<B>> {
        let samples = batch.len();
        let placed = Placed::new(batch, None, self.network.device())?;
        let outputs = self.network.infer(placed.inputs)?;
        let parts = self.compiled.losses(&placed.targets, &outputs, placed.weight.as_ref())?;
        let mut loss = self.compiled.total(&parts, self.network.device());
        for (variable, weight) in self.network.variables().iter().zip(self.network.weights()) {
            if let (Some(regularizer), true) = (variable.regularizer(), variable.trainable()) {
                loss = loss.add(regularizer.penalty(weight.clone())?);
            }
        }
        Ok(Outcome { loss, parts, targets: placed.targets, outputs, samples })
    }

    /// One step of gradient descent on one batch; returns the loss and the metrics of this batch.
    ///
    /// # Errors
    /// If the batch does not fit the model.
    pub fn train_on_batch(&mut self, dataset: &Dataset) -> Result<Logs> {
        let batch = whole(dataset)?;
        self.check_targets(dataset)?;
        let outcome = self.train_step(batch, None)?;
        self.logs_of(&outcome)
    }

    /// The loss and the metrics of one batch, without training.
    ///
    /// # Errors
    /// If the batch does not fit the model.
    pub fn test_on_batch(&self, dataset: &Dataset) -> Result<Logs> {
        let batch = whole(dataset)?;
        self.check_targets(dataset)?;
        let outcome = self.test_step(batch)?;
        self.logs_of(&outcome)
    }

    fn logs_of(&self, outcome: &Outcome<B>) -> Result<Logs> {
        let mut tracker = crate::tracker::Tracker::new(self);
        tracker.update(outcome)?;
        tracker.logs()
    }

    /// An error unless every target fits its loss: class indices in range, shapes equal.
    pub(crate) fn check_targets(&self, dataset: &Dataset) -> Result<()> {
        let (found, wanted) = (dataset.targets().len(), self.compiled.losses.len());
        if found != wanted {
            return Err(Error::data(
                "targets",
                format!("{found} arrays"),
                format!("{wanted}, one an output"),
            ));
        }
        let shapes = self.network.output_shapes();
        for ((loss, targets), shape) in self.compiled.losses.iter().zip(dataset.targets()).zip(&shapes) {
            loss.check_targets(targets, shape)?;
        }
        Ok(())
    }
}

fn whole(dataset: &Dataset) -> Result<Batch> {
    let batches = fornax_data::Batches::new(dataset, dataset.len().max(1))?;
    batches.epoch(0).next().expect("a set that is not empty has a batch")
}

impl Compiled {
    fn losses<B: Backend>(
        &self,
        targets: &[Value<B>],
        outputs: &[Value<B>],
        weight: Option<&DynTensor<B>>,
    ) -> Result<Vec<DynTensor<B>>> {
        self.losses
            .iter()
            .zip(targets.iter().zip(outputs))
            .map(|(loss, (target, output))| loss.reduced(target, output, weight))
            .collect()
    }

    fn total<B: Backend>(&self, parts: &[DynTensor<B>], device: &B::Device) -> DynTensor<B> {
        let weighted = parts.iter().zip(&self.loss_weights).map(|(part, &weight)| match weight {
            1.0 => part.clone(),
            weight => part.clone().mul_scalar(weight),
        });
        weighted.reduce(|sum, part| sum.add(part)).unwrap_or_else(|| DynTensor::zeros(&[1], device))
    }
}

type Step<B> = (Outcome<B>, Vec<Option<Gradient<B>>>, Vec<(usize, DynTensor<B>)>);

fn forward_backward<B: Backend>(
    network: &Network<B>,
    compiled: &Compiled,
    lifted: &Lifted<B>,
    placed: Placed<B>,
    random: Philox,
) -> Result<Step<B>> {
    let samples = placed.inputs[0].shape()[0];
    let (outputs, effects) = match B::ROW_GRADIENTS || compiled.optimizer.options().lazy {
        true => network.train_lazily(lifted, placed.inputs, random)?,
        false => network.train(lifted, placed.inputs, random)?,
    };
    let targets: Vec<Value<Autodiff<B>>> = placed.targets.iter().cloned().map(Value::lift).collect();
    let weight = placed.weight.clone().map(|weight| weight.lift(false));
    let parts = compiled.losses(&targets, &outputs, weight.as_ref())?;
    let mut total = compiled.total(&parts, network.device());
    for penalty in effects.losses {
        total = total.add(penalty);
    }
    for (variable, weight) in network.variables().iter().zip(lifted) {
        if let (Some(regularizer), true) = (variable.regularizer(), variable.trainable()) {
            total = total.add(regularizer.penalty(weight.clone())?);
        }
    }
    let loss = total.clone().lower();
    let mut gradients = total.backward();
    let mut lookups: Vec<Vec<_>> = vec![vec![]; lifted.len()];
    for Lookup { table, indices, rows } in effects.lookups.unwrap_or_default() {
        lookups[table].extend(gradients.remove(&rows).map(|gradient| (indices.lower(), gradient)));
    }
    let trained = network.variables().iter().zip(lifted).zip(lookups);
    let gradients: Vec<_> = trained
        .map(|((variable, weight), lookups)| {
            let whole = gradients.remove(weight).filter(|_| variable.trainable());
            let rows = (!lookups.is_empty()).then(|| Gradient::of_rows(lookups));
            match (whole, rows) {
                // A table with a penalty, or with another use.
                (Some(whole), Some(rows)) => Some(whole.add(rows.into_dense(weight.shape()[0])).into()),
                (whole, rows) => rows.or(whole.map(Gradient::Dense)),
            }
        })
        .collect();
    if gradients.iter().all(Option::is_none) && network.variables().iter().any(Variable::trainable) {
        return Err(Error::training(
            "loss",
            "no gradient for any weight",
            "a loss that the output can be trained by (CrfLoss for a CRF layer)",
        ));
    }
    let updates = effects.updates.into_iter().map(|(index, value)| (index, value.lower())).collect();
    let outcome = Outcome {
        loss,
        parts: parts.into_iter().map(DynTensor::lower).collect(),
        targets: placed.targets,
        outputs: outputs.into_iter().map(Value::lower).collect(),
        samples,
    };
    Ok((outcome, gradients, updates))
}
