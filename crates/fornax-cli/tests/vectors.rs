//! `fornax vectors` from files to files, and what it says of wrong ones.

mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::fornax;

#[test]
fn vectors_are_trained_asked_evaluated_and_converted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let corpus = "Tea, or coffee to drink!\nRain and snow will fall.\n".repeat(300);
    std::fs::write(folder.join("corpus.txt"), corpus).unwrap();
    let train = "vectors train corpus.txt --normalize --exact --sample 0 --lr 0.1 --dim 12";
    let words = fornax(folder, &format!("{train} --output words.txt")).unwrap();
    assert!(words.starts_with("10 words, losses "), "{words}");
    fornax(folder, &format!("{train} --subwords --bucket 500 --output model.bin")).unwrap();
    for file in ["words.txt", "model.bin"] {
        let similar = fornax(folder, &format!("vectors similar {file} tea -k 4")).unwrap();
        let mut near: Vec<&str> = similar.lines().map(|line| line.split(' ').next().unwrap()).collect();
        near.sort_unstable();
        assert_eq!(near, ["coffee", "drink", "or", "to"], "{file}");
    }
    assert_eq!(fornax(folder, "vectors similar model.bin teas -k 3").unwrap().lines().count(), 3);
    let glove = "vectors train corpus.txt --normalize --model glove --dim 8 --window 4 --output glove.txt";
    assert!(fornax(folder, glove).unwrap().starts_with("10 words, losses "));
    assert!(fornax(folder, "vectors similar glove.txt tea -k 1").is_ok());
    let formats = [
        ("glove", "glove.txt"),
        ("word2vec-binary", "words.bin"),
        ("fornax", "words.own"),
        ("word2vec-text", "again.txt"),
    ];
    let mut from = "words.txt";
    for (format, to) in formats {
        fornax(folder, &format!("vectors convert {from} {to} --to {format}")).unwrap();
        from = to;
    }
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert_eq!(read("words.txt"), read("again.txt"));
    std::fs::write(folder.join("pairs.tsv"), "tea\tcoffee\t9\ntea\tsnow\t1\nrain\tsnow\t8\n").unwrap();
    std::fs::write(folder.join("questions.txt"), ": all\ntea coffee rain snow\ntea coffee rain hail\n")
        .unwrap();
    let report =
        fornax(folder, "vectors eval words.own --pairs pairs.tsv --analogies questions.txt").unwrap();
    assert!(
        report.contains("3 pairs, 0 with unknown words") && report.contains("1 questions with unknown words")
    );
    assert_eq!(fornax(folder, "vectors analogy words.bin tea coffee rain -k 2").unwrap().lines().count(), 2);
}

#[test]
fn faults_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let fault = |arguments: &str| fornax(folder, arguments).unwrap_err();
    std::fs::write(folder.join("few.txt"), "one line\n").unwrap();
    assert!(fault("vectors train missing.txt --output out").contains("missing.txt"));
    assert!(fault("vectors train few.txt --output out").contains("wanted a word that occurs 5 times"));
    for (options, wanted) in [
        ("--model glove --hs", "--hs: found given, wanted none with --model glove"),
        ("--model glove --format fasttext", "--format fasttext: found given, wanted none"),
        ("--x-max 9", "--x-max: found given, wanted none with --model skipgram"),
        ("--lr 0.1 --alpha 0.1", "--alpha: found 0.1, wanted --lr alone"),
        ("--hs --format fasttext", "wanted negative sampling for a fastText file"),
        ("--bucket 9", "--subwords"),
        ("--ws 4294967296", "window: found 4294967296, wanted less than 2^32"),
        ("--min-count 1 --dim 4611686018427387904", "dimension: found 4611686018427387904, wanted tables of"),
        ("--min-count 1 --dim 4611686018427387904 --model glove", "dimension: found 4611686018427387904"),
    ] {
        let said = fault(&format!("vectors train few.txt --output out {options}"));
        assert!(said.contains(wanted), "{options}: {said}");
    }
    assert!(!folder.join("out").exists());
    std::fs::write(folder.join("v.txt"), "1 2\na 1 2\n").unwrap();
    assert!(fault("vectors similar v.txt b").contains("found \"b\", wanted one of the 1 words"));
    assert!(fault("vectors eval v.txt").contains("wanted --analogies or --pairs"));
    assert!(fault("vectors convert v.txt w.bin --to fasttext").contains("words alone have no n-grams"));
    std::fs::write(folder.join("cut.txt"), "2 2\na 1 2\n").unwrap();
    assert!(fault("vectors similar cut.txt a").contains("found 1 words, wanted the 2 of the first line"));
}

/// Ended by the system after an epoch and started again, a training has the bits of one that was not.
#[test]
fn a_killed_training_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let texts: String = (0..6000)
        .map(|at| {
            format!("{}\n", if at % 2 == 0 { "tea or coffee to drink" } else { "rain and snow will fall" })
        })
        .collect();
    std::fs::write(folder.join("corpus.txt"), texts).unwrap();
    let train = "vectors train corpus.txt --exact --sample 0 --epoch 30 --output";
    fornax(folder, &format!("{train} whole.txt")).unwrap();
    let resumed = format!("{train} resumed.txt --checkpoint state");
    let mut child = Command::new(env!("CARGO_BIN_EXE_fornax"))
        .current_dir(folder)
        .args(resumed.split(' '))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !folder.join("state").exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("resumed.txt").exists(), "the training ended before it was killed");
    fornax(folder, &resumed).unwrap();
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert_eq!(read("whole.txt"), read("resumed.txt"));
}

/// A line of 10 MB is a text as others are.
#[test]
fn a_line_may_be_long() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("corpus.txt"), "tea or coffee to drink ".repeat(450_000)).unwrap();
    let trained = fornax(folder, "vectors train corpus.txt --dim 4 --epoch 1 --output words.txt").unwrap();
    assert!(trained.starts_with("5 words, losses "), "{trained}");
}
