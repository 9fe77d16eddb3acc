//! [`LabelledTexts`]: what a text classifier learns from, and readers of the formats it is published in.

mod formats;

use std::collections::HashMap;

use fornax_core::{Error, Philox, Result};

pub(crate) use formats::texts_in;
pub use formats::{SeveralLabels, TrecLabels};

use crate::dataset::stratify;
use crate::datasets::Split;

/// Texts, and the class of each.
///
/// Readers: [`read_class_files`](Self::read_class_files) (MR), [`read_tsv`](Self::read_tsv) (SST-2),
/// [`read_trec`](Self::read_trec), [`read_csv`](Self::read_csv), [`read_ag_news`](Self::read_ag_news),
/// [`read_fasttext`](Self::read_fasttext), [`read_folders`](Self::read_folders) (IMDB). Classes that a file names are in the
/// order of their numbers, where their names are numbers, and else of their bytes: the same for every file that has all
/// of them; [`with_class_names`](Self::with_class_names) gives one file the order of another.
///
/// ```
/// use fornax_data::text::LabelledTexts;
///
/// let texts = LabelledTexts::from_pairs([("so good", "pos"), ("so bad", "neg"), ("fine", "pos")])?;
/// assert_eq!(texts.class_names(), ["neg", "pos"]);
/// assert_eq!(texts.labels(), [1, 0, 1]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledTexts {
    texts: Vec<String>,
    labels: Vec<i32>,
    class_names: Vec<String>,
}

impl LabelledTexts {
    /// Texts with the index of each one's class in `class_names`.
    ///
    /// # Errors
    /// If there are not as many labels as texts, a label is no index, or a class is named twice.
    pub fn new(texts: Vec<String>, labels: Vec<i32>, class_names: Vec<String>) -> Result<Self> {
        if labels.len() != texts.len() {
            return Err(Error::data("labels", labels.len(), format!("{}, one a text", texts.len())));
        }
        let classes = class_names.len();
        if let Some(row) =
            labels.iter().position(|&label| usize::try_from(label).map_or(true, |l| l >= classes))
        {
            let wanted = format!("the index of one of {classes} classes");
            return Err(Error::data(format!("label of text {row}"), labels[row], wanted));
        }
        if indices(&class_names).len() != classes || i32::try_from(classes).is_err() {
            return Err(Error::argument("class_names", class_names.join(", "), "every class once"));
        }
        Ok(Self { texts, labels, class_names })
    }

    /// Texts with the name of each one's class.
    ///
    /// # Errors
    /// If there are more than 2^31 classes.
    pub fn from_pairs<T, L>(pairs: impl IntoIterator<Item = (T, L)>) -> Result<Self>
    where
        T: Into<String>,
        L: Into<String>,
    {
        let (texts, names): (Vec<String>, Vec<String>) =
            pairs.into_iter().map(|(text, name)| (text.into(), name.into())).unzip();
        let mut class_names: Vec<String> = indices(&names).into_keys().map(str::to_owned).collect();
        class_names.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        let index = indices(&class_names);
        let labels = names.iter().map(|name| index[&**name]).collect();
        Self::new(texts, labels, class_names)
    }

    /// The texts.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The class of each text, an index of [`class_names`](Self::class_names).
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// The names of the classes; a file may have no text of some.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The number of texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The number of texts of each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.class_names.len()];
        self.labels.iter().for_each(|&label| counts[label as usize] += 1);
        counts
    }

    /// The class of each text as an index of these names: those of the set that a model learned from.
    ///
    /// # Errors
    /// If a text is of a class that is not named.
    pub fn labels_among(&self, names: &[String]) -> Result<Vec<i32>> {
        let index = indices(names);
        let known = |(row, &label): (usize, &i32)| {
            let name = &*self.class_names[label as usize];
            index.get(name).copied().ok_or_else(|| {
                let wanted = format!("one of {}", names.join(", "));
                Error::data(format!("label of text {row}"), format!("{name:?}"), wanted)
            })
        };
        self.labels.iter().enumerate().map(known).collect()
    }

    /// The same texts with labels that are indices of these names.
    ///
    /// # Errors
    /// If a text is of a class that is not named.
    pub fn with_class_names<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Result<Self> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let labels = self.labels_among(&names)?;
        Self::new(self.texts, labels, names)
    }

    /// The same labels with every text changed, for example without marks of another language.
    pub fn map_texts(mut self, mut map: impl FnMut(&str) -> String) -> Self {
        self.texts.iter_mut().for_each(|text| *text = map(text));
        self
    }

    /// The texts at `indices`, in that order.
    ///
    /// # Panics
    /// If an index reaches past the last text.
    pub fn gather(&self, indices: &[usize]) -> Self {
        Self {
            texts: indices.iter().map(|&index| self.texts[index].clone()).collect(),
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
            class_names: self.class_names.clone(),
        }
    }

    /// Divides at random within each class: `round(m * fraction)` of a class's `m` texts are held out. Both sides come in
    /// random order.
    ///
    /// # Errors
    /// If the fraction is not between 0 and 1, or if a side would be empty.
    pub fn split_stratified(&self, fraction: f64, seed: u64) -> Result<Split<Self>> {
        if !(fraction > 0.0 && fraction < 1.0) {
            return Err(Error::argument("fraction", fraction, "between 0 and 1, both excluded"));
        }
        let classes: Vec<usize> = self.labels.iter().map(|&label| label as usize).collect();
        let (train, held_out) = stratify(&classes, fraction, seed)?;
        Ok(Split { train: self.gather(&train), test: self.gather(&held_out) })
    }

    /// The division of fold `fold` of `folds` for cross-validation: the texts of each class, in random order, are dealt to the
    /// folds in turn; those of this fold test, all others train.
    ///
    /// # Errors
    /// If there are fewer than 2 folds or more than texts, or `fold` is not one of them.
    pub fn stratified_fold(&self, fold: usize, folds: usize, seed: u64) -> Result<Split<Self>> {
        if folds < 2 || folds > self.len() {
            return Err(Error::argument("folds", folds, format!("2 to {}, the number of texts", self.len())));
        }
        if fold >= folds {
            return Err(Error::argument("fold", fold, format!("below {folds}, the number of folds")));
        }
        let mut order = Philox::new(seed).named("folds").permutation(self.len());
        order.sort_by_key(|&row| self.labels[row]);
        // Consecutive places of all classes, so that the folds' sizes differ by one text at most.
        let mine = |place: usize| place % folds == fold;
        let part = |test: bool| {
            let places = order.iter().enumerate().filter(|(place, _)| mine(*place) == test);
            let mut rows: Vec<usize> = places.map(|(_, &row)| row).collect();
            rows.sort_unstable();
            self.gather(&rows)
        };
        Ok(Split { train: part(false), test: part(true) })
    }
}

