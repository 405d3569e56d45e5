"""
Similar things lie close, but close to what?
============================================

The king is close to the queen: every introduction says so and shows a number for
it. But a number alone proves nothing. How close are two words that have nothing to
do with each other, and who are the true neighbours?
"""

# %%
# Closeness of directions is measured by the **cosine** of the angle between two
# vectors: 1 for the same direction, 0 for a right angle. Here are some pairs that
# belong together, in the embedding table of the model at hand.
import lmviz
from lmviz import embeddings, transformer

lm = lmviz.load()
table = transformer.token_table(lm)
pairs = [("king", "queen"), ("dog", "cat"), ("red", "blue"), ("Monday", "Friday")]


def row(word):
    return int(lm.encode(f" {word}")[-1])


related = {
    f"{a} – {b}": float(embeddings.cosine(table[[row(a)]], table[[row(b)]]))
    for a, b in pairs
}
for pair, value in related.items():
    print(f"{pair:16} {value:.2f}")

# %%
# Now the baseline. Take pairs of tokens at random, thousands of them, and look at their
# cosines. In many models nearly all are well above zero: the whole table leans to one
# side, as if one vector had been added to every row. A value that looks high may then
# mean nothing at all.
everything = embeddings.random_pair_cosines(table)
print(f"random pairs: mean {everything.mean():.2f}, sd {everything.std():.2f}")

# %%
# And which tokens are the right ones to compare with? A table is full of pieces of rare
# words, which training may hardly have touched, and they may huddle together. A fair
# baseline for common words is other common words. In a vocabulary made by merging,
# common tokens have small ids: of the first 5,000, take those that begin with a space
# and go on with three letters or more. (A few are only the beginning of a word.)
tokens = lm.tokens(range(5000))
common = [i for i, t in enumerate(tokens) if t[0] == "␣" and t[1:].isalpha()]
common = [i for i in common if len(tokens[i]) > 3]
words = embeddings.random_pair_cosines(table[common])
print(f"{len(common)} common words: mean {words.mean():.2f}, sd {words.std():.2f}")

# %%
# Both baselines, and where our pairs lie. The distance to the right baseline, not to
# zero, is what makes a pair close.
import matplotlib.pyplot as plt
import numpy as np

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 3.8), layout="constrained")
bins = np.linspace(-0.4, 1, 71)
ax.hist(everything, bins, density=True, alpha=0.5, color="0.5", label="any two tokens")
ax.hist(
    words,
    bins,
    density=True,
    alpha=0.6,
    color=plots.PALETTE[0],
    label="two common words",
)
marks = zip(related.items(), plots.PALETTE[1:], strict=False)
for ((pair, value), colour), style in zip(marks, ("-", "--", "-.", ":"), strict=True):
    ax.axvline(value, color=colour, ls=style, lw=2, label=pair)
ax.set(
    title="Cosines of related words against random pairs",
    xlabel="cosine",
    ylabel="density",
)
ax.legend()
plots.caption(
    "Even random pairs of tokens are similar. Their mean cosine is "
    f"{everything.mean():.2f}, that of pairs of common words {words.mean():.2f}. The "
    "related words (lines) lie to the right of nearly all pairs of common words, which "
    "are the fair baseline.",
    alt="Two overlapping histograms of cosines, one around "
    f"{words.mean():.1f} for common words and one around {everything.mean():.1f} for "
    "any two tokens, with four vertical lines: "
    + ", ".join(f"{pair} {value:.2f}" for pair, value in related.items())
    + ".",
)
plt.show()

# %%
# What share of the random word pairs is less close than each of ours?
for pair, value in related.items():
    print(f"{pair:16} closer than {(words < value).float().mean():.1%} of word pairs")

# %%
# The second trap: to expect that neighbours are things of the same kind. In a trained
# model the first ones are often the same word in another **spelling**: with a capital,
# without the space, in the plural. The table has a row for each, and they are used
# alike.
for word in ("king", "dog", "run"):
    ids, cosines = embeddings.nearest_neighbors(table, row(word), k=8)
    shown = zip(lm.tokens(ids), cosines.tolist(), strict=True)
    print(f"{word}:", ", ".join(f"{token} {cosine:.2f}" for token, cosine in shown))

# %%
# Count it: of the nearest eight, how many are the same letters but for case, space and
# a final s?
for word in ("king", "dog", "run"):
    ids, _ = embeddings.nearest_neighbors(table, row(word), k=8)
    stems = [token.strip("␣").lower().removesuffix("s") for token in lm.tokens(ids)]
    print(f"{word}: {stems.count(word)} of {len(stems)} are spellings of {word!r}")

# %%
# The check: PyTorch's own cosine, on the same rows.
import torch

a, b = (torch.tensor([row(word) for word in side]) for side in zip(*pairs, strict=True))
theirs = torch.nn.functional.cosine_similarity(table[a], table[b])
difference = float((torch.tensor(list(related.values())) - theirs).abs().max())
print(f"largest absolute difference from PyTorch's: {difference:.1e}")
assert difference < 1e-4

# %%
# **Takeaway.** A cosine means something only beside the cosines of random pairs of the
# same kind.
#
# **Try it.** Subtract the mean row, ``table - table.mean(0)``, before anything else.
# Predict where the grey hill moves to.
#
# **Sources.** Mu and Viswanath, *All-but-the-Top: Simple and Effective Postprocessing
# for Word Representations* (ICLR 2018). Ethayarajh, *How Contextual are Contextualized
# Word Representations?* (EMNLP 2019).
