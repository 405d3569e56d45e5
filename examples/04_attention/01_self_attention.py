r"""
Scaled dot-product self-attention: queries, keys and values
===========================================================

Attention is the part of a transformer in which tokens exchange information. How does a
token select the tokens that it reads from? After this lesson you can compute attention
by hand, write it in a few lines, and explain the square root in its formula.
"""

# %%
# From a lookup table to a weighted average
# -----------------------------------------
# A Python dictionary compares a **query** with its **keys**. If one of them is equal,
# it returns that key's **value**; otherwise the lookup fails. **Attention** always
# returns an answer. Queries and keys are vectors, and the **score** of a key is its
# **dot product** with the query (:doc:`/book/terms`), which is large if both vectors
# are long and point in similar directions. The **softmax** turns the scores :math:`s_j`
# into **attention weights** :math:`\alpha_j`, and the answer is the weighted average of
# the values :math:`v_j`:
#
# .. math::
#    \alpha_j = \frac{e^{\beta s_j}}{\sum_m e^{\beta s_m}}, \qquad
#    \text{answer} = \sum_j \alpha_j v_j .
#
# We look up the wavelength of orange in a table of red, yellow and blue. The keys are
# points on a colour circle, on which orange is between red and yellow, and blue is
# opposite red. The factor :math:`\beta`, from 0 to 100, sets how sharp the lookup is.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

wavelength = {"red": 700.0, "yellow": 580.0, "blue": 470.0}  # nanometres
values = torch.tensor(list(wavelength.values()))
keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
orange = torch.tensor([0.8, 0.6])
scores = keys @ orange
print("beta  red    yellow  blue   answer")
for beta in (0, 1, 5, 100):
    red, yellow, blue = weights = (beta * scores).softmax(-1)
    print(f"{beta:<4}  {red:.3f}  {yellow:.3f}   {blue:.3f}  {weights @ values:.0f}")

# %%
# The scores are 0.8, 0.6 and −0.8. At :math:`\beta = 100` all the weight is on the key
# with the highest score: the weights are *one-hot*, and attention is an ordinary
# lookup. At :math:`\beta = 0` all weights are equal, and the answer is the mean of the
# values, 583. In between, attention is a *soft* lookup: at 5, it blends red and yellow
# to 668 and ignores blue. A model has no such factor: it learns vectors whose dot
# products are large where a lookup helps, and near zero where an average does.
#
# One query by hand
# -----------------
# In a transformer, each token sends a query to all tokens of its text. Let the tokens
# of “dog chases cat” have the vectors (1, 0), (0, 1) and (1, 1). We write vectors as
# rows, and multiply each by three matrices on the right. This gives the token's query
# (what it searches for), key (what it is found by) and value (what it passes on):
#
# .. math::
#    W_Q = \begin{pmatrix} 2 & 0 \\ 0 & 1 \end{pmatrix}, \quad
#    W_K = \begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}, \quad
#    W_V = \begin{pmatrix} 0 & 1 \\ 1 & 0 \end{pmatrix} .
#
# We chose these matrices; a model learns them. They are parameters, the same for every
# token of every text, whereas queries, keys and values are computed for each text. We
# follow the query of “cat”. Its dot products with the keys are divided by the square
# root of a key's width (its number of entries), for a reason given below.
words = ["dog", "chases", "cat"]
x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
w_query, w_key = torch.tensor([2.0, 1.0]).diag(), torch.eye(2)
w_value = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
query, key, value = x @ w_query, x @ w_key, x @ w_value
print("shape of the queries:", tuple(query.shape))

products = torch.stack([query[2] @ k for k in key])  # 2: “cat”
divided = products / 2**0.5
weights = divided.exp() / divided.exp().sum()
mix = sum(weights[j] * value[j] for j in range(3))
print("query:", query[2].tolist(), "values:", value.tolist())
steps = {"dot products": products, "scores": divided, "weights": weights, "output": mix}
for name, row in steps.items():
    print(f"{name}:", " ".join(f"{number:.3f}" for number in row.tolist()))

# %%
# The query of “cat” is (1, 1) :math:`W_Q`, or (2, 1). Its dot products with the three
# keys are 2, 1 and 3. Divided by :math:`\sqrt 2`, they become the scores 1.414, 0.707
# and 2.121. The softmax turns these into the weights 0.284, 0.140 and 0.576, which sum
# to one. The output is
#
# .. math::
#    0.284\,(0, 1) + 0.140\,(1, 0) + 0.576\,(1, 1) = (0.716,\ 0.860) .
#
# The token “cat” *attends to* itself most strongly, and to “dog” twice as strongly as
# to “chases”. The output is a new vector for the position of “cat”.
#
# All queries at once
# -------------------
# If :math:`X` has a row for each token, then so do :math:`Q = X W_Q`, :math:`K = X W_K`
# and :math:`V = X W_V`. Entry :math:`(i, j)` of :math:`Q K^\top` is the dot product of
# query :math:`i` and key :math:`j`, and *scaled dot-product attention* (Vaswani et al.,
# 2017) is
#
# .. math::
#    \mathrm{Attention}(Q, K, V) =
#    \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V ,
#
# where :math:`d_k` is the width of a key (:math:`d_\text{head}` in later lessons), and
# the softmax is applied to each row. In code:
import math


