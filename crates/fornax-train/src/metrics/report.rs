//! [`ConfusionMatrix`] and [`ClassificationReport`]: what a classifier mistakes for what.

use std::fmt;

use fornax_core::{Array, Error, Result};

/// How often samples of each class (rows) were said to be of each class (columns).
///
/// ```
/// use fornax_train::metrics::ConfusionMatrix;
///
/// let matrix = ConfusionMatrix::new(&[0, 0, 1, 2], &[0, 1, 1, 2], 3)?;
/// assert_eq!(matrix.count(0, 1), 1);
/// assert_eq!(matrix.accuracy(), 0.75);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    counts: Vec<usize>,
    names: Vec<String>,
}

/// Precision, recall, F1 and support of each class, as scikit-learn's `classification_report` prints them.
///
/// ```
/// use fornax_train::metrics::ClassificationReport;
///
/// let report = ClassificationReport::new(&[0, 1, 2, 2, 2], &[0, 0, 2, 2, 1], 3)?;
/// assert_eq!(report.classes()[2].precision, 1.0);
/// assert_eq!(report.accuracy(), 0.6);
/// assert!(report.to_string().contains("macro avg       0.50      0.56      0.49         5"));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClassificationReport {
    names: Vec<String>,
    classes: Vec<ClassReport>,
    accuracy: f64,
}

/// The scores of one class or of an average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassReport {
    /// `tp / (tp + fp)`, 0 where nothing was said to be of the class.
    pub precision: f64,
    /// `tp / (tp + fn)`, 0 where nothing is of the class.
    pub recall: f64,
    /// `2 p r / (p + r)`.
    pub f1: f64,
    /// The number of samples of the class.
    pub support: usize,
}

impl ConfusionMatrix {
    /// The matrix of class indices below `classes`.
    ///
    /// # Errors
    /// If there are not as many labels as predictions, or a class is out of range.
    pub fn new(labels: &[usize], predictions: &[usize], classes: usize) -> Result<Self> {
        if labels.len() != predictions.len() {
            return Err(Error::data(
                "predictions",
                predictions.len(),
                format!("{}, one a label", labels.len()),
            ));
        }
        let mut counts = vec![0; classes * classes];
        for (row, (&label, &prediction)) in labels.iter().zip(predictions).enumerate() {
            for (what, class) in [("labels", label), ("predictions", prediction)] {
                if class >= classes {
                    let wanted = format!("a class below {classes}");
                    return Err(Error::data(format!("{what}, row {row}"), class, wanted));
                }
            }
            counts[label * classes + prediction] += 1;
        }
        Ok(Self { counts, names: (0..classes).map(|class| class.to_string()).collect() })
    }

    /// The matrix of a model's outputs `[samples, classes]` for class indices.
    ///
    /// # Errors
    /// If the shapes do not fit or a label is out of range.
    pub fn from_outputs(labels: &Array, outputs: &Array) -> Result<Self> {
        let classes = outputs.row_len();
        if outputs.shape().len() != 2 || labels.len() != outputs.row_count() || classes == 0 {
            return Err(Error::shape(
                "outputs",
                format!("{:?} for labels {:?}", outputs.shape(), labels.shape()),
                "[samples, classes] for as many labels",
            ));
        }
        let outputs = outputs.to_f32();
        let predictions: Vec<usize> = outputs
            .chunks(classes)
            .map(|row| (0..classes).fold(0, |best, class| if row[class] > row[best] { class } else { best }))
            .collect();
        let mut indices = Vec::with_capacity(labels.len());
        for (row, label) in labels.to_f32().into_iter().enumerate() {
            if !(label >= 0.0 && label.fract() == 0.0) {
                return Err(Error::data(
                    format!("labels, row {row}"),
                    label,
                    format!("a class below {classes}"),
                ));
            }
            indices.push(label as usize);
        }
        Self::new(&indices, &predictions, classes)
    }

