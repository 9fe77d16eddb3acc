"""Writes weights.json: weights of implicit's TF-IDF and BM25 for a small matrix.

    pip install implicit==0.7.3
    python make_weights.py > weights.json

implicit's recommenders weigh the transpose of their users by items, so that a row is an item. Every item has a user; user 0 has
all items, and user 1 all but one.
"""

import json

import numpy as np
from implicit.nearest_neighbours import bm25_weight, tfidf_weight
from scipy.sparse import csr_matrix

random = np.random.default_rng(5)
counts = random.integers(1, 9, (6, 8)) * (random.random((6, 8)) < 0.4).astype(np.float64)
counts[0] = random.integers(1, 9, 8)
counts[1] = random.integers(1, 9, 8) * (np.arange(8) != 3)
counts[5, 2] = 0.5
counts = csr_matrix(counts)
counts.sort_indices()


def entries(matrix):
    """(user, item, value) by user, then by item."""
    matrix = csr_matrix(matrix)
    matrix.sort_indices()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return [[int(row), int(column), float(value)] for row, column, value in zip(rows, matrix.indices, matrix.data)]


weights = [["tf-idf", 0, 0, entries(tfidf_weight(counts.T).T)]]
for k1, b in [(1.2, 0.75), (100.0, 0.8), (0.0, 0.0), (2.0, 1.0)]:
    weights.append(["bm25", k1, b, entries(bm25_weight(counts.T, k1, b).T)])
print(json.dumps({"counts": entries(counts), "weights": weights}))
