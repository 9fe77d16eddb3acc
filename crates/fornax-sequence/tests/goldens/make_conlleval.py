"""Writes conlleval.json: counts of the conlleval package for random tags, most of them no valid sequences.

    pip install conlleval==0.2
    python make_conlleval.py > conlleval.json

The package is a translation of conlleval.pl of the CoNLL-2000 shared task.
"""

import json
import random

import conlleval

random.seed(1)


def sequence(prefixes, length):
    return [random.choice(prefixes) + random.choice(["-A", "-B", "-A-x"]) if random.random() < 0.8 else "O" for _ in range(length)]


def case(prefixes):
    references = [sequence(prefixes, random.randint(1, 12)) for _ in range(12)]
    predictions = [
        [tag if random.random() < 0.6 else sequence(prefixes, 1)[0] for tag in reference] for reference in references
    ]
    lines = []
    for reference, prediction in zip(references, predictions):
        lines += [f"w {a} {b}" for a, b in zip(reference, prediction)] + [""]
    result = conlleval.evaluate(lines)
    return {
        "references": references,
        "predictions": predictions,
        "overall": result["overall"]["chunks"]["stats"],
        "f1": result["overall"]["chunks"]["evals"]["f1"],
        "types": {name: slot["stats"] for name, slot in result["slots"]["chunks"].items()},
    }




print(json.dumps([case(prefixes) for prefixes in (["B", "I"], ["I"], ["B", "I", "E"], ["E", "I"])]))
