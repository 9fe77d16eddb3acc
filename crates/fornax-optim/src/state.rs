//! [`OptimizerState`]: what an optimizer remembers between steps, and the step itself.

use fornax_core::{Array, Backend, DynTensor, Error, Result, ops::Slots};

use crate::{Gradient, Optimizer, Options};

/// The step counter, the learning rate in force, and for each weight the slots of the rule and the average.
///
/// A step is [`begin`](Self::begin), then [`update`](Self::update) for each weight. Constraints are the caller's
/// and come last: in Keras the moving average is of the weights before they are projected.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{DynTensor, Flex};
/// use fornax_optim::{Optimizer, OptimizerState, SGD};
///
/// let device = Default::default();
/// let optimizer = Optimizer::from(SGD::new(0.5).clipvalue(1.0));
/// let mut state = OptimizerState::<Flex>::default();
/// let weight = DynTensor::from_vec(vec![1.0, 1.0], &[2], &device);
/// let mut gradients = vec![Some(DynTensor::from_vec(vec![0.5, 8.0], &[2], &device).into())];
/// state.begin(&optimizer, &mut gradients);
/// let weight = state.update(&optimizer, 0, weight, gradients[0].take().unwrap());
/// assert_eq!(weight.to_vec(), [0.75, 0.5]);
/// assert_eq!(state.step(), 1);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OptimizerState<B: Backend> {
    step: u64,
    /// Takes the place of the schedule.
    learning_rate: Option<f64>,
    /// The learning rate of the step that has begun.
    rate: f64,
    slots: Vec<Slots<B>>,
    averages: Vec<Option<DynTensor<B>>>,
}

impl<B: Backend> Default for OptimizerState<B> {
    fn default() -> Self {
        Self { step: 0, learning_rate: None, rate: 0.0, slots: vec![], averages: vec![] }
    }
}

impl<B: Backend> OptimizerState<B> {
    /// The number of steps begun.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self, optimizer: &Optimizer) -> f64 {
        self.learning_rate.unwrap_or_else(|| optimizer.learning_rate.at(self.step))
    }

    /// Overrides the optimizer's learning rate or schedule from the next step on.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = Some(learning_rate);
    }

    /// The slots of weight `index`: none before its first update.
    pub fn slots(&self, index: usize) -> &[DynTensor<B>] {
        self.slots.get(index).map_or(&[], Vec::as_slice)
    }

    /// The moving average of weight `index`, which takes its place at the end of `fit`; none without `use_ema`.
    pub fn average(&self, index: usize) -> Option<&DynTensor<B>> {
        self.averages.get(index)?.as_ref()
    }

    /// Begins a step: advances the counter, takes the learning rate and clips the gradients.
    pub fn begin(&mut self, optimizer: &Optimizer, gradients: &mut [Option<Gradient<B>>]) {
        self.rate = self.learning_rate(optimizer);
        self.step += 1;
        clip(&optimizer.options, gradients);
    }

    /// The weight `index` after this step by its gradient: weight decay, the rule, the average.
    ///
    /// A lazy optimizer changes by a gradient of rows only those rows, of the weight and of its slots.
    ///
    /// # Panics
    /// If the gradient has another shape than the weight.
    pub fn update(
        &mut self,
        optimizer: &Optimizer,
        index: usize,
        weight: DynTensor<B>,
        gradient: Gradient<B>,
    ) -> DynTensor<B> {
        let options = &optimizer.options;
        let slots = entry(&mut self.slots, index);
        let initial = optimizer.rule.slots();
        if slots.len() != initial.len() {
            let (shape, device) = (weight.shape(), weight.device());
            *slots = initial.into_iter().map(|value| DynTensor::full(&shape, value, &device)).collect();
        }
        let (rate, step) = (self.rate, self.step);
        let decayed = |weight: DynTensor<B>, decay: f64| weight.mul_scalar(1.0 - decay * rate);
        let weight = match gradient {
            Gradient::Rows { rows, values } if options.lazy => {
                let weight = match options.weight_decay {
                    Some(decay) => {
                        let of_rows = B::embedding_lookup(weight.clone(), rows.clone());
                        B::replace_rows(weight, rows.clone(), decayed(of_rows, decay))
                    }
                    None => weight,
                };
                B::update_rows(&optimizer.rule, weight, slots, rows, values, rate, step)
            }
            gradient => {
                let weight = match options.weight_decay {
                    Some(decay) => decayed(weight, decay),
                    None => weight,
                };
                match gradient {
                    Gradient::Dense(gradient) => {
                        B::update(&optimizer.rule, weight, slots, gradient, rate, step)
                    }
                    Gradient::Rows { rows, values } => {
                        B::update_by_rows(&optimizer.rule, weight, slots, rows, values, rate, step)
                    }
                }
            }
        };
        if options.use_ema { self.averaged(options, index, weight) } else { weight }
    }

    /// Averages the weight; returns the average in its place where its turn has come.
    fn averaged(&mut self, options: &Options, index: usize, weight: DynTensor<B>) -> DynTensor<B> {
        let average = entry(&mut self.averages, index);
        // Keras starts at zeros with momentum 0 in the first step: the first average is the weight.
        let next = match average.take() {
            Some(average) => {
                let kept = average.mul_scalar(options.ema_momentum);
                kept.add(weight.clone().mul_scalar(1.0 - options.ema_momentum))
            }
            None => weight.clone(),
        };
        *average = Some(next.clone());
        match options.ema_overwrite_frequency {
            Some(frequency) if self.step.is_multiple_of(frequency) => next,
            _ => weight,
        }
    }

    /// The state as named arrays, for a checkpoint: `step`, `learning_rate` if it was overridden, `slot/i/k` and
    /// `average/i`.
    pub fn to_arrays(&self) -> Vec<(String, Array)> {
        let mut arrays = vec![("step".to_owned(), words(self.step))];
        arrays.extend(self.learning_rate.map(|rate| ("learning_rate".to_owned(), words(rate.to_bits()))));
        for (index, slots) in self.slots.iter().enumerate() {
            let named = |(k, slot): (usize, &DynTensor<B>)| (format!("slot/{index}/{k}"), slot.to_array());
            arrays.extend(slots.iter().enumerate().map(named));
        }
        for (index, average) in self.averages.iter().enumerate() {
            arrays.extend(average.as_ref().map(|average| (format!("average/{index}"), average.to_array())));
        }
        arrays
    }

    /// The state from [`Self::to_arrays`], for an optimizer and the weights it steps.
    ///
    /// # Errors
    /// If an array is unknown, of another shape than its weight, or missing.
    pub fn from_arrays(
        optimizer: &Optimizer,
        weights: &[DynTensor<B>],
        arrays: impl IntoIterator<Item = (String, Array)>,
    ) -> Result<Self> {
        let mut state = Self::default();
        let mut step = None;
        for (name, array) in arrays {
            let unknown = || {
                let wanted =
                    format!("part of the state of {} for {} weights", optimizer.class_name(), weights.len());
                Error::mismatch(
                    format!("optimizer state {name}"),
                    format!("shape {:?}", array.shape()),
                    wanted,
                )
            };
            let parts: Vec<&str> = name.split('/').collect();
            let number =
                |at: usize| parts.get(at).and_then(|part| part.parse::<usize>().ok()).ok_or_else(unknown);
            let placed = |index: usize| match weights.get(index) {
                Some(weight) if weight.shape() == array.shape() => {
                    Ok(DynTensor::from_array(&array, &weight.device()))
                }
                _ => Err(unknown()),
            };
            match (parts[0], parts.len()) {
                ("step", 1) => step = Some(from_words(&array).ok_or_else(unknown)?),
                ("learning_rate", 1) => {
                    state.learning_rate = Some(f64::from_bits(from_words(&array).ok_or_else(unknown)?));
                }
                ("slot", 3) => {
                    let index = number(1)?;
                    let slot = placed(index)?;
                    let slots = entry(&mut state.slots, index);
                    if number(2)? != slots.len() {
                        return Err(unknown());
                    }
                    slots.push(slot);
                }
                ("average", 2) => {
                    let index = number(1)?;
                    let average = placed(index)?;
                    *entry(&mut state.averages, index) = Some(average);
                }
                _ => return Err(unknown()),
            }
        }
        state.step =
            step.ok_or_else(|| Error::mismatch("optimizer state step", "none", "the number of steps"))?;
        let wanted = optimizer.rule.slots().len();
        for (index, slots) in state.slots.iter().enumerate() {
            if !slots.is_empty() && slots.len() != wanted {
                return Err(Error::mismatch(
                    format!("optimizer state of weight {index}"),
                    format!("{} slots", slots.len()),
                    format!("{wanted}, those of {}", optimizer.class_name()),
                ));
            }
        }
        Ok(state)
    }
}

