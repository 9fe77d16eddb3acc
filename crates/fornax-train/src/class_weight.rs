//! [`ClassWeight`]: how much the samples of each class count in the loss.

use fornax_core::{Array, Error, Result};

/// A weight a class; classes without one count 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassWeight(Vec<(usize, f32)>);

impl ClassWeight {
    /// The weights of some classes.
    pub fn new(weights: impl IntoIterator<Item = (usize, f32)>) -> Self {
        Self(weights.into_iter().collect())
    }

    /// An error unless every class is below `classes` and every weight is finite and not negative.
    pub(crate) fn check(&self, classes: usize) -> Result<()> {
        for &(class, weight) in &self.0 {
            if class >= classes {
                return Err(Error::argument(
                    "class_weight",
                    format!("a weight for class {class}"),
                    format!("classes 0 to {}", classes.saturating_sub(1)),
                ));
            }
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(Error::argument("class_weight", weight, "a finite weight of at least 0"));
            }
        }
        Ok(())
    }

    /// The weight of each sample of a batch: that of its class times the given one.
    pub(crate) fn weigh(&self, targets: &Array, given: Option<&Array>) -> Result<Array> {
        let rows = targets.row_count();
        let values = targets.to_f32();
        let width = targets.row_len().max(1);
        let class = |row: &[f32]| match row {
            [label] => *label as usize,
            one_hot => {
                (0..one_hot.len()).fold(0, |best, at| if one_hot[at] > one_hot[best] { at } else { best })
            }
        };
        let mut weights: Vec<f32> = values
            .chunks(width)
            .map(|row| {
                let class = class(row);
                self.0.iter().rev().find(|(known, _)| *known == class).map_or(1.0, |(_, weight)| *weight)
            })
            .collect();
        if let Some(given) = given {
            weights.iter_mut().zip(given.to_f32()).for_each(|(weight, given)| *weight *= given);
        }
        Array::from_vec([rows], weights)
    }
}
