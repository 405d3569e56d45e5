r"""
Multi-head attention: parallel averages, added up
=================================================

A layer of a transformer runs several attention computations side by side, its heads.
Why several, and how do their outputs become one vector? After this lesson you can write
multi-head and grouped-query attention, and say what one head contributes to a layer.
"""

# %%
# One softmax, one average
# ------------------------
# Attention gives each query one set of weights that sum to one, and so one average of
# values (:doc:`lesson 4.1 </lessons/04_attention/01_self_attention>`). The last token
# of “dog chases cat” may need both the subject and the object. Let the values of “dog”
# and “cat” be (1, 0) and (0, 1), the key of a subject (4, 0) and that of an object (0,
# 4). One query that matches both, (1, 1), is compared with two queries, (1, 0) and (0,
# 1), that match one each.
import torch


def attend(query, key, value):
    return (query @ key.T / key.shape[-1] ** 0.5).softmax(-1) @ value


def show(x):
    return " ".join(f"{number:.2f}" for number in x.flatten().tolist())


key = torch.tensor([[4.0, 0.0], [0.0, 4.0]])  # of the subject, of the object
swapped = torch.eye(2).flip(0)
for words, value in (("dog, cat", torch.eye(2)), ("cat, dog", swapped)):
    print(f"{words}: one query", show(attend(torch.ones(1, 2), key, value)))
    print(f"{words}: two queries", show(attend(torch.eye(2), key, value)))

# %%
# The one query gets (0.50, 0.50) from “dog chases cat” and from “cat chases dog”: the
# average has lost who chases whom. Two queries get an average each. Side by side they
# are (0.94, 0.06 | 0.06, 0.94) and, for the other sentence, (0.06, 0.94 | 0.94, 0.06).
# Each such computation, with queries, keys and values of its own, is a **head**.
#
# Could one query with unequal weights tell the sentences apart?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Yes, but the more of one token it reads, the less of the other. Two heads don't
#    compete.
#
# Split, attend, concatenate
# --------------------------
# **Multi-head attention** splits the :math:`d` dimensions among :math:`H` heads of
# :math:`d_\text{head} = d / H`, for the cost of one head of the full width. The outputs
# are concatenated and multiplied by one more learned matrix, :math:`W_O`:
#
# .. math::
#    \begin{split}
#    \mathrm{head}_h &= \mathrm{Attention}(X W_Q^h,\; X W_K^h,\; X W_V^h), \\
#    \mathrm{MultiHead}(X) &= \mathrm{Concat}(\mathrm{head}_1, \dots,
#    \mathrm{head}_H)\, W_O .
#    \end{split}
#
# In code, one large :math:`W_Q` holds the matrices of all heads side by side, and its
# product is split.


def split(x, n_heads):  # (T, H * d_head) -> (H, T, d_head)
    return x.unflatten(-1, (n_heads, -1)).transpose(0, 1)


def multi_head(x, w_query, w_key, w_value, w_output, n_heads):
    query, key, value = (split(x @ w, n_heads) for w in (w_query, w_key, w_value))
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5  # (H, T, T)
    later = torch.ones_like(scores, dtype=torch.bool).triu(1)
    heads = scores.masked_fill(later, -torch.inf).softmax(-1) @ value  # (H, T, d_head)
    return heads.transpose(0, 1).flatten(1) @ w_output  # concatenated, (T, d)


torch.manual_seed(0)
x = torch.randn(6, 32)
w_query, w_key, w_value, w_output = torch.randn(4, 32, 32) / 32**0.5
ours = multi_head(x, w_query, w_key, w_value, w_output, n_heads=4)

theirs = torch.nn.MultiheadAttention(32, 4, bias=False, batch_first=True)
theirs.in_proj_weight.data = torch.cat([w_query, w_key, w_value], dim=1).T
theirs.out_proj.weight.data = w_output.T
later = torch.ones(6, 6, dtype=torch.bool).triu(1)
by_torch, _ = theirs(x[None], x[None], x[None], attn_mask=later)
difference = float((ours - by_torch[0].detach()).abs().max())
print(f"largest absolute difference from PyTorch's layer: {difference:.1e}")
assert difference < 1e-5

