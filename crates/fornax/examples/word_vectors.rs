//! Trains word vectors on the lines of a file and asks them for analogies and similarities.
//!
//! `cargo run --release --example word_vectors -- wiki-en/enwiki_articles.txt.gz word-eval`
//!
//! Behind the folders may stand `skipgram` or `cbow`, `exact` or `hogwild`, and a seed. The settings are those that gensim is
//! compared with in docs/benchmarks.md: 100 elements, window 5, 5 wrong words, sample 1e-4, 5 epochs.
use fornax::data::text::{Punctuation, Tokenizer};
use fornax::nlp::Determinism;
use fornax::prelude::*;

fn main() -> fornax::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [corpus, questions, options @ ..] = &arguments[..] else {
        return Err(fornax::Error::argument("arguments", arguments.len(), "CORPUS FOLDER [OPTION...]"));
    };
    let mut settings = Word2Vec::new(100).sample(1e-4);
    for option in options {
        settings = match option.as_str() {
            "skipgram" => settings.architecture(Architecture::SkipGram),
            "cbow" => settings.architecture(Architecture::Cbow),
            "exact" => settings.determinism(Determinism::Exact),
            "hogwild" => settings.determinism(Determinism::Hogwild),
            seed => settings.seed(seed.parse().map_err(|_| {
                fornax::Error::argument("option", seed, "skipgram, cbow, exact, hogwild or a seed")
            })?),
        };
    }
    let words = Tokenizer::new().lowercase(true).punctuation(Punctuation::Remove);
    let clock = std::time::Instant::now();
    let trained = settings.fit(&LineCorpus::new([corpus]).tokenizer(words))?;
    println!("losses {:?}, {:.1} s", trained.losses(), clock.elapsed().as_secs_f64());

    let vectors = trained.keyed_vectors()?;
    for (word, score) in vectors.most_similar(&["king", "woman"], &["man"], 3)? {
        println!("king - man + woman: {word} {score:.3}");
    }
    println!("{}", vectors.evaluate_analogies(format!("{questions}/questions-words.txt"), 30_000)?);
    println!("WordSim-353: {}", vectors.evaluate_word_pairs(format!("{questions}/wordsim353.tsv"), 300_000)?);
    println!("SimLex-999: {}", vectors.evaluate_word_pairs(format!("{questions}/simlex999.txt"), 300_000)?);
    Ok(())
}
