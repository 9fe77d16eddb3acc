"""Writes crf.json: log-likelihoods, gradients and best paths of pytorch-crf's `CRF`.

    pip install pytorch-crf==0.7.2
    python make_crf.py > crf.json

Made with pytorch-crf 0.7.2 on PyTorch 2.15.0 in double precision. Scores are multiples of 1/64.
"""

import json

import torch
from torchcrf import CRF


def case(seed, batch, time, tags, lengths):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return (torch.randint(-160, 160, shape, generator=generator).double() / 64).requires_grad_()

    crf = CRF(tags, batch_first=True).double()
    start, end, transitions, emissions = draw(tags), draw(tags), draw(tags, tags), draw(batch, time, tags)
    crf.start_transitions.data = start.data
    crf.end_transitions.data = end.data
    crf.transitions.data = transitions.data
    labels = torch.randint(0, tags, (batch, time), generator=generator)
    mask = torch.arange(time)[None, :] < torch.tensor(lengths)[:, None]
    losses = -crf(emissions, labels, mask=mask, reduction="none")
    losses.mean().backward()
    gradients = [emissions.grad, crf.transitions.grad, crf.start_transitions.grad, crf.end_transitions.grad]
    whole = lambda x: [int(v) for v in (x.detach() * 64).flatten().tolist()]
    return {
        "shape": [batch, time, tags],
        "lengths": lengths,
        "emissions": whole(emissions),
        "transitions": whole(transitions),
        "start": whole(start),
        "end": whole(end),
        "labels": labels.flatten().tolist(),
        "losses": [round(x, 6) for x in losses.tolist()],
        "gradients": [[round(x, 6) for x in gradient.flatten().tolist()] for gradient in gradients],
        "paths": crf.decode(emissions, mask=mask),
    }


print(json.dumps([case(1, 3, 6, 4, [6, 4, 1]), case(2, 2, 9, 3, [5, 9])]))