    /// The same with names of the classes.
    ///
    /// # Errors
    /// If there are not as many names as classes.
    pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.len() != self.names.len() {
            return Err(Error::argument(
                "class_names",
                names.len(),
                format!("{}, one a class", self.names.len()),
            ));
        }
        self.names = names;
        Ok(self)
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.names.len()
    }

    /// How many samples of class `label` were said to be of class `prediction`.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn count(&self, label: usize, prediction: usize) -> usize {
        assert!(label < self.classes() && prediction < self.classes(), "a class below {}", self.classes());
        self.counts[label * self.classes() + prediction]
    }

    /// The fraction of right predictions; 0 without samples.
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.classes()).map(|class| self.count(class, class)).sum();
        ratio(right, self.counts.iter().sum())
    }

    /// Precision, recall and F1 of each class.
    pub fn report(&self) -> ClassificationReport {
        let classes = (0..self.classes()).map(|class| {
            let support = (0..self.classes()).map(|other| self.count(class, other)).sum();
            let said = (0..self.classes()).map(|other| self.count(other, class)).sum::<usize>();
            let right = self.count(class, class);
            ClassReport {
                precision: ratio(right, said),
                recall: ratio(right, support),
                f1: ratio(2 * right, said + support),
                support,
            }
        });
        ClassificationReport {
            names: self.names.clone(),
            classes: classes.collect(),
            accuracy: self.accuracy(),
        }
    }
}

impl ClassificationReport {
    /// The report of class indices below `classes`.
    ///
    /// # Errors
    /// See [`ConfusionMatrix::new`].
    pub fn new(labels: &[usize], predictions: &[usize], classes: usize) -> Result<Self> {
        Ok(ConfusionMatrix::new(labels, predictions, classes)?.report())
    }

    /// The scores of each class.
    pub fn classes(&self) -> &[ClassReport] {
        &self.classes
    }

    /// The fraction of right predictions.
    pub fn accuracy(&self) -> f64 {
        self.accuracy
    }

    /// The mean over the classes.
    pub fn macro_average(&self) -> ClassReport {
        self.average(|_| 1.0)
    }

    /// The mean over the classes, each with the weight of its support.
    pub fn weighted_average(&self) -> ClassReport {
        self.average(|class| class.support as f64)
    }

    fn average(&self, weight: impl Fn(&ClassReport) -> f64) -> ClassReport {
        let total: f64 = self.classes.iter().map(&weight).sum();
        let mean = |value: fn(&ClassReport) -> f64| {
            let sum: f64 = self.classes.iter().map(|class| weight(class) * value(class)).sum();
            if total == 0.0 { 0.0 } else { sum / total }
        };
        ClassReport {
            precision: mean(|class| class.precision),
            recall: mean(|class| class.recall),
            f1: mean(|class| class.f1),
            support: self.classes.iter().map(|class| class.support).sum(),
        }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = self.counts.iter().map(|count| count.to_string().chars().count());
        let names = self.names.iter().map(|name| name.chars().count());
        let width = widest.chain(names.clone()).max().unwrap_or(1);
        let head = names.max().unwrap_or(1);
        write!(f, "{:head$}", "")?;
        self.names.iter().try_for_each(|name| write!(f, " {name:>width$}"))?;
        for (class, name) in self.names.iter().enumerate() {
            write!(f, "\n{name:>head$}")?;
            (0..self.classes()).try_for_each(|other| write!(f, " {:>width$}", self.count(class, other)))?;
        }
        Ok(())
    }
}

impl fmt::Display for ClassificationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            self.names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("weighted avg".len());
        let row = |f: &mut fmt::Formatter<'_>, name: &str, class: &ClassReport| {
            let ClassReport { precision, recall, f1, support } = class;
            writeln!(f, "{name:>width$} {precision:>10.2}{recall:>10.2}{f1:>10.2}{support:>10}")
        };
        writeln!(
            f,
            "{:width$} {:>10}{:>10}{:>10}{:>10}\n",
            "", "precision", "recall", "f1-score", "support"
        )?;
        for (name, class) in self.names.iter().zip(&self.classes) {
            row(f, name, class)?;
        }
        let average = self.macro_average();
        writeln!(
            f,
            "\n{:>width$} {:>10}{:>10}{:>10.2}{:>10}",
            "accuracy", "", "", self.accuracy, average.support
        )?;
        row(f, "macro avg", &average)?;
        row(f, "weighted avg", &self.weighted_average())
    }
}
