//! Starting programs and reading arguments.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Outcome;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs cargo with these words.
pub(crate) fn cargo(words: &str) -> Outcome {
    cargo_with(words, &[])
}

/// Runs cargo with these words and environment variables.
pub(crate) fn cargo_with(words: &str, environment: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new("cargo");
    command.args(words.split_whitespace()).current_dir(root());
    // What the outer cargo told this program would make build scripts (that of ring) run again.
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    {
        command.env_remove(name);
    }
    for (name, value) in environment {
        command.env(name, value);
    }
    check(&mut command, &format!("cargo {words}"))
}

/// Runs a command to its end and says how long it took.
pub(crate) fn check(command: &mut Command, name: &str) -> Outcome {
    eprintln!("> {name}");
    let clock = Instant::now();
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    eprintln!("> {:.0} s", clock.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}

/// Runs a command and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command, name: &str) -> Result<String, String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{name}: {error}"))
}

/// Takes the option `name` and its value out of the arguments.
pub(crate) fn option(arguments: &mut Vec<String>, name: &str) -> Result<Option<String>, String> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(None) };
    arguments.remove(at);
    if at == arguments.len() {
        return Err(format!("{name} needs a value"));
    }
    Ok(Some(arguments.remove(at)))
}

/// Takes the flag `name` out of the arguments.
pub(crate) fn flag(arguments: &mut Vec<String>, name: &str) -> bool {
    let before = arguments.len();
    arguments.retain(|argument| argument != name);
    arguments.len() < before
}

/// An error if arguments are left.
pub(crate) fn nothing_left(arguments: &[String]) -> Outcome {
    match arguments.first() {
        None => Ok(()),
        Some(argument) => Err(format!("unknown argument {argument}\n\n{}", crate::USAGE)),
    }
}
