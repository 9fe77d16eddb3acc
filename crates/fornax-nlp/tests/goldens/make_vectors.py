"""Files and answers of gensim 4.4 for tests/gensim.rs: python make_vectors.py FOLDER."""
import json
import sys

import numpy
from gensim.models import KeyedVectors

folder = sys.argv[1]
words = ["Apple", "apple", "naïve", "übung"] + [f"w{at}" for at in range(36)]
vectors = KeyedVectors(6)
vectors.add_vectors(words, numpy.random.default_rng(1).normal(size=(40, 6)).astype(numpy.float32))
vectors.save_word2vec_format(f"{folder}/gensim.txt")
vectors.save_word2vec_format(f"{folder}/gensim.bin", binary=True)

questions = [["apple", "w1", "w2"], ["w3", "w4", "w5"], ["w6", "naïve", "w8"], ["w0", "w9", "übung"]]
with open(f"{folder}/questions.txt", "w", encoding="utf-8") as out:
    for section, step in (("first", 1), ("second", 3)):
        print(f": {section}", file=out)
        for at in range(20):
            a, b, c = (f"w{(at * step + by) % 36}" for by in (0, 5, 11))
            best = vectors.most_similar([b, c], [a], topn=2, restrict_vocab=30)
            print(a, b, c, best[at % 2][0], file=out)
        print("w1 w2 w3 nobody", file=out)
pairs = [(f"w{at}", f"W{(at * 7 + 1) % 36}", (at * 5) % 11) for at in range(30)] + [("w1", "nobody", 3)]
with open(f"{folder}/pairs.tsv", "w", encoding="utf-8") as out:
    print("# words and scores", file=out)
    for a, b, score in pairs:
        print(a, b, score, sep="\t", file=out)

accuracy, sections = vectors.evaluate_word_analogies(f"{folder}/questions.txt", restrict_vocab=30)
pearson, spearman, unknown = vectors.evaluate_word_pairs(f"{folder}/pairs.tsv", restrict_vocab=30)
answers = {
    "most_similar": [
        [question, vectors.most_similar(question[1:], question[:1], topn=5)] for question in questions
    ],
    "most_similar_cosmul": [
        [question, vectors.most_similar_cosmul(question[1:], question[:1], topn=5)] for question in questions
    ],
    "doesnt_match": [[words, vectors.doesnt_match(words)] for words in (words[:5], words[7:12], words[20:30])],
    "analogies": [
        [section["section"], len(section["correct"]), len(section["correct"]) + len(section["incorrect"])]
        for section in sections
    ],
    "pairs": [pearson[0], spearman[0], unknown],
}
with open(f"{folder}/answers.json", "w", encoding="utf-8") as out:
    json.dump(answers, out, indent=1, ensure_ascii=False, default=float)
