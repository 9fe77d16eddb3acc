//! Parts of images.

use fornax_core::{Array, Philox, Result};
use serde::{Deserialize, Serialize};

use super::resize::{Interpolation, Window, check_size, resize_window};
use super::{RandomTransform, Size, measure};

/// Cuts the middle out of images, as in Keras; of an image that is too small, the largest middle part of the
/// target's aspect ratio is resized.
///
/// # Shapes
/// `[n, h, w, c]` to `[n, height, width, c]`.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::preprocessing::images::CenterCrop;
///
/// let image = Array::from_vec([1, 1, 5, 1], vec![0.0, 1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!(CenterCrop::new(1, 3)?.apply(&image)?.to_f32(), [1.0, 2.0, 3.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CenterCrop {
    height: usize,
    width: usize,
}

impl CenterCrop {
    /// To this height and width.
    ///
    /// # Errors
    /// If one is 0.
    pub fn new(height: usize, width: usize) -> Result<Self> {
        check_size(height, width)?;
        Ok(Self { height, width })
    }

    /// The cropped images.
    ///
    /// # Errors
    /// If the array is not `[n, height, width, channels]`.
    pub fn apply(&self, images: &Array) -> Result<Array> {
        let (_, size) = measure("CenterCrop", images)?;
        let window = middle(size, self.height, self.width);
        let target = (self.height, self.width);
        resize_window("CenterCrop", images, |_| window, target, Interpolation::Bilinear)
    }
}

/// Cuts a part at a random place out of each image; an image that is too small is treated as by [`CenterCrop`].
///
/// Keras draws one place for all images of a batch; here each image has its own.
///
/// # Shapes
/// `[n, h, w, c]` to `[n, height, width, c]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomCrop {
    height: usize,
    width: usize,
}

impl RandomCrop {
    /// To this height and width.
    ///
    /// # Errors
    /// If one is 0.
    pub fn new(height: usize, width: usize) -> Result<Self> {
        check_size(height, width)?;
        Ok(Self { height, width })
    }
}

impl RandomTransform for RandomCrop {
    fn apply(&self, images: &Array, rng: Philox) -> Result<Array> {
        let (_, size) = measure("RandomCrop", images)?;
        let &Self { height, width } = self;
        let window = |index: usize| {
            if size.height < height || size.width < width {
                return middle(size, height, width);
            }
            let mut rng = rng.stream(index as u64);
            let (top, left) = (rng.below(size.height - height + 1), rng.below(size.width - width + 1));
            Window { top, left, height, width }
        };
        resize_window("RandomCrop", images, window, (height, width), Interpolation::Bilinear)
    }
}

/// The middle of an image: of the target's size, or the largest of its aspect ratio in an image too small.
fn middle(size: Size, height: usize, width: usize) -> Window {
    let (mut tall, mut wide) = (height, width);
    if size.height < height || size.width < width {
        let scaled = |a: usize, b: usize, c: usize| (a as f64 * b as f64 / c as f64) as usize;
        tall = scaled(size.width, height, width).clamp(1, size.height);
        wide = scaled(size.height, width, height).clamp(1, size.width);
    }
    Window { top: (size.height - tall) / 2, left: (size.width - wide) / 2, height: tall, width: wide }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(height: usize, width: usize) -> Array {
        Array::from_vec([1, height, width, 1], (0..height * width).map(|x| x as f32).collect()).unwrap()
    }

    #[test]
    fn the_middle_leans_to_the_start() {
        let out = CenterCrop::new(2, 1).unwrap().apply(&numbered(3, 4)).unwrap();
        assert_eq!(out.to_f32(), [1.0, 5.0]);
    }

    #[test]
    fn small_images_are_enlarged_in_proportion() {
        // Of 2 x 4 pixels the middle 2 x 2 has the target's aspect ratio.
        let out = CenterCrop::new(4, 4).unwrap().apply(&numbered(2, 4)).unwrap();
        assert_eq!(out.shape(), [1, 4, 4, 1]);
        assert_eq!((out.to_f32()[0], out.to_f32()[15]), (1.0, 6.0));
        let random = RandomCrop::new(4, 4).unwrap().apply(&numbered(2, 4), Philox::new(0)).unwrap();
        assert_eq!(random, out);
    }

    #[test]
    fn every_place_is_drawn_and_crops_are_parts() {
        let crop = RandomCrop::new(2, 2).unwrap();
        let mut corners = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let out = crop.apply(&numbered(3, 4), Philox::new(seed)).unwrap().to_f32();
            let corner = out[0];
            assert_eq!(out, [corner, corner + 1.0, corner + 4.0, corner + 5.0]);
            corners.insert(corner as i32);
        }
        assert_eq!(corners.into_iter().collect::<Vec<_>>(), [0, 1, 2, 4, 5, 6]);
        assert!(RandomCrop::new(0, 2).is_err());
    }
}
