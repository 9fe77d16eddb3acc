//! [`WordVectors`]: vectors in training.

use std::ops::Range;
use std::sync::mpsc::sync_channel;

use fornax_core::ops::Examples;
use fornax_core::{Backend, DynTensor, Error, Philox, Result};
use rayon::prelude::*;

use super::progress::Progress;
use super::windows::{Batch, Documents, Windows};
use super::{Determinism, Word2Vec};
use crate::{Corpus, KeyedVectors, SubwordVectors, WordCounts};

/// Words of a batch; the learning rate is the same for all of them.
const BATCH: usize = 10_000;

/// Words of the longest text that is one; a longer one is several.
const LONGEST: usize = 1_000_000;

/// Word vectors in training: the tables of inputs and outputs, and the words that are their rows.
///
/// [`Word2Vec::fit`] makes and trains them; [`train`](Self::train) trains on, and
/// [`keyed_vectors`](Self::keyed_vectors) takes the vectors out.
pub struct WordVectors<B: Backend> {
    pub(super) settings: Word2Vec,
    pub(super) counts: WordCounts,
    /// Texts that have vectors, in place of n-grams.
    pub(super) documents: Option<Documents>,
    /// Inputs (the words', behind them those of n-grams or of texts) and outputs. They are taken out while a batch is trained.
    tables: Option<[DynTensor<B>; 2]>,
    device: B::Device,
    pub(super) losses: Vec<f64>,
}

/// Examples of a batch, and the words that they are from.
struct Prepared {
    examples: Examples,
    words: usize,
}

impl<B: Backend> WordVectors<B> {
    /// Vectors as they are before training: inputs uniform within `1 / dimension` of 0, as gensim's, outputs 0.
    ///
    /// # Errors
    /// If a setting makes no sense, there is no word, or the tables would be larger than memory can be.
    pub fn new(settings: Word2Vec, counts: WordCounts, device: B::Device) -> Result<Self> {
        Self::with_documents(settings, counts, None, device)
    }

    pub(super) fn with_documents(
        settings: Word2Vec,
        counts: WordCounts,
        documents: Option<Documents>,
        device: B::Device,
    ) -> Result<Self> {
        let [inputs, outputs] = table_rows::<B>(&settings, &counts, documents)?;
        let width = B::padded_width(settings.dimension);
        let tables = [
            DynTensor::from_vec(
                initial_rows(settings.seed, settings.dimension, 0..inputs, width),
                &[inputs, width],
                &device,
            ),
            DynTensor::zeros(&[outputs, width], &device),
        ];
        Ok(Self { settings, counts, documents, tables: Some(tables), device, losses: vec![] })
    }

    /// Vectors that were trained before: the rows of both tables, without padding.
    pub(super) fn restored(
        settings: Word2Vec,
        counts: WordCounts,
        documents: Option<Documents>,
        tables: [Vec<f32>; 2],
        losses: Vec<f64>,
        device: B::Device,
    ) -> Result<Self> {
        let (rows, dimension) = (table_rows::<B>(&settings, &counts, documents)?, settings.dimension);
        for ((name, rows), table) in ["inputs", "outputs"].into_iter().zip(rows).zip(&tables) {
            if table.len() != rows * dimension {
                let wanted = format!("{rows} rows of {dimension}");
                return Err(Error::shape(name, format!("{} numbers", table.len()), wanted));
            }
        }
        let padding = B::padded_width(dimension) - dimension;
        let mut rows = rows.into_iter();
        let tables = tables.map(|table| {
            let shape = [rows.next().expect("a number of rows for each table"), dimension];
            DynTensor::from_vec(table, &shape, &device).pad(1, 0, padding, 0.0)
        });
        Ok(Self { settings, counts, documents, tables: Some(tables), device, losses })
    }

    /// The words and their counts.
    pub fn counts(&self) -> &WordCounts {
        &self.counts
    }

    /// The mean loss of a word in each epoch so far; on CPUs, of every 64th word.
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// Trains on a corpus; the learning rate falls from the first word to the last of these epochs.
    ///
    /// # Errors
    /// If the corpus cannot be read, the loss is not finite, or the checkpoint cannot be written. What was trained until then
    /// stays.
    pub fn train<C: Corpus + ?Sized>(&mut self, corpus: &C, epochs: usize) -> Result<()> {
        self.train_from(corpus, 0, epochs)
    }

