//! Images rotated, zoomed and moved: the output pixel `(x, y)` is read at `(a x + b y + c, d x + e y + f)`.

use fornax_core::{Array, Error, Philox, Result};
use serde::{Deserialize, Serialize};

use super::{Factor, Interpolation, RandomTransform, Size, each_image, measure};

/// What is read beyond the edge of an image `a b c d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum FillMode {
    /// `(d c b a | a b c d | d c b a)`
    #[default]
    Reflect,
    /// `(a b c d | a b c d | a b c d)`
    Wrap,
    /// `(a a a a | a b c d | d d d d)`
    Nearest,
    /// This value.
    Constant(f32),
}

/// How pixels that are not on the grid or not in the image are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sampler {
    fill_mode: FillMode,
    interpolation: Interpolation,
}

/// The setters that the three transforms share.
macro_rules! sampling {
    ($name:ident) => {
        impl $name {
            /// What is read beyond the edge; [`FillMode::Reflect`] if not set, as in Keras.
            pub fn fill_mode(mut self, fill_mode: FillMode) -> Self {
                self.sampler.fill_mode = fill_mode;
                self
            }

            /// How values between pixels are found; bilinear if not set.
            pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
                self.sampler.interpolation = interpolation;
                self
            }
        }
    };
}

/// Rotates each image about its middle by a fraction of a full turn drawn from `factor`; positive fractions turn
/// counter-clockwise, as in Keras.
///
/// ```
/// use fornax_core::{Array, Philox};
/// use fornax_data::preprocessing::images::{RandomRotation, RandomTransform};
///
/// let quarter = RandomRotation::new((0.25, 0.25))?;
/// let image = Array::from_vec([1, 2, 2, 1], vec![1.0, 2.0, 3.0, 4.0])?;
/// let out = quarter.apply(&image, Philox::new(0))?.to_f32();
/// assert!(out.iter().zip([2.0, 4.0, 1.0, 3.0]).all(|(found, wanted)| (found - wanted).abs() < 1e-4));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomRotation {
    factor: Factor,
    sampler: Sampler,
}

sampling!(RandomRotation);

impl RandomRotation {
    /// By fractions of a full turn; one number `f` means `(-f, f)`.
    ///
    /// # Errors
    /// If the factor is not of -1..=1.
    pub fn new(factor: impl Into<Factor>) -> Result<Self> {
        Ok(Self { factor: factor.into().checked("factor")?, sampler: Sampler::default() })
    }
}

impl RandomTransform for RandomRotation {
    fn apply(&self, images: &Array, rng: Philox) -> Result<Array> {
        warp("RandomRotation", images, rng, self.sampler, |size, rng| {
            let (sin, cos) = (std::f32::consts::TAU * self.factor.draw(rng)).sin_cos();
            let (x, y) = middle(size);
            [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y]
        })
    }
}

/// Zooms each image about its middle: an extent of `1 + factor` images is shown in one, so that positive factors
/// zoom out, as in Keras. Height and width are in proportion unless the width has a factor of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomZoom {
    height: Factor,
    width: Option<Factor>,
    sampler: Sampler,
}

sampling!(RandomZoom);

impl RandomZoom {
    /// By this factor, in proportion; one number `f` means `(-f, f)`.
    ///
    /// # Errors
    /// If the factor is not of -1..=1.
    pub fn new(height: impl Into<Factor>) -> Result<Self> {
        Ok(Self { height: height.into().checked("height factor")?, width: None, sampler: Sampler::default() })
    }

    /// The width by a factor drawn on its own.
    ///
    /// # Errors
    /// If the factor is not of -1..=1.
    pub fn width(self, width: impl Into<Factor>) -> Result<Self> {
        Ok(Self { width: Some(width.into().checked("width factor")?), ..self })
    }
}

impl RandomTransform for RandomZoom {
    fn apply(&self, images: &Array, rng: Philox) -> Result<Array> {
        warp("RandomZoom", images, rng, self.sampler, |size, rng| {
            let down = 1.0 + self.height.draw(rng);
            let across = self.width.map_or(down, |width| 1.0 + width.draw(rng));
            let (x, y) = middle(size);
            [across, 0.0, x * (1.0 - across), 0.0, down, y * (1.0 - down)]
        })
    }
}

