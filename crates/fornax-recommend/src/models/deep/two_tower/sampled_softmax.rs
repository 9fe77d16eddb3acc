//! [`SampledSoftmax`]: the loss of [`TwoTower`](super::TwoTower).

use fornax_core::{Backend, DynTensor, Indices, Mask, Result, Value};
use fornax_train::losses::CustomLoss;

/// `-ln softmax(z_b)` at the own item of each sample `b` over the items of the whole batch,
/// `z_bj = m_b · q_j / temperature - ln Q(j)`, without places `j` of others that hold the item of `b` too.
///
/// # Shapes
/// - targets: `[batch, items, 2]`, the number of each item and its `ln Q`; the first item of a sample is its own
/// - outputs: `[batch, 1 + items, dimension]`, the vector of the user, then those of the items
/// - losses: `[batch]`
///
/// Numbers of items are exact up to 2^24; beyond it two items may be taken for one, which leaves one more out.
pub(super) struct SampledSoftmax {
    pub(super) temperature: f64,
}

impl CustomLoss for SampledSoftmax {
    fn name(&self) -> &str {
        "sampled_softmax"
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let (targets, vectors) = (y_true.clone().float(), y_pred.clone().float());
        let shape = vectors.shape();
        let (batch, each, width) = (shape[0], shape[1] - 1, shape[2]);
        let columns = batch * each;
        let users = vectors.clone().slice(1, 0, 1, 1).reshape(&[batch, width]);
        let items = vectors.slice(1, 1, each + 1, 1).reshape(&[columns, width]);
        let part = |at: usize| targets.clone().slice(2, at, at + 1, 1).reshape(&[1, columns]);
        let (numbers, log_q) = (part(0), part(1));
        let logits = users.matmul(items.t()).mul_scalar(1.0 / self.temperature).sub(log_q);

        let own = targets.clone().slice(2, 0, 1, 1).slice(1, 0, 1, 1).reshape(&[batch, 1]);
        let same = own.expand(&[batch, columns]).equal(&numbers.expand(&[batch, columns]));
        let mut others = vec![true; batch * columns];
        (0..batch).for_each(|row| others[row * columns + row * each] = false);
        let others = Mask::from_vec(others, &[batch, columns], &logits.device());
        let logits = logits.fill_where(same.and(others), -1e9);
        let labels = (0..batch).map(|row| (row * each) as i32).collect();
        let labels = Indices::from_vec(labels, &[batch], &logits.device());
        Ok(B::sparse_cross_entropy(logits, labels, 0.0).0)
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use fornax_core::{Array, Flex, Philox};

    use super::*;

    /// By the formula, item by item; the items 3 and 1 come twice.
    #[test]
    fn it_is_the_softmax_without_hits_by_accident() {
        let (batch, each, width, temperature) = (3, 2, 4, 0.5);
        let mut random = Philox::new(1);
        let vectors: Vec<f32> =
            (0..batch * (each + 1) * width).map(|_| random.uniform_in(-1.0, 1.0)).collect();
        let (numbers, log_q) = ([3, 0, 1, 3, 2, 1], [-1.0, -2.0, -0.5, -1.0, -3.0, -0.5]);
        let targets = numbers.iter().zip(log_q).flat_map(|(&number, q)| [number as f32, q]).collect();
        let value = |shape: [usize; 3], values: Vec<f32>| {
            Value::<Flex>::from_array(&Array::from_vec(shape, values).unwrap(), &Default::default())
        };
        let loss = SampledSoftmax { temperature };
        let found =
            loss.losses(&value([batch, each, 2], targets), &value([batch, each + 1, width], vectors.clone()));
        for (row, found) in found.unwrap().to_vec().into_iter().enumerate() {
            let vector = |sample: usize, at: usize| &vectors[(sample * (each + 1) + at) * width..][..width];
            let logit = |column: usize| {
                let item = vector(column / each, 1 + column % each);
                let product: f32 = vector(row, 0).iter().zip(item).map(|(a, b)| a * b).sum();
                f64::from(product) / temperature - f64::from(log_q[column])
            };
            let own = row * each;
            let counted =
                (0..batch * each).filter(|&column| column == own || numbers[column] != numbers[own]);
            let wanted = counted.map(|column| logit(column).exp()).sum::<f64>().ln() - logit(own);
            assert!((f64::from(found) - wanted).abs() < 1e-5, "{found}, wanted {wanted}");
        }
    }
}
