//! [`WordVectors`]: vectors in training.

use std::sync::mpsc::sync_channel;

use fornax_core::ops::Examples;
use fornax_core::{Backend, DynTensor, Error, Philox, Result};

use super::windows::{Batch, Windows};
use super::{Determinism, Word2Vec};
use crate::{Corpus, KeyedVectors, WordCounts};

/// Words of a batch; the learning rate is the same for all of them.
const BATCH: usize = 10_000;

/// Word vectors in training: the tables of inputs and outputs, and the words that are their rows.
///
/// [`Word2Vec::fit`] makes and trains them; [`train`](Self::train) trains on, and
/// [`keyed_vectors`](Self::keyed_vectors) takes the vectors out.
pub struct WordVectors<B: Backend> {
    settings: Word2Vec,
    counts: WordCounts,
    /// Inputs and outputs. They are taken out while a batch is trained.
    tables: Option<[DynTensor<B>; 2]>,
    device: B::Device,
    losses: Vec<f64>,
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
        settings.check()?;
        if counts.is_empty() {
            return Err(Error::data("words", "none", "at least one"));
        }
        let width = B::padded_width(settings.dimension);
        let outputs = [settings.negative > 0, settings.hierarchical_softmax].map(usize::from);
        let rows = counts.len() * outputs.iter().sum::<usize>();
        if rows.checked_mul(width).is_none_or(|len| len > isize::MAX as usize / 8) {
            let wanted = format!("tables of {} words that memory holds", counts.len());
            return Err(Error::argument("dimension", settings.dimension, wanted));
        }
        let inputs = initial_rows(&settings, 0..counts.len(), width);
        let tables = [
            DynTensor::from_vec(inputs, &[counts.len(), width], &device),
            DynTensor::zeros(&[rows, width], &device),
        ];
        Ok(Self { settings, counts, tables: Some(tables), device, losses: vec![] })
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
    /// If the corpus cannot be read or the loss is not finite. What was trained until then stays.
    pub fn train<C: Corpus + ?Sized>(&mut self, corpus: &C, epochs: usize) -> Result<()> {
        let windows = Windows::new(&self.settings, &self.counts);
        let total = (self.counts.total() * epochs as u64).max(1);
        let mut done = 0;
        for _ in 0..epochs {
            let random = Philox::new(self.settings.seed).named("windows").stream(self.losses.len() as u64);
            let (mut loss, mut count) = (0.0, 0);
            self.batches(corpus, &windows, random, |vectors, prepared| {
                let alpha = vectors.settings.rate(done as f64 / total as f64);
                let batch_loss = vectors.step(&prepared.examples, &windows, alpha)?;
                done += prepared.words as u64;
                loss += batch_loss;
                count += prepared.examples.len();
                Ok(())
            })?;
            self.losses.push(loss / count.max(1) as f64);
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
        let counts = self.counts.clone();
        if rayon::current_num_threads() == 1 {
            let mut prepared = Prepared { examples: Examples::default(), words: 0 };
            return encode(corpus, &counts, |number, batch| {
                windows.examples(batch, random.stream(number), &mut prepared.examples);
                prepared.words = batch.words.len();
                each(self, &prepared)
            });
        }
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<Prepared>(2);
            let reader = scope.spawn(move || {
                encode(corpus, &counts, |number, batch| {
                    let mut prepared = Prepared { examples: Examples::default(), words: batch.words.len() };
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
            let width = inputs.shape()[1];
            let rows = initial_rows(&self.settings, before..before + added, width);
            let rows = DynTensor::from_vec(rows, &[added, width], &self.device);
            let zeros = DynTensor::zeros(&[added, width], &self.device);
            let tables = [vec![inputs, rows], vec![outputs, zeros]];
            self.tables = Some(tables.map(|parts| DynTensor::concatenate(parts, 0)));
        }
        Ok(added)
    }

    /// The vectors of the words.
    ///
    /// # Errors
    /// If the training left a number that is not finite.
    pub fn keyed_vectors(&self) -> Result<KeyedVectors> {
        let [inputs, _] = self.tables.as_ref().expect("tables are back after each step");
        let (width, dimension) = (inputs.shape()[1], self.settings.dimension);
        let values = inputs.to_vec();
        let vectors = values.chunks_exact(width).flat_map(|row| &row[..dimension]).copied().collect();
        KeyedVectors::new(self.counts.words().to_vec(), dimension, vectors)
    }
}

/// Rows of the table of inputs before training, the same ones for a vocabulary of any size.
fn initial_rows(settings: &Word2Vec, rows: std::ops::Range<usize>, width: usize) -> Vec<f32> {
    let random = Philox::new(settings.seed).named("vectors");
    let dimension = settings.dimension;
    let mut values = vec![0.0; rows.len() * width];
    for (row, values) in rows.zip(values.chunks_exact_mut(width)) {
        let values = &mut values[..dimension];
        random.stream(row as u64).fill_uniform(values);
        values.iter_mut().for_each(|value| *value = (2.0 * *value - 1.0) / dimension as f32);
    }
    values
}

/// Calls `each` with the number and the words of every batch of a corpus.
fn encode<C: Corpus + ?Sized>(
    corpus: &C,
    counts: &WordCounts,
    mut each: impl FnMut(u64, &Batch) -> Result<()>,
) -> Result<()> {
    let (mut batch, mut number) = (Batch::default(), 0);
    let mut hand_over = |batch: &mut Batch| {
        each(number, batch)?;
        number += 1;
        batch.words.clear();
        batch.ends.clear();
        Result::Ok(())
    };
    corpus.visit(&mut |tokens| {
        batch.words.extend(tokens.filter_map(|token| counts.index(token)));
        batch.ends.push(batch.words.len());
        if batch.words.len() >= BATCH { hand_over(&mut batch) } else { Ok(()) }
    })?;
    if batch.words.is_empty() { Ok(()) } else { hand_over(&mut batch) }
}
