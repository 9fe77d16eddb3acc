//! Images mirrored.

use fornax_core::{Array, Philox, Result};
use serde::{Deserialize, Serialize};

use super::{RandomTransform, each_image, measure};

/// Mirrors each image with probability 1/2, in each direction that is asked for.
///
/// ```
/// use fornax_core::{Array, Philox};
/// use fornax_data::preprocessing::images::{RandomFlip, RandomTransform};
///
/// let image = Array::from_vec([1, 1, 2, 1], vec![1.0, 2.0])?;
/// let out = RandomFlip::horizontal().apply(&image, Philox::new(0))?.to_f32();
/// assert!(out == [1.0, 2.0] || out == [2.0, 1.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomFlip {
    horizontal: bool,
    vertical: bool,
}

impl RandomFlip {
    /// Left and right change places.
    pub fn horizontal() -> Self {
        Self { horizontal: true, vertical: false }
    }

    /// Top and bottom change places.
    pub fn vertical() -> Self {
        Self { horizontal: false, vertical: true }
    }

    /// Both, independently: the default of Keras.
    pub fn both() -> Self {
        Self { horizontal: true, vertical: true }
    }
}

impl RandomTransform for RandomFlip {
    fn apply(&self, images: &Array, rng: Philox) -> Result<Array> {
        let (_, size) = measure("RandomFlip", images)?;
        each_image("RandomFlip", images, (size.height, size.width), |index, from, to| {
            let mut rng = rng.stream(index as u64);
            let (across, down) = (rng.uniform() < 0.5, rng.uniform() < 0.5);
            let (across, down) = (self.horizontal && across, self.vertical && down);
            let pixels = to.chunks_mut(size.channels).enumerate();
            for (at, pixel) in pixels {
                let (row, column) = (at / size.width, at % size.width);
                let row = if down { size.height - 1 - row } else { row };
                let column = if across { size.width - 1 - column } else { column };
                let start = (row * size.width + column) * size.channels;
                pixel.copy_from_slice(&from[start..start + size.channels]);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_images_in_each_direction() {
        let image = [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5];
        let x = Array::from_vec([1000, 2, 2, 2], image.repeat(1000)).unwrap();
        for (flip, wanted) in [
            (RandomFlip::horizontal(), vec![1.0, 2.0]),
            (RandomFlip::vertical(), vec![1.0, 3.0]),
            (RandomFlip::both(), vec![1.0, 2.0, 3.0, 4.0]),
        ] {
            let out = flip.apply(&x, Philox::new(1)).unwrap().to_f32();
            let share = 1000 / wanted.len();
            for first in wanted {
                let count = out.chunks(8).filter(|image| image[0] == first).count();
                assert!(count.abs_diff(share) < 70, "{first}: {count} of {share}");
            }
            assert!(out.chunks(2).all(|pixel| pixel[1] == pixel[0] + 0.5), "channels keep their order");
        }
        let once = RandomFlip::both().apply(&x, Philox::new(1)).unwrap();
        assert_eq!(RandomFlip::both().apply(&once, Philox::new(1)).unwrap(), x, "twice is nothing");
    }
}
