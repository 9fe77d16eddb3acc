"""Writes attention.json: attention layers and a tied embedding in small models trained by Keras, for tests/attention/parity.rs.

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


def pad(x, where, rng):
    """Zeros behind each sequence, with "left" before it, with "holes" anywhere but at the first step."""
    if where == "holes":
        hidden = rng.random(x.shape[:2]) < 0.5
        hidden[:, 0] = False
        x[hidden] = 0.0
        return
    steps = x.shape[1]
    for row, length in zip(x, rng.integers(1, steps + 1, SAMPLES)):
        row[slice(steps - length) if where == "left" else slice(length, None)] = 0.0


def case(name, cls, config, inputs, call, *, masking=False, causal=False, optimizer=("SGD", {"learning_rate": 0.1})):
    """A layer on `inputs`, called with the slots `call`, behind maskings and before a mean over time and a Dense."""
    rng = np.random.default_rng(len(CASES) + 1)
    slots = [keras.Input(shape) for shape in inputs]
    layers, calls, given = [], [], []
    masked = [index for index in range(min(3, len(inputs))) if masking and index in call[:3]]
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
        if index in call[3:]:
            x = rng.integers(0, 2, (SAMPLES, *shape)).astype(np.float32)
            x[..., 0] = 1.0
        else:
            x = rng.standard_normal((SAMPLES, *shape)).astype(np.float32)
            if index in masked:
                pad(x, masking, rng)
        xs.append(x)
    if 2 in masked:
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


def tied(name, words, width, steps):
    """An embedding of ids, a Dense, and logits by the embedding's own table."""
    rng = np.random.default_rng(len(CASES) + 1)
    ids, labels = rng.integers(0, words, (2, SAMPLES, steps))
    embedding, dense = keras.layers.ReversibleEmbedding(words, width), keras.layers.Dense(width, activation="tanh")
    slot = keras.Input((steps,), dtype="int32")
    model = keras.Model(slot, embedding(dense(embedding(slot)), reverse=True))
    model.set_weights([rng.standard_normal(weight.shape).astype(np.float32) for weight in model.get_weights()])
    layers = [("ReversibleEmbedding", {"input_dim": words, "output_dim": width}), ("Dense", {"units": width, "activation": "tanh"})]
    record = {"name": name, "inputs": [dump(ids) | {"dtype": "int32"}], "target": dump(labels) | {"dtype": "int32"},
              "output": dump(model.predict_on_batch(ids)), "weights": [dump(weight) for weight in model.get_weights()],
              "optimizer": {"class_name": "SGD", "config": {"learning_rate": 0.1}},
              "loss": {"class_name": "SparseCategoricalCrossentropy", "config": {"from_logits": True}},
              "network": {"name": name, "seed": 0, "inputs": [[steps]], "outputs": [3],
                          "layers": [{"class_name": c, "name": f"l{i}", "trainable": True, "config": o} for i, (c, o) in enumerate(layers)],
                          "calls": [{"layer": layer, "inputs": [slot]} for slot, layer in enumerate([0, 1, 0])]}}
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    record["losses"] = [float(model.train_on_batch(ids, labels)) for _ in range(STEPS)]
    assert record["losses"][-1] < record["losses"][0], record["losses"]
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
for where in ("left", "holes"):
    case(f"self, {where}", "MultiHeadAttention", MHA, [(6, 4)], [0], masking=where)
    case(f"self causal, {where}", "MultiHeadAttention", MHA, [(6, 4)], [0], masking=where, causal=True)
    case(f"cross, {where}", "MultiHeadAttention", MHA, [(3, 4), (5, 6)], [0, 1], masking=where)
case("cross with a key, holes", "MultiHeadAttention", MHA, [(3, 4), (5, 6), (5, 2)], [0, 1, 2], masking="holes")
case("window, holes", "MultiHeadAttention", MHA | {"sliding_window": 3}, [(6, 4)], [0], masking="holes")
case("attention mask, padded", "MultiHeadAttention", MHA, [(3, 4), (5, 6), (5, 2), (3, 5)], [0, 1, 2, 3], masking=True)
case("attention mask causal, holes", "MultiHeadAttention", MHA, [(4, 4), (4, 6), (4, 2), (4, 4)], [0, 1, 2, 3], masking="holes", causal=True)
case("attention mask of self, padded causal", "MultiHeadAttention", MHA, [(5, 4), (5, 5)], [0, 0, 0, 1], masking=True, causal=True)
case("grouped padded", "GroupedQueryAttention", GQA, [(6, 4)], [0], masking=True)
case("grouped causal, left", "GroupedQueryAttention", GQA, [(6, 4)], [0], masking="left", causal=True)
case("grouped attention mask", "GroupedQueryAttention", GQA, [(3, 4), (5, 4), (5, 6), (3, 5)], [0, 1, 2, 3])
case("grouped attention mask, holes", "GroupedQueryAttention", GQA, [(3, 4), (5, 4), (3, 5)], [0, 1, 1, 2], masking="holes")
case("grouped window", "GroupedQueryAttention", GQA | {"sliding_window": 2}, [(6, 4)], [0])
case("grouped window causal padded", "GroupedQueryAttention", GQA | {"sliding_window": 3}, [(6, 4)], [0], masking=True, causal=True)
case("dot padded causal", "Attention", {"use_scale": True}, [(4, 4), (4, 4)], [0, 1], masking=True, causal=True)
case("dot with a key, holes", "Attention", {}, [(3, 4), (5, 3), (5, 4)], [0, 1, 2], masking="holes")
case("dot concat padded", "Attention", {"score_mode": "concat", "use_scale": True}, [(3, 4), (5, 4)], [0, 1], masking=True)
case("dot concat causal, holes", "Attention", {"score_mode": "concat"}, [(4, 4), (4, 4)], [0, 1], masking="holes", causal=True)
case("additive padded causal", "AdditiveAttention", {}, [(4, 4), (4, 4)], [0, 1], masking=True, causal=True)
case("additive, holes", "AdditiveAttention", {}, [(3, 4), (5, 4)], [0, 1], masking="holes")
tied("reversible embedding", 11, 6, 5)

path = pathlib.Path(__file__).with_name("attention.json")
path.write_text(json.dumps({"peer": f"keras {keras.__version__}", "cases": CASES}, separators=(",", ":")) + "\n")
print(len(CASES), "cases,", path.stat().st_size, "bytes")
