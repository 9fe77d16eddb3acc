//! [`LogisticRegression`]: the probabilities of classes from sparse rows.

mod objective;
mod trust_region;

use fornax_core::{Array, Error, Result};
use fornax_data::CsrMatrix;
use fornax_layers::setters;
use objective::{Losses, probabilities};
use serde::{Deserialize, Serialize};

/// `p(k | x) = softmax_k(w_k . x + b_k)`; of two classes `p(1 | x) = sigmoid(w . x + b)`.
///
/// `|w|^2 / 2 - c sum_i ln p(y_i | x_i)` is minimised over `w` and `b` by a trust-region Newton method until the length of the
/// gradient is `tolerance` times its length at 0. Sums are in f64 and in an order that does not depend on threads.
///
/// Defaults: `c` 1, an intercept `b` (which has no penalty), tolerance 1e-4, at most 100 steps of Newton's method. Source:
/// Lin, Weng and Keerthi 2008; the function is that of `sklearn.linear_model.LogisticRegression`.
///
/// ```
/// use fornax_data::CsrMatrix;
/// use fornax_nlp::LogisticRegression;
///
/// let mut rows = CsrMatrix::empty(2)?;
/// for words in [[(0, 1.0)], [(1, 1.0)], [(0, 2.0)]] {
///     rows.push_row(words)?;
/// }
/// let fitted = LogisticRegression::new().c(100.0).fit(&rows, &[1, 0, 1], 2)?;
/// assert!(fitted.converged());
/// let probabilities = fitted.predict(&rows)?.to_f32();
/// assert!(probabilities[1] > 0.9 && probabilities[2] > 0.9 && probabilities[5] > 0.9);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegression {
    c: f64,
    fit_intercept: bool,
    tolerance: f64,
    max_iterations: usize,
}

/// What [`LogisticRegression`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedLogisticRegression {
    /// `[features, outputs]`; one output of two classes.
    coefficients: Array,
    intercept: Vec<f32>,
    iterations: usize,
    converged: bool,
}

impl Default for LogisticRegression {
    fn default() -> Self {
        Self::new()
    }
}

impl LogisticRegression {
    /// The defaults.
    pub const fn new() -> Self {
        Self { c: 1.0, fit_intercept: true, tolerance: 1e-4, max_iterations: 100 }
    }

    setters! {
        /// How much the losses count against the penalty.
        c: f64,
        /// Whether there is an intercept.
        fit_intercept: bool,
        /// The share of the first gradient's length at which the search ends.
        tolerance: f64,
        /// How many steps the search may take.
        max_iterations: usize,
    }

    /// Learns from rows and the class of each, an index below `classes`.
    ///
    /// # Errors
    /// If a setting makes no sense, there is not a label for each row, a label is not below `classes`, rows of one class alone
    /// are there, or a value is not finite.
    pub fn fit(
        &self,
        rows: &CsrMatrix,
        labels: &[usize],
        classes: usize,
    ) -> Result<FittedLogisticRegression> {
        self.check(rows, labels, classes)?;
        let losses = Losses::new(rows, labels, classes, self.c, self.fit_intercept)?;
        let start = vec![0.0; losses.width()];
        let minimum = trust_region::minimize(&losses, start, self.tolerance, self.max_iterations);
        let outputs = losses.outputs();
        let (coefficients, intercept) = minimum.w.split_at(rows.column_count() * outputs);
        let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let mut intercept = single(intercept);
        intercept.resize(outputs, 0.0);
        Ok(FittedLogisticRegression {
            coefficients: Array::from_vec([rows.column_count(), outputs], single(coefficients))?,
            intercept,
            iterations: minimum.iterations,
            converged: minimum.converged,
        })
    }

    fn check(&self, rows: &CsrMatrix, labels: &[usize], classes: usize) -> Result<()> {
        for (name, value) in [("c", self.c), ("tolerance", self.tolerance)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::argument(name, value, "a finite number above 0"));
            }
        }
        if labels.len() != rows.row_count() {
            return Err(Error::data("labels", labels.len(), format!("{}, one a row", rows.row_count())));
        }
        if let Some(row) = labels.iter().position(|&label| label >= classes) {
            let wanted = format!("a class below {classes}");
            return Err(Error::data(format!("labels, row {row}"), labels[row], wanted));
        }
        if labels.iter().all(|label| Some(label) == labels.first()) {
            let found = labels.first().map_or("no row".into(), |label| format!("class {label} alone"));
            return Err(Error::data("labels", found, "rows of two classes or more"));
        }
        let broken = |&row: &usize| rows.row(row).1.iter().any(|value| !value.is_finite());
        match (0..rows.row_count()).find(broken) {
            Some(row) => {
                Err(Error::data(format!("row {row}"), "a value that is not finite", "finite numbers"))
            }
            None => Ok(()),
        }
    }
}

impl FittedLogisticRegression {
    /// The function of these numbers: `coefficients [features, outputs]` and an intercept for each output; one output of two
    /// classes, else one a class.
    ///
    /// # Errors
    /// If there is not an intercept for each output, or an output is missing.
    pub fn from_parts(coefficients: Array, intercept: Vec<f32>) -> Result<Self> {
        let [_, outputs] = coefficients.shape()[..] else {
            let found = format!("{:?}", coefficients.shape());
            return Err(Error::shape("coefficients", found, "[features, outputs]"));
        };
        if intercept.len() != outputs || outputs == 0 || outputs == 2 {
            let found = format!("{} for {outputs} outputs", intercept.len());
            return Err(Error::shape("intercept", found, "one for each output; 1, 3 or more"));
        }
        Ok(Self { coefficients, intercept, iterations: 0, converged: true })
    }

    /// `w`, `[features, outputs]`: one output of two classes (for class 1), else one a class.
    pub fn coefficients(&self) -> &Array {
        &self.coefficients
    }

    /// `b` of each output.
    pub fn intercept(&self) -> &[f32] {
        &self.intercept
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.intercept.len().max(2)
    }

    /// How many steps the search took.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// Whether the search ended by its tolerance, not by its number of steps.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The probabilities of the classes, `[rows, classes]`.
    ///
    /// # Errors
    /// If the rows have another number of columns.
    pub fn predict(&self, rows: &CsrMatrix) -> Result<Array> {
        let (features, outputs) = (self.coefficients.row_count(), self.intercept.len());
        if rows.column_count() != features {
            let found = format!("{} columns", rows.column_count());
            return Err(Error::shape("rows", found, format!("{features}, one a coefficient")));
        }
        let coefficients = self.coefficients.to_f32();
        let mut found = Vec::with_capacity(rows.row_count() * self.classes());
        let mut scores = vec![0.0; outputs];
        for row in 0..rows.row_count() {
            scores.iter_mut().zip(&self.intercept).for_each(|(score, &b)| *score = f64::from(b));
            let (columns, values) = rows.row(row);
            for (&column, &value) in columns.iter().zip(values) {
                let weights = &coefficients[column as usize * outputs..][..outputs];
                scores.iter_mut().zip(weights).for_each(|(s, &w)| *s += f64::from(w) * f64::from(value));
            }
            probabilities(&mut scores);
            match scores[..] {
                [positive] => found.extend([(1.0 - positive) as f32, positive as f32]),
                _ => found.extend(scores.iter().map(|&p| p as f32)),
            }
        }
        Array::from_vec([rows.row_count(), self.classes()], found)
    }
}
