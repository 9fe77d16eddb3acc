//! [`NeuMf`]: neural matrix factorization (He, Liao, Zhang, Nie, Hu and Chua, *Neural collaborative filtering*, WWW 2017).

use std::ops::Range;

use fornax_core::ops::Activation;
use fornax_core::{Array, Backend, Error, Floats, Philox, Result};
use fornax_data::archive::MappedArrays;
use fornax_data::{Batch, Dataset};
use fornax_layers::layers::{Concatenate, Dense as DenseLayer, Embedding, Flatten, Multiply};
use fornax_layers::{Apply, Functional, Initializer, LayerExt, Network, Symbolic, input, setters};
use fornax_train::losses::BinaryCrossentropy;
use fornax_train::{Fit, History};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::multilayer_perceptron::{Dense, MultilayerPerceptron};
use super::{Training, check_counts, column, training_setters};
use crate::ids::{Index, UserIndex};
use crate::models::factors::Factors;
use crate::models::stored::{self, StoredModel, json};
use crate::recommend::Score;
use crate::sparse::{UserItems, nth_absent};

/// `s_uv = h · [x_u ∘ y_v ; f_L(...f_1([p_u ; q_v]))] + b`, `f_l(z) = relu(z W_l + b_l)`: a product of vectors and a
/// multilayer perceptron on vectors of its own, by the binary cross entropy of `sigmoid(s_uv)` over what users have (1) and
/// `negatives` times as much that they do not have (0), drawn anew for each epoch. Values of interactions do not count.
///
/// Defaults: `[64, 32, 16, 8]` hidden units (the first: the elements of `p_u` and `q_v` together), 4 negatives, 20 epochs of
/// batches of 256 interactions, a learning rate of 0.001, seed 0. Vectors begin normal, of deviation 0.01. The paper's
/// `NeuMF` without pretraining.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_recommend::{Duplicates, Filter, Interactions, NeuMf, Recommend};
///
/// let log = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("d", 3), ("d", 4), ("e", 3), ("e", 4), ("f", 4)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let settings = NeuMf::new(4).hidden([8, 4]).epochs(300).learning_rate(0.01).verbose(false);
/// let model = settings.fit(&log)?;
/// let list = model.recommend(log.users().expect("c")?, 1, &Filter::unseen(&log))?;
/// assert_eq!(*log.items().id(list[0].index), 2);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NeuMf {
    factors: usize,
    hidden: Vec<usize>,
    negatives: usize,
    training: Training,
}

/// A fitted [`NeuMf`]. It scores on the CPU, whatever it was trained on.
#[derive(Clone, Debug)]
pub struct NeuMfModel {
    /// `x_u ∘ h` and `y_v`.
    factors: Factors,
    /// `p_u` and `q_v` through their halves of the first layer, its bias with `p_u`: `[users, units]`, `[items, units]`.
    first: [Floats; 2],
    /// The layers behind the first one.
    others: MultilayerPerceptron,
    /// What of `h` belongs to the last layer.
    output: Vec<f32>,
    header: Header,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Header {
    hidden: Vec<usize>,
    bias: f32,
    history: History,
}

impl NeuMf {
    /// With so many elements of `x_u` and `y_v`.
    pub fn new(factors: usize) -> Self {
        let training = Training::new(20, 256);
        Self { factors, hidden: vec![64, 32, 16, 8], negatives: 4, training }
    }

    setters! {
        /// The elements of `p_u` and `q_v` together, an even number, and the units of each layer behind them.
        hidden: Into(Vec<usize>),
        /// How many items that a user does not have are drawn for each that the user has.
        negatives: usize,
    }
    training_setters!();

    /// Fits the model on the CPU.
    ///
    /// # Errors
    /// If a setting is out of its domain, there is no interaction, or the loss grows beyond 32 bits.
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub fn fit(&self, interactions: &impl AsRef<UserItems>) -> Result<NeuMfModel> {
        self.fit_on::<fornax_core::Cpu>(interactions, Default::default())
    }

    /// [`fit`](Self::fit) on a device of any backend.
    ///
    /// # Errors
    /// As for `fit`.
    pub fn fit_on<B: Backend>(
        &self,
        interactions: &impl AsRef<UserItems>,
        device: B::Device,
    ) -> Result<NeuMfModel> {
        let matrix = interactions.as_ref();
        self.check(matrix)?;
        let (users, items) =
            matrix.entries().map(|(user, item, _)| (user.get() as u32, item.get() as u32)).unzip();
        let ones = Array::from_vec([matrix.len(), 1], vec![1.0; matrix.len()])?;
        let set = Dataset::from_parts(vec![column(users)?, column(items)?], vec![ones])?;
        let network = self.network::<B>([matrix.rows(), matrix.columns()], device)?;
        let (matrix, negatives) = (matrix.clone(), self.negatives);
        let fit = Fit::new().augment(move |batch, random| with_negatives(&matrix, negatives, batch, random));
        let loss = BinaryCrossentropy::new().from_logits(true);
        let (network, history) = self.training.run(network, loss, &set, fit)?;
        self.model(&network, history)
    }

