//! [`ParagraphVectors`]: vectors of texts, by predicting their words.

use std::path::Path;

use fornax_core::ops::Examples;
use fornax_core::{Backend, Error, Philox, Result};

use super::vectors::initial_rows;
use super::windows::{Batch, Documents, Windows};
use super::{Architecture, Word2Vec, WordVectors};
use crate::{Corpus, KeyedVectors};

/// Vectors `d` of the texts of a corpus, trained beside those of words.
///
/// Where the architecture of the words is CBOW, a word is predicted from the mean of `d` and of the words around it
/// (distributed memory, PV-DM); where it is skip-gram, each word of a text is predicted from `d` alone (distributed bag of words,
/// PV-DBOW), and with [`train_words`](Self::train_words) from the words around it, too. All else is as in [`Word2Vec`], whose
/// settings these are; there are no subwords.
///
/// Source: Q. Le, T. Mikolov, *Distributed Representations of Sentences and Documents*, ICML 2014 (arXiv 1405.4053); gensim's
/// `Doc2Vec` with `dm_mean=1`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_nlp::{ParagraphVectors, Word2Vec};
///
/// let texts = [["tea", "or", "coffee", "to", "drink"], ["rain", "and", "snow", "will", "fall"]];
/// let corpus: Vec<_> = (0..200).map(|at| texts[at % 2]).collect();
/// let words = Word2Vec::new(16).sample(0.0).learning_rate(0.1).epochs(10).verbose(false);
/// let trained = ParagraphVectors::new(words).fit(&corpus)?;
/// let documents = trained.documents()?;
/// assert!(documents.similarity("0", "2")? > documents.similarity("0", "1")?);
///
/// let coffee = trained.infer(&["coffee", "and", "tea"])?;
/// let nearest = documents.similar_by_vector(&coffee, 1)?[0].0;
/// assert_eq!(nearest.parse::<usize>().unwrap() % 2, 0);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ParagraphVectors {
    words: Word2Vec,
    train_words: bool,
}

impl ParagraphVectors {
    /// With the settings of the words.
    pub fn new(words: Word2Vec) -> Self {
        Self { words, train_words: false }
    }

    /// Whether skip-gram trains the words, too. Default: no, and there are then no vectors of words.
    pub fn train_words(self, train_words: bool) -> Self {
        Self { train_words, ..self }
    }

    /// Counts texts and words of a corpus and trains their vectors on it, on the CPU.
    ///
    /// # Errors
    /// As for [`Word2Vec::fit`], and if there are subwords or 2^32 texts.
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub fn fit<C: Corpus + ?Sized>(&self, corpus: &C) -> Result<DocumentVectors<fornax_core::Cpu>> {
        self.fit_on(corpus, Default::default())
    }

    /// [`fit`](Self::fit) on a device of any backend.
    ///
    /// # Errors
    /// As for `fit`.
    pub fn fit_on<B: Backend, C: Corpus + ?Sized>(
        &self,
        corpus: &C,
        device: B::Device,
    ) -> Result<DocumentVectors<B>> {
        if self.words.subwords.is_some() {
            return Err(Error::argument("subwords", "some", "none where texts have vectors"));
        }
        let mut count = 0;
        corpus.visit(&mut |_| {
            count += 1;
            Ok(())
        })?;
        let documents = Documents { count, train_words: self.train_words };
        Ok(DocumentVectors(self.words.fit_with(corpus, Some(documents), device)?))
    }
}

/// Vectors of texts that [`ParagraphVectors::fit`] made.
pub struct DocumentVectors<B: Backend>(WordVectors<B>);

