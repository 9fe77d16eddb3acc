//! The data of the recurrent and of the text listing.

use std::path::Path;

use fornax::data::Values;
use fornax::data::csv::{Kind, Schema};
use fornax::data::datasets::Split;
use fornax::data::text::{LabelledTexts, Side, TextVectorization};
use fornax::prelude::*;
use fornax::{Error, Result};

/// Time steps of a window.
const TIME: usize = 10;
/// Words of a text.
const WORDS: usize = 100;
/// Indices of words.
const VOCABULARY: usize = 10_000;
/// Samples where there is no data.
const SYNTHETIC: [usize; 2] = [6_000, 1_000];

/// Synthetic samples, the test ones of another seed.
pub(crate) fn synthetic(seed: u64, make: impl Fn(usize, u64) -> Dataset) -> Split {
    let [train, test] = SYNTHETIC;
    Split { train: make(train, 2 * seed), test: make(test, 2 * seed + 1) }
}

pub(crate) fn waves(seed: u64) -> Result<Split> {
    Ok(synthetic(seed, |count, seed| synthetic::waves(count, TIME, seed)))
}

pub(crate) fn topics(seed: u64) -> Result<Split> {
    let [train, test] = SYNTHETIC;
    let parts = [(train, 2 * seed), (test, 2 * seed + 1)];
    let texts = parts.map(|(count, seed)| synthetic::topic_texts(count, WORDS, seed));
    vectorized(&texts)
}

/// Windows of the oil temperature of ETTh1, the last fifth to test. The target is the tenth, of the training values, that
/// the next hour's value is in.
pub(crate) fn temperatures(directory: &Path) -> Result<Split> {
    let path = directory.join("timeseries/ETTh1.csv.gz");
    let table = Schema::new().column("OT", Kind::Number).read(&path)?;
    let series = match table.column("OT")?.values() {
        Values::Numbers(series) if series.iter().all(|value| value.is_finite()) => series.clone(),
        _ => return Err(Error::data(path.display(), "a missing value", "numbers in column OT")),
    };
    let end = series.len() * 4 / 5;
    let (train, test) = series.split_at(end);
    if test.len() <= TIME {
        return Err(Error::data(path.display(), format!("{} rows", series.len()), "some hundred rows"));
    }
    let mut sorted = train.to_vec();
    sorted.sort_by(f32::total_cmp);
    let edges: Vec<f32> = (1..10).map(|tenth| sorted[sorted.len() * tenth / 10]).collect();
    let mean = train.iter().sum::<f32>() / train.len() as f32;
    let variance = train.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / train.len() as f32;
    let windows = |series: &[f32]| {
        let (mut inputs, mut targets) = (vec![], vec![]);
        for window in series.windows(TIME + 1) {
            inputs.extend(window[..TIME].iter().map(|value| (value - mean) / variance.sqrt()));
            targets
                .extend(window[1..].iter().map(|value| edges.partition_point(|edge| edge <= value) as i32));
        }
        let count = inputs.len() / TIME;
        Dataset::new(Array::from_vec([count, TIME, 1], inputs)?, Array::from_i32([count, TIME], targets)?)
    };
    Ok(Split { train: windows(train)?, test: windows(test)? })
}

/// IMDB reviews as indices, the vocabulary that of the training part.
pub(crate) fn reviews(directory: &Path) -> Result<Split> {
    let Split { train, test } = datasets::imdb(directory)?;
    vectorized(&[train, test].map(|part| part.map_texts(|text| text.replace("<br />", " "))))
}

/// Texts, those to train on first, as the indices of their last words, 0s before a shorter text.
fn vectorized([train, test]: &[LabelledTexts; 2]) -> Result<Split> {
    let vectorization = TextVectorization::new().max_tokens(VOCABULARY).output_sequence_length(WORDS);
    let fitted = vectorization.pad(Side::Pre).truncate(Side::Pre).fit(train.texts())?;
    let indices = |part: &LabelledTexts| Dataset::new(fitted.apply(part.texts())?, part.labels().to_vec());
    Ok(Split { train: indices(train)?, test: indices(test)? })
}
