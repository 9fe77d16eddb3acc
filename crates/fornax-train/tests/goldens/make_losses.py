"""Writes losses.json and metrics.json: what Keras 3.15.1 on TensorFlow 2.21.0 (CPU) computes.

Run: `TF_CPP_MIN_LOG_LEVEL=3 python make_losses.py` with `pip install keras==3.15.1 tensorflow-cpu==2.21.0`.
"""

import json
import pathlib

import keras
import numpy as np
import tensorflow as tf
from keras.src import backend

HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(7)
L = keras.losses
M = keras.metrics


def probabilities(*shape):
    x = np.exp(random.normal(size=shape))
    return (x / x.sum(-1, keepdims=True)).astype("float32")


def uniform(*shape):
    return random.uniform(0.02, 0.98, size=shape).astype("float32")


def normal(*shape):
    return random.normal(size=shape).astype("float32")


def binary(*shape):
    return random.integers(0, 2, size=shape).astype("float32")


def one_hot(*shape):
    return np.eye(shape[-1], dtype="float32")[random.integers(0, shape[-1], size=shape[:-1])]


def labels(classes, *shape):
    return random.integers(0, classes, size=shape).astype("int32")


WEIGHTS = np.array([0.5, 2.0, 0.0, 1.25], "float32")
STEPS = random.uniform(0, 2, size=(4, 3)).astype("float32")
MASK = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 0]], bool)


def array(x):
    kind = "int" if x.dtype.kind == "i" else "float"
    return {"shape": list(x.shape), "values": [float(v) for v in np.ravel(x)], "kind": kind}


def prediction(y_pred, activation, mask):
    y = tf.constant(y_pred)
    if activation is not None:
        y = getattr(keras.activations, activation)(y)
    if mask is not None:
        backend.set_keras_mask(y, tf.constant(mask))
    return y


def loss(make, y_true, y_pred, weight=None, mask=None, activation=None):
    unreduced = make(reduction=None)(tf.constant(y_true), prediction(y_pred, activation, None))
    whole = make()
    reduced = whole(tf.constant(y_true), prediction(y_pred, activation, mask), weight)
    return {
        # Keras leaves some arguments out of the configuration (the delta of Huber).
        "loss": {"class_name": type(whole).__name__, "config": {**whole.get_config(), **getattr(make, "arguments", {})}},
        "y_true": array(y_true),
        "y_pred": array(y_pred),
        "activation": activation,
        "weight": None if weight is None else array(weight),
        "mask": None if mask is None else array(mask.astype("int32")),
        "losses": [float(x) for x in np.ravel(unreduced)],
        "reduced": float(reduced),
    }


def with_arguments(cls, **arguments):
    def make(**more):
        return cls(**arguments, **more)

    make.arguments = arguments
    return make


