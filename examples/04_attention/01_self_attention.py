r"""
Scaled dot-product self-attention: queries, keys and values
===========================================================

A token's vector says nothing about the tokens around it until attention mixes the
vectors of the text. How does a token choose which others to read? After this lesson you
can compute attention by hand, write it in a few lines, and say why it divides by the
square root of the width.
"""

# %%
# From a lookup table to a weighted average
# -----------------------------------------
# A Python dictionary compares a **query** with its **keys**. The key that is equal
# returns its **value**; if none is, there is no answer. **Attention** is a lookup that
# always answers. Keys and query are vectors, and each key gets a **score**, its **dot
# product** with the query (:doc:`/book/terms`): the more similar their directions, the
# higher. The **softmax** turns the scores :math:`s_j` into **attention weights**
# :math:`\alpha_j`, and the answer is the average of the values :math:`v_j` with these
# weights:
#
# .. math::
#    \alpha_j = \frac{e^{\beta s_j}}{\sum_m e^{\beta s_m}}, \qquad
#    \text{answer} = \sum_j \alpha_j v_j .
#
# We look up the wavelength of orange in a table that has only red, yellow and blue.
# Similar colours have similar keys. The number :math:`\beta` is a dial, which we turn
# from 0 to 100.
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
# The scores are 0.8, 0.6 and −0.8. At :math:`\beta = 100` all weight is on the best
# key, and the answer is its value: the weights are *one-hot*, and attention is a
# lookup. At :math:`\beta = 0` all weights are equal, and the answer is the mean of the
# values, 583. In between, attention is a *soft* lookup. At 5, it blends red and yellow
# to 668 and ignores blue.
#
# A model has no dial. It learns vectors whose dot products are large where a lookup
# helps, and near zero where an average does.
#
# One query by hand
# -----------------
# Now the tokens of a text look each other up. Let three tokens have the vectors (1, 0),
# (0, 1) and (1, 1). Each vector is multiplied by three matrices. The results are its
# query (what the token looks for), its key (what it is found by) and its value (what it
# passes on):
#
# .. math::
#    W_Q = \begin{pmatrix} 2 & 0 \\ 0 & 1 \end{pmatrix}, \quad
#    W_K = \begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}, \quad
#    W_V = \begin{pmatrix} 0 & 1 \\ 1 & 0 \end{pmatrix} .
#
# These matrices are chosen; those of a model are learned. We follow the third token.
# Its scores are divided by the square root of the width, for a reason that comes below.
x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
w_query, w_key = torch.tensor([2.0, 1.0]).diag(), torch.eye(2)
w_value = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
query, key, value = x @ w_query, x @ w_key, x @ w_value

products = torch.stack([query[2] @ k for k in key])
divided = products / 2**0.5
weights = divided.exp() / divided.exp().sum()
mix = sum(weights[j] * value[j] for j in range(3))
print("query:", query[2].tolist(), "values:", value.tolist())
steps = {"dot products": products, "scores": divided, "weights": weights, "output": mix}
for name, row in steps.items():
    print(f"{name}:", " ".join(f"{number:.3f}" for number in row.tolist()))

# %%
# The query :math:`x_3 W_Q` is (2, 1). Its dot products with the three keys are 2, 1 and
# 3; divided by :math:`\sqrt 2`, 1.414, 0.707 and 2.121. The softmax makes them the
# weights 0.284, 0.140 and 0.576, which sum to one. The output is the average of the
# values,
#
# .. math::
#    0.284\,(0, 1) + 0.140\,(1, 0) + 0.576\,(1, 1) = (0.716,\ 0.860) .
#
# The third token *attends to* itself most strongly, and to the first token twice as
# much as to the second. The output is a new vector for the third token.
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
# where :math:`d_k` is the width of a key, and the softmax works on each row. These
# lines are the whole mechanism.
import math


