"""Writes transformer.json: Transformer layers trained by PyTorch, for tests/attention/parity.rs.

Needs torch and numpy. The cases have the form of make_attention.py: a block behind maskings and before a mean over the
steps that count and a Dense; kernels are transposed and cut into heads as Fornax has them. Then whole models from ids to
logits, with the loss over the labels that are not padding.
"""
import json
import pathlib

import numpy as np
import torch
from torch import nn

from torch_case import block, crossentropy, dense, disturb, network, norm, trained

CASES = []
SAMPLES, WIDTH, HEADS, HIDDEN = 3, 6, 2, 7


def padding(rng, shape):
    x = rng.standard_normal(shape).astype(np.float32)
    for row, length in zip(x, rng.integers(1, shape[1] + 1, shape[0])):
        row[length:] = 0.0
    return torch.tensor(x)


def ahead(steps):
    return torch.triu(torch.ones(steps, steps, dtype=torch.bool), 1)


def case(name, decoder, *, norm_first=False, activation="relu", causal=False, eps=1e-5):
    seed = len(CASES) + 1
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    options = dict(dropout=0.0, activation=activation, norm_first=norm_first, batch_first=True, layer_norm_eps=eps)
    layer = (nn.TransformerDecoderLayer if decoder else nn.TransformerEncoderLayer)(WIDTH, HEADS, HIDDEN, **options)
    last = nn.Linear(WIDTH, 3)
    disturb(layer)
    xs = [padding(rng, (SAMPLES, 5, WIDTH))] + ([padding(rng, (SAMPLES, 4, WIDTH))] if decoder else [])
    target = torch.tensor(rng.standard_normal((SAMPLES, 3)).astype(np.float32))
    masks = [(x == 0).all(-1) for x in xs]

    def forward():
        if decoder:
            y = layer(xs[0], xs[1], tgt_mask=ahead(5), tgt_key_padding_mask=masks[0], memory_key_padding_mask=masks[1])
        else:
            y = layer(xs[0], src_mask=ahead(5) if causal else None, src_key_padding_mask=masks[0])
        counts = (~masks[0]).float().unsqueeze(-1)
        return last((y * counts).sum(1) / counts.sum(1))

    config = {"intermediate_dim": HIDDEN, "num_heads": HEADS, "activation": activation, "normalize_first": norm_first, "layer_norm_epsilon": eps}
    if causal:
        config["use_causal_mask"] = True
    count = len(xs)
    layers = [("Masking", {})] * count + [("TransformerDecoder" if decoder else "TransformerEncoder", config), ("GlobalAveragePooling1D", {}), ("Dense", {"units": 3})]
    calls = [(i, [i]) for i in range(count)]
    calls += [(count, list(range(count, 2 * count))), (count + 1, [2 * count]), (count + 2, [2 * count + 1])]
    structure = network(name, [x.shape[1:] for x in xs], layers, calls)
    parameters = [*layer.parameters(), *last.parameters()]
    CASES.append(trained(structure, xs, target, [*block(layer), *dense(last)], parameters, forward))


def unmasked(name, count, *, decoder=False, **options):
    """Blocks in a row without a mask and a Dense a step; a decoder's block without a memory is a causal encoder's."""
    torch.manual_seed(len(CASES) + 1)
    layers = [nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, dropout=0.0, batch_first=True) for _ in range(count)]
    last = nn.Linear(WIDTH, 3)
    disturb(*layers)
    x, target = torch.randn(SAMPLES, 5, WIDTH), torch.randn(SAMPLES, 5, 3)

    def forward():
        y = x
        for layer in layers:
            y = layer(y, src_mask=ahead(5) if decoder else None)
        return last(y)

    config = {"intermediate_dim": HIDDEN, "num_heads": HEADS}
    ours = [("TransformerDecoder" if decoder else "TransformerEncoder", config)] * count + [("Dense", {"units": 3})]
    structure = network(name, [(5, WIDTH)], ours, [(i, [i]) for i in range(count + 1)])
    weights = [weight for layer in layers for weight in block(layer)] + dense(last)
    parameters = [weight for layer in [*layers, last] for weight in layer.parameters()]
    CASES.append(trained(structure, [x], target, weights, parameters, forward, **options))


