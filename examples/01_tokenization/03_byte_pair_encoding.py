"""
Byte pair encoding: merging the most frequent pair
==================================================

Bytes make a text long, and the list of words never ends. Subwords lie between the two:
how are they found? At the end of this lesson you can train byte pair encoding on paper,
write it in thirty lines, and say why the order of the merges matters.
"""

# %%
# On paper
# --------
# **Byte pair encoding** (**BPE**) starts with single characters and repeats one step:
# count all pairs of neighbours, and merge the most frequent pair into a new token. Our
# corpus has five words, each with a count: "eat" occurs 8 times. A pair is counted once
# for each occurrence of a word that contains it. These are the pairs before the first
# merge:

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
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
# The pair e·a is in all five words, and occurs 23 times. So ``ea`` is the first new
# token.
#
# Train and encode
# ----------------
# Training repeats this step; encoding replays it on another word. Let :math:`n_w` be
# the count of word :math:`w`, and :math:`c_w(a, b)` how often token :math:`b` follows
# token :math:`a` in the word as it is split now. Each **merge** takes the pair
#
# .. math::
#    (a, b)^{*} = \underset{(a, b)}{\mathrm{argmax}}\; \sum_{w} n_w\, c_w(a, b) .
#
# Among equally frequent pairs, it takes the one with the smaller ids. The sorted
# characters get the first ids, and each new token gets the next one.


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
        ids.setdefault("".join(pair), len(ids))  # two pairs may make the same token
        merges.append(pair)
    return merges


def encode(word, merges):
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    tokens = list(word)
    while known := [pair for pair in pairwise(tokens) if pair in ranks]:
        tokens = merge(tokens, min(known, key=ranks.get))
    return tokens


# Each row shows the corpus after n merges, its number of tokens, and the next pair.
merges = train(corpus, 5)
print("merges  tokens  the words                              next  count")
for n in range(5):
    splits = {word: encode(word, merges[:n]) for word in corpus}
    total = sum(len(tokens) * corpus[word] for word, tokens in splits.items())
    state = ", ".join(" ".join(tokens) for tokens in splits.values())
    count = count_pairs(splits, corpus)[merges[n]]
    print(f"{n:6}  {total:6}  {state:36}  {'·'.join(merges[n]):5}  {count:5}")

# %%
# A merge removes one token wherever it joins a pair. The first merge joins 23 pairs,
# and leaves 54 of the 77 tokens; after four merges there are 31. The counts change on
# the way. After the first merge, s·ea occurs 6 times, in "sea" and "seat". But the
# second merge turns "s ea t" into "s eat", and only 4 are left when s·ea is merged.
#
# After four merges, two pairs occur 3 times. Which are they, and which is merged?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    s·tea and tea·m. The first is merged: the character ``s`` has a smaller id than
#    the token ``tea``.
#
# The package's ``train_bpe`` finds the same merges. The view shows all of them:
from lmviz import tokenization, views

every = [m.pair for m in tokenization.train_bpe(corpus, n_merges=99).merges]
assert every == train(corpus, 99)
views.merges(corpus, every, title="Byte pair encoding, merge by merge")

# %%
# The order of the merges
# -----------------------
# A new word is split by replaying the merges. Of all pairs that can be merged,
# ``encode`` takes the one that was learned first. The position of a merge in the list
# is its **rank**, so the lowest rank comes first. An alternative ignores the merges and
# uses the vocabulary only: *longest match* takes the longest known token from the left,
# again and again.
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
# The same vocabulary gives two splits of "seat". By rank it is ``s eat``, as in
# training, because ``eat`` was learned before ``sea``. By longest match it is ``sea
# t``. Neither is better in itself: WordPiece uses longest match (:doc:`lesson 1.5
# </lessons/01_tokenization/05_wordpiece_unigram_sentencepiece>`). But a language model
# should see a word split as it was in training, so a vocabulary learned by merging is
# applied by merging.
#
# "teas" and "meat" are new words, composed of known tokens. The k of "steak" is in no
# word of the corpus, so it has no id, and the word cannot be encoded. GPT-2 avoids such
# gaps: it starts with all possible bytes instead of letters.
#
# A thousand merges
# -----------------
# Now we train on a real text, the letters of Python's manual. It is split into words,
# each with the space before it (``Ġ``), so no token spans two words. Repeated lines are
# used once. Every fifth topic is held out as new text, without lines that also occur in
# the others. Our ``train`` counts all pairs again for each merge. The package's
# ``train_bpe`` is faster: it updates only the counts that a merge changes. The library
# ``tokenizers`` has a trainer in Rust. Do all three find the same merges?
import json
import re

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lmviz.texts import python_manual

