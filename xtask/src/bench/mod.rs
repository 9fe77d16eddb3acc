//! `bench`: our criterion benches, and our side of the race against the figures that were recorded last; with `--peers`
//! a race against the Python peers.

mod race;
mod recorded;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::process::{cargo, check, flag, nothing_left, option, root, target};
use race::{Contender, Times};

const BENCHES: [&str; 26] = [
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
    "dense-process",
];

/// Benches that read a corpus, by how their names start: the environment variable that names it, the script that makes it, and
/// what of.
const CORPORA: [(&str, &str, &str, &str); 2] = [
    ("word2vec-", "FORNAX_WORDS", "words.py", "wiki-en/enwiki_articles.txt.gz"),
    ("text-vectorize", "FORNAX_REVIEWS", "reviews.py", "imdb/aclImdb_labelled.tar.gz"),
];

/// Models of `--shapes random`.
const DRAWN: usize = 6;

/// Peer, script, variant.
const PEERS: [(&str, &str, &str); 7] = [
    ("keras", "keras_peer.py", "default"),
    ("keras-jit", "keras_peer.py", "jit"),
    ("torch", "torch_peer.py", "eager"),
    ("torch-compile", "torch_peer.py", "compile"),
    ("onnxruntime", "onnx_peer.py", "default"),
    ("gensim", "gensim_peer.py", "default"),
    ("fasttext", "fasttext_peer.py", "default"),
];

const BACKENDS: [&str; 2] = ["flex", "ndarray"];

const REQUIREMENTS: [&str; 7] = [
    "tensorflow-cpu==2.21.*",
    "keras==3.15.1",
    "torch",
    "onnxruntime",
    "onnx",
    "gensim==4.4.*",
    "fasttext-wheel",
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
        .filter(|bench| bench.contains(&filter))
        .partition(|bench| bench.ends_with("-process"));
    let mut corpora = vec![];
    for (start, variable, script, source) in CORPORA {
        let reads = |bench: &String| bench.starts_with(start);
        match &data {
            _ if !benches.iter().any(reads) => {}
            Some(data) => corpora.push((variable, corpus(script, &data.join(source))?)),
            None if benches.iter().all(reads) => {
                return Err(format!("{start} needs --data DIR with {source}"));
            }
            None => benches.retain(|bench| !reads(bench)),
        }
    }
    if processes.is_empty() && benches.is_empty() {
        return Err(format!("no bench contains {filter}; there are {}", BENCHES.join(", ")));
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

/// The text that a script makes of a data set, the same file for all.
fn corpus(script: &str, source: &Path) -> Result<PathBuf, String> {
    let path = target().join(script).with_extension("txt");
    if !path.exists() {
        let partial = path.with_extension("partial");
        let mut command = Command::new(environment()?);
        command.arg(root().join("benches/peers").join(script)).arg(source);
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
