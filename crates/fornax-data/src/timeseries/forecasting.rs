//! [`Forecasting`]: a series as training, validation and test sets, and predictions measured beside baselines.

use fornax_core::{Array, Error, Result};

use super::{Errors, Report, Ridge, Series, Split, Windows, naive, seasonal_naive};
use crate::Dataset;
use crate::preprocessing::Normalization;

/// The penalty of the ridge regression that is shown beside models, on scaled windows.
const RIDGE: f64 = 1.0;

/// The windows of one part of the series.
#[derive(Clone, Debug)]
pub struct Part {
    /// Inputs `[samples, window, features]` and targets `[samples, horizon]`, both scaled.
    pub dataset: Dataset,
    /// The targets on their own scale.
    pub truth: Array,
    /// The first target step of each sample.
    pub starts: Vec<usize>,
}

/// The task to predict the next `horizon` steps of a feature from a `window` of all features.
///
/// Missing inputs are filled with the last known value; a sample with a missing target is left out. Features and target
/// have mean 0 and variance 1 over the training part, the only one that the statistics come from.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::timeseries::{Forecasting, Series, Split, Windows};
///
/// let wave: Vec<f32> = (0..400).map(|step| (step as f32 * 0.25).sin() + step as f32 * 0.01).collect();
/// let series = Series::new(["x"], &Array::from_vec([400, 1], wave)?)?;
/// let task = Forecasting::new(&series, "x", Windows::new(48, 4)?, &Split::by_share(400, 0.1, 0.2)?)?;
/// assert_eq!(task.train.dataset.inputs()[0].shape(), [229, 48, 1]);
/// let report = task.report(&task.test, 25, &[])?;
/// assert!(report.gain("ridge regression")? > 0.8);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Forecasting {
    /// What to learn from.
    pub train: Part,
    /// What to choose by, where the split has a validation part.
    pub validation: Option<Part>,
    /// What to measure on.
    pub test: Part,
    windows: Windows,
    /// The target with gaps filled: what baselines repeat.
    known: Vec<f32>,
    scale: Normalization,
}

impl Forecasting {
    /// The task for a feature of the series.
    ///
    /// # Errors
    /// If there is no such feature, a feature has no value in the training part, a part has no room for a window and its
    /// horizon or reaches past the end of the series, or no sample is without a gap.
    pub fn new(series: &Series, target: &str, windows: Windows, split: &Split) -> Result<Self> {
        let truth = series.feature(target)?;
        let within = |place: &'static str| move |error: Error| error.within(place);
        let starts = windows.starts(&truth, split.train.clone()).map_err(within("training part"))?;
        // Windows of a training part that does not begin at the first step do not reach back: what was before is not
        // part of the fold.
        let first = split.train.start + windows.window();
        let starts: Vec<usize> = starts.into_iter().filter(|&start| start >= first).collect();
        if starts.is_empty() {
            let wanted = format!("more than a window of {} steps", windows.window());
            return Err(Error::data("training part", format!("{} steps", split.train.len()), wanted));
        }
        let filled = series.filled()?;
        let learned = filled.to_array().rows(split.train.clone());
        let scaled = Normalization::fit(&learned)?.apply(&filled.to_array())?;
        let scaled = Series::new(series.names().iter().cloned(), &scaled)?;
        let present: Vec<f32> = truth[split.train.clone()].iter().copied().filter(|x| !x.is_nan()).collect();
        let scale = Normalization::fit(&present.into())?;
        let part = |starts: Vec<usize>| -> Result<Part> {
            let truth = windows.targets(&truth, &starts);
            let targets = scale.apply(&truth)?;
            let dataset = Dataset::new(windows.inputs(&scaled, &starts), targets)?;
            Ok(Part { dataset, truth, starts })
        };
        let validation = match split.validation.is_empty() {
            true => None,
            false => {
                let starts = windows.starts(&truth, split.validation.clone());
                Some(part(starts.map_err(within("validation part"))?)?)
            }
        };
        let test = windows.starts(&truth, split.test.clone()).map_err(within("test part"))?;
        let (train, test) = (part(starts)?, part(test)?);
        Ok(Self { train, validation, test, windows, known: filled.feature(target)?, scale })
    }

    /// Predictions of a model that was trained on the scaled targets, on the target's own scale.
    ///
    /// # Errors
    /// None for arrays of at least one axis; the result is that of all transforms.
    pub fn unscaled(&self, predictions: &Array) -> Result<Array> {
        self.scale.invert(predictions)
    }

