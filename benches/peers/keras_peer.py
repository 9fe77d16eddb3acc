"""Keras's side of the race: python keras_peer.py THREADS VARIANT BENCH... prints {"bench", "ms"} a line.

THREADS 0 is TensorFlow's default. VARIANT: default or jit (compile(jit_compile=True)).
"""
import json
import sys
import time

import keras
import numpy as np
import tensorflow as tf

from listings_keras import cnn, dense

BATCH = 32


def main(threads, variant, benches):
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    rng = np.random.default_rng(1)
    for bench in benches:
        name, kind = bench.split("-", 1)
        steps = 400 if name == "dense" else 60
        shape = (784,) if name == "dense" else (28, 28, 1)
        model = {"dense": dense, "cnn": cnn}[name]()
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=variant == "jit")
        x = rng.random((BATCH * steps, *shape), dtype=np.float32)
        y = rng.integers(0, 10, BATCH * steps)
        if kind == "fit":
            model.fit(x[: BATCH * 20], y[: BATCH * 20], batch_size=BATCH, verbose=0)
            clock = time.perf_counter()
            model.fit(x, y, batch_size=BATCH, verbose=0)
            ms = 1e3 * (time.perf_counter() - clock) / steps
        elif kind == "predict":
            model.predict(x[: BATCH * 20], batch_size=BATCH, verbose=0)
            clock = time.perf_counter()
            model.predict(x, batch_size=BATCH, verbose=0)
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
