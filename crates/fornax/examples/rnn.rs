//! The RNN listing on synthetic waves: `cargo run --release --example rnn`.
use fornax::prelude::*;

fn main() -> fornax::Result<()> {
    let (train, test) = synthetic::waves(10_000, 10, 0).split_validation(0.2)?;
    let mut model = Sequential::<Cpu>::new([10, 1])
        .add(LSTM::new(64).return_sequences(true))
        .add(LSTM::new(64).return_sequences(true))
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])?;
    model.fit(&train, Fit::new().epochs(5))?;
    println!("{}", model.evaluate(&test)?);
    model.save("rnn.fornax")
}
