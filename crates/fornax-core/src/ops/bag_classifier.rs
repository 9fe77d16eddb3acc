//! A linear classifier of bags: softmax of the mean of the rows of what is in them.
//!
//! An example has inputs (rows of the first table) and one right output, its class (a row of the second). With `h` the mean of
//! the rows of the `n` inputs and `p = softmax(V h)` over all rows `v_k` of the second table:
//!
//! `g_k = alpha ([k is right] - p_k)`, `v_k += g_k h`, `x_i += (1 / n) sum_k g_k v_k`
//!
//! with the values from before the example on the right-hand sides. The loss is the sum of `-ln p` of the right class.
//!
//! Source: Joulin et al., *Bag of tricks for efficient text classification*, 2017, and fastText.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::word_vectors::{Examples, damping};
use crate::{DynTensor, Indices};

/// Training of a linear classifier of bags on a backend.
pub trait BagClassifierOps: Burn {
    /// The tables `[rows, width]` of inputs and classes after the examples, and the loss of all of them.
    ///
    /// CPU backends take one example after the other, or with `hogwild` several at once on rayon's threads, which then
    /// may overwrite each other's changes; they want a width that
    /// [`padded_width`](super::WordVectorOps::padded_width) gives. Elsewhere 64 examples are one step, in which a row changes no
    /// more than by eight of them.
    ///
    /// # Panics
    /// If an example has another number of right outputs than one.
    fn train_bag_classifier(
        tables: [DynTensor<Self>; 2],
        examples: &Examples,
        alpha: f64,
        hogwild: bool,
    ) -> ([DynTensor<Self>; 2], f64) {
        let _ = hogwild;
        reference(tables, examples, alpha)
    }
}

/// Examples of one step of the default body.
const AT_ONCE: usize = 64;

pub(crate) fn reference<B: Burn>(
    mut tables: [DynTensor<B>; 2],
    examples: &Examples,
    alpha: f64,
) -> ([DynTensor<B>; 2], f64) {
    let device = tables[0].device();
    let classes = tables[1].shape()[0];
    let indices = |rows: Vec<i32>| {
        let len = rows.len();
        Indices::<B>::from_vec(rows, &[len], &device)
    };
    let mut loss = 0.0;
    for start in (0..examples.len()).step_by(AT_ONCE) {
        let batch = start..(start + AT_ONCE).min(examples.len());
        let (count, width) = (batch.len(), tables[0].shape()[1]);
        let (mut inputs, mut bags, mut shares, mut of) = (vec![], vec![], vec![], vec![]);
        let mut labels = vec![0.0; count * classes];
        for (bag, index) in batch.enumerate() {
            let example = examples.get(index);
            inputs.extend(example.inputs.iter().map(|&row| row as i32));
            bags.extend(example.inputs.iter().map(|_| bag as i32));
            of.extend(example.inputs.iter().map(|_| bag));
            shares.extend(example.inputs.iter().map(|_| 1.0 / example.inputs.len() as f32));
            labels[bag * classes + example.class() as usize] = 1.0;
        }
        let column = |values: Vec<f32>| {
            let len = values.len();
            DynTensor::<B>::from_vec(values, &[len, 1], &device)
        };
        let (input_damping, shares) = (column(damping(&inputs, &of)), column(shares));
        // Every example changes every class.
        let class_damping = f64::from(damping(&vec![0; count], &(0..count).collect::<Vec<_>>())[0]);
        let [inputs, bags] = [inputs, bags].map(indices);
        let [input_table, output_table] = tables;
        let rows = input_table.clone().select(0, inputs.clone()).mul(shares.clone());
        let zeros = DynTensor::<B>::zeros(&[count, width], &device);
        let h = DynTensor::<B>(B::float_select_add(zeros.0, 0, bags.0.clone(), rows.0));
        let logits = h.clone().matmul(output_table.clone().t());
        let labels = DynTensor::from_vec(labels, &[count, classes], &device);
        loss -= logits.clone().log_softmax().mul(labels.clone()).sum().to_scalar();
        let g = labels.sub(logits.softmax()).mul_scalar(alpha);
        let dh = g.clone().matmul(output_table.clone());
        let changes = dh.select(0, bags).mul(shares).mul(input_damping);
        tables = [
            DynTensor(B::float_select_add(input_table.0, 0, inputs.0, changes.0)),
            output_table.add(g.t().matmul(h).mul_scalar(class_damping)),
        ];
    }
    (tables, loss)
}

impl<B: Burn, C: CheckpointStrategy> BagClassifierOps for Autodiff<B, C> {}
