//! Elementwise merges of several tensors: [`Add`], [`Subtract`], [`Multiply`], [`Average`], [`Maximum`],
//! [`Minimum`].
//!
//! Samples broadcast from the last axis as in NumPy; the batch axis is common. If every input has a mask, a time
//! step of the output counts where it counts in any input.

use fornax_core::{Backend, DynTensor, Error, Mask, Result, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny, ser::SerializeMap};

use crate::{Context, MultiLayer, Shape, WeightSpecs};

macro_rules! merge {
    ($(#[$doc:meta])* $name:ident, $class:literal, $count:expr, $merge:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_map(Some(0))?.end()
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                IgnoredAny::deserialize(deserializer).map(|_| Self)
            }
        }

        impl MultiLayer for $name {
            const NAME: &'static str = $class;

            fn build_all(&self, inputs: &[Shape], _weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
                Ok(vec![broadcast(inputs, $count)?])
            }

            fn call_all<B: Backend>(
                &self,
                inputs: Vec<Value<B>>,
                _context: &mut Context<'_, B>,
            ) -> Result<Vec<Value<B>>> {
                let mask = any_mask(&inputs);
                let operands = align(inputs)?;
                Ok(vec![Value::from($merge(operands)).with_mask(mask)])
            }
        }
    };
}

merge! {
    /// `y = x_1 + x_2 + ..`.
    ///
    /// # Shapes
    /// - inputs: `[batch, ..]`, which broadcast
    /// - output: their common shape
    ///
    /// Source: `keras.layers.Add`.
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use fornax_core::{Array, Flex};
    /// use fornax_layers::{Apply, Functional, input, layers::Add};
    ///
    /// let (a, b) = (input::<Flex>([2, 2]), input([2]));
    /// let network = Functional::new([&a, &b], &Add.apply([&a, &b])?).build()?;
    /// let a = Array::from_vec([1, 2, 2], vec![1.0, 2.0, 3.0, 4.0])?;
    /// let b = Array::from_vec([1, 2], vec![10.0, 20.0])?;
    /// assert_eq!(network.predict_all(&[a, b], 1)?[0].to_f32(), [11.0, 22.0, 13.0, 24.0]);
    /// # }
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    Add, "Add", 2.., |operands| fold(operands, |a, x| a.add(x.value))
}

merge! {
    /// `y = x_1 - x_2`.
    ///
    /// # Shapes
    /// - inputs: two, `[batch, ..]`, which broadcast
    /// - output: their common shape
    ///
    /// Source: `keras.layers.Subtract`.
    Subtract, "Subtract", 2..3, |operands| fold(operands, |a, x| a.sub(x.value))
}

merge! {
    /// `y = x_1 x_2 ..`, elementwise. A masked time step of one input leaves the others as they are; one that is
    /// masked in all inputs becomes 0.
    ///
    /// # Shapes
    /// - inputs: `[batch, ..]`, which broadcast
    /// - output: their common shape
    ///
    /// Source: `keras.layers.Multiply`.
    Multiply, "Multiply", 2.., multiply
}

merge! {
    /// `y = (x_1 + .. + x_n) / n`.
    ///
    /// # Shapes
    /// - inputs: `[batch, ..]`, which broadcast
    /// - output: their common shape
    ///
    /// Source: `keras.layers.Average`.
    Average, "Average", 2.., |operands: Vec<Operand<B>>| {
        let count = operands.len() as f64;
        fold(operands, |a, x| a.add(x.value)).mul_scalar(1.0 / count)
    }
}

merge! {
    /// `y = max(x_1, x_2, ..)`, elementwise. A masked time step of one input does not take part.
    ///
    /// # Shapes
    /// - inputs: `[batch, ..]`, which broadcast
    /// - output: their common shape
    ///
    /// Source: `keras.layers.Maximum`.
    Maximum, "Maximum", 2.., |operands| choose(operands, DynTensor::maximum)
}

merge! {
    /// `y = min(x_1, x_2, ..)`, elementwise. A masked time step of one input does not take part.
    ///
    /// # Shapes
    /// - inputs: `[batch, ..]`, which broadcast
    /// - output: their common shape
    ///
    /// Source: `keras.layers.Minimum`.
    Minimum, "Minimum", 2.., |operands| choose(operands, DynTensor::minimum)
}

/// An input of the common rank, and its mask of the common shape.
struct Operand<B: Backend> {
    value: DynTensor<B>,
    mask: Option<Mask<B>>,
    shape: Vec<usize>,
}

impl<B: Backend> Operand<B> {
    fn stretched(self) -> (DynTensor<B>, Option<Mask<B>>) {
        (self.value.expand(&self.shape), self.mask)
    }
}