topics = python_manual()
letters = re.compile("[A-Za-z]+")
texts = [[*map(letters.findall, text.splitlines())] for text in topics.values()]
texts = [[" ".join(words) for words in lines] for lines in texts]
known = dict.fromkeys(x for i, lines in enumerate(texts) if i % 5 for x in lines)
new = dict.fromkeys(x for lines in texts[::5] for x in lines if x not in known)
library = Tokenizer(models.BPE())
library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
words, new_words = (
    Counter(w for line in part for w, _ in library.pre_tokenizer.pre_tokenize_str(line))
    for part in (known, new)
)
bpe = tokenization.train_bpe(words, n_merges=1000)
fast, vocabulary = [m.pair for m in bpe.merges], set(bpe.vocabulary)
trainer = trainers.BpeTrainer(vocab_size=len(vocabulary), show_progress=False)
library.train_from_iterator(known, trainer)
rust = [tuple(pair) for pair in json.loads(library.to_str())["model"]["merges"]]
same = fast == rust and fast[:50] == train(words, 50)
print(f"{len(fast):,} merges equal Rust's, and the first 50 ours: {same}")
assert same

by_rank = {word: bpe.encode(word) for word in words}
longest = {word: longest_match(word, vocabulary) for word in words}
differ = [word for word in words if by_rank[word] != longest[word]]
print(f"split differently: {len(differ):,} of {len(words):,} words,")
print(f"which are {sum(words[w] for w in differ) / words.total():.1%} of the text")
for name, splits in (("by rank", by_rank), ("longest match", longest)):
    total = sum(len(tokens) * words[word] for word, tokens in splits.items())
    print(f"{name}: {total:,} tokens")

# %%
# All 1,000 merges agree with the library's. By longest match, 915 of the 3,555 words
# are split differently. Most of these are rare: all 915 together make up 6.3% of the
# text. By longest match, the text has slightly fewer tokens, 67,252 instead of 67,523.
# So merging by rank doesn't make a text shorter, but it gives the tokens that the model
# was trained on.
#
# Compression
# -----------
# How many bytes does a token represent, on the training text and on new text? The
# baseline is a vocabulary of the same size that contains the most frequent words, and
# spells all others in letters. No token spans two words, so the limit is the mean
# length of a word with its space.
n_bytes = sum(len(word) * count for word, count in new_words.items())
curves = {"training text": [], "new text": [], "whole words": []}
steps = [0, 10, 30, 100, 200, 300, 500, 700, 1000]
for n in steps:
    whole = {word for word, _ in words.most_common(n)}
    for name, part in (("training text", words), ("new text", new_words)):
        tokens = sum(len(bpe.encode(w, n_merges=n)) * k for w, k in part.items())
        curves[name].append(sum(len(w) * k for w, k in part.items()) / tokens)
    tokens = sum(k if w in whole else len(w) * k for w, k in new_words.items())
    curves["whole words"].append(n_bytes / tokens)
print("merges  training text  new text  whole words")
for row in zip(steps, *curves.values(), strict=True):
    print("{:6,}  {:13.2f}  {:8.2f}  {:11.2f}".format(*row))
limit = n_bytes / new_words.total()
print(f"limit for new text: {limit:.2f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 2.9), layout="constrained")
for (name, values), style in zip(curves.items(), ("o-", "s-", "^--"), strict=True):
    ax.plot(steps, values, style, label=name)
ax.axhline(limit, color="0.5", linestyle=":", label="limit: one token per word")
ax.set(title="Compression", xlabel="merges or whole words", ylabel="bytes per token")
ax.set_ylim(0, None)
ax.legend(loc="upper left", bbox_to_anchor=(0, 0.95))
plots.caption(
    "The first merges gain the most, and whole words gain less. On new text, 300 "
    f"merges reach {curves['new text'][5]:.2f} bytes per token, and 1,000 merges "
    f"{curves['new text'][-1]:.2f}; the limit is {limit:.2f}.",
    alt="Three curves that rise steeply and then flatten, over 0 to 1,000 merges: the "
    "training text above the new text, both above whole words, all below the limit.",
)
plt.show()

# %%
# The first 300 merges bring the new text from 1 byte per token to 2.43. The next 700
# bring it only to 3.71, because the most frequent pairs are used up. The training text
# reaches 3.92: some merges are useful only there, but most are useful in new text, too.
# Whole words reach only 2.77 with the same number of entries. A subword helps with all
# words that contain it, whereas the whole word "use" doesn't help with "useful".
#
# Summary
# -------
# - Training merges the most frequent pair of neighbours, again and again.
# - Encoding replays the merges by rank. Longest match would split 915 of 3,555 distinct
#   words differently, which are 6.3% of the words of the text.
# - After 1,000 merges a token of new text represents 3.71 bytes. With the same number
#   of entries, whole words reach 2.77.
#
# Exercises
# ---------
# How often must "sea" occur, instead of 4 times, for "seat" to become ``sea t``?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    8 times. Then s·ea and ea·t both occur 10 times after the first merge, and s·ea is
#    merged, because ``s`` has a smaller id than ``ea``. Check it with
#    ``train(corpus | {"sea": 8}, 4)``, and with one less.
#
# Further reading
# ---------------
# Sennrich, Haddow and Birch, *Neural Machine Translation of Rare Words with Subword
# Units* (ACL 2016), section 3.2. Gage, *A New Algorithm for Data Compression* (C Users
# Journal, 1994), where the idea was first used.
