//! Small models trained by Keras and by Fornax from the same weights on the same batches: the output before training,
//! every step's loss and the final weights agree.
//!
//! `goldens/keras_parity.py` of this crate is what makes the files.

use std::collections::HashMap;

use fornax_core::{Array, Backend};
use fornax_data::Dataset;
use fornax_layers::{Network, Registry};
use fornax_optim::{Adadelta, Adagrad, Adam, AdamW, Adamax, Lion, Nadam, Optimizer, RMSprop, SGD};
use fornax_train::{Compile, losses::Loss};
use safetensors::SafeTensors;
use serde::Deserialize;
use serde_json::Value as Json;

const FORWARD: f32 = 1e-5;
const LOSS: f64 = 1e-4;
const WEIGHTS: f32 = 1e-3;

#[derive(Deserialize)]
struct Case {
    name: String,
    key: String,
    covers: Vec<String>,
    steps: usize,
    batch: usize,
    loss: Json,
    optimizer: Object,
    loss_weights: Option<Vec<f64>>,
    inputs: usize,
    outputs: usize,
    sample_weight: bool,
    weights: Vec<usize>,
    network: Json,
}

#[derive(Deserialize)]
struct Object {
    class_name: String,
    config: Json,
}

struct Goldens {
    cases: Vec<Case>,
    arrays: HashMap<String, Array>,
}

impl Goldens {
    fn read(bytes: &[u8]) -> Self {
        let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
        let cases = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["cases"]).unwrap();
        let array = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            let shape = if view.shape().is_empty() { vec![1] } else { view.shape().to_vec() };
            (name.to_owned(), Array::from_vec(shape, values.collect()).unwrap())
        };
        let arrays = SafeTensors::deserialize(bytes).unwrap().iter().map(array).collect();
        Self { cases, arrays }
    }

    fn get(&self, case: &Case, kind: &str, count: usize) -> Vec<Array> {
        (0..count).map(|at| self.arrays[&format!("{}/{kind}/{at}", case.key)].clone()).collect()
    }
}

/// What differs more than it may, in words.
type Faults = Vec<String>;

