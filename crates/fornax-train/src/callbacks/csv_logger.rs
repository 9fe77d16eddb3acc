//! [`CsvLogger`]: the figures of every epoch as lines of a CSV file.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use fornax_core::{Backend, Error, Result};

use super::Callback;
use crate::{Logs, Model};

/// Writes `epoch` and the figures of every epoch to a CSV file, a line an epoch, flushed at once.
///
/// Source: `keras.callbacks.CSVLogger`.
#[derive(Debug)]
pub struct CsvLogger {
    path: PathBuf,
    append: bool,
    writer: Option<csv::Writer<File>>,
    columns: Vec<String>,
}

impl CsvLogger {
    /// Logs to `path`, which is replaced.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_path_buf(), append: false, writer: None, columns: vec![] }
    }

    /// Goes on at the end of the file if there is one.
    pub fn append(mut self) -> Self {
        self.append = true;
        self
    }

    fn open(&mut self, logs: &Logs) -> std::io::Result<&mut csv::Writer<File>> {
        if self.writer.is_none() {
            let goes_on = self.append && std::fs::metadata(&self.path).is_ok_and(|file| file.len() > 0);
            let mut options = OpenOptions::new();
            options.create(true).write(true).append(goes_on).truncate(!goes_on);
            let mut writer = csv::Writer::from_writer(options.open(&self.path)?);
            self.columns = logs.iter().map(|(name, _)| name.to_owned()).collect();
            if !goes_on {
                writer
                    .write_record(std::iter::once("epoch").chain(self.columns.iter().map(String::as_str)))?;
            }
            self.writer = Some(writer);
        }
        Ok(self.writer.as_mut().expect("it was opened"))
    }
}

impl<B: Backend> Callback<B> for CsvLogger {
    fn on_epoch_end(&mut self, epoch: usize, logs: &Logs, _model: &mut Model<B>) -> Result<()> {
        let path = self.path.clone();
        let mut write = || {
            self.open(logs)?;
            let figure = |name: &String| logs.get(name).map_or(String::new(), |value| value.to_string());
            let line = std::iter::once(epoch.to_string()).chain(self.columns.iter().map(figure));
            let line: Vec<String> = line.collect();
            let writer = self.writer.as_mut().expect("it was opened");
            writer.write_record(line)?;
            writer.flush()
        };
        write().map_err(|error| Error::io(path, "write", error))
    }
}
