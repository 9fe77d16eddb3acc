//! Tags the words of sentences by a bidirectional LSTM over words and their letters and a conditional random field.
//!
//! Parts of speech of UD English EWT: `cargo run --release --example tagging -- pos data/ud-english-ewt`
//! Chunks of CoNLL-2000: `cargo run --release --example tagging -- chunks data/conll2000`
//!
//! Source: X. Ma, E. Hovy, *End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF*, ACL 2016, without word
//! vectors from elsewhere.
use fornax::core::Value;
use fornax::data::text::{
    OutOfVocabulary, Padded, Padding as Pad, Vocabulary, VocabularyBuilder, read_columns, read_conllu,
};
use fornax::data::{Dataset, LengthBuckets};
use fornax::layers::{Context, MultiLayer, WeightSpecs};
use fornax::optim::ExponentialDecay;
use fornax::prelude::*;
use fornax::sequence::{crf, metrics::span_f1};
use serde::{Deserialize, Serialize};

/// Letters that are read of a word, and words of the longest sentence that is trained on.
const LETTERS: usize = 16;
const LONGEST: usize = 60;

/// The words of a sentence, what else is known of each (its part of speech, or its case), and what is to be found.
struct Sentence {
    words: Vec<String>,
    known: Vec<String>,
    tags: Vec<String>,
}

fn chunks(path: String) -> fornax::Result<Vec<Sentence>> {
    let sentence = |read: fornax::data::text::Sentence| {
        let [words, known, tags] = [0, 1, 2].map(|column| read.column(column).to_vec());
        Sentence { words, known, tags }
    };
    Ok(read_columns(path, 3)?.into_iter().map(sentence).collect())
}

fn parts_of_speech(path: String) -> fornax::Result<Vec<Sentence>> {
    let sentence = |read: fornax::data::text::ConlluSentence| {
        let (words, tags): (Vec<_>, Vec<_>) =
            read.tokens.into_iter().map(|token| (token.form, token.upos)).unzip();
        Sentence { known: words.iter().map(|word| case(word)).collect(), words, tags }
    };
    Ok(read_conllu(path)?.into_iter().map(sentence).collect())
}

/// The kinds of a word's letters in a row, each once: `Xx` of `Paris`, `d-x` of `24-hour`.
fn case(word: &str) -> String {
    let mut kinds: Vec<char> = word
        .chars()
        .map(|letter| match letter {
            _ if letter.is_uppercase() => 'X',
            _ if letter.is_alphabetic() => 'x',
            _ if letter.is_numeric() => 'd',
            _ => letter,
        })
        .collect();
    kinds.dedup();
    kinds.into_iter().take(4).collect()
}

fn letters(word: &str) -> Vec<String> {
    word.chars().map(String::from).collect()
}

struct Vocabularies {
    words: Vocabulary,
    letters: Vocabulary,
    known: Vocabulary,
    tags: Vocabulary,
}

impl Vocabularies {
    /// Words that occur once become the unknown word, so that training meets it.
    fn fit(train: &[Sentence]) -> fornax::Result<Self> {
        let lower: Vec<Vec<String>> = train.iter().map(|sentence| lower(&sentence.words)).collect();
        let spelled: Vec<_> =
            train.iter().flat_map(|sentence| &sentence.words).map(|word| letters(word)).collect();
        let known: Vec<_> = train.iter().map(|sentence| &sentence.known[..]).collect();
        let tags: Vec<_> = train.iter().map(|sentence| &sentence.tags[..]).collect();
        let all = VocabularyBuilder::new().specials([""; 0]).out_of_vocabulary(OutOfVocabulary::Error);
        Ok(Self {
            words: VocabularyBuilder::new().min_count(2).fit(&lower)?,
            letters: VocabularyBuilder::new().min_count(5).fit(&spelled)?,
            known: VocabularyBuilder::new().min_count(2).fit(&known)?,
            tags: all.fit(&tags)?,
        })
    }

    /// Words, letters and what is known as ids, and the lengths; sentences are cut to `longest` words.
    fn inputs(&self, sentences: &[Sentence], longest: usize) -> fornax::Result<(Vec<Array>, Vec<usize>)> {
        let words = sentences.iter().map(|sentence| self.words.encode(&lower(&sentence.words)));
        let words = pad(words.collect(), longest)?;
        let known =
            pad(sentences.iter().map(|sentence| self.known.encode(&sentence.known)).collect(), longest)?;
        let mut spelled = vec![];
        for sentence in sentences {
            for at in 0..longest {
                let word = sentence.words.get(at).map_or("", String::as_str);
                spelled.push(self.letters.encode(&letters(word)));
            }
        }
        let spelled = pad(spelled.into_iter().collect(), LETTERS)?.array;
        let spelled = spelled.reshape([sentences.len(), longest, LETTERS])?;
        Ok((vec![words.array, spelled, known.array], words.lengths))
    }