def losses():
    sparse, categorical, bce = L.SparseCategoricalCrossentropy, L.CategoricalCrossentropy, L.BinaryCrossentropy
    logits = {"from_logits": True}
    for weight in (None, WEIGHTS):
        yield loss(sparse, labels(5, 4), probabilities(4, 5), weight)
        yield loss(sparse, labels(5, 4, 1), uniform(4, 5), weight)
        yield loss(with_arguments(sparse, **logits), labels(5, 4), 3 * normal(4, 5), weight)
        yield loss(sparse, labels(5, 4), 30 * normal(4, 5), weight, activation="softmax")
        yield loss(with_arguments(sparse, ignore_class=1), np.array([1, 0, 2, 1], "int32"), probabilities(4, 3), weight)
        yield loss(with_arguments(sparse, ignore_class=-1, **logits), np.array([-1, 0, 2, 1], "int32"), normal(4, 3), weight)
        yield loss(categorical, one_hot(4, 5), uniform(4, 5), weight)
        yield loss(with_arguments(categorical, **logits), probabilities(4, 5), 3 * normal(4, 5), weight)
        yield loss(with_arguments(categorical, label_smoothing=0.2), one_hot(4, 5), probabilities(4, 5), weight)
        yield loss(categorical, one_hot(4, 5), 30 * normal(4, 5), weight, activation="softmax")
        yield loss(categorical, one_hot(4, 5), normal(4, 5), weight, activation="sigmoid")
        for y_true, shape in [(binary(4, 1), (4, 1)), (binary(4), (4, 1)), (uniform(4, 3), (4, 3))]:
            yield loss(bce, y_true, uniform(*shape), weight)
            yield loss(with_arguments(bce, **logits), y_true, 3 * normal(*shape), weight)
            yield loss(with_arguments(bce, label_smoothing=0.3, **logits), y_true, normal(*shape), weight)
            yield loss(with_arguments(bce, label_smoothing=0.3), y_true, uniform(*shape), weight)
            yield loss(bce, y_true, 40 * normal(*shape), weight, activation="sigmoid")
        yield loss(bce, binary(4, 2), np.array([[0, 1], [1, 0], [0, 1], [1, 1]], "float32"), weight)
        focal = L.BinaryFocalCrossentropy
        yield loss(focal, binary(4, 3), uniform(4, 3), weight)
        yield loss(with_arguments(focal, apply_class_balancing=True, alpha=0.4, gamma=1.5), binary(4, 3), uniform(4, 3), weight)
        yield loss(with_arguments(focal, label_smoothing=0.1, gamma=3.0, **logits), binary(4, 3), normal(4, 3), weight)
        yield loss(focal, binary(4, 3), normal(4, 3), weight, activation="sigmoid")
        focal = L.CategoricalFocalCrossentropy
        yield loss(focal, one_hot(4, 3), uniform(4, 3), weight)
        yield loss(with_arguments(focal, alpha=0.7, gamma=0.5, label_smoothing=0.1, **logits), one_hot(4, 3), normal(4, 3), weight)
        for cls in [L.MeanSquaredError, L.MeanAbsoluteError, L.MeanAbsolutePercentageError, L.LogCosh, L.Huber, L.CosineSimilarity]:
            yield loss(cls, normal(4, 3), 2 * normal(4, 3), weight)
            yield loss(cls, normal(4), normal(4, 1), weight)
        yield loss(with_arguments(L.Huber, delta=0.3), normal(4, 3), 2 * normal(4, 3), weight)
        yield loss(L.MeanSquaredLogarithmicError, normal(4, 3), 2 * normal(4, 3), weight)
        yield loss(L.MeanAbsolutePercentageError, np.zeros((4, 2), "float32"), uniform(4, 2) * 1e-6, weight)
        yield loss(L.CosineSimilarity, np.zeros((4, 2), "float32"), normal(4, 2), weight)
        yield loss(L.KLDivergence, probabilities(4, 3), probabilities(4, 3), weight)
        yield loss(L.Poisson, labels(4, 4, 2).astype("float32"), uniform(4, 2), weight)
        for cls in [L.Hinge, L.SquaredHinge]:
            yield loss(cls, binary(4, 2), normal(4, 2), weight)
            yield loss(cls, 2 * binary(4, 2) - 1, normal(4, 2), weight)
        yield loss(L.CategoricalHinge, one_hot(4, 3), normal(4, 3), weight)
    yield loss(L.Dice, binary(4, 3), uniform(4, 3))
    yield loss(L.Tversky, binary(4, 3), uniform(4, 3))
    yield loss(with_arguments(L.Tversky, alpha=0.2, beta=0.9), binary(4, 3), uniform(4, 3))
    for weight in (None, STEPS):
        for mask in (None, MASK):
            yield loss(sparse, labels(5, 4, 3), probabilities(4, 3, 5), weight, mask)
            yield loss(sparse, labels(5, 4, 3), normal(4, 3, 5), weight, mask, activation="softmax")
            yield loss(with_arguments(sparse, ignore_class=2), labels(5, 4, 3), probabilities(4, 3, 5), weight, mask)
            yield loss(categorical, one_hot(4, 3, 5), probabilities(4, 3, 5), weight, mask)
            yield loss(bce, binary(4, 3, 1), uniform(4, 3, 1), weight, mask)
            yield loss(L.MeanSquaredError, normal(4, 3, 2), normal(4, 3, 2), weight, mask)
    yield loss(L.MeanSquaredError, normal(4, 3, 2), normal(4, 3, 2), None, np.zeros((4, 3), bool))


