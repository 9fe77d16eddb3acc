//! Texts as examples: words left out by frequency, windows, wrong words.

use fornax_core::Philox;
use fornax_core::ops::{Examples, Hidden};
use serde::{Deserialize, Serialize};

use super::noise::{Huffman, Noise};
use super::{Architecture, Word2Vec};
use crate::WordCounts;
use crate::subwords::Bags;

/// Indices of the words of several texts; other words are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) words: Vec<u32>,
    /// Where each text ends.
    pub(crate) ends: Vec<usize>,
    /// The number of each text in the corpus.
    pub(crate) numbers: Vec<u32>,
}

/// Vectors of texts, which predict their words.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Documents {
    /// How many there are.
    pub(crate) count: usize,
    /// Whether skip-gram trains the words, too.
    pub(crate) train_words: bool,
}

/// How texts become examples.
pub(crate) struct Windows {
    architecture: Architecture,
    window: usize,
    negative: usize,
    noise: Noise,
    huffman: Option<Huffman>,
    bags: Option<Bags>,
    /// The row of the first text, and whether words are trained beside texts.
    documents: Option<(u32, bool)>,
    /// The row of the first inner node.
    first_node: u32,
    /// For each word the part of 2^32 of its occurrences that stay; none of words that always do.
    kept: Vec<Option<u32>>,
}

/// Uniform numbers, many drawn at a time.
struct Draws {
    random: Philox,
    numbers: Vec<u32>,
    at: usize,
}

impl Draws {
    const AT_ONCE: usize = 1024;

    fn new(random: Philox) -> Self {
        Self { random, numbers: vec![0; Self::AT_ONCE], at: Self::AT_ONCE }
    }

    #[inline]
    fn next(&mut self) -> u32 {
        if self.at == Self::AT_ONCE {
            self.random.fill_u32(&mut self.numbers);
            self.at = 0;
        }
        self.at += 1;
        self.numbers[self.at - 1]
    }
}

impl Windows {
    pub(crate) fn new(settings: &Word2Vec, counts: &WordCounts, documents: Option<Documents>) -> Self {
        let total = counts.total() as f64;
        let keep = |&count: &u64| {
            // The threshold of word2vec.c, which differs from the paper's.
            let share = settings.sample * total / count as f64;
            let kept = share.sqrt() + share;
            (settings.sample > 0.0 && kept < 1.0).then(|| (kept * f64::from(u32::MAX)) as u32)
        };
        Self {
            architecture: settings.architecture,
            window: settings.window,
            negative: settings.negative,
            noise: Noise::new(counts.counts(), settings.exponent()),
            huffman: settings.hierarchical_softmax.then(|| Huffman::new(counts.counts())),
            bags: settings.subwords.map(|subwords| Bags::new(counts.words(), &subwords)),
            documents: documents.map(|documents| (counts.len() as u32, documents.train_words)),
            first_node: if settings.negative > 0 { counts.len() as u32 } else { 0 },
            kept: counts.counts().iter().map(keep).collect(),
        }
    }

    pub(crate) fn hidden(&self) -> Hidden {
        match (self.architecture, &self.bags) {
            (Architecture::SkipGram, None) => Hidden::Each,
            _ => Hidden::Mean,
        }
    }

    /// The examples of a batch.
    pub(crate) fn examples(&self, batch: &Batch, random: Philox, examples: &mut Examples) {
        examples.clear();
        let mut draws = Draws::new(random);
        let (mut text, mut window, mut start) = (vec![], vec![], 0);
        let (mut inputs, mut right, mut wrong) = (vec![], vec![], vec![]);
        for (&end, number) in batch.ends.iter().zip(&batch.numbers) {
            text.clear();
            let stays = |word: u32, draws: &mut Draws| match self.kept[word as usize] {
                Some(kept) => draws.next() < kept,
                None => true,
            };
            text.extend(batch.words[start..end].iter().copied().filter(|&word| stays(word, &mut draws)));
            start = end;
            for (at, &word) in text.iter().enumerate() {
                let reach = 1 + ((u64::from(draws.next()) * self.window as u64) >> 32) as usize;
                window.clear();
                window.extend_from_slice(&text[at.saturating_sub(reach)..at]);
                window.extend_from_slice(&text[at + 1..(at + 1 + reach).min(text.len())]);
                if let Some((first, train_words)) = self.documents {
                    let document = first + number;
                    if self.architecture == Architecture::Cbow {
                        window.push(document);
                    } else {
                        right.clear();
                        wrong.clear();
                        self.outputs(word, &mut draws, &mut right, &mut wrong);
                        examples.push(&[document], &right, &wrong);
                        if !train_words {
                            continue;
                        }
                    }
                }
                let (inputs, predicted) = match (self.architecture, &self.bags) {
                    (_, None) => (&window[..], &[word][..]),
                    (Architecture::SkipGram, Some(bags)) => (bags.get(word), &window[..]),
                    (Architecture::Cbow, Some(bags)) => {
                        inputs.clear();
                        window.iter().for_each(|&word| inputs.extend_from_slice(bags.get(word)));
                        (&inputs[..], &[word][..])
                    }
                };
                right.clear();
                wrong.clear();
                predicted.iter().for_each(|&word| self.outputs(word, &mut draws, &mut right, &mut wrong));
                examples.push(inputs, &right, &wrong);
            }
        }
    }

    /// Adds the right and the wrong outputs where a word is predicted.
    #[inline]
    fn outputs(&self, word: u32, draws: &mut Draws, right: &mut Vec<u32>, wrong: &mut Vec<u32>) {
        if self.negative > 0 {
            right.push(word);
            let drawn = (0..self.negative).map(|_| self.noise.word(draws.next()));
            wrong.extend(drawn.filter(|&other| other != word));
        }
        if let Some(huffman) = &self.huffman {
            let (first, others) = huffman.path(word);
            right.extend(first.iter().map(|node| node + self.first_node));
            wrong.extend(others.iter().map(|node| node + self.first_node));
        }
    }
}
