//! How far forecasts are from the truth, next to each other.

use std::fmt;

use fornax_core::{Array, Error, Result};

/// The errors of forecasts by the step of the horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct Errors {
    /// The mean absolute error at each step of the horizon.
    pub mae: Vec<f64>,
    /// The root mean squared error at each step of the horizon.
    pub rmse: Vec<f64>,
}

impl Errors {
    /// Of `predictions` and `truth`, both `[samples, horizon]`.
    ///
    /// # Errors
    /// If the shapes differ or there is no sample.
    pub fn new(predictions: &Array, truth: &Array) -> Result<Self> {
        let [samples, horizon] = *truth.shape() else {
            return Err(Error::shape("truth", format!("{:?}", truth.shape()), "[samples, horizon]"));
        };
        // A model's output may have a feature axis of length 1.
        let [first, second, rest @ ..] = predictions.shape() else {
            return Err(Error::shape(
                "predictions",
                format!("{:?}", predictions.shape()),
                "[samples, horizon]",
            ));
        };
        if samples == 0
            || horizon == 0
            || [*first, *second] != [samples, horizon]
            || rest.iter().any(|&axis| axis != 1)
        {
            let wanted = format!("{:?}, that of the truth, at least one sample", truth.shape());
            return Err(Error::shape("predictions", format!("{:?}", predictions.shape()), wanted));
        }
        let (mut mae, mut rmse) = (vec![0.0; horizon], vec![0.0; horizon]);
        let pairs = predictions.to_f32().into_iter().zip(truth.to_f32()).enumerate();
        for (at, (prediction, truth)) in pairs {
            let error = f64::from(prediction) - f64::from(truth);
            mae[at % horizon] += error.abs() / samples as f64;
            rmse[at % horizon] += error * error / samples as f64;
        }
        rmse.iter_mut().for_each(|square| *square = square.sqrt());
        Ok(Self { mae, rmse })
    }

    /// The mean over the steps of the horizon of the mean absolute errors.
    pub fn mean_mae(&self) -> f64 {
        self.mae.iter().sum::<f64>() / self.mae.len() as f64
    }

    /// The mean over the steps of the horizon of the root mean squared errors.
    pub fn mean_rmse(&self) -> f64 {
        self.rmse.iter().sum::<f64>() / self.rmse.len() as f64
    }
}

/// Named forecasts with their errors; `Display` prints a table, with how much smaller each error is than that of the
/// better naive baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Names and errors: naive, seasonal naive, ridge regression, then the models.
    pub rows: Vec<(String, Errors)>,
}

impl Report {
    /// The smaller mean absolute error of the two naive baselines.
    pub fn naive_mae(&self) -> f64 {
        let naive = self.rows.iter().filter(|(name, _)| name.ends_with("naive"));
        naive.map(|(_, errors)| errors.mean_mae()).fold(f64::INFINITY, f64::min)
    }

    /// How much smaller the mean absolute error of `name` is than that of the better naive baseline: 0.08 for 8 %.
    ///
    /// # Errors
    /// If there is no such row.
    pub fn gain(&self, name: &str) -> Result<f64> {
        match self.rows.iter().find(|(known, _)| known == name) {
            Some((_, errors)) => Ok(1.0 - errors.mean_mae() / self.naive_mae()),
            None => {
                let known: Vec<&str> = self.rows.iter().map(|(name, _)| &**name).collect();
                Err(Error::argument("forecast", name, format!("one of {}", known.join(", "))))
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<20} {:>10} {:>10} {:>10}", "forecast", "MAE", "RMSE", "gain")?;
        let naive = self.naive_mae();
        for (name, errors) in &self.rows {
            let gain = 100.0 * (1.0 - errors.mean_mae() / naive);
            write!(f, "\n{name:<20} {:>10.4} {:>10.4} {gain:>9.1}%", errors.mean_mae(), errors.mean_rmse())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_by_the_step_of_the_horizon() {
        let truth = Array::from_vec([2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let predictions = Array::from_vec([2, 2, 1], vec![1.0, 5.0, 2.0, 0.0]).unwrap();
        let errors = Errors::new(&predictions, &truth).unwrap();
        assert_eq!(
            (&errors.mae[..], &errors.rmse[..]),
            (&[0.5, 3.5][..], &[0.5f64.sqrt(), 12.5f64.sqrt()][..])
        );
        assert_eq!(errors.mean_mae(), 2.0);
        for shape in [vec![4], vec![2, 2, 2], vec![1, 2], vec![2, 1]] {
            let wrong = Array::from_vec(shape.clone(), vec![0.0; shape.iter().product()]).unwrap();
            assert!(Errors::new(&wrong, &truth).is_err(), "{shape:?}");
        }
    }
}
