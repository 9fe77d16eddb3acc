//! [`SparseMatrix`]: the entries of each row, with offsets of 64 bits and column numbers of 32.

use std::marker::PhantomData;

use fornax_core::{Array, Error, Result};

use crate::ids::{Index, ItemIndex, UserIndex};

/// A matrix of which only some entries are stored: compressed sparse rows (CSR). Its transpose, of the type
/// `SparseMatrix<C, R>`, has the compressed sparse columns (CSC).
///
/// The columns of a row ascend, each comes once. An entry that is not stored counts as 0 to linear algebra and as unknown to
/// a model of ratings.
///
/// ```
/// use fornax_recommend::{Index, SparseMatrix, UserIndex, UserItems};
///
/// let matrix: UserItems = SparseMatrix::from_entries(2, 3, [(1, 2, 5.0), (0, 1, 4.0), (1, 0, 3.0)])?;
/// assert_eq!(matrix.row(UserIndex::new(1)), (&[0, 2][..], &[3.0, 5.0][..]));
/// assert_eq!(matrix.transposed().transposed(), matrix);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SparseMatrix<R, C> {
    columns: usize,
    /// Where each row begins, and the end of the last one.
    offsets: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
    axes: PhantomData<(R, C)>,
}

/// What users did with items: a row for each user.
pub type UserItems = SparseMatrix<UserIndex, ItemIndex>;

impl AsRef<UserItems> for UserItems {
    fn as_ref(&self) -> &UserItems {
        self
    }
}

