//! Translates German descriptions of pictures into English by a Transformer, or by recurrent layers with attention.
//!
//! `cargo run --release --example translation -- transformer data/multi30k`
//! `cargo run --release --example translation -- gru data/multi30k`
//!
//! A number behind the folder is that of the epochs. The score is that of the test set of 2016, the best token at each
//! step and the best of five hypotheses.
use fornax::data::text::{
    Padding as Pad, Punctuation, Tokenizer, Vocabulary, VocabularyBuilder, read_parallel,
};
use fornax::data::{Dataset, LengthBuckets};
use fornax::optim::CosineDecay;
use fornax::prelude::*;
use fornax::sequence::decoding::{EncoderDecoderStep, Hypothesis, Limits, StepDecoder, TransformerStep};
use fornax::sequence::metrics::Bleu;

const BATCH: usize = 128;
const LONGEST: usize = 45;
const START: i32 = 2;
const END: i32 = 3;

/// Sentences as words, and as they are written.
struct Side {
    words: Vec<Vec<String>>,
    lines: Vec<String>,
}

/// The German and the English side of a part.
fn read(folder: &str, part: &str) -> fornax::Result<[Side; 2]> {
    let pairs = read_parallel(format!("{folder}/{part}.de.gz"), format!("{folder}/{part}.en.gz"))?;
    let (german, english): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let tokenizer = Tokenizer::new().lowercase(true).punctuation(Punctuation::Split);
    let side =
        |lines: Vec<String>| Side { words: lines.iter().map(|line| tokenizer.tokens(line)).collect(), lines };
    Ok([side(german), side(english)])
}

fn vocabulary(side: &Side) -> fornax::Result<Vocabulary> {
    VocabularyBuilder::new().specials(["<pad>", "<unk>", "<start>", "<end>"]).min_count(2).fit(&side.words)
}

fn ids(vocabulary: &Vocabulary, side: &Side, length: usize) -> fornax::Result<Vec<Vec<i32>>> {
    let cut = |words: &Vec<String>| vocabulary.encode(&words[..words.len().min(length)]);
    side.words.iter().map(cut).collect()
}

/// Source and target from its start on, to be answered by the target up to its end; and the longer length of each pair.
fn pairs(sides: &[Side; 2], vocabularies: &[Vocabulary; 2]) -> fornax::Result<(Dataset, LengthBuckets)> {
    let source = ids(&vocabularies[0], &sides[0], LONGEST)?;
    let target = ids(&vocabularies[1], &sides[1], LONGEST - 1)?;
    let given: Vec<Vec<i32>> = target.iter().map(|words| [&[START], &words[..]].concat()).collect();
    let wanted: Vec<Vec<i32>> = target.iter().map(|words| [&words[..], &[END]].concat()).collect();
    let lengths: Vec<usize> = source.iter().zip(&given).map(|(a, b)| a.len().max(b.len())).collect();
    let pad = |rows: &[Vec<i32>]| Ok::<_, fornax::Error>(Pad::new().length(LONGEST).apply(rows)?.array);
    let dataset = Dataset::from_parts(vec![pad(&source)?, pad(&given)?], vec![pad(&wanted)?])?;
    Ok((dataset, LengthBuckets::new(lengths).inputs([0, 1]).targets([0])))
}

/// The best token at each step, or the best of several hypotheses, for every source.
fn translate<D: StepDecoder>(
    decoder: &D,
    start: impl Fn(&Array) -> fornax::Result<D::State>,
    sources: &[Vec<i32>],
    beams: usize,
) -> fornax::Result<Vec<Vec<i32>>> {
    let limits = Limits { start: START, end: END, max_steps: 60 };
    let mut found = vec![];
    for sources in sources.chunks(100) {
        let state = start(&Pad::new().apply(sources)?.array)?;
        let best: Vec<Hypothesis> = if beams == 1 {
            greedy(decoder, state, sources.len(), limits)?
        } else {
            let search = BeamSearch::new(beams).length_penalty(0.8);
            let found = search.search(decoder, state, sources.len(), limits)?;
            found.into_iter().map(|mut found| found.swap_remove(0)).collect()
        };
        found.extend(best.into_iter().map(|hypothesis| hypothesis.tokens));
    }
    Ok(found)
}

/// Words as a text: marks stand behind the word before them.
fn text(words: &[&str]) -> String {
    let text = words.join(" ");
    [" .", " ,", " !", " ?", " ;", " :"].iter().fold(text, |text, mark| text.replace(mark, &mark[1..]))
}

fn main() -> fornax::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (kind, folder, epochs) = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [kind @ ("transformer" | "gru"), folder] => (*kind, *folder, 10),
        [kind @ ("transformer" | "gru"), folder, epochs] => {
            (*kind, *folder, epochs.parse().expect("a number of epochs"))
        }
        _ => panic!("usage: translation transformer|gru FOLDER [EPOCHS]"),
    };
    let (train, validation, test) =
        (read(folder, "train")?, read(folder, "val")?, read(folder, "test_2016_flickr")?);
    let vocabularies = [vocabulary(&train[0])?, vocabulary(&train[1])?];
    let [german, english] = [&vocabularies[0], &vocabularies[1]].map(|vocabulary| vocabulary.len());
    let (train, buckets) = pairs(&train, &vocabularies)?;
    let (validation, _) = pairs(&validation, &vocabularies)?;

    let (source, target) = (input::<Cpu>([None]), input([None]));
    let logits = if kind == "transformer" {
        let model = Transformer::new(german, english, 256).num_layers(3).intermediate_dim(512).num_heads(8);
        model.normalize_first(true).dropout(0.1).apply([&source, &target])?
    } else {
        RNNEncoderDecoder::new(german, english, 256, 512).dropout(0.3).apply([&source, &target])?
    };
    let loss =
        SparseCategoricalCrossentropy::new().from_logits(true).ignore_class(Some(0)).label_smoothing(0.1);
    let steps = (epochs * train.len() / BATCH) as u64;
    let rate = |peak| CosineDecay::new(0.0, steps).warmup(peak, 400);
    let adam = match kind {
        "transformer" => Adam::new(rate(1e-3)),
        _ => Adam::new(rate(2e-3)).global_clipnorm(1.0),
    };
    let mut model = Functional::new([&source, &target], &logits).compile(adam, loss, ())?;
    let fit = Fit::new().epochs(epochs).batch_size(BATCH).length_buckets(buckets);
    let history = model.fit(&train, fit.validation_data(&validation))?;
    for (epoch, record) in history.epochs().iter().enumerate() {
        println!("epoch {}: {} ({:.0} s)", epoch + 1, record.logs, record.seconds);
    }

    let sources = ids(&vocabularies[0], &test[0], LONGEST)?;
    for beams in [1, 5] {
        let found = if kind == "transformer" {
            let decoder = TransformerStep::new(model.network(), "transformer", 60)?;
            translate(&decoder, |sources| decoder.start(sources), &sources, beams)?
        } else {
            let decoder = EncoderDecoderStep::new(model.network(), "rnn_encoder_decoder")?;
            translate(&decoder, |sources| decoder.start(sources), &sources, beams)?
        };
        let found = found.iter().map(|ids| Ok(text(&vocabularies[1].decode(ids)?)));
        let found = found.collect::<fornax::Result<Vec<String>>>()?;
        println!("{beams} hypotheses, for example: {}\n  {}", test[0].lines[0], found[0]);
        println!("{}", Bleu::new().lowercase(true).corpus(&found, &[&test[1].lines[..]])?);
    }
    Ok(())
}