/// Checks every case of a file on a backend, with the layers that the registry has.
///
/// # Panics
/// If a case differs by more than it may; the message lists all that do.
pub fn check_all<B: Backend>(goldens: &[u8], registry: &Registry<B>) {
    let goldens = Goldens::read(goldens);
    let mut faults = Faults::new();
    for case in &goldens.cases {
        let before = faults.len();
        check(&goldens, case, registry, &mut faults);
        for fault in &mut faults[before..] {
            *fault = format!("{} ({}): {fault}", case.name, case.covers.join(", "));
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults in {} cases\n{}",
        faults.len(),
        goldens.cases.len(),
        faults.join("\n")
    );
}

fn check<B: Backend>(goldens: &Goldens, case: &Case, registry: &Registry<B>, faults: &mut Faults) {
    let mut network = match registry.network(&case.network, B::Device::default()) {
        Ok(network) => network,
        Err(error) => return faults.push(error.to_string()),
    };
    let total = case.weights.iter().sum();
    if let Err(error) = set_weights(&mut network, case, &goldens.get(case, "before", total)) {
        return faults.push(error);
    }
    let (x, y) = (goldens.get(case, "x", case.inputs), goldens.get(case, "y", case.outputs));
    let firsts = goldens.get(case, "first", case.outputs);
    // Layers that carry states take one batch only.
    let shown: Vec<Array> = x.iter().map(|x| x.rows(0..firsts[0].row_count())).collect();
    match network.predict_all(&shown, firsts[0].row_count()) {
        Ok(outputs) => {
            assert_eq!(outputs.len(), firsts.len(), "{}: outputs", case.name);
            for (found, wanted) in outputs.iter().zip(&firsts) {
                compare("output", found, wanted, FORWARD, faults);
            }
        }
        Err(error) => return faults.push(error.to_string()),
    }
    if case.steps > 0
        && let Err(error) = train(goldens, case, network, x, y, faults)
    {
        faults.push(error.to_string());
    }
}

fn train<B: Backend>(
    goldens: &Goldens,
    case: &Case,
    network: Network<B>,
    x: Vec<Array>,
    y: Vec<Array>,
    faults: &mut Faults,
) -> fornax_core::Result<()> {
    let loss: Loss = serde_json::from_value(case.loss.clone()).expect("a loss");
    let mut model = network.compile(optimizer(&case.optimizer), loss, ())?;
    if let Some(weights) = &case.loss_weights {
        model = model.loss_weights(weights.clone())?;
    }
    let mut set = Dataset::from_parts(x, y)?;
    if case.sample_weight {
        set = set.with_sample_weight(goldens.get(case, "weight", 1).swap_remove(0))?;
    }
    let wanted = goldens.get(case, "losses", 1)[0].to_f32();
    let batches = set.len().div_ceil(case.batch);
    for (step, &wanted) in wanted.iter().enumerate() {
        let start = step % batches * case.batch;
        let rows = start..(start + case.batch).min(set.len());
        let found = model.train_on_batch(&set.rows(rows))?.get("loss").expect("a loss");
        let wanted = f64::from(wanted);
        let close = (found - wanted).abs() <= LOSS * wanted.abs().max(1e-2);
        if !close {
            faults.push(format!("step {step}: loss {found}, wanted {wanted}"));
            return Ok(());
        }
    }
    let after = goldens.get(case, "after", case.weights.iter().sum());
    let trained = model.network().variables().iter().zip(model.network().weights());
    let kept = trained.filter(|(variable, _)| !variable.is_state());
    for ((variable, found), wanted) in kept.zip(&after) {
        compare(variable.name(), &found.to_array(), wanted, WEIGHTS, faults);
    }
    Ok(())
}

/// Keras lists a layer's weights in the order in which ours states them; states that are carried are not among them.
fn set_weights<B: Backend>(network: &mut Network<B>, case: &Case, weights: &[Array]) -> Result<(), String> {
    let variables = network.variables().iter().filter(|variable| !variable.is_state());
    let names: Vec<String> = variables.map(|variable| variable.name().to_owned()).collect();
    for (layer, &count) in case.weights.iter().enumerate() {
        let ours = names.iter().filter(|name| name.starts_with(&format!("l{layer}/"))).count();
        if ours != count {
            return Err(format!("layer {layer} has {ours} weights, wanted {count}"));
        }
    }
    names
        .iter()
        .zip(weights)
        .try_for_each(|(name, weight)| network.set_weight(name, weight).map_err(|error| error.to_string()))
}

fn optimizer(object: &Object) -> Optimizer {
    fn read<T: serde::de::DeserializeOwned + Into<Optimizer>>(config: &Json) -> Optimizer {
        serde_json::from_value::<T>(config.clone()).expect("an optimizer's arguments").into()
    }
    let read = match object.class_name.as_str() {
        "SGD" => read::<SGD>,
        "Adam" => read::<Adam>,
        "AdamW" => read::<AdamW>,
        "RMSprop" => read::<RMSprop>,
        "Adagrad" => read::<Adagrad>,
        "Adadelta" => read::<Adadelta>,
        "Adamax" => read::<Adamax>,
        "Nadam" => read::<Nadam>,
        "Lion" => read::<Lion>,
        other => panic!("no optimizer {other}"),
    };
    read(&object.config)
}

fn compare(what: &str, found: &Array, wanted: &Array, tolerance: f32, faults: &mut Faults) {
    if found.shape() != wanted.shape() {
        return faults.push(format!("{what}: shape {:?}, wanted {:?}", found.shape(), wanted.shape()));
    }
    let (found, wanted) = (found.to_f32(), wanted.to_f32());
    let worst = found.iter().zip(&wanted).max_by(|a, b| {
        let error = |(f, w): &(&f32, &f32)| (*f - *w).abs() / w.abs().max(1.0);
        error(a).total_cmp(&error(b))
    });
    let Some((found, wanted)) = worst else { return };
    let close = (found - wanted).abs() <= tolerance * wanted.abs().max(1.0);
    if !close {
        faults.push(format!("{what}: {found}, wanted {wanted}"));
    }
}