# %%
# In words: project, split into heads, attend in each head, join the heads, project. The
# package has ``split_heads``, ``attend`` and ``join_heads``. PyTorch's layer stores
# each matrix transposed, and its mask is true where a key is *hidden*.
#
# Heads add, they don't queue
# ---------------------------
# A row of numbers times a matrix is a sum over the matrix's rows, and each head meets
# only its own rows of :math:`W_O`. If these are :math:`W_O^h`,
#
# .. math::
#    \mathrm{Concat}(\mathrm{head}_1, \dots, \mathrm{head}_H)\, W_O
#    = \sum_{h=1}^{H} \mathrm{head}_h\, W_O^h .
#
# On paper: two heads of width 1 have the outputs 3 and 2, and :math:`W_O` has the rows
# (1, 0) and (1, −1).
joined, w_o = torch.tensor([3.0, 2.0]), torch.tensor([[1.0, 0.0], [1.0, -1.0]])
print("joined:", (joined @ w_o).tolist())
print("head by head:", *((joined[h] * w_o[h]).tolist() for h in range(2)))

# %%
# Joined or apart, the result is (5, −2) = (3, 0) + (2, −2). Each head adds a vector of
# its own, its *contribution*, to the residual stream (:doc:`lesson 2.7
# </lessons/02_embeddings/07_residual_stream>`). None sees the output of another, unless
# it is in a later layer.
#
# One layer of SmolLM2
# --------------------
# GPT-2 small contains 12 layers of 12 heads; SmolLM2 (:doc:`/book/model`) has 30 layers
# of 9 heads, each of width 64. We rebuild layer 23. Two steps have lessons of their
# own: a norm (:doc:`5.1 </lessons/05_prediction/01_logits>`) and the rotation of
# queries and keys (:doc:`3.6 </lessons/03_positions/06_rotary>`). A hook records what
# the model's own layer returns.
#
# The 9 query heads share 3 heads of keys and values: heads 0, 1 and 2 use the first,
# and so on. This is **grouped-query attention** (Ainslie et al., 2023).
import lmviz
from lmviz import attention, positions, transformer

lm = lmviz.load("smollm2")
model = lm.module.model
layer = model.layers[23]
recorded = []
hook = layer.self_attn.register_forward_hook(lambda *args: recorded.append(args[2][0]))
trace = lm.trace("The capital of France is")
hook.remove()

with torch.no_grad():
    x = layer.input_layernorm(trace.hidden_states[23])
    projections = [getattr(layer.self_attn, f"{name}_proj") for name in "qkvo"]
    w_query, w_key, w_value, w_output = (m.weight.T for m in projections)
    query, key, value = x @ w_query, x @ w_key, x @ w_value
    query, key, value = split(query, 9), split(key, 3), split(value, 3)
    query, key = (positions.rotary(v, base=100_000.0) for v in (query, key))
    key, value = (v.repeat_interleave(3, dim=0) for v in (key, value))  # 9 heads again
    heads = attention.attend(query, key, value, mask=attention.causal_mask(len(x)))
    contributions = heads @ w_output.unflatten(0, (9, 64))  # (H, T, d)
