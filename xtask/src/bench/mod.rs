//! `bench`: our criterion benches, and our side of the race against the figures that were recorded last; with `--peers`
//! a race against the Python peers.

mod race;
mod recorded;
mod report;

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::process::{cargo, check, flag, nothing_left, option, root, target};
use race::{Contender, Times};

const BENCHES: [&str; 38] = [
    "dense-fit",
    "dense-predict",
    "dense-predict-1",
    "cnn-fit",
    "cnn-predict",
    "cnn-predict-1",
    "mlp-large-fit",
    "cnn-large-fit",
    "resnet-fit",
    "rnn-fit",
    "text-fit",
    "text-fit-lazy",
    "text-uniform-fit",
    "lstm",
    "gru",
    "lstm-wide",
    "gru-wide",
    "lstm-ragged",
    "gru-ragged",
    "transformer-fit",
    "beam-decode",
    "text-vectorize",
    "word2vec-skipgram",
    "word2vec-cbow",
    "word2vec-exact",
    "word2vec-subword",
    "ials-cholesky",
    "ials-cg",
    "bpr",
    "topk",
    "svd-sparse",
    "svd-listing",
    "ml-1m-ials-cholesky",
    "ml-1m-ials-cg",
    "ml-1m-bpr",
    "ml-1m-topk",
    "ml-1m-svd-sparse",
    "dense-process",
];

/// A name for several benches, and how their names start.
const RECOMMEND: (&str, [&str; 5]) = ("recommend", ["ials-", "bpr", "topk", "svd-", "ml-1m-"]);

/// A file that benches read.
struct Corpus {
    /// How the names of the benches start.
    starts: &'static [&'static str],
    /// The environment variable that names the file.
    variable: &'static str,
    /// The script that makes it, and what of; of nothing where it is drawn.
    script: &'static str,
    source: Option<&'static str>,
}

const CORPORA: [Corpus; 4] = [
    Corpus {
        starts: &["word2vec-"],
        variable: "FORNAX_WORDS",
        script: "words.py",
        source: Some("wiki-en/enwiki_articles.txt.gz"),
    },
    Corpus {
        starts: &["text-vectorize"],
        variable: "FORNAX_REVIEWS",
        script: "reviews.py",
        source: Some("imdb/aclImdb_labelled.tar.gz"),
    },
    Corpus {
        starts: &["ials-", "bpr", "topk", "svd-sparse"],
        variable: "FORNAX_INTERACTIONS",
        script: "interactions.py",
        source: None,
    },
    Corpus {
        starts: &["ml-1m-"],
        variable: "FORNAX_RATINGS",
        script: "ratings.py",
        source: Some("ml-1m/ratings_all_no_timestamp.dat.gz"),
    },
];

/// Models of `--shapes random`.
const DRAWN: usize = 6;

/// Peer, script, variant.
const PEERS: [(&str, &str, &str); 9] = [
    ("keras", "keras_peer.py", "default"),
    ("keras-jit", "keras_peer.py", "jit"),
    ("torch", "torch_peer.py", "eager"),
    ("torch-compile", "torch_peer.py", "compile"),
    ("onnxruntime", "onnx_peer.py", "default"),
    ("gensim", "gensim_peer.py", "default"),
    ("fasttext", "fasttext_peer.py", "default"),
    ("implicit-cg", "implicit_peer.py", "cg"),
    ("implicit-cholesky", "implicit_peer.py", "cholesky"),
];

const BACKENDS: [&str; 2] = ["flex", "ndarray"];

