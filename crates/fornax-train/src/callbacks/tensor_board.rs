//! [`TensorBoard`]: the figures of every epoch as TensorBoard event files.
//!
//! An event file is a sequence of TFRecords (length, masked CRC-32C of the length, protocol buffer, masked CRC-32C
//! of the buffer); the messages are the few fields of `tensorflow/core/util/event.proto` and
//! `framework/summary.proto` that scalars need. The ready-made writer crate panics on a full disk, so the two
//! encodings come from `prost` and `crc32c`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use fornax_core::{Backend, Error, Result};
use prost::Message;

use super::Callback;
use crate::{Logs, Model};

/// Writes training figures to `DIR/train` and validation figures to `DIR/validation`, as
/// `keras.callbacks.TensorBoard` does, under the tags `epoch_loss`, `epoch_accuracy`, ...
#[derive(Debug)]
pub struct TensorBoard {
    directory: PathBuf,
    train: Option<File>,
    validation: Option<File>,
}

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    simple_value: f32,
}

impl TensorBoard {
    /// Writes below `directory`, which is made if it is not there.
    pub fn new(directory: impl AsRef<Path>) -> Self {
        Self { directory: directory.as_ref().to_path_buf(), train: None, validation: None }
    }
}

impl<B: Backend> Callback<B> for TensorBoard {
    fn on_epoch_end(&mut self, epoch: usize, logs: &Logs, _model: &mut Model<B>) -> Result<()> {
        let scalar =
            |name: &str, value: f64| Scalar { tag: format!("epoch_{name}"), simple_value: value as f32 };
        let train = logs.iter().filter(|(name, _)| !name.starts_with("val_"));
        let train = train.map(|(name, value)| scalar(name, value)).collect();
        let validation =
            logs.iter().filter_map(|(name, value)| Some(scalar(name.strip_prefix("val_")?, value)));
        let validation: Vec<Scalar> = validation.collect();
        write(&mut self.train, &self.directory.join("train"), epoch, train)?;
        if validation.is_empty() {
            return Ok(());
        }
        write(&mut self.validation, &self.directory.join("validation"), epoch, validation)
    }
}

fn write(file: &mut Option<File>, directory: &Path, epoch: usize, value: Vec<Scalar>) -> Result<()> {
    let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
    let append = || {
        let file = match file {
            Some(file) => file,
            None => {
                std::fs::create_dir_all(directory)?;
                let name =
                    format!("events.out.tfevents.{:010}.fornax.{}", wall_time as u64, std::process::id());
                let mut opened = File::create(directory.join(name))?;
                let version = Some("brain.Event:2".to_owned());
                opened.write_all(&record(&Event {
                    wall_time,
                    step: 0,
                    file_version: version,
                    summary: None,
                }))?;
                file.insert(opened)
            }
        };
        let summary = Some(Summary { value });
        file.write_all(&record(&Event { wall_time, step: epoch as i64, file_version: None, summary }))
    };
    append().map_err(|error| Error::io(directory, "write", error))
}

/// A message as a TFRecord.
fn record(event: &Event) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length).to_le_bytes(), &data, &masked_crc(&data).to_le_bytes()].concat()
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What TensorFlow 2.21 wrote for this event (`tests/goldens/make_event.py`).
    #[test]
    fn a_record_equals_tensorflows() {
        let value = vec![Scalar { tag: "epoch_loss".into(), simple_value: 0.5 }];
        let event = Event { wall_time: 1.5, step: 3, file_version: None, summary: Some(Summary { value }) };
        let hex: String = record(&event).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, include_str!("../../tests/goldens/event.hex").trim());
    }
}
