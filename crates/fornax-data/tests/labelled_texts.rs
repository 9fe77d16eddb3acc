//! Readers of labelled texts: each format, its faults, and any bytes.

use fornax_core::Result;
use fornax_data::text::{Encoding, LabelledTexts, SeveralLabels, TrecLabels};
use proptest::prelude::*;

fn fault(read: Result<LabelledTexts>) -> String {
    read.unwrap_err().to_string()
}

fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    directory
}

#[test]
fn a_file_a_class() {
    let dir = directory(&[("a.neg", b"bad \x96 very\n\n"), ("a.pos", b"caf\xe9\r\ngood\n")]);
    let files = || [("neg", dir.path().join("a.neg")), ("pos", dir.path().join("a.pos"))];
    let read = LabelledTexts::read_class_files(files(), Encoding::Windows1252).unwrap();
    assert_eq!(read.texts(), ["bad \u{2013} very", "café", "good"]);
    assert_eq!((read.labels(), read.class_names()), (&[0, 1, 1][..], &["neg".into(), "pos".into()][..]));
    let error = fault(LabelledTexts::read_class_files(files(), Encoding::Utf8));
    assert!(error.ends_with("a.neg: line 1: found byte 5 (0x96), wanted UTF-8"), "{error}");
    let twice = [("neg", dir.path().join("a.neg")); 1].into_iter().chain([("neg", dir.path().join("a.pos"))]);
    assert!(LabelledTexts::read_class_files(twice, Encoding::Detect).is_err());
}

#[test]
fn lines_of_each_format() {
    let sst = LabelledTexts::parse_tsv("sentence\tlabel\na\tb\t1\n\nc\t0\r\n", "a").unwrap();
    assert_eq!((sst.texts(), sst.labels()), (&["a\tb".into(), "c".into()][..], &[1, 0][..]));
    assert_eq!(
        fault(LabelledTexts::parse_tsv("a\t1\n\nb\t \n", "a")),
        "a: line 3: found no label, wanted a text, a tab and a label"
    );
    let text = "NUM:date When ?\nHUM:ind Who\u{a0}is ?\nNUM:count\n";
    let coarse = LabelledTexts::parse_trec(text, "a", TrecLabels::Coarse).unwrap();
    assert_eq!(coarse.class_names(), ["HUM", "NUM"]);
    assert_eq!(coarse.texts(), ["When ?", "Who\u{a0}is ?", ""]);
    let fine = LabelledTexts::parse_trec(text, "a", TrecLabels::Fine).unwrap();
    assert_eq!(fine.class_names(), ["HUM:ind", "NUM:count", "NUM:date"]);
    assert_eq!(
        fault(LabelledTexts::parse_trec("NUM:date When ?\nNUM: x\n", "a", TrecLabels::Fine)),
        "a: line 2: found \"NUM:\", wanted a label as NUM:date, then a text"
    );
}

#[test]
fn several_labels_a_line() {
    let text = "__label__a __label__b x  y\nz __label__b\n";
    let parse = |several| LabelledTexts::parse_fasttext(text, "a", several);
    assert_eq!(parse(SeveralLabels::Each).unwrap().texts(), ["x y", "x y", "z"]);
    assert_eq!(parse(SeveralLabels::Each).unwrap().labels(), [0, 1, 1]);
    assert_eq!(parse(SeveralLabels::First).unwrap().labels(), [0, 1]);
    assert_eq!(fault(parse(SeveralLabels::Refuse)), "a: line 1: found 2 labels, wanted one");
    let none = LabelledTexts::parse_fasttext("__label__a x\ny\n", "a", SeveralLabels::Each);
    assert_eq!(fault(none), "a: line 2: found no label, wanted a word that begins with __label__");
}

#[test]
fn ag_news_has_four_classes() {
    let dir = directory(&[("a.csv", b"\"3\",\"T\",\"D\nd\"\n\"1\",\"t\",\"\"\n"), ("b.csv", b"5,t,d\n")]);
    let read = LabelledTexts::read_ag_news(dir.path().join("a.csv"), Encoding::Utf8).unwrap();
    assert_eq!(read.texts(), ["T D\nd", "t "]);
    assert_eq!((read.labels(), read.class_names()[2].as_str()), (&[2, 0][..], "Business"));
    let error = fault(LabelledTexts::read_ag_news(dir.path().join("b.csv"), Encoding::Utf8));
    assert!(error.ends_with("b.csv: line 1: found class \"5\", wanted one of 1, 2, 3, 4"), "{error}");
    assert_eq!(
        fault(LabelledTexts::parse_csv("1,x\n,y\n", "a", 0, &[1])),
        "a: line 2: found no label, wanted one in field 1"
    );
    assert!(LabelledTexts::parse_csv("1,x\n", "a", 0, &[]).is_err());
}

#[test]
fn a_folder_a_class() {
    let dir = directory(&[
        ("pos/2_9.txt", b"good"),
        ("pos/1_7.txt", b"fine"),
        ("neg/0_2.txt", b"bad"),
        ("urls.txt", b"u"),
    ]);
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    let read = LabelledTexts::read_folders(dir.path(), Encoding::Utf8).unwrap();
    assert_eq!(
        (read.texts(), read.class_names()),
        (&["bad".into(), "fine".into(), "good".into()][..], &["neg".into(), "pos".into()][..])
    );
    let error = fault(LabelledTexts::read_folders(dir.path().join("empty"), Encoding::Utf8));
    assert!(error.ends_with("empty: folders: found no text, wanted files CLASS/NAME.txt"), "{error}");
    assert!(LabelledTexts::read_folders(dir.path().join("missing"), Encoding::Utf8).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\t'), Just(b','), Just(b'"'), Just(b':')], 0..120),
        label in "(__label__|)",
    ) {
        let dir = directory(&[("a", &[label.as_bytes(), &bytes].concat())]);
        let path = dir.path().join("a");
        for encoding in [Encoding::Detect, Encoding::Utf8, Encoding::Latin1, Encoding::Windows1252] {
            let reads = [
                LabelledTexts::read_class_files([("a", &path)], encoding),
                LabelledTexts::read_tsv(&path, encoding),
                LabelledTexts::read_trec(&path, TrecLabels::Fine, encoding),
                LabelledTexts::read_csv(&path, 0, &[1], encoding),
                LabelledTexts::read_ag_news(&path, encoding),
                LabelledTexts::read_fasttext(&path, SeveralLabels::Each, encoding),
            ];
            for read in reads {
                match read {
                    Ok(read) => prop_assert_eq!(read.labels().len(), read.texts().len()),
                    Err(error) => prop_assert_eq!(error.path(), Some(&*path), "{}", error),
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_read(rows in proptest::collection::vec(("[a-zé ,\"]{0,12}", "[a-c]{1,2}"), 1..9)) {
        let tsv: String = rows.iter().map(|(text, label)| format!("{text}\t{label}\n")).collect();
        let pairs = LabelledTexts::from_pairs(rows.clone()).unwrap();
        prop_assert_eq!(&LabelledTexts::parse_tsv(&tsv, "a").unwrap(), &pairs);
        let csv: String = rows.iter().map(|(text, label)| format!("{label},\"{}\"\n", text.replace('"', "\"\""))).collect();
        let trimmed = rows.iter().map(|(text, label)| (text.trim(), label.as_str()));
        prop_assert_eq!(&LabelledTexts::parse_csv(&csv, "a", 0, &[1]).unwrap(), &LabelledTexts::from_pairs(trimmed).unwrap());
    }
}
