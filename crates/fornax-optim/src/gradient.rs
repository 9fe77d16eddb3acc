//! [`Gradient`]: of a whole weight, or of the rows of a table that a step looked up.

use fornax_core::ops::distinct;
use fornax_core::{Backend, DynTensor, Indices};

/// The gradient of a weight.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{DynTensor, Flex, Indices};
/// use fornax_optim::Gradient;
///
/// let device = Default::default();
/// let indices = Indices::<Flex>::from_vec(vec![2, 0, 2], &[3], &device);
/// let values = DynTensor::from_vec(vec![1.0, 2.0, 3.0], &[3, 1], &device);
/// let gradient = Gradient::of_rows(vec![(indices, values)]);
/// assert_eq!(gradient.into_dense(4).to_vec(), [2.0, 0.0, 4.0, 0.0]);
/// # }
/// ```
#[derive(Clone, Debug)]
pub enum Gradient<B: Backend> {
    /// Of every element.
    Dense(DynTensor<B>),
    /// Of some rows of a table `[.., width]`; that of the others is 0.
    Rows {
        /// The rows, ascending, each once: `[count]`.
        rows: Indices<B>,
        /// Their gradients `[count, width]`.
        values: DynTensor<B>,
    },
}

impl<B: Backend> From<DynTensor<B>> for Gradient<B> {
    fn from(gradient: DynTensor<B>) -> Self {
        Self::Dense(gradient)
    }
}

impl<B: Backend> Gradient<B> {
    /// The gradient by look-ups of a table: indices `[..]` and the gradients `[.., width]` of the rows that they gave.
    ///
    /// # Panics
    /// If there is no look-up.
    pub fn of_rows(lookups: Vec<(Indices<B>, DynTensor<B>)>) -> Self {
        let device = lookups[0].1.device();
        let indices: Vec<i32> = lookups.iter().flat_map(|(indices, _)| indices.to_vec()).collect();
        let mut values: Vec<_> = lookups.into_iter().map(|(_, values)| values.rows()).collect();
        if values.len() == 1 && indices.is_sorted_by(|a, b| a < b) {
            let rows = Indices::from_vec(indices.clone(), &[indices.len()], &device);
            return Self::Rows { rows, values: values.remove(0) };
        }
        let values = if values.len() == 1 { values.remove(0) } else { DynTensor::concatenate(values, 0) };
        let (rows, places) = distinct(&indices);
        let places = Indices::from_vec(places, &[indices.len()], &device);
        let count = rows.len();
        let values = B::embedding_lookup_backward(count, places, values);
        Self::Rows { rows: Indices::from_vec(rows, &[count], &device), values }
    }

    /// As the gradient of every element of a table of so many rows.
    pub fn into_dense(self, rows: usize) -> DynTensor<B> {
        match self {
            Self::Dense(gradient) => gradient,
            Self::Rows { rows: places, values } => B::embedding_lookup_backward(rows, places, values),
        }
    }

    /// The elements that may differ from 0.
    pub fn values(&self) -> &DynTensor<B> {
        let (Self::Dense(values) | Self::Rows { values, .. }) = self;
        values
    }

    /// The gradient with `f` of its values; `f` leaves 0 as it is.
    pub(crate) fn map(self, f: impl FnOnce(DynTensor<B>) -> DynTensor<B>) -> Self {
        match self {
            Self::Dense(gradient) => Self::Dense(f(gradient)),
            Self::Rows { rows, values } => Self::Rows { rows, values: f(values) },
        }
    }
}
