//! Intersection over union of classes: `tp / (tp + fp + fn)`.

use fornax_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Metric;
use super::host::{HostBatch, HostMetric, Layout};

/// The mean intersection over union of some classes.
///
/// # Shapes
/// - targets and outputs: class indices of any one shape; one-hot or probabilities with another last axis where
///   [`sparse_y_true`](Self::sparse_y_true) or [`sparse_y_pred`](Self::sparse_y_pred) is false
///
/// Classes without targets and outputs do not count, nor do indices out of range. Source: `keras.metrics.IoU`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IoU {
    num_classes: usize,
    target_class_ids: Vec<usize>,
    ignore_class: Option<usize>,
    sparse_y_true: bool,
    sparse_y_pred: bool,
}

/// The mean intersection over union of all classes; as [`IoU`] otherwise. Source: `keras.metrics.MeanIoU`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanIoU(IoU);

metric! {
    /// The mean intersection over union of the two sides of a threshold, or of one of them.
    ///
    /// Defaults: threshold 0.5, both sides. Source: `keras.metrics.BinaryIoU`.
    BinaryIoU {
        /// From it on an output says 1.
        threshold: f64 = 0.5,
        /// The only side that counts, 0 or 1.
        class_id: Option<usize> = None,
    }
}

impl IoU {
    /// The metric of `target_class_ids` among `num_classes`.
    pub fn new(num_classes: usize, target_class_ids: impl Into<Vec<usize>>) -> Self {
        Self {
            num_classes,
            target_class_ids: target_class_ids.into(),
            ignore_class: None,
            sparse_y_true: true,
            sparse_y_pred: true,
        }
    }
}

impl MeanIoU {
    /// The metric of `num_classes` classes.
    pub fn new(num_classes: usize) -> Self {
        Self(IoU::new(num_classes, (0..num_classes).collect::<Vec<_>>()))
    }
}

macro_rules! options {
    ($name:ident, $($field:tt)+) => {
        impl $name {
            /// A target that does not count.
            pub fn ignore_class(mut self, class: usize) -> Self {
                self$($field)+ignore_class = Some(class);
                self
            }

            /// Whether targets are class indices (by default) or one-hot.
            pub fn sparse_y_true(mut self, sparse: bool) -> Self {
                self$($field)+sparse_y_true = sparse;
                self
            }

            /// Whether outputs are class indices (by default) or a number a class.
            pub fn sparse_y_pred(mut self, sparse: bool) -> Self {
                self$($field)+sparse_y_pred = sparse;
                self
            }
        }

        impl From<$name> for Metric {
            fn from(metric: $name) -> Self {
                Self::$name(metric)
            }
        }
    };
}

options!(IoU, .);
options!(MeanIoU, .0.);

impl HostMetric for IoU {
    fn name(&self) -> &'static str {
        "io_u"
    }

    fn layout(&self) -> Layout {
        Layout::Classes { sparse_targets: self.sparse_y_true, sparse_outputs: self.sparse_y_pred }
    }

    /// The confusion matrix.
    fn sums(&self, _columns: usize) -> usize {
        self.num_classes * self.num_classes
    }

    fn update(&self, sums: &mut [f64], batch: &HostBatch) -> Result<()> {
        let class = |x: f32| (x >= 0.0 && (x as usize) < self.num_classes).then_some(x as usize);
        for (truth, prediction, weight) in batch.rows() {
            match (class(truth[0]), class(prediction[0])) {
                (Some(t), Some(y)) if self.ignore_class != Some(t) => {
                    sums[t * self.num_classes + y] += weight
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn result(&self, sums: &[f64]) -> f64 {
        mean_overlap(sums, self.num_classes, &self.target_class_ids)
    }

    fn validate(&self) -> Result<()> {
        match self.target_class_ids.iter().max() {
            None => Err(Error::argument("target_class_ids", "none", "at least one class")),
            Some(&class) if class >= self.num_classes => {
                Err(Error::argument("target_class_ids", class, format!("a class below {}", self.num_classes)))
            }
            _ => Ok(()),
        }
    }
}

impl HostMetric for MeanIoU {
    fn name(&self) -> &'static str {
        "mean_io_u"
    }

    fn layout(&self) -> Layout {
        self.0.layout()
    }

    fn sums(&self, columns: usize) -> usize {
        self.0.sums(columns)
    }

    fn update(&self, sums: &mut [f64], batch: &HostBatch) -> Result<()> {
        self.0.update(sums, batch)
    }

    fn result(&self, sums: &[f64]) -> f64 {
        self.0.result(sums)
    }

    fn validate(&self) -> Result<()> {
        self.0.validate()
    }
}

impl HostMetric for BinaryIoU {
    fn name(&self) -> &'static str {
        "binary_io_u"
    }

    fn sums(&self, _columns: usize) -> usize {
        4
    }

    fn update(&self, sums: &mut [f64], batch: &HostBatch) -> Result<()> {
        for (truth, prediction, weight) in batch.rows() {
            for (&t, &y) in truth.iter().zip(prediction) {
                let said = usize::from(y >= self.threshold as f32);
                if t == 0.0 || t == 1.0 {
                    sums[2 * t as usize + said] += weight;
                }
            }
        }
        Ok(())
    }

    fn result(&self, sums: &[f64]) -> f64 {
        match self.class_id {
            Some(class) => mean_overlap(sums, 2, &[class]),
            None => mean_overlap(sums, 2, &[0, 1]),
        }
    }

    fn validate(&self) -> Result<()> {
        match self.class_id {
            Some(class) if class > 1 => Err(Error::argument("class_id", class, "0 or 1")),
            _ => super::accuracy::unit("threshold", self.threshold),
        }
    }
}

/// The mean of `tp / (tp + fp + fn)` over the classes that occur.
fn mean_overlap(matrix: &[f64], count: usize, classes: &[usize]) -> f64 {
    let overlaps = classes.iter().filter_map(|&class| {
        let row: f64 = matrix[class * count..(class + 1) * count].iter().sum();
        let column: f64 = matrix.iter().skip(class).step_by(count).sum();
        let hits = matrix[class * count + class];
        let union = row + column - hits;
        (union > 1e-9).then(|| hits / (union + 1e-7))
    });
    let (sum, occurring) = overlaps.fold((0.0, 0.0), |(sum, count), overlap| (sum + overlap, count + 1.0));
    sum / (occurring + 1e-7)
}
