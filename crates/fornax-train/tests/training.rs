//! Laws of training: the same seed gives the same bits, save and load change nothing, a resumed training is the
//! uninterrupted one, callbacks do what they say, and bad input is an error before the first step.

use std::path::Path;

use fornax_core::ops::Activation::{Relu, Softmax};
use fornax_core::{Array, Backend, ErrorKind, Flex, NdArray, Result};
use fornax_data::text::{TextVectorization, text_bytes};
use fornax_data::{Dataset, synthetic};
use fornax_layers::{
    Registry, Sequential,
    layers::{self, BatchNormalization, Dense, Dropout, Embedding, GlobalAveragePooling1D},
};
use fornax_optim::{Adam, SGD};
use fornax_train::callbacks::*;
use fornax_train::losses::{MeanSquaredError, SparseCategoricalCrossentropy};
use fornax_train::metrics::Accuracy;
use fornax_train::{BackupAndRestore, Compile, Fit, Model, load_network_with};

/// With dropout and moving statistics, so that all that a step changes or draws is there.
fn model<B: Backend>(seed: u64) -> Model<B> {
    Sequential::<B>::new([784])
        .seed(seed)
        .add(Dense::new(16).activation(Relu))
        .add(BatchNormalization::new())
        .add(Dropout::new(0.2))
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])
        .unwrap()
}

fn digits() -> Dataset {
    synthetic::digits(200, 3).flatten()
}

fn bits<B: Backend>(model: &Model<B>) -> Vec<Vec<u32>> {
    model
        .network()
        .weights()
        .iter()
        .map(|weight| weight.to_vec().iter().map(|w| w.to_bits()).collect())
        .collect()
}

fn quiet<B: Backend>() -> Fit<B> {
    Fit::new().verbose(false)
}

fn same_seed_same_bits<B: Backend>() {
    let run = |seed| {
        let mut model = model::<B>(seed);
        let history = model.fit(&digits(), quiet().epochs(2)).unwrap();
        (bits(&model), history.values("loss"))
    };
    assert!(run(1) == run(1));
    assert!(run(1).0 != run(2).0);
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    same_seed_same_bits::<Flex>();
    same_seed_same_bits::<NdArray>();
}

#[test]
fn initial_weights_are_equal_on_all_backends() {
    assert!(bits(&model::<Flex>(4)) == bits(&model::<NdArray>(4)));
}

fn load(path: impl AsRef<std::path::Path>) -> fornax_core::Result<Model<Flex>> {
    Model::load_with(path, &Registry::default(), Default::default())
}

#[test]
fn save_and_load_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.fornax");
    let mut first = model::<Flex>(1);
    first.fit(&digits(), quiet()).unwrap();
    first.save(&path).unwrap();
    let mut second = load(&path).unwrap();
    assert!(bits(&first) == bits(&second));
    assert_eq!(first.evaluate(&digits()).unwrap(), second.evaluate(&digits()).unwrap());
    // The optimizer's state came along: training goes on equally.
    first.fit(&digits(), quiet()).unwrap();
    second.fit(&digits(), quiet()).unwrap();
    assert!(bits(&first) == bits(&second));
    let network = load_network_with::<NdArray>(&path, &Registry::default(), Default::default()).unwrap();
    let set = digits();
    let x = &set.inputs()[0];
    let wanted = load(&path).unwrap().predict(x).unwrap().to_f32();
    fornax_testkit::assert_close(
        &network.predict(x).unwrap().to_f32(),
        &wanted,
        1e-5,
        "prediction on NdArray",
    );
}

