"""
Byte pair encoding, one merge at a time
=======================================

Bytes lose nothing, but a text of bytes is long. Words are short, but their list
never ends. Byte pair encoding finds the middle by counting: which two neighbours
stand together most often? Glue them, and count again.
"""

# %%
# The text is English that every Python brings along: the manual behind ``help()``,
# reduced to its letters. It is cut into words the way GPT-2 does it, so that no token
# ever spans two of them; the space stays in front of its word, written ``Ġ``.
import pydoc_data.topics
import re
from collections import Counter

from tokenizers import pre_tokenizers

manual = "\n".join(pydoc_data.topics.topics.values())
text = " ".join(re.findall("[A-Za-z]+", manual))
splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
words = Counter(word for word, _ in splitter.pre_tokenize_str(text))
print(f"{len(text):,} bytes, {len(words):,} different words")
print(words.most_common(6))

# %%
# Training starts from the single bytes. In each round the most frequent pair of
# neighbours becomes a new token, everywhere at once. The first rounds learn the habits
# of English spelling; whole words come out without anyone asking for them. (None
# counts the whole text again: the page "Computational cost" says what that takes.)
from lmviz import tokenization

bpe = tokenization.train_bpe(words, n_merges=1000)
print("alphabet:", len(bpe.alphabet), "bytes that occur")
for rank in (*range(6), 30, 100, 300, 999):
    merge = bpe.merges[rank]
    print(
        f"{rank:4d}  {merge.pair!s:22} -> {merge.token!r:12} seen {merge.count:,} times"
    )

# %%
# The same training on five words, whose pairs can be counted by hand. Each step merges
# the most frequent pair of neighbours. ``es`` and ``est`` occur in three of the words,
# and become tokens before any whole word does.
from lmviz import views

corpus = {"low": 5, "lower": 2, "slowest": 1, "newest": 6, "widest": 3}
small = tokenization.train_bpe(corpus, n_merges=12)
pairs = [merge.pair for merge in small.merges]
views.merges(corpus, pairs, title="Byte pair encoding, merge by merge")

# %%
# A word that the text does not have is split by the same merges **in the order in which
# they were learned**; the place in that order is a merge's **rank**. With no merges the
# word is bytes; with more, its pieces grow.
assert "Ġunthinkable" not in words
for n in (0, 10, 30, 100, 300, 1000):
    print(f"{n:4d} merges: {bpe.encode('Ġunthinkable', n_merges=n)}")

# %%
# Here is the mistake that many explanations make: to take the longest known piece from
# the left. It reads the same vocabulary and gets other tokens. The list of merges is
# not a bag of words but a recipe, and its order matters.
vocabulary = set(bpe.vocabulary)


def longest_first(word):
    pieces = []
    while word:
        size = max(n for n in range(1, len(word) + 1) if word[:n] in vocabulary)
        pieces.append(word[:size])
        word = word[size:]
    return pieces


different = [word for word in words if longest_first(word) != bpe.encode(word)]
print(f"different: {len(different):,} of {len(words):,} words")
for word in sorted(different, key=words.get, reverse=True)[:3]:
    print(f"  by rank {bpe.encode(word)}, longest first {longest_first(word)}")

# %%
# Is it worth it? A model pays for every token, so we count how many bytes one token
# carries.
steps = [0, 10, 20, 50, 100, 200, 300, 500, 700, 1000]
n_bytes = sum(len(word) * count for word, count in words.items())
n_tokens = [
    sum(len(bpe.encode(word, n_merges=n)) * count for word, count in words.items())
    for n in steps
]

# %%
# The curve climbs fast and then flattens: the common pairs are used up, and each
# further merge serves rarer words.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 2.7), layout="constrained")
ax.plot(steps, [n_bytes / n for n in n_tokens], marker="o")
ax.set(
    title="Bytes per token,\nby the number of merges",
    xlabel="merges",
    ylabel="bytes per token",
    ylim=(0, None),
)
ax.grid(alpha=0.3)
plots.caption(
    "The first merges gain the most. Bytes per token rise from 1 to "
    f"{n_bytes / n_tokens[steps.index(300)]:.1f} with 300 merges, and to "
    f"{n_bytes / n_tokens[-1]:.1f} with 1000: later merges serve rarer words.",
    alt="A curve of bytes per token over the number of merges, from 0 to 1000. It is "
    "steep on the left and flattens to the right.",
)
plt.show()

# %%
# The check: Hugging Face's trainer, written in Rust, on the same words. It must learn
# the same merges in the same order. Equal counts are common, so the rule for ties has
# to be the same too: the pair with the smaller ids goes first.
import json

from tokenizers import Tokenizer, models, trainers

reference = Tokenizer(models.BPE())
reference.pre_tokenizer = splitter
size = len(bpe.alphabet) + len(bpe.merges)
trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False)
reference.train_from_iterator([text], trainer)
theirs = [tuple(pair) for pair in json.loads(reference.to_str())["model"]["merges"]]

ours = [merge.pair for merge in bpe.merges]
print(f"{len(ours)} merges, the same in the same order: {ours == theirs}")
assert ours == theirs

# %%
# **Takeaway.** A vocabulary is learned by counting pairs, and used by replaying the
# merges in order.
#
# **Try it.** Train on ``text.upper()``. Predict: will one token carry more bytes than
# before, or fewer? Which of the first six merges will come back in capitals?
#
# **Sources.** Sennrich, Haddow and Birch, *Neural Machine Translation of Rare Words
# with Subword Units* (ACL 2016), section 3.2. Gage, *A New Algorithm for Data
# Compression* (C Users Journal, 1994), where the idea was first used.