/// The place of each name.
fn indices(names: &[String]) -> HashMap<&str, i32> {
    names.iter().map(|name| &**name).zip(0..).collect()
}

/// Numbers by value and before other names, these by their bytes.
fn order(name: &str) -> (u64, &str) {
    (name.parse().unwrap_or(u64::MAX), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> LabelledTexts {
        LabelledTexts::from_pairs(names.iter().enumerate().map(|(at, name)| (at.to_string(), *name))).unwrap()
    }

    #[test]
    fn classes_are_in_an_order_that_does_not_depend_on_the_texts() {
        assert_eq!(set(&["10", "b", "9", "a", "b"]).class_names(), ["9", "10", "a", "b"]);
        assert_eq!(set(&["b", "a", "10", "9"]).class_names(), ["9", "10", "a", "b"]);
        assert_eq!(set(&["b", "a", "b"]).class_counts(), [1, 2]);
        let given = set(&["b", "a"]).with_class_names(["c", "b", "a"]).unwrap();
        assert_eq!((given.labels(), given.class_counts()), (&[1, 2][..], vec![0, 1, 1]));
        let error = set(&["b", "a"]).with_class_names(["c", "b"]).unwrap_err().to_string();
        assert_eq!(error, "label of text 1: found \"a\", wanted one of c, b");
    }

    #[test]
    fn labels_are_indices_of_the_names() {
        let new = |labels: &[i32], names: &[&str]| {
            let names = names.iter().map(|&name| name.into()).collect();
            LabelledTexts::new(vec!["x".into()], labels.to_vec(), names).map_err(|error| error.to_string())
        };
        assert!(new(&[1], &["a", "b"]).is_ok());
        assert_eq!(
            new(&[2], &["a", "b"]).unwrap_err(),
            "label of text 0: found 2, wanted the index of one of 2 classes"
        );
        assert!(new(&[-1], &["a"]).is_err());
        assert_eq!(new(&[0, 0], &["a"]).unwrap_err(), "labels: found 2, wanted 1, one a text");
        assert_eq!(new(&[0], &["a", "a"]).unwrap_err(), "class_names: found a, a, wanted every class once");
    }

    #[test]
    fn folds_are_a_partition_with_the_classes_in_proportion() {
        let names: Vec<&str> = (0..43).map(|at| if at % 4 == 0 { "rare" } else { "often" }).collect();
        let all = set(&names);
        let mut tested = vec![];
        for fold in 0..5 {
            let Split { train, test } = all.stratified_fold(fold, 5, 7).unwrap();
            assert_eq!(train.len() + test.len(), 43);
            assert!((8..=9).contains(&test.len()), "{}", test.len());
            assert!((2..=3).contains(&test.class_counts()[1]), "{:?}", test.class_counts());
            assert!(test.texts().iter().all(|text| !train.texts().contains(text)));
            tested.extend(test.texts().iter().map(|text| text.parse::<usize>().unwrap()));
        }
        tested.sort_unstable();
        assert_eq!(tested, (0..43).collect::<Vec<_>>());
        assert_ne!(all.stratified_fold(0, 5, 7).unwrap().test, all.stratified_fold(0, 5, 8).unwrap().test);
        for (fold, folds) in [(0, 1), (0, 44), (5, 5)] {
            assert!(all.stratified_fold(fold, folds, 0).is_err());
        }
    }

    #[test]
    fn a_stratified_split_holds_out_of_every_class() {
        let all = set(&["a", "b", "a", "b", "a", "b", "a", "b"]);
        let Split { train, test } = all.split_stratified(0.25, 1).unwrap();
        assert_eq!((train.class_counts(), test.class_counts()), (vec![3, 3], vec![1, 1]));
        assert!(all.split_stratified(0.0, 1).is_err());
        assert!(all.split_stratified(0.01, 1).is_err());
    }
}
