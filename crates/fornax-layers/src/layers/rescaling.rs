//! Numbers brought to a common scale as a layer of a model: [`Rescaling`] and [`Normalization`].
//!
//! What `fornax_data::preprocessing` has fitted becomes a layer by `from`, and the model then takes raw data.

use fornax_core::{Backend, DynTensor, Error, Result, Value};
use fornax_data::preprocessing;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use crate::keras_object::numbers;
use crate::{Axis, Context, Initializer, Layer, Shape, WeightSpecs};

/// `y = scale x + offset`; `scale` and `offset` are numbers or arrays that broadcast from the last axis.
///
/// # Shapes
/// - input and output: `[batch, ..]`
///
/// Default offset 0. Source: `keras.layers.Rescaling`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::Rescaling};
///
/// let network = Sequential::<Flex>::new([2]).add(Rescaling::new(0.5).offset(-1.0)).build()?;
/// assert_eq!(network.predict(&Array::from_i32([1, 2], vec![0, 4])?)?.to_f32(), [-1.0, 1.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Rescaling {
    scale: Numbers,
    offset: Numbers,
}

impl Default for Rescaling {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Rescaling {
    /// `scale x`.
    pub fn new(scale: impl Into<Numbers>) -> Self {
        Self { scale: scale.into(), offset: 0.0.into() }
    }

    /// What is added.
    pub fn offset(mut self, offset: impl Into<Numbers>) -> Self {
        self.offset = offset.into();
        self
    }
}

impl From<preprocessing::Rescaling> for Rescaling {
    fn from(rescaling: preprocessing::Rescaling) -> Self {
        Self::new(rescaling.scale).offset(rescaling.offset)
    }
}

impl Layer for Rescaling {
    const CLASS_NAME: &'static str = "Rescaling";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        let axes: Vec<usize> = (0..=input.rank()).collect();
        self.scale.check("scale", input, &axes)?;
        self.offset.check("offset", input, &axes)?;
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let axes: Vec<usize> = (0..x.rank()).collect();
        let [scale, offset] = [&self.scale, &self.offset].map(|n| n.tensor(x.rank(), &axes, &x.device()));
        Ok(x.mul(scale).add(offset).into())
    }
}

/// `y = (x - mean) / max(sqrt(variance), 1e-7)`, or with `invert` the way back, a mean and a variance an element
/// of `axis`.
///
/// # Shapes
/// - input and output: `[batch, ..]`
/// - weights, not trained, unless the statistics were given: `mean` and `variance`, of the lengths of `axis`, `[1]`
///   without an axis
///
/// Default: the last axis; no axis is one mean for all. Source: `keras.layers.Normalization`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_data::preprocessing;
/// use fornax_layers::{Sequential, layers::Normalization};
///
/// let train = Array::from_vec([2, 2], vec![0.0, 10.0, 2.0, 30.0])?;
/// let fitted = preprocessing::Normalization::fit(&train)?;
/// let network = Sequential::<Flex>::new([2]).add(Normalization::from(&fitted)).build()?;
/// assert_eq!(network.predict(&train)?.to_f32(), [-1.0, -1.0, 1.0, 1.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Normalization {
    axis: Option<Axis>,
    mean: Option<Numbers>,
    variance: Option<Numbers>,
    invert: bool,
}

impl Default for Normalization {
    fn default() -> Self {
        Self { axis: Some((-1).into()), mean: None, variance: None, invert: false }
    }
}

impl Normalization {
    /// Statistics of the last axis, kept as weights that start with mean 0 and variance 1.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Whether to go from the common scale back to the data's.
        invert: bool,
    }

    /// Known statistics instead of weights.
    pub fn statistics(mut self, mean: impl Into<Numbers>, variance: impl Into<Numbers>) -> Self {
        (self.mean, self.variance) = (Some(mean.into()), Some(variance.into()));
        self
    }

    /// The axis or axes that have statistics of their own; none is `[]`.
    pub fn axis(mut self, axis: impl Into<Axis>) -> Self {
        self.axis = Some(axis.into());
        self
    }

    fn kept(&self, rank: usize) -> Result<Vec<usize>> {
        self.axis.map_or(Ok(vec![]), |axis| axis.resolve_behind_batch(rank))
    }
}

