//! [`Phrases`]: words that stand together more often than by chance, joined to one token.

use std::collections::BTreeSet;

use fornax_core::{Error, Result};
use fornax_data::text::WordIndex;
use fornax_layers::setters;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use crate::Corpus;

/// How pairs of words are scored, from the counts `c` of words and pairs, `V` different words and pairs, and `N` words in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhraseScore {
    /// `(c(ab) - min_count) V / (c(a) c(b))` (Mikolov et al. 2013).
    #[default]
    Count,
    /// Normalised pointwise mutual information, `ln(p(ab) / (p(a) p(b))) / -ln p(ab)` with `p = c / N`, from -1 to 1 (Bouma
    /// 2009).
    Npmi,
}

/// How phrases are found.
///
/// Two words are a phrase where their score is above the threshold. Connector words (*of*, *the*) begin and end no phrase but
/// may stand inside. Defaults (those of gensim): pairs that occur 5 times, threshold 10, [`PhraseScore::Count`], `_` between the
/// words, no connector word.
#[derive(Clone, Debug, PartialEq)]
pub struct PhrasesBuilder {
    min_count: u64,
    threshold: f64,
    score: PhraseScore,
    delimiter: String,
    connector_words: BTreeSet<String>,
}

/// Phrases that were found in a corpus.
///
/// ```
/// use fornax_nlp::PhrasesBuilder;
///
/// let texts = vec![vec!["new", "york", "is", "large"], vec!["in", "new", "york", "it", "rains"], vec!["a", "new", "day"]];
/// let phrases = PhrasesBuilder::new().min_count(1).threshold(1.0).fit(&texts)?;
/// assert_eq!(phrases.tokens(["old", "new", "york"]), ["old", "new_york"]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct Phrases {
    /// Joined words, the highest score first.
    phrases: WordIndex,
    scores: Vec<f64>,
    delimiter: String,
    connector_words: BTreeSet<String>,
}

/// The form in a file.
#[derive(Clone, Serialize, Deserialize)]
struct Saved {
    phrases: Vec<(String, f64)>,
    delimiter: String,
    connector_words: BTreeSet<String>,
}

impl Default for PhrasesBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl PhrasesBuilder {
    /// The defaults.
    pub fn new() -> Self {
        let (score, delimiter, connector_words) = (PhraseScore::default(), "_".into(), BTreeSet::new());
        Self { min_count: 5, threshold: 10.0, score, delimiter, connector_words }
    }

    setters! {
        /// How often a pair has to occur.
        min_count: u64,
        /// The score that a phrase is above.
        threshold: f64,
        /// How pairs are scored.
        score: PhraseScore,
        /// What is put between the words of a phrase.
        delimiter: Into(String),
    }

    /// Words that may stand inside phrases alone.
    pub fn connector_words<S: Into<String>>(self, words: impl IntoIterator<Item = S>) -> Self {
        Self { connector_words: words.into_iter().map(Into::into).collect(), ..self }
    }

    /// Finds the phrases of a corpus.
    ///
    /// # Errors
    /// If the corpus cannot be read, or the threshold is not a number.
    pub fn fit<C: Corpus + ?Sized>(&self, corpus: &C) -> Result<Phrases> {
        if self.threshold.is_nan() {
            return Err(Error::argument("threshold", self.threshold, "a number"));
        }
        let (mut words, mut pairs) = (HashMap::<String, u64>::new(), HashMap::<String, Pair>::new());
        let (mut total, mut joined) = (0u64, String::new());
        corpus.visit(&mut |tokens| {
            let (mut before, mut between) = (None::<String>, vec![]);
            for token in tokens {
                total += 1;
                if self.connector_words.contains(token) {
                    between.extend(before.is_some().then(|| token.to_owned()));
                    continue;
                }
                *words.entry_ref(token).or_insert(0) += 1;
                if let Some(first) = before.replace(token.to_owned()) {
                    join(&mut joined, &self.delimiter, &first, &between, token);
                    match pairs.get_mut(joined.as_str()) {
                        Some(pair) => pair.count += 1,
                        None => {
                            let pair = Pair { count: 1, words: [first, token.to_owned()] };
                            pairs.insert(joined.clone(), pair);
                        }
                    }
                }
                between.clear();
            }
            Ok(())
        })?;
        // A word of the corpus may look like a joined pair; gensim counts both as one entry.
        let both: HashSet<&str> = words.keys().chain(pairs.keys()).map(String::as_str).collect();
        let entries = both.len() as f64;
        let count = |token: &str| {
            (words.get(token).copied().unwrap_or(0) + pairs.get(token).map_or(0, |pair| pair.count)) as f64
        };
        let score = |joined: &str, pair: &Pair| {
            let [a, b] = pair.words.each_ref().map(|word| count(word));
            let (ab, least, total) = (count(joined), self.min_count as f64, total as f64);
            match self.score {
                PhraseScore::Count => (ab - least) / a / b * entries,
                PhraseScore::Npmi if ab < least => f64::NEG_INFINITY,
                PhraseScore::Npmi => ((ab / total) / (a / total * (b / total))).ln() / -(ab / total).ln(),
            }
        };
        let scored = pairs.iter().map(|(joined, pair)| (joined.clone(), score(joined, pair)));
        let mut phrases: Vec<_> = scored.filter(|(_, score)| *score > self.threshold).collect();
        phrases.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let (delimiter, connector_words) = (self.delimiter.clone(), self.connector_words.clone());
        Phrases::try_from(Saved { phrases, delimiter, connector_words })
    }
}

