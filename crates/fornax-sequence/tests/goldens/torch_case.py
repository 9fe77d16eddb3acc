"""What the goldens by PyTorch for tests/attention/parity.rs share: arrays and layers in Fornax's form, a case's record."""
import numpy as np
import torch
from torch import nn

STEPS = 30


def dump(array):
    array = np.asarray(array.detach() if isinstance(array, torch.Tensor) else array, np.float32)
    return {"shape": list(array.shape), "values": [float(f"{v:.9g}") for v in array.ravel()]}


def dump_ids(ids):
    return {"shape": list(ids.shape), "values": ids.flatten().tolist(), "dtype": "int32"}


def attention(layer):
    """query, key, value, output: kernel and bias each."""
    width, head = layer.embed_dim, layer.embed_dim // layer.num_heads
    for kernel, bias in zip(layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)):
        yield kernel.T.reshape(width, layer.num_heads, head)
        yield bias.reshape(layer.num_heads, head)
    yield layer.out_proj.weight.T.reshape(layer.num_heads, head, width)
    yield layer.out_proj.bias


def norm(layer):
    return [layer.weight, layer.bias] if layer is not None else []


def dense(layer):
    return [layer.weight.T, layer.bias]


def block(layer):
    """The weights of an encoder's or a decoder's layer."""
    weights = [*attention(layer.self_attn), *norm(layer.norm1)]
    last = layer.norm2
    if hasattr(layer, "multihead_attn"):
        weights += [*attention(layer.multihead_attn), *norm(layer.norm2)]
        last = layer.norm3
    return weights + [*dense(layer.linear1), *dense(layer.linear2), *norm(last)]


def disturb(*modules):
    """Moves every parameter, so that biases are not 0 and copies of a layer differ."""
    with torch.no_grad():
        for module in modules:
            for weight in module.parameters():
                weight.add_(0.3 * torch.randn(weight.shape))


def network(name, inputs, layers, calls):
    """The structure in Fornax's JSON form: layers as (class, arguments), calls as (layer, slots)."""
    return {"name": name, "seed": 0, "inputs": [list(shape) for shape in inputs], "outputs": [len(inputs) + len(calls) - 1],
            "calls": [{"layer": layer, "inputs": slots} for layer, slots in calls],
            "layers": [{"class_name": c, "name": f"l{i}", "trainable": True, "config": o} for i, (c, o) in enumerate(layers)]}


def crossentropy(counts, smoothing):
    """Of logits, over the labels that are not 0 at the steps that count: the function and Fornax's loss."""
    config = {"from_logits": True, "ignore_class": 0, "label_smoothing": smoothing}

    def loss(logits, labels):
        labels = torch.where(counts, labels, 0)
        return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=0, label_smoothing=smoothing)

    return loss, {"class_name": "SparseCategoricalCrossentropy", "config": config}


def trained(structure, inputs, target, weights, parameters, forward, *, loss=None, counts=None, optimizer="SGD", config=None):
    """The record of a case: the output before training and the losses of all steps.

    `weights` are parameters or views of them in Fornax's order, `counts` the steps of the output that count.
    """
    config = config or {"learning_rate": 0.1}
    of = lambda array: dump(array) if array.is_floating_point() else dump_ids(array)
    record = {"name": structure["name"], "inputs": [of(x) for x in inputs], "target": of(target),
              "weights": [dump(weight) for weight in weights]}
    output = forward()
    if counts is not None:
        record["steps"] = counts.flatten().nonzero().flatten().tolist()
        output = output.flatten(0, 1)[record["steps"]]
    record |= {"output": dump(output), "optimizer": {"class_name": optimizer, "config": config}, "network": structure}
    function = nn.functional.mse_loss
    if loss is not None:
        function, record["loss"] = loss
    rate, epsilon = config["learning_rate"], config.get("epsilon")
    step = torch.optim.Adam(parameters, rate, eps=epsilon) if optimizer == "Adam" else torch.optim.SGD(parameters, rate)
    losses = []
    for _ in range(STEPS):
        step.zero_grad()
        value = function(forward(), target)
        value.backward()
        step.step()
        losses.append(value.item())
    assert np.isfinite(losses).all() and losses[-1] < losses[0], (record["name"], losses)
    print(record["name"], losses[0], losses[-1])
    return record | {"losses": losses}
