"""
Positional encodings: why attention needs them
==============================================

“The dog chased the cat” and “The cat chased the dog” consist of the same tokens. Can
attention, the part of a transformer in which tokens meet, tell them apart? After this
lesson you can write attention in ten lines, prove what it knows about the order of the
tokens, and say what a positional encoding has to provide.
"""

# %%
# Attention in ten lines
# ----------------------
# A recurrent network reads one token after the other. A transformer processes all
# tokens at once, and they exchange information only in **attention**. Three learned
# matrices turn the vector of each token into a **query** (what it looks for), a **key**
# (what it is found by) and a **value** (what it passes on). In **self-attention** all
# three are computed from the same text. With one row of :math:`X` for each token,
#
# .. math::
#
#    Q = X W_Q, \quad K = X W_K, \quad V = X W_V, \qquad
#    \operatorname{attention}(X) =
#    \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V ,
#
# where :math:`d` is the width of queries and keys. Entry :math:`(i, j)` of
# :math:`QK^\top` is the dot product of query i and key j. The softmax turns each row of
# scores into weights :math:`\alpha_{ij}`, which are positive and sum to one. Token i
# *attends to* token j with weight :math:`\alpha_{ij}`, and gets the average
# :math:`\sum_j \alpha_{ij} v_j` of the values. A **causal mask** hides later tokens
# from a query: their scores become minus infinity, and so their weights exactly 0.
import math

import torch


def self_attention(x, w_query, w_key, w_value, mask=None):
    query, key, value = x @ w_query, x @ w_key, x @ w_value
    scores = query @ key.T / math.sqrt(key.shape[-1])
    if mask is not None:  # True = may attend
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


# %%
# An example for paper: each token is its own query and key; the values are 1, 2 and 6.
names = ["dog", "chased", "cat"]
x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
matrices = torch.eye(2), torch.eye(2), torch.tensor([[1.0], [2.0]])


def show(names, output, weights):
    print("query    " + "  ".join(f"{name:>6}" for name in names) + "  output")
    for name, row, out in zip(names, weights.tolist(), output.tolist(), strict=True):
        print(f"{name:7}  " + "  ".join(f"{w:6.2f}" for w in [*row, *out]))


output, weights = self_attention(x, *matrices)
show(names, output, weights)
built_in = torch.nn.functional.scaled_dot_product_attention(x, x, x @ matrices[2])
print("the same from PyTorch's function:", torch.allclose(output, built_in))

# %%
# The query of "dog" scores 1, 0 and 2 before the division by :math:`\sqrt 2`. It
# attends most strongly to "cat" (0.58), and the output is 4.02. How queries and keys
# learn what to match is the subject of
# :doc:`/lessons/04_attention/10_weighted_average`.
#
# Permutation equivariance
# ------------------------
# Now reverse the sentence: the same vectors in other rows.
show(names[::-1], *self_attention(x.flip(0), *matrices))

# %%
# "dog" again gives 0.58 to "cat" and gets 4.02. The rows of the output are permuted as
# the rows of the input were, and nothing else has changed. Such a function is
# **permutation equivariant**. For attention, two lines prove it. Let :math:`P` be the
# matrix that permutes the rows, with :math:`P^\top P = I`, and :math:`S(X)` the scores:
#
# .. math::
#
#    \begin{split}
#    S(PX) &= (PX) W_Q W_K^\top (PX)^\top / \sqrt d = P\, S(X)\, P^\top , \\
#    \operatorname{attention}(PX) &= \operatorname{softmax}(P S P^\top)\, P X W_V
#    = P \operatorname{softmax}(S)\, P^\top P\, X W_V = P \operatorname{attention}(X) .
#    \end{split}
#
# The softmax works within a row and ignores the order of the columns. All other parts
# of a transformer treat each token alone, so a stack of layers is equivariant, too.
#
# We check this on the first head of SmolLM2 (:doc:`/book/model`), which has the first
# 64 dimensions of queries and keys. Our ten lines know no positions, and neither does
# the model if we pass position 0 for every token. Nothing is masked.
import lmviz

