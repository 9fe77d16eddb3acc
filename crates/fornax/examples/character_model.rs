//! Learns a text letter by letter and writes on: `cargo run --release --example character_model -- TEXT_FILE [EPOCHS]`,
//! for example with data/lee/lee_background.cor.
//!
//! The model that is trained reads windows of the text; the one that writes has the same weights, reads a letter at a time
//! and hands its state on.
use fornax::data::Dataset;
use fornax::data::text::{Vocabulary, VocabularyBuilder, read_lines};
use fornax::prelude::*;
use fornax::sequence::decoding::Limits;

const WINDOW: usize = 64;
const WIDTH: usize = 64;
const UNITS: usize = 256;

/// The network that reads a letter at a time.
struct Writer {
    network: Network<Cpu>,
    letters: usize,
}

impl StepDecoder for Writer {
    /// `h` and `c`, a row a text.
    type State = [Array; 2];

    fn vocabulary(&self) -> usize {
        self.letters
    }

    fn step(&self, tokens: &[i32], [h, c]: &mut Self::State) -> fornax::Result<Vec<f32>> {
        let ids = Array::from_i32([tokens.len(), 1], tokens.to_vec())?;
        let outputs = self.network.predict_all(&[ids, h.clone(), c.clone()], tokens.len())?;
        let [logits, next_h, next_c] = <[Array; 3]>::try_from(outputs).expect("three outputs");
        (*h, *c) = (next_h, next_c);
        Ok(logits.to_f32())
    }

    fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> fornax::Result<()> {
        *state = state.each_ref().map(|array| array.gather(rows));
        Ok(())
    }
}

fn writer(model: &Model<Cpu>, letters: usize) -> fornax::Result<Writer> {
    let (x, h, c) = (input::<Cpu>([1]), input([UNITS]), input([UNITS]));
    let lstm = Shared::new(LSTM::new(UNITS).return_sequences(true).return_state(true));
    let outputs = lstm.apply_all([&Embedding::new(letters, WIDTH).apply(&x)?, &h, &c])?;
    let logits = Dense::new(letters).apply(&outputs[0])?;
    let mut network = Functional::new([&x, &h, &c], [&logits, &outputs[1], &outputs[2]]).build()?;
    network.copy_matching(model.network());
    Ok(Writer { network, letters })
}

fn main() -> fornax::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (path, epochs) = match &arguments[..] {
        [path] => (path, 10),
        [path, epochs] => (path, epochs.parse().expect("a number of epochs")),
        _ => panic!("usage: character_model TEXT_FILE [EPOCHS]"),
    };
    let text: Vec<String> = read_lines(path)?.join("\n").chars().map(String::from).collect();
    let vocabulary: Vocabulary = VocabularyBuilder::new().min_count(5).fit(&[&text[..]])?;
    let ids = vocabulary.encode(&text)?;
    let windows: Vec<&[i32]> = ids.windows(WINDOW + 1).step_by(WINDOW).collect();
    let rows = |part: std::ops::Range<usize>| {
        let values = windows.iter().flat_map(|window| window[part.clone()].to_vec()).collect();
        Array::from_i32([windows.len(), WINDOW], values)
    };
    let (train, held_out) = Dataset::new(rows(0..WINDOW)?, rows(1..WINDOW + 1)?)?.split_validation(0.05)?;

    let loss = SparseCategoricalCrossentropy::new().from_logits(true);
    let mut model = Sequential::<Cpu>::new([WINDOW])
        .add(Embedding::new(vocabulary.len(), WIDTH))
        .add(LSTM::new(UNITS).return_sequences(true))
        .add(Dense::new(vocabulary.len()))
        .compile(Adam::new(2e-3), loss, [Accuracy])?;
    model.fit(&train, Fit::new().epochs(epochs).validation_data(&held_out))?;
    let bits = model.evaluate(&held_out)?.loss() / std::f64::consts::LN_2;
    println!("{bits:.3} bits a letter on the text that was held out\n");

    let newline = vocabulary.encode(&["\n"])?[0];
    let limits = Limits { start: newline, end: newline, max_steps: 400 };
    let start = || Array::from_vec([3, UNITS], vec![0.0; 3 * UNITS]);
    let drawn = Sampling::new().temperature(0.7).seed(1);
    for text in drawn.sample(&writer(&model, vocabulary.len())?, [start()?, start()?], 3, limits)? {
        println!("{}\n", vocabulary.decode(&text.tokens)?.concat());
    }
    Ok(())
}