def attend(query, key, value):
    """Average the values, (T_k, d), for each query, (T_q, d)."""
    scores = query @ key.transpose(-1, -2) / math.sqrt(key.shape[-1])
    weights = scores.exp() / scores.exp().sum(-1, keepdim=True)  # softmax
    return weights @ value


print("output  first  second")
for i, row in enumerate(attend(query, key, value).tolist(), start=1):
    print(f"token {i}  {row[0]:.3f}  {row[1]:.3f}")

# %%
# In words: compare each query with all keys, turn each row of scores into weights, and
# average the values with them. The third row is the one computed by hand. The package
# and PyTorch give the same, also for larger random inputs.
from lmviz import attention

torch.manual_seed(0)
q, k, v = torch.randn(3, 4, 7, 32)  # four texts of seven tokens, of width 32
ours = attend(q, k, v)
for name, theirs in {
    "the package's": attention.attend(q, k, v),
    "PyTorch's": torch.nn.functional.scaled_dot_product_attention(q, k, v),
}.items():
    difference = float((ours - theirs).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-5

# %%
# Language models add a *mask* to the scores, which hides the tokens after each query
# (:doc:`lesson 4.2 </lessons/04_attention/02_causal_mask>`), and :doc:`positions
# </lessons/03_positions/01_why_positions>`, since the formula ignores the order.
#
# Why three matrices
# ------------------
# In **self-attention**, queries, keys and values are projections of the same vectors.
# Why not take the vectors themselves? Then the table of dot products is
# :math:`X X^\top`. It is symmetric: token 1 matches token 2 as well as token 2 matches
# token 1, though a pronoun should look for its noun and not the other way round. And a
# token matches itself better than any other of the same length, so it mostly reads
# itself. We measure both effects on 1000 sets of 16 random vectors of width 64.
x_random = torch.randn(1000, 16, 64)
w_q, w_k = torch.randn(2, 64, 64) / 8
for name, (q, k) in {
    "without matrices": (x_random, x_random),
    "random matrices": (x_random @ w_q, x_random @ w_k),
}.items():
    table = q @ k.transpose(-1, -2) / 8
    itself = table.softmax(-1).diagonal(dim1=-2, dim2=-1).mean()
    uneven = (table - table.transpose(-1, -2)).abs().mean()
    print(f"{name}: weight on itself {itself:.2f}, asymmetry {uneven:.1f}")

# %%
# Without matrices, a token puts 0.98 of its weight on itself, so attention collects
# almost nothing from the others. With two random matrices it is 0.07, near the 1/16 of
# uniform weights, and the table is no longer symmetric: scores :math:`(i, j)` and
# :math:`(j, i)` differ by 1.0 on average. A learned :math:`W_V` adds that what a token
# passes on need not be what it is found by.
#
# With :math:`W_Q = W_K`, which of the two effects remains?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Both: the table is :math:`(X W_Q)(X W_Q)^\top`, which is symmetric, and its
#    diagonal holds squared lengths.
#
# Why divide by the square root of the width
# ------------------------------------------
# Let the entries of a query and a key be independent, with mean zero and variance one.
# Then so are the :math:`d` products of the sum, and the variances add up:
#
# .. math::
#    \mathrm{Var}(q \cdot k) = \sum_{m=1}^{d} \mathrm{Var}(q_m k_m)
#    = \sum_{m=1}^{d} \mathrm{E}[q_m^2]\, \mathrm{E}[k_m^2] = d .
#
# So the standard deviation of a dot product is :math:`\sqrt d`, and the division brings
# it to one for every width. We check this, and record the largest weight among sixteen
# random keys, none of which was made to match.
widths = [4, 16, 64, 256, 1024]
largest = {"divided": [], "not divided": []}
print("d     deviation  divided  largest weight  divided")
for width in widths:
    q, k = torch.randn(400, 1, width), torch.randn(400, 16, width)
    raw = q @ k.transpose(-1, -2)
    scaled = raw / math.sqrt(width)
    for name, table in {"divided": scaled, "not divided": raw}.items():
        largest[name].append(table.softmax(-1).max(-1).values.mean().item())
    print(f"{width:<4}  {raw.std():<9.2f}  {scaled.std():<7.2f}  ", end="")
    print(f"{largest['not divided'][-1]:<14.2f}  {largest['divided'][-1]:.2f}")

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
    xlabel="width (logarithmic)",
    ylabel="mean of the largest weight",
    ylim=(0, 1.05),
)
ax.legend(loc="center right", fontsize="small")
raw = largest["not divided"]
plots.caption(
    "Without the division, wide vectors put all weight on one key. Largest weight of "
    f"16 random keys: it rises from {raw[0]:.2f} at width 4 to {raw[-1]:.2f} at width "
    "1024; with the division it is the same at every width.",
    alt="Two curves over the width, from 4 to 1024. One rises to "
    f"{raw[-1]:.2f}, the other is flat, near 0.25. A dotted line marks uniform "
    "weights, 0.06.",
)
plt.show()

