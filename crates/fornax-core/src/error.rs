//! The one error type of all Fornax crates: what failed, where, what was found and what was wanted.
//!
//! [`Error`] is opaque and small; [`Error::kind`] says which family it belongs to, so that a program can react
//! to it, and the `Display` text always names the thing, the value found and the value wanted.

use std::path::{Path, PathBuf};

/// The result of every fallible Fornax call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a user, a file or a device got wrong.
///
/// ```
/// use fornax_core::{Error, ErrorKind};
///
/// let error = Error::argument("batch_size", 0, "at least 1");
/// assert_eq!(error.kind(), ErrorKind::Argument);
/// assert_eq!(error.to_string(), "batch_size: found 0, wanted at least 1");
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Repr>);

/// The family of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A tensor or a sample has another shape than the layer, loss or data set wants.
    Shape,
    /// An argument or a hyper-parameter lies outside its domain.
    Argument,
    /// A value of the data is not usable: NaN, a label out of range, an unknown category, an empty set.
    Data,
    /// A file does not hold what its format promises.
    Format,
    /// The operating system refused to read or write.
    Io,
    /// The device is not compiled into this binary or not present on this machine.
    Device,
    /// A checkpoint or a saved model does not belong to the model it is loaded into.
    Mismatch,
    /// Training cannot go on: the loss is not finite, or the model lacks what the call needs.
    Training,
}

#[derive(Debug, thiserror::Error)]
enum Repr {
    #[error("{place}: found {found}, wanted {wanted}")]
    FoundWanted { kind: ErrorKind, place: String, found: String, wanted: String },
    #[error("{}: {at}: found {found}, wanted {wanted}", path.display())]
    Format { path: PathBuf, at: String, found: String, wanted: String },
    #[error("{}: {action}: {source}", path.display())]
    Io { path: PathBuf, action: &'static str, source: std::io::Error },
    #[error("{place}: {source}")]
    Within { place: String, source: Error },
}

impl Error {
    /// The family of this error.
    pub fn kind(&self) -> ErrorKind {
        match &*self.0 {
            Repr::FoundWanted { kind, .. } => *kind,
            Repr::Format { .. } => ErrorKind::Format,
            Repr::Io { .. } => ErrorKind::Io,
            Repr::Within { source, .. } => source.kind(),
        }
    }

    /// The file that the error is about.
    pub fn path(&self) -> Option<&Path> {
        match &*self.0 {
            Repr::Format { path, .. } | Repr::Io { path, .. } => Some(path),
            Repr::Within { source, .. } => source.path(),
            Repr::FoundWanted { .. } => None,
        }
    }

    /// `place`, for example `layer dense_2 (Dense)`, got the shape `found` and wants `wanted`.
    pub fn shape(place: impl ToString, found: impl ToString, wanted: impl ToString) -> Self {
        Self::found_wanted(ErrorKind::Shape, place, found, wanted)
    }

    /// The argument or hyper-parameter `name` is `found` and has to be `wanted`.
    pub fn argument(name: impl ToString, found: impl ToString, wanted: impl ToString) -> Self {
        Self::found_wanted(ErrorKind::Argument, name, found, wanted)
    }

    /// The data at `place` (set, column, row) is `found` and has to be `wanted`.
    pub fn data(place: impl ToString, found: impl ToString, wanted: impl ToString) -> Self {
        Self::found_wanted(ErrorKind::Data, place, found, wanted)
    }

    /// The device `name` is not to be had; `wanted` lists what is.
    pub fn device(name: impl ToString, found: impl ToString, wanted: impl ToString) -> Self {
        Self::found_wanted(ErrorKind::Device, format!("device {}", name.to_string()), found, wanted)
    }

    /// A saved part `name` is `found`, the model wants `wanted`.
    pub fn mismatch(name: impl ToString, found: impl ToString, wanted: impl ToString) -> Self {
        Self::found_wanted(ErrorKind::Mismatch, name, found, wanted)
    }

    /// Training cannot go on at `place`.
    pub fn training(place: impl ToString, found: impl ToString, wanted: impl ToString) -> Self {
        Self::found_wanted(ErrorKind::Training, place, found, wanted)
    }

    /// The file `path` holds `found` at `at` (a byte, line, field) where its format has `wanted`.
    pub fn format(
        path: impl AsRef<Path>,
        at: impl ToString,
        found: impl ToString,
        wanted: impl ToString,
    ) -> Self {
        Self(Box::new(Repr::Format {
            path: path.as_ref().to_path_buf(),
            at: at.to_string(),
            found: found.to_string(),
            wanted: wanted.to_string(),
        }))
    }

    /// The operating system failed to do `action` (`"read"`, `"create"`) on `path`.
    pub fn io(path: impl AsRef<Path>, action: &'static str, source: std::io::Error) -> Self {
        Self(Box::new(Repr::Io { path: path.as_ref().to_path_buf(), action, source }))
    }

    /// The same error, with the place it happened in named before it.
    pub fn within(self, place: impl ToString) -> Self {
        Self(Box::new(Repr::Within { place: place.to_string(), source: self }))
    }

    fn found_wanted(
        kind: ErrorKind,
        place: impl ToString,
        found: impl ToString,
        wanted: impl ToString,
    ) -> Self {
        Self(Box::new(Repr::FoundWanted {
            kind,
            place: place.to_string(),
            found: found.to_string(),
            wanted: wanted.to_string(),
        }))
    }
}
