"""
The embedding table: from ids to vectors
========================================

A token id is a name, not a quantity: ids cannot be added or compared. How does a model
turn a name into numbers that it can calculate with? Afterwards you can write the lookup
as a matrix product, say which rows a text trains, and test what one dimension means.
"""

# %%
# One-hot vectors
# ---------------
# The simplest vector for an id is a **one-hot vector**: as many numbers as the
# vocabulary has tokens, all of them 0 except for a 1 at the id. Take a vocabulary of
# four tokens.
import torch

one_hot = torch.eye(4)
lengths = one_hot.norm(dim=1)
print("token 2:", one_hot[2])
print("cosines:", (one_hot @ one_hot.T) / (lengths[:, None] * lengths), sep="\n")

# %%
# The **cosine** of two vectors, their dot product divided by their lengths, is 1 for
# the same direction and 0 for a right angle. Any two different one-hot vectors have
# cosine 0. Written this way, *dog* is as unlike *cat* as it is unlike *of*, and each
# vector is as long as the vocabulary.
#
# Looking up a row
# ----------------
# A model therefore gives each token a short vector of its own, the token's
# **embedding**. The embeddings are the rows of a table :math:`E` with :math:`V` rows,
# one per token of the vocabulary, and :math:`d` columns, the **dimensions**. To
# **embed** a text is to take the row of each id. As an equation, with the one-hot
# vector :math:`e_i` of id :math:`i`,
#
# .. math::
#    x = e_i E , \qquad e_i \in \{0, 1\}^V, \quad E \in \mathbb{R}^{V \times d} .
#
# All rows but row :math:`i` are multiplied by zero, so the product is row :math:`i`.
# Here is a table of four rows and three columns, and the text with the ids 2, 0, 2.
E = torch.tensor([[1.0, 0, 2], [0, 1, 1], [1, -1, 0], [0, 2, 1]])
ids = torch.tensor([2, 0, 2])
print("rows:", E[ids], "product:", one_hot[ids] @ E, sep="\n")
print(torch.nn.Embedding.from_pretrained(E)(ids))  # the library way: the same rows

# %%
# In words: looking up a row and multiplying by a one-hot vector are the same function.
# Programs do the lookup, which needs no multiplications; derivations use the product.
#
# The table of a language model
# -----------------------------
# SmolLM2, the book's model, has a row for each of its 49,152 tokens. The number of
# columns is called the **width** of the model, its hidden size, or ``d_model``.
# Libraries process several texts at once, as a **batch**, so a text enters the model
# with the shape (batch, tokens, width), often written ``[batch, seq, hidden]``.
import lmviz
from lmviz import embeddings, transformer

lm = lmviz.load()
text = "The dog chased the ball because the dog was excited."
ids = lm.encode(text)
table = transformer.token_table(lm).detach()
batch = embeddings.lookup(table, ids[None])  # the same as table[ids[None]]
print("table:", tuple(table.shape), "= (V, d)")
print("batch:", tuple(batch.shape), "= (batch, seq, hidden)")

product = torch.nn.functional.one_hot(ids, len(table)).float() @ table
difference = float((product - lm.trace(text).embeddings).abs().max())
print(f"largest absolute difference from the model's own embeddings: {difference:.1e}")
assert difference < 1e-4

# %%
# With ``transformers``, the table is one call away. The model's output,
# ``last_hidden_state``, has the same shape, but has passed through all layers.
#
# .. code-block:: python
#
#    model = AutoModel.from_pretrained("HuggingFaceTB/SmolLM2-135M-Instruct")
#    table = model.get_input_embeddings().weight  # (49152, 576)
#    model(ids[None]).last_hidden_state  # (1, 11, 576), contextual vectors

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(7.68, 3.4), layout="constrained")
plots.heatmap(
    table[ids, :64],
    title="The rows of the embedding table for a sentence",
    xlabel="dimension (first 64)",
    ylabel="token",
    label="value",
    yticklabels=lm.tokens(ids),
    ax=ax,
)
plots.caption(
    "The same token gets the same row wherever it occurs. The first 64 numbers of each "
    "token's row, violet above zero and orange below: both rows of “dog” are equal, "
    "those of “The” and “the” are not.",
    alt=f"A heatmap of {len(ids)} rows and 64 columns in violet and orange, most of it "
    "without visible order. Both rows of “dog” have the same pattern.",
)
plt.show()

# %%
# Both times it occurs, ``␣dog`` has the same row: the table knows neither the position
# of a token nor the words around it. And ``The`` and ``␣the`` have two unrelated ids;
# only training can make their rows similar.
#
# Which rows does a text train?
# -----------------------------
# The rows are parameters, changed by gradient descent like all others. Say that token 0
# follows token 2. A model without any layers computes a logit for each token that may
# come next, as the dot product of row 2 with a row of an output matrix :math:`U`, and
# its loss is the cross-entropy of their softmax. We let ``autograd`` differentiate the
# loss with respect to :math:`E`, first with a separate output matrix, then with
# :math:`U = E`.
E.requires_grad_()
U = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 1, 0]])
print("length of each row's gradient")
for name, output in (("separate", U), ("tied", E)):
    loss = torch.nn.functional.cross_entropy(E[2] @ output.T, torch.tensor(0))
    (gradient,) = torch.autograd.grad(loss, E)
    print(f"{name:8}", *(f"{size:6.2f}" for size in gradient.norm(dim=1)))

