"""
All layers and heads: 270 patterns
==================================

A model has heads in every layer, each with its own attention map. Which patterns do
they show, and how often? After this lesson you can display all heads at once, measure a
pattern against a baseline, and explain why averaging over heads misleads.
"""

# %%
# Two heads and their mean
# ------------------------
# Take two extreme heads and a text of four tokens. The first head always attends to the
# previous token, the second always to the first token of the text. Three scores measure
# how much weight :math:`\alpha_{ij}` a head gives, on average over the queries
# :math:`i`, to the query's own position, to the previous one, and to the first one:
#
# .. math::
#    s_\text{itself} = \frac{1}{T - 2} \sum_{i=2}^{T-1} \alpha_{ii}, \qquad
#    s_\text{previous} = \frac{1}{T - 2} \sum_{i=2}^{T-1} \alpha_{i,i-1}, \qquad
#    s_\text{first} = \frac{1}{T - 2} \sum_{i=2}^{T-1} \alpha_{i0} .
#
# The sums start at position 2, the first one at which these three keys differ. The
# baseline is a head that attends evenly to all visible keys:
# :math:`\alpha_{ij} = 1 / (i + 1)`. Each of its scores is the mean of these weights.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

PATTERNS = "itself", "previous", "first"


def pattern_scores(weights, start=2):
    """Return the three scores, (3, ...), of attention weights (..., T, T)."""
    rows = weights[..., start:, :]
    itself = rows.diagonal(start, dim1=-2, dim2=-1)
    previous = rows.diagonal(start - 1, dim1=-2, dim2=-1)
    return torch.stack([part.mean(-1) for part in (itself, previous, rows[..., 0])])


previous = torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
first = torch.tensor([1.0, 0, 0, 0]).expand(4, 4)
even = torch.ones(4, 4).tril() / torch.arange(1, 5)[:, None]
heads = {"previous": previous, "first": first, "mean of both": (previous + first) / 2}
print("head          row of query 3          itself  previous  first")
for name, weights in (heads | {"even": even}).items():
    row = " ".join(f"{weight:.2f}" for weight in weights[3])
    scores = "    ".join(f"{score:.2f}" for score in pattern_scores(weights))
    print(f"{name:12}  {row}     {scores}")

# %%
# The mean of the two heads gives 0.50 to the previous token and 0.50 to the first,
# which neither head does. In so short a text, the even head scores 0.29, so a score of
# 0.29 would be no evidence of a pattern.
#
# The shapes
# ----------
# ``transformers`` returns the weights of all heads as a tuple with one tensor for each
# layer. We compare its shapes with those of the hidden states.
import lmviz

lm = lmviz.load()
trace = lm.trace("The dog chased the ball because it was excited.")
with torch.no_grad():
    outputs = lm.module.base_model(
        trace.ids[None], output_attentions=True, output_hidden_states=True
    )
for name in ("attentions", "hidden_states"):
    tensors = outputs[name]
    print(f"{name}: {len(tensors)} tensors, each {list(tensors[0].shape)}")
print("last_hidden_state:", list(outputs.last_hidden_state.shape))
attentions = torch.cat(outputs.attentions)  # drops the batch axis, (L, H, T_q, T_k)
difference = float((attentions - trace.attentions).abs().max())
print("stacked:", tuple(attentions.shape), "= (L, H, T_q, T_k)")
print(f"largest absolute difference from the trace: {difference:.1e}")
assert difference < 1e-4 and len(attentions) == lm.n_layers  # no hybrid
n_layers, n_heads = attentions.shape[:2]
middle = attentions[3:9] if n_layers > 9 else attentions
for j in (3, 4):
    share = middle[:, :, 5:, j].mean()
    print(f"weight on {trace.tokens[j]} in layers 3 to 8: {share:.0%}")

# %%
# Each of the 30 tensors of ``attentions`` has the shape ``[batch, heads, seq, seq]``:
# for each head, a number for each pair of tokens. The hidden states have the shape
# ``[batch, seq, hidden]``: a vector for each token, and no weights. For a single text,
# this book drops the batch axis and stacks the layers: 270 maps in SmolLM2.
#
# Every head at once
# ------------------
import matplotlib.pyplot as plt

from lmviz import plots

plots.head_mosaic(
    attentions, across=True, title=f"Every head of {lm.card.name}, linear scale"
)
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
# Most tiles show nothing but a strong left edge. The tiles of layers 10 and 11 show
# diagonals instead. In layers 3 to 8, many tiles have a second strong column, that of
# “␣the”: it gets 30% of the weight of later queries, whereas “␣ball” after it gets 1%.
# In the interactive version, select a tile to enlarge it; point at a token to see its
# row.
from lmviz import attention, views

views.attention(attentions, trace.tokens, title="Every layer and head")

# %%
# Four kinds of heads
# -------------------
# One sentence of 10 tokens is little evidence. We compute the scores on six passages of
# 64 tokens from Python's manual. A fourth kind of head has no favourite key. We
# recognise it by the *entropy* of its weights,
# :math:`-\sum_j \alpha_{ij} \ln \alpha_{ij}`, divided by that of even weights,
# :math:`\ln(i + 1)`. In the name of a head, such as ``5.3``, the number before the
# point is the layer, and the one after it is the head.
from lmviz.texts import python_manual

