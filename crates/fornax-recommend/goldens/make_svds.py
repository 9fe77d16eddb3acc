"""Singular values and vectors of a sparse matrix by SciPy: `python make_svds.py > svds.json` (scipy 1.17, numpy 2)."""
import json

import numpy as np
import scipy
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import svds

rng = np.random.default_rng(5)
rows, columns, count, rank = 60, 45, 500, 6
flat = rng.choice(rows * columns, count, replace=False)
entries = [(int(at // columns), int(at % columns), int(rng.integers(1, 6))) for at in np.sort(flat)]
r, c, v = zip(*entries)
matrix = coo_matrix((np.array(v, float), (r, c)), (rows, columns))
u, s, vt = svds(matrix, k=rank, random_state=0)
order = np.argsort(-s)
u, s, vt = u[:, order], s[order], vt[order]
sign = np.sign(vt[np.arange(rank), np.abs(vt).argmax(1)])
rounded = lambda x: np.round(x, 7).tolist()
print(json.dumps({
    "scipy": scipy.__version__, "shape": [rows, columns], "entries": entries, "singular_values": rounded(s),
    "left": rounded((u * sign).ravel()), "right": rounded((vt * sign[:, None]).T.ravel()),
}))