lm = lmviz.load("smollm2")
model = lm.module.model
part = model.layers[0].self_attn
projections = [m.weight[:64].T for m in (part.q_proj, part.k_proj, part.v_proj)]
ids = lm.encode("The dog chased the cat")
x = model.layers[0].input_layernorm(model.embed_tokens(ids))
output, weights = self_attention(x, *projections)
reversed_output, reversed_weights = self_attention(x.flip(0), *projections)
no_mask = torch.zeros(1, 1, len(ids), len(ids))  # is added to the scores
run = lm.module(ids[None], no_mask, position_ids=0 * ids[None], output_attentions=True)
for name, ours, other in (
    ("the model's weights", weights, run.attentions[0][0, 0]),
    ("the first output, reversed", reversed_output, output.flip(0)),
):
    difference = float((ours - other).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-4

# %%
import matplotlib.pyplot as plt

from lmviz import plots

tokens = lm.tokens(ids)
_, axes = plt.subplots(1, 2, figsize=(6.08, 3.2), layout="compressed")
scale = {"vmax": float(weights.max()), "colorbar": False}
plots.attention_map(weights, tokens, title="Original order", ax=axes[0], **scale)
plots.attention_map(reversed_weights, tokens[::-1], ax=axes[1], **scale)
axes[1].set(title="Reversed order", ylabel="")
plots.shared_colorbar(axes, "weight")
query, key = divmod(int(weights.argmax()), len(ids))
plots.caption(
    "Without positions and mask, each token attends to the same tokens in any order. "
    "Head 0.0 of SmolLM2 on a sentence and on its reversal: the right map is the left "
    "one rotated by 180 degrees.",
    alt="Two attention maps of five tokens. In both, the strongest weight is from "
    f"{tokens[query]} to {tokens[key]}, {weights.max():.2f}.",
)
plt.show()

# %%
# What the causal mask adds
# -------------------------
# With equal weights, attention is a plain average, a *bag of values*: 1, 2 and 6 give 3
# in any order. With a causal mask, each token averages the values up to its own.
mask = torch.ones(3, 3).tril()
average = mask / mask.sum(-1, keepdim=True)  # equal weights for all visible tokens
for values in torch.tensor([[1.0, 2.0, 6.0], [2.0, 1.0, 6.0]]):
    for name, numbers in {
        "values": values,
        "one layer": average @ values,
        "two layers": average @ average @ values,
    }.items():
        print(f"{name:10}  " + "  ".join(f"{number:<4.3g}" for number in numbers))

# %%
# One layer gives 1, 1.5, 3 for the first order and 2, 1.5, 3 for the second: the last
# output is the same, since each query sees the tokens before it as a bag. The second
# layer averages *different* numbers, and its last output is 1.83 for one order and 2.17
# for the other. So a stack of causal layers can infer order. Language models trained
# with no positional encoding at all (**NoPE**) are “still competitive with standard
# models” (Haviv et al., 2022), and small ones have generalised better to longer inputs
# (Kazemnejad et al., 2023). Only attention *without* a mask cannot see order at all.
#
# How much does SmolLM2 know from its mask alone? We exchange two words early in a
# prompt and compare the predictions after the same last token. The measure is the
# **total variation**, half the sum of the absolute differences between two
# distributions: 0 if they are equal, and at most 1.
frames = {
    "After the {} chased the {}, it was the": ("dog", "cat"),
    "The {} shot the {}. The one who died was the": ("hunter", "bear"),
    "Yesterday {} gave a book to {}. The book now belongs to": ("Paul", "Mary"),
    "The {} is north of the {}. To the south is the": ("lake", "town"),
    "First came the {}, then came the {}. The first to come was the": ("fox", "wolf"),
}


@torch.no_grad()
def last_probs(text):
    """Predict as it is, then with all positions 0, then also without a mask: (3, V)."""
    n = len(ids := lm.encode(text))
    later = torch.ones(n, n).triu(1) * torch.finfo().min
    masks = torch.stack([later, later, 0 * later])[:, None]
    position_ids = torch.tensor([[1], [0], [0]]) * torch.arange(n)
    return lm.module(ids.expand(3, n), masks, position_ids).logits[:, -1].softmax(-1)


moved = torch.zeros(3)
for frame, (a, b) in frames.items():
    p, q = last_probs(frame.format(a, b)), last_probs(frame.format(b, a))
    moved += (p - q).abs().sum(-1) / 2 / len(frames)
    for order, probs in ((f"{a}, {b}", p[0]), (f"{b}, {a}", q[0])):
        print(f"{order:14}  {lm.tokens([probs.argmax()])[0]:8}  {probs.max():.2f}")
print("total variation, mean of the five prompts:")
for version, mean in zip(["as it is", "mask only", "no mask"], moved, strict=True):
    print(f"{version:10}  {mean:.2f}")

# %%
# With positions, two orders differ by 0.37 on average; after the first prompt, the most
# likely word changes from "cat" (0.64) to "dog" (0.45). With the mask alone it is 0.08,
# and without mask and positions 0.00, as the proof says. The 0.08 is no measure of what
# a mask can tell: SmolLM2 was trained *with* positions and is off-distribution here.
#
# What a positional encoding should provide
# -----------------------------------------
# A **positional encoding** gives each position a *code*: a vector that is added, a
# rotation, or a bias in the scores. This chapter judges each scheme by five wishes.
#
# - *unique*: no two positions have the same code;
# - *bounded*: the numbers don't grow with the length of the text;
# - *same step*: the relation of two codes depends on their distance alone;
# - *longer texts*: it is defined, and works, beyond the lengths seen in training;
# - *cheap*: few parameters, little computation.
print("""\
scheme      unique    bounded  same step  longer texts  cheap
mask alone  inferred  yes      no         partly        yes
sinusoidal  ?         ?        ?          ?             ?""")

# %%
# The next lesson, :doc:`/lessons/03_positions/20_sinusoidal`, fills the second row.
#
# Summary
# -------
# - Without a mask, attention is permutation equivariant: reordered tokens get the same
#   outputs in the new order.
# - With a causal mask, one layer sees the earlier tokens as a bag; a stack of layers
#   can infer order.
# - SmolLM2 needs its positions: the predictions for two orders differ by 0.37 (total
#   variation) with them and by 0.08 without.
#
# Exercises
# ---------
# All weights equal, causal mask, values 1, 0, 0, 0, …: what is the output at position
# p, and what could a later layer use it for?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    1/(p + 1). It falls with the position, so that a later layer can tell how many
#    tokens came before. Haviv et al. conjecture that models without an encoding do so.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), sections 3.2 and 3.5.
# - Haviv, Ram, Press, Izsak and Levy, *Transformer Language Models without Positional
#   Encodings Still Learn Positional Information* (Findings of EMNLP 2022).
# - Kazemnejad, Padhi, Natesan Ramamurthy, Das and Reddy, *The Impact of Positional
#   Encoding on Length Generalization in Transformers* (NeurIPS 2023).