/// Moves each image by fractions of its height (positive: down) and width (positive: to the right), as in Keras.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomTranslation {
    height: Factor,
    width: Factor,
    sampler: Sampler,
}

sampling!(RandomTranslation);

impl RandomTranslation {
    /// By these fractions; one number `f` means `(-f, f)`.
    ///
    /// # Errors
    /// If a factor is not of -1..=1.
    pub fn new(height: impl Into<Factor>, width: impl Into<Factor>) -> Result<Self> {
        let (height, width) =
            (height.into().checked("height factor")?, width.into().checked("width factor")?);
        Ok(Self { height, width, sampler: Sampler::default() })
    }
}

impl RandomTransform for RandomTranslation {
    fn apply(&self, images: &Array, rng: Philox) -> Result<Array> {
        warp("RandomTranslation", images, rng, self.sampler, |size, rng| {
            let down = self.height.draw(rng) * size.height as f32;
            let across = self.width.draw(rng) * size.width as f32;
            [1.0, 0.0, -across, 0.0, 1.0, -down]
        })
    }
}

fn middle(size: Size) -> (f32, f32) {
    ((size.width as f32 - 1.0) / 2.0, (size.height as f32 - 1.0) / 2.0)
}

fn warp(
    place: &str,
    images: &Array,
    rng: Philox,
    sampler: Sampler,
    matrix: impl Fn(Size, &mut Philox) -> [f32; 6],
) -> Result<Array> {
    let (_, size) = measure(place, images)?;
    // Coordinates are f32 and have to tell neighbours apart.
    if size.height.max(size.width) > 1 << 20 {
        return Err(Error::shape(place, format!("{:?}", images.shape()), "at most 2^20 pixels a side"));
    }
    each_image(place, images, (size.height, size.width), |index, from, to| {
        let [a, b, c, d, e, f] = matrix(size, &mut rng.stream(index as u64));
        for (at, pixel) in to.chunks_mut(size.channels).enumerate() {
            let (x, y) = ((at % size.width) as f32, (at / size.width) as f32);
            sampler.read(size, from, a * x + b * y + c, d * x + e * y + f, pixel);
        }
    })
}

impl Sampler {
    /// The value of every channel at `(x, y)`.
    fn read(&self, size: Size, image: &[f32], x: f32, y: f32, pixel: &mut [f32]) {
        if self.interpolation == Interpolation::Nearest {
            let at = self.place(size, (x + 0.5).floor() as i64, (y + 0.5).floor() as i64);
            for (channel, out) in pixel.iter_mut().enumerate() {
                *out = self.value(image, at, channel);
            }
            return;
        }
        let (left, top) = (x.floor(), y.floor());
        let (across, down) = (x - left, y - top);
        let (left, top) = (left as i64, top as i64);
        let corners = [
            (self.place(size, left, top), (1.0 - across) * (1.0 - down)),
            (self.place(size, left + 1, top), across * (1.0 - down)),
            (self.place(size, left, top + 1), (1.0 - across) * down),
            (self.place(size, left + 1, top + 1), across * down),
        ];
        for (channel, out) in pixel.iter_mut().enumerate() {
            *out = corners.iter().map(|&(at, share)| share * self.value(image, at, channel)).sum();
        }
    }

    /// Where the pixel `(x, y)` begins; none beyond the edge of a constant fill.
    fn place(&self, size: Size, x: i64, y: i64) -> Option<usize> {
        let x = self.inside(x, size.width as i64)?;
        let y = self.inside(y, size.height as i64)?;
        Some((y * size.width + x) * size.channels)
    }

    fn inside(&self, at: i64, len: i64) -> Option<usize> {
        let at = match self.fill_mode {
            FillMode::Reflect => {
                let at = at.rem_euclid(2 * len);
                if at < len { at } else { 2 * len - 1 - at }
            }
            FillMode::Wrap => at.rem_euclid(len),
            FillMode::Nearest => at.clamp(0, len - 1),
            FillMode::Constant(_) => Some(at).filter(|at| (0..len).contains(at))?,
        };
        Some(at as usize)
    }

