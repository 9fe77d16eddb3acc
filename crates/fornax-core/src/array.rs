//! Arrays in host memory, the form in which data comes and goes: row-major, any rank, axis 0 counts samples.
//!
//! [`Array`] is the bridge to `ndarray`, `nalgebra`, slices and vectors. A row range of an array is a view: it
//! shares the storage, so that splitting a data set copies nothing. Bytes (images) stay bytes until a batch is
//! gathered, at a quarter of the memory.

use std::ops::Range;
use std::sync::Arc;

use crate::prefetch::prefetch;
use crate::{Error, Result};

/// A row-major array of `f32`, `i32` or scaled bytes.
///
/// ```
/// use fornax_core::Array;
///
/// let array = Array::from_vec([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(array.rows(1..2).to_f32(), [4.0, 5.0, 6.0]);
///
/// let matrix: Array = nalgebra::Matrix2x3::new(1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0).into();
/// assert_eq!(matrix, array);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Array {
    shape: Vec<usize>,
    values: Values,
    /// Where row 0 starts in the storage, in elements.
    start: usize,
}

#[derive(Clone, Debug)]
enum Values {
    F32(Arc<Vec<f32>>),
    I32(Arc<Vec<i32>>),
    U8(Arc<Vec<u8>>, f32),
}

/// Calls `$body` with the elements of the array as a slice `$v` and the conversion `$to` of one to `f32`.
macro_rules! with_values {
    ($array:expr, |$v:ident, $to:ident| $body:expr) => {{
        let range = $array.start..$array.start + $array.len();
        match &$array.values {
            Values::F32(values) => {
                let ($v, $to) = (&values[range], |x: f32| x);
                $body
            }
            Values::I32(values) => {
                let ($v, $to) = (&values[range], |x: i32| x as f32);
                $body
            }
            Values::U8(values, scale) => {
                let ($v, $to) = (&values[range], |x: u8| f32::from(x) * scale);
                $body
            }
        }
    }};
}

