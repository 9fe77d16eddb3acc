//! `gpu`: one binary that checks every operation and both listings on CUDA against NdArray and times them.
//!
//! It is built on any machine: CUDA is loaded when it runs. It runs here if there is a GPU.

use std::fs;
use std::process::Command;

use crate::Outcome;
use crate::process::{cargo, check, target};

/// What the stripped binary may take.
const LIMIT: u64 = 60 << 20;

pub(crate) fn run() -> Outcome {
    cargo("build --profile gpu -p fornax-benches --features cuda --bin gpu_check")?;
    let binary = target().join("gpu/gpu_check");
    let size = fs::metadata(&binary).map_err(|error| format!("{}: {error}", binary.display()))?.len();
    eprintln!("> {} MB, {}", size >> 20, binary.display());
    if size > LIMIT {
        return Err(format!("the binary has {size} bytes, wanted at most {LIMIT}"));
    }
    if fs::exists("/dev/nvidia0").unwrap_or(false) {
        return check(&mut Command::new(&binary), "gpu_check");
    }
    eprintln!("> no GPU here: built, not run");
    Ok(())
}