const REQUIREMENTS: [&str; 8] = [
    "tensorflow-cpu==2.21.*",
    "keras==3.15.1",
    "torch",
    "onnxruntime",
    "onnx",
    "gensim==4.4.*",
    "fasttext-wheel",
    "implicit==0.7.*",
];

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let [peers, json, record] = ["--peers", "--json", "--record"].map(|name| flag(&mut arguments, name));
    let rounds = option(&mut arguments, "--rounds")?.unwrap_or_else(|| "5".into());
    let rounds: usize = rounds.parse().map_err(|_| format!("--rounds {rounds}: wanted a number"))?;
    let data = option(&mut arguments, "--data")?.map(PathBuf::from);
    let shapes = option(&mut arguments, "--shapes")?;
    let filter = if arguments.is_empty() { String::new() } else { arguments.remove(0) };
    nothing_left(&arguments)?;
    let benches: Vec<String> = match shapes.as_deref() {
        None => BENCHES.into_iter().map(str::to_owned).collect(),
        Some("random") => {
            let drawn =
                (0..DRAWN).flat_map(|seed| ["mlp", "cnn"].map(|kind| format!("random-{kind}-{seed}-fit")));
            drawn.chain(["mlp-large-fit", "cnn-fit"].map(str::to_owned)).collect()
        }
        Some(other) => return Err(format!("--shapes {other}: wanted random")),
    };
    let (processes, mut benches): (Vec<String>, Vec<String>) = benches
        .into_iter()
        .filter(|bench| match filter == RECOMMEND.0 {
            true => RECOMMEND.1.iter().any(|start| bench.starts_with(start)),
            false => bench.contains(&filter),
        })
        .partition(|bench| bench.ends_with("-process"));
    let mut corpora = vec![];
    for Corpus { starts, variable, script, source } in CORPORA {
        let reads = |bench: &String| starts.iter().any(|start| bench.starts_with(start));
        match (&data, source) {
            _ if !benches.iter().any(reads) => {}
            (_, None) => corpora.push((variable, corpus(script, None)?)),
            (Some(data), Some(source)) => corpora.push((variable, corpus(script, Some(data.join(source)))?)),
            (None, Some(source)) if benches.iter().all(reads) => {
                return Err(format!("{} needs --data DIR with {source}", starts[0]));
            }
            (None, Some(_)) => benches.retain(|bench| !reads(bench)),
        }
    }
    if processes.is_empty() && benches.is_empty() {
        return Err(format!(
            "no bench contains {filter}; there are {}, and {} for some",
            BENCHES.join(", "),
            RECOMMEND.0
        ));
    }
    let drawn = shapes.is_some();
    if !peers && !drawn && !record {
        cargo(&format!("bench -p fornax-benches -- {filter}"))?;
    }
    cargo("build --release -p fornax-benches --bin race")?;
    let mut contenders = Contender::ours();
    if peers && !drawn {
        contenders.extend(Contender::peers(&environment()?));
    }
    for threads in [1, 0] {
        let times = if benches.is_empty() {
            Times::default()
        } else {
            race::run(&benches, &contenders, threads, rounds, &corpora)?
        };
        match (peers, drawn) {
            (true, false) => report::peers(&benches, threads, &times, json),
            (_, true) => report::shares(&benches, threads, &times),
            (false, false) if record => recorded::write(&benches, threads, &times)?,
            (false, false) => recorded::compare(&benches, threads, &times)?,
        }
    }
    if peers && !processes.is_empty() {
        let data = data.ok_or("dense-process needs --data DIR with mnist/")?;
        cargo("build --release")?;
        report::processes(&race::processes(&environment()?, &data, rounds)?);
    }
    Ok(())
}

/// The file that a script makes of a data set or draws, the same one for all.
fn corpus(script: &str, source: Option<PathBuf>) -> Result<PathBuf, String> {
    let path = target().join(script).with_extension("txt");
    if !path.exists() {
        let partial = path.with_extension("partial");
        let mut command = Command::new(environment()?);
        command.arg(root().join("benches/peers").join(script)).args(source);
        check(command.arg(&partial), script)?;
        std::fs::rename(&partial, &path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(path)
}

/// The interpreter with the peers: that of `FORNAX_PEERS`, or of an environment made here.
fn environment() -> Result<PathBuf, String> {
    if let Ok(given) = std::env::var("FORNAX_PEERS") {
        return Ok(PathBuf::from(given).join("bin/python"));
    }
    let folder = root().join(".venv");
    let python = folder.join("bin/python");
    if !python.exists() {
        check(Command::new("python3").args(["-m", "venv"]).arg(&folder), "python3 -m venv .venv")?;
        let mut install = Command::new(&python);
        check(install.args(["-m", "pip", "install", "-q"]).args(REQUIREMENTS), "pip install the peers")?;
    }
    Ok(python)
}
