//! [`CountVectorizer`]: how often each n-gram occurs in each text.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use fornax_core::{Error, Result};
use fornax_data::CsrMatrix;
use fornax_data::text::{Punctuation, Tokenizer};
use fornax_layers::setters;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Analyzer;

/// In how many texts an n-gram occurs: a number of texts, or a share of all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentFrequency {
    /// So many texts.
    Count(usize),
    /// This share of the texts, from 0 to 1.
    Share(f64),
}

impl From<usize> for DocumentFrequency {
    fn from(count: usize) -> Self {
        Self::Count(count)
    }
}

impl From<f64> for DocumentFrequency {
    fn from(share: f64) -> Self {
        Self::Share(share)
    }
}

impl DocumentFrequency {
    fn of(self, texts: usize) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Share(share) => share * texts as f64,
        }
    }

    fn check(self, name: &str) -> Result<()> {
        match self {
            Self::Share(share) if !(0.0..=1.0).contains(&share) => {
                Err(Error::argument(name, share, "a number of texts, or a share from 0 to 1"))
            }
            _ => Ok(()),
        }
    }
}

/// Texts as rows of counts, one column an n-gram that occurred in the texts it was fitted on; other n-grams do not count.
/// Columns are in the order of the n-grams' bytes.
///
/// Defaults: words in lower case without punctuation, each alone, all that occur. Source:
/// `sklearn.feature_extraction.text.CountVectorizer`, whose words have two letters at least and are divided at apostrophes;
/// of n-grams with equal counts `max_features` keeps the first.
///
/// ```
/// use fornax_nlp::CountVectorizer;
///
/// let counts = CountVectorizer::new().ngram_range(1..=2).min_df(2usize).fit(&["so good", "so so good", "bad"])?;
/// assert_eq!(counts.terms(), ["good", "so", "so good"]);
/// let rows = counts.transform(&["So, so good: good!", ""])?;
/// assert_eq!(rows.row(0), (&[0, 1, 2][..], &[2.0, 2.0, 1.0][..]));
/// assert_eq!(rows.row(1).0.len(), 0);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct CountVectorizer {
    settings: Settings,
    terms: Vec<String>,
    index: HashMap<String, u32>,
    /// Of each term, and the texts that these are counted in.
    document_frequencies: Vec<u32>,
    documents: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Settings {
    tokenizer: Tokenizer,
    analyzer: Analyzer,
    ngram_range: RangeInclusive<usize>,
    min_df: DocumentFrequency,
    max_df: DocumentFrequency,
    max_features: Option<usize>,
    binary: bool,
}

/// The form in a file.
#[derive(Clone, Serialize, Deserialize)]
struct Saved {
    settings: Settings,
    terms: Vec<String>,
    document_frequencies: Vec<u32>,
    documents: usize,
}

impl Default for CountVectorizer {
    fn default() -> Self {
        Self::new()
    }
}

impl CountVectorizer {
    /// The defaults, not fitted.
    pub fn new() -> Self {
        let settings = Settings {
            tokenizer: Tokenizer::new().lowercase(true).punctuation(Punctuation::Remove),
            analyzer: Analyzer::Word,
            ngram_range: 1..=1,
            min_df: DocumentFrequency::Count(1),
            max_df: DocumentFrequency::Share(1.0),
            max_features: None,
            binary: false,
        };
        Self { settings, terms: vec![], index: HashMap::new(), document_frequencies: vec![], documents: 0 }
    }

    setters! {
        in settings:
        /// How texts become words.
        tokenizer: Tokenizer,
        /// What n-grams are made of.
        analyzer: Analyzer,
        /// The words or characters of an n-gram.
        ngram_range: Into(RangeInclusive<usize>),
        /// In how many texts an n-gram has to occur.
        min_df: Into(DocumentFrequency),
        /// In how many texts an n-gram may occur.
        max_df: Into(DocumentFrequency),
        /// How many n-grams are kept, those that occur most often.
        max_features: Some(usize),
        /// Whether an n-gram counts once a text.
        binary: bool,
    }

    /// The n-grams by column.
    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    /// The column of an n-gram; none if it is not counted.
    pub fn column(&self, term: &str) -> Option<usize> {
        self.index.get(term).map(|&column| column as usize)
    }

    /// In how many of the texts that this was fitted on each n-gram occurs.
    pub fn document_frequencies(&self) -> &[u32] {
        &self.document_frequencies
    }

    /// The number of texts that this was fitted on.
    pub fn documents(&self) -> usize {
        self.documents
    }

    /// Learns the n-grams of texts, those of the training part.
    ///
    /// # Errors
    /// If a setting makes no sense, there is no text, or no n-gram is left.
    pub fn fit<S: AsRef<str> + Sync>(self, texts: &[S]) -> Result<Self> {
        Ok(self.fit_transform(texts)?.0)
    }

