"""Writes packed.json: stacked bidirectional layers of PyTorch on packed sequences, for tests/recurrent/packed.rs.

Needs torch. Each case: the weights of all layers, padded inputs with their lengths, outputs and last states, and the
gradients of a random linear functional of the outputs by the inputs and the weights. The later cases have initial
states, a functional of outputs and last states, and the losses of 30 steps of the layers and a Linear on the mean over
the steps that count; they are made in double precision, of numbers that are short in the file.
"""
import json
import pathlib

import torch
from torch import nn

torch.manual_seed(1)
LENGTHS = [5, 2, 6, 1, 3]
numbers = lambda tensor, digits=9: {"shape": list(tensor.shape), "values": [float(f"{x:.{digits}g}") for x in tensor.detach().flatten().tolist()]}
cases = []


def run(model, x, lengths, *states):
    packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    output, last = model(packed, *states)
    output, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
    return output, last if isinstance(last, tuple) else (last,)


for name in ("RNN", "LSTM", "GRU"):
    model = getattr(nn, name)(3, 4, num_layers=2, batch_first=True, bidirectional=True)
    x = torch.randn(len(LENGTHS), max(LENGTHS), 3)
    for row, length in zip(x, LENGTHS):
        row[length:] = 0.0
    x.requires_grad_()
    output, states = run(model, x, LENGTHS)
    functional = torch.randn_like(output)
    (output * functional).sum().backward()
    cases.append({
        "name": name, "lengths": LENGTHS, "x": numbers(x), "output": numbers(output), "functional": numbers(functional),
        "states": [numbers(state) for state in states], "dx": numbers(x.grad),
        "weights": {key: numbers(weight) for key, weight in model.named_parameters()},
        "gradients": {key: numbers(weight.grad) for key, weight in model.named_parameters()},
    })


def train(name, model, x, lengths, given):
    """The last Linear, targets, and the losses. Where ours has one bias, the sum of PyTorch's, only bias_ih is moved."""
    last = nn.Linear(2 * model.hidden_size, 2, dtype=torch.double)
    target = short([len(lengths), 2], 16)
    record = {"dense": {"kernel": numbers(last.weight.T), "bias": numbers(last.bias)}, "target": numbers(target), "losses": []}
    moved = [weight for key, weight in model.named_parameters() if name == "GRU" or "bias_hh" not in key]
    optimizer = torch.optim.SGD([*moved, *last.parameters()], lr=0.1)
    for _ in range(30):
        output, _ = run(model, x, lengths, given)
        loss = nn.functional.mse_loss(last(output.sum(1) / torch.tensor(lengths)[:, None]), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        record["losses"].append(loss.item())
    assert record["losses"][-1] < record["losses"][0], record["losses"]
    print(name, record["losses"][0], record["losses"][-1])
    return record


def short(shape, most):
    return torch.randint(-most, most + 1, shape).double() / 16


def case(name, layers, units, lengths):
    torch.manual_seed(len(cases) + 1)
    model = getattr(nn, name)(3, units, num_layers=layers, batch_first=True, bidirectional=True, dtype=torch.double)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(short(weight.shape, 6))
    x = short([len(lengths), max(lengths), 3], 32)
    # A step of zeros would be padding.
    x[(x == 0).all(-1)] = 1.0
    for row, length in zip(x, lengths):
        row[length:] = 0.0
    initial = [short([2 * layers, len(lengths), units], 12) for _ in range(2 if name == "LSTM" else 1)]
    inputs = [x, *initial]
    for tensor in inputs:
        tensor.requires_grad_()
    given = tuple(initial) if name == "LSTM" else initial[0]
    output, states = run(model, x, lengths, given)
    functionals = [torch.randint(-1, 2, tensor.shape).double() for tensor in (output, *states)]
    sum((tensor * functional).sum() for tensor, functional in zip((output, *states), functionals)).backward()
    brief = lambda tensor: numbers(tensor, 7)
    record = {
        "name": name, "lengths": lengths, "x": numbers(x), "output": brief(output), "functional": numbers(functionals[0]),
        "states": [brief(state) for state in states], "state_functionals": [numbers(functional) for functional in functionals[1:]],
        "initial": [numbers(state) for state in initial], "dx": brief(x.grad), "dinitial": [brief(state.grad) for state in initial],
        "weights": {key: numbers(weight) for key, weight in model.named_parameters()},
        "gradients": {key: brief(weight.grad) for key, weight in model.named_parameters()},
    }
    cases.append(record | train(name, model, x.detach(), lengths, given))


for name in ("RNN", "LSTM", "GRU"):
    case(name, 2, 4, LENGTHS)
case("LSTM", 1, 20, [*range(1, 14), 2, 13, 1, 4])

text = json.dumps({"peer": f"torch {torch.__version__}", "cases": cases}, separators=(",", ":")).replace(".0,", ",").replace(".0]", "]")
path = pathlib.Path(__file__).with_name("packed.json")
path.write_text(text + "\n")
print(len(cases), "cases,", path.stat().st_size, "bytes")
