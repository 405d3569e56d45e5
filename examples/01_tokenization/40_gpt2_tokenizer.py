"""
GPT-2's tokenizer, opened
=========================

GPT-2's tokenizer is two lists: the id of each token, and the merges in the order in
which they were learned. All the rest is three short steps. Can we write them
ourselves, so well that no text in any script shows a difference?
"""

# %%
# OpenAI published the two lists as files. Every copy of the tokenizer carries them, so
# we take them from the one that this book uses. One of the tokens is no piece of text:
# it marks the end of a document, and is always taken whole.
import json

import lmviz
from lmviz import tokenization

real = lmviz.load_tokenizer("gpt2")
lists = json.loads(real.to_str())["model"]
merges = [tokenization.Merge(tuple(pair)) for pair in lists["merges"]]
ours = tokenization.ByteLevelBPE(lists["vocab"], merges, special=["<|endoftext|>"])
print(f"{len(ours.vocabulary):,} tokens = 256 bytes + {len(merges):,} merges + 1")

# %%
# **Step one** cuts the text into words, and no token may ever reach across a cut.
# English endings, letters, digits and other signs are kept apart, and each word takes
# one space in front of it along. One regular expression does it.
text = "It's 1984 again,   isn't it? naïve"
print(tokenization.split_words(text))

# %%
# **Step two** writes each word as bytes. The vocabulary is a text file, and many of the
# 256 bytes are no letter that one could print, so each has a character to stand for it:
# its own if it is printable, else one from ``Ā`` on. The space becomes ``Ġ``. Beware:
# the alphabet is 256 **bytes**, not 256 characters. The ``ï`` is two of them, and
# neither of the two signs that stand for it is an ``ï``.
for word in (" naïve", " 数量"):
    print(repr(word), "->", tokenization.to_alphabet(word))

# %%
# **Step three** merges neighbours, the merge of lowest rank first, until none applies.
# Here is one word, merge after merge, with the rank of each.
from itertools import pairwise

ranks = {merge.token: rank for rank, merge in enumerate(merges)}
steps = ours.steps(" unthinkable")
rows = {"bytes": steps[0]}
for before, after in pairwise(steps):
    made = next(token for token in after if token not in before)
    rows[f"rank {ranks[made]:,}"] = after
strips = {name: [*map(tokenization.readable, row)] for name, row in rows.items()}

# %%
# The order is not from left to right: the oldest merges, which join the commonest
# pairs, come first.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 5.6), layout="constrained")
plots.token_strips(strips, title="One word, merge after merge", width=6.08, ax=ax)
plots.caption(
    f"{len(rows) - 1} merges turn {len(rows['bytes'])} bytes into one token. Each row "
    "applies the possible merge of lowest rank; in the last row the word is a single "
    "token.",
    alt=f"{len(rows)} rows of boxes. The first has a box for each byte of “ "
    "unthinkable”, and each further row has one box fewer.",
)
plt.show()

# %%
# Interactive version. Ids 0 to 255 are the bytes, in an order of their own; then come
# the merges by rank. Predict the id of the token that is new in a row, then point at
# it. (The bytes beside it are written in hexadecimal.)
from lmviz import views

ids = {name: [ours.vocabulary[token] for token in row] for name, row in rows.items()}
views.tokens(strips, ids=ids, title="One word, merge after merge")

# %%
# Many tokens are hardly more than such steps on the way to a longer one: they have an
# id and a vector, and hardly any text comes out as them. Look for the last step but
# one:
for word in (" unthinkable", "thinkable", " thinkable"):
    print(repr(word), "->", real.encode(word).tokens)

# %%
# Is step one needed, then? The mistake is to try it on a text and say no. Leave it out,
# give the merges whole lines as if they were words, and hardly any line changes: no
# merge reaches across a cut, for all of them were learned on words.
import pydoc_data.topics
from collections import Counter

manual = "\n".join(pydoc_data.topics.topics.values())
lines = [" ".join(line.split()) for line in manual.splitlines() if line.strip()]
uncut = [[ours.vocabulary[t] for t in ours.steps(line)[-1]] for line in lines[:500]]
changed = sum(ours.encode(line) != ids for line, ids in zip(lines, uncut, strict=False))
print(f"other ids without step one: {changed} of 500 lines")

# %%
# It is needed when the merges are **learned**. Without cuts, training joins whatever is
# frequent: the end of one word with the beginning of the next, and whole phrases. Each
# takes a place in the vocabulary that a word could have had.
whole = Counter(map(tokenization.to_alphabet, lines[:1000]))
learned = [merge.token for merge in tokenization.train_bpe(whole, n_merges=500).merges]
across = [token for token in learned if "Ġ" in token[1:-1]]
print(f"tokens with parts of two words: {len(across)} of {len(learned)}")
print("the longest:", [tokenization.readable(t) for t in sorted(across, key=len)[-4:]])

# %%
# The check: thousands of random texts from all scripts, mixed with what is known to be
# hard. (From the characters of Unicode 3.2, which every library knows. Whether a new
# character is a letter depends on the version of Unicode that a library was built on.)
import random
from unicodedata import ucd_3_2_0

kinds = {chr(i): ucd_3_2_0.category(chr(i)) for i in range(0x110000)}
known = [character for character, kind in kinds.items() if kind not in "Cn Co Cs"]
hard = [*" 7Zé\n\t\u0301\u200d👩🏽", "'s", "'ll", "  "]
generator = random.Random(0)
texts = [
    "".join(generator.choice(generator.choice((known, hard))) for _ in range(20))
    for _ in range(5000)
]
equal = sum(ours.encode(text) == real.encode(text).ids for text in texts)
back = sum(ours.decode(ours.encode(text)) == text for text in texts)
print(f"{len(known):,} characters to draw from")
print(f"the same ids as the real tokenizer: {equal} of {len(texts)} texts")
print(f"decoded to the same text:           {back} of {len(texts)} texts")
assert equal == back == len(texts)

# %%
# **Takeaway.** Cut into words, write as bytes, merge by rank: that is all of GPT-2's
# tokenizer, and two lists tell it what it knows.
#
# **Try it.** Put one more space into ``" unthinkable"``, before the k. Predict what
# ``ours.encode`` makes of the two halves, and how many tokens the pair needs.
#
# **Sources.** Radford, Wu, Child, Luan, Amodei and Sutskever, *Language Models are
# Unsupervised Multitask Learners* (2019), section 2.2, for bytes and for the cuts.
