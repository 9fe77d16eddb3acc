//! The Dense listing: `cargo run --release --example mnist_dense` with MNIST in `data/mnist`.
use fornax::prelude::*;

fn main() -> fornax::Result<()> {
    let mnist = datasets::mnist("data/mnist")?;
    let mut model = Sequential::<Cpu>::new([784])
        .add(Dense::new(64).activation(Relu))
        .add(Dense::new(64).activation(Relu))
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])?;
    model.fit(&mnist.train.flatten(), Fit::new().epochs(5))?;
    println!("{}", model.evaluate(&mnist.test.flatten())?);
    model.save("mnist.fornax")
}
