"""
Where embeddings come from: the distributional hypothesis
=========================================================

How can a table of numbers learn that two words are alike, from nothing but text? At
the end of this lesson you can turn counts of neighbouring words into vectors.
"""

# %%
# Words and their contexts
# ------------------------
# Words that occur in similar contexts have similar meanings: this is the
# **distributional hypothesis**. Here is how often each of four words occurs near each
# of three context words.
import torch

words, contexts = ["red", "blue", "dog"], ["ball", "new", "barks"]
counts = torch.tensor([[2.0, 2, 0], [2, 2, 0], [0, 4, 4]])

# %%
# Pointwise mutual information
# ----------------------------
# Frequent words have large counts with everything. **Pointwise mutual information**
# compares a count with the one that chance would give:
#
# .. math::
#    \text{PMI}(w, c) = \log_2 \frac{\#(w, c)\, N}{\#(w)\, \#(c)}
n = counts.sum()
pmi = (counts * n / (counts.sum(1, keepdim=True) * counts.sum(0))).log2()
for name, row in zip(words, pmi, strict=True):
    print(f"{name:6}" + "".join(f"{x:8.2f}" for x in row))

# %%
# Similar rows
# ------------
# The rows of *red* and *blue* are equal, since their contexts are.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 2.6), layout="constrained")
plots.heatmap(
    pmi.clamp_min(0),
    title="Positive PMI",
    xlabel="context",
    ylabel="word",
    label="bits",
    xticklabels=contexts,
    yticklabels=words,
    ax=ax,
)
plots.caption(
    "Words with the same contexts have the same row. Positive PMI of three words with "
    "three contexts: the rows of “red” and “blue” are equal.",
    alt="A heatmap of three rows and three columns. The first two rows are equal.",
)
plt.show()

# %%
# Summary
# -------
# A word is described by its contexts; PMI says which of them are more frequent than
# chance would make them.
#
# Exercises
# ---------
# Double all counts. Which of the PMIs change?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    None: the factor cancels.
#
# Further reading
# ---------------
# Harris, *Distributional Structure* (Word, 1954).
