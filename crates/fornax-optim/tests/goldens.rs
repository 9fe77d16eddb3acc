//! Every optimizer and schedule against Keras 3.15.1; `goldens/make.py` made the values.

use fornax_core::{Backend, DynTensor};
use fornax_optim::*;
use fornax_testkit::assert_close;
use serde_json::Value as Json;

const SHAPES: [&[usize]; 2] = [&[2, 3], &[3]];
const START: [&[f32]; 2] = [&[0.5, -1.0, 0.25, 2.0, 0.125, -0.75], &[1.0, 0.0, -1.5]];
const CURVE: [&[f32]; 2] = [&[1.0, 0.5, 2.0, 4.0, 0.25, 1.0], &[1.0, 3.0, 0.5]];
const LINE: [&[f32]; 2] = [&[0.25, 1.0, -0.5, 0.0, 1.0, 2.0], &[0.5, -1.0, 0.0]];

fn optimizer(name: &str) -> Optimizer {
    match name {
        "sgd" => SGD::new(0.1).into(),
        "sgd_default" => SGD::default().into(),
        "sgd_momentum" => SGD::new(0.1).momentum(0.9).into(),
        "sgd_nesterov" => SGD::new(0.1).momentum(0.9).nesterov(true).into(),
        "sgd_weight_decay" => SGD::new(0.1).weight_decay(0.1).into(),
        "sgd_clipnorm" => SGD::new(0.1).clipnorm(1.5).into(),
        "sgd_clipvalue" => SGD::new(0.1).clipvalue(0.5).into(),
        "sgd_global_clipnorm" => SGD::new(0.1).global_clipnorm(2.0).into(),
        "sgd_ema" => SGD::new(0.1).use_ema(true).ema_momentum(0.7).into(),
        "sgd_ema_overwrite" => {
            SGD::new(0.1).use_ema(true).ema_momentum(0.8).ema_overwrite_frequency(3).into()
        }
        "sgd_schedule" => SGD::new(ExponentialDecay::new(0.2, 3, 0.5)).into(),
        "adam" => Adam::new(0.05).into(),
        "adam_default" => Adam::default().into(),
        "adam_amsgrad" => Adam::new(0.3).beta_1(0.5).beta_2(0.7).amsgrad(true).into(),
        "adam_weight_decay_clipnorm" => Adam::new(0.05).weight_decay(0.2).clipnorm(1.0).into(),
        "adamw" => AdamW::new(0.05).into(),
        "adamax" => Adamax::new(0.05).into(),
        "nadam" => Nadam::new(0.05).into(),
        "rmsprop" => RMSprop::new(0.05).into(),
        "rmsprop_momentum" => RMSprop::new(0.05).momentum(0.9).into(),
        "rmsprop_centered" => RMSprop::new(0.05).centered(true).into(),
        "rmsprop_all" => RMSprop::new(0.05).rho(0.8).momentum(0.5).epsilon(1e-3).centered(true).into(),
        "adagrad" => Adagrad::new(0.1).into(),
        "adadelta" => Adadelta::new(1.0).into(),
        "lion" => Lion::new(0.03).into(),
        _ => panic!("no optimizer {name}"),
    }
}

fn numbers(json: &Json) -> Vec<f32> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

/// `a w - c`, the gradient of the problem.
fn gradient<B: Backend>(which: usize, weight: &DynTensor<B>) -> DynTensor<B> {
    let place = |values: &[f32]| DynTensor::from_vec(values.to_vec(), SHAPES[which], &weight.device());
    weight.clone().mul(place(CURVE[which])).sub(place(LINE[which]))
}

fn step<B: Backend>(optimizer: &Optimizer, state: &mut OptimizerState<B>, weights: &mut [DynTensor<B>]) {
    let mut gradients: Vec<_> =
        weights.iter().enumerate().map(|(i, w)| Some(gradient(i, w).into())).collect();
    state.begin(optimizer, &mut gradients);
    for (index, (weight, gradient)) in weights.iter_mut().zip(gradients).enumerate() {
        *weight = state.update(optimizer, index, weight.clone(), gradient.unwrap());
    }
}

fn start<B: Backend>() -> Vec<DynTensor<B>> {
    let device = Default::default();
    (0..2).map(|at| DynTensor::from_vec(START[at].to_vec(), SHAPES[at], &device)).collect()
}

fn values<B: Backend>(weights: &[DynTensor<B>]) -> Vec<f32> {
    weights.iter().flat_map(DynTensor::to_vec).collect()
}