impl<B: Backend> DocumentVectors<B> {
    /// The number of texts.
    pub fn len(&self) -> usize {
        self.settings().count
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The mean loss of a prediction in each epoch so far; on CPUs, of every 64th.
    pub fn losses(&self) -> &[f64] {
        self.0.losses()
    }

    /// The vectors of the texts, each under its number in the corpus.
    ///
    /// # Errors
    /// If the training left a number that is not finite.
    pub fn documents(&self) -> Result<KeyedVectors> {
        self.tagged((0..self.len()).map(|number| number.to_string()))
    }

    /// The vectors of the texts, each under a tag, in the order of the corpus.
    ///
    /// # Errors
    /// If there are not as many tags as texts, one is there twice, or the training left a number that is not finite.
    pub fn tagged<S: Into<String>>(&self, tags: impl IntoIterator<Item = S>) -> Result<KeyedVectors> {
        let tags: Vec<String> = tags.into_iter().map(Into::into).collect();
        if tags.len() != self.len() {
            return Err(Error::data("tags", tags.len(), format!("{}, one a text", self.len())));
        }
        let [mut inputs, _] = self.0.rows();
        let dimension = self.0.settings.dimension;
        KeyedVectors::new(tags, dimension, inputs.split_off(self.0.counts.len() * dimension))
    }

    /// The vectors of the words.
    ///
    /// # Errors
    /// If they were not trained, or the training left a number that is not finite.
    pub fn words(&self) -> Result<KeyedVectors> {
        if self.0.settings.architecture == Architecture::SkipGram && !self.settings().train_words {
            return Err(Error::argument("train_words", false, "true, for vectors of words"));
        }
        self.0.keyed_vectors()
    }

    /// The vector of a text that is not in the corpus: trained as those of the corpus were, for as many epochs, with all other
    /// vectors as they are. The same text has the same vector each time.
    ///
    /// # Errors
    /// If the text has no word that is known.
    pub fn infer<S: AsRef<str>>(&self, text: &[S]) -> Result<Vec<f32>> {
        Ok(self.infer_batch(&[text])?.swap_remove(0))
    }

    /// [`infer`](Self::infer) for several texts, which do not depend on each other.
    ///
    /// # Errors
    /// As for `infer`.
    pub fn infer_batch<S: AsRef<str>>(&self, texts: &[impl AsRef<[S]>]) -> Result<Vec<Vec<f32>>> {
        let tables = self.0.rows();
        let windows = Windows::new(&self.0.settings, &self.0.counts, self.0.documents);
        let vector = |(at, text): (usize, &_)| {
            let text: &[S] = AsRef::<[S]>::as_ref(text);
            let words: Vec<u32> = text.iter().filter_map(|word| self.0.counts.index(word.as_ref())).collect();
            if words.is_empty() {
                return Err(Error::data(format!("text {at}"), "no word that is known", "at least one"));
            }
            Ok(self.inferred(words, &tables, &windows))
        };
        texts.iter().enumerate().map(vector).collect()
    }

    fn inferred(&self, words: Vec<u32>, [inputs, outputs]: &[Vec<f32>; 2], windows: &Windows) -> Vec<f32> {
        let Word2Vec { dimension, epochs, seed, .. } = self.0.settings;
        let document = self.0.counts.len() + self.len();
        let mut vector = initial_rows(seed, dimension, document..document + 1, dimension);
        // As if it were the text behind the last one.
        let batch = Batch { ends: vec![words.len()], words, numbers: vec![self.len() as u32] };
        let (mut examples, mut hidden, mut change) = (Examples::default(), vec![], vec![]);
        for epoch in 0..epochs {
            let random = Philox::new(seed).named("inference").stream(epoch as u64);
            windows.examples(&batch, random, &mut examples);
            let alpha = self.0.settings.rate(epoch as f64 / epochs as f64) as f32;
            for [rows, right, wrong] in examples.iter() {
                if !rows.contains(&(document as u32)) {
                    continue;
                }
                hidden.clear();
                hidden.resize(dimension, 0.0);
                for &row in rows {
                    let row = row as usize;
                    let values =
                        if row == document { &vector } else { &inputs[row * dimension..][..dimension] };
                    hidden.iter_mut().zip(values).for_each(|(h, x)| *h += x / rows.len() as f32);
                }
                change.clear();
                change.resize(dimension, 0.0);
                let targets = right.iter().map(|row| (row, 1.0)).chain(wrong.iter().map(|row| (row, 0.0)));
                for (&row, label) in targets {
                    let output = &outputs[row as usize * dimension..][..dimension];
                    let z: f32 = hidden.iter().zip(output).map(|(h, v)| h * v).sum();
                    let g = alpha * (label - 1.0 / (1.0 + (-z).exp()));
                    change.iter_mut().zip(output).for_each(|(dh, v)| *dh += g * v);
                }
                vector.iter_mut().zip(&change).for_each(|(x, dx)| *x += dx);
            }
        }
        vector
    }

    fn settings(&self) -> Documents {
        self.0.documents.expect("vectors of texts")
    }

    /// Saves all of it, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.0.save(path)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is not such a file.
    pub fn load(path: impl AsRef<Path>, device: B::Device) -> Result<Self> {
        let path = path.as_ref();
        let vectors = WordVectors::load(path, device)?;
        match vectors.documents {
            Some(_) => Ok(Self(vectors)),
            None => Err(Error::format(path, "documents", "none", "vectors of texts")),
        }
    }
}
