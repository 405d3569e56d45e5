"""
Reading one head
================

A real model has many attention heads, and the picture of one is the best known
picture of the whole field. It is also easily misread. What do its rows, its
columns, its colours and its dark corner say?
"""

# %%
# We run a sentence through the model and keep every attention weight. In each of its
# L layers there are H heads, and each has one map: a row for each token that looks (a
# query, :math:`T_q` of them), a column for each token it can look at (a key,
# :math:`T_k` of them).
import lmviz

lm = lmviz.load()
trace = lm.trace("The dog chased the ball because it was excited.")
head = trace.attentions[-1, 0]
print("all weights:", tuple(trace.attentions.shape), "= (L, H, T_q, T_k)")
print("one head:   ", tuple(head.shape), "= (T_q, T_k)")

# %%
# Row i has the weights of the query at token i, and it sums to one. Later tokens get no
# weight at all, because of the **causal mask**: no query attends to a later key.
sums = head.sum(-1)
print(f"row sums: {sums.min():.5f} to {sums.max():.5f}")
print(f"largest weight on a later token: {head.triu(1).max():.5f}")

# %%
# Read the map row by row. Its upper triangle is blank: that is the mask. The first row
# has only one place to look.
import matplotlib.pyplot as plt

from lmviz import plots

layer = lm.card.n_layers - 1
n = len(trace.tokens)
size = (1.7 + 0.17 * n, 1.5 + 0.17 * n)
_, ax = plt.subplots(figsize=size, layout="constrained")
title = f"Layer {layer}, head 0:\nwhat each token attends to"
plots.attention_map(head, trace.tokens, title=title, ax=ax)
plots.caption(
    "Most tokens attend to the first token and to themselves. Each row is a query, "
    f"and its weights sum to 1; each column is a key. Layer {layer}, head 0. The "
    "upper right is blank: the causal mask hides later tokens.",
    alt=f"A lower triangle of {n} by {n} attention weights. The column of "
    f"“{trace.tokens[0]}” and the diagonal have strong colour, all other cells little.",
)
plt.show()

# %%
# Often one weight outshines all others, and the rest looks like nothing. A colour scale
# that is not linear helps the eye, and misleads it unless it says so. Here are the same
# numbers, on the left as they are, on the right as ``log(1 + weight)``. Both bars end
# at the same weight, w on the left and log(1 + w) on the right. As weights are at most
# one, this logarithm is nearly a straight line, so it helps very little.
import math

_, axes = plt.subplots(1, 2, figsize=(7.68, 3.5), layout="compressed")
top = float(head.max())
for ax, scale, vmax in zip(
    axes, ("linear", "log1p"), (top, math.log1p(top)), strict=True
):
    plots.attention_map(
        head,
        trace.tokens,
        scale=scale,
        vmin=0,
        vmax=vmax,
        title=f"{scale} colour",
        ax=ax,
    )
plt.suptitle("The same weights, as they are and as log(1 + weight)")
plots.caption(
    "Taking the logarithm hardly changes the picture. The same weights on a linear "
    "scale and as log(1 + weight), which is nearly linear between 0 and 1.",
    alt="Two lower triangles of attention weights that look almost the same; on the "
    "right, small weights have slightly more colour.",
)
plt.show()

# %%
# Is there a strong first column? In many heads of trained models nearly every token
# looks at the very first one, and it is tempting to call that token important. Look at
# how much it gets, and what it gives: where its **value** is short, to look at it is to
# look away. A softmax must spend its sum of one somewhere; this is where it goes when
# there is nothing to do. Here are both numbers for this head.
from lmviz import transformer

parts = transformer.extract(lm).blocks[-1].attention
ours = transformer.heads(parts, trace.hidden_states[-2])
length = ours.value[0].norm(dim=-1)
print(f"share of the weights on the first token: {head[1:, 0].mean():.0%}")
print(f"length of its value: {length[0]:.2f}; of the others: {length[1:].mean():.2f}")

# %%
# How did ``transformer.heads`` get the values? It rebuilds the layer from the model's
# own weights, and makes the map once more on the way, from scratch. The vectors that
# enter the layer are brought to one size (normalised), and multiplied by three learned
# matrices: that gives queries, keys and values. They are cut into heads; several query
# heads may share one key and value, to save memory. If the model has rotary positions,
# queries and keys are turned by their position. Then scores, mask and softmax, as in
# the lesson before. (What the heads collect is joined, multiplied by a fourth matrix,
# and added to each token's vector. A block has a second part, a small network that
# works on each token alone; "The whole model, from our own parts" opens it.)
print("queries:", tuple(ours.query.shape), "= (H, T, d_head)")
difference = float((ours.weights - trace.attentions[-1]).abs().max())
print(f"{parts.n_heads} query heads share {parts.n_kv_heads} key and value heads")
print(f"largest absolute difference from the model's: {difference:.1e}")
assert difference < 1e-4

# %%
# **Interactive version.** Step from the scores of all pairs to the masked ones, which
# leave out later keys, and to the weights, and point at a square to see how its number
# is computed. Point at a token to see what it attends to.
from lmviz import attention, views

scores = attention.scores(
    ours.query[:1], ours.key[:1], scale=parts.scale, softcap=parts.softcap
)
views.attention(
    ours.weights[None, :1],
    trace.tokens,
    scores=scores[None],
    title=f"Layer {lm.card.n_layers - 1}, head 0, step by step",
)

# %%
# **Takeaway.** Rows are queries and sum to one, columns are keys, the blank triangle is
# the mask, and a strong first column can be a place to rest.
#
# **Try it.** Put another word in front of the sentence. Predict which column will be
# strong then.
#
# **Sources.** Vaswani et al., *Attention Is All You Need* (2017), section 3.2. Xiao et
# al., *Efficient Streaming Language Models with Attention Sinks* (2023), section 3.1.
# Kobayashi et al., *Attention is Not Only a Weight* (EMNLP 2020), on the length of the
# values.
