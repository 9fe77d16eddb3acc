"""Writes positions.json: encodings of positions in small models trained by PyTorch, for tests/attention/parity.rs.

Needs torch and numpy. The encodings are computed from the formulas of Vaswani et al. 2017 and, as products of complex
numbers, of Su et al. 2021 (RoFormer).
"""
import json
import pathlib

import numpy as np
import torch
from torch import nn

from torch_case import dense, disturb, network, trained

CASES = []
SAMPLES, UNITS = 2, 3


def rates(count, longest):
    """The angle from one position to the next for each pair of features."""
    return torch.tensor(float(longest), dtype=torch.float64) ** (-torch.arange(count).double() / count)


def rotated(x, longest):
    """x [batch, time, .., features]: the features i and i + half are the parts of a complex number that is turned."""
    steps, half = x.shape[1], x.shape[-1] // 2
    angles = torch.outer(torch.arange(steps).double(), rates(half, longest))
    turns = torch.polar(torch.ones_like(angles), angles).to(torch.complex64).reshape(steps, *[1] * (x.dim() - 3), half)
    turned = torch.complex(x[..., :half], x[..., half:]) * turns
    return torch.cat([turned.real, turned.imag], -1)


def sines(steps, width, longest):
    encodings = torch.empty(steps, width)
    for step in range(steps):
        for feature in range(width):
            angle = step / longest ** (2 * (feature // 2) / width)
            encodings[step, feature] = np.cos(angle) if feature % 2 else np.sin(angle)
    return encodings


def case(name, layers, calls, shape, modules, weights, forward):
    """Layers that end with a Dense a step; `forward` maps the inputs to what it takes."""
    x, target = torch.randn(SAMPLES, *shape), torch.randn(SAMPLES, shape[0], UNITS)
    last = modules[-1]
    disturb(*modules)
    parameters = [weight for module in modules for weight in module.parameters()]
    structure = network(name, [shape], [*layers, ("Dense", {"units": UNITS})], calls)
    CASES.append(trained(structure, [x], target, [*weights, *dense(last)], parameters, lambda: last(forward(x))))


def sine(name, steps, width, config):
    torch.manual_seed(len(CASES) + 1)
    encodings = sines(steps, width, config.get("max_wavelength", 10000.0))
    layers = [("SinePositionEncoding", config), ("Add", {})]
    case(name, layers, [(0, [0]), (1, [0, 1]), (2, [2])], (steps, width), [nn.Linear(width, UNITS)], [], lambda x: x + encodings)


def learned(name, steps, width, positions):
    torch.manual_seed(len(CASES) + 1)
    table = nn.Embedding(positions, width)
    layers = [("PositionEmbedding", {"sequence_length": positions}), ("Add", {})]
    modules = [table, nn.Linear(width, UNITS)]
    case(name, layers, [(0, [0]), (1, [0, 1]), (2, [2])], (steps, width), modules, [table.weight], lambda x: x + table(torch.arange(steps)))


def rotary(name, steps, width, config, heads=None):
    """A Dense, the rotation, of each head where there are heads, and another Dense."""
    torch.manual_seed(len(CASES) + 1)
    longest, first = config.get("max_wavelength", 10000.0), nn.Linear(4, width)

    def forward(x):
        y = first(x)
        if heads is None:
            return rotated(y, longest)
        return rotated(y.reshape(*y.shape[:2], heads, -1), longest).reshape(y.shape)

    layers = [("Dense", {"units": width}), ("RotaryEmbedding", config)]
    if heads is not None:
        shapes = [("Reshape", {"target_shape": shape}) for shape in ([steps, heads, width // heads], [steps, width])]
        layers = [layers[0], shapes[0], layers[1], shapes[1]]
    calls = [(at, [at]) for at in range(len(layers) + 1)]
    case(name, layers, calls, (steps, 4), [first, nn.Linear(width, UNITS)], dense(first), forward)


def attention(name, cls, config, lengths, *, heads, key_heads, width):
    """Attention that rotates queries and keys, over one sequence or from one to another, both padded behind `lengths`."""
    torch.manual_seed(len(CASES) + 1)
    features = 4
    xs = [torch.randn(len(rows), max(rows), features) for rows in lengths]
    masks = [torch.arange(max(rows)) < torch.tensor(rows)[:, None] for rows in lengths]
    for x, mask in zip(xs, masks):
        x[~mask] = 0.0
    target = torch.randn(xs[0].shape)
    weights = []
    for outer in (heads, key_heads, key_heads):
        weights += [0.5 * torch.randn(features, outer, width), 0.5 * torch.randn(outer, width)]
    weights += [0.5 * torch.randn(heads, width, features), 0.5 * torch.randn(features)]
    for weight in weights:
        weight.requires_grad_()
    query, key, value, output = zip(weights[::2], weights[1::2])
    seen = masks[-1][:, None, None].expand(-1, 1, target.shape[1], -1)
    if config.get("use_causal_mask"):
        seen = seen.tril()

    def forward():
        project = lambda x, weight: torch.einsum("btf,fhd->bthd", x, weight[0]) + weight[1]
        q, k = [rotated(project(x, weight), config["rotary"]) for x, weight in ((xs[0], query), (xs[-1], key))]
        parts = [part.transpose(1, 2) for part in (q, k, project(xs[-1], value))]
        y = nn.functional.scaled_dot_product_attention(*parts, attn_mask=seen, enable_gqa=True)
        return torch.einsum("bhtd,hdf->btf", y, output[0]) + output[1]

    count = len(xs)
    calls = [(at, [at]) for at in range(count)] + [(count, list(range(count, 2 * count)))]
    structure = network(name, [x.shape[1:] for x in xs], [("Masking", {})] * count + [(cls, config)], calls)
    loss = lambda y, target: nn.functional.mse_loss(y[masks[0]], target[masks[0]])
    CASES.append(trained(structure, xs, target, weights, weights, forward, loss=(loss, {"class_name": "MeanSquaredError", "config": {}}), counts=masks[0]))


sine("sine", 20, 6, {})
sine("sine of an odd width", 6, 5, {"max_wavelength": 50.0})
learned("position embedding", 5, 4, 7)
rotary("rotary", 20, 6, {})
rotary("rotary of heads", 6, 8, {"max_wavelength": 50.0}, heads=2)
MHA = {"num_heads": 2, "key_dim": 6, "rotary": 10000.0}
attention("self rotary", "MultiHeadAttention", MHA, [[9, 4, 1]], heads=2, key_heads=2, width=6)
attention("self rotary causal", "MultiHeadAttention", MHA | {"use_causal_mask": True}, [[9, 4, 1]], heads=2, key_heads=2, width=6)
attention("cross rotary", "MultiHeadAttention", MHA | {"rotary": 20.0}, [[3, 2], [4, 7]], heads=2, key_heads=2, width=6)
GQA = {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2, "rotary": 100.0, "use_causal_mask": True}
attention("grouped rotary causal", "GroupedQueryAttention", GQA, [[9, 4, 1]], heads=4, key_heads=2, width=4)

path = pathlib.Path(__file__).with_name("positions.json")
path.write_text(json.dumps({"peer": f"torch {torch.__version__}", "cases": CASES}, separators=(",", ":")) + "\n")
print(len(CASES), "cases,", path.stat().st_size, "bytes")