impl Array {
    /// An array of `shape` over `values`, without a copy.
    ///
    /// # Errors
    /// If the shape does not hold as many values.
    pub fn from_vec(shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Result<Self> {
        Self::new(shape.into(), values.len(), Values::F32(Arc::new(values)))
    }

    /// An array of integers: token ids, categories, labels.
    ///
    /// # Errors
    /// If the shape does not hold as many values.
    pub fn from_i32(shape: impl Into<Vec<usize>>, values: Vec<i32>) -> Result<Self> {
        Self::new(shape.into(), values.len(), Values::I32(Arc::new(values)))
    }

    /// An array whose elements are `scale` times the bytes, for example images with a scale of 1/255.
    ///
    /// # Errors
    /// If the shape does not hold as many values.
    pub fn from_bytes(shape: impl Into<Vec<usize>>, bytes: Vec<u8>, scale: f32) -> Result<Self> {
        Self::new(shape.into(), bytes.len(), Values::U8(Arc::new(bytes), scale))
    }

    fn new(shape: Vec<usize>, len: usize, values: Values) -> Result<Self> {
        if shape.is_empty() || shape.iter().product::<usize>() != len {
            return Err(Error::shape(
                "array",
                format!("{len} values"),
                format!("as many as the shape {shape:?} holds"),
            ));
        }
        Ok(Self { shape, values, start: 0 })
    }

    /// The lengths of the axes; axis 0 counts rows (samples).
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of axis 0.
    pub fn row_count(&self) -> usize {
        self.shape[0]
    }

    /// The number of elements in a row.
    pub fn row_len(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// Whether the elements are integers.
    pub fn is_integer(&self) -> bool {
        matches!(self.values, Values::I32(_))
    }

    /// The rows of `range`, sharing the storage.
    ///
    /// # Panics
    /// If the range reaches past the last row.
    pub fn rows(&self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.row_count(),
            "rows {range:?} of {:?}",
            self.shape
        );
        let mut shape = self.shape.clone();
        shape[0] = range.end - range.start;
        Self { shape, values: self.values.clone(), start: self.start + range.start * self.row_len() }
    }

    /// The same elements in another shape.
    ///
    /// # Errors
    /// If the shape holds another number of elements.
    pub fn reshape(&self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let mut reshaped = Self::new(shape.into(), self.len(), self.values.clone())?;
        reshaped.start = self.start;
        Ok(reshaped)
    }

    /// The elements as `f32`, copied.
    pub fn to_f32(&self) -> Vec<f32> {
        with_values!(self, |values, to| values.iter().map(|&x| to(x)).collect())
    }

    /// The elements as `f32`, without a copy where they are stored so and nobody else holds them.
    pub fn into_f32(mut self) -> Vec<f32> {
        let len = self.len();
        if let Values::F32(values) = &mut self.values
            && values.len() == len
            && let Some(values) = Arc::get_mut(values)
        {
            return std::mem::take(values);
        }
        self.to_f32()
    }

    /// The elements as `i32`, copied; floats are truncated.
    pub fn to_i32(&self) -> Vec<i32> {
        match &self.values {
            Values::I32(values) => values[self.start..self.start + self.len()].to_vec(),
            _ => self.to_f32().into_iter().map(|x| x as i32).collect(),
        }
    }

    /// The elements, where they are stored as `f32`.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.values {
            Values::F32(values) => Some(&values[self.start..self.start + self.len()]),
            _ => None,
        }
    }

    /// Appends the rows at `indices` to `out`, as `f32`.
    ///
    /// # Panics
    /// If an index reaches past the last row.
    pub fn gather_f32(&self, indices: &[usize], out: &mut Vec<f32>) {
        let width = self.row_len();
        out.reserve(indices.len() * width);
        with_values!(self, |values, to| {
            for &row in indices {
                out.extend(values[row * width..(row + 1) * width].iter().map(|&x| to(x)));
            }
        });
    }

    /// The rows at `indices`, copied; integers stay integers and bytes bytes.
    ///
    /// # Panics
    /// If an index reaches past the last row.
    pub fn gather(&self, indices: &[usize]) -> Self {
        let mut shape = self.shape.clone();
        shape[0] = indices.len();
        let values = match &self.values {
            Values::F32(values) => Values::F32(Arc::new(self.take(values, indices))),
            Values::I32(values) => Values::I32(Arc::new(self.take(values, indices))),
            Values::U8(values, scale) => Values::U8(Arc::new(self.take(values, indices)), *scale),
        };
        Self { shape, values, start: 0 }
    }

    fn take<T: Copy>(&self, values: &[T], indices: &[usize]) -> Vec<T> {
        /// Numbers of the next row that are fetched ahead; behind them the machine guesses right.
        const AHEAD: usize = 1024;
        let width = self.row_len();
        let mut out = Vec::with_capacity(indices.len() * width);
        for (at, &row) in indices.iter().enumerate() {
            if let Some(&next) = indices.get(at + 1) {
                let next = values.as_ptr().wrapping_add(self.start + next * width);
                prefetch(next.cast(), width.min(AHEAD) * size_of::<T>() / size_of::<f32>());
            }
            let from = self.start + row * width;
            out.extend_from_slice(&values[from..from + width]);
        }
        out
    }

    /// The position of the first element that is NaN or infinite.
    pub fn first_non_finite(&self) -> Option<usize> {
        const RUN: usize = 4096;
        let values = self.as_f32()?;
        // Whole runs without an early exit, which the compiler makes vectors of.
        let run = values.chunks(RUN).position(|run| run.iter().fold(false, |bad, x| bad | !x.is_finite()))?;
        let within = values[run * RUN..].iter().position(|x| !x.is_finite())?;
        Some(run * RUN + within)
    }

    /// The array as one of `ndarray`, copied.
    pub fn to_ndarray(&self) -> ndarray::ArrayD<f32> {
        ndarray::ArrayD::from_shape_vec(self.shape.clone(), self.to_f32())
            .expect("the shape holds the values")
    }

    /// A matrix `[rows, columns]` as one of `nalgebra`, copied.
    ///
    /// # Errors
    /// If the rank is not 2.
    pub fn to_nalgebra(&self) -> Result<nalgebra::DMatrix<f32>> {
        match self.shape[..] {
            [rows, columns] => Ok(nalgebra::DMatrix::from_row_slice(rows, columns, &self.to_f32())),
            _ => Err(Error::shape("matrix", format!("{:?}", self.shape), "[rows, columns]")),
        }
    }
}

/// Equal shapes and equal elements (as `f32`), however they are stored.
impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.to_f32() == other.to_f32()
    }
}

impl From<Vec<f32>> for Array {
    fn from(values: Vec<f32>) -> Self {
        Self { shape: vec![values.len()], values: Values::F32(Arc::new(values)), start: 0 }
    }
}

impl From<&[f32]> for Array {
    fn from(values: &[f32]) -> Self {
        values.to_vec().into()
    }
}

impl From<Vec<i32>> for Array {
    fn from(values: Vec<i32>) -> Self {
        Self { shape: vec![values.len()], values: Values::I32(Arc::new(values)), start: 0 }
    }
}