/// The element `index`, the vector grown to hold it.
fn entry<T: Default>(values: &mut Vec<T>, index: usize) -> &mut T {
    if values.len() <= index {
        values.resize_with(index + 1, T::default);
    }
    &mut values[index]
}

/// The bits of a number as two integers, which an array holds exactly.
fn words(bits: u64) -> Array {
    vec![bits as u32 as i32, (bits >> 32) as u32 as i32].into()
}

fn from_words(array: &Array) -> Option<u64> {
    match array.to_i32()[..] {
        [low, high] if array.is_integer() => Some(u64::from(low as u32) | u64::from(high as u32) << 32),
        _ => None,
    }
}

fn clip<B: Backend>(options: &Options, gradients: &mut [Option<Gradient<B>>]) {
    let each = |gradients: &mut [Option<Gradient<B>>], f: &dyn Fn(DynTensor<B>) -> DynTensor<B>| {
        for gradient in gradients {
            *gradient = gradient.take().map(|gradient| gradient.map(f));
        }
    };
    if let Some(limit) = options.clipnorm {
        each(gradients, &|gradient| {
            let norm = gradient.clone().square().sum().sqrt();
            scale(gradient, norm.clamp_min(limit).recip().mul_scalar(limit))
        });
    } else if let Some(limit) = options.global_clipnorm {
        let squares = gradients.iter().flatten().map(|gradient| gradient.values().clone().square().sum());
        let Some(sum) = squares.reduce(|sum, square| sum.add(square)) else { return };
        let norm = sum.sqrt();
        // An infinite norm makes every gradient NaN, as in Keras, in place of a silent zero.
        let not_finite = norm.clone().sub(norm.clone());
        let factor = norm.clamp_min(limit).recip().mul_scalar(limit).add(not_finite);
        each(gradients, &|gradient| scale(gradient, factor.clone()));
    } else if let Some(limit) = options.clipvalue {
        each(gradients, &|gradient| gradient.clamp_min(-limit).clamp_max(limit));
    }
}

/// `x` times a factor `[1]`.
fn scale<B: Backend>(x: DynTensor<B>, factor: DynTensor<B>) -> DynTensor<B> {
    let ones = vec![1; x.rank()];
    x.mul(factor.reshape(&ones))
}
