//! Layers of several inputs.

use fornax_core::{Array, Flex, Value};
use fornax_layers::{Apply, Functional, MultiLayer, Network, Shape, Shared, Symbolic, input, layers::*};
use fornax_testkit::{assert_close, battery::Battery};

use crate::activations::mask;

fn of<M: MultiLayer>(layer: M, shapes: &[&[usize]]) -> fornax_core::Result<Network<Flex>> {
    let inputs: Vec<Symbolic<Flex>> = shapes.iter().map(|shape| input(Shape::from(*shape))).collect();
    let output = Shared::new(layer).apply(&inputs[..])?;
    Functional::new(&inputs[..], &output).build()
}

fn merged<M: MultiLayer>(layer: M, inputs: Vec<Value<Flex>>) -> Value<Flex> {
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|x| x.shape()[1..].to_vec()).collect();
    let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    of(layer, &shapes).unwrap().infer(inputs).unwrap().swap_remove(0)
}

fn value(shape: &[usize], values: &[f32]) -> Value<Flex> {
    Value::from_array(&Array::from_vec(shape, values.to_vec()).unwrap(), &Default::default())
}

fn rejects<M: MultiLayer>(layer: M, shapes: &[&[usize]], part: &str) {
    let error = of(layer, shapes).unwrap_err().to_string();
    assert!(error.contains(part), "{error}");
}

#[test]
fn elementwise() {
    Battery::new(Add, [&[3, 4], &[3, 4], &[4]]).run();
    Battery::new(Subtract, [&[3, 4], &[3, 1]]).run();
    Battery::new(Multiply, [&[3, 4], &[4], &[1, 4]]).run();
    Battery::new(Average, [&[5], &[5], &[5]]).run();
    Battery::new(Maximum, [&[3, 4], &[4]]).run();
    Battery::new(Minimum, [&[5], &[5], &[1]]).run();
}

#[test]
fn elementwise_rejections_name_the_shapes() {
    rejects(Add, &[&[3]], "found 1 ((None, 3)), wanted at least two tensors");
    rejects(Subtract, &[&[3], &[3], &[3]], "wanted two tensors");
    rejects(
        Maximum,
        &[&[3, 4], &[3]],
        "layer maximum (Maximum): inputs: found (None, 3, 4), (None, 3), wanted",
    );
    let (a, b) = (input::<Flex>(Shape::from([None, Some(1)])), input(Shape::from([None, Some(1)])));
    let network = Functional::new([&a, &b], &Add.apply([&a, &b]).unwrap()).build().unwrap();
    let error = network.infer(vec![value(&[1, 2, 1], &[0.0; 2]), value(&[1, 3, 1], &[0.0; 3])]).unwrap_err();
    assert!(error.to_string().contains("found [[1, 2, 1], [1, 3, 1]]"), "{error}");
}

/// Values and masks of Keras 3.15.1 for `x = [1, 2, 3]` masked `110` and `y = [5, -1, 7]` masked `011`.
#[test]
fn masks_as_in_keras() {
    let inputs = || {
        vec![
            value(&[1, 3, 1], &[1.0, 2.0, 3.0]).with_mask(Some(mask(&[1, 3], &[1, 1, 0]))),
            value(&[1, 3, 1], &[5.0, -1.0, 7.0]).with_mask(Some(mask(&[1, 3], &[0, 1, 1]))),
        ]
    };
    fn check<M: MultiLayer>(layer: M, inputs: Vec<Value<Flex>>, wanted: [f32; 3]) {
        let y = merged(layer, inputs);
        assert_close(&y.to_array().to_f32(), &wanted, 1e-6, M::NAME);
        assert_eq!(y.mask().unwrap().clone().to_float().to_vec(), [1.0, 1.0, 1.0], "{}", M::NAME);
    }
    check(Add, inputs(), [6.0, 1.0, 10.0]);
    check(Subtract, inputs(), [-4.0, 3.0, -4.0]);
    check(Multiply, inputs(), [1.0, -2.0, 7.0]);
    check(Average, inputs(), [3.0, 0.5, 5.0]);
    check(Maximum, inputs(), [1.0, 2.0, 7.0]);
    check(Minimum, inputs(), [1.0, -1.0, 7.0]);
    let plain = vec![inputs().swap_remove(0), value(&[1, 3, 1], &[5.0, -1.0, 7.0])];
    let y = merged(Maximum, plain);
    assert_eq!(y.to_array().to_f32(), [5.0, 2.0, 7.0]);
    assert!(y.mask().is_none());
}

#[test]
fn concatenate() {
    Battery::new(Concatenate::new(), [&[3, 4], &[3, 2], &[3, 1]]).run();
    Battery::new(Concatenate::new().axis(1), [&[3, 4], &[2, 4]]).run();
    rejects(Concatenate::new(), &[&[3]], "at least two tensors");
    rejects(
        Concatenate::new(),
        &[&[3, 4], &[2, 4]],
        "(None, 3, 4), (None, 2, 4), wanted equal lengths but along axis 2",
    );
    rejects(Concatenate::new(), &[&[3, 4], &[3]], "equal lengths");
    rejects(Concatenate::new().axis(0), &[&[3], &[3]], "axes behind the batch");
    rejects(Concatenate::new().axis(2), &[&[3], &[3]], "axis");
}

#[test]
fn concatenate_joins_masks() {
    let masked = || value(&[1, 2, 1], &[1.0, 2.0]).with_mask(Some(mask(&[1, 2], &[1, 0])));
    let plain = || value(&[1, 2, 1], &[3.0, 4.0]);
    let holds = |y: Value<Flex>| y.mask().map(|mask| mask.clone().to_float().to_vec());
    let time = Concatenate::new().axis(1);
    assert_eq!(holds(merged(time.clone(), vec![masked(), plain()])), Some(vec![1.0, 0.0, 1.0, 1.0]));
    assert_eq!(holds(merged(time, vec![plain(), plain()])), None);
    assert_eq!(holds(merged(Concatenate::new(), vec![masked(), masked()])), Some(vec![1.0, 0.0]));
    assert_eq!(holds(merged(Concatenate::new(), vec![masked(), plain()])), None);
}

#[test]
fn dot() {
    Battery::new(Dot::new(1), [&[5], &[5]]).run();
    Battery::new(Dot::new([1, 2]), [&[3, 5], &[2, 3]]).run();
    Battery::new(Dot::new(-1).normalize(true), [&[2, 3, 4], &[4]]).run();
    rejects(Dot::new(1), &[&[3], &[4]], "(None, 3), (None, 4), wanted equal lengths along axes 1 and 1");
    rejects(Dot::new(1), &[&[3]], "two tensors");
    rejects(Dot::new(0), &[&[3], &[3]], "axes behind the batch");
    rejects(Dot::new([1, 1, 1]), &[&[3], &[3]], "axes: found [1, 1, 1], wanted one axis or two");
}
