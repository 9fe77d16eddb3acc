"""Small models trained by Keras, for fornax_testkit::parity.

Needs keras==3.15.1 and tensorflow-cpu==2.21. Every case names what it covers. A case holds the structure in
Fornax's own JSON form (layers by Keras class name with Keras's arguments), the initial weights, the inputs and
targets, the output at the initial weights without training, and, where it is trained, every step's loss and the
final weights. Batches are taken in order, without shuffling. A script calls case(...) and then write(path).
"""
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np

assert keras.__version__ == "3.15.1", keras.__version__
CASES, ARRAYS = [], {}
SAMPLES, BATCH, STEPS = 12, 5, 50


def case(name, inputs, layers, calls=None, outputs=None, *, y="normal", loss="MeanSquaredError", loss_config=None,
         optimizer=("SGD", {"learning_rate": 0.01}), steps=STEPS, x="normal", covers=(), loss_weights=None,
         sample_weight=False, scale=0.5, frozen=(), samples=SAMPLES, batch=BATCH, stateful=False):
    """A model of `layers` [(class, config)], in sequence unless `calls` [(layer, [slots])] says otherwise."""
    # What Keras keeps of earlier models would fill the memory.
    keras.utils.clear_session()
    seed = len(CASES) + 1
    rng = np.random.default_rng(seed)
    inputs = [list(shape) for shape in inputs]
    calls = calls or [(i, [i]) for i in range(len(layers))]
    outputs = outputs or [len(inputs) + len(calls) - 1]
    built = []
    for index, (cls, config) in enumerate(layers):
        config = {k: keras_object(v) for k, v in config.items()}
        config.pop("batch_size", None)
        built.append(getattr(keras.layers, cls)(**config, name=f"l{index}", trainable=index not in frozen))
    slots = [keras.Input(batch_shape=(batch, *shape)) if stateful else keras.Input(shape) for shape in inputs]
    for layer, arguments in calls:
        given = [slots[a] for a in arguments]
        if len(given) > 1 and isinstance(built[layer], (keras.layers.RNN, keras.layers.Bidirectional)):
            # Beside states Keras hands no mask on by itself.
            result = built[layer](given[0], initial_state=given[1:], mask=getattr(given[0], "_keras_mask", None))
        elif len(given) > 1 and layers[layer][0].endswith("Cell"):
            # The output is the first of the next states.
            result = built[layer](given[0], given[1:])[1]
        else:
            result = built[layer](given[0] if len(given) == 1 else given)
        slots.extend(result if isinstance(result, (list, tuple)) else [result])
    model = keras.Model(slots[: len(inputs)], [slots[o] for o in outputs])
    for layer in built:
        layer.set_weights([initial(rng, w, scale) for w in layer.weights])
    reset = lambda: [layer.reset_state() for layer in built if stateful and hasattr(layer, "reset_state")]
    reset()

    xs = [values(rng, x, (samples, *shape)) for shape in inputs]
    shown = [x[:batch] for x in xs] if stateful else xs
    first = model.predict_on_batch(shown if len(xs) > 1 else shown[0])
    firsts = first if isinstance(first, list) else [first]
    reset()
    ys = [targets(rng, y, (samples, *out.shape[1:])) for out in firsts]
    weight = rng.uniform(0.2, 2.0, samples).astype(np.float32) if sample_weight else None
    key = f"{seed:03}"
    record = {
        "name": name, "key": key, "covers": list(covers) or [cls for cls, _ in layers], "steps": steps, "batch": batch,
        "loss": {"class_name": loss, "config": loss_config or {}},
        "optimizer": {"class_name": optimizer[0], "config": optimizer[1]},
        "loss_weights": loss_weights, "inputs": len(xs), "outputs": len(ys), "sample_weight": sample_weight,
        "weights": [len(layer.weights) for layer in built],
        "network": {
            "name": name, "seed": 0, "inputs": inputs, "outputs": outputs,
            "layers": [{"class_name": cls, "name": f"l{i}", "trainable": i not in frozen, "config": config}
                       for i, (cls, config) in enumerate(layers)],
            "calls": [{"layer": layer, "inputs": arguments} for layer, arguments in calls],
        },
    }
    store = lambda kind, arrays: [ARRAYS.__setitem__(f"{key}/{kind}/{i}", np.asarray(a, np.float32)) for i, a in enumerate(arrays)]
    store("x", xs)
    store("y", ys)
    store("first", firsts)
    store("before", [w for layer in built for w in layer.get_weights()])
    if weight is not None:
        store("weight", [weight])
    if steps:
        loss_object = getattr(keras.losses, loss)(**(loss_config or {}))
        model.compile(optimizer=getattr(keras.optimizers, optimizer[0])(**{k: schedule(v) for k, v in optimizer[1].items()}),
                      loss=[loss_object] * len(ys), loss_weights=loss_weights)
        losses = []
        for step in range(steps):
            start = step % -(-samples // batch) * batch
            rows = slice(start, min(start + batch, samples))
            model.reset_metrics()
            logs = model.train_on_batch([x[rows] for x in xs] if len(xs) > 1 else xs[0][rows],
                                        [y[rows] for y in ys] if len(ys) > 1 else ys[0][rows],
                                        sample_weight=None if weight is None else weight[rows], return_dict=True)
            losses.append(float(logs["loss"]))
        assert np.isfinite(losses).all() and max(losses[-3:]) < 1.0 + 2 * max(losses[:3]), (name, losses)
        store("losses", [losses])
        store("after", [w for layer in built for w in layer.get_weights()])
    CASES.append(record)
    print(f"{key} {name}")


def keras_object(value):
    """{"class_name", "config"} as an object of Keras."""
    if isinstance(value, dict) and "class_name" in value:
        for module in (keras.regularizers, keras.constraints, keras.initializers, keras.layers):
            if hasattr(module, value["class_name"]):
                return getattr(module, value["class_name"])(**value.get("config", {}))
    return value


def schedule(value):
    if isinstance(value, dict):
        return getattr(keras.optimizers.schedules, value["class_name"])(**value["config"])
    return value


def initial(rng, weight, scale):
    if "variance" in weight.path:
        return rng.uniform(0.5, 1.5, weight.shape).astype(np.float32)
    if weight.path.endswith(("gamma", "scale")):
        return rng.uniform(0.5, 1.5, weight.shape).astype(np.float32)
    return (scale * rng.standard_normal(weight.shape)).astype(np.float32)


def values(rng, kind, shape):
    if isinstance(kind, int):
        return rng.integers(0, kind, shape).astype(np.int32)
    if kind == "padded":
        x = rng.standard_normal(shape).astype(np.float32)
        for row, length in zip(x, rng.integers(1, shape[1] + 1, shape[0])):
            row[length:] = 0.0
        return x
    if kind == "padded in front":
        x = rng.standard_normal(shape).astype(np.float32)
        for row, length in zip(x, rng.integers(1, shape[1] + 1, shape[0])):
            row[: shape[1] - length] = 0.0
        return x
    if kind in ("holes", "holes, one row empty"):
        x = rng.standard_normal(shape).astype(np.float32)
        x[rng.random(shape[:2]) < 0.4] = 0.0
        if kind != "holes":
            x[1] = 0.0
        return x
    return rng.standard_normal(shape).astype(np.float32)


def targets(rng, kind, shape):
    if kind == "class":
        return rng.integers(0, shape[-1], shape[:-1]).astype(np.int32)
    if kind == "one_hot":
        return np.eye(shape[-1], dtype=np.float32)[rng.integers(0, shape[-1], shape[:-1])]
    if kind == "binary":
        return rng.integers(0, 2, shape).astype(np.float32)
    if kind == "sign":
        return (2 * rng.integers(0, 2, shape) - 1).astype(np.float32)
    if kind == "positive":
        return rng.uniform(0.1, 2.0, shape).astype(np.float32)
    if kind == "distribution":
        y = rng.uniform(0.1, 1.0, shape)
        return (y / y.sum(-1, keepdims=True)).astype(np.float32)
    return rng.standard_normal(shape).astype(np.float32)


def write(path):
    """A safetensors file: eight bytes of header length, the header, the tensors one after the other."""
    header, offset = {"__metadata__": {"cases": json.dumps(CASES), "peer": f"keras {keras.__version__}"}}, 0
    for name, array in ARRAYS.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in ARRAYS.values():
            file.write(np.ascontiguousarray(array, "<f4").tobytes())
    print(len(CASES), "cases,", offset, "bytes")
