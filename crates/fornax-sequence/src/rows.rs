//! What losses over sequences share: which time steps count, sums in log space, rows on several threads.

use fornax_core::{Backend, DynTensor, Error, Mask, Result};
use rayon::prelude::*;

/// The time steps that count of each sequence of a batch, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Steps(Vec<Vec<usize>>);

impl Steps {
    /// All steps, or those that the mask keeps.
    pub(crate) fn masked<B: Backend>(mask: Option<&Mask<B>>, batch: usize, time: usize) -> Self {
        let Some(mask) = mask else { return Self(vec![(0..time).collect(); batch]) };
        let kept = mask.clone().to_float().to_vec();
        let rows = kept.chunks(time.max(1));
        Self(rows.map(|row| (0..time).filter(|&step| row[step] != 0.0).collect()).collect())
    }

    /// The first steps, as many as `lengths` says, or all.
    pub(crate) fn first(lengths: Option<&[usize]>, batch: usize, time: usize) -> Result<Self> {
        let Some(lengths) = lengths else { return Ok(Self(vec![(0..time).collect(); batch])) };
        if lengths.len() != batch {
            let wanted = format!("{batch}, one a sequence");
            return Err(Error::shape("lengths", format!("{} lengths", lengths.len()), wanted));
        }
        if let Some(row) = lengths.iter().position(|&length| length == 0 || length > time) {
            let wanted = format!("1 to {time}, the number of time steps");
            return Err(Error::data(format!("lengths, sequence {row}"), lengths[row], wanted));
        }
        Ok(Self(lengths.iter().map(|&length| (0..length).collect()).collect()))
    }

    /// Those of one sequence.
    pub(crate) fn of(&self, row: usize) -> &[usize] {
        &self.0[row]
    }
}

/// The lengths of the axes of outputs `[batch, time, classes]`, none of which may be 0.
pub(crate) fn expect_sequences(place: &str, shape: &[usize]) -> Result<[usize; 3]> {
    match *shape {
        [batch, time, classes] if batch > 0 && time > 0 && classes > 0 => Ok([batch, time, classes]),
        _ => Err(Error::shape(place, format!("{shape:?}"), "[batch, time, classes], at least 1 of each")),
    }
}

/// The loss of each row of `x [rows, ..]` by `work`, which gets the number of the row, its elements and, where a
/// gradient is wanted, zeros to add it to. Rows do not see each other: any number of threads gives the same bits.
pub(crate) fn row_losses<B: Backend>(
    x: DynTensor<B>,
    work: impl Fn(usize, &[f64], Option<&mut [f64]>) -> f64 + Sync,
) -> DynTensor<B> {
    let rows = x.shape()[0];
    B::row_losses(x, |values, wanted| {
        let width = values.len() / rows;
        if !wanted {
            let rows = values.par_chunks(width).enumerate();
            return (rows.map(|(row, x)| work(row, x, None)).collect(), vec![]);
        }
        let mut gradient = vec![0.0; values.len()];
        let rows = values.par_chunks(width).zip(gradient.par_chunks_mut(width)).enumerate();
        (rows.map(|(row, (x, gradient))| work(row, x, Some(gradient))).collect(), gradient)
    })
}

/// `log sum_i e^x_i`; minus infinity of nothing.
pub(crate) fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        // All are minus infinity, one is plus infinity, or one is NaN: their sum says which.
        return values.fold(largest, |sum, x| sum + x);
    }
    largest + values.map(|x| (x - largest).exp()).sum::<f64>().ln()
}

/// `x - log sum_i e^x_i`, in place.
pub(crate) fn log_softmax(row: &mut [f64]) {
    let total = log_sum_exp(row.iter().copied());
    row.iter_mut().for_each(|x| *x -= total);
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn sums_in_log_space_keep_their_ends() {
        let sum = |values: &[f64]| log_sum_exp(values.iter().copied());
        assert_eq!(sum(&[0.0, 0.0]), 2f64.ln());
        assert_eq!(sum(&[-2000.0, -2000.0]), 2f64.ln() - 2000.0);
        assert_eq!(sum(&[]), f64::NEG_INFINITY);
        assert_eq!(sum(&[f64::NEG_INFINITY; 2]), f64::NEG_INFINITY);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(sum(&[f64::NAN, f64::NEG_INFINITY]).is_nan());
        assert!(sum(&[f64::NAN, 0.0]).is_nan());
    }

    #[test]
    fn lengths_that_do_not_fit_are_errors() {
        let error = Steps::first(Some(&[2, 0]), 2, 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "lengths, sequence 1: found 0, wanted 1 to 3, the number of time steps"
        );
        assert!(Steps::first(Some(&[4]), 1, 3).is_err());
        assert!(Steps::first(Some(&[1]), 2, 3).is_err());
    }

    #[test]
    fn a_mask_keeps_its_steps() {
        let truth = vec![false, true, false, true, false, true];
        let mask = Mask::<fornax_core::Flex>::from_vec(truth, &[2, 3], &Default::default());
        assert_eq!(Steps::masked(Some(&mask), 2, 3), Steps(vec![vec![1], vec![0, 2]]));
    }
}
