//! [`CsrMatrix`]: a matrix of which few elements are not 0, by rows.

use fornax_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Compressed sparse rows: the columns and values of each row's elements that are stored, columns rising.
///
/// ```
/// use fornax_data::CsrMatrix;
///
/// let mut matrix = CsrMatrix::empty(3)?;
/// matrix.push_row([(0, 1.0), (2, 5.0)])?;
/// matrix.push_row([(2, 7.0)])?;
/// assert_eq!((matrix.row_count(), matrix.column_count(), matrix.stored()), (2, 3, 3));
/// assert_eq!(matrix.row(0), (&[0, 2][..], &[1.0, 5.0][..]));
/// assert_eq!(matrix.transpose()?.row(2), (&[0, 1][..], &[5.0, 7.0][..]));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved")]
pub struct CsrMatrix {
    columns: usize,
    /// Where the elements of each row begin, and where the last row's end.
    offsets: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

/// The form in a file.
#[derive(Deserialize)]
struct Saved {
    columns: usize,
    offsets: Vec<usize>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl CsrMatrix {
    /// A matrix of `columns` columns and no row.
    ///
    /// # Errors
    /// If there are more than 2^32 columns.
    pub fn empty(columns: usize) -> Result<Self> {
        Self::new(columns, vec![0], vec![], vec![])
    }

    /// The matrix of these parts: row `r` has the elements `offsets[r]..offsets[r + 1]` of `indices` (columns) and `values`.
    ///
    /// # Errors
    /// If the offsets do not rise from 0 to the number of elements, there is not a column for each value, or the columns of a
    /// row do not rise or are not below `columns`.
    pub fn new(columns: usize, offsets: Vec<usize>, indices: Vec<u32>, values: Vec<f32>) -> Result<Self> {
        if u32::try_from(columns.saturating_sub(1)).is_err() {
            return Err(Error::argument("columns of a sparse matrix", columns, "at most 2^32"));
        }
        if indices.len() != values.len() {
            let wanted = format!("{}, one a column", indices.len());
            return Err(Error::data("values of a sparse matrix", values.len(), wanted));
        }
        let ends = offsets.first() == Some(&0) && offsets.last() == Some(&indices.len());
        if !ends || !offsets.is_sorted() {
            let wanted = format!("offsets that rise from 0 to {}", indices.len());
            return Err(Error::data("rows of a sparse matrix", format!("{} offsets", offsets.len()), wanted));
        }
        let matrix = Self { columns, offsets, indices, values };
        for row in 0..matrix.row_count() {
            matrix.check(row, matrix.row(row).0)?;
        }
        Ok(matrix)
    }

    /// Adds a row of columns and values, columns rising.
    ///
    /// # Errors
    /// If the columns do not rise or are not below [`column_count`](Self::column_count); the matrix is then as it was.
    pub fn push_row(&mut self, elements: impl IntoIterator<Item = (u32, f32)>) -> Result<()> {
        let start = self.indices.len();
        for (column, value) in elements {
            self.indices.push(column);
            self.values.push(value);
        }
        if let Err(error) = self.check(self.row_count(), &self.indices[start..]) {
            self.indices.truncate(start);
            self.values.truncate(start);
            return Err(error);
        }
        self.offsets.push(self.indices.len());
        Ok(())
    }

    fn check(&self, row: usize, indices: &[u32]) -> Result<()> {
        let rising = indices.is_sorted_by(|a, b| a < b);
        match indices.last() {
            Some(&last) if !rising || last as usize >= self.columns => {
                let wanted = format!("columns that rise and are below {}", self.columns);
                Err(Error::data(format!("row {row} of a sparse matrix"), format!("{indices:?}"), wanted))
            }
            _ => Ok(()),
        }
    }

    /// The number of rows.
    pub fn row_count(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of columns.
    pub fn column_count(&self) -> usize {
        self.columns
    }

    /// The number of elements that are stored.
    pub fn stored(&self) -> usize {
        self.indices.len()
    }

    /// The columns and values of a row.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[row]..self.offsets[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }

    /// The values of a row, to be changed.
    ///
    /// # Panics
    /// If there are fewer rows.
    pub fn row_values_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[self.offsets[row]..self.offsets[row + 1]]
    }

    /// The matrix with rows and columns exchanged.
    ///
    /// # Errors
    /// If there are more than 2^32 rows.
    pub fn transpose(&self) -> Result<Self> {
        let mut transposed = Self::empty(self.row_count())?;
        let mut offsets = vec![0; self.columns + 1];
        self.indices.iter().for_each(|&column| offsets[column as usize + 1] += 1);
        (0..self.columns).for_each(|column| offsets[column + 1] += offsets[column]);
        let mut next = offsets.clone();
        transposed.indices = vec![0; self.stored()];
        transposed.values = vec![0.0; self.stored()];
        for row in 0..self.row_count() {
            let (columns, values) = self.row(row);
            for (&column, &value) in columns.iter().zip(values) {
                let place = next[column as usize];
                transposed.indices[place] = row as u32;
                transposed.values[place] = value;
                next[column as usize] += 1;
            }
        }
        transposed.offsets = offsets;
        Ok(transposed)
    }
}

impl TryFrom<Saved> for CsrMatrix {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        Self::new(saved.columns, saved.offsets, saved.indices, saved.values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_that_make_no_matrix_are_errors() {
        let fault = |columns, offsets: &[usize], indices: &[u32], values: &[f32]| {
            CsrMatrix::new(columns, offsets.to_vec(), indices.to_vec(), values.to_vec())
                .unwrap_err()
                .to_string()
        };
        assert!(fault(2, &[], &[], &[]).contains("wanted offsets that rise from 0 to 0"));
        assert!(fault(2, &[0, 2, 1], &[0], &[1.0]).contains("offsets that rise from 0 to 1"));
        assert!(fault(2, &[1, 1], &[0], &[1.0]).contains("offsets"));
        assert_eq!(
            fault(2, &[0, 1], &[0], &[]),
            "values of a sparse matrix: found 0, wanted 1, one a column"
        );
        assert_eq!(
            fault(2, &[0, 2], &[1, 1], &[1.0, 2.0]),
            "row 0 of a sparse matrix: found [1, 1], wanted columns that rise and are below 2"
        );
        assert!(fault(2, &[0, 0, 1], &[2], &[1.0]).starts_with("row 1"));
        let mut matrix = CsrMatrix::empty(2).unwrap();
        matrix.push_row([(1, 1.0)]).unwrap();
        let before = matrix.clone();
        assert!(matrix.push_row([(0, 1.0), (2, 1.0)]).is_err());
        assert_eq!(matrix, before);
        assert!(
            serde_json::from_str::<CsrMatrix>(r#"{"columns":1,"offsets":[0,9],"indices":[],"values":[]}"#)
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn transposing_twice_changes_nothing(dense in proptest::collection::vec(proptest::collection::vec(prop_oneof![2 => Just(0.0f32), 1 => 1.0f32..9.0], 5), 0..7)) {
            let mut matrix = CsrMatrix::empty(5).unwrap();
            for row in &dense {
                matrix.push_row((0..).zip(row.iter().copied()).filter(|(_, value)| *value != 0.0)).unwrap();
            }
            let transposed = matrix.transpose().unwrap();
            for (row, values) in dense.iter().enumerate() {
                for (column, &value) in values.iter().enumerate() {
                    let (rows, found) = transposed.row(column);
                    let stored = rows.iter().position(|&r| r as usize == row).map_or(0.0, |at| found[at]);
                    prop_assert_eq!(stored, value);
                }
            }
            prop_assert_eq!(&transposed.transpose().unwrap(), &matrix);
            let json = serde_json::to_string(&matrix).unwrap();
            prop_assert_eq!(&serde_json::from_str::<CsrMatrix>(&json).unwrap(), &matrix);
        }
    }
}
