//! Word vectors by prediction: logistic regressions of chosen outputs on inputs, trained example by example.
//!
//! An example has inputs (rows of the first table), right outputs and wrong ones (rows of the second). Its hidden vectors
//! `h` are the rows of the inputs, each of its own ([`Hidden::Each`]: skip-gram), or their mean ([`Hidden::Mean`]: CBOW,
//! subwords, paragraphs). For each hidden vector and output `v`, with `label` 1 where it is right, else 0:
//!
//! `g = alpha (label - sigmoid(h . v))`, `v += g h`, `h += g v`
//!
//! with the values from before the example on the right-hand sides. The change of a mean goes to each of its rows
//! undivided. The loss is the sum of `-ln sigmoid(h . v)` over right and of `-ln sigmoid(-h . v)` over wrong outputs.
//!
//! Source: Mikolov et al., *Distributed representations of words and phrases*, 2013. That the inputs of a window share its
//! wrong outputs is from Ji et al., *Parallelizing word2vec in shared and distributed memory*, arXiv 1604.04661.

use std::collections::HashMap;

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use crate::{DynTensor, Indices};

/// What the hidden vectors of an example are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// The rows of the inputs.
    Each,
    /// The mean of the rows of the inputs.
    Mean,
}

/// Examples, in the order in which they are trained.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    inputs: Vec<u32>,
    targets: Vec<u32>,
    /// Behind an example's inputs, its right outputs, and all its outputs.
    ends: Vec<[usize; 3]>,
}

/// An example: rows of the inputs, and of the outputs, of which the first `right` are right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Example<'a> {
    pub(crate) inputs: &'a [u32],
    pub(crate) targets: &'a [u32],
    pub(crate) right: usize,
}

impl Example<'_> {
    /// The one right output.
    #[inline]
    pub(crate) fn class(&self) -> u32 {
        assert!(
            self.right == 1 && self.targets.len() == 1,
            "an example with another number of classes than one"
        );
        self.targets[0]
    }
}

impl Examples {
    /// Adds an example. One without inputs or without outputs teaches nothing and is left out.
    pub fn push(&mut self, inputs: &[u32], right: &[u32], wrong: &[u32]) {
        if inputs.is_empty() || right.len() + wrong.len() == 0 {
            return;
        }
        self.inputs.extend(inputs);
        self.targets.extend(right);
        let right_end = self.targets.len();
        self.targets.extend(wrong);
        self.ends.push([self.inputs.len(), right_end, self.targets.len()]);
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The inputs, right outputs and wrong outputs of each example.
    pub fn iter(&self) -> impl Iterator<Item = [&[u32]; 3]> {
        (0..self.len()).map(|index| {
            let Example { inputs, targets, right } = self.get(index);
            let (right, wrong) = targets.split_at(right);
            [inputs, right, wrong]
        })
    }

    /// Takes all examples out and keeps the memory.
    pub fn clear(&mut self) {
        self.inputs.clear();
        self.targets.clear();
        self.ends.clear();
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Example<'_> {
        let [input, _, target] = if index == 0 { [0; 3] } else { self.ends[index - 1] };
        let [input_end, right_end, target_end] = self.ends[index];
        Example {
            inputs: &self.inputs[input..input_end],
            targets: &self.targets[target..target_end],
            right: right_end - target,
        }
    }

    /// The width of the tables; panics unless it is a multiple of `unit` and every row lies in its table.
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub(crate) fn check<B: Burn>(&self, tables: &[DynTensor<B>; 2], unit: usize) -> usize {
        let shapes = tables.each_ref().map(|table| table.shape());
        let width = shapes[0][1];
        assert!(width == shapes[1][1] && width.is_multiple_of(unit), "widths {width} and {}", shapes[1][1]);
        for (rows, shape) in [&self.inputs, &self.targets].into_iter().zip(&shapes) {
            let largest = rows.iter().max().map_or(0, |&row| row as usize + 1);
            assert!(largest <= shape[0], "row {largest} of a table of {}", shape[0]);
        }
        width
    }
}

/// Training of word vectors on a backend.
pub trait WordVectorOps: Burn {
    /// The tables `[rows, width]` of inputs and outputs after the examples, and the loss of all of them.
    ///
    /// CPU backends take one example after the other, or with `hogwild` several at once on rayon's threads, which then
    /// may overwrite each other's changes (Niu et al. 2011); they look at one example of 64 for the loss, and want a width
    /// that [`padded_width`](Self::padded_width) gives. Elsewhere a few hundred examples are one step, in which a row changes no more than by eight of them.
    fn train_word_vectors(
        tables: [DynTensor<Self>; 2],
        examples: &Examples,
        hidden: Hidden,
        alpha: f64,
        hogwild: bool,
    ) -> ([DynTensor<Self>; 2], f64) {
        let _ = hogwild;
        reference(tables, examples, hidden, alpha)
    }

