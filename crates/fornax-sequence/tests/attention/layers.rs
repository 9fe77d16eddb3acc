//! The battery of the attention layers and position encodings, what they reject, and what must not change a result.

use fornax_core::{Array, Flex, Mask, Value};
use fornax_layers::{Functional, MultiLayer, Network, Shape, Shared, Symbolic, input};
use fornax_sequence::layers::*;
use fornax_testkit::{assert_close, battery::Battery, distinct_values};

#[test]
fn multi_head() {
    Battery::new(MultiHeadAttention::new(2, 4).rotary(1e4).value_dim(2).output_shape(5), [&[4, 6]]).run();
    Battery::new(MultiHeadAttention::new(2, 2), [&[3, 4]]).run();
    Battery::new(
        MultiHeadAttention::new(2, 2).use_gate(true).use_causal_mask(true).rotary(100.0).value_dim(3),
        [&[3, 2], &[4, 3], &[4, 2]],
    )
    .run();
    Battery::new(MultiHeadAttention::new(1, 2).dropout(0.4).seed(3).sliding_window(2), [&[4, 2]]).run();
    Battery::new(GroupedQueryAttention::new(2, 4, 2).dropout(0.3), [&[3, 4]]).run();
}

#[test]
fn single_head() {
    Battery::new(Attention::new().use_scale(true).dropout(0.3), [&[3, 4], &[5, 4]]).run();
    Battery::new(Attention::new().score_mode(ScoreMode::Concat).use_scale(true), [&[2, 3], &[3, 3]]).run();
    Battery::new(AdditiveAttention::new().use_causal_mask(true).dropout(0.2), [&[3, 2], &[3, 4], &[3, 2]])
        .run();
}

#[test]
fn positions() {
    Battery::new(SinePositionEncoding::new(), [&[4, 5]]).run();
    Battery::new(PositionEmbedding::new(6), [&[4, 3]]).run();
    Battery::new(ReversibleEmbedding::new(5, 3), [&[4, 3]]).run();
    Battery::new(RotaryEmbedding::new().max_wavelength(50.0), [&[4, 6]]).run();
    Battery::new(RotaryEmbedding::new(), [&[3, 2, 4]]).run();
}

fn of<M: MultiLayer>(layer: M, shapes: &[&[usize]]) -> fornax_core::Result<Network<Flex>> {
    let inputs: Vec<Symbolic<Flex>> = shapes.iter().map(|shape| input(Shape::from(*shape))).collect();
    let output = Shared::new(layer).apply(&inputs[..])?;
    Functional::new(&inputs[..], &output).build()
}

fn value(shape: &[usize], seed: u64) -> Value<Flex> {
    let values = distinct_values(shape.iter().product(), seed);
    Value::from_array(&Array::from_vec(shape, values).unwrap(), &Default::default())
}