    /// The errors on a part, on the target's own scale: of the last value (`naive`), of the value `period` steps ago
    /// (`seasonal naive`), of a ridge regression on the window, and of the `scaled` predictions of models.
    ///
    /// # Errors
    /// If predictions are not of the shape of the part's targets, or the period is 0 or reaches before the series.
    pub fn report(&self, part: &Part, period: usize, predictions: &[(&str, Array)]) -> Result<Report> {
        let horizon = self.windows.horizon();
        let [x, y] = [&self.train.dataset.inputs()[0], &self.train.dataset.targets()[0]];
        let ridge = Ridge::fit(x, y, RIDGE)?.predict(&part.dataset.inputs()[0])?;
        let mut rows = vec![
            ("naive".to_owned(), Errors::new(&naive(&self.known, &part.starts, horizon)?, &part.truth)?),
            (
                "seasonal naive".to_owned(),
                Errors::new(&seasonal_naive(&self.known, &part.starts, horizon, period)?, &part.truth)?,
            ),
            ("ridge regression".to_owned(), Errors::new(&self.unscaled(&ridge)?, &part.truth)?),
        ];
        for (name, predictions) in predictions {
            let errors = Errors::new(&self.unscaled(predictions)?, &part.truth);
            rows.push((
                (*name).to_owned(),
                errors.map_err(|error| error.within(format!("forecast {name}")))?,
            ));
        }
        Ok(Report { rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeseries::Backtest;

    /// A daily wave with a slow drift and a second feature; some targets are missing.
    fn series(steps: usize, gaps: &[usize]) -> Series {
        let values = (0..steps).flat_map(|step| {
            let x = (step as f32 * std::f32::consts::TAU / 24.0).sin() * 3.0 + 0.01 * step as f32;
            [if gaps.contains(&step) { f32::NAN } else { x }, (step % 7) as f32]
        });
        Series::new(["x", "week"], &Array::from_vec([steps, 2], values.collect()).unwrap()).unwrap()
    }

    fn task(series: &Series) -> Forecasting {
        Forecasting::new(series, "x", Windows::new(24, 6).unwrap(), &Split::at(300, 350, 400).unwrap())
            .unwrap()
    }

    #[test]
    fn the_future_changes_nothing_in_training() {
        let whole = series(400, &[]);
        let mut other = whole.clone();
        other.values[600..].iter_mut().for_each(|x| *x = *x * -5.0 + 100.0);
        let (a, b) = (task(&whole), task(&other));
        assert_eq!(a.train.dataset, b.train.dataset);
        assert_ne!(a.test.truth, b.test.truth);
        let mean = |array: &Array| array.to_f32().iter().sum::<f32>() / array.len() as f32;
        assert!(mean(&a.train.dataset.targets()[0]).abs() < 0.2);
        let back = a.unscaled(&a.test.dataset.targets()[0]).unwrap().to_f32();
        assert!(back.iter().zip(a.test.truth.to_f32()).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn samples_with_a_gap_in_their_targets_are_left_out() {
        let gaps = [40, 41, 360];
        let task = task(&series(400, &gaps));
        assert_eq!(task.train.starts.len(), 300 - 24 - 6 + 1 - 7);
        assert_eq!(task.test.starts.len(), 50 - 6 + 1 - 6);
        for part in [&task.train, &task.test] {
            assert!(part.truth.first_non_finite().is_none());
            assert!(part.dataset.check_finite().is_ok());
            let hit = |start: &usize| gaps.iter().any(|gap| (*start..start + 6).contains(gap));
            assert!(!part.starts.iter().any(hit));
        }
    }

    #[test]
    fn baselines_stand_beside_every_result() {
        let task = task(&series(400, &[]));
        let perfect = task.test.dataset.targets()[0].clone();
        let report = task.report(&task.test, 24, &[("oracle", perfect)]).unwrap();
        let names: Vec<_> = report.rows.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["naive", "seasonal naive", "ridge regression", "oracle"]);
        // The drift of a day is all that the season misses.
        assert!((report.rows[1].1.mean_mae() - 0.24).abs() < 1e-3);
        assert_eq!(report.naive_mae(), report.rows[1].1.mean_mae());
        assert!(report.gain("ridge regression").unwrap() > 0.5);
        assert!(report.gain("oracle").unwrap() > 0.999);
        assert!(report.gain("other").is_err());
        assert!(report.to_string().contains("seasonal naive           0.24"), "{report}");
        let error = task.report(&task.test, 24, &[("short", task.test.truth.rows(0..2))]).unwrap_err();
        assert!(error.to_string().starts_with("forecast short: predictions: found [2, 6]"), "{error}");
    }

    #[test]
    fn folds_of_a_backtest_are_tasks() {
        let series = series(400, &[]);
        for sliding in [false, true] {
            let folds = Backtest::new(200, 60).sliding(sliding).folds(series.len()).unwrap();
            let tests = folds.iter().map(|fold| {
                let task = Forecasting::new(&series, "x", Windows::new(24, 6).unwrap(), fold).unwrap();
                assert!(task.validation.is_none());
                let first = fold.train.start + 24;
                assert_eq!(task.train.starts[0], first);
                task.test.starts[0]
            });
            assert_eq!(tests.collect::<Vec<_>>(), [200, 260, 320]);
        }
    }

    #[test]
    fn tasks_without_room_are_errors() {
        let series = series(100, &[]);
        let fault = |target, window, split: Split| {
            let windows = Windows::new(window, 6).unwrap();
            Forecasting::new(&series, target, windows, &split).unwrap_err().to_string()
        };
        let split = || Split::at(60, 80, 100).unwrap();
        assert!(fault("y", 24, split()).contains("one of x, week"));
        assert!(fault("x", 58, split()).starts_with("training part: series: found a window of 58"));
        assert!(fault("x", 24, Split::at(60, 80, 83).unwrap()).starts_with("test part: series"));
        assert!(fault("x", 24, Split::at(60, 80, 101).unwrap()).contains("at most 100"));
        let late = Split { train: 30..50, validation: 50..50, test: 50..100 };
        assert!(fault("x", 24, late).starts_with("training part: found 20 steps"));
    }
}
