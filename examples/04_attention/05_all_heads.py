"""
All layers and heads at once
============================

One head is one opinion. A model has a row of heads in every layer, each with its own
queries, keys and values, and they look at different things. What can be seen when
all of them are laid side by side?
"""

# %%
# Libraries return the weights layer by layer, as a tuple of arrays of shape ``[batch,
# heads, seq, seq]``. Here is that raw form, for one sentence.
import lmviz

lm = lmviz.load()
text = "The dog chased the ball because it was excited."
ids = lm.encode(text)
raw = lm.module(ids[None], output_attentions=True).attentions
print(f"{len(raw)} layers, each {list(raw[0].shape)} = [batch, heads, seq, seq]")

# %%
# With a single sentence the batch axis says nothing, so the book stacks the layers in
# its place: :math:`(L, H, T_q, T_k)`.
import torch

trace = lm.trace(text)
attentions = trace.attentions
difference = float((torch.cat(raw) - attentions).abs().max())
print("stacked:", tuple(attentions.shape))
print(f"largest absolute difference from the raw form: {difference:.1e}")
assert difference < 1e-4

# %%
# The whole model in one picture. A column of tiles is a layer, from the first at the
# left to the last at the right; each tile is a map like that of the lesson before, with
# queries running down and keys to the right. Kinds to look for, from afar: a strong
# diagonal (looking at itself or its neighbour), a strong left edge (looking at the
# first token), a strong column elsewhere (one token draws all that follow it), and an
# even triangle (looking everywhere).
import matplotlib.pyplot as plt

from lmviz import plots

plots.head_mosaic(
    attentions,
    across=True,
    title=f"Every head of {lm.card.name}, linear colour",
)
n_layers, n_heads = attentions.shape[:2]
plots.caption(
    "Most heads attend to the first token. Each tile is the attention map of one head; "
    "layers run from left to right, heads from top to bottom. A strong left edge is "
    "attention to the first token; a diagonal is attention to the token itself or to "
    "the one before.",
    alt=f"{n_layers} columns of {n_heads} small attention maps. Most have a strong "
    "left edge; a few have diagonals, and some are spread evenly.",
)
plt.show()

# %%
# The same to play with: choose a tile, and point at a word, or go to it with the arrow
# keys, to see its row in numbers.
from lmviz import attention, views

views.attention(attentions, trace.tokens, title="Every layer and head")

# %%
# Put numbers to it: how much of its attention does each head spend on the token itself,
# on the one before it, and on the first? (From the third token on, where these are
# three different ones.)
shares = {
    "itself": attentions.diagonal(dim1=-2, dim2=-1)[..., 2:].mean(-1),
    "the one before": attentions.diagonal(-1, dim1=-2, dim2=-1)[..., 1:].mean(-1),
    "the first": attentions[:, :, 2:, 0].mean(-1),
}
for name, share in shares.items():
    [(layer, head, most)] = attention.strongest(share, 1)
    print(
        f"{name:15} mean over all heads {share.mean():.2f}, "
        f"most in layer {layer}, head {head}: {most:.2f}"
    )

# %%
# Now the shortcut that hides more than it shows: to average the heads, "to get the
# attention of the model". Where heads differ, the mean is a pattern that hardly any
# head has. Compare each with the mean of all, by how much weight would have to be moved
# to turn one row into the other (0: the same; 1: nothing in common).
mean = attentions.mean((0, 1))
moved = (attentions - mean).abs().sum(-1)[..., 2:].mean(-1) / 2
[nearest] = attention.strongest(-moved, 1)
[farthest] = attention.strongest(moved, 1)
print(f"weight to move, from a head to the mean: {moved.mean():.2f} on average")
print("most like it:  layer {}, head {},".format(*nearest), f"{moved.min():.2f}")
print("least like it: layer {}, head {}, {:.2f}".format(*farthest))

# %%
# The mean, and beside it the head that is least like it. Whatever that head does, it is
# one among many in the average, and can hardly be seen there.
_, axes = plt.subplots(1, 2, figsize=(7.68, 3.5), layout="compressed")
shown = {"Mean over all heads": mean}
shown["Least like it: layer {}, head {}".format(*farthest)] = attentions[farthest[:2]]
for ax, (title, weights) in zip(axes, shown.items(), strict=True):
    plots.attention_map(
        weights, trace.tokens, title=title, vmax=1, colorbar=False, ax=ax
    )
plots.shared_colorbar(axes, "weight")
plots.caption(
    "The mean hides what single heads do. The average over all heads is dominated by "
    "the first token, as most heads are. Layer {}, head {} has a pattern of its own, "
    "which the average doesn't show.".format(*farthest),
    alt="Two lower triangles of attention weights. Left, the mean: a strong first "
    "column that fades downwards. Right, one head: strong cells on the diagonal, and "
    "hardly any weight on the first token.",
)
plt.show()

# %%
# **Takeaway.** Heads can differ, by layer and within a layer; look at all of them
# before you speak of one, and be slow to average them.
#
# **Try it.** Use a sentence in which one word comes twice. Predict where in its map a
# head that looks for earlier copies is strong, and find such a tile.
#
# **Sources.** Clark, Khandelwal, Levy and Manning, *What Does BERT Look At?* (2019),
# section 3, for these kinds of heads. Vig, *A Multiscale Visualization of Attention in
# the Transformer Model* (2019), for the view of all heads.
