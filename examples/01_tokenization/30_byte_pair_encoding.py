"""
Byte pair encoding: merging the most frequent pair
==================================================

Bytes make a text long, and the list of words never ends. How can counting find the
subwords between the two? At the end of this lesson you can train byte pair encoding on
paper, write it in thirty lines, and say why the order of the merges matters.
"""

# %%
# On paper
# --------
# **Byte pair encoding** (**BPE**) starts with single characters and repeats one step:
# count all pairs of neighbours, and merge the most frequent pair into a new token. Our
# corpus has five words, each with its count. The pairs before the first merge:
from collections import Counter
from itertools import pairwise

corpus = {"eat": 8, "tea": 6, "sea": 4, "steam": 3, "seat": 2}


def count_pairs(splits, words):
    counts = Counter()
    for word, tokens in splits.items():
        for pair in pairwise(tokens):
            counts[pair] += words[word]
    return counts


print("pair  count")
for pair, count in count_pairs({word: list(word) for word in corpus}, corpus).items():
    print(f"{'·'.join(pair)}   {count:5}")

# %%
# The pair e·a is in all five words and occurs 23 times: ``ea`` is the first new token.
#
# Train and encode
# ----------------
# Let :math:`n_w` be the count of word :math:`w`, and :math:`c_w(a, b)` how often token
# :math:`b` follows :math:`a` in the word as it is split now. Each **merge** takes
#
# .. math::
#    (a, b)^{*} = \operatorname*{arg\,max}_{(a, b)} \sum_{w} n_w\, c_w(a, b) .
#
# Of equally frequent pairs it is the one with the smaller ids. Ids are assigned to the
# sorted characters first, and then to each new token.


def merge(tokens, pair):
    merged = []
    for token in tokens:
        if merged and (merged[-1], token) == pair:
            merged[-1] += token
        else:
            merged.append(token)
    return merged


def train(words, n_merges):
    splits = {word: list(word) for word in words}
    ids = {symbol: i for i, symbol in enumerate(sorted(set("".join(words))))}
    merges = []
    while len(merges) < n_merges and (counts := count_pairs(splits, words)):
        pair = min(counts, key=lambda p: (-counts[p], ids[p[0]], ids[p[1]]))
        splits = {word: merge(tokens, pair) for word, tokens in splits.items()}
        ids.setdefault("".join(pair), len(ids))
        merges.append(pair)
    return merges


def encode(word, merges):
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    tokens = list(word)
    while known := [pair for pair in pairwise(tokens) if pair in ranks]:
        tokens = merge(tokens, min(known, key=ranks.get))
    return tokens


merges = train(corpus, 5)
print("merges  tokens  the words                              next  count")
for n in range(5):
    splits = {word: encode(word, merges[:n]) for word in corpus}
    total = sum(len(tokens) * corpus[word] for word, tokens in splits.items())
    state = ", ".join(" ".join(tokens) for tokens in splits.values())
    count = count_pairs(splits, corpus)[merges[n]]
    print(f"{n:6}  {total:6}  {state:36}  {'·'.join(merges[n]):5}  {count:5}")

# %%
# Each row shows the corpus after so many merges. A merge removes one token at each
# occurrence of its pair, so the first takes 77 tokens to 54, and four take them to 31.
# The counts change on the way: s·ea occurs 6 times at first, but only 4 times when its
# turn comes, because the second merge has made "s ea t" into "s eat".
#
# After four merges, two pairs occur 3 times. Which are they, and which is merged?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    s·tea and tea·m. The first: the character ``s`` has a smaller id than ``tea``.
#
# All merges of this corpus, step by step:
from lmviz import tokenization, views

every = [m.pair for m in tokenization.train_bpe(corpus, n_merges=99).merges]
assert every == train(corpus, 99)
views.merges(corpus, every, title="Byte pair encoding, merge by merge")

# %%
# The order of the merges
# -----------------------
# A new word is split by the same merges: among the pairs that can be merged, always the
# one that was learned first. The position of a merge in the list is its **rank**. The
# alternative is *longest match*: take the longest known token from the left.
vocabulary = {*"aemst", *map("".join, merges[:4])}


def longest_match(word, vocabulary):
    tokens = []
    while word:
        n = max(n for n in range(1, len(word) + 1) if n == 1 or word[:n] in vocabulary)
        tokens, word = [*tokens, word[:n]], word[n:]
    return tokens


print("word   by rank  longest match")
for word in ("seat", "teas", "meat", "steak"):
    longest = longest_match(word, vocabulary)
    print(f"{word:5}  {' '.join(encode(word, merges[:4])):7}  {' '.join(longest)}")

# %%
# By rank, "seat" is ``s eat`` as in training, because ``eat`` was learned before
# ``sea``. Longest match gives ``sea t`` with the same vocabulary. It is the method of
# WordPiece, by design
# (:doc:`/lessons/01_tokenization/50_wordpiece_unigram_sentencepiece`); but a model
# needs the tokens that it was trained on. "teas" and "meat" are new words composed of
# known tokens. The k of "steak" is in no word of the corpus, and so is not a token.
# GPT-2 has no such gap, since it starts with every possible byte instead of letters.
#
# A thousand merges
# -----------------
# Now a real text: the letters of Python's manual, split into words with the space
# before them (``Ġ``), so that no token crosses two words. Every fifth topic is new
# text. The package's ``train_bpe`` is fast because it updates only the counts that a
# merge changes. The library way is the trainer of ``tokenizers``, written in Rust.
import json
import re
from pydoc_data.topics import topics

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