    /// The epochs from `first` on of so many.
    pub(super) fn train_from<C: Corpus + ?Sized>(
        &mut self,
        corpus: &C,
        first: usize,
        epochs: usize,
    ) -> Result<()> {
        let windows = Windows::new(&self.settings, &self.counts, self.documents);
        let total = (self.counts.total() * epochs as u64).max(1);
        let mut done = self.counts.total() * first as u64;
        let progress = Progress::new(self.settings.verbose, total, done);
        for epoch in first..epochs {
            let random = Philox::new(self.settings.seed).named("windows").stream(self.losses.len() as u64);
            let (mut loss, mut count) = (0.0, 0);
            self.batches(corpus, &windows, random, |vectors, prepared| {
                let alpha = vectors.settings.rate(done as f64 / total as f64);
                let batch_loss = vectors.step(&prepared.examples, &windows, alpha)?;
                done += prepared.words as u64;
                progress.add(prepared.words, alpha);
                loss += batch_loss;
                count += prepared.examples.len();
                Ok(())
            })?;
            self.losses.push(loss / count.max(1) as f64);
            progress.end_epoch(epoch + 1, loss / count.max(1) as f64);
            if let Some(path) = self.settings.checkpoint.clone() {
                self.save(path)?;
            }
        }
        Ok(())
    }

    /// Calls `each` with the examples of every batch of a corpus. With several threads another one prepares them.
    fn batches<C: Corpus + ?Sized>(
        &mut self,
        corpus: &C,
        windows: &Windows,
        random: Philox,
        mut each: impl FnMut(&mut Self, &Prepared) -> Result<()>,
    ) -> Result<()> {
        let counts = std::mem::take(&mut self.counts);
        let trained = if rayon::current_num_threads() == 1 {
            let mut prepared = Prepared { examples: Examples::default(), words: 0 };
            encode(corpus, &counts, |number, batch| {
                windows.examples(batch, random.stream(number), &mut prepared.examples);
                prepared.words = batch.words.len();
                each(self, &prepared)
            })
        } else {
            std::thread::scope(|scope| {
                let (sender, receiver) = sync_channel::<Prepared>(2);
                let reader = scope.spawn(|| {
                    // Moved in, so that it is gone when the reader ends.
                    let sender = sender;
                    encode(corpus, &counts, |number, batch| {
                        let mut prepared =
                            Prepared { examples: Examples::default(), words: batch.words.len() };
                        windows.examples(batch, random.stream(number), &mut prepared.examples);
                        // Nobody listens any more after an error of `each`, which is the one to report.
                        sender.send(prepared).map_err(|_| Error::training("corpus", "no reader", "one"))
                    })
                });
                let mut trained = receiver.into_iter();
                let trained = trained.try_for_each(|prepared| each(self, &prepared));
                let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                trained.and(read)
            })
        };
        self.counts = counts;
        trained
    }

    fn step(&mut self, examples: &Examples, windows: &Windows, alpha: f64) -> Result<f64> {
        let tables = self.tables.take().expect("tables are back after each step");
        let hogwild = self.settings.determinism == Determinism::Hogwild;
        let (tables, loss) = B::train_word_vectors(tables, examples, windows.hidden(), alpha, hogwild);
        self.tables = Some(tables);
        if loss.is_finite() {
            return Ok(loss);
        }
        let place = format!("epoch {}", self.losses.len() + 1);
        Err(Error::training(place, format!("the loss {loss}"), "a finite one: lower the learning rate"))
    }

    /// Adds the words of a corpus that are not known yet and occur `min_count` times in it, and its counts to those of the
    /// known ones. Returns how many words are new.
    ///
    /// # Errors
    /// If the corpus cannot be read, or with hierarchical softmax, whose tree is made once.
    pub fn extend_vocabulary<C: Corpus + ?Sized>(&mut self, corpus: &C) -> Result<usize> {
        if self.settings.hierarchical_softmax {
            let wanted = "none to extend a vocabulary: its tree is made once";
            return Err(Error::argument("hierarchical_softmax", true, wanted));
        }
        let before = self.counts.len();
        let added = self.counts.extend(corpus, self.settings.min_count)?;
        if added > 0 {
            let [inputs, outputs] = self.tables.take().expect("tables are back after each step");
            let [rows, width] = [inputs.shape()[0], inputs.shape()[1]];
            // Behind those of the first vocabulary and its n-grams, which no new word may share.
            let Word2Vec { seed, dimension, .. } = self.settings;
            let new = initial_rows(seed, dimension, rows..rows + added, width);
            let new = DynTensor::from_vec(new, &[added, width], &self.device);
            let zeros = DynTensor::zeros(&[added, width], &self.device);
            let (words, ngrams) = (inputs.clone().slice(0, 0, before, 1), inputs.slice(0, before, rows, 1));
            let tables = [vec![words, new, ngrams], vec![outputs, zeros]];
            self.tables = Some(tables.map(|parts| DynTensor::concatenate(parts, 0)));
        }
        Ok(added)
    }

