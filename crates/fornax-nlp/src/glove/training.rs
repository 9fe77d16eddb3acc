//! Training: AdaGrad over pairs, block by block.
//!
//! Word `i` is in block `i mod BLOCKS` of the words, and so is a context. In each of `BLOCKS` rounds every block of words meets
//! another block of contexts, so that the pairs of a round can be trained by tasks that share no row: what comes does not depend
//! on how many threads there are.

use std::ops::Range;

use fornax_core::Philox;
use rayon::prelude::*;

use super::Glove;
use super::cooccurrences::Pair;

const BLOCKS: usize = 8;
/// Numbers that are summed side by side.
const LANES: usize = 8;

/// Vectors, padded to whole lanes, and biases of a block, and for each number 1 and the sum of the squares of its gradients
/// times the learning rate.
struct Block {
    vectors: Vec<f32>,
    vector_squares: Vec<f32>,
    biases: Vec<f32>,
    bias_squares: Vec<f32>,
}

pub(super) struct Tables {
    words: Vec<Block>,
    /// By rounds the block that meets the first block of words comes first.
    contexts: Vec<Block>,
    /// The pairs of a block of words and a block of contexts are side by side, in the order in which they are trained.
    pairs: Vec<Pair>,
    /// Where each of these cells, `[words, contexts]`, is.
    cells: Vec<Range<usize>>,
    dimension: usize,
    width: usize,
    count: usize,
    settings: Step,
}

#[derive(Clone, Copy)]
struct Step {
    x_max: f64,
    alpha: f64,
    learning_rate: f32,
}

impl Tables {
    /// Vectors and biases uniform within `1 / (2 dimension)` of 0, and pairs in the order in which they are trained.
    pub(super) fn new(settings: &Glove, count: usize, mut pairs: Vec<Pair>) -> Self {
        let Glove { dimension, x_max, alpha, learning_rate, seed, .. } = *settings;
        let width = dimension.next_multiple_of(LANES);
        let random = Philox::new(seed).named("glove");
        let blocks = |name: &str| {
            let random = random.named(name);
            let block = |block: usize| {
                let rows = (block..count).step_by(BLOCKS);
                let (mut vectors, mut biases) = (vec![0.0; rows.len() * width], vec![0.0; rows.len()]);
                let each = vectors.chunks_exact_mut(width).zip(&mut biases).zip(rows);
                for ((vector, bias), word) in each {
                    let mut random = random.stream(word as u64);
                    let mut draw = || (random.uniform_in(0.0, 1.0) - 0.5) / dimension as f32;
                    vector[..dimension].iter_mut().for_each(|x| *x = draw());
                    *bias = draw();
                }
                let [vector_squares, bias_squares] = [vectors.len(), biases.len()].map(|len| vec![1.0; len]);
                Block { vectors, vector_squares, biases, bias_squares }
            };
            (0..BLOCKS).map(block).collect()
        };
        let (words, contexts) = (blocks("words"), blocks("contexts"));
        let cell = |pair: &Pair| pair.word as usize % BLOCKS * BLOCKS + pair.context as usize % BLOCKS;
        pairs.par_sort_unstable_by_key(|pair| (cell(pair), pair.word, pair.context));
        let first = |at: usize| pairs.partition_point(|pair| cell(pair) < at);
        let cells: Vec<_> = (0..BLOCKS * BLOCKS).map(|at| first(at)..first(at + 1)).collect();
        let order = random.named("order");
        pairs.par_chunk_by_mut(|a, b| cell(a) == cell(b)).for_each(|pairs| {
            let mut random = order.stream(cell(&pairs[0]) as u64);
            for last in (1..pairs.len()).rev() {
                pairs.swap(last, random.below(last + 1));
            }
        });
        let settings = Step { x_max, alpha, learning_rate: learning_rate as f32 };
        Self { words, contexts, pairs, cells, dimension, width, count, settings }
    }

    /// Trains on every pair once and returns the sum of their losses; `done` is told how many were trained.
    pub(super) fn epoch(&mut self, done: impl Fn(usize)) -> f64 {
        let Self { words, contexts, pairs, cells, width, settings, .. } = self;
        let (width, settings) = (*width, *settings);
        let mut loss = 0.0;
        for round in 0..BLOCKS {
            let losses: Vec<f64> = words
                .par_iter_mut()
                .zip(&mut *contexts)
                .enumerate()
                .map(|(block, (words, contexts))| {
                    let cell = cells[block * BLOCKS + (block + round) % BLOCKS].clone();
                    pairs[cell].iter().map(|pair| settings.train(words, contexts, pair, width)).sum()
                })
                .collect();
            loss += losses.iter().sum::<f64>();
            done((0..BLOCKS).map(|block| cells[block * BLOCKS + (block + round) % BLOCKS].len()).sum());
            // The block that met the second block of words meets the first one.
            contexts.rotate_left(1);
        }
        loss
    }