texts = [" ".join(re.findall("[A-Za-z]+", text)) for text in topics.values()]
known, new = [text for i, text in enumerate(texts) if i % 5], texts[::5]
library = Tokenizer(models.BPE())
library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
words, new_words = (
    Counter(w for text in part for w, _ in library.pre_tokenizer.pre_tokenize_str(text))
    for part in (known, new)
)
bpe = tokenization.train_bpe(words, n_merges=1000)
fast, vocabulary = [m.pair for m in bpe.merges], set(bpe.vocabulary)
trainer = trainers.BpeTrainer(vocab_size=len(vocabulary), show_progress=False)
library.train_from_iterator(known, trainer)
rust = [tuple(pair) for pair in json.loads(library.to_str())["model"]["merges"]]
same = fast == rust and fast[:50] == train(words, 50)
print(f"{len(fast):,} merges as in Rust, the first 50 as on this page: {same}")
assert same

by_rank = {word: bpe.encode(word) for word in words}
longest = {word: longest_match(word, vocabulary) for word in words}
differ = sum(by_rank[word] != longest[word] for word in words)
print(f"split differently: {differ:,} of {len(words):,} words")
for name, splits in (("by rank", by_rank), ("longest match", longest)):
    total = sum(len(tokens) * words[word] for word, tokens in splits.items())
    print(f"{name}: {total:,} tokens")

# %%
# All merges agree with the library's. By longest match, 967 of the 3,555 words are
# split differently, and the text has slightly fewer tokens, 80,407 instead of 80,643:
# the order by rank is no better at compression, but it reproduces the training.
#
# Compression
# -----------
# How many bytes does a token represent? The controls are new text, and a vocabulary of
# the same size that consists of the most frequent words, with all others in letters. As
# no token crosses two words, the mean length of a word is the limit.
n_bytes = sum(len(word) * count for word, count in new_words.items())
curves = {"known text": [], "new text": [], "whole words": []}
steps = [0, 10, 30, 100, 200, 300, 500, 700, 1000]
for n in steps:
    whole = {word for word, _ in words.most_common(n)}
    for name, part in (("known text", words), ("new text", new_words)):
        tokens = sum(len(bpe.encode(w, n_merges=n)) * k for w, k in part.items())
        curves[name].append(sum(len(w) * k for w, k in part.items()) / tokens)
    tokens = sum(k if w in whole else len(w) * k for w, k in new_words.items())
    curves["whole words"].append(n_bytes / tokens)
print("merges  known text  new text  whole words")
for row in zip(steps, *curves.values(), strict=True):
    print("{:6,}  {:10.2f}  {:8.2f}  {:11.2f}".format(*row))
limit = n_bytes / new_words.total()

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 2.9), layout="constrained")
for (name, values), style in zip(curves.items(), ("o-", "s-", "^--"), strict=True):
    ax.plot(steps, values, style, label=name)
ax.axhline(limit, color="0.5", linestyle=":", label="limit: one token a word")
ax.set(title="Compression", xlabel="merges or whole words", ylabel="bytes per token")
ax.set_ylim(0, None)
ax.legend(loc="upper left", bbox_to_anchor=(0, 0.95))
plots.caption(
    "The first merges gain the most, and words gain less. On new text, 300 merges "
    f"reach {curves['new text'][5]:.2f} bytes per token, and 1,000 merges "
    f"{curves['new text'][-1]:.2f}; the limit is {limit:.2f}.",
    alt="Three curves that rise steeply and then flatten, over 0 to 1,000 merges: the "
    "known text above the new text, both above whole words, and all below the limit.",
)
plt.show()

# %%
# On new text, 300 merges reach 2.52 bytes per token, and 700 more only 3.82: the common
# pairs are used up. On the known text it is 3.95, so that little of the vocabulary is
# peculiar to it. Whole words reach 3.01 with as many entries, since an entry "other"
# doesn't help with "another".
#
# Summary
# -------
# - Training merges the most frequent pair of neighbours, again and again.
# - Encoding replays the merges by rank; longest match would split a quarter of the
#   words differently.
# - A token of new text represents 3.82 bytes after 1,000 merges, and whole words 3.01.
#
# Exercises
# ---------
# How often must "sea" occur, instead of 4 times, for "seat" to become ``sea t``?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    8 times. Then s·ea and ea·t both occur 10 times after the first merge, and ``s``
#    has the smaller id. Try ``train(corpus | {"sea": 8}, 4)``, and with one less.
#
# Further reading
# ---------------
# Sennrich, Haddow and Birch, *Neural Machine Translation of Rare Words with Subword
# Units* (ACL 2016), section 3.2. Gage, *A New Algorithm for Data Compression* (C Users
# Journal, 1994), where the idea was first used.
