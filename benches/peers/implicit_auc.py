"""AUC of implicit's BPR: python implicit_auc.py LOG FOLDER SEEDS, where LOG is what ratings.py wrote.

One item of each fifth user is held out; FOLDER/train.csv and FOLDER/test.csv are for others to learn and be judged on:
fornax recommend train FOLDER/train.csv --model bpr --factors 64 --iterations 10 --learning-rate 0.01 --regularization 0.01 --output m
fornax recommend evaluate m FOLDER/test.csv
"""
import os
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy
import scipy.sparse
from implicit.cpu.bpr import BayesianPersonalizedRanking

source, folder, seeds = sys.argv[1], sys.argv[2], int(sys.argv[3])
random = numpy.random.default_rng(0)
with open(source, encoding="ascii") as lines:
    users = [numpy.array(line.split()[1:], dtype=int) for line in lines]
held_out = {user: random.choice(items) for user, items in enumerate(users) if user % 5 == 0 and len(items) > 1}
train = [items[items != held_out.get(user, -1)] for user, items in enumerate(users)]
with open(os.path.join(folder, "train.csv"), "w", encoding="ascii") as out:
    out.writelines(f"{user},{item}\n" for user, items in enumerate(train) for item in items)
with open(os.path.join(folder, "test.csv"), "w", encoding="ascii") as out:
    out.writelines(f"{user},{item}\n" for user, item in held_out.items())
columns = numpy.concatenate(train)
rows = numpy.repeat(numpy.arange(len(users)), [len(items) for items in train])
log = scipy.sparse.csr_matrix((numpy.ones(len(rows), dtype=numpy.float32), (rows, columns)))
for seed in range(seeds):
    model = BayesianPersonalizedRanking(factors=64, learning_rate=0.01, regularization=0.01, iterations=10, num_threads=1, random_state=seed)
    model.fit(log, show_progress=False)
    shares = []
    for user, item in held_out.items():
        if item < log.shape[1]:
            scores = model.item_factors @ model.user_factors[user]
            unseen = numpy.setdiff1d(numpy.arange(log.shape[1]), numpy.append(train[user], item))
            shares.append(numpy.mean(scores[item] > scores[unseen]))
    print(f"seed {seed}: AUC {numpy.mean(shares):.4f} of {len(shares)} users", flush=True)