    /// `w_i + c_i` of each word.
    pub(super) fn vectors(&self) -> Vec<f32> {
        let row = |blocks: &[Block], word: usize| {
            let start = word / BLOCKS * self.width;
            blocks[word % BLOCKS].vectors[start..start + self.dimension].to_vec()
        };
        let vector = |word: usize| {
            row(&self.words, word).into_iter().zip(row(&self.contexts, word)).map(|(w, c)| w + c)
        };
        (0..self.count).flat_map(vector).collect()
    }
}

impl Step {
    /// One pair; returns its loss from before.
    fn train(self, words: &mut Block, contexts: &mut Block, pair: &Pair, width: usize) -> f64 {
        let [i, j] = [pair.word, pair.context].map(|word| word as usize / BLOCKS);
        let (w, c) = (&mut words.vectors[i * width..][..width], &mut contexts.vectors[j * width..][..width]);
        let w_squares = &mut words.vector_squares[i * width..][..width];
        let c_squares = &mut contexts.vector_squares[j * width..][..width];
        let mut sums = [0.0f32; LANES];
        for (w, c) in w.chunks_exact(LANES).zip(c.chunks_exact(LANES)) {
            for lane in 0..LANES {
                sums[lane] += w[lane] * c[lane];
            }
        }
        let (a, b) = (&mut words.biases[i], &mut contexts.biases[j]);
        let count = f64::from(pair.count);
        let difference = sums.iter().sum::<f32>() + *a + *b - count.ln() as f32;
        let weight = (count / self.x_max).powf(self.alpha).min(1.0) as f32;
        let g = self.learning_rate * weight * difference;
        for at in 0..width {
            let (dw, dc) = (g * c[at], g * w[at]);
            w[at] -= dw / w_squares[at].sqrt();
            c[at] -= dc / c_squares[at].sqrt();
            w_squares[at] += dw * dw;
            c_squares[at] += dc * dc;
        }
        *a -= g / words.bias_squares[i].sqrt();
        *b -= g / contexts.bias_squares[j].sqrt();
        words.bias_squares[i] += g * g;
        contexts.bias_squares[j] += g * g;
        0.5 * f64::from(weight) * f64::from(difference).powi(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The blocks come back to their places, and every pair is trained once.
    #[test]
    fn an_epoch_meets_every_pair() {
        let pairs: Vec<Pair> = (0..20)
            .flat_map(|word| (0..20).map(move |context| Pair { word, context, count: 1.0 + word as f32 }))
            .collect();
        let mut tables = Tables::new(&Glove::new(5), 20, pairs);
        let before: Vec<Vec<f32>> = tables.contexts.iter().map(|block| block.bias_squares.clone()).collect();
        let trained = std::sync::atomic::AtomicUsize::new(0);
        let losses: Vec<f64> = (0..30)
            .map(|_| {
                tables.epoch(|pairs| {
                    trained.fetch_add(pairs, std::sync::atomic::Ordering::Relaxed);
                })
            })
            .collect();
        assert_eq!(trained.into_inner(), 30 * 400);
        assert!(losses[29] < 0.2 * losses[0], "{losses:?}");
        for (block, before) in tables.contexts.iter().zip(before) {
            assert_eq!(block.bias_squares.len(), before.len());
            assert!(block.bias_squares.iter().all(|&square| square > 1.0));
        }
    }

    /// One pair is one step of AdaGrad by hand.
    #[test]
    fn a_step_is_that_of_the_paper() {
        let settings = Glove::new(2).learning_rate(0.1).x_max(16.0).alpha(0.5);
        let mut tables = Tables::new(&settings, 1, vec![Pair { word: 0, context: 0, count: 4.0 }]);
        let (w, c) = (tables.words[0].vectors.clone(), tables.contexts[0].vectors.clone());
        let (a, b) = (tables.words[0].biases[0], tables.contexts[0].biases[0]);
        let difference = w[0] * c[0] + w[1] * c[1] + a + b - 4f32.ln();
        let loss = tables.epoch(|_| {});
        assert!((loss - f64::from(0.25 * difference * difference)).abs() < 1e-6, "weight (4 / 16)^0.5");
        let g = 0.1 * 0.5 * difference;
        for at in 0..2 {
            assert!((tables.words[0].vectors[at] - (w[at] - g * c[at])).abs() < 1e-6);
            assert!((tables.contexts[0].vectors[at] - (c[at] - g * w[at])).abs() < 1e-6);
        }
        assert!((tables.words[0].biases[0] - (a - g)).abs() < 1e-6);
        assert!((tables.contexts[0].bias_squares[0] - (1.0 + g * g)).abs() < 1e-6);
    }
}