    /// The rows of the two tables, `[rows, dimension]`.
    pub(super) fn rows(&self) -> [Vec<f32>; 2] {
        let tables = self.tables.as_ref().expect("tables are back after each step");
        tables.each_ref().map(|table| {
            let (width, dimension, mut values) = (table.shape()[1], self.settings.dimension, table.to_vec());
            for row in 0..values.len() / width {
                values.copy_within(row * width..row * width + dimension, row * dimension);
            }
            values.truncate(values.len() / width * dimension);
            values
        })
    }

    /// The vectors of the words; with subwords each the mean of its own and those of its n-grams.
    ///
    /// # Errors
    /// If the training left a number that is not finite.
    pub fn keyed_vectors(&self) -> Result<KeyedVectors> {
        let [mut inputs, _] = self.rows();
        match self.settings.subwords {
            Some(subwords) => {
                SubwordVectors::new(self.counts.words(), subwords, self.settings.dimension, inputs)
                    .map(SubwordVectors::into_keyed_vectors)
            }
            None => {
                inputs.truncate(self.counts.len() * self.settings.dimension);
                KeyedVectors::new(self.counts.words().to_vec(), self.settings.dimension, inputs)
            }
        }
    }

    /// The vectors of the words and of the n-grams, from which any word has a vector.
    ///
    /// # Errors
    /// If the vectors were trained without subwords, or the training left a number that is not finite.
    pub fn subword_vectors(&self) -> Result<SubwordVectors> {
        let wanted = "n-grams; the vectors were trained without";
        let subwords = self.settings.subwords.ok_or_else(|| Error::argument("subwords", "none", wanted))?;
        let [inputs, _] = self.rows();
        SubwordVectors::new(self.counts.words(), subwords, self.settings.dimension, inputs)
    }
}

/// The rows of the tables of inputs and outputs.
fn table_rows<B: Backend>(
    settings: &Word2Vec,
    counts: &WordCounts,
    documents: Option<Documents>,
) -> Result<[usize; 2]> {
    settings.check()?;
    if counts.is_empty() {
        return Err(Error::data("words", "none", "at least one"));
    }
    let outputs = [settings.negative > 0, settings.hierarchical_softmax].map(usize::from);
    let ngrams = settings.subwords.map_or(0, |subwords| subwords.buckets);
    let inputs = (counts.len() + ngrams).saturating_add(documents.map_or(0, |documents| documents.count));
    if inputs > u32::MAX as usize {
        let wanted = "less than 2^32 together";
        return Err(Error::data("vectors", format!("{inputs} of words, n-grams and texts"), wanted));
    }
    let rows = [inputs, counts.len() * outputs.iter().sum::<usize>()];
    let width =
        settings.dimension.checked_add(64).map_or(usize::MAX, |_| B::padded_width(settings.dimension));
    let fits = |rows: usize| rows.checked_mul(width).is_some_and(|len| len <= isize::MAX as usize / 8);
    if !rows.into_iter().all(fits) {
        let wanted = format!("tables of {inputs} rows that memory holds");
        return Err(Error::argument("dimension", settings.dimension, wanted));
    }
    Ok(rows)
}

/// Rows of the table of inputs before training, the same ones for a vocabulary of any size.
pub(crate) fn initial_rows(seed: u64, dimension: usize, rows: Range<usize>, width: usize) -> Vec<f32> {
    let random = Philox::new(seed).named("vectors");
    let mut values = vec![0.0; rows.len() * width];
    values.par_chunks_exact_mut(width).zip(rows).for_each(|(values, row)| {
        let values = &mut values[..dimension];
        random.stream(row as u64).fill_uniform(values);
        values.iter_mut().for_each(|value| *value = (2.0 * *value - 1.0) / dimension as f32);
    });
    values
}

/// Calls `each` with the number and the words of every batch of a corpus.
fn encode<C: Corpus + ?Sized>(
    corpus: &C,
    counts: &WordCounts,
    mut each: impl FnMut(u64, &Batch) -> Result<()>,
) -> Result<()> {
    let (mut batch, mut number, mut text) = (Batch::default(), 0, 0);
    let mut hand_over = |batch: &mut Batch| {
        each(number, batch)?;
        number += 1;
        batch.words.clear();
        batch.ends.clear();
        batch.numbers.clear();
        Result::Ok(())
    };
    corpus.visit(&mut |tokens| {
        for word in tokens.filter_map(|token| counts.index(token)) {
            batch.words.push(word);
            if batch.words.len() == LONGEST {
                batch.ends.push(LONGEST);
                batch.numbers.push(text);
                hand_over(&mut batch)?;
            }
        }
        batch.ends.push(batch.words.len());
        batch.numbers.push(text);
        // Where texts have vectors there are fewer than 2^32.
        text = text.wrapping_add(1);
        if batch.words.len() >= BATCH { hand_over(&mut batch) } else { Ok(()) }
    })?;
    if batch.words.is_empty() { Ok(()) } else { hand_over(&mut batch) }
}
