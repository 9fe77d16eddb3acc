//! Named data sets, read from a directory that holds their published files.
//!
//! Every function takes the directory of the files itself, or a parent that holds it under its usual name
//! (`mnist`, `fashion-mnist`, ...). Files may be gzipped or plain.

mod images;
mod imdb;
mod registry;
mod tables;

use std::path::{Path, PathBuf};

use fornax_core::{Error, Result};

pub use images::{fashion_mnist, mnist};
pub use imdb::imdb;
pub use registry::{ALL, Source, SourceFile, get, source};
pub use tables::{
    adult, bank_marketing, bank_marketing_table, german_credit, german_credit_table, wdbc, wdbc_table,
};

use crate::files;

/// A set with its published (or documented) division.
#[derive(Clone, Debug)]
pub struct Split<T = crate::Dataset> {
    /// What a model and its preprocessing are fitted on.
    pub train: T,
    /// What they are judged on.
    pub test: T,
}

/// The file that has one of `names` in `dir` or in `dir/name`.
fn locate(dir: &Path, name: &str, names: &[&str]) -> Result<PathBuf> {
    files::find(dir, names).or_else(|| files::find(&dir.join(name), names)).ok_or_else(|| {
        Error::data(
            format!("data set {name}"),
            format!(
                "no file {} (plain or .gz) in {} or its folder {name}",
                names.join(" or "),
                dir.display()
            ),
            format!("the published files; `fornax data get {name}` downloads them"),
        )
    })
}
