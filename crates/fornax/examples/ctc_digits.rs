//! Reads lines of digits without being told where a digit stands: convolutions and a CTC loss.
//! `cargo run --release --example ctc_digits`: the data are synthetic, so the figure says that it learns, no more.
use fornax::prelude::*;
use fornax::sequence::metrics::label_error_rate;

const LONGEST: usize = 5;

fn main() -> fornax::Result<()> {
    let (train, test) = (synthetic::digit_lines(6000, LONGEST, 1), synthetic::digit_lines(500, LONGEST, 2));
    let steps = train.inputs()[0].shape()[2] / 4;
    let mut model = Sequential::<Cpu>::new([28, 4 * steps, 1])
        .add(Conv2D::new(16, 3).padding(Padding::Same).activation(Relu))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(32, 3).padding(Padding::Same).activation(Relu))
        .add(MaxPooling2D::new(2))
        // A quarter of the columns become time steps, all rows of a column its features.
        .add(Permute::new([2, 1, 3]))
        .add(Reshape::new([steps as i64, 7 * 32]))
        .add(Conv1D::new(96, 5).padding(Padding::Same).activation(Relu))
        .add(Dense::new(11))
        .compile(Adam::default(), Ctc::new(), [])?;
    model.fit(&train, Fit::new().epochs(6))?;

    let outputs = model.predict(&test.inputs()[0])?;
    let decoder = CtcDecoder::new();
    let greedy = decoder.greedy(&outputs, None)?.into_iter().map(|found| found.labels);
    let beam = decoder.beam(&outputs, None)?.into_iter().map(|mut found| found.swap_remove(0).labels);
    let labels =
        |row: &[i32]| row.iter().take_while(|&&label| label > 0).map(|&label| label as usize).collect();
    let wanted: Vec<Vec<usize>> = test.targets()[0].to_i32().chunks(LONGEST).map(labels).collect();
    println!("label error rate, greedy: {:.4}", label_error_rate(&wanted, &greedy.collect::<Vec<_>>())?);
    println!("label error rate, beam:   {:.4}", label_error_rate(&wanted, &beam.collect::<Vec<_>>())?);
    Ok(())
}