    /// The width that tables for vectors of `width` elements have; the elements behind those are 0 and stay so.
    fn padded_width(width: usize) -> usize {
        width
    }
}

/// Examples of one step of the default body.
const AT_ONCE: usize = 256;

/// Examples of a step whose changes of one row are added up; of more, the sum is as large as of so many. Without that
/// the rows of frequent words run away.
const ADDED_UP: f32 = 8.0;

/// For each of the rows what its changes are multiplied by, given the examples that they are of.
pub(super) fn damping(rows: &[i32], examples: &[usize]) -> Vec<f32> {
    let mut counts: HashMap<i32, (usize, f32)> = HashMap::new();
    for (&row, &example) in rows.iter().zip(examples) {
        let (last, count) = counts.entry(row).or_insert((usize::MAX, 0.0));
        if *last != example {
            (*last, *count) = (example, *count + 1.0);
        }
    }
    rows.iter().map(|row| (ADDED_UP / counts[row].1).min(1.0)).collect()
}

pub(crate) fn reference<B: Burn>(
    mut tables: [DynTensor<B>; 2],
    examples: &Examples,
    hidden: Hidden,
    alpha: f64,
) -> ([DynTensor<B>; 2], f64) {
    let device = tables[0].device();
    let indices = |rows: Vec<i32>| {
        let len = rows.len();
        Indices::<B>::from_vec(rows, &[len], &device)
    };
    let add = |table: DynTensor<B>, rows: &Indices<B>, values: DynTensor<B>| {
        DynTensor::<B>(B::float_select_add(table.0, 0, rows.0.clone(), values.0))
    };
    let mut loss = 0.0;
    for start in (0..examples.len()).step_by(AT_ONCE) {
        // A bag is what one hidden vector is the mean of.
        let (mut inputs, mut bags, mut shares) = (vec![], vec![], vec![]);
        let (mut pair_bags, mut pair_targets, mut labels) = (vec![], vec![], vec![]);
        let (mut input_examples, mut target_examples) = (vec![], vec![]);
        for index in start..(start + AT_ONCE).min(examples.len()) {
            let example = examples.get(index);
            let each = hidden == Hidden::Each;
            let share = if each { 1.0 } else { 1.0 / example.inputs.len() as f32 };
            let groups = example.inputs.chunks(if each { 1 } else { example.inputs.len() });
            for group in groups {
                let bag = bags.last().map_or(0, |bag| bag + 1);
                inputs.extend(group.iter().map(|&row| row as i32));
                input_examples.extend(group.iter().map(|_| index));
                target_examples.extend(example.targets.iter().map(|_| index));
                bags.extend(group.iter().map(|_| bag));
                shares.extend(group.iter().map(|_| share));
                pair_bags.extend(example.targets.iter().map(|_| bag));
                pair_targets.extend(example.targets.iter().map(|&row| row as i32));
                labels.extend((0..example.targets.len()).map(|at| f32::from(at < example.right)));
            }
        }
        let pairs = labels.len();
        let bag_count = bags.last().map_or(0, |&bag: &i32| bag as usize + 1);
        let width = tables[0].shape()[1];
        let column = |values: Vec<f32>| {
            let len = values.len();
            DynTensor::<B>::from_vec(values, &[len, 1], &device)
        };
        let input_damping = column(damping(&inputs, &input_examples));
        let target_damping = column(damping(&pair_targets, &target_examples));
        let (shares, labels) = (column(shares), column(labels));
        let [inputs, bags, pair_bags, pair_targets] = [inputs, bags, pair_bags, pair_targets].map(indices);
        let [input_table, output_table] = tables;
        let rows = input_table.clone().select(0, inputs.clone()).mul(shares);
        let h = add(DynTensor::zeros(&[bag_count, width], &device), &bags, rows);
        let x = h.select(0, pair_bags.clone());
        let v = output_table.clone().select(0, pair_targets.clone());
        let logits = x.clone().mul(v.clone()).sum_axis(1).reshape(&[pairs, 1]);
        // -ln sigmoid(z) = softplus(z) - z, -ln sigmoid(-z) = softplus(z).
        loss += logits.clone().softplus().sub(logits.clone().mul(labels.clone())).sum().to_scalar();
        let g = labels.sub(logits.sigmoid()).mul_scalar(alpha);
        let output_table = add(output_table, &pair_targets, x.mul(g.clone()).mul(target_damping));
        let dh = add(DynTensor::zeros(&[bag_count, width], &device), &pair_bags, v.mul(g));
        let input_table = add(input_table, &inputs, dh.select(0, bags).mul(input_damping));
        tables = [input_table, output_table];
    }
    (tables, loss)
}

impl<B: Burn, C: CheckpointStrategy> WordVectorOps for Autodiff<B, C> {}
