"""PyTorch's side of the race: python torch_peer.py THREADS VARIANT BENCH... prints {"bench", "ms"} a line.

THREADS 0 is PyTorch's default. VARIANT: eager or compile. The optimizer is Adam(fused=True).
"""
import json
import sys
import time

import torch
from torch import nn

from recurrent import BENCHES, torch_call

BATCH = {"mlp-large": 256, "cnn-large": 256, "resnet": 64}
SHAPE = {"dense": (784,), "mlp-large": (784,), "resnet": (3, 32, 32)}
CALLS = {"dense": 1000, "cnn": 60, "rnn": 400, "text": 60}


def mlp(units):
    return nn.Sequential(nn.Linear(784, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU(), nn.Linear(units, 10))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10),
    )


def normalized(before, channels, kernel_size, stride):
    return nn.Sequential(
        nn.Conv2d(before, channels, kernel_size, stride, kernel_size // 2, bias=False), nn.BatchNorm2d(channels))


class Block(nn.Module):
    def __init__(self, before, channels, stride):
        super().__init__()
        self.first, self.second = normalized(before, channels, 3, stride), normalized(channels, channels, 3, 1)
        self.shortcut = nn.Identity() if stride == 1 else normalized(before, channels, 1, stride)

    def forward(self, x):
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))


def resnet():
    return nn.Sequential(
        normalized(3, 16, 3, 1), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )


class Rnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.dense = nn.LSTM(1, 64, 2, batch_first=True), nn.Linear(64, 10)

    def forward(self, x):
        return self.dense(self.lstm(x)[0]).transpose(1, 2)


class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.dense = nn.Embedding(10000, 128), nn.LSTM(128, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x):
        return self.dense(self.lstm(self.embedding(x))[0][:, -1])


MODELS = {"rnn": Rnn, "text": Text, "dense": lambda: mlp(64), "mlp-large": lambda: mlp(1024), "cnn": cnn, "cnn-large": cnn, "resnet": resnet}


def timed(calls, call):
    for _ in range(max(calls // 10, 5)):
        call()
    clock = time.perf_counter()
    for _ in range(calls):
        call()
    return 1e3 * (time.perf_counter() - clock) / calls


def main(threads, variant, benches):
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(1)
    for bench in benches:
        if bench in BENCHES:
            if variant == "eager":
                print(json.dumps({"bench": bench, "ms": timed(40, torch_call(bench))}), flush=True)
            continue
        name = next(name for name in sorted(MODELS, key=len, reverse=True) if bench.startswith(name + "-"))
        kind = bench[len(name) + 1 :]
        batch, calls = BATCH.get(name, 32), CALLS.get(name, 12)
        model = MODELS[name]()
        run = torch.compile(model) if variant == "compile" else model
        x, y = torch.rand(batch * 20, *SHAPE.get(name, (1, 28, 28))), torch.randint(0, 10, (batch * 20,))
        if name == "rnn":
            x, y = torch.rand(batch * 20, 10, 1), torch.randint(0, 10, (batch * 20, 10))
        if name == "text":
            x = torch.randint(0, 10000, (batch * 20, 100))
        if kind == "fit":
            optimizer = torch.optim.Adam(model.parameters(), fused=True)
            at = 0

            def step():
                nonlocal at
                rows = torch.randperm(len(x))[:batch] if at == 0 else slice(at, at + batch)
                at = (at + batch) % len(x)
                optimizer.zero_grad(set_to_none=True)
                nn.functional.cross_entropy(run(x[rows]), y[rows]).backward()
                optimizer.step()

            ms = timed(calls, step)
        else:
            batch = batch if kind == "predict" else 1
            model.eval()
            with torch.inference_mode():
                ms = timed(calls, lambda: run(x[:batch]).softmax(1)) / batch
        print(json.dumps({"bench": bench, "ms": ms}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