    fn model(&self, steps_per_epoch: u64) -> fornax::Result<Model<Cpu>> {
        let (words, known) = (input([None]), input([None]));
        let spelled = input([None, Some(LETTERS)]);
        let spelling = Sequential::new([LETTERS])
            .add(Embedding::new(self.letters.len(), 30))
            .add(Conv1D::new(50, 3).padding(Padding::Same).activation(Relu))
            .add(GlobalMaxPooling1D::new())
            .build()?;
        let features = [
            &Embedding::new(self.words.len(), 100).apply(&words)?,
            &TimeDistributed::new(spelling).apply(&spelled)?,
            &Embedding::new(self.known.len(), 20).apply(&known)?,
        ];
        let x = Shared::new(MaskOf).apply([&Concatenate::new().apply(features)?, &words])?;
        let x = Dropout::new(0.5).apply(&x)?;
        let x = Bidirectional::new(LSTM::new(150).return_sequences(true)).apply(&x)?;
        let x = Dropout::new(0.5).apply(&x)?;
        let x = Dense::new(self.tags.len()).apply(&x)?;
        let y = CRF::new(self.tags.len()).apply(&x)?;
        let rate = ExponentialDecay::new(2e-3, steps_per_epoch, 0.9);
        Functional::new([&words, &spelled, &known], &y).compile(Adam::new(rate), CrfLoss::new(), [Accuracy])
    }
}

fn pad(rows: fornax::Result<Vec<Vec<i32>>>, length: usize) -> fornax::Result<Padded> {
    Pad::new().length(length).apply(&rows?)
}

/// Features `[batch, time, features]` with the mask of ids `[batch, time]`, of which 0 is padding: a layer of one's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct MaskOf;

impl MultiLayer for MaskOf {
    const NAME: &'static str = "MaskOf";

    fn build_all(&self, inputs: &[Shape], _: &mut WeightSpecs) -> fornax::Result<Vec<Shape>> {
        Ok(inputs[..1].to_vec())
    }

    fn call_all<B: Backend>(
        &self,
        mut inputs: Vec<Value<B>>,
        _: &mut Context<'_, B>,
    ) -> fornax::Result<Vec<Value<B>>> {
        let ids = inputs.swap_remove(1).indices();
        Ok(vec![inputs.swap_remove(0).with_mask(Some(ids.equal_scalar(0).not()))])
    }
}

fn lower(words: &[String]) -> Vec<String> {
    words.iter().map(|word| word.to_lowercase()).collect()
}

fn main() -> fornax::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (train, test, epochs) = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["pos", folder] => {
            let file = |part: &str| parts_of_speech(format!("{folder}/en_ewt-ud-{part}.conllu.gz"));
            (file("train")?, file("test")?, 12)
        }
        ["chunks", folder] => {
            (chunks(format!("{folder}/train.txt.gz"))?, chunks(format!("{folder}/test.txt"))?, 15)
        }
        _ => panic!("usage: tagging pos FOLDER | tagging chunks FOLDER"),
    };
    let vocabularies = Vocabularies::fit(&train)?;
    let (inputs, lengths) = vocabularies.inputs(&train, LONGEST)?;
    let tags = train.iter().map(|sentence| vocabularies.tags.encode(&sentence.tags));
    let train = Dataset::from_parts(inputs, vec![pad(tags.collect(), LONGEST)?.array])?;
    let mut model = vocabularies.model(train.len() as u64 / 32)?;
    let buckets = LengthBuckets::new(lengths).inputs([0, 1, 2]).targets([0]);
    model.fit(&train, Fit::new().epochs(epochs).length_buckets(buckets))?;

    let longest = test.iter().map(|sentence| sentence.words.len()).max().unwrap_or(1);
    let (inputs, _) = vocabularies.inputs(&test, longest)?;
    let found = crf::tags(&model.network().predict_all(&inputs, 64)?[0])?;
    let named = |tags: &Vec<usize>| tags.iter().map(|&tag| vocabularies.tags.tokens()[tag].clone()).collect();
    let found: Vec<Vec<String>> = found.iter().map(named).collect();
    let wanted: Vec<Vec<String>> = test.into_iter().map(|sentence| sentence.tags).collect();
    if arguments[0] == "chunks" {
        println!("{}", span_f1(&wanted, &found)?);
    } else {
        let words = wanted.iter().map(Vec::len).sum::<usize>();
        let right = wanted.iter().flatten().zip(found.iter().flatten()).filter(|(a, b)| a == b).count();
        println!("accuracy {:.4} on {words} words", right as f64 / words as f64);
    }
    Ok(())
}
