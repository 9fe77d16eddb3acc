//! Every metric against Keras 3.15.1 (`goldens/make_losses.py`), and what it rejects.

mod common;

use common::inputs;
use fornax_core::{Backend, DynTensor, ErrorKind, Value};
use fornax_train::losses::{self, Loss};
use fornax_train::metrics::*;
use serde_json::Value as Json;

fn metric(name: &str) -> Metric {
    let top_2 = Some(2);
    let average = |name: &str| match name {
        "micro" => Average::Micro,
        "macro" => Average::Macro,
        _ => Average::Weighted,
    };
    if let Some(rest) = name.strip_prefix("auc_7_") {
        let (curve, method) = rest.split_once('_').unwrap();
        let curve = if curve == "PR" { Curve::Pr } else { Curve::Roc };
        let method = match method {
            "interpolation" => Summation::Interpolation,
            "minoring" => Summation::Minoring,
            _ => Summation::Majoring,
        };
        return AUC::new().num_thresholds(7).curve(curve).summation_method(method).into();
    }
    if let Some(name) = name.strip_prefix("f1_") {
        return F1Score::new().average(average(name)).into();
    }
    if let Some(name) = name.strip_prefix("fbeta_") {
        return FBetaScore::new().average(average(name)).beta(0.5).threshold(Some(0.4)).into();
    }
    match name {
        "binary_accuracy" | "binary_accuracy_column" => BinaryAccuracy,
        "binary_accuracy_0.3" => BinaryAccuracy::new().threshold(0.3).into(),
        "categorical_accuracy" => CategoricalAccuracy,
        "sparse_categorical_accuracy" => SparseCategoricalAccuracy,
        "top_2" => TopKCategoricalAccuracy::new().k(2).into(),
        "sparse_top_2" => SparseTopKCategoricalAccuracy::new().k(2).into(),
        "true_positives" => TruePositives,
        "true_negatives" => TrueNegatives,
        "false_positives" => FalsePositives,
        "false_negatives" => FalseNegatives,
        "precision" => Precision,
        "recall" => Recall,
        "precision_0.3" => Precision::new().threshold(Some(0.3)).into(),
        "recall_0.3" => Recall::new().threshold(Some(0.3)).into(),
        "precision_top_2" => Precision::new().top_k(top_2).into(),
        "recall_top_2" => Recall::new().top_k(top_2).into(),
        "precision_class_1" => Precision::new().class_id(Some(1)).into(),
        "recall_class_1" => Recall::new().class_id(Some(1)).into(),
        "auc" | "auc_ROC" => AUC,
        "auc_PR" => AUC::new().curve(Curve::Pr).into(),
        "auc_logits" => AUC::new().from_logits(true).into(),
        "mean_squared_error" => MeanSquaredError,
        "root_mean_squared_error" => RootMeanSquaredError,
        "mean_absolute_error" => MeanAbsoluteError,
        "mean_absolute_percentage_error" => MeanAbsolutePercentageError,
        "mean_squared_logarithmic_error" => MeanSquaredLogarithmicError,
        "log_cosh" => LogCosh,
        "cosine_similarity" => CosineSimilarity,
        "hinge" => Hinge,
        "squared_hinge" => SquaredHinge,
        "categorical_hinge" => CategoricalHinge,
        "r2_score" => R2Score,
        "kl_divergence" => KLDivergence,
        "poisson" => Poisson,
        "binary_crossentropy" => BinaryCrossentropy,
        "categorical_crossentropy" => CategoricalCrossentropy,
        "sparse_categorical_crossentropy" => SparseCategoricalCrossentropy,
        "mean_iou" => MeanIoU::new(4).into(),
        "mean_iou_probabilities" => MeanIoU::new(4).sparse_y_pred(false).ignore_class(1).into(),
        "iou" => IoU::new(4, [0, 2]).into(),
        "binary_iou" => BinaryIoU,
        _ => panic!("no metric {name}"),
    }
}

fn follow_keras<B: Backend>() {
    let goldens: Json = serde_json::from_str(include_str!("goldens/metrics.json")).unwrap();
    for (at, golden) in goldens["cases"].as_array().unwrap().iter().enumerate() {
        let name = golden["name"].as_str().unwrap();
        let metric = metric(name);
        metric.validate().unwrap();
        let mut state = metric.state::<B>();
        assert_eq!(state.result().unwrap(), 0.0, "{name}");
        let batches = golden["batches"].as_array().unwrap();
        for (batch, wanted) in batches.iter().zip(golden["results"].as_array().unwrap()) {
            let (y_true, y_pred, weight) = inputs::<B>(batch);
            state.update(&y_true, &y_pred, weight.as_ref()).unwrap();
            let (found, wanted) = (state.result().unwrap(), wanted.as_f64().unwrap());
            let close = (found - wanted).abs() <= 1e-5 * wanted.abs().max(1.0);
            assert!(
                close || found.is_nan() && wanted.is_nan(),
                "case {at}, {name}: {found}, wanted {wanted}"
            );

            let mut copy = metric.state::<B>();
            copy.restore(&state.to_arrays()).unwrap();
            assert_eq!(copy.result().unwrap().to_bits(), state.result().unwrap().to_bits(), "{name}");
            state = copy;
        }
        state.reset();
        assert_eq!(state.result().unwrap(), 0.0, "{name}");
    }
}