#[test]
fn rejections_name_the_value() {
    let rejects = |built: fornax_core::Result<Network<Flex>>, part: &str| {
        let error = built.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    let mha = MultiHeadAttention::new;
    rejects(of(mha(0, 2), &[&[3, 4]]), "num_heads: found 0, wanted at least 1");
    rejects(of(mha(2, 0), &[&[3, 4]]), "key_dim: found 0");
    rejects(of(mha(2, 2).dropout(1.0), &[&[3, 4]]), "dropout: found 1, wanted a number from 0 to below 1");
    rejects(of(mha(2, 2).sliding_window(0), &[&[3, 4]]), "sliding_window: found 0");
    rejects(of(mha(2, 3).rotary(1e4), &[&[3, 4]]), "features: found 3, wanted an even number");
    rejects(of(mha(2, 2).rotary(0.0), &[&[3, 4]]), "max_wavelength: found 0");
    rejects(of(mha(2, 2), &[&[4]]), "wanted [time, features] behind the batch axis");
    rejects(of(mha(2, 2), &[&[3, 4], &[5, 4], &[6, 4]]), "key: found 6 steps, wanted 5");
    rejects(of(mha(2, 2), &[&[3, 4], &[5, 4], &[5, 4], &[5, 3]]), "attention mask: found shape (None, 5, 3)");
    rejects(
        of(GroupedQueryAttention::new(2, 3, 2), &[&[3, 4]]),
        "num_query_heads: found 3, wanted a multiple",
    );
    rejects(of(Attention::new(), &[&[3, 4]]), "found 1 tensors, wanted [query, value] or");
    rejects(of(Attention::new(), &[&[3, 4], &[3, 5]]), "key: found 5 features, wanted 4");
    rejects(of(PositionEmbedding::new(2), &[&[3, 4]]), "found 3 steps, wanted at most 2");
    let shapes: [&[usize]; 4] = [&[3, 4], &[5, 4], &[5, 4], &[3, 5]];
    let network = of(mha(2, 2), &shapes).unwrap();
    let mut values: Vec<_> = shapes.iter().map(|shape| value(&[&[2], *shape].concat(), 1)).collect();
    values[3] = value(&[1, 3, 5], 1);
    assert!(network.infer(values.clone()).is_ok(), "one mask holds for the batch");
    values[2] = value(&[3, 5, 4], 1);
    assert!(network.infer(values).unwrap_err().to_string().contains("wanted one batch"));
}

#[test]
fn a_mask_has_a_truth_value_for_each_step() {
    fn check<M: MultiLayer>(layer: M, inputs: usize) {
        let network = of(layer, &vec![&[3, 4][..]; inputs]).unwrap();
        for masked in 0..inputs {
            for shape in [&[2, 4][..], &[2, 2], &[3, 2], &[2], &[2, 3, 1]] {
                let mask = Mask::from_vec(vec![true; shape.iter().product()], shape, &Default::default());
                let mut values = vec![value(&[2, 3, 4], 1); inputs];
                values[masked] = values[masked].clone().with_mask(Some(mask));
                let error = network.infer(values).unwrap_err().to_string();
                let wanted =
                    format!("mask: found {shape:?}, wanted [2, 3], a truth value for each time step");
                assert!(error.contains(&wanted), "{}, input {masked}: {error}", M::NAME);
            }
        }
    }
    check(MultiHeadAttention::new(2, 2), 1);
    check(MultiHeadAttention::new(2, 2), 3);
    check(GroupedQueryAttention::new(2, 4, 2), 2);
    check(Attention::new(), 2);
    check(AdditiveAttention::new(), 2);
    check(TransformerEncoder::new(8, 2), 1);
    check(TransformerDecoder::new(8, 2), 2);
    check(Bidirectional::new(GRU::new(2)), 1);
    check(fornax_sequence::crf::CRF::new(4), 1);
    check(fornax_layers::layers::GlobalAveragePooling1D::new(), 1);
}

/// Any amount of padding behind a sequence, whatever it holds, leaves the other steps as they are.
#[test]
fn padding_changes_nothing() {
    fn check<M: MultiLayer>(layer: M, inputs: usize) {
        let build = |steps: usize| of(layer.clone(), &vec![&[steps, 4][..]; inputs]).unwrap();
        let x = distinct_values(2 * 3 * 4, 1);
        let run = |steps: usize, fill: f32| {
            let rows = x
                .chunks(3 * 4)
                .flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(fill, (steps - 3) * 4)));
            let x = Array::from_vec([2, steps, 4], rows.collect()).unwrap();
            let seen = (0..2 * steps).map(|at| at % steps < 3).collect();
            let mask = Mask::from_vec(seen, &[2, steps], &Default::default());
            let x = Value::from_array(&x, &Default::default()).with_mask(Some(mask));
            let y = build(steps).infer(vec![x; inputs]).unwrap().swap_remove(0);
            assert!(y.mask().is_some(), "{}: the mask goes on", M::NAME);
            y.to_array().to_f32().chunks(steps * 4).flat_map(|row| row[..3 * 4].to_vec()).collect::<Vec<_>>()
        };
        let wanted = run(3, 0.0);
        for (steps, fill) in [(4, 9.0), (7, -50.0), (130, 3.0)] {
            assert_close(&run(steps, fill), &wanted, 1e-6, M::NAME);
        }
    }
    check(MultiHeadAttention::new(2, 3).use_causal_mask(true), 1);
    check(MultiHeadAttention::new(2, 2).rotary(1e4), 2);
    check(GroupedQueryAttention::new(2, 4, 2), 1);
    check(Attention::new().use_scale(true), 2);
    check(AdditiveAttention::new(), 2);
}

/// Scores of rotated queries and keys depend on distances only.
#[test]
fn rotations_keep_products_of_equal_distance() {
    let rotated = |seed: u64| {
        let network = of(RotaryEmbedding::new(), &[&[6, 4]]).unwrap();
        let step = distinct_values(4, seed);
        let x = Array::from_vec([1, 6, 4], step.repeat(6)).unwrap();
        network.predict(&x).unwrap().to_f32()
    };
    let (q, k) = (rotated(1), rotated(2));
    let product = |i: usize, j: usize| -> f32 { (0..4).map(|c| q[4 * i + c] * k[4 * j + c]).sum() };
    for step in 0..3 {
        assert!((product(step, step + 2) - product(0, 2)).abs() < 1e-6);
        assert!((product(step + 3, step) - product(3, 0)).abs() < 1e-6);
    }
    assert!((product(0, 2) - product(0, 3)).abs() > 1e-4);
}
