//! Ridge regression: `min |Y - X W - b|² + alpha |W|²`, all steps of the horizon at once.
//!
//! Inputs and targets are centred, so that the intercept is not penalized; the normal equations
//! `(XᵀX + alpha I) W = XᵀY` are solved by Cholesky's decomposition in double precision.
//! Source: A. Hoerl, R. Kennard, *Ridge Regression*, Technometrics 1970; numbers as `sklearn.linear_model.Ridge`.

use fornax_core::{Array, Error, Result};
use nalgebra::{DMatrix, DVector};

/// Rows that are summed up at a time.
const RUN: usize = 512;

/// A fitted regression.
///
/// # Shapes
/// - inputs: `[samples, ..]`, what lies behind the first axis as features
/// - targets and predictions: `[samples, outputs]`
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::timeseries::Ridge;
///
/// let x = Array::from_vec([4, 1], vec![0.0, 1.0, 2.0, 3.0])?;
/// let y = Array::from_vec([4, 1], vec![1.0, 3.0, 5.0, 7.0])?;
/// let line = Ridge::fit(&x, &y, 1e-9)?;
/// let found = line.predict(&Array::from_vec([1, 1], vec![10.0])?)?.to_f32()[0];
/// assert!((found - 21.0).abs() < 1e-4);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Ridge {
    /// `[features, outputs]`.
    weights: DMatrix<f64>,
    /// The mean of the inputs.
    center: DVector<f64>,
    /// The mean of the targets.
    intercept: DVector<f64>,
}

impl Ridge {
    /// The regression of `y` on `x` with the penalty `alpha`.
    ///
    /// # Errors
    /// If the numbers of samples differ or are 0, a value is not finite, or `alpha` is not above 0.
    pub fn fit(x: &Array, y: &Array, alpha: f64) -> Result<Self> {
        if !(alpha > 0.0 && alpha.is_finite()) {
            return Err(Error::argument("alpha", alpha, "a number above 0"));
        }
        let samples = x.row_count();
        if samples == 0 || y.row_count() != samples || x.row_len() == 0 || y.row_len() == 0 {
            let found = format!("inputs {:?} and targets {:?}", x.shape(), y.shape());
            return Err(Error::shape(
                "ridge regression",
                found,
                "as many rows, at least one, of at least one number",
            ));
        }
        for (name, array) in [("inputs", x), ("targets", y)] {
            if let Some(at) = array.first_non_finite() {
                let place = format!("{name}, row {}", at / array.row_len());
                return Err(Error::data(place, array.to_f32()[at], "a finite number"));
            }
        }
        let (center, intercept) = (mean(x), mean(y));
        let mut gram = DMatrix::identity(center.len(), center.len()) * alpha;
        let mut products = DMatrix::zeros(center.len(), intercept.len());
        for start in (0..samples).step_by(RUN) {
            let rows = start..(start + RUN).min(samples);
            // Samples are columns.
            let (x, y) = (centred(&x.rows(rows.clone()), &center), centred(&y.rows(rows), &intercept));
            gram += &x * x.transpose();
            products += x * y.transpose();
        }
        let Some(factor) = gram.cholesky() else {
            return Err(Error::argument(
                "alpha",
                alpha,
                "a number large enough that the equations can be solved",
            ));
        };
        Ok(Self { weights: factor.solve(&products), center, intercept })
    }

    /// The predictions for inputs of the same features.
    ///
    /// # Errors
    /// If the number of features is another.
    pub fn predict(&self, x: &Array) -> Result<Array> {
        let (features, outputs) = self.weights.shape();
        if x.row_len() != features {
            return Err(Error::shape(
                "inputs",
                format!("{:?}", x.shape()),
                format!("{features} numbers a row"),
            ));
        }
        let found = self.weights.transpose() * centred(x, &self.center);
        let values =
            found.column_iter().flat_map(|row| (row + &self.intercept).iter().copied().collect::<Vec<_>>());
        Array::from_vec([x.row_count(), outputs], values.map(|y| y as f32).collect())
    }
}

fn mean(array: &Array) -> DVector<f64> {
    let mut mean = DVector::zeros(array.row_len());
    for row in array.to_f32().chunks(array.row_len()) {
        mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x));
    }
    mean / array.row_count() as f64
}

/// The rows as columns, less the centre.
fn centred(array: &Array, center: &DVector<f64>) -> DMatrix<f64> {
    let values: Vec<f64> = array.to_f32().into_iter().map(f64::from).collect();
    let mut columns = DMatrix::from_vec(center.len(), array.row_count(), values);
    columns.column_iter_mut().for_each(|mut column| column -= center);
    columns
}

#[cfg(test)]
mod tests {
    use fornax_core::Philox;

    use super::*;

    fn random(shape: [usize; 2], seed: u64) -> Array {
        let mut random = Philox::new(seed);
        let values = (0..shape[0] * shape[1]).map(|_| random.normal()).collect();
        Array::from_vec(shape, values).unwrap()
    }

    #[test]
    fn the_gradient_of_the_objective_is_zero() {
        let (x, y, alpha) = (random([600, 5], 1), random([600, 2], 2), 7.0);
        let ridge = Ridge::fit(&x, &y, alpha).unwrap();
        let residual = centred(&y, &ridge.intercept) - ridge.weights.transpose() * centred(&x, &ridge.center);
        let gradient = centred(&x, &ridge.center) * residual.transpose() - &ridge.weights * alpha;
        assert!(gradient.amax() < 1e-9, "{gradient}");
        let predicted = ridge.predict(&x).unwrap().to_f32();
        let bias: f32 = predicted.iter().zip(y.to_f32()).map(|(p, y)| p - y).sum();
        assert!(bias.abs() < 1e-2, "the intercept is not penalized");
    }

    #[test]
    fn a_large_penalty_leaves_the_mean_and_equal_features_are_no_trouble() {
        let y = Array::from_vec([3, 1], vec![1.0, 2.0, 6.0]).unwrap();
        let x = Array::from_vec([3, 2], vec![1.0, 1.0, 2.0, 2.0, 3.0, 3.0]).unwrap();
        let flat = Ridge::fit(&x, &y, 1e12).unwrap().predict(&x).unwrap().to_f32();
        assert!(flat.iter().all(|&p| (p - 3.0).abs() < 1e-4));
        assert!(Ridge::fit(&x, &y, 1e-3).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let (x, y) = (random([4, 2], 1), random([4, 1], 2));
        for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Ridge::fit(&x, &y, alpha).is_err(), "{alpha}");
        }
        assert!(Ridge::fit(&x, &random([3, 1], 1), 1.0).is_err());
        assert!(Ridge::fit(&x.rows(0..0), &y.rows(0..0), 1.0).is_err());
        assert!(
            Ridge::fit(&x, &Array::from_vec([4, 1], vec![0.0, f32::NAN, 0.0, 0.0]).unwrap(), 1.0).is_err()
        );
        assert!(Ridge::fit(&x, &y, 1.0).unwrap().predict(&random([1, 3], 1)).is_err());
    }
}