impl<R: Index, C: Index> SparseMatrix<R, C> {
    /// A matrix of compressed rows: row `r` has the entries `offsets[r]..offsets[r + 1]` of `indices` (columns) and
    /// `values`.
    ///
    /// # Errors
    /// If the offsets do not ascend from 0 to the number of entries, or the columns of a row do not ascend or are not below
    /// `columns`, or a value is not finite.
    pub fn new(columns: usize, offsets: Vec<usize>, indices: Vec<u32>, values: Vec<f32>) -> Result<Self> {
        let ends = (offsets.first().copied(), offsets.last().copied());
        if ends != (Some(0), Some(indices.len())) || indices.len() != values.len() {
            let found = format!("offsets {ends:?}, {} columns and {} values", indices.len(), values.len());
            return Err(Error::data("sparse matrix", found, "offsets from 0 to the number of entries"));
        }
        if columns > u32::MAX as usize || offsets.len() > u32::MAX as usize {
            let found = format!("{} x {columns}", offsets.len() - 1);
            return Err(Error::data("sparse matrix", found, "less than 2^32 rows and columns"));
        }
        for (row, range) in offsets.windows(2).enumerate() {
            let place = || format!("sparse matrix, {} {row}", R::NAME);
            let Some(entries) = indices.get(range[0]..range[1]) else {
                let found = format!("entries {} to {}", range[0], range[1]);
                return Err(Error::data(place(), found, "offsets that ascend"));
            };
            if !entries.is_sorted_by(|a, b| a < b)
                || entries.last().is_some_and(|&last| last as usize >= columns)
            {
                return Err(Error::data(place(), "columns out of order or range", "ascending ones"));
            }
        }
        if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
            return Err(Error::data("sparse matrix", bad, "finite values"));
        }
        Ok(Self { columns, offsets, indices, values, axes: PhantomData })
    }

    /// A matrix of entries (row, column, value) in any order.
    ///
    /// # Errors
    /// If an entry lies outside or comes twice, or is not finite.
    pub fn from_entries(
        rows: usize,
        columns: usize,
        entries: impl IntoIterator<Item = (u32, u32, f32)>,
    ) -> Result<Self> {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if let Some((row, column, _)) = entries.iter().find(|(row, ..)| *row as usize >= rows) {
            let wanted = format!("an entry of {rows} x {columns}");
            return Err(Error::data("sparse matrix", format!("row {row}, column {column}"), wanted));
        }
        entries.sort_by_key(|&(row, column, _)| (row, column));
        let mut offsets = vec![0; rows + 1];
        entries.iter().for_each(|(row, ..)| offsets[*row as usize + 1] += 1);
        (0..rows).for_each(|row| offsets[row + 1] += offsets[row]);
        let (indices, values) = entries.into_iter().map(|(_, column, value)| (column, value)).unzip();
        Self::new(columns, offsets, indices, values)
    }

    /// Rows and columns that are known to be right.
    pub(crate) fn from_parts(
        columns: usize,
        offsets: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Self {
        debug_assert_eq!(offsets.last(), Some(&indices.len()));
        Self { columns, offsets, indices, values, axes: PhantomData }
    }

    /// Adds rows and columns without an entry, up to so many.
    pub(crate) fn grow(&mut self, rows: usize, columns: usize) {
        self.offsets.resize(rows + 1, self.indices.len());
        self.columns = columns;
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The columns and values of a row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: R) -> (&[u32], &[f32]) {
        let range = self.range(row.get());
        (&self.indices[range.clone()], &self.values[range])
    }

    /// The value at a place, if it is stored.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn value(&self, row: R, column: C) -> Option<f32> {
        let (columns, values) = self.row(row);
        columns.binary_search(&(column.get() as u32)).ok().map(|at| values[at])
    }

    /// All entries, row by row.
    pub fn entries(&self) -> impl Iterator<Item = (R, C, f32)> {
        (0..self.rows()).flat_map(move |row| {
            let range = self.range(row);
            let entries = self.indices[range.clone()].iter().zip(&self.values[range]);
            entries.map(move |(&column, &value)| (R::new(row as u32), C::new(column), value))
        })
    }

    /// Where each row begins, and the end of the last one.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The columns of all entries, row by row.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The values of all entries, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The same places with other values.
    ///
    /// # Errors
    /// If a new value is not finite.
    pub fn map_values(&self, map: impl Fn(f32) -> f32) -> Result<Self> {
        let values: Vec<f32> = self.values.iter().map(|&value| map(value)).collect();
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::data(
                format!("value {} mapped", self.values[at]),
                values[at],
                "a finite value",
            ));
        }
        Ok(Self { values, ..self.clone() })
    }

    /// The same places with other values that are known to be right.
    pub(crate) fn with_values(&self, values: Vec<f32>) -> Self {
        debug_assert_eq!(values.len(), self.len());
        Self { values, ..self.clone() }
    }

    /// The transpose: rows become columns.
    pub fn transposed(&self) -> SparseMatrix<C, R> {
        let mut offsets = vec![0; self.columns + 1];
        self.indices.iter().for_each(|&column| offsets[column as usize + 1] += 1);
        (0..self.columns).for_each(|column| offsets[column + 1] += offsets[column]);
        let (mut indices, mut values) = (vec![0; self.len()], vec![0.0; self.len()]);
        let mut next = offsets.clone();
        for (row, column, value) in self.entries() {
            let at = &mut next[column.get()];
            (indices[*at], values[*at]) = (row.get() as u32, value);
            *at += 1;
        }
        SparseMatrix::from_parts(self.rows(), offsets, indices, values)
    }

    /// The matrix `[rows, columns]` with zeros where nothing is stored.
    pub fn to_dense(&self) -> Array {
        let mut values = vec![0.0; self.rows() * self.columns];
        self.entries()
            .for_each(|(row, column, value)| values[row.get() * self.columns + column.get()] = value);
        Array::from_vec([self.rows(), self.columns], values).expect("as many values as the shape has")
    }

    /// The places of a row in `indices` and `values`.
    pub(crate) fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row]..self.offsets[row + 1]
    }

    /// Checks that every value can be a weight.
    ///
    /// # Errors
    /// If one is negative, naming row and column.
    pub(crate) fn check_weights(&self) -> Result<()> {
        match self.entries().find(|(.., value)| *value < 0.0) {
            Some((row, column, value)) => {
                let place = format!("{} {}, {} {}", R::NAME, row.get(), C::NAME, column.get());
                Err(Error::data(place, value, "a weight of 0 or more"))
            }
            None => Ok(()),
        }
    }
}

/// The `n`-th number, from 0, that is not among some ascending ones.
pub(crate) fn nth_absent(present: &[u32], n: u32) -> u32 {
    // Halved without a branch: which half it is cannot be foretold.
    let (mut low, mut len) = (0, present.len());
    while len > 0 {
        let half = len.div_ceil(2);
        let last = low + half - 1;
        // So many numbers below this one are absent.
        let passed = present[last] - last as u32 <= n;
        low = std::hint::select_unpredictable(passed, low + half, low);
        len -= half;
    }
    n + low as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_numbers_are_found_in_order() {
        for present in [&[][..], &[0], &[3], &[0, 1, 2], &[1, 4, 5, 9], &[0, 2, 4, 6, 8]] {
            let wanted: Vec<u32> = (0..20).filter(|number| !present.contains(number)).collect();
            let found: Vec<u32> = (0..wanted.len() as u32).map(|n| nth_absent(present, n)).collect();
            assert_eq!(found, wanted, "{present:?}");
        }
    }
}
