//! [`Gradient`]: of a whole weight, or of the rows of a table that a step looked up.

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

/// The distinct numbers, ascending, and the place of each number among them.
fn distinct(indices: &[i32]) -> (Vec<i32>, Vec<i32>) {
    /// Numbers to be gone through for each index: to sort them costs more.
    const FEW: usize = 64;
    let largest = indices.iter().max().map_or(0, |&largest| largest as usize);
    if largest > FEW * indices.len() {
        let mut rows = indices.to_vec();
        rows.sort_unstable();
        rows.dedup();
        let place = |row: &i32| rows.binary_search(row).expect("the row is among its own") as i32;
        let places = indices.iter().map(place).collect();
        return (rows, places);
    }
    let mut place_of = vec![-1; largest + 1];
    indices.iter().for_each(|&index| place_of[index as usize] = 0);
    let mut rows = vec![];
    for (row, place) in place_of.iter_mut().enumerate().filter(|(_, place)| **place == 0) {
        *place = rows.len() as i32;
        rows.push(row as i32);
    }
    let places = indices.iter().map(|&index| place_of[index as usize]).collect();
    (rows, places)
}

#[cfg(test)]
mod tests {
    use super::distinct;

    /// By a list of all numbers, and by sorting where that would be long.
    #[test]
    fn distinct_numbers_and_places() {
        assert_eq!(distinct(&[7, 2, 7, 0]), (vec![0, 2, 7], vec![2, 1, 2, 0]));
        assert_eq!(distinct(&[70_000, 2, 70_000]), (vec![2, 70_000], vec![1, 0, 1]));
        assert_eq!(distinct(&[]), (vec![], vec![]));
    }
}