SOURCES = torch.tensor([[3, 7, 10, 1, 5, 2], [8, 4, 9, 0, 0, 0], [6, 0, 0, 0, 0, 0]])
TARGETS = torch.tensor([[1, 5, 3, 8, 4, 2], [1, 7, 2, 0, 0, 0], [1, 6, 6, 3, 2, 0]])


def positions(steps):
    """The sines and cosines of Vaswani et al. 2017."""
    angles = torch.arange(steps).double()[:, None] * torch.exp(torch.arange(0, WIDTH, 2) * -(np.log(10000.0) / WIDTH))
    encodings = torch.zeros(steps, WIDTH)
    encodings[:, 0::2], encodings[:, 1::2] = torch.sin(angles), torch.cos(angles)
    return encodings


def whole(name, *, norm_first=False, tie=True, share=False, smoothing=0.0):
    """Two encoder and two decoder blocks from ids to logits; a target is given up to its last id but one."""
    torch.manual_seed(len(CASES) + 1)
    words = 11 if share else 9
    source, target = nn.Embedding(11, WIDTH), nn.Embedding(words, WIDTH)
    source = target if share else source
    options = dict(dropout=0.0, norm_first=norm_first, batch_first=True)
    last = lambda: nn.LayerNorm(WIDTH) if norm_first else None
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, **options), 2, last(), enable_nested_tensor=False)
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN, **options), 2, last())
    output = nn.Linear(WIDTH, words)
    disturb(encoder, decoder, output)
    for embedding in (source, target):
        nn.init.normal_(embedding.weight, std=WIDTH**-0.5)
    given, labels = TARGETS[:, :-1], TARGETS[:, 1:]

    def embed(table, ids):
        return table(ids) * WIDTH**0.5 + positions(ids.shape[1])

    def forward():
        memory = encoder(embed(source, SOURCES), src_key_padding_mask=SOURCES == 0)
        y = decoder(embed(target, given), memory, tgt_mask=ahead(given.shape[1]), tgt_key_padding_mask=given == 0, memory_key_padding_mask=SOURCES == 0)
        return y @ target.weight.T if tie else output(y)

    config = {"source_vocabulary": 11, "target_vocabulary": words, "width": WIDTH, "num_encoder_layers": 2, "num_decoder_layers": 2,
              "share_embeddings": share, "tie_output": tie, "intermediate_dim": HIDDEN, "num_heads": HEADS, "dropout": 0.0,
              "activation": "relu", "normalize_first": norm_first, "layer_norm_epsilon": 1e-5}
    structure = network(name, [SOURCES.shape[1:], given.shape[1:]], [("Transformer", config)], [(0, [0, 1])])
    weights = [] if share else [source.weight]
    weights.append(target.weight)
    for layer in [*encoder.layers, *decoder.layers]:
        weights += block(layer)
    weights += [*norm(encoder.norm), *norm(decoder.norm)] + ([] if tie else dense(output))
    modules = [encoder, decoder, target] + ([] if share else [source]) + ([] if tie else [output])
    parameters = [weight for module in modules for weight in module.parameters()]
    counts = given != 0
    CASES.append(trained(structure, [SOURCES, given], labels, weights, parameters, forward, loss=crossentropy(counts, smoothing), counts=counts, config={"learning_rate": 0.03}))


for decoder in (False, True):
    kind = "decoder" if decoder else "encoder"
    case(f"{kind} post-norm", decoder)
    case(f"{kind} pre-norm", decoder, norm_first=True)
    case(f"{kind} gelu", decoder, activation="gelu", eps=1e-3)
    case(f"{kind} pre-norm gelu", decoder, activation="gelu", norm_first=True)
case("encoder causal", False, causal=True)
whole("whole model")
whole("whole model pre-norm, smoothed labels", norm_first=True, smoothing=0.1)
whole("whole model untied, smoothed labels", tie=False, smoothing=0.1)
whole("whole model pre-norm, one embedding, untied", norm_first=True, tie=False, share=True)
unmasked("encoders without a mask, Adam", 2, optimizer="Adam", config={"learning_rate": 0.01, "epsilon": 1e-12})
unmasked("decoder without a memory", 1, decoder=True)

path = pathlib.Path(__file__).with_name("transformer.json")
path.write_text(json.dumps({"peer": f"torch {torch.__version__}", "cases": CASES}, separators=(",", ":")) + "\n")
print(len(CASES), "cases,", path.stat().st_size, "bytes")
