//! [`RatingErrors`]: how far predicted ratings are from those that were held out.

use fornax_core::{Error, Result};

use crate::ids::Id;
use crate::models::Predict;
use crate::splits::Split;

/// The errors of predicted ratings.
///
/// ```
/// use fornax_recommend::RatingErrors;
///
/// let errors = RatingErrors::of([(3.0, 4.0), (5.0, 5.0), (2.0, 4.0)])?;
/// assert_eq!(errors.mae(), 1.0);
/// assert!((errors.rmse() - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatingErrors {
    count: usize,
    squares: f64,
    sizes: f64,
}

impl RatingErrors {
    /// The errors of pairs of a prediction and what was held out.
    ///
    /// # Errors
    /// If there is no pair or a number is not finite.
    pub fn of(pairs: impl IntoIterator<Item = (f32, f32)>) -> Result<Self> {
        let mut errors = Self { count: 0, squares: 0.0, sizes: 0.0 };
        for (found, wanted) in pairs {
            let error = f64::from(found) - f64::from(wanted);
            if !error.is_finite() {
                let place = format!("rating {}", errors.count);
                return Err(Error::data(place, format!("{found} predicted of {wanted}"), "finite numbers"));
            }
            errors.count += 1;
            errors.squares += error * error;
            errors.sizes += error.abs();
        }
        match errors.count {
            0 => Err(Error::data("ratings", "none", "at least one")),
            _ => Ok(errors),
        }
    }

    /// How many ratings were predicted.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The root of the mean of the squared errors.
    pub fn rmse(&self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }

    /// The mean of the absolute errors.
    pub fn mae(&self) -> f64 {
        self.sizes / self.count as f64
    }
}

/// The errors of a model on a split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatingReport {
    all: RatingErrors,
    known: Option<RatingErrors>,
}

impl RatingReport {
    /// Predicts every rating that is held out.
    ///
    /// # Errors
    /// If a prediction or rating is not finite.
    pub fn of<U: Id, I: Id>(model: &(impl Predict + ?Sized), split: &Split<U, I>) -> Result<Self> {
        let known = split.test.known().entries();
        let known: Vec<(f32, f32)> =
            known.map(|(user, item, rating)| (model.predict(Some(user), Some(item)), rating)).collect();
        let cold = split.test.cold_users().iter().chain(split.test.cold_items()).map(|event| {
            let (user, item) = (split.train.users().get(&event.user), split.train.items().get(&event.item));
            (model.predict(user, item), event.value)
        });
        let all = RatingErrors::of(known.iter().copied().chain(cold))?;
        let known = if known.is_empty() { None } else { Some(RatingErrors::of(known)?) };
        Ok(Self { all, known })
    }

    /// Of all ratings: those of users or items that the training part does not know by what the model falls back on.
    pub fn all(&self) -> RatingErrors {
        self.all
    }

    /// Of ratings of known users for known items; none where there is none.
    pub fn known(&self) -> Option<RatingErrors> {
        self.known
    }
}
