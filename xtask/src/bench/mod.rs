//! `bench`: our criterion benches, and our side of the race against the figures that were recorded last; with `--peers`
//! a race against the Python peers.

mod race;
mod recorded;
mod report;

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::process::{cargo, check, flag, nothing_left, option, root};
use race::{Contender, Times};

const BENCHES: [&str; 21] = [
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
    "dense-process",
];

/// Models of `--shapes random`.
const DRAWN: usize = 6;

/// Peer, script, variant.
const PEERS: [(&str, &str, &str); 5] = [
    ("keras", "keras_peer.py", "default"),
    ("keras-jit", "keras_peer.py", "jit"),
    ("torch", "torch_peer.py", "eager"),
    ("torch-compile", "torch_peer.py", "compile"),
    ("onnxruntime", "onnx_peer.py", "default"),
];

const BACKENDS: [&str; 2] = ["flex", "ndarray"];

const REQUIREMENTS: [&str; 5] = ["tensorflow-cpu==2.21.*", "keras==3.15.1", "torch", "onnxruntime", "onnx"];

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
    let (processes, benches): (Vec<String>, Vec<String>) = benches
        .into_iter()
        .filter(|bench| bench.contains(&filter))
        .partition(|bench| bench.ends_with("-process"));
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
            race::run(&benches, &contenders, threads, rounds)?
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
