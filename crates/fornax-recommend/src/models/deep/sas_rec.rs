//! [`SasRec`]: self-attentive sequential recommendation (Kang and McAuley, ICDM 2018).

use std::fmt::Display;

use fornax_core::{Array, Backend, Error, Result};
use fornax_data::archive::MappedArrays;
use fornax_data::text::{Padding, Side};
use fornax_data::{Dataset, LengthBuckets};
use fornax_layers::layers::{Add, Dropout, LayerNormalization};
use fornax_layers::{
    Apply, Functional, Initializer, LayerExt, Network, Registry, Shared, Symbolic, input, setters,
};
use fornax_sequence::layers::{PositionEmbedding, ReversibleEmbedding, TransformerEncoder};
use fornax_train::losses::SparseCategoricalCrossentropy;
use fornax_train::{Fit, History};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Training, check_counts, training_setters};
use crate::Interactions;
use crate::ids::{Id, Index, ItemIndex};
use crate::models::factors::{Factors, by_factors};
use crate::models::stored::{self, StoredModel, json};
use crate::recommend::{FoldIn, check};
use crate::sparse::UserItems;

/// `s_uv = h_u · e_v`: a vector `e_v` of each item, and of each user what a causal Transformer makes of the vectors of the last
/// `max_length` items, each with a vector of its position. It is trained so that behind each item the next one is likely,
/// `-ln softmax(E h_t)_next` over all items (and padding, which never comes), instead of against one drawn item by a binary
/// cross entropy as in the paper: see Klenitskiy and Vasilev, *Turning dross into gold loss: is BERT4Rec really better than
/// SASRec?*, RecSys 2023.
///
/// Values of interactions do not count; times say the order.
///
/// Defaults: 2 pre-norm blocks of 1 head, dropout 0.2, 50 items, 20 epochs of batches of 128 users, a learning rate of
/// 0.001, seed 0.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_recommend::{Duplicates, FoldIn, Interactions, SasRec};
///
/// // Everyone goes round the same circle of six items.
/// let log = (0..60u32).flat_map(|user| (0..5u32).map(move |step| (user, (user + step) % 6, 1.0, i64::from(step))));
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = SasRec::new(16).dropout(0.0).epochs(40).batch_size(16).learning_rate(0.01).verbose(false).fit(&log)?;
/// let [three, four, five] = [3, 4, 5].map(|item| log.items().get(&item).unwrap());
/// assert_eq!(model.recommend_from(&[(three, 1.0), (four, 1.0)], 1)?[0].index, five);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SasRec {
    dimension: usize,
    blocks: usize,
    heads: usize,
    dropout: f64,
    max_length: usize,
    training: Training,
}

/// A fitted [`SasRec`].
#[derive(Debug)]
pub struct SasRecModel<B: Backend> {
    /// From items, numbered from 1, to the vectors behind each.
    encoder: Network<B>,
    factors: Factors,
    max_length: usize,
    history: History,
}

#[derive(Serialize, Deserialize)]
struct Header {
    encoder: Json,
    max_length: usize,
    history: History,
}

const ITEMS: &str = "items";

impl SasRec {
    /// With vectors of so many elements.
    pub fn new(dimension: usize) -> Self {
        let training = Training::new(20, 128);
        Self { dimension, blocks: 2, heads: 1, dropout: 0.2, max_length: 50, training }
    }

    setters! {
        /// The blocks of attention and a feed-forward network of `dimension` hidden units.
        blocks: usize,
        /// The heads of attention, a divisor of the dimension.
        heads: usize,
        /// The share of features that training leaves out.
        dropout: f64,
        /// How many of a user's last items count.
        max_length: usize,
    }
    training_setters!();

    /// Fits the model on the CPU.
    ///
    /// # Errors
    /// If a setting is out of its domain, there are no times, no user has two items, or the loss grows beyond 32 bits.
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub fn fit<U: Id, I: Id>(&self, log: &Interactions<U, I>) -> Result<SasRecModel<fornax_core::Cpu>> {
        self.fit_on(log, Default::default())
    }

