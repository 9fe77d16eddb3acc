"""Writes encoder_decoder.json: recurrent encoder-decoders trained by PyTorch, for tests/attention/parity.rs.

Needs torch and numpy. The equations are those of Bahdanau et al. 2015 and Luong et al. 2015 in the form that
RNNEncoderDecoder states, on nn.GRU and nn.GRUCell; source and target are padded with 0.
"""
import json
import pathlib

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from torch_case import crossentropy, disturb, network, trained

CASES = []
SOURCES = torch.tensor([[3, 7, 10, 1, 5, 2], [8, 4, 9, 0, 0, 0], [6, 0, 0, 0, 0, 0]])
TARGETS = torch.tensor([[1, 5, 3, 8, 4, 2], [1, 7, 2, 0, 0, 0], [1, 6, 6, 3, 2, 0]])
WIDTH, UNITS, WORDS = 3, 4, (11, 9)


def gru(layer, suffix=""):
    """Kernel, recurrent kernel and both biases; PyTorch's gates are r, z, n, ours z, r, n."""
    ours = lambda name: torch.cat([getattr(layer, f"{name}{suffix}").chunk(3)[gate] for gate in (1, 0, 2)])
    return [ours("weight_ih").T, ours("weight_hh").T, torch.stack([ours("bias_ih"), ours("bias_hh")])]


def case(name, attention, smoothing=0.0):
    torch.manual_seed(len(CASES) + 1)
    luong = attention == "luong"
    linear = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
    source, target = nn.Embedding(WORDS[0], WIDTH), nn.Embedding(WORDS[1], WIDTH)
    encoder = nn.GRU(WIDTH, UNITS, batch_first=True, bidirectional=True)
    bridge = nn.Linear(2 * UNITS, UNITS)
    if luong:
        decoder = nn.GRU(WIDTH, UNITS, batch_first=True)
        query, joined = linear(UNITS, 2 * UNITS), linear(3 * UNITS, UNITS)
        output = nn.Linear(UNITS, WORDS[1])
        attending = [query, joined]
    else:
        decoder = nn.GRUCell(WIDTH + 2 * UNITS, UNITS)
        query, key, score = linear(UNITS, UNITS), linear(2 * UNITS, UNITS), linear(UNITS, 1)
        output = nn.Linear(3 * UNITS + WIDTH, WORDS[1])
        attending = [query, key, score]
    modules = [source, target, encoder, decoder, bridge, output, *attending]
    disturb(*modules)
    given, labels = TARGETS[:, :-1], TARGETS[:, 1:]
    hidden = (SOURCES == 0)[:, None]

    def encode():
        packed = pack_padded_sequence(source(SOURCES), (SOURCES != 0).sum(1), batch_first=True, enforce_sorted=False)
        steps, last = encoder(packed)
        steps, _ = pad_packed_sequence(steps, batch_first=True)
        return steps, torch.tanh(bridge(torch.cat([last[0], last[1]], 1)))

    def forward():
        steps, state = encode()
        y = target(given)
        if luong:
            states, _ = decoder(y, state[None])
            scores = query(states) @ steps.mT
            contexts = scores.masked_fill(hidden, -torch.inf).softmax(-1) @ steps
            return output(torch.tanh(joined(torch.cat([contexts, states], 2))))
        logits = []
        for step in range(y.shape[1]):
            scores = score(torch.tanh(query(state)[:, None] + key(steps))).mT
            context = (scores.masked_fill(hidden, -torch.inf).softmax(-1) @ steps)[:, 0]
            state = decoder(torch.cat([y[:, step], context], 1), state)
            logits.append(output(torch.cat([state, context, y[:, step]], 1)))
        return torch.stack(logits, 1)

    weights = [source.weight, target.weight, *gru(encoder, "_l0"), *gru(encoder, "_l0_reverse"), *gru(decoder, "_l0" if luong else "")]
    weights += [bridge.weight.T, output.weight.T, query.weight.T]
    weights += [joined.weight.T] if luong else [key.weight.T, score.weight[0]]
    weights += [bridge.bias, output.bias]
    config = {"source_vocabulary": WORDS[0], "target_vocabulary": WORDS[1], "width": WIDTH, "units": UNITS, "attention": attention}
    structure = network(name, [SOURCES.shape[1:], given.shape[1:]], [("RNNEncoderDecoder", config)], [(0, [0, 1])])
    parameters = [weight for module in modules for weight in module.parameters()]
    counts = given != 0
    CASES.append(trained(structure, [SOURCES, given], labels, weights, parameters, forward, loss=crossentropy(counts, smoothing), counts=counts))


case("Bahdanau", "bahdanau")
case("Luong", "luong")
case("Luong, smoothed labels", "luong", 0.1)

path = pathlib.Path(__file__).with_name("encoder_decoder.json")
path.write_text(json.dumps({"peer": f"torch {torch.__version__}", "cases": CASES}, separators=(",", ":")) + "\n")
print(len(CASES), "cases,", path.stat().st_size, "bytes")