#[cfg(feature = "flex")]
#[test]
fn flex_follows_keras() {
    follow_keras::<fornax_core::Flex>();
}

#[cfg(feature = "ndarray")]
#[test]
fn nd_array_follows_keras() {
    follow_keras::<fornax_core::NdArray>();
}

#[cfg(feature = "flex")]
mod on_flex {
    use super::*;
    use fornax_core::{Array, Flex};

    fn value(shape: &[usize], values: &[f32]) -> Value<Flex> {
        Value::from(DynTensor::from_vec(values.to_vec(), shape, &Default::default()))
    }

    #[test]
    fn accuracy_picks_by_the_shapes() {
        let run = |y_true: Value<Flex>, y_pred: Value<Flex>| {
            let mut state = Accuracy.state();
            state.update(&y_true, &y_pred, None).unwrap();
            state.result().unwrap()
        };
        assert_eq!(run(value(&[4], &[0.0, 1.0, 1.0, 0.0]), value(&[4, 1], &[0.2, 0.7, 0.5, 0.6])), 0.5);
        let outputs = value(&[2, 3], &[0.2, 0.5, 0.3, 0.6, 0.3, 0.1]);
        assert_eq!(run(value(&[2], &[1.0, 2.0]), outputs.clone()), 0.5);
        assert_eq!(run(value(&[2, 1], &[1.0, 0.0]), outputs.clone()), 1.0);
        assert_eq!(run(value(&[2, 3], &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]), outputs), 0.5);
        assert_eq!(Accuracy.name(), "accuracy");
    }

    #[test]
    fn f1_takes_class_indices_too() {
        let outputs = value(&[3, 2], &[0.9, 0.1, 0.2, 0.8, 0.6, 0.4]);
        let mut sparse = F1Score.state();
        sparse.update(&value(&[3], &[0.0, 1.0, 1.0]), &outputs, None).unwrap();
        let mut dense = F1Score.state();
        dense.update(&value(&[3, 2], &[1.0, 0.0, 0.0, 1.0, 0.0, 1.0]), &outputs, None).unwrap();
        assert_eq!(sparse.result().unwrap(), dense.result().unwrap());
        let error = F1Score.state().update(&value(&[3], &[0.0, 1.0, 2.0]), &outputs, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "metric f1_score: targets, row 2: found 2, wanted a class from 0 to 1 (2 classes)"
        );
    }

    #[test]
    fn masks_and_weights_reach_counts() {
        let mask = value(&[2, 2], &[1.0, 0.0, 1.0, 1.0]).float().equal_scalar(1.0);
        let outputs = value(&[2, 2, 1], &[0.9, 0.9, 0.9, 0.9]).with_mask(Some(mask));
        let weights = DynTensor::from_vec(vec![2.0, 3.0], &[2], &Default::default());
        let mut state = TruePositives.state();
        state.update(&value(&[2, 2, 1], &[1.0; 4]), &outputs, Some(&weights)).unwrap();
        assert_eq!(state.result().unwrap(), 2.0 + 3.0 + 3.0);
    }

    proptest::proptest! {
        #[test]
        fn the_root_is_that_of_the_mean_under_any_mask(
            numbers in proptest::collection::vec((-4.0f32..4.0, -4.0f32..4.0, 0.0f32..1.0, proptest::bool::ANY), 6),
        ) {
            let column = |f: fn(&(f32, f32, f32, bool)) -> f32| numbers.iter().map(f).collect::<Vec<f32>>();
            let mask = value(&[2, 3], &column(|n| f32::from(u8::from(n.3)))).float().equal_scalar(1.0);
            let y_true = value(&[2, 3, 1], &column(|n| n.0));
            let y_pred = value(&[2, 3, 1], &column(|n| n.1)).with_mask(Some(mask));
            let weights = value(&[2, 3], &column(|n| n.2)).float();
            let run = |metric: Metric| {
                let mut state = metric.state();
                state.update(&y_true, &y_pred, Some(&weights)).unwrap();
                state.result().unwrap()
            };
            let (mean, root) = (run(MeanSquaredError), run(RootMeanSquaredError));
            proptest::prop_assert!((root * root - mean).abs() < 1e-5, "{root}² is not {mean}");
        }
    }

    #[test]
    fn an_output_that_is_not_a_number_is_no_hit() {
        let mut state = SparseTopKCategoricalAccuracy.state();
        state.update(&value(&[1], &[0.0]), &value(&[1, 6], &[f32::NAN; 6]), None).unwrap();
        assert_eq!(state.result().unwrap(), 0.0);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let mut state = MeanSquaredError.state::<Flex>();
        let error = state.update(&value(&[2], &[0.0; 2]), &value(&[2, 3], &[0.0; 6]), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "metric mean_squared_error: targets: found [2], wanted [2, 3], that of the output"
        );
        let mut state = R2Score.state();
        state.update(&value(&[2, 2], &[0.0; 4]), &value(&[2, 2], &[0.0; 4]), None).unwrap();
        let error = state.update(&value(&[2, 3], &[0.0; 6]), &value(&[2, 3], &[0.0; 6]), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Shape);
        let array: Array = vec![1.0].into();
        assert_eq!(state.restore(&[array]).unwrap_err().kind(), ErrorKind::Mismatch);
    }
}

