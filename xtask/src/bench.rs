//! `bench`: our criterion benches; with `--peers` a race of the listings against the Python peers.
//!
//! In a race every contender is a process that measures all benches once; contenders alternate for so many
//! rounds, so that a machine that is slow for a while is slow for all. Medians and ratios are printed: with one
//! thread, then with each side's default.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::process::{cargo, check, flag, nothing_left, option, output, root};

const BENCHES: [&str; 17] = [
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
    "lstm",
    "gru",
    "lstm-wide",
    "gru-wide",
    "lstm-ragged",
    "gru-ragged",
];

/// Peer, script, variant.
const PEERS: [(&str, &str, &str); 4] = [
    ("keras", "keras_peer.py", "default"),
    ("keras-jit", "keras_peer.py", "jit"),
    ("torch", "torch_peer.py", "eager"),
    ("torch-compile", "torch_peer.py", "compile"),
];

const BACKENDS: [&str; 2] = ["flex", "ndarray"];

const REQUIREMENTS: [&str; 3] = ["tensorflow-cpu==2.21.*", "keras==3.15.1", "torch"];

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let (peers, json) = (flag(&mut arguments, "--peers"), flag(&mut arguments, "--json"));
    let rounds = option(&mut arguments, "--rounds")?.unwrap_or_else(|| "5".into());
    let rounds: usize = rounds.parse().map_err(|_| format!("--rounds {rounds}: wanted a number"))?;
    let filter = if arguments.is_empty() { String::new() } else { arguments.remove(0) };
    nothing_left(&arguments)?;
    if !peers {
        return cargo(&format!("bench -p fornax-benches -- {filter}"));
    }
    let benches: Vec<&str> = BENCHES.into_iter().filter(|bench| bench.contains(&filter)).collect();
    if benches.is_empty() {
        return Err(format!("no bench contains {filter}; there are {}", BENCHES.join(", ")));
    }
    cargo("build --release -p fornax-benches --bin race")?;
    let python = environment()?;
    for threads in [1, 0] {
        let times = race(&benches, &python, threads, rounds)?;
        report(&benches, threads, &times, json);
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

/// Milliseconds by contender and bench, one a round.
type Times = BTreeMap<(String, String), Vec<f64>>;

fn race(benches: &[&str], python: &PathBuf, threads: usize, rounds: usize) -> Result<Times, String> {
    let mut times = Times::new();
    for round in 0..rounds {
        eprintln!("> threads {threads} (0: default), round {} of {rounds}", round + 1);
        for backend in BACKENDS {
            let mut ours = Command::new(root().join("target/release/race"));
            ours.arg(backend).args(benches);
            if threads > 0 {
                ours.env("RAYON_NUM_THREADS", threads.to_string());
            }
            collect(&mut ours, &format!("fornax-{backend}"), &mut times)?;
        }
        for (name, script, variant) in PEERS {
            let mut peer = Command::new(python);
            peer.arg(root().join("benches/peers").join(script)).arg(threads.to_string()).arg(variant);
            peer.args(benches).env("TF_CPP_MIN_LOG_LEVEL", "3");
            if threads > 0 {
                peer.env("OMP_NUM_THREADS", threads.to_string());
            }
            // A variant that a machine does not support (no compiler for torch.compile) is left out, and said so.
            if let Err(error) = collect(&mut peer, name, &mut times) {
                eprintln!("> {name} left out: {error}");
            }
        }
    }
    Ok(times)
}

fn collect(command: &mut Command, contender: &str, times: &mut Times) -> Outcome {
    for line in output(command, contender)?.lines() {
        let field = |name: &str| {
            let rest = line.split_once(&format!("\"{name}\":"))?.1;
            Some(rest.trim_start().trim_start_matches('"').split(['"', ',', '}']).next()?.trim().to_owned())
        };
        if let (Some(bench), Some(ms)) = (field("bench"), field("ms").and_then(|ms| ms.parse().ok())) {
            times.entry((contender.to_owned(), bench)).or_default().push(ms);
        }
    }
    Ok(())
}

fn report(benches: &[&str], threads: usize, times: &Times, json: bool) {
    let shown = if threads == 0 { "default".to_owned() } else { threads.to_string() };
    for bench in benches {
        let median_of = |contender: &str| {
            times.get(&(contender.to_owned(), (*bench).to_owned())).map(|times| median(times.clone()))
        };
        let peers: Vec<(&str, f64)> =
            PEERS.iter().filter_map(|(name, ..)| Some((*name, median_of(name)?))).collect();
        let best = peers.iter().map(|(_, ms)| *ms).fold(f64::INFINITY, f64::min);
        for backend in BACKENDS {
            let Some(ours) = median_of(&format!("fornax-{backend}")) else { continue };
            let ratio = best / ours;
            if json {
                let peers: Vec<String> =
                    peers.iter().map(|(name, ms)| format!("\"{name}\":{ms:.5}")).collect();
                println!(
                    "{{\"bench\":\"{bench}\",\"backend\":\"{backend}\",\"threads\":\"{shown}\",\"ours_ms\":{ours:.5},\
                     \"peers\":{{{}}},\"ratio_best_peer\":{ratio:.3}}}",
                    peers.join(",")
                );
            } else {
                let peers: Vec<String> = peers.iter().map(|(name, ms)| format!("{name} {ms:.4}")).collect();
                println!(
                    "{bench:<16} {backend:<8} threads {shown:<8} ours {ours:.4} ms  {}  ratio {ratio:.2}",
                    peers.join("  ")
                );
            }
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
