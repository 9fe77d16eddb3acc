"""Predictions of scikit-surprise for every user and item of a small log: `python make_surprise.py > surprise.json` (1.1.5)."""
import contextlib
import io
import json

import numpy as np
import surprise
from surprise import BaselineOnly, Dataset, KNNBaseline, KNNBasic, KNNWithMeans, Reader, SlopeOne

rng = np.random.default_rng(3)
users, items, count = 14, 10, 80
flat = np.sort(rng.choice(users * items, count, replace=False))
ratings = [(int(at // items), int(at % items), int(rng.integers(1, 6))) for at in flat]
data = Dataset(Reader(rating_scale=(1, 5)))
train = data.construct_trainset([(u, i, float(r), None) for u, i, r in ratings])
models = {
    "baseline": BaselineOnly(),
    "slope_one": SlopeOne(),
    "knn_msd": KNNBasic(),
    "knn_means_cosine_items": KNNWithMeans(sim_options={"name": "cosine", "user_based": False}),
    "knn_means_pearson": KNNWithMeans(sim_options={"name": "pearson"}),
    "knn_baseline_msd": KNNBaseline(),
    "knn_baseline_pearson_baseline": KNNBaseline(sim_options={"name": "pearson_baseline", "shrinkage": 100}),
}
predictions = {}
for name, model in models.items():
    with contextlib.redirect_stdout(io.StringIO()):
        model.fit(train)
    # The last user and the last item are not known.
    predictions[name] = [round(model.predict(u, i).est, 5) for u in range(users + 1) for i in range(items + 1)]
print(json.dumps({"surprise": surprise.__version__, "users": users, "items": items, "ratings": ratings, "predictions": predictions}))
