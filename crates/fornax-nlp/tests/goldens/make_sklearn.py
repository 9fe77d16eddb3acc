"""Writes sklearn.json: rows of scikit-learn's vectorizers and coefficients of its logistic regression.

    pip install scikit-learn==1.9.1
    python make_sklearn.py > sklearn.json

Texts are words between blanks, so that tokenizers do not differ.
"""

import json
import random

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

random.seed(3)
WORDS = ["film", "good", "bad", "a", "café", "plot", "the", "x", "dull", "fine", "ünder", "not"]
WEIGHTS = [1 / (rank + 1) for rank in range(len(WORDS))]


def text():
    return " ".join(random.choices(WORDS, WEIGHTS, k=random.randint(1, 9)))


TRAIN = [text() for _ in range(24)]
TEST = [text() + " unseen" for _ in range(6)] + ["unseen words", ""]
LABELS = [random.randrange(3) for _ in TRAIN]
SETTINGS = {
    "plain": {},
    "bigrams": {"ngram_range": (1, 2), "min_df": 2},
    "frequent": {"ngram_range": (1, 3), "min_df": 0.1, "max_df": 0.5},
    "char": {"analyzer": "char", "ngram_range": (2, 3)},
    "char_wb": {"analyzer": "char_wb", "ngram_range": (3, 5)},
    "binary": {"binary": True},
}
WEIGHTINGS = {
    "default": {},
    "sublinear": {"sublinear_tf": True},
    "raw idf": {"smooth_idf": False, "norm": "l1"},
    "no idf": {"use_idf": False, "norm": None},
}


def sparse(matrix):
    matrix = matrix.tocsr()
    matrix.sort_indices()
    return {
        "offsets": matrix.indptr.tolist(),
        "indices": matrix.indices.tolist(),
        "values": [float(f"{value:.9g}") for value in matrix.data],
    }


def options(settings):
    analyzer = settings.get("analyzer", "word")
    pattern = {"token_pattern": r"\S+"} if analyzer == "word" else {}
    return {**settings, **pattern, "lowercase": False}


counts = {}
for name, settings in SETTINGS.items():
    vectorizer = CountVectorizer(**options(settings)).fit(TRAIN)
    counts[name] = {
        "terms": vectorizer.get_feature_names_out().tolist(),
        "test": sparse(vectorizer.transform(TEST)),
    }

tfidf = {}
for name, weighting in WEIGHTINGS.items():
    vectorizer = TfidfVectorizer(**options(SETTINGS["bigrams"]), **weighting).fit(TRAIN)
    tfidf[name] = sparse(vectorizer.transform(TEST))

vectorizer = TfidfVectorizer(**options(SETTINGS["bigrams"])).fit(TRAIN)
rows = vectorizer.transform(TRAIN)
regressions = []
for classes, c, intercept in [(2, 1.0, True), (2, 50.0, False), (3, 1.0, True), (3, 20.0, True), (3, 0.3, False)]:
    labels = np.array(LABELS) % classes
    model = LogisticRegression(C=c, fit_intercept=intercept, tol=1e-10, max_iter=100000).fit(rows, labels)
    regressions.append(
        {
            "classes": classes,
            "c": c,
            "fit_intercept": intercept,
            "coefficients": model.coef_.tolist(),
            "intercept": model.intercept_.tolist(),
            "test": model.predict_proba(vectorizer.transform(TEST)).tolist(),
        }
    )

print(
    json.dumps(
        {"train": TRAIN, "test": TEST, "labels": LABELS, "counts": counts, "tfidf": tfidf, "regressions": regressions},
        ensure_ascii=False,
    )
)
