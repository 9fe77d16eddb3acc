//! Losses, metrics, the training loop, callbacks and checkpoints.
#![forbid(unsafe_code)]

mod backup;
pub mod callbacks;
mod checkpoint;
mod class_weight;
mod evaluation;
mod fit;
mod history;
mod interrupt;
mod logs;
pub mod losses;
pub mod metrics;
mod model;
mod progress;
mod step;
mod tracker;

pub use backup::BackupAndRestore;
pub use callbacks::Callback;
pub use checkpoint::{load_network_with, load_network_with_extra, save_network, save_network_with_extra};
pub use class_weight::ClassWeight;
pub use evaluation::Evaluation;
pub use fit::Fit;
pub use history::{EpochRecord, History, peak_memory};
pub use logs::Logs;
pub use model::{Compile, Model};