/// A model that takes raw text learns from it and keeps its words in its file.
#[test]
fn a_model_of_raw_text_is_saved_with_its_words() {
    let texts = synthetic::topic_texts(60, 12, 1);
    let fitted = TextVectorization::new().fit(texts.texts()).unwrap();
    let mut model = Sequential::<Flex>::new([None])
        .add(layers::TextVectorization::from(&fitted))
        .add(Embedding::new(fitted.len(), 8).mask_zero(true))
        .add(GlobalAveragePooling1D::new())
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::new(0.05), SparseCategoricalCrossentropy, [Accuracy])
        .unwrap();
    let set = Dataset::new(text_bytes(texts.texts()).unwrap(), texts.labels().to_vec()).unwrap();
    let history = model.fit(&set, quiet().epochs(20)).unwrap();
    assert!(*history.values("accuracy").last().unwrap() > 0.9, "{:?}", history.values("accuracy"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text.fornax");
    model.save(&path).unwrap();
    let probabilities =
        |model: &Model<Flex>| model.predict(&text_bytes(&["baka mu?", ""]).unwrap()).unwrap().to_f32();
    assert_eq!(probabilities(&load(&path).unwrap()), probabilities(&model));
}

/// A callback that fails at one step, as if the process had been killed there.
struct Kill(u64, u64);

impl<B: Backend> Callback<B> for Kill {
    fn on_batch_end(&mut self, batch: usize, _: f64, _: &mut Model<B>) -> Result<()> {
        self.1 += 1;
        match self.0 == self.1 {
            true => Err(fornax_core::Error::training(format!("batch {batch}"), "killed", "alive")),
            false => Ok(()),
        }
    }
}

#[test]
fn a_resumed_training_is_the_uninterrupted_one() {
    let directory = tempfile::tempdir().unwrap();
    let backup = || BackupAndRestore::new(directory.path().join("backup")).save_freq(2);
    let fit = || quiet().epochs(3).callback(EarlyStopping::new("loss").patience(5).restore_best_weights());
    let mut whole = model::<Flex>(1);
    let wanted = whole.fit(&digits(), fit().callback(Kill(0, 0))).unwrap();
    for kill in [1, 3, 7, 8, 15, 20] {
        let killed = model::<Flex>(1).fit(&digits(), fit().callback(Kill(kill, 0)).backup(backup()));
        assert_eq!(killed.unwrap_err().kind(), ErrorKind::Training);
        let mut resumed = model::<Flex>(1);
        let history = resumed.fit(&digits(), fit().callback(Kill(0, 0)).backup(backup())).unwrap();
        assert!(bits(&whole) == bits(&resumed), "killed at step {kill}");
        assert_eq!(history.values("loss"), wanted.values("loss"), "killed at step {kill}");
        assert_eq!(history.values("accuracy"), wanted.values("accuracy"), "killed at step {kill}");
        assert!(!directory.path().join("backup").exists(), "a complete training leaves no backup");
    }
}

#[test]
fn a_backup_of_another_training_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup");
    let start =
        |set: &Dataset, fit: Fit<Flex>| model::<Flex>(1).fit(set, fit.backup(BackupAndRestore::new(&path)));
    start(&digits(), quiet().epochs(3).callback(Kill(9, 0))).unwrap_err();
    let other_batch = start(&digits(), quiet().batch_size(8).callback(Kill(0, 0))).unwrap_err();
    assert_eq!(other_batch.kind(), ErrorKind::Mismatch);
    let other_set = start(&digits().take(50), quiet().callback(Kill(0, 0))).unwrap_err();
    assert_eq!(other_set.kind(), ErrorKind::Mismatch);
    let mut other_model = Sequential::<Flex>::new([784])
        .seed(1)
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])
        .unwrap();
    let fit = quiet().callback(Kill(0, 0)).backup(BackupAndRestore::new(&path));
    assert_eq!(other_model.fit(&digits(), fit).unwrap_err().kind(), ErrorKind::Mismatch);
}

#[test]
fn a_file_cut_off_anywhere_is_a_format_error_and_the_model_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.fornax");
    model::<Flex>(1).save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut other = model::<Flex>(2);
    let before = bits(&other);
    for end in (0..header).chain([header, header + 1, bytes.len() - 1]) {
        let cut = directory.path().join("cut.fornax");
        std::fs::write(&cut, &bytes[..end]).unwrap();
        let error = other.load_weights(&cut).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "cut at byte {end}: {error}");
    }
    assert!(bits(&other) == before);
    other.load_weights(&path).unwrap();
    assert!(bits(&other) == bits(&model::<Flex>(1)));
}

#[test]
fn weights_of_another_model_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.fornax");
    model::<Flex>(1).save(&path).unwrap();
    let mut wider = Sequential::<Flex>::new([784])
        .add(Dense::new(17).activation(Relu))
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])
        .unwrap();
    let before = bits(&wider);
    let error = wider.load_weights(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    assert!(error.to_string().contains("dense"), "{error}");
    assert!(bits(&wider) == before);
    let missing = load(directory.path().join("none")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io);
}

fn fails(set: &Dataset, fit: Fit<Flex>, kind: ErrorKind, part: &str) {
    let mut model = model::<Flex>(1);
    let before = bits(&model);
    let error = model.fit(set, fit.verbose(false)).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(part), "{error} lacks {part}");
    assert!(bits(&model) == before, "nothing was trained");
}

#[test]
fn bad_input_is_an_error_before_the_first_step() {
    let set = digits();
    let x = set.inputs()[0].clone();
    fails(&set, Fit::new().batch_size(0), ErrorKind::Argument, "batch_size: found 0");
    fails(&set, Fit::new().validation_split(1.5), ErrorKind::Argument, "1.5");
    fails(&set, Fit::new().class_weight([(10, 2.0)]), ErrorKind::Argument, "class 10");
    fails(&set, Fit::new().class_weight([(1, -2.0)]), ErrorKind::Argument, "-2");
    fails(&set, Fit::new().callback(EarlyStopping::new("val_los")), ErrorKind::Argument, "val_los");
    fails(&set.take(0), Fit::new(), ErrorKind::Data, "no sample");
    let wide = Dataset::new(x.reshape([200, 28, 28]).unwrap(), vec![0; 200]).unwrap();
    fails(&wide, Fit::new(), ErrorKind::Shape, "[28, 28]");
    let mut labels = set.targets()[0].to_i32();
    labels[7] = 10;
    fails(&Dataset::new(x.clone(), labels.clone()).unwrap(), Fit::new(), ErrorKind::Data, "10");
    labels[7] = -1;
    fails(&Dataset::new(x.clone(), labels).unwrap(), Fit::new(), ErrorKind::Data, "-1");
    let mut pixels = x.to_f32();
    pixels[5 * 784 + 3] = f32::NAN;
    let nan = Dataset::new(Array::from_vec([200, 784], pixels).unwrap(), set.targets()[0].clone()).unwrap();
    fails(&nan, Fit::new(), ErrorKind::Data, "NaN");
    fails(&set, Fit::new().validation_data(&nan), ErrorKind::Data, "validation");
}

