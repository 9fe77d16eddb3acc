//! [`MarkovChain`]: what comes next, by what came next before.

use std::ops::Range;

use fornax_core::{Array, Error, Result};
use fornax_data::archive::MappedArrays;
use serde_json::Value as Json;

use super::stored::{StoredModel, json, matrix_arrays, matrix_of};
use crate::Interactions;
use crate::ids::{Id, Index, ItemIndex, UserIndex};
use crate::recommend::{FoldIn, Score, check};
use crate::sparse::{SparseMatrix, UserItems};

/// `s_uv = count(l_u, v) + count(v) / (n + 1)`: how often `v` came right behind the user's last item `l_u`; where that is equal,
/// how frequent `v` is among all `n` interactions, which is never worth as much as having come behind once more.
///
/// Values of interactions do not count; times say the order.
///
/// ```
/// use fornax_recommend::{Duplicates, Interactions, MarkovChain, Score};
///
/// let log = [("a", 'x', 1), ("a", 'y', 2), ("b", 'x', 1), ("b", 'y', 2), ("b", 'z', 3), ("c", 'x', 1), ("c", 'z', 2), ("d", 'x', 1)];
/// let log = log.map(|(user, item, time)| (user, item, 1.0, time));
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let scores = MarkovChain::new().fit(&log)?.scores(log.users().expect("d")?)?;
/// let [y, z] = ['y', 'z'].map(|item| scores[log.items().get(&item).unwrap().get()]);
/// assert_eq!([y, z], [2.0 + 2.0 / 9.0, 1.0 + 2.0 / 9.0]);
/// # use fornax_recommend::Index;
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MarkovChain;

/// A fitted [`MarkovChain`].
#[derive(Clone, Debug)]
pub struct MarkovChainModel {
    /// From the last item to the next one.
    transitions: SparseMatrix<ItemIndex, ItemIndex>,
    /// Of each user.
    last: Vec<ItemIndex>,
    frequencies: Vec<f32>,
}

impl MarkovChain {
    /// It has no setting.
    pub fn new() -> Self {
        Self
    }

    /// Fits the model.
    ///
    /// # Errors
    /// If there are no times.
    pub fn fit<U: Id, I: Id>(&self, log: &Interactions<U, I>) -> Result<MarkovChainModel> {
        let sequences = log.sequences()?;
        let mut pairs: Vec<[u32; 2]> = sequences
            .iter()
            .flat_map(|sequence| sequence.windows(2).map(|pair| [pair[0].get() as u32, pair[1].get() as u32]))
            .collect();
        pairs.sort_unstable();
        let starts = pairs.chunk_by(|a, b| a[0] == b[0]);
        let entries = starts.flat_map(|start| {
            let each = start.chunk_by(|a, b| a == b);
            each.map(|same| (same[0][0], same[0][1], same.len() as f32))
        });
        let items = log.items().len();
        let transitions = SparseMatrix::from_entries(items, items, entries)?;
        let last = sequences.iter().map(|sequence| sequence[sequence.len() - 1]).collect();
        Ok(MarkovChainModel { transitions, last, frequencies: frequencies(log.matrix()) })
    }
}

fn frequencies(matrix: &UserItems) -> Vec<f32> {
    let mut counts = vec![0usize; matrix.columns()];
    matrix.indices().iter().for_each(|&item| counts[item as usize] += 1);
    let all = matrix.len() as f64;
    counts.into_iter().map(|count| (count as f64 / (all + 1.0)) as f32).collect()
}

impl MarkovChainModel {
    /// The scores of some items behind another one.
    fn behind(&self, last: ItemIndex, items: Range<usize>, out: &mut [f32]) {
        out.copy_from_slice(&self.frequencies[items.clone()]);
        let (next, counts) = self.transitions.row(last);
        for (&item, count) in next.iter().zip(counts) {
            if items.contains(&(item as usize)) {
                out[item as usize - items.start] += count;
            }
        }
    }
}

impl Score for MarkovChainModel {
    fn user_count(&self) -> usize {
        self.last.len()
    }

    fn item_count(&self) -> usize {
        self.frequencies.len()
    }

    fn score_block(&self, users: &[UserIndex], items: Range<usize>, out: &mut [f32]) {
        for (user, out) in users.iter().zip(out.chunks_exact_mut(items.len().max(1))) {
            self.behind(self.last[user.get()], items.clone(), out);
        }
    }
}

/// The last item of the history counts; values do not.
impl FoldIn for MarkovChainModel {
    fn scores_from(&self, history: &[(ItemIndex, f32)]) -> Result<Vec<f32>> {
        let Some(&(last, _)) = history.last() else {
            return Err(Error::data("history", "empty", "one item at least"));
        };
        history.iter().try_for_each(|&(item, _)| check("item", item, self.item_count()))?;
        let mut scores = vec![0.0; self.item_count()];
        self.behind(last, 0..self.item_count(), &mut scores);
        Ok(scores)
    }
}

impl StoredModel for MarkovChainModel {
    const KIND: &'static str = "markov-chain";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let last = self.last.iter().map(|item| item.get() as i32).collect::<Vec<i32>>();
        let transitions = matrix_arrays("transitions", &self.transitions);
        // A row has at most an entry for each item.
        let mut arrays = Vec::from(transitions.expect("fewer than 2^31 items behind an item"));
        arrays.push(("last".into(), Array::from(last)));
        (json(&()), arrays)
    }

    fn from_parts(_: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let items = seen.columns();
        let transitions: SparseMatrix<ItemIndex, ItemIndex> = matrix_of("transitions", items, arrays)?;
        if transitions.rows() != items {
            return Err(Error::mismatch("transitions", transitions.rows(), format!("{items} items")));
        }
        let last: Vec<ItemIndex> =
            arrays.integers("last")?.1.into_iter().map(|item| ItemIndex::new(item as u32)).collect();
        last.iter().try_for_each(|&item| check("last item", item, items))?;
        Ok(Self { transitions, last, frequencies: frequencies(seen) })
    }
}
