//! Sums of vectors of features: what the towers of [`TwoTower`](super::TwoTower) begin with.

use std::sync::Arc;

use fornax_core::{Array, Backend, Error, Result, Value};
use fornax_layers::{Context, Initializer, MultiLayer, Shape, WeightSpecs};
use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::ids::Index;

/// `y[b, r, :] = sum over f of weights[b, r, f] embeddings[ids[b, r, f], :]`, as `torch.nn.EmbeddingBag` with weights of samples.
///
/// # Shapes
/// - inputs: ids and weights `[batch, rows, features]`; a place of weight 0 is padding
/// - output: `[batch, rows, output_dim]`
/// - weights: `embeddings [input_dim, output_dim]`, normal, of deviation 0.1
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EmbeddingBag {
    input_dim: usize,
    output_dim: usize,
}

impl EmbeddingBag {
    pub(super) fn new(input_dim: usize, output_dim: usize) -> Self {
        Self { input_dim, output_dim }
    }
}

impl MultiLayer for EmbeddingBag {
    const NAME: &'static str = "EmbeddingBag";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let [ids, _] = inputs else {
            return Err(Error::shape("inputs", format!("{} tensors", inputs.len()), "ids and weights"));
        };
        ids.expect_rank(2, "[rows, features]")?;
        let start = Initializer::RandomNormal { mean: 0.0, stddev: 0.1 };
        weights.add("embeddings", &[self.input_dim, self.output_dim], start);
        Ok(vec![[ids.axes()[0], Some(self.output_dim)].into()])
    }

    fn call_all<B: Backend>(
        &self,
        mut inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let (weights, ids) = (inputs.swap_remove(1).float(), inputs.swap_remove(0).indices());
        let shape = ids.shape();
        let [batch, rows, features] = shape[..] else { unreachable!("the rank was checked") };
        let vectors = context.lookup("embeddings", ids);
        let y = match features {
            // One feature of weight 1 is what most have.
            1 => vectors.reshape(&[batch, rows, self.output_dim]).mul(weights),
            _ => vectors.mul(weights.reshape(&[batch, rows, features, 1])).sum_axis(2),
        };
        Ok(vec![y.reshape(&[batch, rows, self.output_dim]).into()])
    }
}

/// The features of users or of items, as inputs of an [`EmbeddingBag`].
#[derive(Clone, Debug)]
pub(super) struct Bags {
    rows: usize,
    features: usize,
    /// Features and weights of each; none where each is its own feature.
    bags: Option<Arc<Vec<(Vec<i32>, Vec<f32>)>>>,
}

impl Bags {
    /// Those of `rows` users or items, of which each is its own feature without `features`.
    pub(super) fn new<X: Index>(features: Option<&Features<X>>, rows: usize) -> Result<Self> {
        let Some(features) = features else { return Ok(Self { rows, features: rows, bags: None }) };
        let matrix = features.matrix_of(rows)?;
        if matrix.columns() >= i32::MAX as usize {
            return Err(Error::data("features", matrix.columns(), "fewer than 2^31 - 1"));
        }
        let bags = (0..rows as u32).map(|row| {
            let (features, weights) = matrix.row(X::new(row));
            (features.iter().map(|&feature| feature as i32).collect(), weights.to_vec())
        });
        Ok(Self { rows, features: matrix.columns(), bags: Some(Arc::new(bags.collect())) })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many features there are.
    pub(super) fn features(&self) -> usize {
        self.features
    }

    /// Ids and weights `[batch, each, features]` of users or items, `each` of them a sample.
    pub(super) fn inputs(&self, numbers: &[u32], each: usize) -> Result<[Array; 2]> {
        let batch = numbers.len() / each;
        let Some(bags) = &self.bags else {
            let ids = numbers.iter().map(|&number| number as i32).collect();
            let weights = vec![1.0; numbers.len()];
            return Ok([
                Array::from_i32([batch, each, 1], ids)?,
                Array::from_vec([batch, each, 1], weights)?,
            ]);
        };
        let most = numbers.iter().map(|&number| bags[number as usize].0.len()).max().unwrap_or(0).max(1);
        let (mut ids, mut weights) = (vec![], vec![]);
        for &number in numbers {
            let (features, values) = &bags[number as usize];
            ids.extend(features.iter().copied().chain(std::iter::repeat_n(0, most - features.len())));
            weights.extend(values.iter().copied().chain(std::iter::repeat_n(0.0, most - values.len())));
        }
        Ok([Array::from_i32([batch, each, most], ids)?, Array::from_vec([batch, each, most], weights)?])
    }
}
