//! Arrays of the golden files of `goldens/make_losses.py`.
#![allow(dead_code)]

use fornax_core::{Array, Backend, DynTensor, Mask, Value, ops::Activation};
use serde_json::Value as Json;

/// The array of a golden; integers stay integers.
pub(crate) fn array(json: &Json) -> Array {
    let values = numbers(&json["values"]);
    let shape: Vec<usize> =
        json["shape"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect();
    match json["kind"].as_str() {
        Some("int") => Array::from_i32(shape, values.iter().map(|&x| x as i32).collect()).unwrap(),
        _ => Array::from_vec(shape, values).unwrap(),
    }
}

pub(crate) fn numbers(json: &Json) -> Vec<f32> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

/// The targets, outputs (with activation and mask) and weights of a golden.
pub(crate) fn inputs<B: Backend>(golden: &Json) -> (Value<B>, Value<B>, Option<DynTensor<B>>) {
    let device = Default::default();
    let y_true = Value::from_array(&array(&golden["y_true"]), &device);
    let z = DynTensor::<B>::from_array(&array(&golden["y_pred"]), &device);
    let y_pred = match golden["activation"].as_str() {
        Some("softmax") => Value::activated(z, Activation::Softmax),
        Some("sigmoid") => Value::activated(z, Activation::Sigmoid),
        // Class indices of a golden of IoU are integers.
        _ => Value::from_array(&array(&golden["y_pred"]), &device),
    };
    let mask = (!golden["mask"].is_null()).then(|| mask(&array(&golden["mask"])));
    let weight =
        (!golden["weight"].is_null()).then(|| DynTensor::from_array(&array(&golden["weight"]), &device));
    (y_true, y_pred.with_mask(mask), weight)
}

fn mask<B: Backend>(array: &Array) -> Mask<B> {
    DynTensor::<B>::from_array(array, &Default::default()).equal_scalar(0.0).not()
}