    fn value(&self, image: &[f32], at: Option<usize>, channel: usize) -> f32 {
        match (at, self.fill_mode) {
            (Some(at), _) => image[at + channel],
            (None, FillMode::Constant(value)) => value,
            (None, _) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(values: &[f32]) -> Array {
        Array::from_vec([1, 1, values.len(), 1], values.to_vec()).unwrap()
    }

    fn near(found: &Array, wanted: &[f32]) {
        let found = found.to_f32();
        let close = found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(found.len() == wanted.len() && close, "found {found:?}, wanted {wanted:?}");
    }

    #[test]
    fn fill_modes_extend_the_edge_as_documented() {
        let x = row(&[1.0, 2.0, 3.0, 4.0]);
        // By the whole width to the right: what is seen is what lies left of the image.
        for (mode, wanted) in [
            (FillMode::Reflect, [4.0, 3.0, 2.0, 1.0]),
            (FillMode::Wrap, [1.0, 2.0, 3.0, 4.0]),
            (FillMode::Nearest, [1.0; 4]),
            (FillMode::Constant(9.0), [9.0; 4]),
        ] {
            let moved = RandomTranslation::new(0.0, (1.0, 1.0)).unwrap().fill_mode(mode);
            near(&moved.apply(&x, Philox::new(0)).unwrap(), &wanted);
        }
    }

    #[test]
    fn half_pixels_are_blended_or_rounded() {
        let x = row(&[0.0, 4.0, 8.0, 12.0]);
        let moved = RandomTranslation::new(0.0, (-0.125, -0.125)).unwrap();
        near(&moved.apply(&x, Philox::new(0)).unwrap(), &[2.0, 6.0, 10.0, 12.0]);
        let blend = moved.fill_mode(FillMode::Constant(0.0));
        near(&blend.apply(&x, Philox::new(0)).unwrap(), &[2.0, 6.0, 10.0, 6.0]);
        let nearest = moved.interpolation(Interpolation::Nearest);
        near(&nearest.apply(&x, Philox::new(0)).unwrap(), &[4.0, 8.0, 12.0, 12.0]);
    }

    #[test]
    fn directions_are_those_of_keras() {
        let image = Array::from_vec([1, 3, 3, 1], (1..=9).map(|x| x as f32).collect()).unwrap();
        let constant = FillMode::Constant(0.0);
        let third = 1.0 / 3.0;
        let down = RandomTranslation::new((third, third), 0.0).unwrap().fill_mode(constant);
        near(&down.apply(&image, Philox::new(0)).unwrap(), &[0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let quarter = RandomRotation::new((0.25, 0.25)).unwrap();
        // Counter-clockwise: the right column becomes the top row.
        near(&quarter.apply(&image, Philox::new(0)).unwrap(), &[3.0, 6.0, 9.0, 2.0, 5.0, 8.0, 1.0, 4.0, 7.0]);
        let out = RandomZoom::new((1.0, 1.0)).unwrap().fill_mode(constant);
        near(&out.apply(&image, Philox::new(0)).unwrap(), &[0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0]);
        let into = RandomZoom::new(0.0).unwrap().width((-0.5, -0.5)).unwrap();
        near(&into.apply(&image, Philox::new(0)).unwrap(), &[1.5, 2.0, 2.5, 4.5, 5.0, 5.5, 7.5, 8.0, 8.5]);
    }

    proptest! {
        #[test]
        fn a_factor_of_0_changes_nothing(h in 1usize..7, w in 1usize..7, seed: u64) {
            let image = Array::from_vec([1, h, w, 1], (0..h * w).map(|x| (x as f32).cos()).collect()).unwrap();
            let rng = Philox::new(seed);
            prop_assert_eq!(&RandomRotation::new(0.0).unwrap().apply(&image, rng).unwrap(), &image);
            prop_assert_eq!(&RandomZoom::new(0.0).unwrap().apply(&image, rng).unwrap(), &image);
            prop_assert_eq!(&RandomTranslation::new(0.0, 0.0).unwrap().apply(&image, rng).unwrap(), &image);
        }

        #[test]
        fn rotating_back_and_forth_by_quarters_is_nothing(side in 1usize..7, quarters in -4i32..=4) {
            let image = Array::from_vec([1, side, side, 1], (0..side * side).map(|x| x as f32).collect()).unwrap();
            let turn = |by: f32| RandomRotation::new((by, by)).unwrap();
            let by = quarters as f32 / 4.0;
            let there = turn(by).apply(&image, Philox::new(0)).unwrap();
            near(&turn(-by).apply(&there, Philox::new(0)).unwrap(), &image.to_f32());
        }
    }
}
