//! Every loss against Keras 3.15.1 (`goldens/make_losses.py`), its gradient against finite differences, and what it
//! rejects.

mod common;

use common::{array, inputs, numbers};
use fornax_core::{Array, Backend, DynTensor, ErrorKind, Result, Value, ops::Activation};
use fornax_layers::Shape;
use fornax_testkit::{assert_close, distinct_values, gradient::check_gradient};
use fornax_train::losses::*;
use serde_json::Value as Json;

fn follow_keras<B: Backend>(tolerance: f32) {
    let goldens: Json = serde_json::from_str(include_str!("goldens/losses.json")).unwrap();
    for (at, golden) in goldens["cases"].as_array().unwrap().iter().enumerate() {
        let place = format!("case {at}: {} after {}", golden["loss"], golden["activation"]);
        let loss: Loss = serde_json::from_value(golden["loss"].clone()).expect(&place);
        let (y_true, y_pred, weight) = inputs::<B>(golden);
        let losses = loss.losses(&y_true, &y_pred).expect(&place);
        assert_close(&losses.to_vec(), &numbers(&golden["losses"]), tolerance, &place);
        let reduced = loss.reduced(&y_true, &y_pred, weight.as_ref()).expect(&place).to_vec();
        let wanted = [golden["reduced"].as_f64().unwrap() as f32];
        assert_close(&reduced, &wanted, tolerance, &format!("{place}, reduced"));

        // What Keras takes passes the check before training.
        let output = Shape::from(&array(&golden["y_pred"]).shape()[1..]);
        loss.check_output(&output).expect(&place);
        loss.check_targets(&array(&golden["y_true"]), &output).expect(&place);
    }
}

#[cfg(feature = "flex")]
#[test]
fn flex_follows_keras() {
    follow_keras::<fornax_core::Flex>(1e-5);
}

#[cfg(feature = "ndarray")]
#[test]
fn nd_array_follows_keras() {
    follow_keras::<fornax_core::NdArray>(1e-5);
}

fn logistic(x: &[f32]) -> Vec<f32> {
    x.iter().map(|&x| ((1.0 / (1.0 + (-x).exp())) * 1024.0).round() / 1024.0).collect()
}

/// The gradient of the losses by the outputs; of outputs in (0, 1) where the loss wants probabilities.
fn check(loss: impl Into<Loss>, targets: Array, probabilities: bool) {
    let loss = loss.into();
    let shape = vec![4, 3];
    let raw = distinct_values(12, 5);
    let outputs: Vec<f32> = raw.iter().map(|x| (x * 8.0 * 1024.0).round() / 1024.0).collect();
    let outputs = if probabilities { logistic(&outputs) } else { outputs };
    check_gradient(&[(shape, outputs)], 2e-4, |inputs| {
        let y_true = Value::from_array(&targets, &Default::default());
        vec![loss.losses(&y_true, &inputs[0].clone().into()).unwrap()]
    });
}

fn classes() -> Array {
    vec![0, 2, 1, 2].into()
}

fn one_hot() -> Array {
    let rows = vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    Array::from_vec([4, 3], rows).unwrap()
}

fn numbers_between() -> Array {
    Array::from_vec([4, 3], distinct_values(12, 9).iter().map(|x| x * 3.0 + 0.4).collect()).unwrap()
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let sparse = SparseCategoricalCrossentropy::new();
    check(sparse, classes(), true);
    check(sparse.from_logits(true), classes(), false);
    check(sparse.from_logits(true).ignore_class(Some(2)), classes(), false);
    let categorical = CategoricalCrossentropy::new();
    check(categorical, one_hot(), true);
    check(categorical.from_logits(true).label_smoothing(0.1), one_hot(), false);
    let binary = BinaryCrossentropy::new();
    check(binary, one_hot(), true);
    check(binary.from_logits(true).label_smoothing(0.1), one_hot(), false);
    let focal = BinaryFocalCrossentropy::new().gamma(1.5);
    check(focal, one_hot(), true);
    check(focal.from_logits(true).apply_class_balancing(true), one_hot(), false);
    check(CategoricalFocalCrossentropy::new(), one_hot(), true);
    check(CategoricalFocalCrossentropy::new().from_logits(true).gamma(0.5), one_hot(), false);
    for loss in [MeanSquaredError, MeanAbsoluteError, LogCosh, Huber, CosineSimilarity] {
        check(loss, numbers_between(), false);
    }
    check(MeanSquaredLogarithmicError, numbers_between(), true);
    check(MeanAbsolutePercentageError, one_hot_plus(0.5), false);
    check(KLDivergence, one_hot(), true);
    check(Poisson, one_hot(), true);
    for loss in [Hinge, SquaredHinge, CategoricalHinge] {
        check(loss, one_hot(), false);
    }
    for loss in [Dice, Tversky] {
        check(loss, one_hot(), true);
    }
}

