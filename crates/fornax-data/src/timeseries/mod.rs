//! Time series: windows and horizons, splits by time, scaling fitted on the training part, baselines beside every
//! result.
//!
//! A [`Series`] has several features at regular steps; [`Forecasting`] makes of it the task to predict the next steps
//! of one of them from a window of all, and measures predictions next to what needs no model: the last value, the value
//! a season ago, a ridge regression on the window.

mod baselines;
mod forecasting;
mod report;
mod ridge;
mod split;
mod windows;

pub use baselines::{naive, seasonal_naive};
pub use forecasting::{Forecasting, Part};
pub use report::{Errors, Report};
pub use ridge::Ridge;
pub use split::{Backtest, Split};
pub use windows::Windows;

use fornax_core::{Array, Error, Result};

use crate::table::{Table, Values};

/// Features at regular steps; NaN stands for a missing value.
///
/// ```
/// use fornax_data::csv::{Kind, Schema};
/// use fornax_data::timeseries::Series;
///
/// let schema = Schema::new().missing(["NA"]).column("pm", Kind::Number).column("temperature", Kind::Number);
/// let table = schema.parse("pm,temperature\nNA,1\n7,2\nNA,3\n".as_bytes(), "air.csv")?;
/// let series = Series::from_table(&table, &["pm", "temperature"])?;
/// assert_eq!(series.len(), 3);
/// assert!(series.feature("pm")?[2].is_nan());
/// assert_eq!(series.filled()?.feature("pm")?, [7.0, 7.0, 7.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    names: Vec<String>,
    /// `[steps, features]`.
    values: Vec<f32>,
}

impl Series {
    /// Named features over `values [steps, features]`.
    ///
    /// # Errors
    /// If there are not as many names as features, no step, a name twice, or a value is infinite.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>, values: &Array) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        match *values.shape() {
            [steps, features] if steps > 0 && features == names.len() && features > 0 => {}
            _ => {
                let wanted = format!("[steps, {}], at least one of each", names.len());
                return Err(Error::shape("series", format!("{:?}", values.shape()), wanted));
            }
        }
        if let Some(twice) = (1..names.len()).find(|&at| names[..at].contains(&names[at])) {
            return Err(Error::argument("feature", &names[twice], "every name once"));
        }
        let values = values.to_f32();
        if let Some(at) = values.iter().position(|x| x.is_infinite()) {
            let place = format!("step {}, feature {}", at / names.len(), names[at % names.len()]);
            return Err(Error::data(place, values[at], "a finite number, or NaN for a missing one"));
        }
        Ok(Self { names, values })
    }

    /// Columns of numbers of a table, a row a step.
    ///
    /// # Errors
    /// If a column does not exist or holds categories, or the table has no row.
    pub fn from_table(table: &Table, columns: &[&str]) -> Result<Self> {
        let mut values = vec![0.0; table.len() * columns.len()];
        for (at, name) in columns.iter().enumerate() {
            let Values::Numbers(numbers) = table.column(name)?.values() else {
                return Err(Error::data(format!("column {name}"), "categories", "numbers"));
            };
            let places = values.iter_mut().skip(at).step_by(columns.len());
            places.zip(numbers).for_each(|(place, &number)| *place = number);
        }
        let values = Array::from_vec([table.len(), columns.len()], values)?;
        Self::new(columns.iter().copied(), &values)
    }

    /// The number of steps.
    pub fn len(&self) -> usize {
        self.values.len() / self.names.len()
    }

    /// Whether there is no step; of a series that was made, never.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The names of the features.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The values of a feature.
    ///
    /// # Errors
    /// If there is no such feature.
    pub fn feature(&self, name: &str) -> Result<Vec<f32>> {
        let Some(at) = self.names.iter().position(|known| known == name) else {
            return Err(Error::argument("feature", name, format!("one of {}", self.names.join(", "))));
        };
        Ok(self.values.iter().skip(at).step_by(self.names.len()).copied().collect())
    }

    /// All values, `[steps, features]`.
    pub fn to_array(&self) -> Array {
        Array::from_vec([self.len(), self.names.len()], self.values.clone()).expect("as many values as both")
    }

    /// The same series with the last known value in place of a missing one: a model may see no later one. Only before
    /// the first known value it is that one.
    ///
    /// # Errors
    /// If a feature has no value at all.
    pub fn filled(&self) -> Result<Self> {
        let (mut values, features) = (self.values.clone(), self.names.len());
        for (at, name) in self.names.iter().enumerate() {
            let known = values.iter().skip(at).step_by(features).copied().find(|x| !x.is_nan());
            let Some(mut last) = known else {
                return Err(Error::data(format!("feature {name}"), "no value", "at least one"));
            };
            for x in values.iter_mut().skip(at).step_by(features) {
                last = if x.is_nan() { last } else { *x };
                *x = last;
            }
        }
        Ok(Self { names: self.names.clone(), values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;

    #[test]
    fn what_is_no_series_is_an_error() {
        let two = Array::from_vec([2, 2], vec![1.0, 2.0, f32::NAN, 4.0]).unwrap();
        assert!(Series::new(["a"], &two).is_err());
        assert!(Series::new(["a", "a"], &two).is_err());
        assert!(Series::new([""; 0], &Array::from_vec([2, 0], vec![]).unwrap()).is_err());
        assert!(Series::new(["a"], &Array::from_vec([0, 1], vec![]).unwrap()).is_err());
        let infinite = Array::from_vec([2, 1], vec![1.0, f32::INFINITY]).unwrap();
        assert_eq!(
            Series::new(["a"], &infinite).unwrap_err().to_string(),
            "step 1, feature a: found inf, wanted a finite number, or NaN for a missing one"
        );
        let series = Series::new(["a", "b"], &two).unwrap();
        assert_eq!(series.feature("c").unwrap_err().to_string(), "feature: found c, wanted one of a, b");
        assert_eq!(series.filled().unwrap().to_array().to_f32(), [1.0, 2.0, 1.0, 4.0]);
        let nothing = Array::from_vec([2, 1], vec![f32::NAN; 2]).unwrap();
        assert!(Series::new(["a"], &nothing).unwrap().filled().is_err());
        let table = Table::new(vec![Column::categories("c", [Some("x")])]).unwrap();
        assert!(Series::from_table(&table, &["c"]).is_err());
        assert!(Series::from_table(&table, &["d"]).is_err());
    }
}
