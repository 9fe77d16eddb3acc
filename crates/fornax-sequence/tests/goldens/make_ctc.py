"""Writes ctc.json: losses and gradients by the logits of torch.nn.functional.ctc_loss.

    python make_ctc.py > ctc.json

Made with PyTorch 2.15.0 in double precision. Logits are multiples of 1/64, so that the file stays small.
"""

import json

import torch


def case(seed, batch, time, classes, most, blank, lengths, given=None, zero_infinity=False):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(-160, 160, (batch, time, classes), generator=generator).double() / 64
    labels = given or []
    for length in lengths if given is None else []:
        room = [k for k in range(classes) if k != blank]
        count = int(torch.randint(0, most + 1, (1,), generator=generator))
        picked = [room[int(torch.randint(0, len(room), (1,), generator=generator))] for _ in range(count)]
        repeats = sum(a == b for a, b in zip(picked, picked[1:]))
        labels.append(picked if len(picked) + repeats <= length else picked[:1])
    logits.requires_grad_()

    def reduced(reduction):
        return torch.nn.functional.ctc_loss(
            logits.log_softmax(2).transpose(0, 1),
            torch.tensor([label for row in labels for label in row], dtype=torch.long),
            torch.tensor(lengths),
            torch.tensor([len(row) for row in labels]),
            blank=blank,
            reduction=reduction,
            zero_infinity=zero_infinity,
        )

    losses, mean = reduced("none"), reduced("mean")
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    (mean_gradient,) = torch.autograd.grad(mean, logits)
    return {
        "shape": [batch, time, classes],
        "logits": [int(x) for x in (logits * 64).flatten().tolist()],
        "lengths": lengths,
        "labels": labels,
        "blank": blank,
        "zero_infinity": zero_infinity,
        "losses": [round(x, 6) for x in losses.tolist()],
        "mean": round(mean.item(), 6),
        "gradient": [round(x, 6) for x in gradient.flatten().tolist()],
        "mean_gradient": [round(x, 6) for x in mean_gradient.flatten().tolist()],
    }


print(
    json.dumps(
        [
            case(1, 4, 7, 4, 3, 0, [7, 5, 6, 1]),
            case(2, 3, 12, 3, 6, 2, [12, 9, 10]),
            case(3, 2, 9, 6, 4, 3, [9, 4]),
            # The blank between the labels, which repeat at both sides of it.
            case(4, 4, 10, 5, 4, 2, [10, 8, 5, 7], [[0, 0, 4, 1], [3, 3, 3], [1, 1], [4, 0, 4, 0]]),
            # A label more than there are steps; one path alone; repeats that leave no step for the blank between them.
            case(5, 5, 6, 4, 4, 1, [3, 4, 4, 2, 6], [[0, 2, 3, 0], [0, 3, 3], [2, 2, 2], [3, 3], [0, 3]], zero_infinity=True),
        ]
    )
)
