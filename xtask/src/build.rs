//! `build`: every crate with the default features, with each backend alone and with none.

use crate::Outcome;
use crate::process::cargo;

/// The crates that users depend on.
pub(crate) const CRATES: [&str; 9] = [
    "fornax-core",
    "fornax-data",
    "fornax-layers",
    "fornax-optim",
    "fornax-train",
    "fornax-sequence",
    "fornax-nlp",
    "fornax-recommend",
    "fornax",
];

pub(crate) fn run() -> Outcome {
    cargo("build --release")?;
    features()
}

/// Checks every feature set. `cuda` needs no toolkit to be checked or built.
pub(crate) fn features() -> Outcome {
    let packages: String = CRATES.iter().map(|name| format!(" -p {name}")).collect();
    for features in ["", "--features ndarray", "--features flex"] {
        cargo(&format!("clippy --no-default-features {features}{packages} -- -D warnings"))?;
    }
    for features in ["ndarray", "flex"] {
        cargo(&format!("clippy -p fornax-cli --no-default-features --features {features} -- -D warnings"))?;
    }
    Ok(())
}
