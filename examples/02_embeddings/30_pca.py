"""
A map of the tokens
===================

The tokens of a sentence are vectors of many hundred numbers, and a page has two
dimensions. A map can be drawn all the same. What does it show, how much does it
leave out, and what changes on the way through the model?
"""

# %%
# A model passes its vectors through a stack of L **blocks**, and each block adds
# something to them. We keep all of it in one run: ``hidden_states`` holds the vectors
# before the first block and after every block. (The last ones have also passed a final
# **norm**, which brings them to one size: chapter 5.)
import lmviz

lm = lmviz.load()
trace = lm.trace("The king and the queen fed the dog, the cat and two red parrots.")
print("tokens:", trace.tokens)
print("hidden states:", tuple(trace.hidden_states.shape), "= (L + 1, T, d)")

# %%
# **Principal component analysis** finds the direction in which the vectors differ most,
# then the next one at a right angle to it. Two directions make a map. It says itself
# how much it shows: the share of all variance that lies in these two.
from lmviz import embeddings

first, last = trace.hidden_states[0], trace.hidden_states[-1]
maps = {
    "before the first block": embeddings.pca(first),
    "after the last block and the norm": embeddings.pca(last),
}
for name, (_, kept) in maps.items():
    print(f"{name}: {kept[0]:.0%} + {kept[1]:.0%} of the variance is on the map")

# %%
# On the left, the same token always has the same place, wherever it stands, unless the
# model adds its position to it. On the right, every token has heard from the tokens
# before it, and what it holds is turned towards a question: what comes next?
import matplotlib.pyplot as plt

from lmviz import plots

labels = [token if len(token) > 1 else f"“{token}”" for token in trace.tokens]
_, axes = plt.subplots(1, 2, figsize=(7.68, 4.2), layout="constrained")
for ax, (name, (coordinates, kept)) in zip(axes, maps.items(), strict=True):
    plots.labelled_scatter(
        coordinates,
        labels,
        title=f"Tokens {name}\n{kept.sum():.0%} of the variance",
        xlabel="first principal component",
        ylabel="second principal component",
        ax=ax,
    )
plots.caption(
    "Copies of a token share a point before the first block and separate afterwards. "
    "First two principal components of the hidden states: before the first block, all "
    "copies of “the” coincide; after the last one, each depends on the text before it.",
    alt="Two scatter plots with labels. On the left, the three “the” are one point and "
    "the two “and” another; on the right, each has a point of its own.",
)
plt.show()

# %%
# How far apart do the copies of ``␣the`` lie? Before the first block the answer is
# zero, or the difference of their positions. After the last, each has another text
# before it, and they have drifted apart.
twins = [i for i, token in enumerate(trace.tokens) if token == trace.tokens[3]]
for name, states in (("before", first), ("after", last)):
    distances = (states[twins[1:]] - states[twins[0]]).norm(dim=-1)
    shown = ", ".join(f"{distance:.2f}" for distance in distances)
    print(f"{name}: {shown} from the first {trace.tokens[3]!r}")

# %%
# Now the mistake: to read the map as if it were the space. Two tokens that lie on each
# other on paper can be far apart in a direction that the paper does not have. Here is
# the pair that the map betrays most: its distance on the map against its true distance,
# as shares of the largest of each kind.
import torch

coordinates, kept = maps["after the last block and the norm"]
flat, true = torch.pdist(coordinates), torch.pdist(last)
pairs = torch.combinations(torch.arange(len(last)))
betrayed = int((true / true.max() - flat / flat.max()).argmax())
a, b = (f"token {i} ({trace.tokens[i]!r})" for i in pairs[betrayed].tolist())
print(f"{a} and {b}:")
print(f"on the map {flat[betrayed] / flat.max():.0%} of the largest distance,")
print(f"in truth {true[betrayed] / true.max():.0%} of the largest distance")

# %%
# The map after every layer. In the middle layers the norm of the first token is more
# than 100 times that of the others: it is an **attention sink** (chapter 4). The first
# principal component would be its direction, and all other tokens would lie on one
# point. So every vector is scaled to length 1 here, and the plane is fitted without the
# first token. The neighbours are those of the whole space, not those on the map.
from lmviz import views

views.embeddings(
    trace.hidden_states,
    trace.tokens,
    exclude=[0],
    title="The map after every layer",
)

# %%
# The check: a projection can bring points together, but never move them apart. So on
# the map no pair may be further apart than in truth, and the variances of all
# directions together must give the variance there is.
n = min(last.shape) - 1
_, all_kept = embeddings.pca(last, n_components=n)
print("no pair further apart than in truth:", bool((flat <= true + 1e-3).all()))
print(f"variance in all {n} directions: {float(all_kept.sum()):.6f}")
assert (flat <= true + 1e-3).all()
assert abs(float(all_kept.sum()) - 1) < 1e-4

# %%
# **Takeaway.** A map of tokens is a shadow: worth looking at, as long as it says how
# much of the variance it keeps.
#
# **Try it.** Put another sentence behind this one. Predict for which tokens the vectors
# change, before the first block and after the last, and why both maps change anyway.
#
# **Sources.** Pearson, *On Lines and Planes of Closest Fit to Systems of Points in
# Space* (1901). Ethayarajh, *How Contextual are Contextualized Word Representations?*
# (EMNLP 2019).
