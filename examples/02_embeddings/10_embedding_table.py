"""
Ids pick rows
=============

An id is a name, and one cannot calculate with names. So the first thing a language
model does is to replace each id by a vector of numbers, which it has learned. How
is the vector found, and what is in it before and after learning?
"""

# %%
# The vectors stand in a table with one row for every token of the vocabulary. To
# **embed** a text is to pick the rows of its ids: no arithmetic at all. The book calls
# the number of tokens T, the size of the vocabulary V and the width of a vector d.
import lmviz
from lmviz import embeddings, transformer

lm = lmviz.load()
text = "The dog chased the ball because the dog was excited."
ids = lm.encode(text)
table = transformer.token_table(lm)
x = embeddings.lookup(table, ids)

print("table: ", tuple(table.shape), "= (vocabulary V, width d)")
print("ids:   ", ids.tolist())
print("vectors:", tuple(x.shape), "= (tokens T, width d)")

# %%
# Models take many texts at once, a **batch**, so libraries put one more axis in front:
# (batch, tokens, width). For a single text it has length one. The width is what papers
# call the hidden size, or ``d_model``.
batch = embeddings.lookup(table, ids[None])
n_texts, n_tokens, hidden_size = batch.shape
print(f"batch {n_texts}, tokens {n_tokens}, hidden size {hidden_size}")

# %%
# Here are those rows, their first 64 numbers. No single number means anything that we
# could name. But compare rows: both times the dog appears, its row is the same to the
# last digit. The table knows nothing of the place of a word, nor of the words around
# it. And ``The`` is not ``␣the``: to the table, these are two separate rows.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(7.68, 3.4), layout="constrained")
plots.heatmap(
    x[:, :64],
    title="The rows of the embedding table for a sentence",
    xlabel="dimension (first 64)",
    ylabel="token",
    label="value",
    yticklabels=lm.tokens(ids),
    ax=ax,
)
twins = [i for i, name in enumerate(lm.tokens(ids)) if name == "␣dog"]
plots.caption(
    "The same token picks the same row. The first 64 numbers of each token's row in "
    "the embedding table, violet above zero and orange below: both rows of “dog” are "
    "equal, those of “The” and “the” are not.",
    alt=f"A heatmap of {len(ids)} rows and 64 columns in violet and orange, without "
    f"visible order. Rows {' and '.join(str(1 + i) for i in twins)}, both “dog”, have "
    "the same pattern.",
)
plt.show()

# %%
# Textbooks write the same thing as a matrix product: a **one-hot** vector, all zeros
# with a single one at the id, times the table. It is the same row, since every other
# row is multiplied by zero. It is only wasteful, by a factor V.
import torch

one_hot = torch.nn.functional.one_hot(ids, len(table)).float()
product = one_hot @ table
difference = float((product - lm.trace(text).embeddings).abs().max())

print("one-hot:", tuple(one_hot.shape))
print(f"largest absolute difference from the model's own embeddings: {difference:.1e}")
assert difference < 1e-4

# %%
# Now a mistake found in many notebooks: to make an ``nn.Embedding``, PyTorch's table of
# vectors, and to present what comes out as "the embedding of the word". A new table
# holds **random** numbers. It has the right shape and can be drawn as well, but nothing
# was learned, so nothing is close to anything.
torch.manual_seed(0)
untrained = torch.nn.Embedding(*table.shape).weight.detach()

pairs = [("king", "queen"), ("dog", "cat"), ("red", "blue"), ("Monday", "Friday")]
rows = [[int(lm.encode(f" {word}")[-1]) for word in pair] for pair in pairs]


def cosines(table):
    return [float(embeddings.cosine(table[[a]], table[[b]])) for a, b in rows]


for pair, before, after in zip(pairs, cosines(untrained), cosines(table), strict=True):
    print(f"{' and '.join(pair):18} untrained {before:5.2f}, the model's {after:5.2f}")

# %%
# The cosine is 1 for the same direction and 0 for a right angle. In the untrained table
# a pair of words that belong together is as far apart as any other. But do not trust
# the second column yet: how high is it for two tokens taken at random? A number without
# its baseline says nothing, and the lesson on similarity starts from there.
for name, vectors in (("untrained", untrained), ("the model's", table)):
    print(f"random pairs, {name}: {embeddings.random_pair_cosines(vectors).mean():.2f}")

# %%
# **Takeaway.** Embedding is picking rows from a table; what makes the rows worth
# anything is training.
#
# **Try it.** Swap ``ball`` with the first ``dog``. Predict what happens to the picture:
# do rows change, or only move?
#
# **Sources.** Bengio, Ducharme, Vincent and Jauvin, *A Neural Probabilistic Language
# Model* (JMLR 2003), section 2. Mikolov, Chen, Corrado and Dean, *Efficient Estimation
# of Word Representations in Vector Space* (2013).
