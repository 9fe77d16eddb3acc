//! Windows of a series and the steps behind them.

use std::ops::Range;

use fornax_core::{Array, Error, Result};

use super::Series;

/// `window` steps to see and `horizon` steps to predict, taken every `stride` steps (default 1).
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::timeseries::{Series, Windows};
///
/// let series = Series::new(["x"], &Array::from_vec([6, 1], vec![0.0, 1.0, 2.0, 3.0, f32::NAN, 5.0])?)?;
/// let windows = Windows::new(2, 1)?;
/// let starts = windows.starts(&series.feature("x")?, 0..6)?;
/// assert_eq!(starts, [2, 3, 5], "the target at step 4 is missing");
/// assert_eq!(windows.inputs(&series.filled()?, &starts).to_f32(), [0.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
/// assert_eq!(windows.targets(&series.feature("x")?, &starts).to_f32(), [2.0, 3.0, 5.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    window: usize,
    horizon: usize,
    stride: usize,
}

impl Windows {
    /// # Errors
    /// If one is 0.
    pub fn new(window: usize, horizon: usize) -> Result<Self> {
        for (name, value) in [("window", window), ("horizon", horizon)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1 step"));
            }
        }
        Ok(Self { window, horizon, stride: 1 })
    }

    /// The steps from one window to the next, at least 1.
    pub fn stride(self, stride: usize) -> Self {
        Self { stride: stride.max(1), ..self }
    }

    /// The number of steps to see.
    pub fn window(&self) -> usize {
        self.window
    }

    /// The number of steps to predict.
    pub fn horizon(&self) -> usize {
        self.horizon
    }

    /// The first target of every window whose targets lie in `part` and are all there; the window may begin before.
    ///
    /// # Errors
    /// If `part` reaches past the end of `target`, has no room for a window, or all its windows miss a target.
    pub fn starts(&self, target: &[f32], part: Range<usize>) -> Result<Vec<usize>> {
        if part.end > target.len() {
            let wanted = format!("at most {}, the length of the series", target.len());
            return Err(Error::argument("part", format!("{part:?}"), wanted));
        }
        let first = part.start.max(self.window);
        if first + self.horizon > part.end {
            let found = format!("a window of {} and a horizon of {} steps", self.window, self.horizon);
            let room =
                format!("room for both up to step {} and for the horizon from step {}", part.end, part.start);
            return Err(Error::data("series", found, room));
        }
        let complete = |start: &usize| target[*start..start + self.horizon].iter().all(|x| !x.is_nan());
        let starts: Vec<usize> =
            (first..=part.end - self.horizon).step_by(self.stride).filter(complete).collect();
        match starts.is_empty() {
            true => {
                Err(Error::data(format!("targets of steps {part:?}"), "a gap in every window", "one without"))
            }
            false => Ok(starts),
        }
    }

    /// The windows before `starts`, `[starts, window, features]`.
    ///
    /// # Panics
    /// If a start is not one of the series.
    pub fn inputs(&self, series: &Series, starts: &[usize]) -> Array {
        let features = series.names.len();
        let window = |&start: &usize| &series.values[(start - self.window) * features..start * features];
        let values = starts.iter().flat_map(window).copied().collect();
        Array::from_vec([starts.len(), self.window, features], values).expect("a window a start")
    }

    /// The targets from `starts` on, `[starts, horizon]`.
    ///
    /// # Panics
    /// If a start is not one of the series.
    pub fn targets(&self, target: &[f32], starts: &[usize]) -> Array {
        let values = starts.iter().flat_map(|&start| &target[start..start + self.horizon]).copied().collect();
        Array::from_vec([starts.len(), self.horizon], values).expect("a horizon a start")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_stay_in_their_part_and_windows_reach_back() {
        let target: Vec<f32> = (0..20).map(|x| x as f32).collect();
        let starts = |windows: Windows, part| windows.starts(&target, part).unwrap();
        let windows = Windows::new(4, 3).unwrap();
        assert_eq!(starts(windows, 0..10), [4, 5, 6, 7]);
        assert_eq!(starts(windows, 10..14), [10, 11]);
        assert_eq!(starts(windows.stride(3), 0..20), [4, 7, 10, 13, 16]);
        assert_eq!(starts(Windows::new(17, 3).unwrap(), 0..20), [17]);
    }

    #[test]
    fn windows_without_room_are_errors() {
        assert!(Windows::new(0, 1).is_err());
        assert!(Windows::new(1, 0).is_err());
        let target = vec![1.0; 10];
        let error = Windows::new(9, 2).unwrap().starts(&target, 0..10).unwrap_err();
        assert_eq!(
            error.to_string(),
            "series: found a window of 9 and a horizon of 2 steps, wanted room for both up to step 10 and for the \
             horizon from step 0"
        );
        assert!(Windows::new(2, 3).unwrap().starts(&target, 8..10).is_err());
        assert!(Windows::new(2, 3).unwrap().starts(&target, 0..11).is_err());
        let gaps = [1.0, 1.0, f32::NAN, 1.0, f32::NAN];
        assert!(Windows::new(1, 2).unwrap().starts(&gaps, 1..5).is_err());
    }
}