fn optimizers_follow_keras<B: Backend>() {
    let goldens: Json = serde_json::from_str(include_str!("goldens/optimizers.json")).unwrap();
    for (name, golden) in goldens["cases"].as_object().unwrap() {
        let optimizer = optimizer(name);
        optimizer.validate().unwrap();
        let mut state = OptimizerState::<B>::default();
        let mut weights = start::<B>();
        for (at, wanted) in golden["weights"].as_array().unwrap().iter().enumerate() {
            step(&optimizer, &mut state, &mut weights);
            assert_close(&values(&weights), &numbers(wanted), 5e-6, &format!("{name}, step {}", at + 1));
        }
        let last: Vec<_> =
            weights.iter().enumerate().map(|(i, w)| state.average(i).unwrap_or(w).clone()).collect();
        assert_close(&values(&last), &numbers(&golden["final"]), 5e-6, &format!("{name}, at the end"));
        let rate = golden["learning_rate"].as_f64().unwrap();
        assert!((state.learning_rate(&optimizer) - rate).abs() < 1e-6, "{name}");
    }
}

/// A state that goes through its arrays continues to the same bits.
fn states_survive_their_arrays<B: Backend>() {
    for name in ["adam_amsgrad", "rmsprop_all", "sgd_ema_overwrite", "nadam"] {
        let optimizer = optimizer(name);
        let (mut state, mut weights) = (OptimizerState::<B>::default(), start::<B>());
        (0..4).for_each(|_| step(&optimizer, &mut state, &mut weights));
        state.set_learning_rate(0.07);
        let mut copy = OptimizerState::from_arrays(&optimizer, &weights, state.to_arrays()).unwrap();
        let mut others = weights.clone();
        assert_eq!((copy.step(), copy.learning_rate(&optimizer)), (4, 0.07));
        for _ in 0..3 {
            step(&optimizer, &mut state, &mut weights);
            step(&optimizer, &mut copy, &mut others);
        }
        assert_eq!(values(&weights), values(&others), "{name}");

        let wrong = OptimizerState::from_arrays(&optimizer, &weights[..1], state.to_arrays());
        assert_eq!(wrong.unwrap_err().kind(), fornax_core::ErrorKind::Mismatch, "{name}");
    }
}

fn an_infinite_gradient_is_not_hidden<B: Backend>() {
    let optimizer = Optimizer::from(SGD::new(0.1).global_clipnorm(1.0));
    let mut state = OptimizerState::<B>::default();
    let place = |values: [f32; 2]| DynTensor::<B>::from_vec(values.to_vec(), &[2], &Default::default());
    let mut gradients = vec![Some(place([f32::INFINITY, 1.0]).into()), None, Some(place([1.0, 1.0]).into())];
    state.begin(&optimizer, &mut gradients);
    assert!(gradients[1].is_none());
    assert!(
        gradients.iter().flatten().all(|gradient: &Gradient<B>| gradient
            .values()
            .to_vec()
            .iter()
            .all(|x| x.is_nan()))
    );
}

#[cfg(feature = "flex")]
#[test]
fn flex() {
    optimizers_follow_keras::<fornax_core::Flex>();
    states_survive_their_arrays::<fornax_core::Flex>();
    an_infinite_gradient_is_not_hidden::<fornax_core::Flex>();
}

#[cfg(feature = "ndarray")]
#[test]
fn nd_array() {
    optimizers_follow_keras::<fornax_core::NdArray>();
    states_survive_their_arrays::<fornax_core::NdArray>();
    an_infinite_gradient_is_not_hidden::<fornax_core::NdArray>();
}

#[cfg(feature = "ndarray")]
#[test]
fn the_reference_in_double_precision() {
    optimizers_follow_keras::<fornax_testkit::Oracle>();
}

#[test]
fn schedules_follow_keras_and_read_its_configs() {
    let goldens: Json = serde_json::from_str(include_str!("goldens/schedules.json")).unwrap();
    let steps: Vec<u64> = goldens["steps"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap()).collect();
    for case in goldens["cases"].as_array().unwrap() {
        let schedule: Schedule = serde_json::from_value(case["schedule"].clone()).unwrap();
        schedule.validate().unwrap();
        let rates: Vec<f32> = steps.iter().map(|&step| schedule.at(step) as f32).collect();
        assert_close(&rates, &numbers(&case["rates"]), 2e-7, &case["schedule"].to_string());
        let written = serde_json::to_value(&schedule).unwrap();
        assert_eq!(serde_json::from_value::<Schedule>(written).unwrap(), schedule);
    }
}
