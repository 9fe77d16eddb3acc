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
SHAPE = {"dense": (784,), "mlp-large": (784,), "resnet": (3, 32, 32), "transformer": (64, 128)}
CALLS = {"dense": 1000, "cnn": 60, "rnn": 400, "text": 60, "text-uniform": 60}


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


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1)


def transformer():
    layer = nn.TransformerEncoderLayer(128, 8, 512, dropout=0.1, batch_first=True)
    return nn.Sequential(nn.TransformerEncoder(layer, 4, enable_nested_tensor=False), Mean(), nn.Linear(128, 10))


class Translator(nn.Module):
    """Three blocks each of 256 features, decoded by beam search with the whole prefix at every step."""

    def __init__(self, vocabulary=8000, width=256):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        options = dict(d_model=width, nhead=8, dim_feedforward=512, batch_first=True)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**options), 3, enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**options), 3)
        positions = torch.arange(64)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
        self.positions = torch.stack([positions.sin(), positions.cos()], -1).reshape(64, width)

    def embed(self, ids):
        return self.embedding(ids) * self.embedding.embedding_dim**0.5 + self.positions[: ids.shape[1]]

    def beam_search(self, sources, beams=5, steps=32):
        count, vocabulary = len(sources), self.embedding.num_embeddings
        memory = self.encoder(self.embed(sources)).repeat_interleave(beams, 0)
        tokens = torch.ones(count * beams, 1, dtype=torch.long)
        scores = torch.full((count, beams), -1e9)
        scores[:, 0] = 0.0
        for step in range(steps):
            mask = nn.Transformer.generate_square_subsequent_mask(step + 1)
            y = self.decoder(self.embed(tokens), memory, tgt_mask=mask, tgt_is_causal=True)[:, -1]
            logits = (y @ self.embedding.weight.T).log_softmax(-1).view(count, beams, vocabulary)
            scores, best = (scores[..., None] + logits).view(count, -1).topk(beams)
            rows = (best // vocabulary + beams * torch.arange(count)[:, None]).view(-1)
            tokens = torch.cat([tokens[rows], (best % vocabulary).view(-1, 1)], 1)
        return tokens


class Rnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.dense = nn.LSTM(1, 64, 2, batch_first=True), nn.Linear(64, 10)

    def forward(self, x):
        return self.dense(self.lstm(x)[0]).transpose(1, 2)


class Text(nn.Module):
    def __init__(self, sparse=False):
        super().__init__()
        self.embedding = nn.Embedding(10000, 128, sparse=sparse)
        self.lstm, self.dense = nn.LSTM(128, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x):
        return self.dense(self.lstm(self.embedding(x))[0][:, -1])


MODELS = {"transformer": transformer, "rnn": Rnn, "text": Text, "text-uniform": Text, "dense": lambda: mlp(64), "mlp-large": lambda: mlp(1024), "cnn": cnn, "cnn-large": cnn, "resnet": resnet}


class Optimizers:
    """SparseAdam for the table, Adam for the rest."""

    def __init__(self, model):
        rest = [weight for name, weight in model.named_parameters() if not name.startswith("embedding")]
        self.all = [torch.optim.SparseAdam(model.embedding.parameters()), torch.optim.Adam(rest, fused=True)]

    def zero_grad(self, set_to_none):
        for optimizer in self.all:
            optimizer.zero_grad(set_to_none=set_to_none)

    def step(self):
        for optimizer in self.all:
            optimizer.step()


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
        if bench.startswith("word2vec") or bench == "text-vectorize":
            continue
        if bench == "beam-decode":
            if variant == "eager":
                model, sources = Translator().eval(), torch.randint(3, 8000, (8, 20))
                with torch.inference_mode():
                    ms = timed(5, lambda: model.beam_search(sources))
                print(json.dumps({"bench": bench, "ms": ms}), flush=True)
            continue
        if bench in BENCHES:
            if variant == "eager":
                print(json.dumps({"bench": bench, "ms": timed(40, torch_call(bench))}), flush=True)
            continue
        name = next((name for name in sorted(MODELS, key=len, reverse=True) if bench.startswith(name + "-")), None)
        if name is None:
            continue
        kind = bench[len(name) + 1 :]
        batch, calls = BATCH.get(name, 32), CALLS.get(name, 12)
        lazy = kind == "fit-lazy"
        if lazy and variant != "eager":
            continue
        model = Text(sparse=True) if lazy else MODELS[name]()
        run = torch.compile(model) if variant == "compile" else model
        x, y = torch.rand(batch * 20, *SHAPE.get(name, (1, 28, 28))), torch.randint(0, 10, (batch * 20,))
        if name == "rnn":
            x, y = torch.rand(batch * 20, 10, 1), torch.randint(0, 10, (batch * 20, 10))
        if name == "text":
            x = (10001 ** torch.rand(batch * 20, 100) - 1).long().clamp_max(9999)
        if name == "text-uniform":
            x = torch.randint(0, 10000, (batch * 20, 100))
        if kind in ("fit", "fit-lazy"):
            optimizer = Optimizers(model) if lazy else torch.optim.Adam(model.parameters(), fused=True)
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
