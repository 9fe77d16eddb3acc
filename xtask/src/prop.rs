//! `prop`: the property tests with more cases than a commit has time for.

use crate::Outcome;
use crate::process::{cargo_with, nothing_left, option};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let cases = option(&mut arguments, "--cases")?.unwrap_or_else(|| "1000".into());
    nothing_left(&arguments)?;
    cases.parse::<u32>().map_err(|_| format!("--cases {cases}: wanted a number"))?;
    cargo_with("test --release --workspace --tests", &[("PROPTEST_CASES", &cases)])
}
