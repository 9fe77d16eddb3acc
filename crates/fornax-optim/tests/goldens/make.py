"""Writes optimizers.json and schedules.json: what Keras 3.15.1 on TensorFlow 2.21.0 (CPU) computes.

Each optimizer makes 10 steps on sum a_i w_i^2 / 2 - c_i w_i over a matrix [2, 3] and a vector [3]; the weights after
each step are kept. Run: `TF_CPP_MIN_LOG_LEVEL=3 python make.py` with `pip install keras==3.15.1 tensorflow-cpu==2.21.0`.
"""

import json
import pathlib

import keras
import numpy as np
import tensorflow as tf

HERE = pathlib.Path(__file__).parent
STEPS = 10
SHAPES = [(2, 3), (3,)]
START = [
    np.array([[0.5, -1.0, 0.25], [2.0, 0.125, -0.75]], "float32"),
    np.array([1.0, 0.0, -1.5], "float32"),
]
CURVE = [
    np.array([[1.0, 0.5, 2.0], [4.0, 0.25, 1.0]], "float32"),
    np.array([1.0, 3.0, 0.5], "float32"),
]
LINE = [
    np.array([[0.25, 1.0, -0.5], [0.0, 1.0, 2.0]], "float32"),
    np.array([0.5, -1.0, 0.0], "float32"),
]


def run(optimizer):
    variables = [keras.Variable(start) for start in START]
    optimizer.build(variables)
    trace = []
    for _ in range(STEPS):
        gradients = [tf.constant(a) * v.value - tf.constant(c) for a, v, c in zip(CURVE, variables, LINE)]
        optimizer.apply(gradients, variables)
        trace.append([float(x) for v in variables for x in np.ravel(v.numpy())])
    optimizer.finalize_variable_values(variables)
    final = [float(x) for v in variables for x in np.ravel(v.numpy())]
    return {"weights": trace, "final": final, "learning_rate": float(optimizer.learning_rate)}


o = keras.optimizers
s = o.schedules
CASES = {
    "sgd": lambda: o.SGD(0.1),
    "sgd_default": lambda: o.SGD(),
    "sgd_momentum": lambda: o.SGD(0.1, momentum=0.9),
    "sgd_nesterov": lambda: o.SGD(0.1, momentum=0.9, nesterov=True),
    "sgd_weight_decay": lambda: o.SGD(0.1, weight_decay=0.1),
    "sgd_clipnorm": lambda: o.SGD(0.1, clipnorm=1.5),
    "sgd_clipvalue": lambda: o.SGD(0.1, clipvalue=0.5),
    "sgd_global_clipnorm": lambda: o.SGD(0.1, global_clipnorm=2.0),
    "sgd_ema": lambda: o.SGD(0.1, use_ema=True, ema_momentum=0.7),
    "sgd_ema_overwrite": lambda: o.SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3),
    "sgd_schedule": lambda: o.SGD(s.ExponentialDecay(0.2, 3, 0.5)),
    "adam": lambda: o.Adam(0.05),
    "adam_default": lambda: o.Adam(),
    "adam_amsgrad": lambda: o.Adam(0.3, beta_1=0.5, beta_2=0.7, amsgrad=True),
    "adam_weight_decay_clipnorm": lambda: o.Adam(0.05, weight_decay=0.2, clipnorm=1.0),
    "adamw": lambda: o.AdamW(0.05),
    "adamax": lambda: o.Adamax(0.05),
    "nadam": lambda: o.Nadam(0.05),
    "rmsprop": lambda: o.RMSprop(0.05),
    "rmsprop_momentum": lambda: o.RMSprop(0.05, momentum=0.9),
    "rmsprop_centered": lambda: o.RMSprop(0.05, centered=True),
    "rmsprop_all": lambda: o.RMSprop(0.05, rho=0.8, momentum=0.5, epsilon=1e-3, centered=True),
    "adagrad": lambda: o.Adagrad(0.1),
    "adadelta": lambda: o.Adadelta(1.0),
    "lion": lambda: o.Lion(0.03),
}

SCHEDULES = [
    s.ExponentialDecay(0.1, 7, 0.5),
    s.ExponentialDecay(0.1, 7, 0.5, staircase=True),
    s.CosineDecay(0.1, 20),
    s.CosineDecay(0.01, 20, alpha=0.1, warmup_target=0.2, warmup_steps=8),
    s.CosineDecayRestarts(0.1, 5),
    s.CosineDecayRestarts(0.1, 4, t_mul=1.0, m_mul=0.5, alpha=0.05),
    s.CosineDecayRestarts(0.1, 3, t_mul=1.5, m_mul=0.9, alpha=0.01),
    s.PiecewiseConstantDecay([3, 10], [0.3, 0.2, 0.1]),
    s.PolynomialDecay(0.1, 12),
    s.PolynomialDecay(0.1, 12, end_learning_rate=0.01, power=2.0, cycle=True),
    s.InverseTimeDecay(0.1, 5, 0.5),
    s.InverseTimeDecay(0.1, 5, 0.5, staircase=True),
]
AT = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 17, 20, 23, 24, 25, 30, 40]


def versions():
    return {"keras": keras.__version__, "tensorflow": tf.__version__}


def write(name, value):
    (HERE / name).write_text(json.dumps({"versions": versions(), **value}) + "\n")


write("optimizers.json", {"cases": {name: run(make()) for name, make in CASES.items()}})
write(
    "schedules.json",
    {
        "steps": AT,
        "cases": [
            {
                "schedule": {"class_name": type(schedule).__name__, "config": schedule.get_config()},
                "rates": [float(schedule(step)) for step in AT],
            }
            for schedule in SCHEDULES
        ],
    },
)
