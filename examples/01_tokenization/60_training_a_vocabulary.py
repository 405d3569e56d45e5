"""
A vocabulary is made before the model is trained
================================================

The list of tokens is fixed before a language model sees its first example, from a
sample of text that somebody chose. What the sample was full of becomes short, and
everything else stays long. How much does the choice matter, and how large must the
sample be?
"""

# %%
# Two samples of the same size: English (the manual behind ``help()``) and Python (the
# source of the standard library's ``argparse``), both with single spaces only, so that
# words are compared and not indentation. The last fifth of each is kept aside: no
# vocabulary is judged on what it was trained on.
import argparse
import inspect
import pydoc_data.topics
from collections import Counter

from tokenizers import pre_tokenizers

from lmviz import tokenization

code = inspect.getsource(argparse)
code = " ".join(code.split())
english = " ".join("\n".join(pydoc_data.topics.topics.values()).split())
samples = {"English": english[: len(code)], "Python": code}
cut = len(code) * 4 // 5
trained_on = {name: text[:cut] for name, text in samples.items()}
texts = {name: text[cut:] for name, text in samples.items()}
texts["numbers"] = "\n".join(f"{i} times {i} is {i * i}" for i in range(100, 300))

splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)


def count_words(text):
    return Counter(word for word, _ in splitter.pre_tokenize_str(text))


def count_tokens(bpe, text):
    return sum(len(bpe.encode(word)) * n for word, n in count_words(text).items())


# %%
# One vocabulary from each sample, with the same number of merges. Each is used on all
# three texts, and the table shows how many tokens it spends on a word (here: a run of
# letters, digits or signs between spaces).
vocabularies = {
    f"trained on {name}": tokenization.train_bpe(count_words(text), n_merges=1000)
    for name, text in trained_on.items()
}
cost = {
    name: [count_tokens(bpe, text) / len(text.split()) for text in texts.values()]
    for name, bpe in vocabularies.items()
}
for name, row in cost.items():
    print(name, {text: round(n, 2) for text, n in zip(texts, row, strict=True)})
    print("  89401 is spelled", vocabularies[name].encode("Ġ89401"))

# %%
# English and Python are each cheapest in their own vocabulary. Neither was
# shown many numbers, so a number is spelled nearly digit by digit.
import matplotlib.pyplot as plt
import numpy as np

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.2), layout="constrained")
for i, (name, row) in enumerate(cost.items()):
    bars = ax.bar(np.arange(3) + 0.4 * i, row, 0.38, label=name, color=plots.PALETTE[i])
    ax.bar_label(bars, fmt="%.1f")
ax.set_xticks(np.arange(3) + 0.2, texts)
ax.set(
    title="The same text takes more tokens\nin a foreign vocabulary",
    xlabel="text",
    ylabel="tokens per word",
)
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, columnspacing=1)
ax.margins(y=0.12)
english, python = cost.values()
plots.caption(
    "English and Python each take fewest tokens in their own vocabulary. English prose "
    f"takes {english[0]:.1f} tokens per word with merges learned from English and "
    f"{python[0]:.1f} with merges from Python code; for code it is the other way "
    "round. Numbers take many tokens in both.",
    alt="Pairs of bars, in tokens per word for vocabularies trained on English and on "
    "Python: "
    + "; ".join(
        f"{text} {a:.1f} and {b:.1f}"
        for text, a, b in zip(texts, english, python, strict=True)
    )
    + ".",
)
plt.show()

# %%
# Must the sample be the whole corpus? The corpus is nine tenths of the manual's topics;
# the other tenth judges. Merges are learned from 1 %, 10 % and 100 % of the lines. (The
# smallest sample may run out of pairs, and stop early.) A sample that was taken from
# everywhere is **representative**, and need not be large.
topics = list(pydoc_data.topics.topics.values())
unseen = "\n".join(topics[::10])
lines = "\n".join(topics[i] for i in range(len(topics)) if i % 10).splitlines()


def bytes_per_token(sample):
    bpe = tokenization.train_bpe(count_words("\n".join(sample)), n_merges=1000)
    size = len(unseen.encode()) / count_tokens(bpe, unseen)
    return f"{len(bpe.merges)} merges, {size:.2f} bytes per token"


for step in (100, 10, 1):
    print(f"1 line in {step:3d}: {bytes_per_token(lines[::step])}")

# %%
# The trap is to take the same amount from the front, simply because it comes first. The
# first tenth of a corpus is about something, and the vocabulary with it.
front = lines[: len(lines) // 10]
print(f"first tenth:   {bytes_per_token(front)}")
words = tokenization.train_bpe(count_words("\n".join(front)), n_merges=1000).vocabulary
letters = {word.strip("ĠĊ") for word in words}
whole = sorted(word for word in letters if word.isascii() and word.isalpha())
print("its longest tokens:", sorted(whole, key=len)[-6:])

# %%
# The check: what was trained on a kind of text is cheaper on it than the other.
home, away = cost["trained on English"], cost["trained on Python"]
print("English is cheaper in its own vocabulary:", home[0] < away[0])
print("Python is cheaper in its own vocabulary: ", away[1] < home[1])
assert home[0] < away[0]
assert away[1] < home[1]

# %%
# **Takeaway.** A vocabulary is a bet, made before training, on what the model will
# read; a small sample is enough if it looks like the rest.
#
# **Try it.** Join the two samples and train one vocabulary on both. Predict whether it
# beats the specialists anywhere, and by how much it loses.
#
# **Sources.** Sennrich, Haddow and Birch, *Neural Machine Translation of Rare Words
# with Subword Units* (ACL 2016), section 3.2, on learning from word counts.
