//! [`TextVectorization`]: raw text as what a model starts from.
//!
//! It runs on the host, by the transform of `fornax_data::text`: no gradient goes through it.

use fornax_core::{Backend, Error, Result, Value};
use fornax_data::text;
use serde::{Deserialize, Serialize};

use crate::{Context, Layer, Shape, WeightSpecs};

/// Texts as indices of their tokens or as counts; see [`text::TextVectorization`], which is fitted, and whose vocabulary is saved
/// with the model.
///
/// # Shapes
/// - input: `[batch, bytes]`, texts in UTF-8 by [`text::text_bytes`]
/// - output: `[batch, output_sequence_length]`, without that length as many as the longest text of the batch has tokens; of
///   modes other than `Int` `[batch, vocabulary]`
///
/// Source: `keras.layers.TextVectorization`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::Flex;
/// use fornax_data::text::{self, text_bytes};
/// use fornax_layers::{Sequential, layers::TextVectorization};
///
/// let fitted = text::TextVectorization::new().fit(&["The cat sat.", "The dog!"])?;
/// let network = Sequential::<Flex>::new([None]).add(TextVectorization::from(&fitted)).build()?;
/// let ids = network.predict(&text_bytes(&["the dog, the", "CAT"])?)?;
/// assert_eq!((ids.shape(), ids.to_i32()), (&[2, 3][..], vec![2, 4, 2, 5, 0, 0]));
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextVectorization(text::TextVectorization);

impl From<&text::TextVectorization> for TextVectorization {
    fn from(fitted: &text::TextVectorization) -> Self {
        Self(fitted.clone())
    }
}

impl Layer for TextVectorization {
    const CLASS_NAME: &'static str = "TextVectorization";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        if self.0.is_empty() {
            return Err(Error::argument("vocabulary", "none", "one that is fitted or given"));
        }
        if input.rank() != 1 {
            return Err(Error::shape("input", input, "[batch, bytes]"));
        }
        Ok(vec![self.0.width()].into())
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let device = x.device();
        Ok(Value::from_array(&self.0.apply(&text::texts_of_bytes(&x.to_array())?)?, &device))
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