def attend(query, key, value):
    """Return an average of the values for each query, (number of queries, d)."""
    scores = query @ key.transpose(-1, -2) / math.sqrt(key.shape[-1])
    weights = scores.exp() / scores.exp().sum(-1, keepdim=True)  # softmax
    return weights @ value


for word, row in zip(words, attend(query, key, value).tolist(), strict=True):
    print(f"output of {word}: {row[0]:.3f} {row[1]:.3f}")

# %%
# In words: compare each query with all keys, turn each row of scores into weights, and
# use these to average the values. The output of “cat” is the one computed by hand. The
# package and PyTorch give the same results for larger, random inputs.
from lmviz import attention

torch.manual_seed(0)
q, k, v = torch.randn(3, 4, 7, 32)  # four texts of seven tokens, of width 32
ours = attend(q, k, v)
by_torch = torch.nn.functional.scaled_dot_product_attention(q, k, v)
for name, theirs in ("package", attention.attend(q, k, v)), ("PyTorch", by_torch):
    difference = float((ours - theirs).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-5

# %%
# Language models need two additions: a *mask*, which hides the tokens after each query
# (:doc:`lesson 4.2 </lessons/04_attention/02_causal_mask>`), and :doc:`positions
# </lessons/03_positions/01_why_positions>`, since the formula ignores the order.
#
# Why three matrices
# ------------------
# In **self-attention**, queries, keys and values are projections of the same vectors;
# in :doc:`cross-attention </lessons/04_attention/06_encoders_and_cross_attention>`, the
# queries come from another text. Why not use the vectors themselves? The table of dot
# products would be :math:`X X^\top`. It is symmetric, although a pronoun should find
# its noun and not the other way round. And a token would match itself better than any
# other of equal length. We measure both on 1000 sets of 16 random vectors of width 64.
x_random = torch.randn(1000, 16, 64)
w_q, w_k = torch.randn(2, 64, 64) / 64**0.5  # keeps the variance of the entries at 1
same, projected = (x_random, x_random), (x_random @ w_q, x_random @ w_k)
for name, (q, k) in ("without matrices", same), ("random matrices", projected):
    table = q @ k.transpose(-1, -2) / 64**0.5
    itself = table.softmax(-1).diagonal(dim1=-2, dim2=-1).mean()
    uneven = (table - table.transpose(-1, -2)).abs().mean()
    print(f"{name}: weight on itself {itself:.2f}, asymmetry {uneven:.1f}")

# %%
# Without matrices, a token puts 0.98 of its weight on itself, so it reads almost
# nothing from the others. With two random matrices this share is 0.07, close to the
# 1/16 of uniform weights, and the table is no longer symmetric: scores :math:`(i, j)`
# and :math:`(j, i)` differ by 1.0 on average. The third matrix, :math:`W_V`, lets the
# information that a token passes on differ from the features by which it is found.
#
# Why divide by √d, the square root of the width
# ----------------------------------------------
# Let the entries of a query and a key be independent, with mean zero and variance one.
# Then the products :math:`q_m k_m` are also independent with mean zero and variance
# one, and the variances of the :math:`d` products add up:
#
# .. math::
#    \mathrm{Var}(q \cdot k) = \sum_{m=1}^{d} \mathrm{Var}(q_m k_m)
#    = \sum_{m=1}^{d} \mathrm{E}[q_m^2]\, \mathrm{E}[k_m^2] = d .
#
# So a dot product has a standard deviation of :math:`\sqrt d`, and the division reduces
# it to one at every width. The table shows the standard deviation (SD) and the mean of
# the largest of sixteen weights, without the division and with it. All vectors are
# random, so no key matches a query except by chance.
widths = [4, 16, 64, 256, 1024]
largest = {"divided": [], "not divided": []}
print("d     SD     SD, divided  weight  weight, divided")
for width in widths:
    q, k = torch.randn(400, 1, width), torch.randn(400, 16, width)  # 400 queries
    raw = q @ k.transpose(-1, -2)
    scaled = raw / math.sqrt(width)
    for name, table in {"divided": scaled, "not divided": raw}.items():
        largest[name].append(table.softmax(-1).max(-1).values.mean().item())
    print(f"{width:<4}  {raw.std():<5.2f}  {scaled.std():<11.2f}  ", end="")
    print(f"{largest['not divided'][-1]:<6.2f}  {largest['divided'][-1]:.2f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.2), layout="constrained")
for (name, line), colour in zip(largest.items(), plots.PALETTE[:2], strict=True):
    ax.plot(widths, line, marker="o", color=colour, label=name)
ax.axhline(1 / 16, color="0.5", ls=":", label="uniform weights")
ax.set_xscale("log", base=2)
ax.set_xticks(widths, widths)
ax.set(
    title="Largest of sixteen weights",
    xlabel="width (log scale)",
    ylabel="mean of the largest weight",
    ylim=(0, 1.05),
)
ax.legend(loc="center right")
raw = largest["not divided"]
plots.caption(
    "Without the division, one key gets almost all the weight at large widths. The "
    f"mean of the largest of 16 weights rises from {raw[0]:.2f} at width 4 to "
    f"{raw[-1]:.2f} at width 1024; with the division, it hardly depends on the width.",
    alt="Two curves against the width, from 4 to 1024. One rises to "
    f"{raw[-1]:.2f}, the other is flat, near 0.25. A dotted line marks uniform "
    "weights, 0.06.",
)
plt.show()

# %%
# At width 1024, undivided scores have a standard deviation of 32.34, and one key gets
# 0.96 of the weight by chance. With the division, the largest weight stays near 0.25.
#
# Why is that bad? Training changes the scores through the slope of the softmax,
# :math:`\partial \alpha_i / \partial s_i = \alpha_i (1 - \alpha_i)`, which vanishes as
# a weight approaches 0 or 1. Take a key of width 64 whose dot product is one standard
# deviation, 8, above those of two other keys. Divided by 8, it is only 1 above them.
s = torch.tensor([8.0, 0.0, 0.0], dtype=torch.float64)
for name, row in {"not divided": s, "divided": s / 8}.items():
    weight = row.softmax(-1)[0]
    print(f"{name}: weight {weight:.4f}, slope {weight * (1 - weight):.4f}")

# %%
# The slope is 0.0007 without the division and 0.2442 with it. A model that starts with
# such *saturated* weights gets almost no gradient to correct them.
#
# The derivation assumes random vectors, as at the start of training. In the trained
# SmolLM2 (:doc:`/book/model`), we measure the dot products of all *heads*, the parallel
# attention computations of a layer (lesson 4.3). The text is 64 tokens of Python's
# manual. We leave out the first key, the *sink* of :doc:`lesson 4.7
# </lessons/04_attention/07_attention_sinks>`.
import lmviz
from lmviz import transformer
from lmviz.texts import python_manual

topics = python_manual()
lm = lmviz.load("smollm2")
ids = lm.encode(" ".join(topics["assert"].split()))[20:84]
visible = torch.ones(64, 64).tril().bool() & (torch.arange(64) > 0)  # pairs
spreads = []  # of each head
blocks, states = transformer.extract(lm).blocks, lm.trace(ids).hidden_states
for block, state in zip(blocks, states[:-1], strict=True):
    ours = transformer.heads(block.attention, state)
    spreads += (ours.query @ ours.key.mT)[:, visible].std(-1).tolist()
median = sorted(spreads)[len(spreads) // 2]
print(f"SD of the dot products in {len(spreads)} heads: median {median:.0f}, from")
print(f"{min(spreads):.0f} to {max(spreads):.0f}; median / 8 = {median / 8:.1f}")

# %%
# The standard deviation ranges from 6 to 53. In the median head it is 17 and not 8, so
# that of the scores is 2.1: trained queries and keys are not random. A trained model
# could do without the division, since :math:`W_Q / 8` instead of :math:`W_Q` gives the
# same scores. The division keeps scores small at the start of training.
#
# Summary
# -------
# - Attention is a soft lookup: it scores all keys against a query, applies a softmax,
#   and averages the values. Its extremes are a lookup (one-hot weights) and the mean.
# - In self-attention, learned matrices compute queries, keys and values from the same
#   vectors. Without them, scores are symmetric and a token attends mainly to itself.
# - Dot products of random vectors of width :math:`d` have a standard deviation of
#   :math:`\sqrt d`. Dividing by it keeps the softmax from saturating.
#
# Exercises
# ---------
# Without matrices, the table of dot products is symmetric and each token matches itself
# best. Do both effects remain if :math:`W_Q = W_K`?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Yes. The table is :math:`(X W_Q)(X W_Q)^\top`, which is symmetric, and a token
#    matches itself better than any other token whose query is equally long.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.2.1, with a
#   footnote on the variance.
# - Bahdanau, Cho and Bengio, *Neural Machine Translation by Jointly Learning to Align
#   and Translate* (2014; ICLR 2015), which introduced attention in translation.
