"""Files and answers of fastText 0.9 and gensim 4.4 for tests/fasttext.rs: python make_fasttext.py FOLDER."""
import json
import os
import sys
import tempfile

import fasttext
from gensim.models.fasttext import load_facebook_model, save_facebook_model

folder = sys.argv[1]
text = "the naïve running runner runs\nüben übung übt the 日本語 text\nsinging singer sings the naïve song\n" * 20
asked = ["the", "runner", "naïve", "übung", "日本語", "</s>", "run", "sung", "übungen", "日本", "xyz"]
answers = {}
with tempfile.TemporaryDirectory() as temporary:
    corpus = os.path.join(temporary, "corpus.txt")
    with open(corpus, "w", encoding="utf-8") as out:
        out.write(text)
    labelled = os.path.join(temporary, "labelled.txt")
    with open(labelled, "w", encoding="utf-8") as out:
        out.writelines(f"__label__{at % 2} {line}\n" for at, line in enumerate(text.splitlines()))
    settings = dict(dim=5, bucket=97, minCount=1, thread=1, epoch=30, lr=0.2, verbose=0)
    models = {
        "skipgram": fasttext.train_unsupervised(corpus, model="skipgram", minn=2, maxn=4, **settings),
        "words": fasttext.train_unsupervised(corpus, model="cbow", maxn=0, **settings),
        "classifier": fasttext.train_supervised(labelled, minn=2, maxn=2, **{**settings, "bucket": 300, "dim": 4}),
    }
    for name, model in models.items():
        model.save_model(f"{folder}/fasttext_{name}.bin")
        known = asked if name == "skipgram" else [word for word in asked if word in model.words]
        answers[name] = {
            "words": model.words,
            "vectors": {word: [float(value) for value in model.get_word_vector(word)] for word in known},
            "nearest": [[word, [[other, score] for score, other in model.get_nearest_neighbors(word, 3)]] for word in known],
        }
    quantised = models["classifier"]
    quantised.quantize(input=labelled, retrain=False)
    quantised.save_model(f"{folder}/fasttext_quantised.ftz")
    save_facebook_model(load_facebook_model(f"{folder}/fasttext_skipgram.bin"), f"{folder}/fasttext_gensim.bin")
with open(f"{folder}/fasttext.json", "w", encoding="utf-8") as out:
    json.dump(answers, out, ensure_ascii=False, indent=None)
