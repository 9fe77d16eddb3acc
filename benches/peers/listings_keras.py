"""The Dense and CNN listings in Keras: test accuracy on MNIST, a JSON line a run.

    python listings_keras.py DATA LISTING SEED EPOCHS

DATA holds mnist/*-ubyte.gz. Made with keras 3.15.1 on tensorflow-cpu 2.21.
"""
import gzip
import json
import sys
import time

import keras
import numpy as np


def idx(path):
    data = gzip.open(path, "rb").read()
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def dense():
    return keras.Sequential([
        keras.layers.Input((784,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ])


def cnn():
    return keras.Sequential([
        keras.layers.Input((28, 28, 1)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ])


def main(directory, listing, seed, epochs):
    keras.utils.set_random_seed(seed)
    shape = {"dense": (-1, 784), "cnn": (-1, 28, 28, 1)}[listing]
    x = [idx(f"{directory}/mnist/{part}-images-idx3-ubyte.gz").reshape(shape) / np.float32(255) for part in ("train", "t10k")]
    y = [idx(f"{directory}/mnist/{part}-labels-idx1-ubyte.gz") for part in ("train", "t10k")]
    model = {"dense": dense, "cnn": cnn}[listing]()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    clock = time.time()
    model.fit(x[0], y[0], epochs=epochs, batch_size=32, verbose=0)
    seconds = (time.time() - clock) / epochs
    _, accuracy = model.evaluate(x[1], y[1], verbose=0)
    print(json.dumps({
        "listing": listing, "peer": f"keras {keras.__version__}", "seed": seed, "epochs": epochs,
        "seconds_per_epoch": seconds, "metrics": {"test_accuracy": accuracy},
    }), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