fn one_hot_plus(offset: f32) -> Array {
    Array::from_vec([4, 3], one_hot().to_f32().iter().map(|x| x + offset).collect()).unwrap()
}

/// A logistic regression starts at logits of exactly 0, where the slope of the loss is `1/2 - t`.
#[cfg(feature = "flex")]
#[test]
fn the_binary_cross_entropy_has_its_slope_at_zero() {
    use fornax_core::{Autodiff, Flex};
    let z = DynTensor::<Flex>::zeros(&[2, 1], &Default::default()).lift(true);
    let y_true = Value::<Autodiff<Flex>>::from_array(&vec![0, 1].into(), &Default::default());
    let p = Value::activated(z.clone(), Activation::Sigmoid);
    let mut gradients = BinaryCrossentropy.losses(&y_true, &p).unwrap().sum().backward();
    assert_eq!(gradients.remove(&z).unwrap().to_vec(), [0.5, -0.5]);
}

/// Saturated outputs still teach: through the logits the gradient does not vanish.
#[cfg(feature = "flex")]
#[test]
fn cross_entropies_train_through_the_logits() {
    use fornax_core::{Autodiff, Flex};
    let z = DynTensor::<Flex>::from_vec(vec![200.0, -200.0], &[1, 2], &Default::default()).lift(true);
    let y_true = Value::<Autodiff<Flex>>::from_array(&vec![1].into(), &Default::default());
    let p = Value::activated(z.clone(), Activation::Softmax);
    let loss = SparseCategoricalCrossentropy.losses(&y_true, &p).unwrap();
    assert_eq!(loss.to_vec(), [400.0]);
    assert_eq!(loss.backward().remove(&z).unwrap().to_vec(), [1.0, -1.0]);
}

#[test]
fn targets_that_do_not_fit_are_rejected_before_training() {
    let ten = Shape::from([10]);
    let message = |loss: Loss, targets: Array, output: &Shape| {
        let error = loss.check_targets(&targets, output).unwrap_err();
        (error.kind(), error.to_string())
    };
    let two = |values: Vec<f32>| Array::from_vec([values.len() / 2, 2], values).unwrap();
    for ((kind, found), wanted_kind, wanted) in [
        (
            message(SparseCategoricalCrossentropy, vec![3, 10].into(), &ten),
            ErrorKind::Data,
            "loss SparseCategoricalCrossentropy: targets, row 1: found 10, wanted a class from 0 to 9 (10 classes)",
        ),
        (
            message(SparseCategoricalCrossentropy, vec![0.0, 1.5].into(), &ten),
            ErrorKind::Data,
            "loss SparseCategoricalCrossentropy: targets, row 1: found 1.5, wanted a class from 0 to 9 (10 classes)",
        ),
        (
            message(SparseCategoricalCrossentropy, two(vec![0.0, 1.0]), &ten),
            ErrorKind::Shape,
            "loss SparseCategoricalCrossentropy: targets: found shape (None, 2), wanted (None) or one axis of length \
             1 more: a class index each",
        ),
        (
            message(CategoricalCrossentropy, vec![3, 4].into(), &ten),
            ErrorKind::Shape,
            "loss CategoricalCrossentropy: targets: found shape (None), wanted (None, 10), that of the output",
        ),
        (
            message(BinaryCrossentropy, two(vec![0.0, 1.0, 2.0, 0.0]), &Shape::from([2])),
            ErrorKind::Data,
            "loss BinaryCrossentropy: targets, row 1: found 2, wanted a number from 0 to 1",
        ),
        (
            message(Hinge, two(vec![0.5, 1.0]), &Shape::from([2])),
            ErrorKind::Data,
            "loss Hinge: targets, row 0: found 0.5, wanted -1, 0 or 1",
        ),
        (
            message(MeanSquaredError, two(vec![0.5, f32::NAN]), &Shape::from([2])),
            ErrorKind::Data,
            "loss MeanSquaredError: targets, row 0: found NaN, wanted a finite number",
        ),
    ] {
        assert_eq!((kind, found.as_str()), (wanted_kind, wanted));
    }
    let ignoring = Loss::from(SparseCategoricalCrossentropy::new().ignore_class(Some(-1)));
    ignoring.check_targets(&vec![-1, 9].into(), &ten).unwrap();
    SparseCategoricalCrossentropy
        .check_targets(&Array::from_i32([2, 7], vec![1; 14]).unwrap(), &Shape::from([None, Some(3)]))
        .unwrap();
}

#[test]
fn arguments_and_outputs_are_checked() {
    let message = |loss: Loss, output: Shape| loss.check_output(&output).unwrap_err().to_string();
    for (found, wanted) in [
        (
            message(BinaryCrossentropy::new().label_smoothing(1.5).into(), [1].into()),
            "loss BinaryCrossentropy: label_smoothing: found 1.5, wanted a number from 0 to 1",
        ),
        (
            message(Huber::new().delta(0.0).into(), [1].into()),
            "loss Huber: delta: found 0, wanted a finite number above 0",
        ),
        (
            message(BinaryFocalCrossentropy::new().gamma(-1.0).into(), [1].into()),
            "loss BinaryFocalCrossentropy: gamma: found -1, wanted a finite number of at least 0",
        ),
        (
            message(SparseCategoricalCrossentropy, [1].into()),
            "loss SparseCategoricalCrossentropy: output: found shape (None, 1), wanted a last axis of at least 2 classes",
        ),
    ] {
        assert_eq!(found, wanted);
    }
}

