"""Writes attention.json: attention layers in small models trained by Keras, for tests/attention/parity.rs.

Needs keras==3.15.1 and tensorflow-cpu==2.21. A case holds the structure in Fornax's own JSON form, the initial weights
in the layers' order, inputs and targets, the output before training, and the losses of 30 steps on all samples.
"""
import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np

assert keras.__version__ == "3.15.1", keras.__version__
CASES = []
SAMPLES, STEPS = 4, 30


def case(name, cls, config, inputs, call, *, masking=False, causal=False, optimizer=("SGD", {"learning_rate": 0.1})):
    """A layer on `inputs`, called with the slots `call`, behind maskings and before a mean over time and a Dense."""
    rng = np.random.default_rng(len(CASES) + 1)
    slots = [keras.Input(shape) for shape in inputs]
    layers, calls, given = [], [], []
    masked = [index for index in range(min(3, len(inputs))) if masking and index in call]
    for index in masked:
        layers.append(("Masking", {}))
        calls.append({"layer": len(layers) - 1, "inputs": [index]})
    slot_of = {index: len(inputs) + at for at, index in enumerate(masked)}
    ours = [slot_of.get(index, index) for index in call]
    keras_slots = list(slots)
    for index in masked:
        keras_slots[index] = keras.layers.Masking()(slots[index])
    # Keras exports the class under another name than its own.
    layer = getattr(keras.layers, cls.replace("Grouped", "Group"))(**config)
    tensors = [keras_slots[index] for index in call]
    if cls.endswith("QueryAttention") or cls == "MultiHeadAttention":
        if len(tensors) == 1:
            tensors = tensors * 2
        names = ["query", "value", "key", "attention_mask"]
        y = layer(**dict(zip(names, tensors)), use_causal_mask=causal)
    else:
        y = layer(tensors, use_causal_mask=causal)
    pooled = keras.layers.GlobalAveragePooling1D()(y)
    dense = keras.layers.Dense(3)
    model = keras.Model(slots, dense(pooled))
    layers += [(cls, dict(config, **({"use_causal_mask": True} if causal else {}))), ("GlobalAveragePooling1D", {}), ("Dense", {"units": 3})]
    first = len(layers) - 3
    for step, layer_inputs in enumerate([ours, None, None]):
        slot = len(inputs) + len(calls) - 1
        calls.append({"layer": first + step, "inputs": layer_inputs or [slot]})
    model.set_weights([(0.5 * rng.standard_normal(w.shape)).astype(np.float32) for w in model.get_weights()])
    xs = []
    for index, shape in enumerate(inputs):
        if index == 3:
            x = rng.integers(0, 2, (SAMPLES, *shape)).astype(np.float32)
            x[..., 0] = 1.0
        else:
            x = rng.standard_normal((SAMPLES, *shape)).astype(np.float32)
            if index in masked:
                for row, length in zip(x, rng.integers(1, shape[0] + 1, SAMPLES)):
                    row[length:] = 0.0
        xs.append(x)
    if masking and len(inputs) > 2:
        xs[2][(xs[1] == 0).all(-1)] = 0.0
    target = rng.standard_normal((SAMPLES, 3)).astype(np.float32)
    record = {"name": name, "inputs": [dump(x) for x in xs], "target": dump(target), "output": dump(model.predict_on_batch(xs)),
              "weights": [dump(np.reshape(w, np.shape(w) or (1,))) for w in model.get_weights()],
              "optimizer": {"class_name": optimizer[0], "config": optimizer[1]},
              "network": {"name": name, "seed": 0, "inputs": [list(shape) for shape in inputs], "outputs": [len(inputs) + len(calls) - 1],
                          "layers": [{"class_name": c, "name": f"l{i}", "trainable": True, "config": o} for i, (c, o) in enumerate(layers)],
                          "calls": calls}}
    model.compile(optimizer=getattr(keras.optimizers, optimizer[0])(**optimizer[1]), loss="mse")
    record["losses"] = [float(model.train_on_batch(xs, target)) for _ in range(STEPS)]
    assert np.isfinite(record["losses"]).all() and record["losses"][-1] < record["losses"][0], (name, record["losses"])
    CASES.append(record)
    print(name, record["losses"][0], record["losses"][-1])


