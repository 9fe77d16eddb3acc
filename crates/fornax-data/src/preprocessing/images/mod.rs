//! Transforms of images `[n, height, width, channels]`: resizing, cropping and random augmentation.
//!
//! A random transform draws for each image from a stream of its own, so that an image's fate depends on the
//! generator and its place in the batch only. [`Augmentation`] chains them for
//! [`Batches::transform`](crate::Batches::transform).

mod color;
mod crop;
mod flip;
mod resize;
mod warp;

use std::sync::Arc;

use fornax_core::{Array, Error, Philox, Result};
use serde::{Deserialize, Serialize};

pub use color::{RandomBrightness, RandomContrast};
pub use crop::{CenterCrop, RandomCrop};
pub use flip::RandomFlip;
pub use resize::{Interpolation, Resizing};
pub use warp::{FillMode, RandomRotation, RandomTranslation, RandomZoom};

use crate::Batch;

/// A transform of images that draws at random.
pub trait RandomTransform: Send + Sync {
    /// The transformed images; image `i` draws from `rng.stream(i)`.
    ///
    /// # Errors
    /// If the array is not `[n, height, width, channels]`.
    fn apply(&self, images: &Array, rng: Philox) -> Result<Array>;
}

/// Random transforms one after the other.
///
/// ```
/// use fornax_data::Batches;
/// use fornax_data::preprocessing::images::{Augmentation, RandomFlip, RandomRotation};
///
/// let augmentation = Augmentation::new().add(RandomFlip::horizontal()).add(RandomRotation::new(0.05)?);
/// let data = fornax_data::synthetic::digits(8, 1);
/// let batches = Batches::new(&data, 4)?.seed(3).transform(augmentation.on_input(0));
/// let batch = batches.epoch(0).next().unwrap()?;
/// assert_eq!(batch.inputs[0].shape(), [4, 28, 28, 1]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Augmentation {
    transforms: Vec<Arc<dyn RandomTransform>>,
}

impl Augmentation {
    /// No transform yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a transform at the end.
    #[expect(clippy::should_implement_trait, reason = "the name of the builders of models")]
    pub fn add(mut self, transform: impl RandomTransform + 'static) -> Self {
        self.transforms.push(Arc::new(transform));
        self
    }

    /// The chain as a transformation of an input of batches.
    pub fn on_input(self, input: usize) -> impl Fn(Batch, Philox) -> Result<Batch> + Send + Sync + 'static {
        move |mut batch, rng| {
            let count = batch.inputs.len();
            let Some(images) = batch.inputs.get_mut(input) else {
                return Err(Error::argument(
                    "input",
                    input,
                    format!("less than {count}, the number of inputs"),
                ));
            };
            *images = self.apply(images, rng)?;
            Ok(batch)
        }
    }
}

impl RandomTransform for Augmentation {
    fn apply(&self, images: &Array, rng: Philox) -> Result<Array> {
        let mut transforms = self.transforms.iter().enumerate();
        transforms.try_fold(images.clone(), |images, (index, transform)| {
            transform.apply(&images, rng.stream(index as u64))
        })
    }
}

impl std::fmt::Debug for Augmentation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Augmentation").field("transforms", &self.transforms.len()).finish()
    }
}

/// A range to draw from: one number `f` means `(-f, f)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    /// The lower end.
    pub low: f32,
    /// The upper end.
    pub high: f32,
}

impl Factor {
    /// The same factor, if it lies in -1..=1.
    fn checked(self, name: &str) -> Result<Self> {
        if self.low >= -1.0 && self.high <= 1.0 && self.low <= self.high {
            return Ok(self);
        }
        Err(Error::argument(name, format!("({}, {})", self.low, self.high), "ascending numbers of -1..=1"))
    }

    fn draw(self, rng: &mut Philox) -> f32 {
        rng.uniform_in(self.low, self.high)
    }
}

impl From<f32> for Factor {
    fn from(factor: f32) -> Self {
        Self { low: -factor.abs(), high: factor.abs() }
    }
}

