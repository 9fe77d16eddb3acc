//! `fornax text` on files: train, predict, evaluate, and what it says of wrong ones.

use std::path::Path;
use std::process::{Command, Output};

fn fornax(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fornax")).current_dir(directory).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn run(directory: &Path, arguments: &[&str]) -> String {
    let output = fornax(directory, arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn fault(directory: &Path, arguments: &[&str]) -> String {
    let output = fornax(directory, arguments);
    assert!(!output.status.success());
    text(&output.stderr)
}

#[test]
fn a_classifier_is_trained_asked_and_judged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let line = |at: usize| ["__label__good a fine film\n", "__label__bad a dull film\n"][at % 2];
    std::fs::write(path.join("train.txt"), (0..40).map(line).collect::<String>()).unwrap();
    std::fs::write(path.join("lines.txt"), b"so fine\n\ndull caf\xe9\n").unwrap();
    std::fs::write(path.join("test.tsv"), "fine\tgood\ndull\tbad\nfine\tbad\n").unwrap();
    for model in [
        &["--model", "tfidf", "--wordNgrams", "1"][..],
        &["--model", "bag", "--dim", "4", "--lr", "0.05", "--epoch", "9"],
    ] {
        let train = ["text", "train", "--input", "train.txt", "--output", "a.fornax"];
        let said = run(path, &[&train[..], model].concat());
        assert!(said.contains("36 texts, 2 classes") && said.contains("saved: a.fornax"), "{said}");
        let said = run(path, &["text", "predict", "--load", "a.fornax", "lines.txt", "-k", "2"]);
        let labels: Vec<Vec<&str>> = said.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(labels.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 4], "{said}");
        assert_eq!((labels[0][0], labels[0][2], labels[2][0]), ("good", "bad", "bad"));
        let said =
            run(path, &["text", "eval", "--load", "a.fornax", "--input", "test.tsv", "--format", "tsv"]);
        assert!(said.contains("accuracy                           0.67         3"), "{said}");
    }

    let predict = ["text", "predict", "--load", "train.txt"];
    assert!(fault(path, &predict).contains("train.txt: safetensors header"));
    let train = ["text", "train", "--output", "b.fornax", "--input"];
    let said = fault(path, &[&train[..], &["test.tsv"]].concat());
    assert!(
        said.contains("test.tsv: line 1: found no label, wanted a word that begins with __label__"),
        "{said}"
    );
    let utf8 = ["lines.txt", "--format", "tsv", "--encoding", "utf-8"];
    let said = fault(path, &[&train[..], &utf8].concat());
    assert!(said.contains("lines.txt: line 3: found byte 9 (0xe9), wanted UTF-8"), "{said}");
    assert!(!path.join("b.fornax").exists());
}
