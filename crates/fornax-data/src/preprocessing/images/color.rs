//! Images with other contrast and brightness.

use fornax_core::{Array, Error, Philox, Result};
use serde::{Deserialize, Serialize};

use super::{Factor, RandomTransform, each_image, measure};

/// Draws a contrast for each image: `y = (x - mean) * contrast + mean` with the mean of each channel, limited to
/// the value range.
///
/// The range is `[0, 1]`, that of images read by this crate, unless it is set; Keras assumes `[0, 255]`.
///
/// ```
/// use fornax_core::{Array, Philox};
/// use fornax_data::preprocessing::images::{RandomContrast, RandomTransform};
///
/// let image = Array::from_vec([1, 1, 2, 1], vec![0.25, 0.75])?;
/// let none = RandomContrast::between(1.0, -1.0)?;
/// assert_eq!(none.apply(&image, Philox::new(0))?.to_f32(), [0.5, 0.5]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomContrast {
    lower: f32,
    upper: f32,
    value_range: (f32, f32),
}

impl RandomContrast {
    /// A contrast of `[1 - factor, 1 + factor]`.
    ///
    /// # Errors
    /// If the factor is not of 0..=1.
    pub fn new(factor: f32) -> Result<Self> {
        Self::between(factor, factor)
    }

    /// A contrast of `[1 - lower, 1 + upper]`.
    ///
    /// # Errors
    /// If a bound is not of -1..=1, or if the range is empty.
    pub fn between(lower: f32, upper: f32) -> Result<Self> {
        let range = Factor { low: -lower, high: upper }.checked("factor")?;
        Ok(Self { lower: -range.low, upper: range.high, value_range: (0.0, 1.0) })
    }

    /// The lowest and the highest value of a pixel.
    ///
    /// # Errors
    /// If the range is empty.
    pub fn value_range(self, low: f32, high: f32) -> Result<Self> {
        Ok(Self { value_range: check_range(low, high)?, ..self })
    }
}

impl RandomTransform for RandomContrast {
    fn apply(&self, images: &Array, rng: Philox) -> Result<Array> {
        let (_, size) = measure("RandomContrast", images)?;
        let (low, high) = self.value_range;
        each_image("RandomContrast", images, (size.height, size.width), |index, from, to| {
            let contrast = rng.stream(index as u64).uniform_in(1.0 - self.lower, 1.0 + self.upper);
            let pixels = (size.height * size.width) as f64;
            for channel in 0..size.channels {
                let values = || from.iter().skip(channel).step_by(size.channels);
                let mean = (values().map(|&x| f64::from(x)).sum::<f64>() / pixels) as f32;
                for (out, x) in to.iter_mut().skip(channel).step_by(size.channels).zip(values()) {
                    *out = ((x - mean) * contrast + mean).clamp(low, high);
                }
            }
        })
    }
}

/// Draws a shift of brightness for each image: `y = x + shift * (high - low)`, limited to the value range
/// `[low, high]`.
///
/// The range is `[0, 1]`, that of images read by this crate, unless it is set; Keras assumes `[0, 255]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomBrightness {
    factor: Factor,
    value_range: (f32, f32),
}

impl RandomBrightness {
    /// A shift from this factor; one number `f` means `(-f, f)`. -1 makes an image black and 1 white.
    ///
    /// # Errors
    /// If the factor is not of -1..=1.
    pub fn new(factor: impl Into<Factor>) -> Result<Self> {
        Ok(Self { factor: factor.into().checked("factor")?, value_range: (0.0, 1.0) })
    }

    /// The lowest and the highest value of a pixel.
    ///
    /// # Errors
    /// If the range is empty.
    pub fn value_range(self, low: f32, high: f32) -> Result<Self> {
        Ok(Self { value_range: check_range(low, high)?, ..self })
    }
}

impl RandomTransform for RandomBrightness {
    fn apply(&self, images: &Array, rng: Philox) -> Result<Array> {
        let (_, size) = measure("RandomBrightness", images)?;
        let (low, high) = self.value_range;
        each_image("RandomBrightness", images, (size.height, size.width), |index, from, to| {
            let shift = self.factor.draw(&mut rng.stream(index as u64)) * (high - low);
            to.iter_mut().zip(from).for_each(|(out, x)| *out = (x + shift).clamp(low, high));
        })
    }
}

fn check_range(low: f32, high: f32) -> Result<(f32, f32)> {
    match low < high {
        true => Ok((low, high)),
        false => Err(Error::argument("value range", format!("({low}, {high})"), "ascending numbers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_turns_about_the_mean_of_each_channel() {
        let x = Array::from_vec([1, 1, 2, 2], vec![100.0, 10.0, 140.0, 50.0]).unwrap();
        let double = RandomContrast::between(-1.0, 1.0).unwrap().value_range(0.0, 255.0).unwrap();
        let out = double.apply(&x, Philox::new(0)).unwrap();
        assert_eq!(out.to_f32(), [80.0, 0.0, 160.0, 70.0], "limited at 0");
        let random = RandomContrast::new(0.5).unwrap().value_range(0.0, 255.0).unwrap();
        for seed in 0..50 {
            let out = random.apply(&x, Philox::new(seed)).unwrap().to_f32();
            let contrast = (out[2] - out[0]) / 40.0;
            assert!((0.5..=1.5).contains(&contrast) && (out[0] + out[2] - 240.0).abs() < 1e-3);
        }
        assert!(RandomContrast::new(1.5).is_err());
        assert!(RandomContrast::between(-0.5, 0.3).is_err(), "from 1.5 to 1.3");
        assert!(random.value_range(1.0, 1.0).is_err());
    }

    #[test]
    fn brightness_is_a_share_of_the_range() {
        let x = Array::from_vec([1, 1, 2, 1], vec![100.0, 250.0]).unwrap();
        let brighter = RandomBrightness::new((0.1, 0.1)).unwrap().value_range(0.0, 255.0).unwrap();
        assert_eq!(brighter.apply(&x, Philox::new(0)).unwrap().to_f32(), [125.5, 255.0]);
        let black = RandomBrightness::new((-1.0, -1.0)).unwrap();
        let half = Array::from_vec([1, 1, 1, 1], vec![0.5]).unwrap();
        assert_eq!(black.apply(&half, Philox::new(0)).unwrap().to_f32(), [0.0]);
        assert!(RandomBrightness::new(-2.0).is_err());
        assert!(brighter.value_range(1.0, 0.0).is_err());
    }
}
