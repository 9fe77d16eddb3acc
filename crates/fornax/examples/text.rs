//! The text listing on synthetic texts of ten topics: `cargo run --release --example text`.
use fornax::prelude::*;

fn main() -> fornax::Result<()> {
    let (train, test) = synthetic::topics(10_000, 100, 0).split_validation(0.2)?;
    let mut model = Sequential::<Cpu>::new([100])
        .add(Embedding::new(10_000, 128))
        .add(LSTM::new(64))
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])?;
    model.fit(&train, Fit::new().epochs(5))?;
    println!("{}", model.evaluate(&test)?);
    model.save("text.fornax")
}
