//! Our side of the race: `race BACKEND BENCH...` prints one JSON object a bench, `{"bench", "ms"}`, with `"gflops"`
//! where the bench consists of products.
//!
//! `MODEL-fit` is a training step inside `fit` (batch 32; the large models have their own), `MODEL-fit-lazy` one that moves
//! the looked-up rows of an embedding only; `MODEL-predict` a prediction a sample at batch 32; `MODEL-predict-1` a
//! prediction of one sample; `lstm`, `gru` and their kin are in `recurrent.rs`, those of recommenders in `recommend.rs`; `beam-decode` 32 steps of five beams for 8
//! sources of 20 ids. `word2vec-skipgram`, `-cbow`, `-subword` and `-exact` are an epoch over the corpus that `FORNAX_WORDS` names.
//! `text-vectorize` makes rows of 200 indices of the reviews that `FORNAX_REVIEWS` names, with a vocabulary learned before.
//! `gemm` and `copy` are the ceilings of the machine: a product of matrices of 1024 x 1024 and a copy of 8 MiB.
#![forbid(unsafe_code)]

use std::time::Instant;

use fornax::core::{DynTensor, ops::Activation};
use fornax::data::text::{TextVectorization, read_lines};
use fornax::nlp::{Determinism, Subwords, WordCounts, WordVectors};
use fornax::prelude::*;
use fornax::sequence::decoding::{BeamSearch, Limits, TransformerStep};
use fornax::{Error, Result};
use fornax_benches::{batch_size, model_with, multiply_adds, recommend, recurrent, samples, translator};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((backend, benches)) = arguments.split_first() else {
        return Err(Error::argument("arguments", "none", "BACKEND BENCH..."));
    };
    for bench in benches {
        let milliseconds = match backend.as_str() {
            #[cfg(feature = "flex")]
            "flex" => time::<Flex>(bench)?,
            #[cfg(feature = "ndarray")]
            "ndarray" => time::<NdArray>(bench)?,
            #[cfg(feature = "cuda")]
            "cuda" => time::<Cuda>(bench)?,
            other => return Err(Error::argument("backend", other, "one that is compiled in")),
        };
        let mut line = serde_json::json!({ "bench": bench, "ms": milliseconds });
        if let Some(work) = multiply_adds(bench) {
            line["gflops"] = (2e-6 * work as f64 / milliseconds).into();
        }
        println!("{line}");
    }
    Ok(())
}

fn time<B: Backend>(bench: &str) -> Result<f64> {
    match bench {
        "gemm" => return gemm_ceiling::<B>(),
        "copy" => return copy_ceiling(),
        "beam-decode" => return beam_decode::<B>(),
        "text-vectorize" => return vectorize(),
        _ if bench.starts_with("word2vec-") => return word2vec::<B>(bench),
        _ if recommend::BENCHES.contains(&bench) => return recommend::time(bench),
        _ if recurrent::BENCHES.contains(&bench) => {
            return repeat(40, recurrent::forward_backward::<B>(bench)?);
        }
        _ => {}
    }
    let kinds = ["-fit-lazy", "-fit", "-predict-1", "-predict"];
    let found = kinds.iter().find_map(|kind| Some((bench.strip_suffix(kind)?, *kind)));
    let (name, kind) = found.ok_or_else(|| {
        Error::argument("bench", bench, "MODEL and -fit, -fit-lazy, -predict or -predict-1")
    })?;
    let optimizer = Adam::default().lazy(kind == "-fit-lazy");
    let mut model = model_with::<B>(name, optimizer, B::Device::default())?;
    let batch = batch_size(name);
    let steps: usize = match name {
        "dense" => 1000,
        "rnn" => 400,
        "cnn" | "text" | "text-uniform" => 60,
        // Small ones are over too soon to be measured in so few.
        _ => multiply_adds(bench).map_or(12, |work| (4 << 30) / work).clamp(12, 400),
    };
    match kind {
        "-fit" | "-fit-lazy" => {
            let fit = || Fit::new().batch_size(batch).verbose(false);
            model.fit(&samples(name, batch * steps.div_ceil(10))?, fit())?;
            let set = samples(name, batch * steps)?;
            Ok(1e3 * model.fit(&set, fit())?.seconds_per_epoch() / steps as f64)
        }
        "-predict" => {
            let set = samples(name, batch * steps)?;
            let per_set = repeat(2, || model.predict(&set.inputs()[0]))?;
            Ok(per_set / set.len() as f64)
        }
        _ => {
            let one = samples(name, 1)?;
            repeat(20 * steps, || model.predict(&one.inputs()[0]))
        }
    }
}

