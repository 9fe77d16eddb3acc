//! Parts of a series in the order of time, once or rolling through it.

use std::ops::Range;

use fornax_core::{Error, Result};

/// The steps that are targets in training, validation and test. Windows may reach back into the part before: what
/// came before is known when a forecast is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The steps to learn from.
    pub train: Range<usize>,
    /// The steps to choose by; may be empty.
    pub validation: Range<usize>,
    /// The steps to measure on.
    pub test: Range<usize>,
}

impl Split {
    /// Training up to `train`, validation up to `validation`, test up to `end`.
    ///
    /// # Errors
    /// If the ends are not in order, or training or test would be empty.
    pub fn at(train: usize, validation: usize, end: usize) -> Result<Self> {
        if train == 0 || validation < train || end <= validation {
            let found = format!("{train}, {validation}, {end}");
            return Err(Error::argument("ends of the split", found, "0 < train <= validation < end"));
        }
        Ok(Self { train: 0..train, validation: train..validation, test: validation..end })
    }

    /// The last shares of `steps` for validation and test.
    ///
    /// # Errors
    /// If a share is negative, or training or test would be empty.
    ///
    /// ```
    /// use fornax_data::timeseries::Split;
    ///
    /// let split = Split::by_share(100, 0.1, 0.2)?;
    /// assert_eq!((split.train, split.validation, split.test), (0..70, 70..80, 80..100));
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    pub fn by_share(steps: usize, validation: f64, test: f64) -> Result<Self> {
        if !(validation >= 0.0 && test > 0.0 && validation + test < 1.0) {
            let found = format!("{validation} and {test}");
            return Err(Error::argument(
                "shares of validation and test",
                found,
                "at least 0, together below 1",
            ));
        }
        let count = |share: f64| (steps as f64 * share).round() as usize;
        let test = steps.saturating_sub(count(test));
        Self::at(test.saturating_sub(count(validation)), test, steps)
    }
}

/// Rolling origins: training up to a step, test on the steps behind it, then the same some steps later.
///
/// Defaults: training on everything before (an expanding window), tests that follow each other without a gap.
///
/// ```
/// use fornax_data::timeseries::Backtest;
///
/// let folds = Backtest::new(50, 20).folds(100)?;
/// let tests: Vec<_> = folds.iter().map(|fold| (fold.train.clone(), fold.test.clone())).collect();
/// assert_eq!(tests, [(0..50, 50..70), (0..70, 70..90)]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backtest {
    train: usize,
    test: usize,
    step: usize,
    sliding: bool,
}

impl Backtest {
    /// First training on `train` steps; each test on `test` steps.
    pub const fn new(train: usize, test: usize) -> Self {
        Self { train, test, step: test, sliding: false }
    }

    /// How many steps the origin moves.
    pub const fn step(mut self, step: usize) -> Self {
        self.step = step;
        self
    }

    /// Whether training is on the last `train` steps instead of all before the origin.
    pub const fn sliding(mut self, sliding: bool) -> Self {
        self.sliding = sliding;
        self
    }

    /// The splits of a series of so many steps, without validation.
    ///
    /// # Errors
    /// If a length is 0, or the series is too short for one fold.
    pub fn folds(&self, steps: usize) -> Result<Vec<Split>> {
        for (name, value) in [("train", self.train), ("test", self.test), ("step", self.step)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1 step"));
            }
        }
        if self.train + self.test > steps {
            let found = format!("{} steps of training and {} of test", self.train, self.test);
            return Err(Error::argument(
                "backtest",
                found,
                format!("at most {steps}, the length of the series"),
            ));
        }
        let origins = (self.train..=steps - self.test).step_by(self.step);
        let fold = |origin| Split {
            train: if self.sliding { origin - self.train } else { 0 }..origin,
            validation: origin..origin,
            test: origin..origin + self.test,
        };
        Ok(origins.map(fold).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_roll_and_never_look_ahead() {
        for sliding in [false, true] {
            let folds = Backtest::new(30, 10).step(7).sliding(sliding).folds(100).unwrap();
            assert_eq!(folds.len(), 9);
            for (at, fold) in folds.iter().enumerate() {
                assert_eq!(fold.train.end, fold.test.start);
                assert_eq!(fold.test, 30 + 7 * at..40 + 7 * at);
                assert_eq!(fold.train.start, if sliding { 7 * at } else { 0 });
            }
        }
    }

    #[test]
    fn what_cannot_be_split_is_an_error() {
        assert!(Split::at(0, 1, 2).is_err());
        assert!(Split::at(2, 1, 3).is_err());
        assert!(Split::at(1, 2, 2).is_err());
        assert!(Split::at(1, 1, 2).unwrap().validation.is_empty());
        for (validation, test) in [(-0.1, 0.2), (0.5, 0.5), (0.1, 0.0), (f64::NAN, 0.1)] {
            assert!(Split::by_share(100, validation, test).is_err(), "{validation} {test}");
        }
        assert!(Split::by_share(1, 0.1, 0.2).is_err());
        assert!(Backtest::new(0, 1).folds(9).is_err());
        assert!(Backtest::new(1, 1).step(0).folds(9).is_err());
        let error = Backtest::new(8, 3).folds(10).unwrap_err();
        assert_eq!(
            error.to_string(),
            "backtest: found 8 steps of training and 3 of test, wanted at most 10, the length of the series"
        );
    }
}
