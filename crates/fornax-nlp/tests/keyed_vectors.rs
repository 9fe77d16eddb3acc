//! Laws of questions to word vectors and of their files.

use fornax_nlp::{Analogy, KeyedVectors, VectorFile};
use fornax_testkit::config;
use proptest::prelude::*;

const FORMATS: [VectorFile; 4] =
    [VectorFile::Word2VecText, VectorFile::Word2VecBinary, VectorFile::Glove, VectorFile::Fornax];

fn vectors(words: &[&str], dimension: usize, values: Vec<f32>) -> KeyedVectors {
    KeyedVectors::new(words.iter().map(|&word| word.to_owned()).collect(), dimension, values).unwrap()
}

fn family() -> KeyedVectors {
    let values = [[1.0, 0.1, 0.0], [0.1, 1.0, 0.0], [1.0, 0.1, 1.0], [0.1, 1.0, 1.0], [0.0, -0.2, 1.0]];
    vectors(&["man", "woman", "king", "queen", "crown"], 3, values.concat())
}

#[test]
fn questions() {
    let family = family();
    assert_eq!(family.most_similar(&["king", "woman"], &["man"], 1).unwrap()[0].0, "queen");
    assert_eq!(family.analogy("man", "king", "woman", 1).unwrap()[0].0, "queen");
    let by_product = family.query().positive(["king", "woman"]).negative(["man"]).analogy(Analogy::CosMul);
    assert_eq!(by_product.count(1).answer().unwrap()[0].0, "queen");
    assert_eq!(family.doesnt_match(&["man", "king", "crown", "queen"]).unwrap(), "man");
    let all = family.most_similar(&["king"], &[], 10).unwrap();
    assert_eq!(all.len(), 4);
    assert!(all.is_sorted_by(|a, b| a.1 >= b.1));
    for (word, score) in all {
        assert!((score - family.similarity("king", word).unwrap()).abs() < 1e-6);
    }
    let first = family.query().positive(["king"]).restrict(2).answer().unwrap();
    assert_eq!(first.iter().map(|(word, _)| *word).collect::<Vec<_>>(), ["man", "woman"]);
    let kept = family.query().positive(["king"]).filter(|word| word.starts_with('q')).answer().unwrap();
    assert_eq!((kept.len(), kept[0].0), (1, "queen"));
    assert_eq!(family.similar_by_vector(&[0.0, 0.0, 2.0], 1).unwrap()[0].0, "crown");
    assert!(family.most_similar(&["king"], &[], 0).unwrap().is_empty());
}

#[test]
fn questions_without_an_answer_are_errors() {
    let family = family();
    assert_eq!(
        family.vector("duke").unwrap_err().to_string(),
        "word: found \"duke\", wanted one of the 5 words"
    );
    assert!(family.most_similar(&[], &[], 1).is_err());
    assert!(family.doesnt_match(&[]).is_err());
    assert!(
        family.similar_by_vector(&[1.0], 1).unwrap_err().to_string().contains("found 1 elements, wanted 3")
    );
    let new = |words: &[&str], values: Vec<f32>| {
        KeyedVectors::new(words.iter().map(|&word| word.to_owned()).collect(), 2, values)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(new(&["a", "a"], vec![0.0; 4]), "word 1: found \"a\" again, wanted every word once");
    assert_eq!(new(&["a"], vec![0.0; 3]), "word vectors: found 3 numbers, wanted 1 words of 2 elements");
    assert_eq!(new(&["a"], vec![0.0, f32::NAN]), "vector of \"a\": found NaN, wanted finite numbers");
    assert_eq!(new(&[], vec![]), "word vectors: found 0 words of 2 elements, wanted at least one of each");
}

#[test]
fn evaluations() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let questions =
        write("q", ": royal\nMan king woman queen\nman king woman crown\nman king duke duchess\n: none\n");
    let report = family().evaluate_analogies(&questions, 5).unwrap();
    let sections: Vec<_> =
        report.sections.iter().map(|section| (&*section.name, section.correct, section.total)).collect();
    assert_eq!((sections, report.unknown), (vec![("royal", 1, 2), ("none", 0, 0)], 1));
    assert_eq!(report.accuracy(|_| true), 0.5);
    assert_eq!(family().evaluate_analogies(&questions, 3).unwrap().unknown, 3);
    let pairs = write("p", "# what\nking\tman\t9\nking\tcrown\t7\nking\tWoman\t1.5\nking\tduke\t3\n");
    let report = family().evaluate_word_pairs(&pairs, 5).unwrap();
    assert_eq!((report.pairs, report.unknown), (3, 1));
    assert!((report.spearman - 1.0).abs() < 1e-9 && report.pearson > 0.9, "{report}");
    for bad in ["man king woman\n", "a b c d\n", ": x\na b c d e\n"] {
        assert!(family().evaluate_analogies(write("b", bad), 5).unwrap_err().to_string().contains("line "));
    }
    for bad in ["king\tman\n", "king\tman\tmuch\n", "king\tman\t1\n"] {
        assert!(family().evaluate_word_pairs(write("b", bad), 5).is_err());
    }
}

