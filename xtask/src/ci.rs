//! `ci`: everything that a commit has to pass, from files of the repository alone.

use std::process::Command;

use crate::process::{cargo, cargo_with, output, target};
use crate::{Outcome, build, test, tidy};

pub(crate) fn run() -> Outcome {
    cargo("fmt --all --check")?;
    tidy::run()?;
    cargo("clippy --workspace --all-targets --features fornax-nlp/tokenizers,fornax/hnsw -- -D warnings")?;
    test::run()?;
    build::features()?;
    cargo("check -p fornax --no-default-features --features cuda")?;
    cargo_with("doc --workspace --no-deps", &[("RUSTDOCFLAGS", "-D warnings")])?;
    demo()
}

/// The demo in its quick form, by the command that the tests built: all listings train, and say that their data is
/// synthetic.
fn demo() -> Outcome {
    let mut command = Command::new(target().join("debug/fornax"));
    let lines = output(command.args(["demo", "--json"]), "fornax demo --json")?;
    print!("{lines}");
    for listing in ["dense", "cnn", "rnn", "text", "recommend"] {
        let line = lines.lines().find(|line| line.contains(&format!("\"listing\":\"{listing}\"")));
        let line = line.ok_or_else(|| format!("the demo printed no line for {listing}"))?;
        if !line.contains("\"synthetic\":true") {
            return Err(format!("the demo does not call its data synthetic: {line}"));
        }
    }
    Ok(())
}