# %%
# Undivided scores have a standard deviation of 32.34 at width 1024, and the softmax
# gives 0.96 of the weight to one key, by chance. Divided, the largest weight stays near
# 0.25 for every width.
#
# Why is that bad? Training changes scores through the slope of the softmax. Its
# derivatives, the *Jacobian*, are
#
# .. math::
#    \frac{\partial \alpha_i}{\partial s_j} = \alpha_i (\delta_{ij} - \alpha_j), \qquad
#    \frac{\partial \alpha_i}{\partial s_i} = \alpha_i (1 - \alpha_i) .
#
# In words: raising a score raises its own weight, at the cost of all others in
# proportion to their weights, and both effects vanish as a weight nears 0 or 1. Take
# three keys at width 64, one of them 8 above the others, one standard deviation.
s = torch.tensor([8.0, 0.0, 0.0])
a = (s / 8).softmax(-1)
jacobian = torch.autograd.functional.jacobian(lambda s: s.softmax(-1), s / 8)
difference = float((jacobian - (a.diag() - a[:, None] * a)).abs().max())
print(f"largest absolute difference from PyTorch's Jacobian: {difference:.1e}")
slopes = {}
for name, row in {"not divided": s, "divided": s / 8}.items():
    p = row.double().softmax(-1)[0]
    slopes[name] = p * (1 - p)
    print(f"{name}: weight {p:.4f}, slope {slopes[name]:.4f}")
ratio = slopes["divided"] / slopes["not divided"]
print(f"ratio of the slopes {ratio:.0f}, per dot product {ratio / 8:.0f}")

# %%
# The slope is 0.0007 without the division and 0.2442 with it, 364 times as steep. The
# division itself makes a score react 8 times less to its dot product; 46 times remain.
# A model that starts with saturated weights gets almost no gradient to correct them.
#
# Summary
# -------
# - Attention is a soft lookup: scores of a query with all keys, a softmax, and an
#   average of the values. One-hot weights (lookup) and equal weights (mean) are its
#   limits.
# - In self-attention, learned matrices make queries, keys and values of the same
#   vectors. Without them, the scores are symmetric and each token attends to itself.
# - Dot products of width :math:`d` have a standard deviation of :math:`\sqrt d`.
#   Divided by it, the softmax does not saturate, and keeps a slope to learn from.
#
# Exercises
# ---------
# If you multiply all queries of the example by 100, what is the output of the third
# token? And if you multiply them by 0?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Multiplying queries multiplies scores: it is the dial :math:`\beta`. With 100, all
#    weight is on the third key, and the output is its value, (1, 1). With 0, the output
#    is the mean of the three values, (2/3, 2/3).
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.2.1, with a
#   footnote on the variance.
# - Bahdanau, Cho and Bengio, *Neural Machine Translation by Jointly Learning to Align
#   and Translate* (2014; ICLR 2015), which introduced attention in translation.
