"""gensim's side of the race: python gensim_peer.py THREADS VARIANT BENCH... prints {"bench", "ms"} a line.

THREADS 0 is as many workers as cores. The benches are word2vec-skipgram, -cbow, -exact and -subword: an epoch over the corpus in
FORNAX_WORDS, vectors of 100 elements, window 5, 5 negatives, sample 1e-4. The words are counted before the clock starts.
"""
import json
import os
import sys
import time

from gensim.models import FastText, Word2Vec


def main(threads, benches):
    benches = [bench for bench in benches if bench.startswith("word2vec-")]
    if not benches:
        return
    with open(os.environ["FORNAX_WORDS"], encoding="utf-8") as lines:
        texts = [line.split() for line in lines]
    settings = dict(vector_size=100, window=5, negative=5, sample=1e-4, min_count=5, workers=threads or os.cpu_count())
    for bench in benches:
        if bench.endswith("subword"):
            model = FastText(sg=1, min_n=3, max_n=6, bucket=2_000_000, alpha=0.05, **settings)
        else:
            model = Word2Vec(sg=int(not bench.endswith("cbow")), **settings)
        model.build_vocab(texts)
        clock = time.perf_counter()
        model.train(texts, total_examples=model.corpus_count, epochs=1)
        print(json.dumps({"bench": bench, "ms": 1e3 * (time.perf_counter() - clock)}), flush=True)


main(int(sys.argv[1]), sys.argv[3:])
