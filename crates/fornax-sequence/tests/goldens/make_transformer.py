"""Writes transformer.json: Transformer layers trained by PyTorch, for tests/attention/parity.rs.

Needs torch and numpy. The cases have the form of make_attention.py: a block behind maskings and before a mean over the
steps that count and a Dense; kernels are transposed and cut into heads as Fornax has them.
"""
import json
import pathlib

import numpy as np
import torch
from torch import nn

CASES = []
SAMPLES, STEPS, WIDTH, HEADS, HIDDEN = 3, 30, 6, 2, 7


def dump(array):
    array = np.asarray(array.detach() if isinstance(array, torch.Tensor) else array, np.float32)
    return {"shape": list(array.shape), "values": [float(f"{v:.9g}") for v in array.ravel()]}


def attention(layer):
    """query, key, value, output: kernel and bias each."""
    width, head = layer.embed_dim, layer.embed_dim // layer.num_heads
    for kernel, bias in zip(layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)):
        yield kernel.T.reshape(width, layer.num_heads, head)
        yield bias.reshape(layer.num_heads, head)
    yield layer.out_proj.weight.T.reshape(layer.num_heads, head, width)
    yield layer.out_proj.bias


def norm(layer):
    return [layer.weight, layer.bias]


def feed_forward(layer, last):
    return [layer.linear1.weight.T, layer.linear1.bias, layer.linear2.weight.T, layer.linear2.bias, *norm(last)]


def padding(rng, shape):
    x = rng.standard_normal(shape).astype(np.float32)
    for row, length in zip(x, rng.integers(1, shape[1] + 1, shape[0])):
        row[length:] = 0.0
    return torch.tensor(x)


def case(name, decoder, *, norm_first=False, activation="relu", causal=False, eps=1e-5):
    seed = len(CASES) + 1
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    options = dict(dropout=0.0, activation=activation, norm_first=norm_first, batch_first=True, layer_norm_eps=eps)
    layer = (nn.TransformerDecoderLayer if decoder else nn.TransformerEncoderLayer)(WIDTH, HEADS, HIDDEN, **options)
    dense = nn.Linear(WIDTH, 3)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.add_(0.3 * torch.randn(weight.shape))
    xs = [padding(rng, (SAMPLES, 5, WIDTH))] + ([padding(rng, (SAMPLES, 4, WIDTH))] if decoder else [])
    target = torch.tensor(rng.standard_normal((SAMPLES, 3)).astype(np.float32))
    masks = [(x == 0).all(-1) for x in xs]
    ahead = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)

    def forward():
        if decoder:
            y = layer(xs[0], xs[1], tgt_mask=ahead, tgt_key_padding_mask=masks[0], memory_key_padding_mask=masks[1])
        else:
            y = layer(xs[0], src_mask=ahead if causal else None, src_key_padding_mask=masks[0])
        counts = (~masks[0]).float().unsqueeze(-1)
        return dense((y * counts).sum(1) / counts.sum(1))

    norms = [layer.norm1, layer.norm2] + ([layer.norm3] if decoder else [])
    weights = [*attention(layer.self_attn), *norm(norms[0])]
    if decoder:
        weights += [*attention(layer.multihead_attn), *norm(norms[1])]
    weights += [*feed_forward(layer, norms[-1]), dense.weight.T, dense.bias]
    config = {"intermediate_dim": HIDDEN, "num_heads": HEADS, "activation": activation, "normalize_first": norm_first, "layer_norm_epsilon": eps}
    if causal:
        config["use_causal_mask"] = True
    count = len(xs)
    layers = [("Masking", {})] * count + [("TransformerDecoder" if decoder else "TransformerEncoder", config), ("GlobalAveragePooling1D", {}), ("Dense", {"units": 3})]
    calls = [{"layer": i, "inputs": [i]} for i in range(count)]
    calls += [{"layer": count, "inputs": list(range(count, 2 * count))}, {"layer": count + 1, "inputs": [2 * count]}, {"layer": count + 2, "inputs": [2 * count + 1]}]
    record = {"name": name, "inputs": [dump(x) for x in xs], "target": dump(target), "weights": [dump(w) for w in weights],
              "output": dump(forward()), "optimizer": {"class_name": "SGD", "config": {"learning_rate": 0.1}},
              "network": {"name": name, "seed": 0, "inputs": [list(x.shape[1:]) for x in xs], "outputs": [2 * count + 2], "calls": calls,
                          "layers": [{"class_name": c, "name": f"l{i}", "trainable": True, "config": o} for i, (c, o) in enumerate(layers)]}}
    optimizer = torch.optim.SGD([*layer.parameters(), *dense.parameters()], lr=0.1)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(forward(), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all() and losses[-1] < losses[0], (name, losses)
    CASES.append(record | {"losses": losses})
    print(name, losses[0], losses[-1])


for decoder in (False, True):
    kind = "decoder" if decoder else "encoder"
    case(f"{kind} post-norm", decoder)
    case(f"{kind} pre-norm", decoder, norm_first=True)
    case(f"{kind} gelu", decoder, activation="gelu", eps=1e-3)
    case(f"{kind} pre-norm gelu", decoder, activation="gelu", norm_first=True)
case("encoder causal", False, causal=True)

path = pathlib.Path(__file__).with_name("transformer.json")
path.write_text(json.dumps({"peer": f"torch {torch.__version__}", "cases": CASES}, separators=(",", ":")) + "\n")
print(len(CASES), "cases,", path.stat().st_size, "bytes")