    /// [`fit`](Self::fit), and the rows of the same texts.
    ///
    /// # Errors
    /// As for `fit`.
    pub fn fit_transform<S: AsRef<str> + Sync>(self, texts: &[S]) -> Result<(Self, CsrMatrix)> {
        self.check()?;
        if texts.is_empty() {
            return Err(Error::data("texts", "none", "at least one"));
        }
        // N-grams are numbered as they come, and again when those that stay are known.
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut rows = Vec::with_capacity(texts.len());
        for chunk in texts.chunks(CHUNK) {
            for words in self.words(chunk) {
                let mut row = vec![];
                self.settings.analyzer.visit(&words, &self.settings.ngram_range, |gram| {
                    row.push(match seen.get(gram) {
                        Some(&number) => number,
                        None => {
                            let number = seen.len() as u32;
                            seen.insert(gram.to_owned(), number);
                            number
                        }
                    });
                });
                rows.push(counted(row));
            }
        }
        if u32::try_from(seen.len()).is_err() {
            return Err(Error::data("texts", format!("{} n-grams", seen.len()), "at most 2^32"));
        }
        let (mut totals, mut documents) = (vec![0u64; seen.len()], vec![0u32; seen.len()]);
        for &(number, count) in rows.iter().flatten() {
            totals[number as usize] += u64::from(count);
            documents[number as usize] += 1;
        }
        let kept = self.kept(seen, &totals, &documents, texts.len())?;
        let mut columns = vec![None; totals.len()];
        kept.iter().zip(0u32..).for_each(|((_, number), column)| columns[*number as usize] = Some(column));
        let mut matrix = CsrMatrix::empty(kept.len())?;
        for row in rows {
            let mut row: Vec<(u32, u32)> = row
                .into_iter()
                .filter_map(|(number, count)| Some((columns[number as usize]?, count)))
                .collect();
            row.sort_unstable();
            matrix.push_row(row.into_iter().map(|(column, count)| (column, self.value(count))))?;
        }
        let document_frequencies = kept.iter().map(|(_, number)| documents[*number as usize]).collect();
        let terms = kept.into_iter().map(|(term, _)| term).collect();
        let saved = Saved { settings: self.settings, terms, document_frequencies, documents: texts.len() };
        Ok((Self::try_from(saved)?, matrix))
    }

    /// Texts as rows of counts.
    ///
    /// # Errors
    /// If this is not fitted.
    pub fn transform<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<CsrMatrix> {
        if self.documents == 0 {
            return Err(Error::argument("vectorizer", "not fitted", "a fitted one"));
        }
        let mut matrix = CsrMatrix::empty(self.terms.len())?;
        for chunk in texts.chunks(CHUNK) {
            let rows: Vec<_> = chunk.par_iter().map(|text| self.row(text.as_ref())).collect();
            for row in rows {
                matrix.push_row(row.into_iter().map(|(column, count)| (column, self.value(count))))?;
            }
        }
        Ok(matrix)
    }

    fn row(&self, text: &str) -> Vec<(u32, u32)> {
        let words = self.settings.tokenizer.tokens(text);
        let mut row = vec![];
        self.settings
            .analyzer
            .visit(&words, &self.settings.ngram_range, |gram| row.extend(self.index.get(gram)));
        counted(row)
    }

    fn words<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Vec<Vec<String>> {
        texts.par_iter().map(|text| self.settings.tokenizer.tokens(text.as_ref())).collect()
    }

    fn value(&self, count: u32) -> f32 {
        if self.settings.binary { 1.0 } else { count as f32 }
    }

    /// The n-grams that stay, by their bytes, with their numbers.
    fn kept(
        &self,
        seen: HashMap<String, u32>,
        totals: &[u64],
        documents: &[u32],
        texts: usize,
    ) -> Result<Vec<(String, u32)>> {
        let Settings { min_df, max_df, max_features, .. } = self.settings;
        let different = seen.len();
        let bounds = min_df.of(texts)..=max_df.of(texts);
        let frequency = |number: u32| f64::from(documents[number as usize]);
        let mut kept: Vec<(String, u32)> =
            seen.into_iter().filter(|(_, number)| bounds.contains(&frequency(*number))).collect();
        if let Some(most) = max_features {
            let total = |number: u32| totals[number as usize];
            kept.sort_unstable_by(|(a, x), (b, y)| total(*y).cmp(&total(*x)).then_with(|| a.cmp(b)));
            kept.truncate(most);
        }
        if kept.is_empty() {
            let found = format!("{different} n-grams, none within min_df, max_df and max_features");
            let found = if different == 0 { "no n-gram".into() } else { found };
            return Err(Error::data("texts", found, "at least one"));
        }
        kept.sort_unstable();
        Ok(kept)
    }

    fn check(&self) -> Result<()> {
        let Settings { ngram_range, min_df, max_df, .. } = &self.settings;
        if *ngram_range.start() == 0 || ngram_range.is_empty() {
            return Err(Error::argument("ngram_range", format!("{ngram_range:?}"), "a range from 1 or more"));
        }
        min_df.check("min_df")?;
        max_df.check("max_df")
    }
}

/// Texts that are tokenized at once.
const CHUNK: usize = 1024;

/// Numbers with how often each is there, rising.
fn counted(mut numbers: Vec<u32>) -> Vec<(u32, u32)> {
    numbers.sort_unstable();
    numbers.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)).collect()
}

impl TryFrom<Saved> for CountVectorizer {
    type Error = Error;

    fn try_from(Saved { settings, terms, document_frequencies, documents }: Saved) -> Result<Self> {
        if document_frequencies.len() != terms.len() {
            let wanted = format!("{}, one an n-gram", terms.len());
            return Err(Error::data("document frequencies", document_frequencies.len(), wanted));
        }
        if let Some(wrong) = document_frequencies.iter().find(|&&df| df == 0 || df as usize > documents) {
            return Err(Error::data("document frequency", wrong, format!("1 to {documents}")));
        }
        let index: HashMap<String, u32> = terms.iter().cloned().zip(0..).collect();
        if index.len() != terms.len() {
            return Err(Error::data("n-grams", "one twice", "every n-gram once"));
        }
        let fitted = Self { settings, terms, index, document_frequencies, documents };
        fitted.check()?;
        Ok(fitted)
    }
}

impl From<CountVectorizer> for Saved {
    fn from(counts: CountVectorizer) -> Self {
        let CountVectorizer { settings, terms, document_frequencies, documents, .. } = counts;
        Self { settings, terms, document_frequencies, documents }
    }
}