#[test]
fn arguments_are_checked() {
    let message = |metric: Metric| metric.validate().unwrap_err().to_string();
    for (found, wanted) in [
        (
            message(AUC::new().num_thresholds(1).into()),
            "metric auc: num_thresholds: found 1, wanted at least 2",
        ),
        (
            message(BinaryAccuracy::new().threshold(2.0).into()),
            "metric binary_accuracy: threshold: found 2, wanted a number from 0 to 1",
        ),
        (
            message(Precision::new().top_k(Some(0)).into()),
            "metric precision: top_k: found 0, wanted at least 1",
        ),
        (
            message(TopKCategoricalAccuracy::new().k(0).into()),
            "metric top_k_categorical_accuracy: k: found 0, wanted at least 1",
        ),
        (
            message(FBetaScore::new().beta(0.0).into()),
            "metric fbeta_score: beta: found 0, wanted a finite number above 0",
        ),
        (message(IoU::new(2, [2]).into()), "metric io_u: target_class_ids: found 2, wanted a class below 2"),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn lists_of_metrics_compile_and_survive_json() {
    fn names(metrics: impl IntoMetrics) -> Vec<Vec<String>> {
        metrics.into_metrics().iter().map(|list| list.iter().map(Metric::name).collect()).collect()
    }
    assert_eq!(names([]), Vec::<Vec<String>>::new());
    assert_eq!(names([Accuracy, AUC]), [["accuracy", "auc"]]);
    assert_eq!(
        names((Accuracy, Precision::new().threshold(Some(0.4)), MeanSquaredError.named("mse"))),
        [["accuracy", "precision", "mse"]]
    );
    assert_eq!(names(vec![vec![Recall], vec![]]), [vec!["recall".to_owned()], vec![]]);
    let huber = Metric::from(Loss::from(losses::Huber::new().delta(0.5)));
    for metric in [AUC, F1Score, huber, MeanIoU::new(3).into(), Accuracy.named("hits")] {
        let json = serde_json::to_string(&metric).unwrap();
        let read: Metric = serde_json::from_str(&json).unwrap();
        assert_eq!(format!("{read:?}"), format!("{metric:?}"));
    }
}

/// The example of scikit-learn's documentation of `classification_report`.
#[test]
fn the_report_prints_as_scikit_learns() {
    let matrix = ConfusionMatrix::new(&[0, 1, 2, 2, 2], &[0, 0, 2, 2, 1], 3).unwrap();
    let matrix = matrix.class_names(["class 0", "class 1", "class 2"]).unwrap();
    let wanted = "              precision    recall  f1-score   support

     class 0       0.50      1.00      0.67         1
     class 1       0.00      0.00      0.00         1
     class 2       1.00      0.67      0.80         3

    accuracy                           0.60         5
   macro avg       0.50      0.56      0.49         5
weighted avg       0.70      0.60      0.61         5
";
    assert_eq!(matrix.report().to_string(), wanted);
    let wanted = "        class 0 class 1 class 2
class 0       1       0       0
class 1       1       0       0
class 2       0       1       2";
    assert_eq!(matrix.to_string(), wanted);
}

#[test]
fn a_confusion_matrix_takes_outputs_and_rejects_what_does_not_fit() {
    use fornax_core::Array;
    let outputs = Array::from_vec([2, 3], vec![0.1, 0.8, 0.1, 0.4, 0.4, 0.2]).unwrap();
    let matrix = ConfusionMatrix::from_outputs(&vec![1, 0].into(), &outputs).unwrap();
    assert_eq!((matrix.count(1, 1), matrix.count(0, 0), matrix.accuracy()), (1, 1, 1.0));
    let error = ConfusionMatrix::from_outputs(&vec![1, 3].into(), &outputs).unwrap_err();
    assert_eq!(error.to_string(), "labels, row 1: found 3, wanted a class below 3");
    assert!(ConfusionMatrix::from_outputs(&vec![1].into(), &outputs).is_err());
    assert!(ConfusionMatrix::new(&[0], &[0, 1], 2).is_err());
    assert_eq!(ConfusionMatrix::new(&[], &[], 2).unwrap().report().macro_average().f1, 0.0);
}
