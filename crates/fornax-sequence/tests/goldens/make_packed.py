"""Writes packed.json: two stacked bidirectional layers of PyTorch on packed sequences, for tests/recurrent/packed.rs.

Needs torch. Each case: the weights of both layers, padded inputs with their lengths, outputs and last states, and the
gradients of a random linear functional of the outputs by the inputs and the weights.
"""
import json
import pathlib

import torch
from torch import nn

torch.manual_seed(1)
LENGTHS = [5, 2, 6, 1, 3]
numbers = lambda tensor: {"shape": list(tensor.shape), "values": [float(f"{x:.9g}") for x in tensor.detach().flatten().tolist()]}
cases = []
for name in ("RNN", "LSTM", "GRU"):
    model = getattr(nn, name)(3, 4, num_layers=2, batch_first=True, bidirectional=True)
    x = torch.randn(len(LENGTHS), max(LENGTHS), 3)
    for row, length in zip(x, LENGTHS):
        row[length:] = 0.0
    x.requires_grad_()
    packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    output, states = model(packed)
    output, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
    functional = torch.randn_like(output)
    (output * functional).sum().backward()
    states = states if isinstance(states, tuple) else (states,)
    cases.append({
        "name": name, "lengths": LENGTHS, "x": numbers(x), "output": numbers(output), "functional": numbers(functional),
        "states": [numbers(state) for state in states], "dx": numbers(x.grad),
        "weights": {key: numbers(weight) for key, weight in model.named_parameters()},
        "gradients": {key: numbers(weight.grad) for key, weight in model.named_parameters()},
    })
pathlib.Path(__file__).with_name("packed.json").write_text(json.dumps({"peer": f"torch {torch.__version__}", "cases": cases}))
