//! [`Features`]: what is known of users or items beside the log.

use fornax_core::{Error, Result};

use crate::ids::{FeatureIndex, Id, Ids, Index};
use crate::sparse::SparseMatrix;

/// Weights of named features of users ([`UserIndex`](crate::UserIndex)) or items ([`ItemIndex`](crate::ItemIndex)), such as genres
/// of films or the occupations of who watches them.
///
/// Each user or item has a feature of its own too, the identity, of weight 1, as in LightFM.
/// [`without_identity`](Self::without_identity) leaves it out, so that two of the same features are the same to the model.
/// [`normalized`](Self::normalized) divides the weights of each user or item by the sum of their absolute values.
///
/// ```
/// use fornax_recommend::{Duplicates, Features, Index, Interactions, ItemIndex};
///
/// let log = Interactions::from_events([("ann", "Alien"), ("ann", "Heat"), ("bob", "Heat")], Duplicates::Error)?;
/// let genres = [("Alien", "horror", 1.0), ("Alien", "space", 1.0), ("Heat", "crime", 1.0)];
/// let genres = Features::new(log.items(), genres)?.normalized();
/// assert_eq!(genres.names().as_slice(), ["horror", "space", "crime"]);
/// // Of its two genres and of being Alien, which comes after the names.
/// let matrix = genres.matrix()?;
/// assert_eq!(matrix.row(ItemIndex::new(0)), (&[0, 1, 3][..], &[1.0 / 3.0; 3][..]));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Features<X> {
    names: Ids<String, FeatureIndex>,
    given: SparseMatrix<X, FeatureIndex>,
    identity: bool,
    normalized: bool,
}

impl<X: Index> Features<X> {
    /// The features of the users or items of a log: an id, the name of a feature and its weight, in any order. Features are
    /// numbered as they first come.
    ///
    /// # Errors
    /// If an id is not known, an id has a feature twice, or a weight is not finite.
    pub fn new<T: Id, N: Into<String>>(
        ids: &Ids<T, X>,
        weights: impl IntoIterator<Item = (T, N, f32)>,
    ) -> Result<Self> {
        let known = weights.into_iter().map(|(id, name, weight)| Ok((ids.expect(&id)?, name.into(), weight)));
        Self::of_rows(ids, known)
    }

    /// As [`new`](Self::new), but leaves out what ids have that the log does not know: the training part of a split does not know
    /// them all. Also says how many weights were left out.
    ///
    /// # Errors
    /// If an id has a feature twice, or a weight is not finite.
    pub fn of_known<T: Id, N: Into<String>>(
        ids: &Ids<T, X>,
        weights: impl IntoIterator<Item = (T, N, f32)>,
    ) -> Result<(Self, usize)> {
        let mut unknown = 0;
        let known = weights.into_iter().filter_map(|(id, name, weight)| {
            let row = ids.get(&id);
            unknown += usize::from(row.is_none());
            row.map(|row| Ok((row, name.into(), weight)))
        });
        let features = Self::of_rows(ids, known)?;
        Ok((features, unknown))
    }

    /// Of so many users or items, each with nothing but its identity.
    pub(crate) fn identities(rows: usize) -> Self {
        let given = SparseMatrix::from_parts(0, vec![0; rows + 1], vec![], vec![]);
        Self { names: Ids::default(), given, identity: true, normalized: false }
    }

    fn of_rows<T: Id>(
        ids: &Ids<T, X>,
        weights: impl Iterator<Item = Result<(X, String, f32)>>,
    ) -> Result<Self> {
        let mut names = Ids::default();
        let mut entries = vec![];
        for weight in weights {
            let (row, name, weight) = weight?;
            if !weight.is_finite() {
                let place = format!("{} {}, feature {name}", X::NAME, ids.id(row));
                return Err(Error::data(place, weight, "a finite weight"));
            }
            let feature: FeatureIndex = names.insert(name)?;
            entries.push((row.get() as u32, feature.get() as u32, weight));
        }
        entries.sort_by_key(|&(row, feature, _)| (row, feature));
        if let Some(twice) = entries.windows(2).find(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1))
        {
            let (row, feature) = (X::new(twice[0].0), FeatureIndex::new(twice[0].1));
            let place = format!("{} {}", X::NAME, ids.id(row));
            return Err(Error::data(place, format!("feature {} twice", names.id(feature)), "each once"));
        }
        let given = SparseMatrix::from_entries(ids.len(), names.len(), entries)?;
        Ok(Self { names, given, identity: true, normalized: false })
    }

    /// Only the named features.
    pub fn without_identity(self) -> Self {
        Self { identity: false, ..self }
    }

    /// The weights of each user or item, that of the identity too, divided by the sum of their absolute values.
    pub fn normalized(self) -> Self {
        Self { normalized: true, ..self }
    }

    /// The names of features.
    pub fn names(&self) -> &Ids<String, FeatureIndex> {
        &self.names
    }

    /// Whether weights are divided by their sum.
    pub fn is_normalized(&self) -> bool {
        self.normalized
    }

    /// The [`matrix`](Self::matrix) of features of so many users or items.
    pub(crate) fn matrix_of(&self, rows: usize) -> Result<SparseMatrix<X, FeatureIndex>> {
        match self.given.rows() == rows {
            true => self.matrix(),
            false => {
                let found = format!("{} {}s", self.given.rows(), X::NAME);
                let wanted = format!("{rows}, as in the interactions");
                Err(Error::mismatch(format!("features of {}s", X::NAME), found, wanted))
            }
        }
    }

    /// All weights: a row for each user or item; a column for each name, then, with the identity, one for each user or item.
    ///
    /// # Errors
    /// If there is no feature at all, weights are to be divided by a sum that is 0 or not finite, or there are 2^32 columns.
    pub fn matrix(&self) -> Result<SparseMatrix<X, FeatureIndex>> {
        let (rows, names) = (self.given.rows(), self.names.len());
        let columns = names + if self.identity { rows } else { 0 };
        if columns == 0 {
            return Err(Error::data(format!("features of {}s", X::NAME), "none", "at least one"));
        }
        let (mut offsets, mut indices, mut values) = (vec![0], vec![], vec![]);
        for row in 0..rows {
            let (features, weights) = self.given.row(X::new(row as u32));
            let start = values.len();
            indices.extend_from_slice(features);
            values.extend_from_slice(weights);
            if self.identity {
                indices.push((names + row) as u32);
                values.push(1.0);
            }
            if self.normalized {
                let place = || format!("features of {} {row}", X::NAME);
                normalize(&mut values[start..]).map_err(|error| error.within(place()))?;
            }
            offsets.push(values.len());
        }
        SparseMatrix::new(columns, offsets, indices, values)
    }
}

/// Divides weights by the sum of their absolute values.
pub(crate) fn normalize(weights: &mut [f32]) -> Result<()> {
    let sum = weights.iter().fold(0.0, |sum, weight| sum + weight.abs());
    if !(sum > 0.0 && sum.is_finite()) {
        return Err(Error::data("sum of weights", sum, "a finite number above 0 to divide them by"));
    }
    weights.iter_mut().for_each(|weight| *weight /= sum);
    Ok(())
}