names = ["assert", "for", "while", "lambda", "import", "with"]
texts = [" ".join(python_manual()[name].split()) for name in names]
passages = [lm.encode(text, truncate=True)[20:84] for text in texts]
weights = torch.stack([lm.trace(ids).attentions for ids in passages])
scores = pattern_scores(weights)  # (3, texts, L, H)
checks = attention.previous_token_score, attention.first_token_score
theirs = torch.stack([score(weights) for score in checks])  # from position 1
difference = float((pattern_scores(weights, start=1)[1:] - theirs).abs().max())
print(f"largest absolute difference from the package's: {difference:.1e}")
i = torch.arange(2, 64)
evenness = (attention.entropy(weights)[..., 2:] / (i + 1).log()).mean(-1)
kinds = dict(zip(PATTERNS, scores, strict=True)) | {"even": evenness}
print(f"a head that attends evenly scores {(1 / (i + 1)).mean():.3f} in each pattern")
print("score     mean  above 0.5  strongest      its six passages")
best = {}
for name, score in kinds.items():
    mean = score.mean(0)  # (L, H)
    [(layer, head, most)] = attention.strongest(mean, 1)
    best[name] = layer, head
    low, high = score[:, layer, head].aminmax()
    where = f"{layer}.{head}: {most:.2f}"
    above = "–" if name == "even" else f"{(mean > 0.5).sum()}"
    print(f"{name:8}  {mean.mean():.2f}  {above:9}", end="  ")
    print(f"{where:13}  {low:.2f} to {high:.2f}")
spread = weights[:, *best["even"]]  # (texts, T_q, T_k)
even = torch.ones(64, 64).tril() / torch.arange(1, 65)[:, None]
moved = (spread - even).abs()[:, 2:].sum(-1).mean() / 2
print(f"share of its weight to be moved to make the last head even: {moved:.2f}")

# %%
# - *First token.* On average over all heads, the first token gets 0.49 of the weight,
#   against 0.052 from a head that attends evenly, and more than half in 145 of 270
#   heads: :doc:`sinks </lessons/04_attention/07_attention_sinks>` (fewer there).
# - *Previous token.* The strongest previous-token head is 16.0, with a score of 0.79.
#   In all six passages, the score is between 0.76 and 0.83, so it hardly depends on the
#   words. Only 5 heads give the previous token more than half of their weight.
# - *Itself.* Head 11.6 gives 0.74 of its weight to the query's own position. Only 3
#   heads give it more than half.
# - *Even.* Head 0.0 reaches 0.92 of the largest possible entropy. Even so, about a
#   quarter of its weight (0.26) would have to be moved to make it even, so its output
#   is only roughly the mean of all visible values.
#
# Clark et al. (2019) found broad heads and previous-token heads in BERT, too, and heads
# that attend to the next token. In BERT, the favourite key is the special token [SEP],
# and most heads give little weight to the query's own position. Most of SmolLM2's heads
# mix patterns, and :doc:`lesson 4.8 </lessons/04_attention/08_induction_heads>` finds
# heads whose key depends on the words.
#
# All three scores of a head are 0.052. Does it attend evenly?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Not necessarily: all of its remaining weight could be on the key two positions
#    back. A score says nothing about patterns that it does not measure. The entropy can
#    tell the two cases apart.
#
# Patterns by layer
# -----------------
# Heads of one kind are often in the same layers. We average the scores by layer.
by_layer = scores.mean((1, 3))  # (3, L)
print("layer  ", *(f"{name:8}" for name in PATTERNS))
for layer in (layer for layer in (0, 1, 3, 9, 10, 11, 12) if layer < n_layers):
    print(f"{layer:<6}  ", *(f"{score:<8.0%}" for score in by_layer[:, layer]))

# %%
_, axes = plt.subplots(3, 1, figsize=(6.08, 5.4), layout="constrained", sharex=True)
titles = "Own position", "Previous token", "First token"
for ax, title, score in zip(axes, titles, scores.mean(1), strict=True):
    limits = {"vmin": 0, "vmax": 1, "colorbar": False}
    plots.heatmap(score.T, title=title, ylabel="head", ax=ax, **limits)
axes[-1].set_xlabel("layer")
plots.shared_colorbar(axes, "mean weight")
plots.caption(
    "Layers 10 and 11 attend to the query's own position and the previous token, most "
    "others to the first token. Mean weight in six passages, for each layer and head.",
    alt="Three heatmaps, layers across and heads down. The one for the first token is "
    "mostly strong from layer 3 to the end, and empty in layers 0, 1 and 11, where the "
    "other two have their strongest cells.",
)
plt.show()

