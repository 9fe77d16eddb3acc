"""Writes translation.json: scores and signatures of sacreBLEU.

    pip install sacrebleu==2.6.0
    python make_translation.py DATA > translation.json

DATA is a folder with multi30k/test_2016_flickr.{en,de}.gz; of these only scores are written, of hypotheses that
`disturbed` makes (tests/structured/metrics.rs makes the same).
"""

import gzip
import json
import sys

from sacrebleu.metrics import BLEU, CHRF

HYPOTHESES = [
    "The quick brown fox jumped over the lazy dog.",
    "He paid $1,234.56 on 3-4-2020, didn't he?",
    "",
    "  Leading and trailing spaces   ",
    'She said "hello" & left -- (really!) [sic] {ok}...',
    "&quot;Quoted&quot; &lt;tag&gt; AT&amp;T <skipped> end-",
    "Ünïcödé naïve café straße ΣΊΣΥΦΟΣ ΛΌΓΟΣ",
    "日本語のテキスト です。",
    "a b c",
    "one",
    "word word word word word",
    "e-mail: foo@bar.com/x_y^z~ `tick` 5.5, 6,7 .8 9.",
    "tab\tand\u00a0no-break\u2003em",
    "... , . - --",
    "I'm \u201cquoting\u201d \u2014 it's 100% #1 *star* +plus=",
    "A dog runs ' through ' the (park).",
]
REFERENCES = [
    [
        "The quick brown fox jumps over the lazy dog.",
        "He paid $1,234.50 on 3-4-2020, did he not?",
        "Something where nothing was said.",
        "Leading and trailing spaces",
        'She said "hello" and left -- (really!) [sic] {ok} ...',
        '"Quoted" <tag> AT&T end-',
        "Ünïcödé naive café Straße Σίσυφος λόγος",
        "日本語の文章です。",
        "a b d",
        "two",
        "word word",
        "e-mail: foo@bar.org/x_y^z~ `tick` 5.5, 6,8 .8 9.",
        "tab and no-break em",
        ". , ... --",
        "I am \u201cquoting\u201d \u2014 it is 100% #1 *star* +plus =",
        "A dog runs through the park.",
    ],
    [
        "A fast brown fox jumped over a lazy dog.",
        "On 3-4-2020 he paid 1,234.56 dollars, didn't he?",
        "",
        "leading spaces and trailing spaces",
        "She said hello & left.",
        "Quoted tag",
        "ünïcödé",
        "テキスト です",
        "A B C",
        "one two",
        "word word word word word word",
        "mail",
        "tab and",
        "",
        "star",
        "The dog runs ' through ' a park.",
    ],
]


def disturbed(number, line):
    words = []
    for at, word in enumerate(line.split(" ")):
        if (number + at) % 7 == 3:
            continue
        words.append(word.lower() if (number + at) % 5 == 0 else word)
        if (number + at) % 11 == 5:
            words.append(word)
    return " ".join(words)


def scores(hypotheses, references):
    found = []
    for metric in [
        BLEU(),
        BLEU(lowercase=True),
        BLEU(effective_order=True),
        CHRF(),
        CHRF(lowercase=True),
        CHRF(word_order=2),
        CHRF(word_order=2, beta=3, lowercase=True),
    ]:
        score = metric.corpus_score(hypotheses, references)
        found.append({"score": round(score.score, 9), "text": score.format(signature=str(metric.get_signature()))})
    return found


def lines(language):
    with gzip.open(f"{sys.argv[1]}/multi30k/test_2016_flickr.{language}.gz", "rt", encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file][:1000]


sentences = []
for at, hypothesis in enumerate(HYPOTHESES):
    references = [stream[at] for stream in REFERENCES]
    sentences.append(
        [
            round(metric.sentence_score(hypothesis, references).score, 9)
            for metric in [BLEU(effective_order=True), CHRF(), CHRF(word_order=2)]
        ]
    )
english, german = lines("en"), lines("de")
system = [disturbed(number, line) for number, line in enumerate(english)]
print(
    json.dumps(
        {
            "hypotheses": HYPOTHESES,
            "references": REFERENCES,
            "one_reference": scores(HYPOTHESES, REFERENCES[:1]),
            "two_references": scores(HYPOTHESES, REFERENCES),
            "nothing": scores(["", ""], [["a", "b"]]),
            "no_match": scores(["x y", "z"], [["a", "b c d"]]),
            "short": scores(["the cat"], [["the cat sat"]]),
            "sentences": sentences,
            "multi30k": scores(system, [english]),
            "multi30k_two": scores(system, [german, english]),
        },
        ensure_ascii=True,
    )
)
