"""What keras.layers.TextVectorization makes of texts: python make_text_vectorization.py > text_vectorization.json

Made with keras 3.15.1 on tensorflow-cpu 2.21. Vocabularies are without the places of padding and unknown tokens.
"""
import json
import sys

import keras
import tensorflow as tf

TRAIN = [
    "The cat sat on the mat.", "A dog, a cat & the rest!", "  Don't stop -- it's 3.5%  ", "", "the the THE dog's [dog] {cat}",
    "tab\there\nline", "x_y z^2 ~ `quoted` \"text\"",
]
TEST = ["the cat and the dog", "Stop: IT'S unknown words", "", "mat mat mat z2 xy 35 rest here"]
SETTINGS = [
    {},
    {"output_sequence_length": 3},
    {"max_tokens": 7},
    {"ngrams": 2},
    {"ngrams": 3, "max_tokens": 12, "output_mode": "count"},
    {"standardize": None},
    {"standardize": "lower"},
    {"standardize": "strip_punctuation"},
    {"split": "character", "max_tokens": 15},
    {"output_mode": "multi_hot"},
    {"output_mode": "count", "max_tokens": 40, "pad_to_max_tokens": True},
    {"output_mode": "tf_idf"},
    {"output_mode": "tf_idf", "max_tokens": 9, "ngrams": 2},
]

cases = []
for settings in SETTINGS:
    layer = keras.layers.TextVectorization(**settings)
    layer.adapt(TRAIN)
    output = layer(tf.constant(TEST)).numpy()
    special = 2 if settings.get("output_mode", "int") == "int" else 1
    cases.append({
        "settings": settings,
        "vocabulary": layer.get_vocabulary()[special:],
        "shape": list(output.shape),
        "output": [float(value) for value in output.ravel()],
    })
json.dump({"train": TRAIN, "test": TEST, "cases": cases}, sys.stdout)
print()