    fn check(&self, matrix: &UserItems) -> Result<()> {
        if matrix.is_empty() {
            return Err(Error::data("interactions", "none", "at least one"));
        }
        check_counts([matrix.rows(), matrix.columns()])?;
        for (name, value) in [("factors", self.factors), ("negatives", self.negatives)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        let fits = |hidden: &[usize]| hidden.len() > 1 && hidden[0].is_multiple_of(2) && !hidden.contains(&0);
        if !fits(&self.hidden) {
            let wanted = "an even number of elements and at least one layer of 1 unit or more";
            return Err(Error::argument("hidden", format!("{:?}", self.hidden), wanted));
        }
        let rows = matrix.rows() + matrix.columns();
        self.training.check_memory(
            &[[rows, self.factors], [rows, self.hidden[0] / 2]],
            &self.hidden,
            [0; 3],
        )?;
        self.training.check_negatives(self.negatives, matrix.len(), self.factors.max(self.hidden[0]))
    }

    fn network<B: Backend>(&self, [users, items]: [usize; 2], device: B::Device) -> Result<Network<B>> {
        let (user, item) = (input([1]), input([1]));
        let vectors = |name: &str, count: usize, dimension: usize, number: &Symbolic<B>| {
            let normal = Initializer::RandomNormal { mean: 0.0, stddev: 0.01 };
            let embedding = Embedding::new(count, dimension).embeddings_initializer(normal);
            Flatten::new().apply(&embedding.named(name).apply(number)?)
        };
        let half = self.hidden[0] / 2;
        let [x, y] = [("x", users, &user), ("y", items, &item)]
            .map(|(name, count, number)| vectors(name, count, self.factors, number));
        let [p, q] = [("p", users, &user), ("q", items, &item)]
            .map(|(name, count, number)| vectors(name, count, half, number));
        let product = Multiply.apply([&x?, &y?])?;
        let mut hidden = Concatenate::new().apply([&p?, &q?])?;
        for (at, &units) in self.hidden[1..].iter().enumerate() {
            let layer = DenseLayer::new(units).activation(Activation::Relu);
            hidden = layer.named(format!("dense_{at}")).apply(&hidden)?;
        }
        let joined = Concatenate::new().apply([&product, &hidden])?;
        let logits = DenseLayer::new(1).named("output").apply(&joined)?;
        Functional::new([&user, &item], &logits).seed(self.training.seed).device(device).build()
    }

    fn model<B: Backend>(&self, network: &Network<B>, history: History) -> Result<NeuMfModel> {
        let table = |name: &str| Ok(network.weight(&format!("{name}/embeddings"))?.to_f32());
        let output = Dense::of(network, "output")?;
        let (weights, last) = output.kernel.split_at(self.factors);
        let mut x = table("x")?;
        for row in x.chunks_exact_mut(self.factors) {
            row.iter_mut().zip(weights).for_each(|(x, weight)| *x *= weight);
        }
        let Dense { kernel, bias } = Dense::of(network, "dense_0")?;
        let (upper, lower) = kernel.split_at(kernel.len() / 2);
        let half = |kernel: &[f32], name: &str| {
            let half = Dense { kernel: kernel.to_vec(), bias: bias.clone() };
            Ok(half.product(&table(name)?))
        };
        let (mut users, items): (Vec<f32>, Vec<f32>) = (half(upper, "p")?, half(lower, "q")?);
        for row in users.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(&bias).for_each(|(x, bias)| *x += bias);
        }
        if !users.iter().chain(&items).chain(&x).all(|x| x.is_finite()) {
            let wanted = "a smaller learning rate";
            return Err(Error::training("vectors", "products that are not finite", wanted));
        }
        let others = (1..self.hidden.len() - 1).map(|at| Dense::of(network, &format!("dense_{at}")));
        Ok(NeuMfModel {
            factors: Factors::from_parts(self.factors, x, table("y")?),
            first: [users.into(), items.into()],
            others: MultilayerPerceptron::new(others.collect::<Result<_>>()?),
            output: last.to_vec(),
            header: Header { hidden: self.hidden.clone(), bias: output.bias[0], history },
        })
    }
}

/// A batch with items that the users do not have, whose targets are 0; none for a user who has all.
fn with_negatives(matrix: &UserItems, count: usize, batch: Batch, mut random: Philox) -> Result<Batch> {
    let [mut users, mut items] = [0, 1].map(|at: usize| batch.inputs[at].to_i32());
    let rows = users.len();
    for at in 0..rows {
        let list = matrix.row(UserIndex::new(users[at] as u32)).0;
        let others = matrix.columns() - list.len();
        for _ in 0..if others > 0 { count } else { 0 } {
            users.push(users[at]);
            items.push(nth_absent(list, random.below(others) as u32) as i32);
        }
    }
    let mut targets = vec![0.0; users.len()];
    targets[..rows].fill(1.0);
    let shape = [users.len(), 1];
    let inputs = vec![Array::from_i32(shape, users)?, Array::from_i32(shape, items)?];
    Ok(Batch { inputs, targets: vec![Array::from_vec(shape, targets)?], ..batch })
}

impl NeuMfModel {
    /// The loss of each epoch.
    pub fn history(&self) -> &History {
        &self.header.history
    }
}

/// Items that are scored together.
const TILE: usize = 1024;

impl Score for NeuMfModel {
    fn user_count(&self) -> usize {
        self.factors.user_count()
    }

