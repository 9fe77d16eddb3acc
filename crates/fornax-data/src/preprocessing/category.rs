//! Integers as vectors of zeros and ones.

use fornax_core::{Array, Error, Result};
use serde::{Deserialize, Serialize};

/// What [`CategoryEncoding`] makes of the integers of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputMode {
    /// A vector for each integer, with a 1 at its place.
    OneHot,
    /// A vector for each sample, with a 1 at the place of every integer in it.
    MultiHot,
    /// A vector for each sample with the number of times each integer occurs in it.
    Count,
}

/// Encodes the integers `0..num_tokens`, as in Keras.
///
/// # Shapes
/// `OneHot`: `[n, ..., 1]` to `[n, ..., num_tokens]`, any other `[n, ..., k]` to `[n, ..., k, num_tokens]`.
/// `MultiHot` and `Count`: `[n, ..., k]` to `[n, ..., num_tokens]`. Axis 0 counts samples, so `[n]` is `[n, 1]`.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::preprocessing::{CategoryEncoding, OutputMode};
///
/// let x = Array::from_i32([2, 2], vec![0, 0, 2, 1])?;
/// let counts = CategoryEncoding::new(3, OutputMode::Count)?.apply(&x)?;
/// assert_eq!(counts.to_f32(), [2.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryEncoding {
    num_tokens: usize,
    output_mode: OutputMode,
}

impl CategoryEncoding {
    /// The encoding of `0..num_tokens`.
    ///
    /// # Errors
    /// If `num_tokens` is 0.
    pub fn new(num_tokens: usize, output_mode: OutputMode) -> Result<Self> {
        match num_tokens {
            0 => Err(Error::argument("num_tokens", 0, "at least 1")),
            _ => Ok(Self { num_tokens, output_mode }),
        }
    }

    /// The encoded array.
    ///
    /// # Errors
    /// If an element is not an integer of `0..num_tokens`.
    pub fn apply(&self, array: &Array) -> Result<Array> {
        let width = self.num_tokens;
        let mut shape = array.shape().to_vec();
        if shape.len() == 1 {
            shape.push(1);
        }
        let last = shape.last().copied().unwrap_or(1);
        let group = match self.output_mode {
            OutputMode::OneHot if last == 1 => 1,
            OutputMode::OneHot => {
                shape.push(1);
                1
            }
            OutputMode::MultiHot | OutputMode::Count => last,
        };
        let groups: usize = shape[..shape.len() - 1].iter().product();
        if let Some(end) = shape.last_mut() {
            *end = width;
        }
        let Some(size) = groups.checked_mul(width).filter(|&size| size < 1 << 40) else {
            return Err(Error::argument("num_tokens", width, format!("fewer for {groups} vectors")));
        };
        let mut out = vec![0.0; size];
        for (at, value) in array.to_f32().into_iter().enumerate() {
            if !(value >= 0.0 && value < width as f32 && value.fract() == 0.0) {
                let place = format!("CategoryEncoding, row {}", at / array.row_len());
                return Err(Error::data(place, value, format!("an integer of 0..{width}")));
            }
            let cell = &mut out[at / group * width + value as usize];
            *cell = if self.output_mode == OutputMode::Count { *cell + 1.0 } else { 1.0 };
        }
        Array::from_vec(shape, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(mode: OutputMode, shape: &[usize], values: &[i32]) -> Array {
        let array = Array::from_i32(shape, values.to_vec()).unwrap();
        CategoryEncoding::new(4, mode).unwrap().apply(&array).unwrap()
    }

    /// The examples of the Keras documentation.
    #[test]
    fn examples_of_keras() {
        let one_hot = encode(OutputMode::OneHot, &[4], &[3, 2, 0, 1]);
        assert_eq!(one_hot.shape(), [4, 4]);
        let wanted = [0., 0., 0., 1., 0., 0., 1., 0., 1., 0., 0., 0., 0., 1., 0., 0.];
        assert_eq!(one_hot.to_f32(), wanted);
        let multi_hot = encode(OutputMode::MultiHot, &[4, 2], &[0, 1, 0, 0, 1, 2, 3, 1]);
        assert_eq!(multi_hot.shape(), [4, 4]);
        assert_eq!(multi_hot.to_f32(), [1., 1., 0., 0., 1., 0., 0., 0., 0., 1., 1., 0., 0., 1., 0., 1.]);
    }

    #[test]
    fn one_hot_takes_the_place_of_an_axis_of_length_1_only() {
        assert_eq!(encode(OutputMode::OneHot, &[3, 1], &[3, 0, 1]).shape(), [3, 4]);
        let wide = encode(OutputMode::OneHot, &[1, 2], &[3, 0]);
        assert_eq!(wide.shape(), [1, 2, 4]);
        assert_eq!(wide.to_f32(), [0., 0., 0., 1., 1., 0., 0., 0.]);
        let deep = encode(OutputMode::Count, &[2, 2, 2], &[0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(deep.shape(), [2, 2, 4]);
        assert_eq!(deep.to_f32()[..8], [2., 0., 0., 0., 0., 2., 0., 0.]);
    }

    #[test]
    fn values_outside_are_named() {
        let encoding = CategoryEncoding::new(4, OutputMode::OneHot).unwrap();
        for bad in [-1.0, 4.0, 0.5, f32::NAN] {
            let error = encoding.apply(&vec![0.0, bad].into()).unwrap_err().to_string();
            assert!(error.contains("row 1") && error.contains("0..4"), "{error}");
        }
        assert!(CategoryEncoding::new(0, OutputMode::Count).is_err());
    }
}
