"""implicit's and SciPy's side of the race: python implicit_peer.py THREADS VARIANT BENCH... prints {"bench", "ms"} a line.

THREADS 0 is as many as cores. The benches are those of benches/recommend.rs, on the log in FORNAX_INTERACTIONS, or in
FORNAX_RATINGS. The variant of ALS is cg (3 steps) or cholesky; only cg has the other benches, too.
"""
import functools
import json
import os
import sys
import time

THREADS, VARIANT, BENCHES = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
# Factors are multiplied by threads of implicit, not of BLAS.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
KINDS = ("ials-cholesky", "ials-cg", "bpr", "topk", "svd-sparse", "svd-listing")
RATINGS = "ml-1m-"
if not any(bench.removeprefix(RATINGS) in KINDS for bench in BENCHES):
    sys.exit()

import numpy
import scipy.sparse
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits


@functools.cache
def read(variable):
    indices, offsets = [], [0]
    with open(os.environ[variable], encoding="ascii") as lines:
        for line in lines:
            indices.append(numpy.array(line.split()[1:], dtype=numpy.int32))
            offsets.append(offsets[-1] + len(indices[-1]))
    indices = numpy.concatenate(indices)
    values = numpy.ones(len(indices), dtype=numpy.float32)
    return scipy.sparse.csr_matrix((values, indices, offsets), shape=(len(offsets) - 1, indices.max() + 1))


def clock(run):
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)


def iteration(model, log):
    """The mean of the second and third iteration."""
    ends = []
    model.fit(log, show_progress=False, callback=lambda *_: ends.append(time.perf_counter()))
    return 1e3 * (ends[-1] - ends[0]) / (len(ends) - 1)


def als(factors, iterations=3):
    return AlternatingLeastSquares(
        factors=factors, use_cg=VARIANT == "cg", iterations=iterations, num_threads=THREADS, random_state=1
    )


def main():
    for name in BENCHES:
        bench = name.removeprefix(RATINGS)
        if bench not in KINDS:
            continue
        if bench != "svd-listing":
            log = read("FORNAX_INTERACTIONS" if name == bench else "FORNAX_RATINGS")
        if VARIANT == "cholesky" and bench != "ials-cholesky":
            continue
        if bench == "ials-cholesky":
            ms = iteration(als(64), log)
        elif bench == "ials-cg":
            ms = iteration(als(128), log)
        elif bench == "bpr":
            bpr = lambda passes: BayesianPersonalizedRanking(factors=64, iterations=passes, num_threads=THREADS, random_state=1)
            passes = lambda count: clock(lambda: bpr(count).fit(log, show_progress=False))
            ms = (passes(3) - passes(1)) / 2
        elif bench == "topk":
            model = als(64)
            model.fit(log, show_progress=False)
            users = numpy.arange(log.shape[0])
            ms = clock(lambda: model.recommend(users, log, N=10, filter_already_liked_items=True))
        else:
            dense = lambda: numpy.random.default_rng(1).standard_normal((1000, 1000))
            matrix = log.astype(numpy.float64) if bench == "svd-sparse" else dense()
            with threadpool_limits(THREADS or os.cpu_count()):
                decompose = lambda: svds(matrix, k=50, tol=1e-4)
                if bench == "svd-listing":
                    decompose()
                ms = clock(decompose)
        print(json.dumps({"bench": name, "ms": ms}), flush=True)


main()
