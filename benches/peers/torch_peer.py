"""PyTorch's side of the race: python torch_peer.py THREADS VARIANT BENCH... prints {"bench", "ms"} a line.

THREADS 0 is PyTorch's default. VARIANT: eager or compile. The optimizer is Adam(fused=True).
"""
import json
import sys
import time

import torch
from torch import nn

BATCH = 32


def dense():
    return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10),
    )


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
        name, kind = bench.split("-", 1)
        shape = (784,) if name == "dense" else (1, 28, 28)
        calls = 1000 if name == "dense" else 60
        model = {"dense": dense, "cnn": cnn}[name]()
        run = torch.compile(model) if variant == "compile" else model
        x, y = torch.rand(BATCH * 20, *shape), torch.randint(0, 10, (BATCH * 20,))
        if kind == "fit":
            optimizer = torch.optim.Adam(model.parameters(), fused=True)
            at = 0

            def step():
                nonlocal at
                rows = torch.randperm(len(x))[:BATCH] if at == 0 else slice(at, at + BATCH)
                at = (at + BATCH) % len(x)
                optimizer.zero_grad(set_to_none=True)
                nn.functional.cross_entropy(run(x[rows]), y[rows]).backward()
                optimizer.step()

            ms = timed(calls, step)
        else:
            batch = BATCH if kind == "predict" else 1
            model.eval()
            with torch.inference_mode():
                ms = timed(calls, lambda: run(x[:batch]).softmax(1)) / batch
        print(json.dumps({"bench": bench, "ms": ms}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