fn file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    (folder, path)
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn files_keep_words_and_bits(
        words in proptest::collection::hash_set("[^ \\r\\n]{1,8}", 1..6),
        dimension in 1usize..5,
        bits in proptest::collection::vec(any::<f32>().prop_filter("finite", |x| x.is_finite()), 25),
    ) {
        let words: Vec<String> = words.into_iter().collect();
        let values = bits[..words.len() * dimension].to_vec();
        let vectors = KeyedVectors::new(words, dimension, values).unwrap();
        let (_folder, path) = file();
        for format in FORMATS {
            vectors.save(&path, format).unwrap();
            prop_assert_eq!(&KeyedVectors::load(&path, format, None).unwrap(), &vectors);
            let first = KeyedVectors::load(&path, format, Some(1)).unwrap();
            prop_assert_eq!(first.vector(&first.words()[0]).unwrap(), vectors.vector(&vectors.words()[0]).unwrap());
            prop_assert_eq!(first.words(), &vectors.words()[..1]);
        }
    }

    /// Bytes that are changed, cut or made up are an error or vectors, never a panic.
    #[test]
    fn any_bytes_are_read_or_refused(
        format in 0usize..4,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        noise in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)),
    ) {
        let (_folder, path) = file();
        family().save(&path, FORMATS[format]).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        std::fs::write(&path, noise.unwrap_or(bytes)).unwrap();
        if let Ok(read) = KeyedVectors::load(&path, FORMATS[format], None) {
            let first = read.words()[0].clone();
            prop_assert!(read.most_similar(&[&first], &[], 3).is_ok());
        }
    }
}

#[test]
fn faults_of_files_name_the_place() {
    let (_folder, path) = file();
    let fault = |format, bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        KeyedVectors::load(&path, format, None).unwrap_err().to_string()
    };
    let text = VectorFile::Word2VecText;
    assert!(fault(text, b"").contains("line 1: found \"\", wanted the numbers of words and of elements"));
    assert!(
        fault(text, b"2 2\na 1 2\n").contains("end of file: found 1 words, wanted the 2 of the first line")
    );
    assert!(fault(text, b"1 2\na 1\n").contains("line 2: found 1 elements, wanted a word and 2 elements"));
    assert!(fault(text, b"1 2\na 1 x\n").contains("line 2: found \"x\", wanted a number"));
    assert!(fault(text, b"1 2\n\xff 1 2\n").contains("line 2: found byte 1 that is no UTF-8"));
    assert!(fault(text, b"2 1\na 1\na 2\n").contains("word 1: found \"a\" again"));
    assert!(fault(text, b"99999999999 99999999999\n").contains("end of file: found 0 words"));
    let binary = VectorFile::Word2VecBinary;
    assert!(
        fault(binary, b"1 2\na \0\0\0\0")
            .contains("word 1: found the end of the file behind 4 bytes, wanted 8")
    );
    assert!(fault(binary, b"1 18446744073709551615\na ").contains("line 1"));
    assert!(fault(binary, b"1 4611686018427387903\na ").contains("word 1: found the end of the file"));
    let long = [b"1 1\n".to_vec(), vec![b'a'; 2 << 20]].concat();
    assert!(fault(binary, &long).contains("word 1: found more than 1 MiB"));
    assert!(fault(text, &long).contains("line 2: found more than 1 MiB"));
    let own = VectorFile::Fornax;
    family().save(&path, own).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let cut = fault(own, &whole[..whole.len() - 1]);
    assert!(cut.contains("head: found 5 words of 3 elements in 207 bytes, wanted 208 bytes"), "{cut}");
    assert!(fault(own, &whole[..20]).contains("end of file: found the file cut off"));
    assert!(fault(own, b"FORNAXWV\x02\0\0\0 more and more and more").contains("version 2"));
    let mut long = whole.clone();
    long[32] = 200;
    assert!(
        fault(own, &long).contains("word 1: found 200 bytes, wanted at most the 42 that words have left")
    );
    let blank = vectors(&["a b"], 1, vec![1.0]).save(&path, text).unwrap_err().to_string();
    assert!(blank.contains("found \"a b\", wanted one without blanks"), "{blank}");
}

#[test]
fn formats_are_detected() {
    let (_folder, path) = file();
    for format in FORMATS {
        family().save(&path, format).unwrap();
        assert_eq!(VectorFile::detect(&path).unwrap(), format);
    }
    let golden = |name: &str| format!("{}/tests/goldens/{name}", env!("CARGO_MANIFEST_DIR"));
    let known = [
        ("gensim.txt", VectorFile::Word2VecText),
        ("gensim.bin", VectorFile::Word2VecBinary),
        ("fasttext_words.bin", VectorFile::FastText),
    ];
    for (name, format) in known {
        assert_eq!(VectorFile::detect(golden(name)).unwrap(), format, "{name}");
        assert_eq!(KeyedVectors::load(golden(name), format, Some(2)).unwrap().len(), 2);
    }
    let error = family().save(&path, VectorFile::FastText).unwrap_err().to_string();
    assert_eq!(error, "format: found FastText, wanted another format: words alone have no n-grams");
}
