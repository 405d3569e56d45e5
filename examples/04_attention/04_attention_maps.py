"""
Reading an attention map
========================

The map of one attention head is the best-known picture of a transformer. What do its
rows, columns and colours say? After this lesson you can read such a map, recognise a
misleading colour scale, and compute the map from a model's own matrices.
"""

# %%
# A map of three tokens
# ---------------------
# An **attention map** shows the attention weights of one :doc:`head
# </lessons/04_attention/03_multi_head_attention>` as an image. Row :math:`i` belongs to
# the query at position :math:`i`, and column :math:`j` to the key at position
# :math:`j`. The cell shows the weight
#
# .. math::
#    \alpha_{ij} = \frac{\exp(s_{ij})}{\sum_{j' \le i} \exp(s_{ij'})}
#    \quad (j \le i), \qquad s_{ij} = \frac{q_i \cdot k_j}{\sqrt{d_\text{head}}} ,
#
# and :math:`\alpha_{ij} = 0` for :math:`j > i`, because of the :doc:`causal mask
# </lessons/04_attention/02_causal_mask>`. We follow three queries and keys of two
# dimensions through the three steps.
import torch

query = torch.tensor([[2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
key = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
scores = query @ key.T / 2**0.5  # (T_q, T_k)
later = torch.ones(3, 3).triu(1).bool()
masked = scores.masked_fill(later, -torch.inf)
weights = masked.softmax(-1)
steps = {"scores": scores, "masked": masked, "weights": weights}
print("matrix   ", *(f"row {i:<15}" for i in range(3)))
for name, matrix in steps.items():
    rows = [" ".join(f"{value:5.3f}" for value in row) for row in matrix.tolist()]
    print(f"{name:8}  {'   '.join(rows)}".replace("-inf", " -inf"))
even = torch.ones(3, 3).tril() / torch.arange(1, 4)[:, None]
print("sums of the rows:   ", *(f"{value:.3f}" for value in weights.sum(1)))
print("sums of the columns:", *(f"{value:.3f}" for value in weights.sum(0)))
print("columns, if even:   ", *(f"{value:.3f}" for value in even.sum(0)))

# %%
# The last row of weights reads: the third token attends to the first with weight 0.284,
# to the second with 0.140, and to itself with 0.576.
#
# Rows sum to one, columns do not. The sum of a column tells how much attention a key
# receives from all queries. Do not compare columns without a baseline: if every query
# attends evenly to all visible keys, the columns still sum to 1.833, 0.833 and 0.333,
# since the first key is visible to more queries than the last.
#
# One head of SmolLM2
# -------------------
# We run a sentence through the model, without a BOS token in front, and take the
# weights of one head in the last layer. To read its map as a whole, we divide the
# weight of each query among four kinds of keys. The first two rows are left out, since
# their keys coincide with these kinds.
import lmviz

lm = lmviz.load()
sentences = [
    "The dog chased the ball because it was excited.",
    "Yesterday my sister cooked a large dinner for all of us.",
    "After the storm, two boats were missing from the harbour.",
]
traces = [lm.trace(sentence) for sentence in sentences]
layer = lm.card.n_layers - 1
maps = [trace.attentions[layer, 0] for trace in traces]


def kinds(weights):
    """Split the weight of the queries from position 2 on by the kind of key."""
    first, own = weights[2:, 0], weights.diagonal()[2:]
    previous = weights.diagonal(-1)[1:]
    rest = 1 - first - own - previous
    return [float(part.mean()) for part in (first, own, previous, rest)]


print("sentence          first  itself  previous  all others")
for trace, weights in zip(traces, maps, strict=True):
    first, own, previous, rest = kinds(weights)
    name = "".join(trace.tokens[:2]).replace("␣", " ")
    print(f"{name:16}  {first:.0%}    {own:.0%}     {previous:.0%}        {rest:.0%}")
trace, head, n = traces[0], maps[0], len(traces[0].tokens)
print("shape of the map:", tuple(head.shape), "= (T_q, T_k)")
print(f"largest weight of a later key: {head.triu(1).max():.1f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

size = (1.7 + 0.17 * n, 1.5 + 0.17 * n)
_, ax = plt.subplots(figsize=size, layout="constrained")
title = f"Layer {layer}, head 0"
plots.attention_map(head, trace.tokens, title=title, ax=ax)
plots.caption(
    "Most queries attend to the first token and to themselves. Each row is a query, "
    f"and its weights sum to 1; each column is a key. Layer {layer}, head 0 of "
    f"{lm.card.name}.",
    alt=f"A lower triangle of {n} by {n} attention weights. The first column "
    f"(“{trace.tokens[0]}”) and the diagonal have strong colour, other cells little.",
)
plt.show()

# %%
# - *The blank triangle* is the causal mask: later keys have weight 0.0. It says
#   nothing about language.
# - *The first row* has a single cell, which is 1 in every head.
# - *The first column* is strongest: it has 49% of the weight in this sentence, and 43%
#   and 44% in two others, although their first words differ. Such a column is an
#   *attention sink*, the subject of :doc:`lesson 4.7
#   </lessons/04_attention/07_attention_sinks>`. It does not mean that the first word is
#   important.
# - *The diagonal* comes second: a query gives 36% of its weight to its own position.
#   Many heads have such a diagonal, if seldom as strong.
# - *The rest* is little: 6% for the previous token, 10% for all others together.
#
# Colour scales
# -------------
# A few large weights dominate a linear scale, and cells of 0.02 look empty. Figures
# therefore often use other scales. A cell of weight :math:`w` gets the following
# fraction of the darkest colour: :math:`w` on the linear scale; :math:`\log(1 + w) /
# \log 2` on the scale called ``log1p``; :math:`1 + \log_{10}(w) / 4` on a logarithmic
# scale that ends at 0.0001; and :math:`\min(1, \log(1 + w) / 0.15)` if ``log1p`` is
# clipped with ``vmax=0.15``.
tones = {
    "linear": lambda w: w,
    "log1p": lambda w: w.log1p() / torch.tensor(2.0).log(),
    "log": lambda w: 1 + w.clamp(min=1e-4).log10() / 4,
    "clipped": lambda w: (w.log1p() / 0.15).clamp(max=1),
}
some = torch.tensor([0.001, 0.01, 0.02, 0.1, 0.2, 0.5, 1.0])
print("weight  ", *(f"{w:<5.3g}" for w in some.tolist()), sep="  ")
for name, tone in tones.items():
    print(f"{name:8}", *(f"{value:.2f} " for value in tone(some).tolist()), sep="  ")
grid = torch.linspace(0, 1, 1001)
print(f"log1p, largest change: {(tones['log1p'](grid) - grid).abs().max():.3f}")
visible = head[torch.ones(n, n).tril().bool()]
clipped = visible[visible.log1p() > 0.15]
print(f"clipped: {len(clipped)} of {len(visible)} cells,", end=" ")
print(f"with weights from {clipped.min():.2f} to {clipped.max():.2f}")

# %%
_, axes = plt.subplots(2, 2, figsize=(6.08, 5.9), layout="compressed")
panels = {"linear": {}, "log1p": {}, "log": {}, "clipped": {"vmax": 0.15}}
for ax, (name, limits) in zip(axes.flat, panels.items(), strict=True):
    scale = "log1p" if name == "clipped" else name
    plots.attention_map(
        head, trace.tokens, scale=scale, title=name, colorbar=False, ax=ax, **limits
    )
    ax.set(xlabel="", ylabel="")
plots.caption(
    "The same weights on four colour scales. The first two panels hardly differ. The "
    "logarithmic scale shows small weights without hiding the large ones. The clipped "
    f"scale shows {len(clipped)} different weights in the same darkest colour.",
    alt="Four lower triangles of the same attention weights. The first two look almost "
    "equal; on the logarithmic one all cells have some colour; on the clipped one many "
    "cells of the first column and the diagonal have the same full colour.",
)
plt.show()

# %%
# ``log1p`` is almost useless here: no tone differs from the linear one by more than
# 0.086, since :math:`\log(1 + w)` is nearly linear between 0 and 1. A real logarithm
# gives 0.01 half of the full colour, and every factor of ten one more quarter; it shows
# small weights, and makes them look larger than they are. Clipping misleads most. It
# draws 17 of 55 cells, whose weights range from 0.17 to 1.00, in one colour: a
# weight of 0.2 looks like certainty. Whichever scale a figure uses, it should say so.
#
# A column is a position, not a word
# ----------------------------------
# The label of a column names the token at that position. In layer 0 the key and value
# there are computed from this token alone. In later layers they are computed from the
# residual stream, to which earlier layers have added information about *other* tokens.
# We test this with texts that all end in *because* but differ in the animal. Does the
# last position reveal the animal? We subtract the mean over the eight animals of each
# of the four sentences, search for the most similar vector (by cosine) among the other
# three, and count how often it belongs to the same animal.
animals = ["dog", "cat", "horse", "bird", "wolf", "lion", "bear", "cow"]
frames = [
    "The {} chased the ball because",
    "In the morning, the {} crossed the road because",
    "Yesterday a {} slept in the house because",
    "I saw the {} near the river because",
]
texts = [frame.format(animal) for frame in frames for animal in animals]
runs = [lm.trace(text, keep=("hidden_states",)) for text in texts]
states = torch.stack([run.hidden_states[:, -1] for run in runs], 1)  # (L + 1, 32, d)
states = states.unflatten(1, (len(frames), -1))
x = torch.nn.functional.normalize(states - states.mean(2, keepdim=True), dim=-1)
x = x.flatten(1, 2)
frame, animal = torch.arange(len(runs)) // 8, torch.arange(len(runs)) % 8
similar = (x @ x.mT).masked_fill(frame[:, None] == frame, -torch.inf)
correct = (animal[similar.argmax(-1)] == animal).float().mean(-1)  # (L + 1,)
for i in sorted({0, 1, lm.card.n_layers // 2, layer}):
    print(f"state {i:2}  animal identified: {correct[i]:.0%}")
print(f"guessing:  {1 / len(animals):.1%}")

# %%
# In state 0, which is the input of the first layer, the vectors of *because* are all
# equal, and the search finds the right animal in 12% of the texts, no more than
# guessing (12.5%). One layer later it is right in 100%, and it remains so in states 15
# and 29, the inputs of these layers. A head of a later layer that attends to the column
# *because* can therefore read which animal the text is about. So a weight in a deep
# layer says which position a head reads, and not which word it uses. :doc:`Lesson 4.14
# </lessons/04_attention/14_activation_patching>` moves such information from one text
# to another.
#
# The map from the model's matrices
# ---------------------------------
# ``transformers`` returns attention weights only on request:
#
# .. code-block:: python
#
#    model = AutoModelForCausalLM.from_pretrained(
#        "HuggingFaceTB/SmolLM2-135M-Instruct", attn_implementation="eager"
#    )
#    outputs = model(ids, output_attentions=True)
#    outputs.attentions[29][0, 0]  # layer 29, text 0, head 0: (T_q, T_k)
#
# The option ``"eager"`` selects the plain implementation. The fast kernels, such as
# FlashAttention (Dao et al., 2022), compute the output in small blocks and never store
# the whole matrix, so they have no weights to return.
#
# We now compute the maps of layer 29 ourselves, in the order of :doc:`lesson 4.3
# </lessons/04_attention/03_multi_head_attention>`: normalise the residual stream,
# project it to queries and keys, split them into heads, rotate them by their positions
# (:doc:`lesson 3.6 </lessons/03_positions/06_rotary>`), and apply the equation above.
from lmviz import positions, transformer

part = transformer.extract(lm).blocks[layer].attention
x = part.norm(trace.hidden_states[layer])  # (T, d)
query = part.query(x).unflatten(-1, (part.n_heads, -1)).transpose(0, 1)
key = part.key(x).unflatten(-1, (part.n_kv_heads, -1)).transpose(0, 1)
if part.rotary is not None:
    turn = {"inverse_frequencies": part.rotary.frequencies}
    turn["interleaved"] = part.rotary.interleaved
    query, key = positions.rotary(query, **turn), positions.rotary(key, **turn)
key = key.repeat_interleave(part.n_heads // part.n_kv_heads, dim=0)
scores = query @ key.mT * part.scale  # (H, T_q, T_k)
weights = scores.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf).softmax(-1)
difference = float((weights - trace.attentions[layer]).abs().max())
print("queries:", tuple(query.shape), "= (H, T, d_head)")
print(f"largest absolute difference from the model's: {difference:.1e}")
assert difference < 1e-4 or part.slopes is not None or part.softcap  # ALiBi, Gemma 2

# %%
# The maps of all nine heads agree with the model's up to rounding. In the interactive
# version of head 0 you can step from the scores of all pairs to the masked scores and
# the weights. Point at a cell to see how its number is computed.
from lmviz import views

views.attention(
    weights[None, :1],
    trace.tokens,
    scores=scores[None, :1],
    title=f"Layer {layer}, head 0, step by step",
)

# %%
# Summary
# -------
# - Rows are queries and sum to one; columns are keys, and do not. The blank triangle is
#   the causal mask.
# - The first column is often an attention sink, and the diagonal is the attention of a
#   token to its own position.
# - ``log1p`` hardly differs from a linear scale, a logarithm magnifies small weights,
#   and a clipped scale hides differences between large ones.
# - Beyond layer 0, the vector of a column's position holds more than its word.
#
# Exercises
# ---------
# 1. Put another word in front of the sentence. Predict which column will be strong.
# 2. A map of :math:`T` tokens is even in every row. What is the sum of its first column
#    for large :math:`T`?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    1. The column of the new first word, as the sink is a position, not a word.
#    2. The harmonic number :math:`1 + 1/2 + \dots + 1/T \approx \ln T + 0.577`.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.2.
# - Kobayashi, Kuribayashi, Yokoi and Inui, *Attention is Not Only a Weight* (EMNLP
#   2020), on weights and the lengths of what they multiply.
# - Dao, Fu, Ermon, Rudra and Ré, *FlashAttention* (NeurIPS 2022).