impl From<(f32, f32)> for Factor {
    fn from((low, high): (f32, f32)) -> Self {
        Self { low, high }
    }
}

/// The lengths of the axes of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    height: usize,
    width: usize,
    channels: usize,
}

impl Size {
    fn len(self) -> usize {
        self.height * self.width * self.channels
    }
}

/// Maps each image, with its place in the batch, to one of another height and width.
fn each_image(
    place: &str,
    images: &Array,
    (height, width): (usize, usize),
    mut map: impl FnMut(usize, &[f32], &mut [f32]),
) -> Result<Array> {
    let (count, size) = measure(place, images)?;
    let target = Size { height, width, ..size };
    let mut out = vec![0.0; count * target.len()];
    if !out.is_empty() {
        let values = images.to_f32();
        for (index, (from, to)) in values.chunks(size.len()).zip(out.chunks_mut(target.len())).enumerate() {
            map(index, from, to);
        }
    }
    Array::from_vec([count, height, width, size.channels], out)
}

/// The number of images and the size of one.
fn measure(place: &str, images: &Array) -> Result<(usize, Size)> {
    match *images.shape() {
        [count, height, width, channels] if height > 0 && width > 0 && channels > 0 => {
            Ok((count, Size { height, width, channels }))
        }
        _ => {
            let wanted = "[n, height, width, channels], each at least 1";
            Err(Error::shape(place, format!("{:?}", images.shape()), wanted))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every random transform, on a batch that holds the same image twice.
    #[test]
    fn seeds_decide_everything_and_images_differ() {
        let image: Vec<f32> = (0..6 * 5 * 3).map(|x| (x as f32 * 0.7).sin() * 0.5 + 0.5).collect();
        let twice = Array::from_vec([2, 6, 5, 3], [image.clone(), image].concat()).unwrap();
        let transforms: Vec<(&str, Box<dyn RandomTransform>)> = vec![
            ("rotation", Box::new(RandomRotation::new(0.3).unwrap())),
            ("zoom", Box::new(RandomZoom::new(0.4).unwrap())),
            ("translation", Box::new(RandomTranslation::new(0.4, 0.4).unwrap())),
            ("crop", Box::new(RandomCrop::new(3, 2).unwrap())),
            ("contrast", Box::new(RandomContrast::new(0.5).unwrap())),
            ("brightness", Box::new(RandomBrightness::new(0.3).unwrap())),
            (
                "chain",
                Box::new(
                    Augmentation::new().add(RandomFlip::horizontal()).add(RandomZoom::new(0.4).unwrap()),
                ),
            ),
        ];
        for (name, transform) in transforms {
            let rng = Philox::new(2);
            let out = transform.apply(&twice, rng).unwrap();
            assert_eq!(out, transform.apply(&twice, rng).unwrap(), "{name}");
            assert_ne!(out, transform.apply(&twice, Philox::new(3)).unwrap(), "{name}");
            assert_ne!(out.rows(0..1), out.rows(1..2), "{name} of the second image");
            assert_eq!(out.rows(0..1), transform.apply(&twice.rows(0..1), rng).unwrap(), "{name} alone");
            assert!(transform.apply(&vec![0.0f32; 4].into(), rng).is_err(), "{name} of a vector");
            assert!(out.to_f32().iter().all(|x| (-1e-6..=1.000_001).contains(x)), "{name} stays in range");
        }
    }

    #[test]
    fn factors_outside_are_rejected() {
        assert!(RandomRotation::new(1.5).is_err());
        assert!(RandomZoom::new((0.3, 0.1)).is_err());
        assert!(RandomTranslation::new(f32::NAN, 0.1).is_err());
        let batch = crate::Batches::new(&crate::synthetic::digits(2, 0), 1).unwrap();
        let missing = batch.transform(Augmentation::new().on_input(1)).workers(0);
        assert!(missing.epoch(0).next().unwrap().is_err());
    }
}