/// How often two words stand together.
struct Pair {
    count: u64,
    words: [String; 2],
}

fn join(to: &mut String, delimiter: &str, first: &str, between: &[String], last: &str) {
    to.clear();
    to.push_str(first);
    for word in between.iter().map(String::as_str).chain([last]) {
        to.push_str(delimiter);
        to.push_str(word);
    }
}

impl Phrases {
    /// The phrases with their scores, the highest first, equal ones by their bytes.
    pub fn phrases(&self) -> impl Iterator<Item = (&str, f64)> {
        self.phrases.words().iter().map(String::as_str).zip(self.scores.iter().copied())
    }

    /// The tokens of a text, phrases joined from left to right.
    pub fn tokens<S: AsRef<str>>(&self, text: impl IntoIterator<Item = S>) -> Vec<String> {
        let (mut tokens, mut joined) = (vec![], String::new());
        let (mut before, mut between) = (None::<String>, vec![]);
        for token in text {
            let token = token.as_ref();
            if self.connector_words.contains(token) {
                if before.is_some() { &mut between } else { &mut tokens }.push(token.to_owned());
                continue;
            }
            let Some(first) = before.take() else {
                before = Some(token.to_owned());
                continue;
            };
            join(&mut joined, &self.delimiter, &first, &between, token);
            if self.phrases.get(&joined).is_some() {
                tokens.push(joined.clone());
                between.clear();
            } else {
                tokens.push(first);
                tokens.append(&mut between);
                before = Some(token.to_owned());
            }
        }
        tokens.extend(before);
        tokens.append(&mut between);
        tokens
    }

    /// A corpus with its phrases joined.
    pub fn corpus<'a, C: Corpus + ?Sized>(&'a self, corpus: &'a C) -> PhraseCorpus<'a, C> {
        PhraseCorpus { phrases: self, corpus }
    }
}

impl TryFrom<Saved> for Phrases {
    type Error = Error;

    fn try_from(Saved { phrases, delimiter, connector_words }: Saved) -> Result<Self> {
        let (phrases, scores) = phrases.into_iter().unzip();
        Ok(Self { phrases: WordIndex::new(phrases)?, scores, delimiter, connector_words })
    }
}

impl From<Phrases> for Saved {
    fn from(phrases: Phrases) -> Self {
        let scored = phrases.phrases().map(|(phrase, score)| (phrase.to_owned(), score)).collect();
        Self { phrases: scored, delimiter: phrases.delimiter, connector_words: phrases.connector_words }
    }
}

/// The texts of a corpus, phrases joined.
#[derive(Debug)]
pub struct PhraseCorpus<'a, C: ?Sized> {
    phrases: &'a Phrases,
    corpus: &'a C,
}

impl<C: Corpus + ?Sized> Corpus for PhraseCorpus<'_, C> {
    fn visit(&self, each: &mut dyn FnMut(&mut dyn Iterator<Item = &str>) -> Result<()>) -> Result<()> {
        self.corpus.visit(&mut |tokens| {
            let tokens = self.phrases.tokens(tokens);
            each(&mut tokens.iter().map(String::as_str))
        })
    }
}
