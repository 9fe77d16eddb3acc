"""Phrases as gensim 4.4 finds them, for tests/phrases.rs: python make_phrases.py FOLDER."""
import json
import random
import sys

from gensim.models.phrases import Phrases

random.seed(3)
pairs = [("new", "york"), ("prime", "minister"), ("member", "of", "parliament"), ("of", "the")]
words = ["the", "of", "a", "new", "member", "day", "in", "was", "city", "minister", "rain"]
texts = []
for _ in range(150):
    text = []
    for _ in range(random.randint(0, 6)):
        text += random.choice(pairs) if random.random() < 0.3 else [random.choice(words)]
    texts.append(text)
cases = []
for settings in (
    dict(min_count=2, threshold=2.0),
    dict(min_count=5, threshold=0.3, scoring="npmi"),
    dict(min_count=1, threshold=1.0, connector_words=frozenset(["of", "the"]), delimiter="~"),
    dict(min_count=1, threshold=-0.5, scoring="npmi", connector_words=frozenset(["of", "the", "a"])),
):
    phrases = Phrases(texts, **settings)
    found = phrases.export_phrases()
    settings["connector_words"] = sorted(settings.get("connector_words", []))
    cases.append({"settings": settings, "phrases": found, "texts": [phrases[text] for text in texts]})
with open(f"{sys.argv[1]}/phrases.json", "w", encoding="utf-8") as out:
    json.dump({"texts": texts, "cases": cases}, out)
