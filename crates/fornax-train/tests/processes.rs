//! Laws that need a process of their own: the same bits for any number of threads, and a training that is killed
//! by the system and goes on.
//!
//! The tests start this very binary again with `FORNAX_CHILD` set, which makes `child` train.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fornax_core::ops::Activation::{Relu, Softmax};
use fornax_core::{Backend, Flex, NdArray, Result};
use fornax_data::synthetic;
use fornax_layers::{
    Sequential,
    layers::{BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D},
};
use fornax_optim::Adam;
use fornax_train::losses::SparseCategoricalCrossentropy;
use fornax_train::metrics::Accuracy;
use fornax_train::{BackupAndRestore, Callback, Compile, Fit, Model};

/// Slows a training down, so that it can be killed in the middle.
struct Slow(Duration);

impl<B: Backend> Callback<B> for Slow {
    fn on_batch_end(&mut self, _: usize, _: f64, _: &mut Model<B>) -> Result<()> {
        std::thread::sleep(self.0);
        Ok(())
    }
}

/// A model whose convolution and first product are large enough for several threads.
fn train<B: Backend>(backup: Option<&Path>, pause: u64) -> u64 {
    let mut model = Sequential::<B>::new([28, 28, 1])
        .seed(3)
        .add(Conv2D::new(32, 3).activation(Relu))
        .add(MaxPooling2D::new(2))
        .add(BatchNormalization::new())
        .add(Flatten::new())
        .add(Dropout::new(0.2))
        .add(Dense::new(64).activation(Relu))
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])
        .unwrap();
    let mut fit = Fit::new().epochs(2).verbose(false).callback(Slow(Duration::from_millis(pause)));
    if let Some(path) = backup {
        fit = fit.backup(BackupAndRestore::new(path).save_freq(3));
    }
    let history = model.fit(&synthetic::digits(320, 1), fit).unwrap();
    let weights = model.network().weights().iter().flat_map(|weight| weight.to_vec());
    let words =
        weights.map(|w| u64::from(w.to_bits())).chain(history.values("loss").into_iter().map(f64::to_bits));
    words.fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ word).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn child() {
    let Ok(task) = std::env::var("FORNAX_CHILD") else { return };
    let (pause, backup) = task.split_once(' ').expect("a pause and a path");
    let backup = (!backup.is_empty()).then(|| Path::new(backup));
    let pause = pause.parse().expect("milliseconds");
    println!(
        "bits {:x} {:x}",
        train::<Flex>(backup, pause),
        if pause == 0 { train::<NdArray>(None, 0) } else { 0 }
    );
}

fn start(pause: u64, backup: &str, threads: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture"])
        .env("FORNAX_CHILD", format!("{pause} {backup}"))
        .env("RAYON_NUM_THREADS", threads.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

fn bits(command: &mut Command) -> String {
    let output = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let line = output.lines().find_map(|line| line.split_once("bits ")).expect("the child printed its bits");
    line.1.to_owned()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let wanted = bits(&mut start(0, "", 1));
    for threads in [2, 4] {
        assert_eq!(bits(&mut start(0, "", threads)), wanted, "{threads} threads");
    }
}

#[test]
fn a_killed_training_goes_on_to_the_same_bits() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup");
    let backup = path.display().to_string();
    let mut killed = start(50, &backup, 2).spawn().unwrap();
    let clock = Instant::now();
    while !path.exists() {
        assert!(clock.elapsed() < Duration::from_secs(60), "no backup was written");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(20));
    // SIGKILL on Unix.
    killed.kill().unwrap();
    assert!(!killed.wait().unwrap().success());
    assert!(path.exists(), "the training was killed after its end");
    let resumed = bits(&mut start(1, &backup, 2));
    let whole = bits(&mut start(1, "", 2));
    assert_eq!(resumed, whole);
}
