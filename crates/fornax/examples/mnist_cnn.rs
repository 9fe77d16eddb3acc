//! The CNN listing: `cargo run --release --example mnist_cnn` with MNIST in `data/mnist`.
use fornax::prelude::*;

fn main() -> fornax::Result<()> {
    let mnist = datasets::mnist("data/mnist")?;
    let mut model = Sequential::<Cpu>::new([28, 28, 1])
        .add(Conv2D::new(32, 3).activation(Relu))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(64, 3).activation(Relu))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(64, 3).activation(Relu))
        .add(Flatten::new())
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])?;
    model.fit(&mnist.train, Fit::new().epochs(5))?;
    println!("{}", model.evaluate(&mnist.test)?);
    model.save("mnist.fornax")
}
