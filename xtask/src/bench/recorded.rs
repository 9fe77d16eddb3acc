//! Our own figures against those recorded last (`benches/recorded.csv`), in units of the machine's own matrix product, so
//! that another machine's can be compared with.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::BACKENDS;
use super::race::Times;
use crate::Outcome;
use crate::process::root;

const HEADER: &str = "bench,backend,threads,milliseconds,per_gemm";

fn path() -> PathBuf {
    root().join("benches/recorded.csv")
}

/// Bench, backend and threads (0: default).
type Key = (String, String, usize);

/// Milliseconds, and how many products of 1024 x 1024 take as long.
type Figures = BTreeMap<Key, (f64, f64)>;

fn figures(benches: &[String], threads: usize, times: &Times) -> Figures {
    let mut figures = Figures::new();
    for backend in BACKENDS {
        let contender = format!("fornax-{backend}");
        let Some(gemm) = times.median(&contender, "gemm") else { continue };
        for bench in benches {
            if let Some(ms) = times.median(&contender, bench) {
                figures.insert((bench.clone(), backend.into(), threads), (ms, ms / gemm));
            }
        }
    }
    figures
}

/// What is recorded; nothing where there is no record yet.
fn read() -> Result<Figures, String> {
    if !path().exists() {
        return Ok(Figures::new());
    }
    let text = fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path().display()))?;
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let [bench, backend, threads, ms, per_gemm] = fields[..] else { return None };
        let key = (bench.to_owned(), backend.to_owned(), threads.parse().ok()?);
        Some((key, (ms.parse().ok()?, per_gemm.parse().ok()?)))
    };
    let rows =
        text.lines().skip(1).map(|line| row(line).ok_or_else(|| format!("{}: {line}", path().display())));
    rows.collect()
}

/// Replaces what is recorded of these benches.
pub(super) fn write(benches: &[String], threads: usize, times: &Times) -> Outcome {
    let mut all = read()?;
    all.extend(figures(benches, threads, times));
    let mut text = format!("{HEADER}\n");
    for ((bench, backend, threads), (ms, per_gemm)) in all {
        text += &format!("{bench},{backend},{threads},{ms:.6},{per_gemm:.6}\n");
    }
    fs::write(path(), text).map_err(|error| format!("{}: {error}", path().display()))
}

/// Prints each figure and how it differs from the recorded one.
pub(super) fn compare(benches: &[String], threads: usize, times: &Times) -> Outcome {
    let recorded = read()?;
    for (key, (ms, per_gemm)) in figures(benches, threads, times) {
        let change = recorded.get(&key).map_or("not recorded".into(), |(_, before)| {
            format!("{:+.0} % against the recorded {before:.5}", 100.0 * (per_gemm / before - 1.0))
        });
        let (bench, backend, threads) = key;
        println!(
            "{bench:<16} {backend:<8} threads {threads} (0: default) {ms:.4} ms, {per_gemm:.5} gemm: {change}"
        );
    }
    Ok(())
}
