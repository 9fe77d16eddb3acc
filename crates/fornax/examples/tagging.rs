//! Tags the words of sentences by a bidirectional LSTM over words and their letters and a conditional random field.
//!
//! Parts of speech of UD English EWT: `cargo run --release --example tagging -- pos data/ud-english-ewt`
//! Chunks of CoNLL-2000: `cargo run --release --example tagging -- chunks data/conll2000`
//! The first with word vectors that `fornax vectors train` wrote: `... tagging -- pos data/ud-english-ewt vectors.txt`
//!
//! Source: X. Ma, E. Hovy, *End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF*, ACL 2016.
use fornax::data::text::{read_columns, read_conllu};
use fornax::nlp::VectorFile;
use fornax::prelude::*;

/// Words and their chunks, with parts of speech as what else is known.
fn chunks(path: String) -> fornax::Result<Vec<TaggedSentence>> {
    let sentences = read_columns(path, 3)?.into_iter().map(|read| {
        let [words, known, tags] = [0, 1, 2].map(|column| read.column(column).to_vec());
        TaggedSentence::new(words, tags)?.features(known)
    });
    sentences.collect()
}

fn parts_of_speech(path: String) -> fornax::Result<Vec<TaggedSentence>> {
    let sentences = read_conllu(path)?.into_iter().map(|read| {
        let (words, tags) = read.tokens.into_iter().map(|token| (token.form, token.upos)).unzip();
        TaggedSentence::new(words, tags)
    });
    sentences.collect()
}

fn main() -> fornax::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["chunks", folder] => {
            let (tagger, _) =
                TaggerBuilder::new().epochs(15).fit(&chunks(format!("{folder}/train.txt.gz"))?)?;
            println!("{}", tagger.span_f1(&chunks(format!("{folder}/test.txt"))?)?);
        }
        ["pos", folder, vectors @ ..] => {
            let read = |part: &str| parts_of_speech(format!("{folder}/en_ewt-ud-{part}.conllu.gz"));
            let builder = match vectors {
                [] => TaggerBuilder::new(),
                [file, ..] => TaggerBuilder::new()
                    .vectors(KeyedVectors::load(file, VectorFile::detect(file)?, None)?, true),
            };
            let (tagger, _) = builder.fit(&read("train")?)?;
            for part in ["dev", "test"] {
                println!("{part}: accuracy {:.4}", tagger.accuracy(&read(part)?)?);
            }
            println!("{:?}", tagger.tag_text("Rust engineers ship one binary.")?);
        }
        _ => panic!("usage: tagging pos FOLDER [VECTORS] | tagging chunks FOLDER"),
    }
    Ok(())
}