/// Five beams with the cache; the weights are random, so that no hypothesis ends before the last step.
fn beam_decode<B: Backend>() -> Result<f64> {
    let network = translator::<B>()?;
    let decoder = TransformerStep::new(&network, "transformer", 32)?;
    let mut random = Philox::new(1);
    let sources = Array::from_i32([8, 20], (0..160).map(|_| 3 + random.below(7997) as i32).collect())?;
    let limits = Limits { start: 1, end: 2, max_steps: 32 };
    repeat(5, || {
        let found = BeamSearch::new(5).search(&decoder, decoder.start(&sources)?, 8, limits)?;
        match found.iter().all(|found| found[0].tokens.len() == 32) {
            true => Ok(()),
            false => Err(Error::data("hypotheses", "one that ended", "32 steps of each")),
        }
    })
}

/// An epoch of word vectors, words counted before.
fn word2vec<B: Backend>(bench: &str) -> Result<f64> {
    let lines = lines_of("FORNAX_WORDS")?;
    let texts: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    let settings = Word2Vec::new(100).sample(1e-4);
    let settings = match bench {
        "word2vec-cbow" => settings.architecture(Architecture::Cbow),
        "word2vec-exact" => settings.determinism(Determinism::Exact),
        "word2vec-subword" => settings.learning_rate(0.05).subwords(Subwords::default()),
        _ => settings,
    };
    let mut vectors = WordVectors::<B>::new(settings, WordCounts::of(&texts, 5, None)?, Default::default())?;
    let clock = Instant::now();
    vectors.train(&texts, 1)?;
    Ok(1e3 * clock.elapsed().as_secs_f64())
}

/// A pass over the reviews.
fn vectorize() -> Result<f64> {
    let reviews = lines_of("FORNAX_REVIEWS")?;
    let vectorization =
        TextVectorization::new().max_tokens(20_000).output_sequence_length(200).fit(&reviews)?;
    repeat(3, || vectorization.apply(&reviews))
}

/// The lines of the file that an environment variable names.
fn lines_of(variable: &str) -> Result<Vec<String>> {
    read_lines(std::env::var(variable).map_err(|_| Error::argument(variable, "nothing", "a file"))?)
}

/// A product of matrices of 1024 x 1024: what the machine can do at best.
fn gemm_ceiling<B: Backend>() -> Result<f64> {
    let side = 1024;
    let matrix = || DynTensor::<B>::full(&[side, side], 0.5, &B::Device::default());
    let (a, b) = (matrix(), matrix());
    repeat(20, || Ok(B::dense(a.clone(), b.clone(), None, Activation::Linear)))
}

/// A copy of 8 MiB by one thread.
fn copy_ceiling() -> Result<f64> {
    let (from, mut to) = (vec![1.0f32; 2 << 20], vec![0.0f32; 2 << 20]);
    repeat(100, || {
        to.copy_from_slice(std::hint::black_box(&from));
        std::hint::black_box(&mut to);
        Ok(())
    })
}

/// Milliseconds a call, after a tenth of the calls to warm up.
fn repeat<T>(calls: usize, mut call: impl FnMut() -> Result<T>) -> Result<f64> {
    for _ in 0..calls.div_ceil(10) {
        call()?;
    }
    let clock = Instant::now();
    for _ in 0..calls {
        call()?;
    }
    Ok(1e3 * clock.elapsed().as_secs_f64() / calls as f64)
}
