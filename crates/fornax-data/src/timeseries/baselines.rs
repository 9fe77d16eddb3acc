//! Forecasts without a model: what any model has to beat.

use fornax_core::{Array, Error, Result};

/// The last value before each start, for every step of the horizon; `[starts, horizon]`.
///
/// # Errors
/// If a start has nothing before it or lies past the end.
///
/// ```
/// use fornax_data::timeseries::{naive, seasonal_naive};
///
/// let series = [1.0, 2.0, 3.0, 4.0, 5.0];
/// assert_eq!(naive(&series, &[4], 3)?.to_f32(), [4.0, 4.0, 4.0]);
/// assert_eq!(seasonal_naive(&series, &[4], 3, 2)?.to_f32(), [3.0, 4.0, 3.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub fn naive(series: &[f32], starts: &[usize], horizon: usize) -> Result<Array> {
    seasonal_naive(series, starts, horizon, 1)
}

/// The value of the last whole season before each start at the same place in the season; `[starts, horizon]`.
///
/// # Errors
/// If the period is 0, or a start has no whole season before it or lies past the end.
pub fn seasonal_naive(series: &[f32], starts: &[usize], horizon: usize, period: usize) -> Result<Array> {
    if period == 0 {
        return Err(Error::argument("period", 0, "at least 1 step"));
    }
    if let Some(bad) = starts.iter().find(|&&start| start < period || start > series.len()) {
        let wanted = format!("{period} (the period) to {} (the length of the series)", series.len());
        return Err(Error::data("start", bad, wanted));
    }
    let values = starts.iter().flat_map(|start| (0..horizon).map(move |step| start - period + step % period));
    Array::from_vec([starts.len(), horizon], values.map(|at| series[at]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_season_repeats_exactly() {
        let series: Vec<f32> = (0..40).map(|step| [3.0, -1.0, 0.5, 7.0][step % 4]).collect();
        let forecast = seasonal_naive(&series, &[8, 13], 10, 4).unwrap().to_f32();
        assert_eq!(forecast, [&series[8..18], &series[13..23]].concat());
        assert!(seasonal_naive(&series, &[3], 1, 4).is_err());
        assert!(seasonal_naive(&series, &[41], 1, 4).is_err());
        assert!(seasonal_naive(&series, &[4], 1, 0).is_err());
        assert!(naive(&series, &[0], 1).is_err());
    }
}
