"""The corpus of the word2vec benches: python words.py enwiki_articles.txt.gz OUT writes the words of each line.

A word is a run of letters, in lower case; lines without one are left out.
"""
import gzip
import re
import sys

source, target = sys.argv[1:]
with gzip.open(source, "rt", encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as out:
    for line in lines:
        words = re.findall(r"[^\W\d_]+", line.lower())
        if words:
            out.write(" ".join(words) + "\n")
