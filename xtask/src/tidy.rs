//! `tidy`: what can be checked of the invariants in docs/architecture.md without a compiler.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::process::root;

/// What each crate may depend on inside the workspace (`[dependencies]`, not tests).
const DEPENDENCIES: [(&str, &[&str]); 10] = [
    ("fornax-core", &[]),
    ("fornax-data", &["fornax-core"]),
    ("fornax-layers", &["fornax-core", "fornax-data"]),
    ("fornax-optim", &["fornax-core"]),
    ("fornax-train", &["fornax-core", "fornax-data", "fornax-layers", "fornax-optim"]),
    ("fornax-sequence", &["fornax-core", "fornax-data", "fornax-layers", "fornax-optim", "fornax-train"]),
    (
        "fornax-nlp",
        &["fornax-core", "fornax-data", "fornax-layers", "fornax-optim", "fornax-train", "fornax-sequence"],
    ),
    (
        "fornax-recommend",
        &["fornax-core", "fornax-data", "fornax-layers", "fornax-optim", "fornax-train", "fornax-sequence"],
    ),
    (
        "fornax",
        &[
            "fornax-core",
            "fornax-data",
            "fornax-layers",
            "fornax-optim",
            "fornax-train",
            "fornax-sequence",
            "fornax-nlp",
            "fornax-recommend",
        ],
    ),
    ("fornax-cli", &["fornax"]),
];

/// Crates whose code may be unsafe, or (tests and tools) start a process.
const UNSAFE: [&str; 3] = ["fornax-core", "fornax-testkit", "benches"];

pub(crate) fn run() -> Outcome {
    let mut faults = vec![];
    for path in sources(&root()) {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let shown = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        check_source(&shown, &text, &mut faults);
    }
    for (name, allowed) in DEPENDENCIES {
        let path = root().join("crates").join(name).join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        check_dependencies(name, &text, allowed, &mut faults);
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn check_source(path: &str, text: &str, faults: &mut Vec<String>) {
    let mut fault = |what: &str| faults.push(format!("{path}: {what}"));
    let is_test = path.contains("/tests/") || path.contains("/examples/");
    if !text.starts_with("//!") {
        fault("does not open with a //! that states its idea");
    }
    let package = path.strip_prefix("crates/").unwrap_or(path).split('/').next().unwrap_or_default();
    let is_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    if is_root && !UNSAFE.contains(&package) && !text.contains("#![forbid(unsafe_code)]") {
        fault("lacks #![forbid(unsafe_code)]");
    }
    // Assembled so that this file does not hold what it looks for.
    let banned = |parts: [&str; 2]| text.contains(&parts.concat());
    let in_library = path.starts_with("crates/") && !is_test && package != "fornax-testkit";
    if in_library && (banned(["process::", "Command"]) || banned(["Command", "::new"])) {
        fault("starts a process");
    }
    if banned(["Tensor", "::random("]) || banned(["B::", "seed("]) || banned(["tensor::", "Distribution"]) {
        fault("uses Burn's process-global generator; draw from fornax_core::Philox");
    }
    if package != "fornax-core" {
        for name in ["FloatTensorPrimitive", "TensorPrimitive::", "NdArrayTensor", "FlexTensor", "CubeTensor"]
        {
            if text.contains(name) && !path.starts_with("xtask/") {
                fault(&format!("names a backend primitive ({name})"));
            }
        }
    }
    if in_library && (banned(["todo", "!("]) || banned(["unimplemented", "!("]) || banned(["TO", "DO"])) {
        fault("is not finished");
    }
}

/// Only the workspace crates named in `allowed` may stand under `[dependencies]`.
fn check_dependencies(name: &str, manifest: &str, allowed: &[&str], faults: &mut Vec<String>) {
    let section = manifest.split("\n[").find(|section| section.starts_with("dependencies]"));
    for line in section.unwrap_or_default().lines().filter(|line| line.starts_with("fornax")) {
        let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
        if !allowed.contains(&dependency) {
            faults.push(format!("crates/{name}/Cargo.toml: depends on {dependency}, against the direction"));
        }
    }
}

/// Every Rust file of the project.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    let Ok(entries) = fs::read_dir(directory) else { return found };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let mut faults = vec![];
        check_source(path, text, &mut faults);
        faults
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        let library = "crates/fornax-data/src/a.rs";
        assert!(faults(library, "//! Idea.\n").is_empty());
        assert_eq!(faults(library, "fn a() {}").len(), 1);
        assert_eq!(faults("crates/fornax-data/src/lib.rs", "//! Idea.\n").len(), 1);
        assert_eq!(faults(library, &format!("//! Idea.\nstd::process::{}", "Command")).len(), 1);
        assert_eq!(faults(library, &format!("//! Idea.\nTensor{}", "::random(")).len(), 1);
        assert_eq!(faults(library, "//! Idea.\nFlexTensor").len(), 1);
        assert_eq!(faults(library, &format!("//! Idea.\n{}!()", "todo")).len(), 1);
        let mut found = vec![];
        check_dependencies(
            "a",
            "[package]\n\n[dependencies]\nfornax-train.workspace = true\n",
            &[],
            &mut found,
        );
        assert_eq!(found.len(), 1);
        check_dependencies(
            "a",
            "[dependencies]\nserde = \"1\"\n\n[dev-dependencies]\nfornax = 1\n",
            &[],
            &mut found,
        );
        assert_eq!(found.len(), 1);
    }
}
