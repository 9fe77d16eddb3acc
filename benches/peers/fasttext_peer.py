"""fastText's side of the race: python fasttext_peer.py THREADS VARIANT BENCH... prints {"bench", "ms"} a line.

THREADS 0 is as many threads as cores. The benches and settings are those of gensim_peer.py; word2vec-exact it cannot. fastText counts
the words in the same call: what a call of no epoch takes is taken off that of one epoch.
"""
import json
import os
import sys
import time

import fasttext


def seconds(model, epochs, settings):
    clock = time.perf_counter()
    fasttext.train_unsupervised(os.environ["FORNAX_WORDS"], model=model, epoch=epochs, **settings)
    return time.perf_counter() - clock


def main(threads, benches):
    forms = {
        "word2vec-skipgram": ("skipgram", dict(maxn=0, lr=0.025)),
        "word2vec-cbow": ("cbow", dict(maxn=0, lr=0.025)),
        "word2vec-subword": ("skipgram", dict(minn=3, maxn=6, bucket=2_000_000, lr=0.05)),
    }
    shared = dict(dim=100, ws=5, neg=5, t=1e-4, minCount=5, thread=threads or os.cpu_count(), verbose=0)
    for bench in benches:
        if bench in forms:
            model, settings = forms[bench]
            time_of = [seconds(model, epochs, {**shared, **settings}) for epochs in (0, 1)]
            print(json.dumps({"bench": bench, "ms": 1e3 * (time_of[1] - time_of[0])}), flush=True)


main(int(sys.argv[1]), sys.argv[3:])