    /// [`fit`](Self::fit) on a device of any backend.
    ///
    /// # Errors
    /// As for `fit`.
    pub fn fit_on<B: Backend>(
        &self,
        log: &Interactions<impl Id, impl Id>,
        device: B::Device,
    ) -> Result<SasRecModel<B>> {
        for (name, value) in
            [("dimension", self.dimension), ("blocks", self.blocks), ("max_length", self.max_length)]
        {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        let items = log.items().len();
        check_counts([log.users().len(), items])?;
        let tables = [[items + 1, self.dimension], [self.max_length, self.dimension]];
        let steps = self
            .max_length
            .min(log.matrix().offsets().windows(2).map(|row| row[1] - row[0]).max().unwrap_or(0));
        let logits = [self.training.batch_size.min(log.users().len()), steps, items + 1];
        self.training.check_memory(&tables, &vec![self.dimension; self.blocks.min(1 << 20) * 6], logits)?;
        let sequences: Vec<Vec<i32>> = log
            .sequences()?
            .iter()
            .map(|sequence| sequence.iter().map(|&item| number(item)).collect())
            .collect();
        let trained: Vec<&[i32]> =
            sequences.iter().map(|sequence| &sequence[..]).filter(|sequence| sequence.len() > 1).collect();
        if trained.is_empty() {
            return Err(Error::data("sequences", "one item a user", "a user with two at least"));
        }
        let padding = Padding::new().length(self.max_length).truncate(Side::Pre);
        let padding = match trained.iter().map(|sequence| sequence.len() - 1).max() {
            Some(longest) if longest < self.max_length => padding.length(longest),
            _ => padding,
        };
        let inputs: Vec<&[i32]> = trained.iter().map(|sequence| &sequence[..sequence.len() - 1]).collect();
        let targets: Vec<&[i32]> = trained.iter().map(|sequence| &sequence[1..]).collect();
        let inputs = padding.apply(&inputs)?;
        let set = Dataset::new(inputs.array, padding.apply(&targets)?.array)?;

        let (ids, embedding) = (input([None]), self.embedding(items));
        let hidden = self.encode(&ids, &embedding)?;
        let network = Functional::new(&ids, &embedding.apply(&hidden)?).seed(self.training.seed);
        let loss = SparseCategoricalCrossentropy::new().from_logits(true).ignore_class(Some(0));
        let fit = Fit::new().length_buckets(LengthBuckets::new(inputs.lengths).targets([0]));
        let (network, history) = self.training.run(network.device(device.clone()), loss, &set, fit)?;

        let (ids, embedding) = (input([None]), self.embedding(items));
        let mut encoder = Functional::new(&ids, &self.encode(&ids, &embedding)?).device(device).build()?;
        encoder.copy_matching(&network);
        let users = vectors(&encoder, &sequences, self.max_length)?;
        let table = encoder.weight(&format!("{ITEMS}/embeddings"))?;
        let factors = Factors::new(&users, &table.rows(1..items + 1))?;
        Ok(SasRecModel { encoder, factors, max_length: self.max_length, history })
    }

    fn embedding<B: Backend>(&self, items: usize) -> Shared<B> {
        let normal = Initializer::RandomNormal { mean: 0.0, stddev: 0.02 };
        let embedding = ReversibleEmbedding::new(items + 1, self.dimension);
        Shared::new(embedding.embeddings_initializer(normal).named(ITEMS))
    }

    fn encode<B: Backend>(&self, ids: &Symbolic<B>, embedding: &Shared<B>) -> Result<Symbolic<B>> {
        let vectors = embedding.apply(ids)?;
        let normal = Initializer::RandomNormal { mean: 0.0, stddev: 0.02 };
        let positions = PositionEmbedding::new(self.max_length).initializer(normal).apply(&vectors)?;
        let mut hidden = Dropout::new(self.dropout).apply(&Add.apply([&vectors, &positions])?)?;
        for _ in 0..self.blocks {
            let block = TransformerEncoder::new(self.dimension, self.heads).use_causal_mask(true);
            hidden = block.normalize_first(true).dropout(self.dropout).apply(&hidden)?;
        }
        LayerNormalization::new().apply(&hidden)
    }
}

/// An item's number in the network, where 0 is padding.
fn number(item: ItemIndex) -> i32 {
    item.get() as i32 + 1
}

/// The vector behind the last item of each sequence, `[sequences, dimension]`.
fn vectors<B: Backend>(encoder: &Network<B>, sequences: &[Vec<i32>], max_length: usize) -> Result<Array> {
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|&at| sequences[at].len());
    let mut vectors = vec![vec![]; sequences.len()];
    for chunk in order.chunks(BATCH) {
        let batch: Vec<&[i32]> = chunk
            .iter()
            .map(|&at| &sequences[at][sequences[at].len().saturating_sub(max_length)..])
            .collect();
        if batch.iter().any(|sequence| sequence.is_empty()) {
            return Err(Error::data("sequences", "one of no items", "one item at least"));
        }
        let input = Padding::new().apply(&batch)?.array;
        let steps = input.shape()[1];
        let outputs = encoder.predict_all(&[input], BATCH)?;
        let output = match &outputs[..] {
            [output] if output.shape().len() == 3 && output.shape()[..2] == [batch.len(), steps] => output,
            _ => {
                let found: Vec<&[usize]> = outputs.iter().map(Array::shape).collect();
                let wanted = format!("[[{}, {steps}, width]]", batch.len());
                return Err(Error::shape("outputs of the encoder", format!("{found:?}"), wanted));
            }
        };
        let (width, output) = (output.shape()[2], output.to_f32());
        for (row, &at) in chunk.iter().enumerate() {
            vectors[at] = output[(row * steps + batch[row].len() - 1) * width..][..width].to_vec();
        }
    }
    Array::from_vec([sequences.len(), vectors[0].len()], vectors.concat())
}

