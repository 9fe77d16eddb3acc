//! [`ParagraphVectors`]: vectors of texts, by predicting their words.

use std::path::Path;
use std::sync::OnceLock;

use fornax_core::ops::Examples;
use fornax_core::{Backend, Error, Philox, Result};
use rayon::prelude::*;

use super::vectors::initial_rows;
use super::windows::{Batch, Documents, Windows};
use super::{Architecture, Word2Vec, WordVectors};
use crate::{Corpus, KeyedVectors};

/// Vectors `d` of the texts of a corpus, trained beside those of words.
///
/// Where the architecture of the words is CBOW, a word is predicted from the mean of `d` and of the words around it
/// (distributed memory, PV-DM); where it is skip-gram, each word of a text is predicted from `d` alone (distributed bag of words,
/// PV-DBOW), and with [`train_words`](Self::train_words) from the words around it, too. All else is as in [`Word2Vec`], whose
/// settings these are; there are no subwords. Of gensim's `Doc2Vec`, PV-DM and 10 epochs are the defaults; these are PV-DBOW and 5.
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
        Ok(DocumentVectors::of(self.words.fit_with(corpus, Some(documents), device)?))
    }
}

/// Vectors of texts that [`ParagraphVectors::fit`] made.
pub struct DocumentVectors<B: Backend> {
    vectors: WordVectors<B>,
    inference: OnceLock<Inference>,
}

/// What [`DocumentVectors::infer`] needs of the vectors.
struct Inference {
    settings: Word2Vec,
    inputs: Vec<f32>,
    outputs: Vec<f32>,
    windows: Windows,
    /// The number of a text behind the last one, and its row.
    number: u32,
    row: usize,
}

impl<B: Backend> DocumentVectors<B> {
    fn of(vectors: WordVectors<B>) -> Self {
        Self { vectors, inference: OnceLock::new() }
    }

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
        self.vectors.losses()
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
        let [mut inputs, _] = self.vectors.rows();
        let dimension = self.vectors.settings.dimension;
        KeyedVectors::new(tags, dimension, inputs.split_off(self.vectors.counts.len() * dimension))
    }

    /// The vectors of the words.
    ///
    /// # Errors
    /// If they were not trained, or the training left a number that is not finite.
    pub fn words(&self) -> Result<KeyedVectors> {
        if self.vectors.settings.architecture == Architecture::SkipGram && !self.settings().train_words {
            return Err(Error::argument("train_words", false, "true, for vectors of words"));
        }
        self.vectors.keyed_vectors()
    }

    /// The vector of a text that is not in the corpus: trained as those of the corpus were, for as many epochs, with all other
    /// vectors as they are. The same text has the same vector each time. The first call copies the tables to memory.
    ///
    /// # Errors
    /// If the text has no word that is known.
    pub fn infer<S: AsRef<str>>(&self, text: &[S]) -> Result<Vec<f32>> {
        Ok(self.infer_batch(&[text])?.swap_remove(0))
    }

    /// [`infer`](Self::infer) for several texts, which do not depend on each other, on all threads.
    ///
    /// # Errors
    /// As for `infer`.
    pub fn infer_batch<S: AsRef<str>>(&self, texts: &[impl AsRef<[S]>]) -> Result<Vec<Vec<f32>>> {
        let WordVectors { settings, counts, documents, .. } = &self.vectors;
        let inference = self.inference.get_or_init(|| {
            let [inputs, outputs] = self.vectors.rows();
            let (settings, windows) = (settings.clone(), Windows::new(settings, counts, *documents));
            let (number, row) = (self.len() as u32, counts.len() + self.len());
            Inference { settings, inputs, outputs, windows, number, row }
        });
        let words = |(at, text): (usize, &_)| {
            let text: &[S] = AsRef::<[S]>::as_ref(text);
            let words: Vec<u32> = text.iter().filter_map(|word| counts.index(word.as_ref())).collect();
            match words.is_empty() {
                true => Err(Error::data(format!("text {at}"), "no word that is known", "at least one")),
                false => Ok(words),
            }
        };
        let texts = texts.iter().enumerate().map(words).collect::<Result<Vec<_>>>()?;
        Ok(texts.into_par_iter().map(|words| inference.vector(words)).collect())
    }

    fn settings(&self) -> Documents {
        self.vectors.documents.expect("vectors of texts")
    }

    /// Saves all of it, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.vectors.save(path)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is not such a file.
    pub fn load(path: impl AsRef<Path>, device: B::Device) -> Result<Self> {
        let path = path.as_ref();
        let vectors = WordVectors::load_any(path, device)?;
        match vectors.documents {
            Some(_) => Ok(Self::of(vectors)),
            None => Err(Error::format(path, "documents", "none", "vectors of texts")),
        }
    }
}

impl Inference {
    fn vector(&self, words: Vec<u32>) -> Vec<f32> {
        let Self { inputs, outputs, windows, row: document, .. } = self;
        let Word2Vec { dimension, epochs, seed, .. } = self.settings;
        let document = *document;
        let mut vector = initial_rows(seed, dimension, document..document + 1, dimension);
        let batch = Batch { ends: vec![words.len()], words, numbers: vec![self.number] };
        let (mut examples, mut hidden, mut change) = (Examples::default(), vec![], vec![]);
        for epoch in 0..epochs {
            let random = Philox::new(seed).named("inference").stream(epoch as u64);
            windows.examples(&batch, random, &mut examples);
            let alpha = self.settings.rate(epoch as f64 / epochs as f64) as f32;
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
}
