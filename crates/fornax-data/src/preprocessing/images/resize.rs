//! Images in another size.

use fornax_core::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use super::{Size, each_image, measure};

/// How a value between pixels is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Interpolation {
    /// From the four pixels around, by distance.
    #[default]
    Bilinear,
    /// From the nearest pixel.
    Nearest,
}

/// Resizes images, as in Keras on TensorFlow: pixel centres at halves, no antialiasing.
///
/// Output pixel `o` lies at `(o + 0.5) * in / out - 0.5` of the input. The default is bilinear.
///
/// # Shapes
/// `[n, h, w, c]` to `[n, height, width, c]`.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::preprocessing::images::Resizing;
///
/// let image = Array::from_vec([1, 1, 2, 1], vec![0.0, 4.0])?;
/// assert_eq!(Resizing::new(1, 4)?.apply(&image)?.to_f32(), [0.0, 1.0, 3.0, 4.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resizing {
    height: usize,
    width: usize,
    interpolation: Interpolation,
}

impl Resizing {
    /// To this height and width.
    ///
    /// # Errors
    /// If one is 0.
    pub fn new(height: usize, width: usize) -> Result<Self> {
        check_size(height, width)?;
        Ok(Self { height, width, interpolation: Interpolation::default() })
    }

    /// How values between pixels are found.
    pub fn interpolation(self, interpolation: Interpolation) -> Self {
        Self { interpolation, ..self }
    }

    /// The resized images.
    ///
    /// # Errors
    /// If the array is not `[n, height, width, channels]`.
    pub fn apply(&self, images: &Array) -> Result<Array> {
        let (_, size) = measure("Resizing", images)?;
        let window = Window { top: 0, left: 0, height: size.height, width: size.width };
        resize_window("Resizing", images, |_| window, (self.height, self.width), self.interpolation)
    }
}

/// A part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

/// Resizes a window of each image to `target`.
pub(super) fn resize_window(
    place: &str,
    images: &Array,
    window: impl Fn(usize) -> Window,
    target: (usize, usize),
    interpolation: Interpolation,
) -> Result<Array> {
    let (_, size) = measure(place, images)?;
    each_image(place, images, target, |index, from, to| {
        let window = window(index);
        let rows = taps(window.top, window.height, target.0, interpolation);
        let columns = taps(window.left, window.width, target.1, interpolation);
        blend(size, from, to, &rows, &columns);
    })
}

pub(super) fn check_size(height: usize, width: usize) -> Result<()> {
    if height == 0 || width == 0 {
        return Err(Error::argument("size", format!("{height} x {width}"), "at least 1 x 1"));
    }
    Ok(())
}

/// Two pixels of an axis and the share of the second.
#[derive(Clone, Copy)]
struct Tap {
    low: usize,
    high: usize,
    share: f32,
}

fn taps(start: usize, from: usize, to: usize, interpolation: Interpolation) -> Vec<Tap> {
    let scale = from as f32 / to as f32;
    let tap = |out: usize| {
        let center = (out as f32 + 0.5) * scale;
        match interpolation {
            Interpolation::Nearest => {
                let pixel = start + (center.floor() as usize).min(from - 1);
                Tap { low: pixel, high: pixel, share: 0.0 }
            }
            Interpolation::Bilinear => {
                let floor = (center - 0.5).floor();
                let low = floor.max(0.0) as usize;
                let high = ((center - 0.5).ceil().max(0.0) as usize).min(from - 1);
                Tap { low: start + low.min(from - 1), high: start + high, share: center - 0.5 - floor }
            }
        }
    };
    (0..to).map(tap).collect()
}

fn blend(size: Size, from: &[f32], to: &mut [f32], rows: &[Tap], columns: &[Tap]) {
    let pixel = |row: usize, column: usize, channel: usize| {
        from[(row * size.width + column) * size.channels + channel]
    };
    let mut out = to.iter_mut();
    for row in rows {
        for column in columns {
            for (channel, out) in (0..size.channels).zip(&mut out) {
                let mix = |row: usize| {
                    let (low, high) = (pixel(row, column.low, channel), pixel(row, column.high, channel));
                    low + (high - low) * column.share
                };
                let (low, high) = (mix(row.low), mix(row.high));
                *out = low + (high - low) * row.share;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(values: &[f32], height: usize, interpolation: Interpolation) -> Vec<f32> {
        let image = Array::from_vec([1, values.len(), 1, 1], values.to_vec()).unwrap();
        Resizing::new(height, 1).unwrap().interpolation(interpolation).apply(&image).unwrap().to_f32()
    }

    /// `tf.image.resize` with half-pixel centres, by hand: 5 pixels to 3 take 0.333, 2 and 3.667.
    #[test]
    fn half_pixel_centres() {
        let shrunk = column(&[0.0, 3.0, 6.0, 9.0, 12.0], 3, Interpolation::Bilinear);
        for (found, wanted) in shrunk.iter().zip([1.0, 6.0, 11.0]) {
            assert!((found - wanted).abs() < 1e-5, "{found}");
        }
        assert_eq!(column(&[0.0, 1.0, 2.0, 3.0, 4.0], 3, Interpolation::Nearest), [0.0, 2.0, 4.0]);
        assert_eq!(column(&[5.0, 7.0], 4, Interpolation::Nearest), [5.0, 5.0, 7.0, 7.0]);
        assert_eq!(column(&[5.0], 3, Interpolation::Bilinear), [5.0; 3]);
    }

    #[test]
    fn channels_and_images_do_not_mix() {
        let x = Array::from_vec([2, 1, 2, 2], vec![0.0, 10.0, 4.0, 30.0, 1.0, 1.0, 2.0, 2.0]).unwrap();
        let out = Resizing::new(1, 1).unwrap().apply(&x).unwrap();
        assert_eq!(out.to_f32(), [2.0, 20.0, 1.5, 1.5]);
        assert!(Resizing::new(0, 1).is_err());
        assert!(Resizing::new(1, 1).unwrap().apply(&vec![1.0f32].into()).is_err());
    }

    proptest! {
        #[test]
        fn the_same_size_changes_nothing_and_a_plain_image_stays_plain(
            h in 1usize..9, w in 1usize..9, to in (1usize..12, 1usize..12), nearest: bool,
        ) {
            let interpolation = if nearest { Interpolation::Nearest } else { Interpolation::Bilinear };
            let image = Array::from_vec([1, h, w, 1], (0..h * w).map(|x| (x as f32).cos()).collect()).unwrap();
            let same = Resizing::new(h, w).unwrap().interpolation(interpolation).apply(&image).unwrap();
            prop_assert_eq!(same, image);
            let plain = Array::from_vec([1, h, w, 1], vec![0.7; h * w]).unwrap();
            let out = Resizing::new(to.0, to.1).unwrap().interpolation(interpolation).apply(&plain).unwrap();
            prop_assert!(out.to_f32().iter().all(|&x| x == 0.7));
        }
    }
}