/// Sequences that are encoded together.
const BATCH: usize = 256;

impl<B: Backend> SasRecModel<B> {
    /// The vectors of users and of items.
    pub fn factors(&self) -> &Factors {
        &self.factors
    }

    /// The loss of each epoch.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The vector of someone with these items, from the oldest to the newest.
    ///
    /// # Errors
    /// If there is no item, or one is not known.
    pub fn vector_from(&self, sequence: &[ItemIndex]) -> Result<Vec<f32>> {
        if sequence.is_empty() {
            return Err(Error::data("history", "empty", "one item at least"));
        }
        sequence
            .iter()
            .try_for_each(|&item| check("item", item, self.factors.items().len() / self.factors.width()))?;
        let sequence = sequence.iter().map(|&item| number(item)).collect();
        Ok(vectors(&self.encoder, &[sequence], self.max_length)?.to_f32())
    }
}

by_factors!(SasRecModel<B: Backend>);

/// The history is from the oldest to the newest item; values do not count, and an item may come again.
impl<B: Backend> FoldIn for SasRecModel<B> {
    fn scores_from(&self, history: &[(ItemIndex, f32)]) -> Result<Vec<f32>> {
        let items: Vec<ItemIndex> = history.iter().map(|&(item, _)| item).collect();
        Ok(self.factors.scores_of(&self.vector_from(&items)?))
    }
}

impl<B: Backend> StoredModel for SasRecModel<B> {
    const KIND: &'static str = "sas-rec";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let header = Header {
            encoder: self.encoder.config(),
            max_length: self.max_length,
            history: self.history.clone(),
        };
        let weights = self.encoder.variables().iter().zip(self.encoder.weights());
        let weights = weights.map(|(variable, weight)| (weight_name(variable.name()), weight.to_array()));
        (json(&header), self.factors.arrays().into_iter().chain(weights).collect())
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let Header { encoder, max_length, history } = stored::settings(header)?;
        let factors = Factors::from_arrays(arrays, seen)?;
        let mut registry = Registry::<B>::default();
        fornax_sequence::register(&mut registry);
        let mut encoder = registry.network(&encoder, B::Device::default())?;
        let names: Vec<String> =
            encoder.variables().iter().map(|variable| variable.name().to_owned()).collect();
        for name in names {
            let (shape, values) = arrays.floats(&weight_name(&name))?;
            encoder.set_weight(&name, &Array::from_vec(shape, values.to_vec())?)?;
        }
        let table = encoder.weight(&format!("{ITEMS}/embeddings"))?;
        let wanted = [factors.items().len() / factors.width() + 1, factors.width()];
        if table.shape() != wanted {
            return Err(Error::shape(
                "vectors of items",
                format!("{:?}", table.shape()),
                format!("{wanted:?}"),
            ));
        }
        let model = Self { encoder, factors, max_length, history };
        // A network of another form cannot be asked.
        match model.vector_from(&[ItemIndex::new(0)])?.len() == model.factors.width() {
            true => Ok(model),
            false => Err(Error::data("network of a recommender", "another width", model.factors.width())),
        }
    }
}

fn weight_name(name: impl Display) -> String {
    format!("encoder/{name}")
}