part = transformer.extract(lm).blocks[23].attention
package = transformer.head_contributions(part, trace.hidden_states[23])
for name, ours, other in (
    ("the model's layer", contributions.sum(0), recorded[0][0]),
    ("the package's contributions", contributions, package),
):
    difference = float((ours - other).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-4

# %%
# The sum of nine contributions is the output of the layer.
#
# Different heads for different prompts
# -------------------------------------
# We take the norm of each head's contribution at the last token, for six questions
# about capitals, six about opposites, and four other beginnings as a control.
prompts = {
    "The capital of {} is": ["France", "Italy", "Japan", "Egypt", "Spain", "Germany"],
    "The opposite of {} is": ["hot", "big", "up", "old", "light", "good"],
    "{}": [
        "The dog chased the ball because it",
        "Once upon a time there was a",
        "The quick brown fox jumps over the",
        "Two plus two is",
    ],
}
kinds = "capital", "opposite", "other"
norms = {}
for kind, (frame, words) in zip(kinds, prompts.items(), strict=True):
    states = [lm.trace(frame.format(word)).hidden_states[23] for word in words]
    added = [transformer.head_contributions(part, x)[:, -1] for x in states]
    norms[kind] = torch.stack(added).norm(dim=-1)  # (prompts, 9 heads)
means = torch.stack([rows.mean(0) for rows in norms.values()])
print("head  " + "  ".join(f"{kind:>8}" for kind in norms))
for head, row in enumerate(means.T.tolist()):
    print(f"{head:<4}  " + "  ".join(f"{number:8.0f}" for number in row))
for head, kind in ((4, "capital"), (3, "opposite"), (4, "other"), (3, "other")):
    column = norms[kind][:, head]
    print(f"head {head}, {kind}: {column.min():.0f} to {column.max():.0f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.9), layout="constrained")
plots.heatmap(
    means.T,
    title="Contributions in layer 23",
    ylabel="head",
    label="mean norm",
    xticklabels=list(norms),
    yticklabels=range(9),
    annot=[[f"{number:.0f}" for number in row] for row in means.T.tolist()],
    ax=ax,
)
plots.caption(
    "Different prompts use different heads of the same layer. Mean norm of what each "
    f"head adds at the last token: head 4 for capitals ({means[0, 4]:.0f}), head 3 "
    f"for opposites ({means[1, 3]:.0f}), and no head so much for other beginnings.",
    alt="A table of nine heads and three kinds of prompts. Strongest cells: head 4 "
    f"with capitals, {means[0, 4]:.0f}, and head 3 with opposites, {means[1, 3]:.0f}.",
)
plt.show()

# %%
# For capitals, head 4 contributes a vector of norm 86 on average, 81 to 95 in the six
# prompts; for the other beginnings, only 12 (6 to 29). For opposites it is head 3, with
# 78 (45 to 111), against 22 (13 to 33). So the heads of one layer specialise, and the
# one that finds what it looks for adds the most.
#
# A large contribution need not matter for the prediction, which :doc:`lesson 5.12
# </lessons/05_prediction/12_direct_logit_attribution>` measures.
#
# Sharing keys and values
# -----------------------
# Grouped-query attention is a compromise. At one end, every query head has its own keys
# and values (*multi-head*). At the other, all share one (**multi-query attention**;
# Shazeer, 2019). We count the parameters of one layer of SmolLM2's size, and the keys
# and values per token that generation keeps in all 30 layers.
d, d_head, n_heads = 576, 64, 9
print("key/value heads  parameters  numbers per token")
for n_kv in (9, 3, 1):
    parameters = 2 * d * n_heads * d_head + 2 * d * n_kv * d_head
    print(f"{n_kv:<15}  {parameters:<10,}  {30 * 2 * n_kv * d_head:,}")
print(f"in the model: {sum(matrix.weight.numel() for matrix in projections):,}")

# %%
# SmolLM2's layer has 884,736 parameters in :math:`W_Q`, :math:`W_K`, :math:`W_V` and
# :math:`W_O`: a third less than the 1,327,104 of nine key/value heads. More important
# is the last column. 11,520 numbers per token instead of 34,560 make the cache of a
# long text three times smaller (:doc:`lesson 5.4
# </lessons/05_prediction/04_kv_cache>`). Queries need no cache.
#
# Do two heads that share keys have the same attention weights?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No: their queries differ. Heads 3 and 4 above are in the same group.
#
# Summary
# -------
# - A head computes one average per query. Several heads attend to different tokens at
#   once, for the cost of one head of full width.
# - Concatenating the heads and multiplying by :math:`W_O` is the same as adding one
#   contribution per head.
# - In grouped-query attention several query heads share keys and values, which saves
#   parameters and, above all, memory in generation.
#
# Exercises
# ---------
# What changes if you permute the heads of a layer: all blocks of :math:`W_Q`,
# :math:`W_K`, :math:`W_V`, and the rows of :math:`W_O`? And if you permute only the
# first three?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Nothing: the sum has the same terms in another order, so the number of a head means
#    nothing. In the second case each head is projected by the rows of another, and the
#    output differs.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.2.2.
# - Elhage et al., *A Mathematical Framework for Transformer Circuits* (2021), on heads
#   that are independent and additive.
# - Shazeer, *Fast Transformer Decoding: One Write-Head is All You Need* (2019).
# - Ainslie, Lee-Thorp, de Jong, Zemlyanskiy, Lebrón and Sanghai, *GQA: Training
#   Generalized Multi-Query Transformer Models from Multi-Head Checkpoints* (EMNLP
#   2023).