    fn item_count(&self) -> usize {
        self.factors.item_count()
    }

    fn score_block(&self, users: &[UserIndex], items: Range<usize>, out: &mut [f32]) {
        self.factors.score_block(users, items.clone(), out);
        let width = self.header.hidden[1];
        let [of_users, of_items] = &self.first;
        let of_items = &of_items[items.start * width..items.end * width];
        for (user, scores) in users.iter().zip(out.chunks_exact_mut(items.len().max(1))) {
            let of_user = &of_users[user.get() * width..][..width];
            for (items, scores) in of_items.chunks(TILE * width).zip(scores.chunks_mut(TILE)) {
                let sums = |item: &[f32]| {
                    item.iter().zip(of_user).map(|(a, b)| (a + b).max(0.0)).collect::<Vec<_>>()
                };
                let last = self.others.call(items.chunks_exact(width).flat_map(sums).collect());
                for (score, last) in scores.iter_mut().zip(last.chunks_exact(self.output.len())) {
                    *score += self.header.bias
                        + last.iter().zip(&self.output).map(|(x, weight)| x * weight).sum::<f32>();
                }
            }
        }
    }
}

impl StoredModel for NeuMfModel {
    const KIND: &'static str = "neu-mf";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let mut arrays = self.factors.arrays();
        let width = self.header.hidden[1];
        for (name, values) in ["users/first", "items/first"].into_iter().zip(&self.first) {
            let array = Array::from_vec([values.len() / width, width], values.to_vec());
            arrays.push((name.into(), array.expect("rows of one width")));
        }
        arrays.extend(self.others.arrays("mlp"));
        arrays.push(("output".into(), Array::from(self.output.clone())));
        (json(&self.header), arrays)
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let header: Header = stored::settings(header)?;
        let &[_, width, ref others @ ..] = &header.hidden[..] else {
            return Err(Error::data("hidden", format!("{:?}", header.hidden), "two numbers at least"));
        };
        let factors = Factors::from_arrays(arrays, seen)?;
        let first = [("users/first", factors.user_count()), ("items/first", factors.item_count())].map(
            |(name, rows)| {
                let (shape, values) = arrays.floats(name)?;
                match width > 0 && shape == [rows, width] {
                    true => Ok(values),
                    false => Err(Error::shape(name, format!("{shape:?}"), format!("[{rows}, {width}]"))),
                }
            },
        );
        let [users, items] = first;
        let last = others.last().copied().unwrap_or(width);
        let output = arrays.floats("output")?.1.to_vec();
        if output.len() != last {
            return Err(Error::shape("output", output.len(), last));
        }
        let others = MultilayerPerceptron::from_arrays(arrays, "mlp", others.len(), width)?;
        if others.units().unwrap_or(width) != last {
            return Err(Error::shape("hidden", format!("{:?}", others.units()), last));
        }
        Ok(Self { factors, first: [users?, items?], others, output, header })
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    /// Scores are made of halves of the first layer; the network makes them of each pair.
    #[test]
    fn scores_are_those_of_the_network() {
        for hidden in [vec![6, 5, 4], vec![4, 3]] {
            let settings = NeuMf::new(3).hidden(hidden);
            let mut network = settings.network::<fornax_core::Flex>([5, 7], Default::default()).unwrap();
            let mut random = Philox::new(4);
            let weights: Vec<_> = network
                .variables()
                .iter()
                .map(|weight| (weight.name().to_owned(), weight.shape().to_vec()))
                .collect();
            for (name, shape) in weights {
                let values = (0..shape.iter().product()).map(|_| random.uniform_in(-1.0, 1.0)).collect();
                network.set_weight(&name, &Array::from_vec(shape, values).unwrap()).unwrap();
            }
            let model = settings.model(&network, History::default()).unwrap();
            let (users, items) = (0..5u32).flat_map(|user| (0..7u32).map(move |item| (user, item))).unzip();
            let wanted = network.predict_all(&[column(users).unwrap(), column(items).unwrap()], 9).unwrap()
                [0]
            .to_f32();
            let users: Vec<UserIndex> = (0..5).map(UserIndex::new).collect();
            for part in [0..7, 2..5] {
                let mut scores = vec![0.0; 5 * part.len()];
                model.score_block(&users, part.clone(), &mut scores);
                let wanted = wanted.chunks_exact(7).flat_map(|row| &row[part.clone()]);
                for (found, wanted) in scores.iter().zip(wanted) {
                    assert!((found - wanted).abs() < 1e-5, "{found}, wanted {wanted}");
                }
            }
        }
    }
}
