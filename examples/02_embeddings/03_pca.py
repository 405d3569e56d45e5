"""
Principal component analysis: a map of token vectors
====================================================

Token vectors have hundreds of dimensions, and a page has two. How is a map of them
made, and what does it leave out? By the end you can compute principal components in
five lines, say what share of the variance a map keeps, and tell when one outlier
dominates a map.
"""

# %%
# Four points on paper
# --------------------
# The **variance** of some points along a direction is their mean squared distance from
# the mean, measured along it. **Principal component analysis** (PCA) finds the
# direction of unit length with the largest variance, then the one at a right angle to
# it with the largest variance of what is left, and so on. For points :math:`x_i` with
# mean :math:`\bar x`, the first direction is
#
# .. math::
#    v_1 = \underset{\|v\| = 1}{\mathrm{argmax}}\;
#    \frac{1}{n} \sum_{i=1}^{n} \big( (x_i - \bar x) \cdot v \big)^2 .
#
# Four points in the plane have the mean (0, 0). The sum is largest along the first
# axis, where two of the points are far from the mean.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

paper = torch.tensor([[3.0, 0], [-3, 0], [0, 1], [0, -1]])
variance = (paper - paper.mean(0)).square().mean(0)
print("variance along each axis:", variance)
print(f"share of the first axis: {variance[0] / variance.sum():.0%}")
for name, points in (("in the plane", paper), ("on the first axis", paper[:, :1])):
    print(f"distances {name}:", *(f"{d:.2f}" for d in torch.pdist(points)))

# %%
# The first axis alone keeps 90% of the variance. On a map of this axis, which two
# points coincide, and how far apart are they really?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The last two, (0, 1) and (0, −1), whose distance is 2. The other distances shrink
#    from 3.16 to 3.00, or not at all.
#
# The singular value decomposition
# --------------------------------
# The *singular value decomposition* gives all axes at once. It writes any matrix as a
# product of three. Let the rows of :math:`X` be the points after their mean has been
# subtracted:
#
# .. math::
#    X = U S V^\top , \qquad Z = X V_k , \qquad
#    \text{share}_j = \frac{s_j^2}{\sum_m s_m^2} .
#
# The columns of :math:`V` are the principal directions, in order. The diagonal of
# :math:`S` holds the singular values :math:`s_j`, and :math:`s_j^2 / n` is the variance
# along direction :math:`j`. :math:`U` is not needed: the coordinates on a map are
# :math:`Z`, the products of the points with the first :math:`k` directions.


def pca(x, k=2):
    """Return coordinates (n, k), and the share of the variance along each direction."""
    centred = x - x.mean(0)
    _, s, vt = torch.linalg.svd(centred, full_matrices=False)
    return centred @ vt[:k].T, (s.square() / s.square().sum())[:k]


print("shares:", pca(paper)[1])

# %%
# In words: centre, find the axes, keep the first two. We apply it to the tokens of a
# sentence. SmolLM2 sends their vectors through a stack of **blocks** (or :doc:`layers
# </book/terms>`), each of which adds something to them. The vectors of all tokens
# between two blocks are called a **hidden state**. State 0 holds the embeddings; the
# last state has also passed the final norm, a step that rescales each vector. The
# package's function and scikit-learn's give the same map, up to the sign of each axis,
# which is arbitrary.
import sklearn.decomposition

import lmviz
from lmviz import embeddings
from lmviz.texts import python_manual

