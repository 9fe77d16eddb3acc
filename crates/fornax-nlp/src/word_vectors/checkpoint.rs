//! Word vectors in training as a file: settings, words, losses and both tables.

use std::path::Path;

use fornax_core::{Array, Backend, Error, Result};
use fornax_data::archive;
use serde::{Deserialize, Serialize};

use super::windows::Documents;
use super::{Word2Vec, WordVectors};
use crate::WordCounts;

/// The version that this crate writes, and the newest that it reads.
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
struct Header {
    settings: Word2Vec,
    counts: WordCounts,
    #[serde(default)]
    documents: Option<Documents>,
    losses: Vec<f64>,
}

impl<B: Backend> WordVectors<B> {
    /// Saves all that training on needs, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let header = Header {
            settings: self.settings.clone(),
            counts: self.counts.clone(),
            documents: self.documents,
            losses: self.losses.clone(),
        };
        let dimension = self.settings.dimension;
        let arrays = ["inputs", "outputs"].into_iter().zip(self.rows()).map(|(name, rows)| {
            let shape = [rows.len() / dimension, dimension];
            Ok((name.to_owned(), Array::from_vec(shape, rows)?))
        });
        archive::write(path.as_ref(), VERSION, &header, &arrays.collect::<Result<Vec<_>>>()?)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is not such a file.
    pub fn load(path: impl AsRef<Path>, device: B::Device) -> Result<Self> {
        let path = path.as_ref();
        match Self::load_any(path, device)? {
            vectors if vectors.documents.is_none() => Ok(vectors),
            _ => Err(Error::format(
                path,
                "documents",
                "vectors of texts",
                "those of words: DocumentVectors::load",
            )),
        }
    }

    /// With vectors of texts or without.
    pub(super) fn load_any(path: &Path, device: B::Device) -> Result<Self> {
        let (header, mut arrays) = archive::read::<Header>(path, VERSION)?;
        let mut table = |name: &str| {
            let array = arrays.remove(name).map(|array| array.to_f32());
            array.ok_or_else(|| Error::format(path, name, "no such tensor", "word vectors in training"))
        };
        let tables = [table("inputs")?, table("outputs")?];
        Self::restored(header.settings, header.counts, header.documents, tables, header.losses, device)
            .map_err(|error| error.within(path.display()))
    }

    /// A training that was interrupted, if it is the one of these settings and words.
    pub(super) fn resumed(
        settings: &Word2Vec,
        counts: &WordCounts,
        documents: Option<Documents>,
        path: &Path,
        device: B::Device,
    ) -> Result<Self> {
        let mut vectors = Self::load_any(path, device)?;
        vectors.settings.checkpoint = settings.checkpoint.clone();
        vectors.settings.verbose = settings.verbose;
        if vectors.settings != *settings {
            let found = format!("{:?}", vectors.settings);
            return Err(Error::mismatch(path.display(), found, format!("the settings {settings:?}")));
        }
        if vectors.counts != *counts {
            let words = |counts: &WordCounts| format!("{} words, {} in all", counts.len(), counts.total());
            return Err(Error::mismatch(
                path.display(),
                format!("a training on {}", words(&vectors.counts)),
                format!("{}, as in the corpus", words(counts)),
            ));
        }
        if vectors.documents != documents {
            let named = |documents: Option<Documents>| match documents {
                Some(documents) => format!("{documents:?}"),
                None => "no vectors of texts".into(),
            };
            return Err(Error::mismatch(path.display(), named(vectors.documents), named(documents)));
        }
        Ok(vectors)
    }
}