impl From<&preprocessing::Normalization> for Normalization {
    fn from(fitted: &preprocessing::Normalization) -> Self {
        match (fitted.mean(), fitted.variance()) {
            ([mean], [variance]) => Self::new().statistics(*mean, *variance),
            (mean, variance) => Self::new().statistics(mean.to_vec(), variance.to_vec()),
        }
    }
}

/// The smallest deviation that is divided by.
const EPSILON: f64 = 1e-7;

impl Layer for Normalization {
    const CLASS_NAME: &'static str = "Normalization";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        let kept = self.kept(input.rank() + 1)?;
        match (&self.mean, &self.variance) {
            (Some(mean), Some(variance)) => {
                mean.check("mean", input, &kept)?;
                variance.check("variance", input, &kept)?;
            }
            (None, None) => {
                let mut shape = kept.iter().map(|axis| input.known(axis - 1)).collect::<Result<Vec<_>>>()?;
                if shape.is_empty() {
                    shape.push(1);
                }
                weights.add("mean", &shape, Initializer::Zeros).not_trainable();
                weights.add("variance", &shape, Initializer::Ones).not_trainable();
            }
            _ => return Err(Error::argument("mean and variance", "one of them", "both or none")),
        }
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let (shape, device) = (x.shape(), x.device());
        let kept = self.kept(shape.len())?;
        let [mean, variance] =
            [("mean", &self.mean), ("variance", &self.variance)].map(|(name, given)| match given {
                Some(numbers) => numbers.tensor(shape.len(), &kept, &device),
                None => {
                    let axes =
                        (0..shape.len()).map(|axis| if kept.contains(&axis) { shape[axis] } else { 1 });
                    context.weight(name).reshape(&axes.collect::<Vec<_>>())
                }
            });
        let deviation = variance.sqrt().clamp_min(EPSILON);
        Ok(if self.invert { x.mul(deviation).add(mean) } else { x.sub(mean).div(deviation) }.into())
    }
}

/// A number, or an array of numbers that broadcasts from the last axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Numbers {
    /// As a tensor whose axes are those of `rank` axes that `kept` names, from the last backwards.
    fn tensor<B: Backend>(&self, rank: usize, kept: &[usize], device: &B::Device) -> DynTensor<B> {
        let mut shape = vec![1; rank];
        for (&axis, &len) in kept.iter().rev().zip(self.shape.iter().rev()) {
            shape[axis] = len;
        }
        DynTensor::from_vec(self.values.clone(), &shape, device)
    }

    /// An error unless the array broadcasts to the axes `kept` of the input.
    fn check(&self, name: &str, input: &Shape, kept: &[usize]) -> Result<()> {
        let fits = |(&axis, &len): (&usize, &usize)| {
            len == 1 || axis > 0 && input.axes()[axis - 1].is_none_or(|found| found == len)
        };
        if self.shape.len() <= kept.len() && kept.iter().rev().zip(self.shape.iter().rev()).all(fits) {
            return Ok(());
        }
        let wanted = format!("one number, or lengths that {input} has along axes {kept:?}");
        Err(Error::shape(name, format!("numbers of shape {:?}", self.shape), wanted))
    }
}

impl From<f32> for Numbers {
    fn from(value: f32) -> Self {
        Self { shape: vec![], values: vec![value] }
    }
}

impl From<Vec<f32>> for Numbers {
    fn from(values: Vec<f32>) -> Self {
        Self { shape: vec![values.len()], values }
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn nested(shape: &[usize], values: &[f32]) -> Json {
            match shape {
                [] => values.first().copied().into(),
                [len, rest @ ..] => {
                    let each = values.len() / (*len).max(1);
                    values.chunks(each.max(1)).map(|part| nested(rest, part)).collect()
                }
            }
        }
        nested(&self.shape, &self.values).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (shape, values) = numbers(&Json::deserialize(deserializer)?)?;
        Ok(Self { shape, values: values.into_iter().map(|value| value as f32).collect() })
    }
}
