"""Tokenizers of the tokenizers library and their tokens for tests/tokenizers.rs: python make_tokenizers.py FOLDER."""
import json
import sys

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "the cat walks and the dog walked", "a walking dog sees the sleeping cat", "dogs walk, cats sleep",
    "she was walking; he had been sleeping", "übung macht den meister", "the masters sleep and walk",
] * 3
TEXTS = ["the dogs were walking", "The Cats SLEEP!", "übungen, masterly", "", " \t", "xyz 漢字 🙂", "walk" * 30]


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=70, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    # A classifier does without both.
    tokenizer.enable_padding(length=12)
    tokenizer.enable_truncation(6)
    return tokenizer


def byte_pairs():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
    return tokenizer


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=["<unk>"], unk_token="<unk>")
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


golden = {}
for name, tokenizer in [("word_piece", word_piece()), ("byte_pairs", byte_pairs()), ("unigram", unigram())]:
    saved = json.loads(tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokens = [tokenizer.encode(text, add_special_tokens=False).tokens for text in TEXTS]
    golden[name] = {"tokenizer": saved, "tokens": tokens}
with open(f"{sys.argv[1]}/tokenizers.json", "w", encoding="utf-8") as out:
    json.dump({"texts": TEXTS, "tokenizers": golden}, out, ensure_ascii=False)