fn fold<B: Backend>(
    operands: Vec<Operand<B>>,
    merge: impl Fn(DynTensor<B>, Operand<B>) -> DynTensor<B>,
) -> DynTensor<B> {
    let mut operands = operands.into_iter();
    let first = operands.next().expect("the number of inputs has been checked").value;
    operands.fold(first, merge)
}

fn multiply<B: Backend>(operands: Vec<Operand<B>>) -> DynTensor<B> {
    let everywhere = operands.iter().map(|x| x.mask.clone()).reduce(|a, b| Some(a?.or(b?))).flatten();
    let ones = operands.into_iter().map(|x| match x.mask.clone() {
        Some(mask) => Operand { value: x.value.expand(&x.shape).fill_where(mask.not(), 1.0), ..x },
        None => x,
    });
    let product = fold(ones.collect(), |a, x| a.mul(x.value));
    match everywhere {
        Some(mask) => product.fill_where(mask.not(), 0.0),
        None => product,
    }
}

/// Folds by `pick`, each operand only where its mask holds.
fn choose<B: Backend>(
    operands: Vec<Operand<B>>,
    pick: fn(DynTensor<B>, DynTensor<B>) -> DynTensor<B>,
) -> DynTensor<B> {
    let mut operands = operands.into_iter().map(Operand::stretched);
    let (mut y, mut known) = operands.next().expect("the number of inputs has been checked");
    for (mut x, mask) in operands {
        if let Some(mask) = &mask {
            x = x.replace_where(mask.clone().not(), y.clone());
        }
        if let Some(known) = &known {
            y = y.replace_where(known.clone().not(), x.clone());
        }
        known = known.zip(mask).map(|(known, mask)| known.or(mask));
        y = pick(y, x);
    }
    y
}

/// The common shape of the samples, aligned at the last axis.
fn broadcast(inputs: &[Shape], count: impl std::ops::RangeBounds<usize> + std::fmt::Debug) -> Result<Shape> {
    let list = || inputs.iter().map(Shape::to_string).collect::<Vec<_>>().join(", ");
    if !count.contains(&inputs.len()) {
        let wanted = if count.contains(&3) { "at least two tensors" } else { "two tensors" };
        return Err(Error::shape("inputs", format!("{} ({})", inputs.len(), list()), wanted));
    }
    let rank = inputs.iter().map(Shape::rank).max().unwrap_or(0);
    let axis = |from_end: usize| {
        let mut common = Some(1);
        for shape in inputs.iter().filter(|shape| shape.rank() > from_end) {
            common = match (common, shape.axes()[shape.rank() - 1 - from_end]) {
                (None, _) | (_, None) => None,
                (Some(1), len) => len,
                (len, Some(1)) => len,
                (a, b) if a == b => a,
                _ => return Err(Error::shape("inputs", list(), "equal lengths, or 1, along each axis")),
            };
        }
        Ok(common)
    };
    Ok((0..rank).rev().map(axis).collect::<Result<Vec<_>>>()?.into())
}

/// The inputs with axes of length 1 behind the batch up to the common rank, and masks over all axes.
fn align<B: Backend>(inputs: Vec<Value<B>>) -> Result<Vec<Operand<B>>> {
    let rank = inputs.iter().map(Value::rank).max().unwrap_or(0);
    let shapes: Vec<Vec<usize>> = inputs
        .iter()
        .map(|x| {
            let mut shape = x.shape();
            shape.splice(1..1, vec![1; rank - x.rank()]);
            shape
        })
        .collect();
    let common: Vec<usize> = (0..rank)
        .map(|axis| shapes.iter().map(|shape| shape[axis]).find(|&len| len != 1).unwrap_or(1))
        .collect();
    if shapes.iter().any(|shape| shape.iter().zip(&common).any(|(len, common)| len != common && *len != 1)) {
        let wanted = "equal lengths, or 1, along each axis";
        return Err(Error::shape("inputs", format!("{shapes:?}"), wanted));
    }
    let operand = |(x, shape): (Value<B>, Vec<usize>)| {
        let mask = x.mask().map(|mask| {
            let mut steps = mask.shape();
            steps.resize(x.rank(), 1);
            steps.splice(1..1, vec![1; rank - x.rank()]);
            mask.clone().reshape(&steps).expand(&common)
        });
        Operand { value: x.float().reshape(&shape), mask, shape: common.clone() }
    };
    Ok(inputs.into_iter().zip(shapes).map(operand).collect())
}

/// The union of the masks, if every input has one and they are of one shape.
pub(super) fn any_mask<B: Backend>(inputs: &[Value<B>]) -> Option<Mask<B>> {
    let masks: Option<Vec<Mask<B>>> = inputs.iter().map(|x| x.mask().cloned()).collect();
    let masks = masks?;
    let same = masks.iter().all(|mask| mask.shape() == masks[0].shape());
    if same { masks.into_iter().reduce(Mask::or) } else { None }
}