#[test]
fn wrong_shapes_name_the_layer() {
    let built = Sequential::<Flex>::new([28, 28])
        .add(Dense::new(3))
        .add(fornax_layers::layers::Conv2D::new(4, 3))
        .compile(Adam::default(), MeanSquaredError, ());
    let error = built.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    assert!(
        error.to_string().contains("conv2d (Conv2D)") && error.to_string().contains("(None, 28, 3)"),
        "{error}"
    );
    let predicted = model::<Flex>(1).predict(&Array::from_vec([1, 3], vec![0.0; 3]).unwrap());
    assert_eq!(predicted.unwrap_err().to_string(), "model input: found [1, 3], wanted [batch, 784]");
}

#[test]
fn early_stopping_restores_the_best_weights() {
    let mut model = model::<Flex>(1);
    let (train, validation) = digits().split_validation(0.25).unwrap();
    let rising = LearningRateScheduler::new(|epoch, _| if epoch < 2 { 1e-2 } else { 10.0 });
    let stop = EarlyStopping::new("val_loss").patience(2).restore_best_weights();
    let fit = quiet().epochs(20).validation_data(&validation).callback(rising).callback(stop);
    let history = model.fit(&train, fit).unwrap();
    let losses = history.values("val_loss");
    assert!(losses.len() < 20, "{losses:?}");
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let now = model.evaluate(&validation).unwrap().loss();
    assert!((now - best).abs() < 1e-6 * best, "{now}, wanted {best} of {losses:?}");
}

#[test]
fn a_plateau_reduces_the_learning_rate() {
    let mut model = model::<Flex>(1);
    let reduce = ReduceLROnPlateau::new("loss").factor(0.5).patience(1).min_delta(100.0);
    model.fit(&digits(), quiet().epochs(4).callback(reduce)).unwrap();
    assert!((model.learning_rate() - 1e-3 / 8.0).abs() < 1e-12, "{}", model.learning_rate());
}

#[test]
fn a_loss_that_is_not_finite_ends_the_training() {
    let x = Array::from_vec([8, 1], vec![1e30; 8]).unwrap();
    let set = Dataset::new(x, Array::from_vec([8, 1], vec![-1e30; 8]).unwrap()).unwrap();
    let mut model =
        Sequential::<Flex>::new([1]).add(Dense::new(1)).compile(SGD::new(1.0), MeanSquaredError, ()).unwrap();
    let error = model.fit(&set, quiet().epochs(3).callback(TerminateOnNaN)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Training);
}

#[test]
fn logs_and_checkpoints_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let mut seen = 0;
    let fit = quiet()
        .epochs(2)
        .validation_split(0.2)
        .callback(CsvLogger::new(at("log.csv")))
        .callback(TensorBoard::new(at("board")))
        .callback(ModelCheckpoint::new(at("model-{epoch}.fornax").display().to_string()))
        .callback(ModelCheckpoint::new(at("best.fornax").display().to_string()).save_best_only());
    let mut model = model::<Flex>(1);
    let history = model.fit(&digits(), fit).unwrap();
    let csv = std::fs::read_to_string(at("log.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "epoch,loss,accuracy,val_loss,val_accuracy");
    assert_eq!(lines.len(), 3);
    assert!(lines[2].starts_with(&format!("1,{}", history.values("loss")[1])));
    for name in ["model-1.fornax", "model-2.fornax", "best.fornax"] {
        load(at(name)).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 3);
    let events = |part: &Path| std::fs::read_dir(part).unwrap().count();
    assert_eq!((events(&at("board/train")), events(&at("board/validation"))), (1, 1));
    assert!(bits(&load(at("model-2.fornax")).unwrap()) == bits(&model));
}

#[test]
fn weights_of_classes_and_samples_are_factors_of_the_loss() {
    let set = digits().take(32);
    let loss = |set: &Dataset, fit: Fit<Flex>| {
        let mut model = Sequential::<Flex>::new([784])
            .add(Dense::new(10).activation(Softmax))
            .compile(SGD::new(0.0), SparseCategoricalCrossentropy, ())
            .unwrap();
        model.fit(set, fit.verbose(false)).unwrap().last("loss").unwrap()
    };
    let plain = loss(&set, Fit::new());
    let doubled = loss(&set, Fit::new().class_weight((0..10).map(|class| (class, 2.0))));
    assert!((doubled - 2.0 * plain).abs() < 1e-5);
    let weights = Array::from_vec([32], vec![3.0; 32]).unwrap();
    let tripled = loss(&set.clone().with_sample_weight(weights).unwrap(), Fit::new());
    assert!((tripled - 3.0 * plain).abs() < 1e-5);
}
