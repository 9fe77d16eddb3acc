//! Sentiment of reviews: a model beside logistic regression on TF-IDF.
//!
//! Movie reviews, 10 folds (or the first so many): `cargo run --release --example sentiment -- mr data/mr cnn 10`
//! Stanford sentiment treebank, sentences: `cargo run --release --example sentiment -- sst2 data/sst2 cnn`
//! IMDB: `cargo run --release --example sentiment -- imdb data lstm`
//! The treebank without and with word vectors that `fornax vectors train` wrote, over three seeds:
//! `cargo run --release --example sentiment -- sst2 data/sst2 lstm vectors.txt`
//!
//! Models: tfidf, fasttext (bigrams, 20 elements, learning rate 0.5, 10 epochs), cnn (Kim 2014, vectors drawn at random), lstm, bag, transformer.
use fornax::data::datasets::Split;
use fornax::data::text::{Encoding, LabelledTexts, Tokenizer};
use fornax::nlp::{TextModel, VectorFile};
use fornax::prelude::*;

/// Texts to train on, to judge epochs on where they are published, and to test on.
type Parts = (LabelledTexts, Option<LabelledTexts>, LabelledTexts);

fn movie_reviews(folder: &str, folds: usize) -> fornax::Result<Vec<Parts>> {
    let files = ["neg", "pos"].map(|class| (class, format!("{folder}/rt-polarity.{class}")));
    let all = LabelledTexts::read_class_files(files, Encoding::Windows1252)?;
    let part = |fold| all.stratified_fold(fold, 10, 0).map(|Split { train, test }| (train, None, test));
    (0..folds.min(10)).map(part).collect()
}

fn sentences(folder: &str) -> fornax::Result<Vec<Parts>> {
    let read = |part: &str| LabelledTexts::read_tsv(format!("{folder}/{part}.tsv"), Encoding::Utf8);
    Ok(vec![(read("train")?, Some(read("dev")?), read("test")?)])
}

fn imdb(folder: &str) -> fornax::Result<Vec<Parts>> {
    let Split { train, test } = datasets::imdb(folder)?;
    let [train, test] = [train, test].map(|part| part.map_texts(|text| text.replace("<br />", " ")));
    Ok(vec![(train, None, test)])
}

/// Prints the mean accuracy over the parts and so many seeds.
fn run(name: &str, builder: &TextClassifierBuilder, parts: &[Parts], seeds: u64) -> fornax::Result<()> {
    let (mut sum, mut seconds, mut in_epochs) = (0.0, 0.0, 0.0);
    for (seed, (train, validation, test)) in
        (0..seeds).flat_map(|seed| parts.iter().map(move |part| (seed, part)))
    {
        let mut builder = builder.clone().seed(seed);
        if let Some(validation) = validation {
            builder = builder.validation_data(validation.clone());
        }
        let (classifier, report) = builder.fit(train)?;
        let accuracy = classifier.evaluate(test)?.accuracy();
        let held_out = report.validation.map(|report| format!(" (held out {:.4})", report.accuracy()));
        let epochs = report.history.epochs().len();
        println!("  {accuracy:.4}{} after {epochs} epochs", held_out.unwrap_or_default());
        (sum, seconds) = (sum + accuracy, seconds + report.seconds);
        in_epochs += epochs as f64 * report.history.seconds_per_epoch();
    }
    let accuracy = 100.0 * sum / (parts.len() as u64 * seeds) as f64;
    println!(
        "{name}: accuracy {accuracy:.2} %, {seconds:.1} s to train, of which {in_epochs:.1} s are epochs"
    );
    Ok(())
}

fn main() -> fornax::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [set, folder, model, rest @ ..] = &arguments[..] else {
        panic!(
            "usage: sentiment mr|sst2|imdb FOLDER tfidf|fasttext|cnn|lstm|bag|transformer [FOLDS|VECTORS]"
        );
    };
    let parts = match set.as_str() {
        "mr" => movie_reviews(folder, rest.first().and_then(|folds| folds.parse().ok()).unwrap_or(10))?,
        "sst2" => sentences(folder)?,
        _ => imdb(folder)?,
    };
    let vectors = match (set.as_str(), rest) {
        ("sst2", [file, ..]) => Some(KeyedVectors::load(file, VectorFile::detect(file)?, None)?),
        _ => None,
    };
    // Nothing is to be judged on where no epochs are to choose from.
    let baseline = TextClassifierBuilder::new(TfidfRegression::new()).validation_split(None);
    run("logistic regression on TF-IDF", &baseline, &parts, 1)?;
    let dimension = |default| vectors.as_ref().map_or(default, KeyedVectors::dimension);
    let chosen: TextModel = match model.as_str() {
        "fasttext" => FastTextClassifier::new(20).word_ngrams(2).learning_rate(0.5).epochs(10).into(),
        "cnn" => TextCNN::new().dimension(dimension(300)).into(),
        "lstm" => TextLSTM::new().dimension(dimension(128)).into(),
        "bag" => BagOfEmbeddings::new().dimension(dimension(64)).into(),
        "transformer" => TextTransformer::new().dimension(dimension(64)).into(),
        _ => return Ok(()),
    };
    let mut builder = TextClassifierBuilder::new(chosen);
    if set != "imdb" {
        // These sentences are divided into words already, and there are few of them.
        builder = builder.tokenizer(Tokenizer::new().lowercase(true)).min_count(1);
    }
    let Some(vectors) = vectors else { return run(model, &builder, &parts, 1) };
    run(&format!("{model} without vectors"), &builder, &parts, 3)?;
    run(&format!("{model} with vectors"), &builder.vectors(vectors, true), &parts, 3)
}
