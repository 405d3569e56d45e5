"""
WordPiece, Unigram and SentencePiece
====================================

BERT, T5 and Llama 2 split text by other rules than GPT-2. How do these rules differ
from byte pair encoding? After this lesson you can compute what WordPiece merges first.
"""

# %%
# Five words, 23 tokens of text
# -----------------------------
# The corpus of :doc:`/lessons/01_tokenization/30_byte_pair_encoding` again: each word,
# and how often it occurs.
from collections import Counter
from itertools import pairwise

corpus = {"eat": 8, "tea": 6, "sea": 4, "steam": 3, "seat": 2}
print("words:", sum(corpus.values()))

# %%
# Counting pairs
# --------------
# Byte pair encoding merges the pair with the largest count.
singles, pairs = Counter(), Counter()
for word, n in corpus.items():
    letters = [letter if i == 0 else f"##{letter}" for i, letter in enumerate(word)]
    for letter in letters:
        singles[letter] += n
    for pair in pairwise(letters):
        pairs[pair] += n
scores = {pair: n / (singles[pair[0]] * singles[pair[1]]) for pair, n in pairs.items()}
best = max(scores, key=scores.get)
print(best, f"{scores[best]:.3f}")

# %%
# WordPiece's score
# -----------------
# WordPiece divides each count by the counts of the two parts.
#
# .. math::
#    \text{score}(a, b) = \frac{n_{ab}}{n_a \, n_b}
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 2.6), layout="constrained")
ax.barh([" ".join(pair) for pair in scores], list(scores.values()))
ax.invert_yaxis()
ax.set(title="Score of each pair", xlabel="score")
plots.caption(
    f"WordPiece's first merge is {best[0]} and {best[1]}. Its score is the count of "
    "the pair divided by the counts of its parts.",
    alt=f"{len(scores)} horizontal bars, the longest of {scores[best]:.3f}.",
)
plt.show()

# %%
# Summary
# -------
# WordPiece merges the pair whose count is largest relative to the counts of its parts.
#
# Exercises
# ---------
# Which pair does byte pair encoding merge first?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The pair e-a, which is the most frequent one.
#
# Further reading
# ---------------
# Sennrich, Haddow and Birch, *Neural Machine Translation of Rare Words with Subword
# Units* (ACL 2016).