lm = lmviz.load()
trace = lm.trace("The king and the queen fed the dog, the cat and two red parrots.")
states = trace.hidden_states
print("hidden states:", tuple(states.shape), "= (L + 1, T, d)")
first, last = states[0], states[-1]
library = sklearn.decomposition.PCA(2, svd_solver="full")  # not an approximation
theirs = {"scikit-learn": torch.tensor(library.fit_transform(first.numpy()))}
theirs["lmviz"] = embeddings.pca(first)[0]
for name, coordinates in theirs.items():
    difference = float((pca(first)[0].abs() - coordinates.abs()).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-4

# %%
# Before the first block and after the last
# -----------------------------------------
# With only 16 points, the first two components always keep a good part of the variance.
# We need controls: 16 random vectors with the repetitions of our sentence (*the* occurs
# three times), and 16 tokens at random positions of another text, in the same state.
# The baseline for a distance is the mean distance of two tokens.
maps = {"before": pca(first), "after": pca(last)}
torch.manual_seed(0)
same = [i for i, token in enumerate(trace.tokens) if token == trace.tokens[3]]
for (name, (_, kept)), x in zip(maps.items(), (first, last), strict=True):
    copies = (x[same[1:]] - x[same[0]]).norm(dim=-1)
    print(f"{name}: first axis {kept[0]:.1%}, both axes {kept.sum():.1%}")
    print("  copies of", trace.tokens[3], *(f"{d:.1f} away" for d in copies))
    print(f"  mean distance of two tokens: {torch.pdist(x).mean():.1f}")

manual = lm.trace(python_manual()["import"][:1000]).hidden_states
types = torch.tensor([trace.tokens.index(token) for token in trace.tokens])


def noise():
    return torch.randn(first.shape)[types]


def chosen(state):
    return state[1 + torch.randperm(len(state) - 1)[: len(first)]]


controls = {"random vectors": noise}
controls["another text, before"] = lambda: chosen(manual[0])
controls["another text, after"] = lambda: chosen(manual[-1])
print("control  mean share of both axes  standard deviation")
for name, draw in controls.items():
    kept = torch.stack([pca(draw())[1].sum() for _ in range(50)])
    print(f"{name}  {kept.mean():.1%}  {kept.std():.1%}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

labels = [token if len(token) > 1 else f"“{token}”" for token in trace.tokens]
_, axes = plt.subplots(1, 2, figsize=(7.68, 4.2), layout="constrained")
titles = ("Before the first block", "After the last block and the norm")
for ax, title, (coordinates, kept) in zip(axes, titles, maps.values(), strict=True):
    plots.labelled_scatter(
        coordinates,
        labels,
        title=f"{title}\n{kept.sum():.1%} of the variance",
        xlabel="first principal component",
        ylabel="second principal component",
        ax=ax,
    )
plots.caption(
    "Copies of a token share a point before the first block and separate afterwards. "
    "First two principal components of the hidden states, with the first axis across.",
    alt="Two scatter plots with labels. On the left, the three “the” are one point and "
    "the two “and” another; on the right, each has a point of its own.",
)
plt.show()

# %%
# Both maps keep more of the variance than maps of random vectors do, 57.5% and 50.9%
# against 31.8%. But so do maps of other tokens: those of 16 tokens of the other text
# keep 45.2% on average before the first block (standard deviation 5.7%) and 58.5% after
# the last (5.5%), where the map of our sentence keeps less. A large share is therefore
# not specific to this sentence.
#
# The three copies of ``␣the`` coincide before the first block, since SmolLM2 does not
# add positions to its embeddings. After the last block each copy has attended to a
# different preceding text. The other two are 20.8 and 21.1 away from the first, about
# half the mean distance of two tokens (42.5): they still have much in common.
#
# One token dominates the first axis
# ----------------------------------
# In the states between these two, such a map singles out one token. We print the length
# of the first token's vector and the median length of the others, then the share of the
# first axis for all tokens, and without the first token.
shares = {"all tokens": [], "without the first": []}
for state in states:
    for name, x in zip(shares, (state, state[1:]), strict=True):
        shares[name].append(float(pca(x)[1][0]))
lengths = states.norm(dim=-1)
print("state  length  others  share: all tokens  without the first")
for i in range(0, len(states), 3):
    row = [i, *(f"{x:,.0f}" for x in (lengths[i, 0], lengths[i, 1:].median()))]
    print(*row, *(f"{values[i]:.1%}" for values in shares.values()), sep="  ")

# %%
_, ax = plt.subplots(figsize=(6.08, 2.8), layout="constrained")
for (name, values), marker in zip(shares.items(), "os", strict=True):
    ax.plot(values, marker=marker, markersize=4, label=name)
ax.set(
    title="Share of the first principal component",
    xlabel="state (number of blocks passed)",
    ylabel="share of the variance",
    ylim=(0, 1.05),
)
ax.legend()
plots.caption(
    "In the middle of the model, the first axis shows the first token alone. Its share "
    "of the variance with all tokens, and without the first one, before the first "
    "block (0) and after each block; the last state has passed the final norm.",
    alt="Two curves over the states. With all tokens, the share is high in states 3 to "
    "9 and almost 1 in the second half; without the first token, it stays low.",
)
plt.show()

# %%
# In states 12 to 29, one axis holds 98.0% of the variance or more (and already 91.3% in
# state 3). It is the direction of the first token, which is an **attention sink** (Xiao
# et al., 2023): many heads attend to it, and its vector contains a massive activation,
# a huge number in one dimension (:doc:`lesson 2.7
# </lessons/02_embeddings/07_residual_stream>`). In state 15 the length of this vector
# is 22,680, against a median of 148 for the others. On such a map, all other tokens
# have nearly the same first coordinate; at equal scales of the axes, they are one
# point. Without the first token, the first axis of state 15 keeps 22.8%. In state 30,
# after the final norm, the lengths are similar again (47 and 43).
#
# The maps below show all states. All vectors are scaled to length 1, and the first
# token has no influence on the axes. Axes may turn from one state to the next, so each
# map is rotated to match the one before.
from lmviz import views

least = min(shares["all tokens"][12:30], default=0)
print(f"least share in states 12 to 29, with all tokens: {least:.1%}")
views.embeddings(states, trace.tokens, exclude=[0], title="The map after every layer")

# %%
# What a map hides
# ----------------
# A projection brings points together, never apart. For each pair of tokens, we compare
# the distance on the map, as a share of the largest distance on the map, with the true
# distance, as a share of the largest true one. Then we count the tokens that keep their
# nearest neighbour. The control is a map of two random directions.
coordinates, _ = maps["after"]
flat, true = torch.pdist(coordinates), torch.pdist(last)
assert (flat <= true + 1e-3).all()
shown, full = flat / flat.max(), true / true.max()
worst = int((full - shown).argmax())
pair = torch.combinations(torch.arange(len(last)))[worst].tolist()
print("most distorted pair:", *(f"{trace.tokens[i]} ({i})" for i in pair))
print(f"  on the map {shown[worst]:.0%}, in all dimensions {full[worst]:.0%}")


def nearest(x):
    return torch.cdist(x, x).fill_diagonal_(torch.inf).argmin(1)


kept = [
    int((nearest(x) == nearest(last)).sum())
    for x in (coordinates, *(last @ torch.randn(100, last.shape[1], 2)))
]
print(f"nearest neighbour kept on this map: {kept[0]} of {len(last)} tokens")
print(f"on 100 random maps, on average: {sum(kept[1:]) / 100:.1f}")

# %%
# On the map, the distance of ``␣the`` and ``␣red`` is 17% of the largest; in all
# dimensions it is 71%. Only 8 of 16 tokens keep their nearest neighbour (3.2 on random
# maps). If two points are close on a map, check in all dimensions; if they are far
# apart, that is real.
#
# Summary
# -------
# - PCA keeps the directions of largest variance. A map should say what share it keeps,
#   here 57.5% before the first block and 50.9% after the last. Compare this with maps
#   of other tokens: they keep 45.2% and 58.5%.
# - One outlier dominates the first axis (98.0% or more in states 12 to 29): leave it
#   out, or scale the vectors.
# - At the true scale, a map can understate distances, but never overstate them.
#
# Exercises
# ---------
# Append a second sentence. Which of the old vectors change, and why do both maps
# change?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    None: a token cannot attend to what follows it. But the new tokens change the axes.
#
# Scale the vectors of state 15 to length 1. What is the share of the first axis now?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It is ``0.20``. All vectors have the same length, so the first token is only a
#    little farther from the others than they are from each other.
#
# Further reading
# ---------------
# Hotelling, *Analysis of a Complex of Statistical Variables into Principal Components*
# (Journal of Educational Psychology, 1933). Pearson, *On Lines and Planes of Closest
# Fit to Systems of Points in Space* (Philosophical Magazine, 1901). Ethayarajh, *How
# Contextual are Contextualized Word Representations?* (EMNLP 2019). Sun, Chen, Kolter
# and Liu, *Massive Activations in Large Language Models* (COLM 2024). Xiao, Tian, Chen,
# Han and Lewis, *Efficient Streaming Language Models with Attention Sinks* (ICLR
# 2024).