#[cfg(feature = "flex")]
#[test]
fn shapes_that_do_not_fit_are_errors_in_a_step_too() {
    use fornax_core::Flex;
    let value = |shape: &[usize]| Value::<Flex>::from(DynTensor::zeros(shape, &Default::default()));
    let error = MeanSquaredError.losses(&value(&[4, 1]), &value(&[4, 3])).unwrap_err();
    assert_eq!(error.to_string(), "targets: found [4, 1], wanted [4, 3], that of the output");
    assert!(SparseCategoricalCrossentropy.losses(&value(&[3]), &value(&[4, 3])).is_err());
    let weights = DynTensor::zeros(&[3], &Default::default());
    let error = MeanSquaredError.reduced(&value(&[4, 3]), &value(&[4, 3]), Some(&weights)).unwrap_err();
    assert_eq!(error.to_string(), "sample weights or mask: found [3], wanted [4] or the first axes of [4]");
    // A loss of the whole batch has the mean of the weights.
    let weights = DynTensor::from_vec(vec![1.0, 2.0, 3.0], &[3, 1], &Default::default());
    let dice = Dice.reduced(&value(&[3, 2]), &value(&[3, 2]), Some(&weights)).unwrap();
    assert_eq!(dice.to_vec(), [2.0]);
    // One weight a sample for losses a step: Keras refuses it.
    let weights = DynTensor::zeros(&[4], &Default::default());
    MeanSquaredError.reduced(&value(&[4, 5, 3]), &value(&[4, 5, 3]), Some(&weights)).unwrap();
}

#[test]
fn one_or_several_losses_compile() {
    fn names(losses: impl IntoLosses) -> Vec<String> {
        losses.into_losses().iter().map(Loss::name).collect()
    }
    assert_eq!(names(MeanSquaredError), ["mean_squared_error"]);
    assert_eq!(names(BinaryCrossentropy::new().from_logits(true)), ["binary_crossentropy"]);
    assert_eq!(names([KLDivergence, Poisson]), ["kl_divergence", "poisson"]);
    assert_eq!(names((Huber::new().delta(2.0), Hinge)), ["huber", "hinge"]);
    assert_eq!(names(vec![Dice]), ["dice"]);
}

struct Cube;

impl CustomLoss for Cube {
    fn name(&self) -> &str {
        "cube"
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let error = y_pred.clone().float().sub(y_true.clone().float()).abs();
        let batch = error.shape()[0];
        Ok(error.clone().square().mul(error).sum_axis(1).reshape(&[batch]))
    }
}

#[cfg(feature = "flex")]
#[test]
fn a_loss_of_ones_own_trains_and_is_saved_by_name() {
    check(Loss::custom(Cube), numbers_between(), false);
    let json = serde_json::to_string(&Loss::custom(Cube)).unwrap();
    assert_eq!(json, r#"{"class_name":"Custom","config":"cube"}"#);
    let loaded: Loss = serde_json::from_str(&json).unwrap();
    assert_eq!(loaded.name(), "cube");
    let value = Value::<fornax_core::Flex>::from(DynTensor::zeros(&[1, 1], &Default::default()));
    assert_eq!(loaded.losses(&value, &value).unwrap_err().kind(), ErrorKind::Training);
}

/// The numbers are those of `torch.nn.functional.cross_entropy`.
#[test]
fn class_indices_are_smoothed_as_in_pytorch() {
    let device = Default::default();
    let logits = Array::from_vec([2, 3], vec![1.0, 2.0, 3.0, 0.5, -1.0, 0.0]).unwrap();
    let logits = Value::<fornax_core::Flex>::from_array(&logits, &device);
    let loss = SparseCategoricalCrossentropy::new().from_logits(true).label_smoothing(0.1);
    let labels = |second: i32| Value::from_array(&vec![0, second].into(), &device);
    let found = Loss::from(loss).losses(&labels(2), &logits).unwrap();
    assert_close(&found.to_vec(), &[2.307_606, 1.120_797_3], 1e-6, "smoothed");
    let ignoring = Loss::from(loss.ignore_class(Some(-1)));
    let found = ignoring.reduced(&labels(-1), &logits, None).unwrap().to_scalar();
    assert!((found - 2.307_606).abs() < 1e-6, "{found}");
    let error = Loss::from(loss.label_smoothing(1.5)).validate().unwrap_err().to_string();
    assert!(error.contains("label_smoothing: found 1.5, wanted a number from 0 to 1"), "{error}");
}
