"""
Reading an attention map
========================

The map of an attention head is the best-known picture of a transformer. What do its
rows, columns and colours mean? After this lesson you can read such a map, recognise a
misleading colour scale, and compute the map from a model's own matrices.
"""

# %%
# A map of three tokens
# ---------------------
# An **attention map** shows the attention weights of one :doc:`head
# </lessons/04_attention/03_multi_head_attention>` as an image. Row :math:`i` belongs to
# the query at position :math:`i`, and column :math:`j` to the key at position
# :math:`j`. The cell where they meet shows the weight
#
# .. math::
#    \alpha_{ij} = \frac{\exp(s_{ij})}{\sum_{j' \le i} \exp(s_{ij'})}
#    \quad (j \le i), \qquad s_{ij} = \frac{q_i \cdot k_j}{\sqrt{d_\text{head}}} ,
#
# and :math:`\alpha_{ij} = 0` for :math:`j > i`, because of the :doc:`causal mask
# </lessons/04_attention/02_causal_mask>`. We print the map of “dog chases cat”, the
# example of that lesson, and the sums of its rows and columns.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

words = ["dog", "chases", "cat"]
query = torch.tensor([[2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
key = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
later = torch.ones(3, 3).triu(1).bool()
weights = (query @ key.T / 2**0.5).masked_fill(later, -torch.inf).softmax(-1)
even = torch.ones(3, 3).tril() / torch.arange(1, 4)[:, None]  # 1; 1/2, 1/2; 1/3, …
sums = {"column sum": weights.sum(0), "baseline": even.sum(0)}
print("query       dog    chases  cat    row sum")
for name, row in {**dict(zip(words, weights, strict=True)), **sums}.items():
    total = f"{row.sum():.3f}" if name in words else "-"
    print(f"{name:10}  {row[0]:.3f}  {row[1]:.3f}   {row[2]:.3f}  {total}")

# %%
# The row of “cat” says that this query attends to “dog” with weight 0.284, to “chases”
# with 0.140, and to itself with 0.576.
#
# Rows sum to one; columns do not. The sum of a column is the total weight that a key
# receives from all queries: “dog” receives 1.614 and “cat” 0.576. That alone does not
# make “dog” important. If every query attended evenly to all visible keys, the columns
# would sum to 1.833 (1 + 1/2 + 1/3), 0.833 (1/2 + 1/3) and 0.333 (1/3), since earlier
# keys are visible to more queries. Column sums should be compared with this baseline,
# which shows that “dog” gets less than its share.
#
# One head of SmolLM2
# -------------------
# We run a sentence through SmolLM2 (:doc:`/book/model`), without a BOS (beginning of
# sequence) token, and take the weights of one head in the last layer. To summarise its
# map, we divide the weight of each query among four kinds of keys: the first token, the
# query's own position, the previous token, and all others. We leave out the first two
# rows, where some of these kinds coincide: in row 1, the previous token is the first
# one. Two other sentences are the control.
import lmviz

lm = lmviz.load()
sentences = [
    "The dog chased the ball because it was excited.",
    "Yesterday my sister cooked a large dinner for all of us.",
    "After the storm, two boats were missing from the harbour.",
]
traces = [lm.trace(sentence) for sentence in sentences]
layer = traces[0].attention_layers[-1]
maps = [trace.attention(layer)[0] for trace in traces]


def kinds(weights):
    """Split the weight of the queries, starting at position 2, by the kind of key."""
    first, own = weights[2:, 0], weights.diagonal()[2:]
    previous = weights.diagonal(-1)[1:]
    rest = 1 - first - own - previous
    return [float(part.mean()) for part in (first, own, previous, rest)]


print("sentence          first  own  previous  all others")
for trace, weights in zip(traces, maps, strict=True):
    first, own, previous, rest = kinds(weights)
    name = "".join(trace.tokens[:2]).replace("␣", " ")
    print(f"{name:16}  {first:.0%}    {own:.0%}  {previous:.0%}        {rest:.0%}")
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
    "Most queries attend mainly to the first token or to themselves. Each row is "
    "a query, with weights that sum to 1; each column is a key. "
    f"{lm.card.name}, layer {layer}, head 0.",
    alt=f"A lower triangle of {n} by {n} attention weights. The first column "
    f"(“{trace.tokens[0]}”) and the diagonal have strong colour, other cells little.",
)
plt.show()

# %%
# - *The blank triangle* is the causal mask: later keys have weight 0.0. It says nothing
#   about language.
# - *The first row* has a single visible cell, whose weight is 1 in every head.
# - *The first column* is the strongest: it has 49% of the weight in this sentence, and
#   43% and 44% in the two others, although their first words differ. Such a column is
#   an *attention sink* (:doc:`lesson 4.7 </lessons/04_attention/07_attention_sinks>`).
#   It does not mean that the first word is important.
# - *The diagonal* comes second: on average, a query gives 36% of its weight to its own
#   position. Many heads have a diagonal, but it is seldom as strong.
# - *The rest* is small: 6% for the previous token, and 10% for all others together.
#
# Colour scales
# -------------
# A few large weights dominate a linear scale, on which weights of a few hundredths look
# like zero. Figures therefore often use other scales. We draw the same map on four
# scales: ``linear``; ``log1p``, which shows :math:`\log(1 + w)` for a weight :math:`w`;
# ``log``, a true logarithm that starts at a weight of 0.0001; and ``clipped``, a
# ``log1p`` scale that ends at 0.15 (Matplotlib's option ``vmax``), so that all larger
# values have the darkest colour. First we compute how much these scales change the
# colours.
grid = torch.linspace(0, 1, 1001)
change = grid.log1p() / torch.tensor(2.0).log() - grid  # both scales from 0 to 1
print(f"log1p and linear differ by up to {change.abs().max():.3f} of the full scale")
fractions = " ".join(
    f"{1 + w.log10() / 4:.2f}" for w in torch.tensor([0.001, 0.01, 0.1])
)
print("log, weights 0.001, 0.01 and 0.1:", fractions, "of the full scale")
visible = head[torch.ones(n, n).tril().bool()]
clipped = visible[visible.log1p() > 0.15]
print(
    f"clipped: {len(clipped)} of {len(visible)} cells in the darkest colour,", end=" "
)
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
    "A clipped colour scale makes different weights look the same. The linear and "
    "log1p panels hardly differ. The logarithmic scale shows small weights and "
    f"keeps large ones apart; on the clipped one, {len(clipped)} cells are darkest.",
    alt="Four lower triangles of the same attention weights. The first two look almost "
    "the same; on the logarithmic one, all cells have some colour; on the clipped one, "
    "many cells of the first column and the diagonal have the same, darkest colour.",
)
plt.show()

# %%
# ``log1p`` has almost no effect: no colour differs from the linear one by more than
# 0.086 of the scale, since :math:`\log(1 + w)` is nearly linear between 0 and 1. On the
# logarithmic scale, a weight of 0.01 is halfway up the scale, and each factor of ten
# adds a quarter. This makes small weights visible, but they look larger than they are.
# Clipping is the most misleading: 17 of 55 cells have the same colour, although their
# weights range from 0.17 to 1.00. A figure should state its scale.
#
# A column is a position, not a word
# ----------------------------------
# The label of a column names the token at that position. In layer 0, the key and the
# value are computed from this token alone. In later layers, they are computed from the
# residual stream, to which earlier layers have added information about *other* tokens.
#
# We test this with texts that all end in *because*: four sentence frames with eight
# animals each. Are the vectors of *because* similar if the animal is the same? From
# each vector we subtract the mean over the animals in its frame. Then we take a vector
# from one frame, find the most similar vector (by cosine) in another, and count how
# often it belongs to the same animal.
import itertools

animals = ["dog", "cat", "horse", "bird", "wolf", "lion", "bear", "cow"]
frames = [
    "The {} chased the ball because",
    "In the morning, the {} crossed the road because",
    "Yesterday a {} slept in the house because",
    "I saw the {} near the river because",
]
states = []
for frame in frames:
    runs = [lm.trace(frame.format(a), keep=("hidden_states",)) for a in animals]
    states.append(torch.stack([run.hidden_states[:, -1] for run in runs]))
states = torch.stack(states)  # (4 sentences, 8 animals, L + 1, d)
for i in sorted({0, 1, lm.card.n_layers // 2, layer}):
    x = states[:, :, i] - states[:, :, i].mean(1, keepdim=True)
    x = torch.nn.functional.normalize(x, dim=-1)
    found = [
        (x[one] @ x[other].T).argmax(1) == torch.arange(8)
        for one, other in itertools.permutations(range(4), 2)
    ]
    print(f"state {i:2}  same animal: {torch.cat(found).float().mean():.1%}")

# %%
# In state 0, the input of the first layer, the vectors of *because* are all equal, and
# the same animal is found in 12.5% of the cases, the rate of guessing among eight. One
# layer later it is found in 100.0%, in state 15 in 88.5%, and in state 29, the input of
# the last layer, in 100.0%. A head in a later layer that attends to *because* can
# therefore read which animal the text is about. So in a deep layer, a weight tells
# which position a head reads from, and not which word the information comes from.
# :doc:`Lesson 4.14 </lessons/04_attention/14_activation_patching>` moves such
# information from one text to another.
#
# Computing the map from the model's matrices
# -------------------------------------------
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
# The option ``"eager"`` selects the plain implementation. Fast kernels, such as
# FlashAttention (Dao et al., 2022), compute the output in small blocks and never store
# the whole matrix of weights, so they cannot return it.
#
# We compute the maps of SmolLM2's layer 29 as in :doc:`lesson 4.3
# </lessons/04_attention/03_multi_head_attention>`: normalise the residual stream,
# project it to queries and keys, split them into heads, rotate them according to their
# positions (:doc:`lesson 3.6 </lessons/03_positions/06_rotary>`), and apply the
# equation above.
from lmviz import positions

lm = lmviz.load("smollm2")
trace = lm.trace(sentences[0])
block = lm.module.model.layers[29]
with torch.no_grad():
    x = block.input_layernorm(trace.hidden_states[29])  # (T, d)
    query = block.self_attn.q_proj(x).unflatten(-1, (9, 64)).transpose(0, 1)
    key = block.self_attn.k_proj(x).unflatten(-1, (3, 64)).transpose(0, 1)
query, key = (positions.rotary(v, base=100_000.0) for v in (query, key))  # SmolLM2's
key = key.repeat_interleave(3, dim=0)  # three query heads share each key head
scores = query @ key.mT / 64**0.5  # (H, T_q, T_k)
later = torch.ones(scores.shape[1:]).triu(1).bool()
weights = scores.masked_fill(later, -torch.inf).softmax(-1)
difference = float((weights - trace.attentions[29]).abs().max())
print("queries:", tuple(query.shape), "= (H, T, d_head)")
print(f"largest absolute difference from the model's: {difference:.1e}")
assert difference < 1e-4

# %%
# The maps of all nine heads agree with the model's up to rounding. In the interactive
# version of head 0, you can step from the scores of all pairs to the masked scores and
# the weights. Point at a cell to see how its number is computed.
from lmviz import views

views.attention(
    weights[None, :1],
    trace.tokens,
    scores=scores[None, :1],
    title="Layer 29, head 0, step by step",
)

# %%
# Summary
# -------
# - Rows are queries and sum to one; columns are keys, and their sums need a baseline.
#   The blank triangle is the causal mask.
# - The first column is often an attention sink; the diagonal is the attention of tokens
#   to their own positions.
# - A ``log1p`` scale hardly differs from a linear one, a logarithmic scale magnifies
#   small weights, and a clipped scale hides differences between large ones.
# - After layer 0, the vector at a position contains information about more than its own
#   word.
#
# Exercises
# ---------
# 1. Put another word at the beginning of the sentence. Which column will be strong?
# 2. In a map of :math:`T` tokens, every query attends evenly to all visible keys. What
#    is the sum of the first column for large :math:`T`?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    1. The column of the new first word, as the sink belongs to the position, not to
#       the word.
#    2. The harmonic number :math:`1 + 1/2 + \dots + 1/T \approx \ln T + 0.577`.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.2.
# - Kobayashi, Kuribayashi, Yokoi and Inui, *Attention is Not Only a Weight* (EMNLP
#   2020), on weights and the lengths of the vectors that they multiply.
# - Dao, Fu, Ermon, Rudra and Ré, *FlashAttention* (NeurIPS 2022).