def dump(array):
    array = np.asarray(array, np.float32)
    return {"shape": list(array.shape), "values": [float(f"{v:.9g}") for v in array.ravel()]}


MHA = {"num_heads": 2, "key_dim": 3}
case("self", "MultiHeadAttention", MHA, [(5, 4)], [0])
case("self Adam", "MultiHeadAttention", MHA, [(5, 4)], [0], optimizer=("Adam", {"learning_rate": 0.02}))
case("self causal", "MultiHeadAttention", MHA, [(5, 4)], [0], causal=True)
case("self padded", "MultiHeadAttention", MHA, [(6, 4)], [0], masking=True)
case("self padded causal", "MultiHeadAttention", MHA, [(6, 4)], [0], masking=True, causal=True)
case("widths", "MultiHeadAttention", MHA | {"value_dim": 5, "output_shape": 6}, [(5, 4)], [0])
case("without bias", "MultiHeadAttention", MHA | {"use_bias": False}, [(5, 4)], [0])
case("gate", "MultiHeadAttention", MHA | {"use_gate": True}, [(5, 4)], [0])
case("window", "MultiHeadAttention", MHA | {"sliding_window": 2}, [(6, 4)], [0])
case("window causal padded", "MultiHeadAttention", MHA | {"sliding_window": 3}, [(6, 4)], [0], masking=True, causal=True)
case("cross", "MultiHeadAttention", MHA, [(3, 4), (5, 6)], [0, 1])
case("cross padded", "MultiHeadAttention", MHA, [(3, 4), (5, 6)], [0, 1], masking=True)
case("cross with a key padded", "MultiHeadAttention", MHA, [(3, 4), (5, 6), (5, 2)], [0, 1, 2], masking=True)
case("attention mask", "MultiHeadAttention", MHA, [(3, 4), (5, 6), (5, 2), (3, 5)], [0, 1, 2, 3])
case("attention mask of heads, causal", "MultiHeadAttention", MHA, [(4, 4), (4, 6), (4, 2), (2, 4, 4)], [0, 1, 2, 3], causal=True)
regular = {"class_name": "L2", "config": {"l2": 0.02}}
case("regularizers", "MultiHeadAttention", MHA | {"kernel_regularizer": regular, "activity_regularizer": regular, "bias_regularizer": regular}, [(5, 4)], [0])
GQA = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
case("grouped", "GroupedQueryAttention", GQA, [(5, 4)], [0])
case("grouped, one key head", "GroupedQueryAttention", GQA | {"num_key_value_heads": 1, "use_gate": True}, [(5, 4)], [0], causal=True)
case("grouped cross padded", "GroupedQueryAttention", GQA, [(3, 4), (5, 4)], [0, 1], masking=True)
for name, config in [("plain", {}), ("scale", {"use_scale": True}), ("concat", {"score_mode": "concat", "use_scale": True}), ("concat plain", {"score_mode": "concat"})]:
    case(f"dot {name}", "Attention", config, [(3, 4), (5, 4)], [0, 1])
case("dot padded", "Attention", {"use_scale": True}, [(3, 4), (5, 4)], [0, 1], masking=True)
case("dot with a key, causal", "Attention", {}, [(4, 4), (4, 3), (4, 4)], [0, 1, 2], causal=True)
case("additive", "AdditiveAttention", {}, [(3, 4), (5, 4)], [0, 1])
case("additive padded", "AdditiveAttention", {}, [(3, 4), (5, 4)], [0, 1], masking=True)
case("additive causal without scale", "AdditiveAttention", {"use_scale": False}, [(4, 4), (4, 3), (4, 4)], [0, 1, 2], causal=True)

path = pathlib.Path(__file__).with_name("attention.json")
path.write_text(json.dumps({"peer": f"keras {keras.__version__}", "cases": CASES}, separators=(",", ":")) + "\n")
print(len(CASES), "cases,", path.stat().st_size, "bytes")
