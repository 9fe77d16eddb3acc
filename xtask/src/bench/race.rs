//! The race: every contender is a process that measures all benches once; contenders alternate for so many rounds, so
//! that a machine that is slow for a while is slow for all. The ceilings `gemm` and `copy` are among our benches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BACKENDS, PEERS};
use crate::process::{output, root, target};

/// The ceilings of the machine, which our side measures in every round.
pub(super) const CEILINGS: [&str; 2] = ["gemm", "copy"];

/// Who takes part, and how it is started for so many threads (0: its default).
pub(super) struct Contender {
    name: String,
    is_peer: bool,
    command: Box<dyn Fn(usize) -> Command>,
}

impl Contender {
    pub(super) fn ours() -> Vec<Self> {
        let contender = |backend: &'static str| Self {
            name: format!("fornax-{backend}"),
            is_peer: false,
            command: Box::new(move |threads| {
                let mut command = Command::new(target().join("release/race"));
                command.arg(backend).args(CEILINGS);
                if threads > 0 {
                    command.env("RAYON_NUM_THREADS", threads.to_string());
                }
                command
            }),
        };
        BACKENDS.map(contender).into()
    }

    pub(super) fn peers(python: &Path) -> Vec<Self> {
        let contender = |(name, script, variant): (&str, &'static str, &'static str)| {
            let python = python.to_path_buf();
            Self {
                name: name.into(),
                is_peer: true,
                command: Box::new(move |threads| {
                    let mut command = Command::new(&python);
                    command
                        .arg(root().join("benches/peers").join(script))
                        .arg(threads.to_string())
                        .arg(variant);
                    command.env("TF_CPP_MIN_LOG_LEVEL", "3");
                    // numpy and SciPy take the kernels for this machine, whatever a shell asks for.
                    command.env_remove("OPENBLAS_CORETYPE").env_remove("OPENBLAS_L2_SIZE");
                    if threads > 0 {
                        command.env("OMP_NUM_THREADS", threads.to_string());
                    }
                    command
                }),
            }
        };
        PEERS.map(contender).into()
    }
}

/// Figures by contender and bench, one a round.
#[derive(Default)]
pub(super) struct Times(BTreeMap<(String, String), Vec<f64>>);

impl Times {
    /// The median of a contender's figures.
    pub(super) fn median(&self, contender: &str, bench: &str) -> Option<f64> {
        self.0.get(&(contender.to_owned(), bench.to_owned())).map(|figures| median(figures.clone()))
    }

    fn push(&mut self, contender: &str, bench: String, figure: f64) {
        self.0.entry((contender.to_owned(), bench)).or_default().push(figure);
    }
}

/// Runs all contenders so many rounds; `corpora` are the variables that name the texts of some benches. A bench's `"gflops"` are
/// kept under `BENCH gflops`.
pub(super) fn run(
    benches: &[String],
    contenders: &[Contender],
    threads: usize,
    rounds: usize,
    corpora: &[(&str, PathBuf)],
) -> Result<Times, String> {
    let mut times = Times::default();
    for round in 0..rounds {
        eprintln!("> threads {threads} (0: default), round {} of {rounds}", round + 1);
        for contender in contenders {
            let mut command = (contender.command)(threads);
            command.envs(corpora.iter().map(|(variable, path)| (variable, path)));
            match (output(command.args(benches), &contender.name), contender.is_peer) {
                (Ok(lines), _) => {
                    for line in lines.lines() {
                        let Some(bench) = text(line, "bench") else { continue };
                        for (figure, name) in [("ms", bench.clone()), ("gflops", format!("{bench} gflops"))] {
                            if let Some(value) = number(line, figure) {
                                times.push(&contender.name, name, value);
                            }
                        }
                    }
                }
                // A variant that a machine does not support (no compiler for torch.compile) is left out, and said so.
                (Err(error), true) => eprintln!("> {} left out: {error}", contender.name),
                (Err(error), false) => return Err(error),
            }
        }
    }
    Ok(times)
}

/// Whole programs from start to exit, alternating: milliseconds and mebibytes by contender.
pub(super) fn processes(python: &Path, data: &Path, rounds: usize) -> Result<Times, String> {
    let scripts = root().join("benches/peers");
    let mut times = Times::default();
    for _ in 0..rounds {
        let mut contenders = vec![];
        for backend in BACKENDS {
            let mut ours = Command::new(python);
            ours.arg(scripts.join("process.py")).arg("dense-process").arg(target().join("release/fornax"));
            ours.args(["demo", "--json", "--only", "dense", "--epochs", "5", "--device", backend, "--data"]);
            ours.arg(data);
            contenders.push((format!("fornax-{backend}"), ours));
        }
        let mut keras = Command::new(python);
        keras.arg(scripts.join("process.py")).arg("dense-process").arg(python);
        keras.arg(scripts.join("listings_keras.py")).arg(data).args(["dense", "1", "5"]);
        contenders.push(("keras".into(), keras));
        for (name, mut command) in contenders {
            let line = output(command.env("TF_CPP_MIN_LOG_LEVEL", "3"), &name)?;
            for figure in ["ms", "mib"] {
                let value = number(&line, figure).ok_or_else(|| format!("{name} printed {line}"))?;
                times.push(&name, figure.into(), value);
            }
        }
    }
    Ok(times)
}

/// The field `name` of an object on one line.
fn text(line: &str, name: &str) -> Option<String> {
    let rest = line.split_once(&format!("\"{name}\":"))?.1;
    Some(rest.trim_start().trim_start_matches('"').split(['"', ',', '}']).next()?.trim().to_owned())
}

fn number(line: &str, name: &str) -> Option<f64> {
    text(line, name)?.parse().ok()
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

    #[test]
    fn fields() {
        let line = r#"{"bench": "cnn-fit", "gflops":71.5,"ms":7.25}"#;
        assert_eq!(text(line, "bench").as_deref(), Some("cnn-fit"));
        assert_eq!(number(line, "gflops"), Some(71.5));
        assert_eq!(number(line, "ms"), Some(7.25));
        assert_eq!(number(line, "mib"), None);
    }
}
