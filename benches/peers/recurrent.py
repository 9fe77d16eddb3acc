"""The recurrent benches of the race in PyTorch and Keras: forward and backward of one layer at batch 32.

`-wide` has 50 steps of 256 units, the others 100 of 64; `-ragged` has sequences of every length up to the longest. As in
benches/recurrent.rs.
"""
BATCH = 32
BENCHES = ("lstm", "gru", "lstm-wide", "gru-wide", "lstm-ragged", "gru-ragged")


def sizes(bench):
    return (50, 256) if bench.endswith("-wide") else (100, 64)


def lengths(time):
    return [(row * 13 % BATCH + 1) * time // BATCH for row in range(BATCH)]


def torch_call(bench):
    import torch
    from torch import nn

    time, units = sizes(bench)
    layer = (nn.LSTM if bench.startswith("lstm") else nn.GRU)(units, units, batch_first=True)
    x = torch.rand(BATCH, time, units, requires_grad=True)
    dy = torch.rand(BATCH, time, units)
    ragged = torch.tensor(lengths(time)) if bench.endswith("-ragged") else None

    def call():
        layer.zero_grad(set_to_none=True)
        x.grad = None
        if ragged is None:
            y, _ = layer(x)
        else:
            packed = nn.utils.rnn.pack_padded_sequence(x, ragged, batch_first=True, enforce_sorted=False)
            y, _ = nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)
        (y * dy).sum().backward()

    return call


def keras_call(bench, jit):
    import keras
    import numpy as np
    import tensorflow as tf

    time, units = sizes(bench)
    layer = (keras.layers.LSTM if bench.startswith("lstm") else keras.layers.GRU)(units, return_sequences=True)
    layer.build((BATCH, time, units))
    x, dy = tf.random.uniform((BATCH, time, units)), tf.random.uniform((BATCH, time, units))
    mask = None
    if bench.endswith("-ragged"):
        mask = tf.constant(np.arange(time)[None] < np.array(lengths(time))[:, None])

    @tf.function(jit_compile=jit)
    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, mask=mask) * dy)
        return tape.gradient(loss, [x, *[v.value for v in layer.trainable_variables]])

    return lambda: gradients(x)[0].numpy()