# %%
# With a separate output matrix, only row 2 gets a gradient, since no other row was
# read. A token that is absent from the training text keeps its random initial row,
# apart from weight decay. Using one table at both ends is called **weight tying**
# (Press and Wolf, 2017). Then every row gets a gradient from every text: a step moves
# the row of the token that follows towards the output, and all others away from it.
# SmolLM2 is tied. Here is the same experiment with all of its layers.
copy = table.clone().requires_grad_()
hidden = lm.module.base_model(inputs_embeds=copy[ids][None]).last_hidden_state[0]
for name, output in (("separate", table), ("tied", copy)):
    loss = torch.nn.functional.cross_entropy(hidden[:-1] @ output.T, ids[1:])
    (gradient,) = torch.autograd.grad(loss, copy, retain_graph=True)
    squares = gradient.square().sum(1)
    share = squares[ids.unique()].sum() / squares.sum()
    print(f"{name}: {(squares > 0).sum():,} of {len(table):,} rows get a gradient, and")
    print(f"  {share:.0%} of its squared length is in rows of the sentence")
print(f"{len(ids.unique())} different tokens, {lm.module.config.tie_word_embeddings=}")

# %%
# The sentence has 9 different tokens. With a separate output matrix, 8 rows get a
# gradient; tied, all 49,152 do, although the rows of the sentence still have 90% of its
# squared length. Why 8 rows and not 9?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Each token is trained to predict its successor. The full stop has none, and no
#    earlier token reads it, so the loss does not depend on its row.
#
# Before and after training
# -------------------------
# A new ``nn.Embedding`` contains random numbers. It has the right shape, but no two of
# its rows are similar. We compare cosines of related words and of random pairs.
torch.manual_seed(0)
untrained = torch.nn.Embedding(*table.shape).weight.detach()
print("pair  untrained  trained")
for pair in ("king queen", "dog cat", "red blue", "Monday Friday"):
    a, b = (int(lm.encode(f" {word}")[-1]) for word in pair.split())
    found = [float(embeddings.cosine(t[[a]], t[[b]])) for t in (untrained, table)]
    print(f"{pair:14}", *(f"{cosine:9.2f}" for cosine in found))
found = [abs(embeddings.random_pair_cosines(t).mean()) for t in (untrained, table)]
print(f"{'random pairs':14}", *(f"{cosine:9.2f}" for cosine in found))

# %%
# In the untrained table, related words are no closer than any other two. In SmolLM2's,
# their cosines are from 0.57 to 0.82. But two random tokens of it already have a cosine
# of 0.44, so a similarity means something only next to its baseline, as the lesson
# :doc:`/lessons/02_embeddings/40_cosine_similarity` explains.
#
# What does one dimension mean?
# -----------------------------
# Ids follow the order in which the tokenizer learned its tokens, so that a small id
# means, roughly, a frequent token. How well does each dimension order tokens by
# frequency? We correlate its values with the order of the ids, over all tokens that are
# a space and lower-case letters.
names = lm.tokens(torch.arange(len(table)))
chosen = [
    i for i, t in enumerate(names) if t[0] == "␣" and t[1:].isalpha() and t.islower()
]
chosen = torch.tensor(chosen if len(chosen) > 100 else range(len(table)))


def id_correlations(table):
    """Return the correlation of the ids' order with each dimension."""
    order = torch.arange(len(chosen))
    return torch.corrcoef(torch.stack([order, *table[chosen].T]))[0, 1:]


found = id_correlations(table)
order = found.abs().argsort(descending=True)
for dimension in (*order[:3], order[len(order) // 2]):
    ranked = lm.tokens(chosen[table[chosen, dimension].argsort()])
    print(f"dimension {dimension}: correlation {found[dimension]:.2f}")
    print("  lowest", *ranked[:8], "  highest", *ranked[-4:])
print(f"untrained: at most {id_correlations(untrained).abs().max():.2f}")
alike = torch.corrcoef(table[chosen][:, order[:3]].T)[1]
print(f"the second's correlation with the others: {alike[0]:.2f}, {alike[2]:.2f}")

# %%
# Most dimensions say little about frequency: the middle one of all, 23, has a
# correlation of −0.13. Dimension 31, the darkest column of the figure, is an exception.
# It rises with the id (0.66), from *the*, *and* and *a* to beginnings of words such as
# *dissemin*, which are seldom tokens of their own. In the untrained table, no dimension
# gets beyond 0.03. But 31 is not *the* frequency dimension: 481 and 247 vary with it
# almost perfectly (−0.96). They are one *direction* of the space, with large components
# along three axes. What the model uses it for, a correlation does not say.
#
# Summary
# -------
# - The embedding of a token is a row of the table, the product of a one-hot vector and
#   :math:`E`. It depends on the id alone.
# - As input, a text trains only the rows of its tokens, here 8. With weight tying, the
#   output softmax trains all 49,152 rows.
# - Only training makes rows similar. A cosine needs its baseline, here 0.44.
# - A single dimension rarely has a meaning; the one that follows frequency, 31, is part
#   of a direction that several dimensions share.
#
# Exercises
# ---------
# Set ``E[2]`` to zeros before the gradients of the small table are computed. In the
# tied table, which rows get no gradient now, and why?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    All but row 2. With :math:`p` the softmax and :math:`y` the one-hot target, output
#    row :math:`j` gets :math:`(p_j - y_j)\,x`, which is zero for :math:`x = 0`.
#
# Is dimension 31 about frequency, or about words against fragments? Compare its mean
# for words of Python's manual with that for other tokens, all with ids from ``5000`` to
# ``9999``.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    About both: at these similar ids, the mean is ``0.30`` for words of the manual and
#    ``0.45`` for the others, many of which are fragments.
#
# Further reading
# ---------------
# Bengio, Ducharme, Vincent and Jauvin, *A Neural Probabilistic Language Model* (JMLR
# 2003), where the table was trained as part of a language model. Press and Wolf, *Using
# the Output Embedding to Improve Language Models* (EACL 2017), on weight tying.
