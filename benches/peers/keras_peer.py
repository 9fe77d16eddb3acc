"""Keras's side of the race: python keras_peer.py THREADS VARIANT BENCH... prints {"bench", "ms"} a line.

THREADS 0 is TensorFlow's default. VARIANT: default or jit (compile(jit_compile=True)).
"""
import json
import os
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from listings_keras import cnn, dense
from recurrent import BENCHES, keras_call

BATCH = {"mlp-large": 256, "cnn-large": 256, "resnet": 64}
SHAPE = {"dense": (784,), "mlp-large": (784,), "resnet": (32, 32, 3), "transformer": (64, 128)}
STEPS = {"dense": 400, "cnn": 60, "rnn": 200, "text": 60, "text-uniform": 60}


def mlp_large():
    return keras.Sequential([
        keras.layers.Input((784,)),
        keras.layers.Dense(1024, activation="relu"),
        keras.layers.Dense(1024, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ])


def normalized(x, channels, kernel_size, strides):
    x = keras.layers.Conv2D(channels, kernel_size, strides=strides, padding="same", use_bias=False)(x)
    return keras.layers.BatchNormalization()(x)


def resnet():
    x = keras.layers.Input((32, 32, 3))
    y = keras.layers.ReLU()(normalized(x, 16, 3, 1))
    for channels, strides in [(16, 1), (32, 2), (64, 2)]:
        inside = keras.layers.ReLU()(normalized(y, channels, 3, strides))
        inside = normalized(inside, channels, 3, 1)
        shortcut = y if strides == 1 else normalized(y, channels, 1, strides)
        y = keras.layers.ReLU()(keras.layers.add([inside, shortcut]))
    y = keras.layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, keras.layers.Dense(10, activation="softmax")(y))


def transformer():
    x = y = keras.layers.Input((64, 128))
    for _ in range(4):
        inside = keras.layers.MultiHeadAttention(8, 16, dropout=0.1)(y, y)
        y = keras.layers.LayerNormalization(epsilon=1e-5)(y + keras.layers.Dropout(0.1)(inside))
        inside = keras.layers.Dropout(0.1)(keras.layers.Dense(512, activation="relu")(y))
        inside = keras.layers.Dropout(0.1)(keras.layers.Dense(128)(inside))
        y = keras.layers.LayerNormalization(epsilon=1e-5)(y + inside)
    return keras.Model(x, keras.layers.Dense(10, activation="softmax")(keras.layers.GlobalAveragePooling1D()(y)))


def rnn():
    return keras.Sequential([
        keras.layers.Input((10, 1)),
        keras.layers.LSTM(64, return_sequences=True),
        keras.layers.LSTM(64, return_sequences=True),
        keras.layers.Dense(10, activation="softmax"),
    ])


def text():
    return keras.Sequential([
        keras.layers.Input((100,)),
        keras.layers.Embedding(10000, 128),
        keras.layers.LSTM(64),
        keras.layers.Dense(10, activation="softmax"),
    ])


MODELS = {"transformer": transformer, "rnn": rnn, "text": text, "text-uniform": text, "dense": dense, "mlp-large": mlp_large, "cnn": cnn, "cnn-large": cnn, "resnet": resnet}


def vectorize():
    """Reviews as the indices of 200 words each, a batch of 1000 at once; milliseconds a pass over all of them."""
    with open(os.environ["FORNAX_REVIEWS"], encoding="utf-8") as lines:
        texts = tf.constant([line.rstrip("\n") for line in lines])
    layer = keras.layers.TextVectorization(max_tokens=20000, output_sequence_length=200)
    layer.adapt(texts)
    batches = [texts[at : at + 1000] for at in range(0, len(texts), 1000)]
    call = tf.function(layer)
    call(batches[0])
    clock = time.perf_counter()
    for batch in batches:
        call(batch)
    return 1e3 * (time.perf_counter() - clock)


def main(threads, variant, benches):
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    rng = np.random.default_rng(1)
    for bench in benches:
        if bench in ("beam-decode", "text-fit-lazy") or bench.startswith("word2vec"):
            continue  # Keras has no decoding loop of its own, no row-sparse Adam and no word2vec.
        if bench == "text-vectorize":
            print(json.dumps({"bench": bench, "ms": vectorize()}), flush=True)
            continue
        if bench in BENCHES:
            call = keras_call(bench, variant == "jit")
            for _ in range(5):
                call()
            clock = time.perf_counter()
            for _ in range(20):
                call()
            print(json.dumps({"bench": bench, "ms": 1e3 * (time.perf_counter() - clock) / 20}), flush=True)
            continue
        name = next((name for name in sorted(MODELS, key=len, reverse=True) if bench.startswith(name + "-")), None)
        if name is None:
            continue
        kind = bench[len(name) + 1 :]
        batch, steps = BATCH.get(name, 32), STEPS.get(name, 12)
        shape = SHAPE.get(name, (28, 28, 1))
        model = MODELS[name]()
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=variant == "jit")
        x = rng.random((batch * steps, *shape), dtype=np.float32)
        y = rng.integers(0, 10, batch * steps)
        if name == "rnn":
            x, y = rng.random((batch * steps, 10, 1), dtype=np.float32), rng.integers(0, 10, (batch * steps, 10))
        if name == "text":
            x = np.minimum(10001 ** rng.random((batch * steps, 100)) - 1, 9999).astype(np.int64)
        if name == "text-uniform":
            x = rng.integers(0, 10000, (batch * steps, 100))
        if kind == "fit":
            model.fit(x[: batch * 20], y[: batch * 20], batch_size=batch, verbose=0)
            clock = time.perf_counter()
            model.fit(x, y, batch_size=batch, verbose=0)
            ms = 1e3 * (time.perf_counter() - clock) / steps
        elif kind == "predict":
            model.predict(x[: batch * 20], batch_size=batch, verbose=0)
            clock = time.perf_counter()
            model.predict(x, batch_size=batch, verbose=0)
            ms = 1e3 * (time.perf_counter() - clock) / len(x)
        else:
            # The fastest stock way to predict one sample: the model as a compiled function.
            function = tf.function(lambda x: model(x, training=False), jit_compile=variant == "jit")
            one = tf.constant(x[:1])
            for _ in range(50):
                function(one).numpy()
            clock = time.perf_counter()
            for _ in range(500):
                function(one).numpy()
            ms = 1e3 * (time.perf_counter() - clock) / 500
        print(json.dumps({"bench": bench, "ms": ms}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
