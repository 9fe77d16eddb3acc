"""Surprise's cross-validations of MovieLens 100K, with its defaults, timed: python surprise_peer.py u.data SEEDS [FOLDER].

A row for each model: mean, lowest and highest RMSE of SEEDS cross-validations of 5 folds (random_state 0, 1, ...), and
seconds of one. With FOLDER, the folds are written there, so that other models can learn and be judged on the same ones:
fornax recommend train FOLDER/0-0-train.csv --value 2 --model svd++ --output m; fornax recommend evaluate m FOLDER/0-0-test.csv --value 2
(pip install "numpy<2" scikit-surprise).
"""
import os
import sys
import time

import numpy
from surprise import SVD, Dataset, KNNBaseline, Reader, SVDpp, accuracy
from surprise.model_selection import KFold

source, seeds = sys.argv[1], range(int(sys.argv[2]))
data = Dataset.load_from_file(source, Reader("ml-100k"))
if len(sys.argv) > 3:
    for seed in seeds:
        for fold, (train, test) in enumerate(KFold(5, random_state=seed).split(data)):
            train = [(train.to_raw_uid(user), train.to_raw_iid(item), value) for user, item, value in train.all_ratings()]
            for name, rows in (("train", train), ("test", test)):
                with open(os.path.join(sys.argv[3], f"{seed}-{fold}-{name}.csv"), "w", encoding="ascii") as out:
                    out.writelines(f"{user},{item},{value}\n" for user, item, value in rows)
for name, model in (("SVD", SVD), ("KNNBaseline", KNNBaseline), ("SVDpp", SVDpp)):
    means, clock = [], time.perf_counter()
    for seed in seeds:
        folds = KFold(5, random_state=seed).split(data)
        keys = {"verbose": False} if model is KNNBaseline else {"random_state": seed}
        errors = [accuracy.rmse(model(**keys).fit(train).test(test), verbose=False) for train, test in folds]
        means.append(numpy.mean(errors))
    seconds = (time.perf_counter() - clock) / len(seeds)
    print(f"{name:<14}{numpy.mean(means):.4f} [{min(means):.4f} {max(means):.4f}] {seconds:8.2f} s", flush=True)
