//! Where candidates come from: lists whose combinations are a grid, and distributions that they are drawn from.

use std::ops::RangeInclusive;

use fornax_core::{Error, Philox, Result};

/// What a value of a setting is drawn from; a tuple of such draws a tuple.
pub trait Sample {
    /// What is drawn.
    type Value;

    /// Draws a value.
    ///
    /// # Errors
    /// If there is none to draw.
    fn sample(&self, random: &mut Philox) -> Result<Self::Value>;
}

/// Uniform between two numbers.
#[derive(Clone, Copy, Debug)]
pub struct Uniform(pub f64, pub f64);

/// Uniform in the logarithm between two numbers above 0: as often between 1 and 10 as between 10 and 100.
#[derive(Clone, Copy, Debug)]
pub struct LogUniform(pub f64, pub f64);

/// Integers, all of them equally often.
#[derive(Clone, Debug)]
pub struct Integers(pub RangeInclusive<usize>);

/// Any of these, all of them equally often.
#[derive(Clone, Debug)]
pub struct OneOf<T>(pub Vec<T>);

/// `count` candidates, each drawn by itself: the first `n` are those of `n` candidates of the same seed.
///
/// ```
/// use fornax_recommend::search::{Integers, LogUniform, OneOf, random};
///
/// let space = (Integers(8..=128), LogUniform(0.01, 100.0), OneOf(vec!["cosine", "dot"]));
/// for (factors, regularization, _) in random(&space, 20, 7)? {
///     assert!((8..=128).contains(&factors) && (0.01..=100.0).contains(&regularization));
/// }
/// # Ok::<(), fornax_core::Error>(())
/// ```
///
/// # Errors
/// If there is no value to draw.
pub fn random<S: Sample>(space: &S, count: usize, seed: u64) -> Result<Vec<S::Value>> {
    let random = Philox::new(seed).named("search");
    (0..count as u64).map(|candidate| space.sample(&mut random.stream(candidate))).collect()
}

impl Sample for Uniform {
    type Value = f64;

    fn sample(&self, random: &mut Philox) -> Result<f64> {
        check_bounds(self.0, self.1, f64::NEG_INFINITY, "finite numbers, the lower one first")?;
        // Written so that no difference overflows.
        let share = unit(random);
        Ok((self.0 * (1.0 - share) + self.1 * share).clamp(self.0, self.1))
    }
}

impl Sample for LogUniform {
    type Value = f64;

    fn sample(&self, random: &mut Philox) -> Result<f64> {
        check_bounds(self.0, self.1, 0.0, "finite numbers above 0, the lower one first")?;
        let drawn = Uniform(self.0.ln(), self.1.ln()).sample(random)?;
        Ok(drawn.exp().clamp(self.0, self.1))
    }
}

impl Sample for Integers {
    type Value = usize;

    fn sample(&self, random: &mut Philox) -> Result<usize> {
        let (low, high) = (*self.0.start(), *self.0.end());
        match high.checked_sub(low).and_then(|span| span.checked_add(1)) {
            Some(count) => Ok(low + random.below(count)),
            None => Err(Error::argument("integers", format!("{low} to {high}"), "the lower one first")),
        }
    }
}

impl<T: Clone> Sample for OneOf<T> {
    type Value = T;

    fn sample(&self, random: &mut Philox) -> Result<T> {
        match self.0.len() {
            0 => Err(Error::argument("choices", "none", "at least one")),
            count => Ok(self.0[random.below(count)].clone()),
        }
    }
}

/// Checks `above < low <= high`.
fn check_bounds(low: f64, high: f64, above: f64, wanted: &str) -> Result<()> {
    match low > above && low <= high && high.is_finite() {
        true => Ok(()),
        false => Err(Error::argument("bounds", format!("{low} and {high}"), wanted)),
    }
}

/// Uniform in `[0, 1)` with 53 bits.
fn unit(random: &mut Philox) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Lists in a tuple, whose combinations are the candidates.
pub trait Grid {
    /// A combination.
    type Value;

    /// All combinations, the last list running fastest.
    fn combinations(self) -> Vec<Self::Value>;
}

/// All combinations of the values of a tuple of lists.
///
/// ```
/// use fornax_recommend::search::grid;
///
/// assert_eq!(grid((vec![8, 16], vec!["a", "b"])), [(8, "a"), (8, "b"), (16, "a"), (16, "b")]);
/// ```
pub fn grid<G: Grid>(lists: G) -> Vec<G::Value> {
    lists.combinations()
}

/// The rest of a grid: one list, then the others.
macro_rules! combine {
    ($done:ident; $($name:ident)+;) => {
        $done.push(($($name.clone(),)+));
    };
    ($done:ident; $($name:ident)+; $next:ident $($rest:ident)*) => {
        for $next in &$next {
            combine!($done; $($name)+; $($rest)*);
        }
    };
}

macro_rules! tuples {
    ($($type:ident $name:ident),+) => {
        impl<$($type: Sample),+> Sample for ($($type,)+) {
            type Value = ($($type::Value,)+);

            fn sample(&self, random: &mut Philox) -> Result<Self::Value> {
                let ($($name,)+) = self;
                Ok(($($name.sample(random)?,)+))
            }
        }

        impl<$($type: Clone),+> Grid for ($(Vec<$type>,)+) {
            type Value = ($($type,)+);

            fn combinations(self) -> Vec<Self::Value> {
                let ($($name,)+) = self;
                let mut done = vec![];
                combine!(done; $($name)+; $($name)+);
                done
            }
        }
    };
}

tuples!(A a);
tuples!(A a, B b);
tuples!(A a, B b, C c);
tuples!(A a, B b, C c, D d);
tuples!(A a, B b, C c, D d, E e);
