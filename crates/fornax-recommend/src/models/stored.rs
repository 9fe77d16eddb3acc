//! [`StoredModel`]: models that a [`Recommender`](crate::Recommender) writes to a file and reads.

use fornax_core::{Array, Error, Floats, Result};
use fornax_data::archive::MappedArrays;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::ids::{Id, Ids, Index};
use crate::recommend::Score;
use crate::sparse::{SparseMatrix, UserItems};

/// A model that can be written to a file, as settings and arrays, and read.
pub trait StoredModel: Score + Sized {
    /// The name of the model in files.
    const KIND: &'static str;

    /// The settings, and arrays by name.
    fn parts(&self) -> (Json, Vec<(String, Array)>);

    /// The model of such parts and of the interactions that it was fitted on.
    ///
    /// # Errors
    /// If the parts are not those of such a model.
    fn from_parts(settings: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self>;

    /// That these are the interactions that the model was fitted on, as far as [`from_parts`](Self::from_parts) relies on it; by
    /// default it relies on their users and items alone.
    ///
    /// # Errors
    /// If they are others.
    fn check_fitted_on(&self, _seen: &UserItems) -> Result<()> {
        Ok(())
    }
}

/// An array of numbers of this very shape.
pub(super) fn floats_of(name: &str, shape: &[usize], arrays: &MappedArrays) -> Result<Floats> {
    let (found, values) = arrays.floats(name)?;
    match found == shape {
        true => Ok(values),
        false => Err(Error::shape(name, format!("{found:?}"), format!("{shape:?}"))),
    }
}

pub(super) fn json(settings: &impl Serialize) -> Json {
    serde_json::to_value(settings).expect("settings have a JSON form")
}

pub(super) fn settings<T: DeserializeOwned>(json: Json) -> Result<T> {
    serde_json::from_value(json)
        .map_err(|error| Error::data("settings of the model", error, "those of its kind"))
}

/// A matrix as arrays, whose names begin with `name`.
///
/// # Errors
/// If a row has 2^31 entries.
pub(crate) fn matrix_arrays<R: Index, C: Index>(
    name: &str,
    matrix: &SparseMatrix<R, C>,
) -> Result<[(String, Array); 3]> {
    let counts = matrix.offsets().windows(2).map(|row| i32::try_from(row[1] - row[0]));
    let counts = counts.collect::<std::result::Result<Vec<i32>, _>>();
    let counts = counts.map_err(|_| Error::data(format!("row of {name}"), "2^31 entries", "fewer"))?;
    // Numbers of columns are below 2^32: their bits are kept.
    let columns = matrix.indices().iter().map(|&column| column as i32).collect::<Vec<i32>>();
    Ok([
        (format!("{name}/counts"), Array::from(counts)),
        (format!("{name}/items"), Array::from(columns)),
        (format!("{name}/values"), Array::from(matrix.values().to_vec())),
    ])
}

/// What [`matrix_arrays`] gave.
pub(crate) fn matrix_of<R: Index, C: Index>(
    name: &str,
    columns: usize,
    arrays: &MappedArrays,
) -> Result<SparseMatrix<R, C>> {
    let mut offsets = vec![0];
    for count in arrays.integers(&format!("{name}/counts"))?.1 {
        let count = usize::try_from(count)
            .map_err(|_| Error::data(format!("entries of a row of {name}"), count, "0 or more"))?;
        offsets.push(offsets[offsets.len() - 1] + count);
    }
    let indices = arrays.integers(&format!("{name}/items"))?.1.into_iter().map(|item| item as u32).collect();
    SparseMatrix::new(columns, offsets, indices, arrays.floats(&format!("{name}/values"))?.1.to_vec())
}

/// Ids as arrays, whose names begin with `name`: their JSON texts, one after the other, as bytes in integers of four, and the
/// length of each.
///
/// # Errors
/// If an id has no JSON form or one of 2^31 bytes.
pub(crate) fn id_arrays<T: Id + Serialize, X: Index>(
    name: &str,
    ids: &Ids<T, X>,
) -> Result<[(String, Array); 2]> {
    let (mut bytes, mut lengths) = (vec![], Vec::with_capacity(ids.len()));
    for id in ids.as_slice() {
        let start = bytes.len();
        let place = || format!("{} {id}", X::NAME);
        serde_json::to_writer(&mut bytes, id)
            .map_err(|error| Error::data(place(), error, "an id with a JSON form"))?;
        let length = i32::try_from(bytes.len() - start)
            .map_err(|_| Error::data(place(), "2^31 bytes of JSON", "fewer"))?;
        lengths.push(length);
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let words: Vec<i32> = bytes.as_chunks().0.iter().map(|&word| i32::from_le_bytes(word)).collect();
    Ok([(format!("{name}/lengths"), Array::from(lengths)), (format!("{name}/json"), Array::from(words))])
}

/// What [`id_arrays`] gave.
pub(crate) fn ids_of<T: Id + DeserializeOwned, X: Index>(
    name: &str,
    arrays: &MappedArrays,
) -> Result<Ids<T, X>> {
    let lengths = arrays.integers(&format!("{name}/lengths"))?.1;
    let words = arrays.integers(&format!("{name}/json"))?.1;
    let bytes: Vec<u8> = words.into_iter().flat_map(i32::to_le_bytes).collect();
    let (mut ids, mut rest) = (Ids::default(), &bytes[..]);
    for (number, length) in lengths.into_iter().enumerate() {
        let place = || format!("{name}, number {number}");
        let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
        let Some((id, others)) = split else {
            let wanted = format!("a length of at most {}", rest.len());
            return Err(Error::data(place(), format!("a length of {length}"), wanted));
        };
        let id = serde_json::from_slice(id)
            .map_err(|error| Error::data(place(), error, "the JSON text of an id"))?;
        ids.insert(id)?;
        if ids.len() == number {
            return Err(Error::data(place(), "an id again", "every id once"));
        }
        rest = others;
    }
    match rest.len() < 4 {
        true => Ok(ids),
        false => Err(Error::data(name, format!("{} bytes more", rest.len()), "no more than all ids take")),
    }
}