impl<D: ndarray::Dimension> From<ndarray::Array<f32, D>> for Array {
    fn from(array: ndarray::Array<f32, D>) -> Self {
        let shape = if array.ndim() == 0 { vec![1] } else { array.shape().to_vec() };
        let len = array.len();
        // A sliced array may own more than it shows.
        let values = match array.is_standard_layout() {
            true => match array.into_raw_vec_and_offset() {
                (all, Some(start)) if all.len() > len => all[start..start + len].to_vec(),
                (all, _) => all,
            },
            false => array.iter().copied().collect(),
        };
        Self { shape, values: Values::F32(Arc::new(values)), start: 0 }
    }
}

impl<R, C, S> From<nalgebra::Matrix<f32, R, C, S>> for Array
where
    R: nalgebra::Dim,
    C: nalgebra::Dim,
    S: nalgebra::RawStorage<f32, R, C>,
{
    fn from(matrix: nalgebra::Matrix<f32, R, C, S>) -> Self {
        let values = matrix.row_iter().flat_map(|row| row.iter().copied().collect::<Vec<_>>()).collect();
        Self { shape: vec![matrix.nrows(), matrix.ncols()], values: Values::F32(Arc::new(values)), start: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_nobody_else_holds_are_given_away_without_a_copy() {
        let array = Array::from_vec([2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let place = array.as_f32().unwrap().as_ptr();
        let shared = array.clone().into_f32();
        assert!(shared == [1.0, 2.0, 3.0, 4.0] && shared.as_ptr() != place);
        let view = array.rows(1..2);
        assert_eq!(view.clone().into_f32(), [3.0, 4.0]);
        drop(view);
        let given = array.into_f32();
        assert!(given == shared && given.as_ptr() == place);
        assert_eq!(Array::from_i32([1], vec![7]).unwrap().into_f32(), [7.0]);
    }

    #[test]
    fn bridges_keep_row_major_order_whatever_the_layout() {
        let array = ndarray::arr2(&[[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let transposed = Array::from(array.clone().reversed_axes());
        assert_eq!(transposed.shape(), [3, 2]);
        assert_eq!(transposed.to_f32(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(Array::from(array.clone()).to_ndarray(), array.clone().into_dyn());
        let sliced = array.slice_move(ndarray::s![1.., 1..]);
        assert_eq!(Array::from(sliced).to_f32(), [5.0, 6.0]);
        let rows = ndarray::arr2(&[[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]).slice_move(ndarray::s![1.., ..]);
        assert_eq!(Array::from(rows).to_f32(), [3.0, 4.0, 5.0, 6.0]);
        let matrix = nalgebra::DMatrix::from_row_slice(2, 3, &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(Array::from(matrix.clone()).to_nalgebra().unwrap(), matrix);
    }

    #[test]
    fn rows_and_gather_agree_for_every_storage() {
        let floats = Array::from_vec([3, 2], (0..6).map(|x| x as f32).collect()).unwrap();
        let ints = Array::from_i32([3, 2], (0..6).collect()).unwrap();
        let bytes = Array::from_bytes([3, 2], (0..6).map(|x| 2 * x).collect(), 0.5).unwrap();
        for array in [floats, ints, bytes] {
            let view = array.rows(1..3);
            assert_eq!(view.to_f32(), [2.0, 3.0, 4.0, 5.0]);
            assert_eq!(view.gather(&[1, 0]).to_f32(), [4.0, 5.0, 2.0, 3.0]);
            let mut out = vec![];
            view.gather_f32(&[1], &mut out);
            assert_eq!(out, [4.0, 5.0]);
            assert_eq!(view.reshape([4, 1]).unwrap().rows(3..4).to_f32(), [5.0]);
        }
    }

    #[test]
    fn the_first_number_that_is_not_finite_is_found_anywhere() {
        for (bad, value) in
            [(0, f32::NAN), (4095, f32::INFINITY), (4096, f32::NEG_INFINITY), (9999, f32::NAN)]
        {
            let mut values = vec![1.0; 10_000];
            assert_eq!(Array::from_vec([10_000], values.clone()).unwrap().first_non_finite(), None);
            values[bad] = value;
            values[9999] = f32::NAN;
            assert_eq!(Array::from_vec([10_000], values).unwrap().first_non_finite(), Some(bad));
        }
    }

    #[test]
    fn a_shape_that_does_not_hold_the_values_is_an_error() {
        let error = Array::from_vec([2, 2], vec![0.0; 3]).unwrap_err();
        assert_eq!(error.to_string(), "array: found 3 values, wanted as many as the shape [2, 2] holds");
    }
}