# %%
# In layers 0 and 1, the first token gets 4%, about the even share. In layer 3 it gets
# 61%, but its share falls from 51% in layer 9 to 17% and 1% in layers 10 and 11. In
# these two, the previous token gets 18% and 26%, and the query's own position 16% and
# 24%. In layer 12, the first token is back at 40%. The *massive activations* of
# :doc:`lesson 2.7 </lessons/02_embeddings/07_residual_stream>` match these layers: MLP
# 2 makes the first token's vector long, MLP 9 shortens it again, and MLP 11 makes it
# long once more. A match is no proof, but if the massive activation is moved to another
# dimension, as in lesson 2.7, the first token gets hardly any attention.
#
# Averages over heads
# -------------------
# Many tools average the heads of a layer, or of a model, into one map. We compare each
# head with the mean map by the :doc:`total variation </book/terms>` of their rows: the
# share of the weight that would have to be moved. As a reference, we compute the same
# distance between pairs of heads.
mean_map = weights.mean((1, 2), keepdim=True)  # (texts, 1, 1, T_q, T_k)
to_mean = (weights - mean_map).abs()[..., 2:, :].sum(-1).mean((0, -1)) / 2  # (L, H)
rows = weights[..., 2:, :].flatten(1, 2).flatten(2)  # (texts, L * H, 62 * 64)
pairs = sum(torch.cdist(x, x, p=1) for x in rows) / 2 / 62 / len(rows)
n = len(pairs)
mean_scores = scores.mean(1)  # (3, L, H)
close = ((mean_scores - mean_scores.mean((1, 2), keepdim=True)).abs() < 0.1).all(0)
[nearest] = attention.strongest(-to_mean, 1)
[farthest] = attention.strongest(to_mean, 1)
print(f"distance of a head from the mean map: {to_mean.mean():.2f} on average")
print(f"  smallest: {to_mean.min():.2f} (head {nearest[0]}.{nearest[1]}),", end=" ")
print(f"largest: {to_mean.max():.2f} (head {farthest[0]}.{farthest[1]})")
print(f"distance between two heads: {pairs.sum() / (n * (n - 1)):.2f} on average")
print(f"heads within 0.1 of the mean in all three scores: {int(close.sum())} of {n}")
for name, score in zip(PATTERNS, mean_scores[:, *farthest[:2]], strict=True):
    print(f"head {farthest[0]}.{farthest[1]}, {name}: {score:.2f}")

# %%
shown = {
    f"{name}: {'{}.{}'.format(*best[name])}": attentions[best[name]] for name in best
}
shown["mean of all heads"] = attentions.mean((0, 1))
shown["least like it: {}.{}".format(*farthest)] = attentions[farthest[:2]]
_, axes = plt.subplots(2, 3, figsize=(6.08, 4.3), layout="constrained")
later = torch.ones(attentions.shape[-2:]).triu(1).bool()
for ax, (title, matrix) in zip(axes.flat, shown.items(), strict=True):
    matrix = matrix.masked_fill(later, torch.nan)
    limits = {"vmin": 0, "vmax": 1, "colorbar": False, "square": True}
    plots.heatmap(matrix, title=title, ax=ax, **limits)
    ax.set(xticks=[], yticks=[])
plots.shared_colorbar(axes, "weight")
plots.caption(
    "The mean map hides what single heads do. Maps for the sentence about the dog: the "
    "strongest head of each kind, the mean over all heads, and the head least like it.",
    alt="Six lower triangles: a strong diagonal; a diagonal one step lower; a strong "
    "first column; a triangle with spread weights; the mean, a strong first column "
    "and a weak diagonal; and again a diagonal one step below the main one.",
)
plt.show()

# %%
# A head differs from the mean map by 0.41 on average: two fifths of its weight would
# have to be moved. Even the nearest head, 19.2, differs by 0.20. Two heads differ by
# 0.53 on average, but this does not make the mean typical: a mean is never farther from
# its members, on average, than they are from each other. Only 67 of 270 heads are
# within 0.1 of the mean in all three scores: they mix a sink with other keys, like the
# mean. The farthest head, 11.1, gives the previous token 0.72; the mean gives it 0.09.
#
# Summary
# -------
# - ``outputs.attentions`` is a tuple of L tensors ``[batch, heads, seq, seq]``;
#   ``last_hidden_state`` has the shape ``[batch, seq, hidden]`` and holds no weights.
# - In SmolLM2, 145 of 270 heads give the first token more than half of their weight.
#   Few heads attend mainly to the previous token or to their own position.
# - A score should be compared with that of an even head, and measured on several texts.
# - The mean over heads is a pattern of its own, and hides those of single heads.
#
# Exercises
# ---------
# 1. Add a score for the key *two* positions back to ``pattern_scores``.
# 2. Are the heads of layer 11 closer to their own mean than to that of all heads?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    1. Start the sums at position 3 and use the diagonal of offset :math:`-2`. The even
#       baseline changes, too.
#    2. Yes, but it is not typical either: some heads attend to the previous token,
#       others to the query's own position. Their mean has two diagonals.
#
# Further reading
# ---------------
# - Clark, Khandelwal, Levy and Manning, *What Does BERT Look At?* (BlackboxNLP 2019),
#   section 3, on these kinds of heads.
# - Vig, *A Multiscale Visualization of Attention in the Transformer Model* (ACL 2019),
#   on BertViz, which shows all heads interactively.
