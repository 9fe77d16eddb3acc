//! [`Reshape`]: the elements of a sample in another shape.

use fornax_core::{Backend, Error, Result, Value};
use serde::{Deserialize, Serialize};

use crate::{Context, Layer, Shape, WeightSpecs};

/// The elements of a sample in row-major order, in another shape.
///
/// # Shapes
/// - input: `[batch, ..]`
/// - output: `[batch, target_shape..]`, where one length may be -1: what the others leave
///
/// Source: `keras.layers.Reshape`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::Flex;
/// use fornax_layers::{Sequential, Shape, layers::Reshape};
///
/// let network = Sequential::<Flex>::new([12]).add(Reshape::new([3, -1])).build()?;
/// assert_eq!(network.output_shapes(), [Shape::from([3, 4])]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reshape {
    target_shape: Vec<i64>,
}

impl Reshape {
    /// A layer to samples of `target_shape`.
    pub fn new(target_shape: impl IntoIterator<Item = i64>) -> Self {
        Self { target_shape: target_shape.into_iter().collect() }
    }

    /// The lengths that are given and whether there is a -1.
    fn target(&self) -> Result<(Vec<Option<usize>>, bool)> {
        let bad = |wanted| Err(Error::argument("target_shape", format!("{:?}", self.target_shape), wanted));
        let lengths = self.target_shape.iter().map(|&len| usize::try_from(len).ok()).collect::<Vec<_>>();
        if self.target_shape.iter().any(|&len| len < -1) {
            return bad("lengths, one of which may be -1");
        }
        match lengths.iter().filter(|len| len.is_none()).count() {
            0 => Ok((lengths, false)),
            1 => Ok((lengths, true)),
            _ => bad("at most one -1"),
        }
    }

    /// The target for a sample of `elements`.
    fn resolve(&self, elements: usize) -> Result<Vec<usize>> {
        let (lengths, open) = self.target()?;
        let given = lengths.iter().flatten().try_fold(1usize, |product, &len| product.checked_mul(len));
        let rest = match (given, open) {
            (Some(given), false) if given == elements => Some(1),
            (Some(given), true) if given > 0 && elements.is_multiple_of(given) => Some(elements / given),
            _ => None,
        };
        let Some(rest) = rest else {
            let wanted = format!("a number of elements that makes {:?}", self.target_shape);
            return Err(Error::shape("input", format!("{elements} elements a sample"), wanted));
        };
        Ok(lengths.into_iter().map(|len| len.unwrap_or(rest)).collect())
    }
}

impl Layer for Reshape {
    const CLASS_NAME: &'static str = "Reshape";

    fn build(&self, input: &Shape, _: &mut WeightSpecs) -> Result<Shape> {
        match input.elements() {
            Ok(elements) => Ok(Shape::from(&self.resolve(elements)?[..])),
            Err(_) => Ok(self.target()?.0.into()),
        }
    }

    fn call<B: Backend>(&self, x: Value<B>, _: &mut Context<'_, B>) -> Result<Value<B>> {
        let shape = x.shape();
        let sample = self.resolve(shape[1..].iter().product())?;
        Ok(x.reshape(&[&shape[..1], &sample].concat()))
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