def metric(name, made, batches):
    states = []
    for y_true, y_pred, weight, mask in batches:
        made.update_state(tf.constant(y_true), prediction(y_pred, None, mask), weight)
        states.append(float(made.result()))
    return {
        "name": name,
        "keras_name": type(made).__name__,
        "results": states,
        "batches": [
            {
                "y_true": array(y_true),
                "y_pred": array(y_pred),
                "weight": None if weight is None else array(weight),
                "mask": None if mask is None else array(mask.astype("int32")),
            }
            for y_true, y_pred, weight, mask in batches
        ],
    }


def metrics():
    def flat(name, make, truth, guess):
        """Two batches without weights, and two with."""
        yield metric(name, make(), [(truth(), guess(), None, None) for _ in range(2)])
        yield metric(name, make(), [(truth(), guess(), WEIGHTS, None) for _ in range(2)])

    def steps(name, make, truth, guess):
        for weight in (None, STEPS):
            for mask in (None, MASK):
                yield metric(name, make(), [(truth(), guess(), weight, mask) for _ in range(2)])

    yield from flat("binary_accuracy", M.BinaryAccuracy, lambda: binary(4, 2), lambda: uniform(4, 2))
    yield from flat("binary_accuracy_column", M.BinaryAccuracy, lambda: binary(4), lambda: uniform(4, 1))
    yield from flat("binary_accuracy_0.3", lambda: M.BinaryAccuracy(threshold=0.3), lambda: binary(4, 2), lambda: uniform(4, 2))
    yield from flat("categorical_accuracy", M.CategoricalAccuracy, lambda: one_hot(4, 3), lambda: probabilities(4, 3))
    yield from flat("sparse_categorical_accuracy", M.SparseCategoricalAccuracy, lambda: labels(3, 4), lambda: probabilities(4, 3))
    yield from flat("sparse_categorical_accuracy", M.SparseCategoricalAccuracy, lambda: labels(3, 4, 1), lambda: probabilities(4, 3))
    yield from steps("sparse_categorical_accuracy", M.SparseCategoricalAccuracy, lambda: labels(3, 4, 3), lambda: probabilities(4, 3, 3))
    yield from steps("categorical_accuracy", M.CategoricalAccuracy, lambda: one_hot(4, 3, 2), lambda: probabilities(4, 3, 2))
    yield from steps("binary_accuracy", M.BinaryAccuracy, lambda: binary(4, 3, 1), lambda: uniform(4, 3, 1))
    top = lambda: M.TopKCategoricalAccuracy(k=2)
    yield from flat("top_2", top, lambda: one_hot(4, 5), lambda: probabilities(4, 5))
    ties = np.array([[0.2, 0.2, 0.2, 0.4], [0.1, 0.3, 0.3, 0.3]] * 2, "float32")
    top = lambda: M.SparseTopKCategoricalAccuracy(k=2)
    yield from flat("sparse_top_2", top, lambda: labels(4, 4), lambda: ties)
    yield from flat("sparse_top_2", top, lambda: labels(5, 4), lambda: probabilities(4, 5))
    for name, cls in [
        ("true_positives", M.TruePositives),
        ("true_negatives", M.TrueNegatives),
        ("false_positives", M.FalsePositives),
        ("false_negatives", M.FalseNegatives),
        ("precision", M.Precision),
        ("recall", M.Recall),
        ("auc", M.AUC),
    ]:
        yield from flat(name, cls, lambda: binary(4, 3), lambda: uniform(4, 3))
        yield from flat(name, cls, lambda: binary(4), lambda: uniform(4, 1))
    for name, cls in [("precision", M.Precision), ("recall", M.Recall)]:
        yield from flat(name + "_0.3", lambda: cls(thresholds=0.3), lambda: binary(4, 3), lambda: uniform(4, 3))
        yield from flat(name + "_top_2", lambda: cls(top_k=2), lambda: binary(4, 4), lambda: uniform(4, 4))
        yield from flat(name + "_class_1", lambda: cls(class_id=1), lambda: binary(4, 3), lambda: uniform(4, 3))
    for curve in ("ROC", "PR"):
        for method in ("interpolation", "minoring", "majoring"):
            make = lambda: M.AUC(num_thresholds=7, curve=curve, summation_method=method)
            yield from flat(f"auc_7_{curve}_{method}", make, lambda: binary(4, 5), lambda: uniform(4, 5))
        yield from flat(f"auc_{curve}", lambda: M.AUC(curve=curve), lambda: binary(4, 5), lambda: uniform(4, 5))
    yield from flat("auc_logits", lambda: M.AUC(from_logits=True), lambda: binary(4, 5), lambda: normal(4, 5))
    for average in ("micro", "macro", "weighted"):
        make = lambda: M.F1Score(average=average)
        yield from flat(f"f1_{average}", make, lambda: one_hot(4, 3), lambda: probabilities(4, 3))
        make = lambda: M.FBetaScore(average=average, beta=0.5, threshold=0.4)
        yield from flat(f"fbeta_{average}", make, lambda: binary(4, 3), lambda: uniform(4, 3))
    for name, cls in [
        ("mean_squared_error", M.MeanSquaredError),
        ("root_mean_squared_error", M.RootMeanSquaredError),
        ("mean_absolute_error", M.MeanAbsoluteError),
        ("mean_absolute_percentage_error", M.MeanAbsolutePercentageError),
        ("mean_squared_logarithmic_error", M.MeanSquaredLogarithmicError),
        ("log_cosh", M.LogCoshError),
        ("cosine_similarity", M.CosineSimilarity),
        ("hinge", M.Hinge),
        ("squared_hinge", M.SquaredHinge),
        ("r2_score", M.R2Score),
    ]:
        yield from flat(name, cls, lambda: normal(4, 2), lambda: normal(4, 2))
    yield from steps("mean_squared_error", M.MeanSquaredError, lambda: normal(4, 3, 2), lambda: normal(4, 3, 2))
    # Keras's root mean squared error forgets the mask, unlike its other means; fornax's does not.
    make = M.RootMeanSquaredError
    yield metric("root_mean_squared_error", make(), [(normal(4, 3, 2), normal(4, 3, 2), STEPS, None) for _ in range(2)])
    yield from flat("categorical_hinge", M.CategoricalHinge, lambda: one_hot(4, 3), lambda: normal(4, 3))
    yield from flat("kl_divergence", M.KLDivergence, lambda: probabilities(4, 3), lambda: probabilities(4, 3))
    yield from flat("poisson", M.Poisson, lambda: uniform(4, 3), lambda: uniform(4, 3))
    yield from flat("binary_crossentropy", M.BinaryCrossentropy, lambda: binary(4, 3), lambda: uniform(4, 3))
    yield from flat("categorical_crossentropy", M.CategoricalCrossentropy, lambda: one_hot(4, 3), lambda: uniform(4, 3))
    yield from flat("sparse_categorical_crossentropy", M.SparseCategoricalCrossentropy, lambda: labels(3, 4), lambda: uniform(4, 3))
    mean_iou = lambda: M.MeanIoU(4)
    yield metric("mean_iou", mean_iou(), [(labels(4, 4), labels(4, 4), None, None) for _ in range(3)])
    mean_iou = lambda: M.MeanIoU(4, sparse_y_pred=False, ignore_class=1, dtype="float32")
    yield metric("mean_iou_probabilities", mean_iou(), [(labels(4, 4, 3), probabilities(4, 3, 4), None, None) for _ in range(3)])
    yield metric("iou", M.IoU(4, [0, 2]), [(labels(4, 4), labels(4, 4), None, None) for _ in range(3)])
    yield metric("binary_iou", M.BinaryIoU(), [(binary(4, 3), uniform(4, 3), None, None) for _ in range(3)])


def versions():
    return {"keras": keras.__version__, "tensorflow": tf.__version__}


def write(name, cases):
    text = ",\n".join(json.dumps(case) for case in cases)
    (HERE / name).write_text('{"versions": %s, "cases": [\n%s\n]}\n' % (json.dumps(versions()), text))


write("losses.json", losses())
write("metrics.json", metrics())
