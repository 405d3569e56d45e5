r"""
Rotary position embeddings: rotating queries and keys
=====================================================

Most current language models, SmolLM2 among them, rotate queries and keys by angles that
grow with the position. Why does the score then depend on the distance alone? After this
lesson you can write the rotation, prove this, and reproduce SmolLM2's own keys.
"""

# %%
# One pair, 30 degrees per position
# ---------------------------------
# Take a query and a key of two dimensions. **Rotary position embeddings** (RoPE; Su et
# al., 2021) rotate the vector at position :math:`p` by the angle :math:`p\theta`. A
# rotation is multiplication by a matrix:
#
# .. math:: R(p) = \begin{pmatrix} \cos p\theta & -\sin p\theta \\
#    \sin p\theta & \cos p\theta \end{pmatrix} .
#
# For an example on paper, let :math:`\theta` be 30 degrees. The function below rotates
# row :math:`p` of a matrix as the vector at position :math:`p`. A row may hold several
# pairs, each with its own angle.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import math

import torch


def rotate(x, theta):
    """Rotate the pairs (0, 1), (2, 3), … of x, (T, d), by position times theta."""
    angle = torch.arange(len(x))[:, None] * theta  # (T, d / 2)
    a, b, cos, sin = x[:, 0::2], x[:, 1::2], angle.cos(), angle.sin()
    return torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1).flatten(1)


right, up = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
print("positions        rotated query    rotated key      dot product")
for key, m, n in ((right, 5, 3), (right, 12, 10), (up, 5, 3), (up, 3, 5)):
    q, k = (rotate(v.expand(13, 2), math.radians(30)) for v in (right, key))
    q, k = (v.round(decimals=4) + 0.0 for v in (q[m], k[n]))
    cells = [f"{m} and {n}", *("({:.3f}, {:.3f})".format(*v.tolist()) for v in (q, k))]
    print(*(f"{cell:15}" for cell in cells), f"{q @ k:.3f}", sep="  ")

# %%
# The query is (1, 0) in every row, and so is the key in the first two. Positions 5 and
# 3 give the dot product 0.500, and so do positions 12 and 10: only the distance
# matters. In the last two rows, the key is (0, 1). The product is 0.866 if the key is
# two positions before the query, and −0.866 if it is two positions after. So a score
# can tell left from right.
#
# The proof takes two lines. The transpose of a rotation is its inverse, and the angles
# of successive rotations add up:
#
# .. math::
#    \begin{split}
#    R(m)^\top R(n) &= R(-m)\, R(n) = R(n - m), \\
#    (R(m)\, q)^\top (R(n)\, k) &= q^\top R(m)^\top R(n)\, k = q^\top R(n - m)\, k .
#    \end{split}
#
# Only the difference between the two positions remains.
#
# Does the length of a query grow with its position?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No. A rotation preserves lengths, so scores stay bounded however long the text.
#
# Many pairs, many frequencies
# ----------------------------
# One pair is not enough: at 30 degrees, a key 12 positions back has the same angle as
# one at the query's own position. So a vector of :math:`d` dimensions is split into
# :math:`d/2` pairs, and pair :math:`i` has the frequency
#
# .. math:: \theta_i = b^{-2i/d}, \qquad i = 0, \dots, d/2 - 1,
#
# in radians per position. These are the frequencies of the sinusoidal encoding
# (:doc:`lesson 3.2 </lessons/03_positions/02_sinusoidal>`); the *base* :math:`b` is
# :math:`10{,}000` in the paper. For :math:`d = 4`, they are 1 and 1/100. The dot
# product of two equal vectors is a sum of cosines, :math:`\sum_i \cos((m - n)\theta_i)`
# if each pair has length one.
from lmviz import positions

theta = 10_000.0 ** (-torch.arange(0, 4, 2) / 4)
x = torch.tensor([1.0, 0.0, 1.0, 0.0]).expand(13, 4)
rotated = rotate(x, theta)
print("rotated by position 3:", [round(value, 4) for value in rotated[3].tolist()])
for distance in (0, 1, 2, 3, 6):
    print(f"distance {distance}: {rotated[10] @ rotated[10 - distance]:.3f}")
difference = float((rotated - positions.rotary(x, interleaved=True)).abs().max())
print(f"largest absolute difference from the package's: {difference:.1e}")

torch.manual_seed(0)
query, key = both = torch.randn(2, 1, 64)
queries, keys = positions.rotary(both.expand(-1, 100, -1), interleaved=True)
scores = queries @ keys.T  # the same query and key at every pair of positions
equal = positions.rotary(torch.ones(100, 64) / 8)
by_distance = equal @ equal[0]

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(7.68, 3.0), layout="constrained")
title = "One query and one key everywhere"
plots.heatmap(scores, title=title, label="dot product", square=True, ax=axes[0])
axes[0].set(xlabel="position of the key", ylabel="position of the query")
axes[1].plot(by_distance)
axes[1].set(title="Two equal vectors", xlabel="distance", ylabel="dot product")
plots.caption(
    "The score depends only on the distance. Left: with one query and one key of width "
    "64 everywhere, each diagonal is constant. Right: the score of equal vectors is "
    f"1 at distance 0, and {by_distance[10:].mean():.2f} on average beyond 10.",
    alt="Left: a square heatmap with stripes parallel to the diagonal. Right: a curve "
    "that falls steeply within a few positions and then slowly, with ripples.",
)
plt.show()

# %%
# The vector rotated by position 3 consists of the cosines and sines of 3 and 0.03. The
# score at distance 6 (1.958) is nearly that at 0 (2.000), since the fast pair has
# nearly completed a turn. With 32 pairs, the score of equal vectors falls with the
# distance, with ripples. Not all vectors behave that way: the random query and key on
# the left prefer other distances, and a model learns its own.
#
# In the interactive version you can change the number of pairs and the base. At width
# 2, one pair is left.
from lmviz import views

views.positions(title="Rotary positions", kind="rotary")

# %%
# Queries and keys, not embeddings
# --------------------------------
# The rotation comes *after* the projections :math:`W_Q` and :math:`W_K`, in every
# layer; values are not rotated. The order matters. If query and key are rotated after
# the projections, the score is :math:`q^\top R(m)^\top R(n)\, k`, and the two rotations
# combine. If the inputs :math:`x` and :math:`y` of the projections are rotated instead,
# the score is :math:`x^\top R(m)^\top W_Q W_K^\top R(n)\, y`. Now two matrices separate
# the rotations, and the score depends on both positions. We compute the scores both
# ways, with random matrices and the vectors of the figure as inputs. A score that
# depends on the distance alone doesn't change along a diagonal.
w_query, w_key = torch.randn(2, 64, 64) / 8
early = (queries @ w_query) @ (keys @ w_key).T
late = positions.rotary((query @ w_query).expand(100, -1), interleaved=True)
late = late @ positions.rotary((key @ w_key).expand(100, -1), interleaved=True).T
print("rotated  mean change  largest change  standard deviation of the scores")
for name, products in {"after": late, "before": early}.items():
    change = (products[1:, 1:] - products[:-1, :-1]).abs()
    numbers = change.mean(), change.max(), products.std()
    print(f"{name:7}  {{:<11.2f}}  {{:<14.2f}}  {{:.2f}}".format(*numbers))

# %%
# With the rotation after the projections, the scores don't change along a diagonal.
# With the rotation before, they change from one position to the next by 2.29 on average
# and by up to 10.06, while their standard deviation is 6.25.
#
# Two ways to pair dimensions
# ---------------------------
# The paper and GPT-J pair *neighbours*: dimension 0 with 1, 2 with 3. GPT-NeoX, and
# Llama in ``transformers``, pair the *halves*: dimension 0 with 32, 1 with 33. A
# permutation of the dimensions translates one into the other: rotating halves is the
# same as rotating neighbours once the dimensions are sorted as follows. A model works
# only with the pairing it was trained with, and no tensor's shape reveals it.
order = torch.arange(64).reshape(2, 32).T.flatten()
print("order:", *order[:6].tolist())
halves = positions.rotary(query.expand(100, -1))
sorted_first = positions.rotary(query[:, order].expand(100, -1), interleaved=True)
difference = float((halves[:, order] - sorted_first).abs().max())
print(f"sorted first, largest absolute difference: {difference:.1e}")

# %%
# SmolLM2's own keys
# ------------------
# A language model caches the keys of earlier tokens (:doc:`lesson 5.4
# </lessons/05_prediction/04_kv_cache>`), already rotated, so we can read them
# there. We compute the keys of layer 0 from the model's matrices. In ``transformers``,
# ``rotary_emb`` returns cosines and sines, and ``apply_rotary_pos_emb`` rotates.
import lmviz
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

lm = lmviz.load("smollm2")
ids = lm.encode("The dog chased the ball because it was excited, and then it slept.")
with torch.no_grad():
    cached = lm.module(ids[None], use_cache=True).past_key_values.layers[0].keys[0]
    model, layer = lm.module.model, lm.module.model.layers[0]
    x = layer.input_layernorm(model.embed_tokens(ids))
    query, key = layer.self_attn.q_proj(x), layer.self_attn.k_proj(x)
    cos_sin = model.rotary_emb(x, torch.arange(len(ids))[None])
query, key = (v.unflatten(-1, (-1, 64)).transpose(0, 1) for v in (query, key))
library_query, _ = apply_rotary_pos_emb(query[None], key[None], *cos_sin)
base = lm.module.config.rope_parameters["rope_theta"]
query, key = (positions.rotary(vectors, base=base) for vectors in (query, key))
print(f"base {base:,.0f}; shape of the keys (heads, T, d): {tuple(key.shape)}")
for name, ours, theirs in (
    ("the model's cached keys", key, cached),
    ("the library's rotated queries", query, library_query[0]),
):
    difference = float((ours - theirs).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-4

# %%
# Our keys equal the cached ones, so the base (100,000), the pairing (halves) and the
# order of the steps are right. A layer of SmolLM2 contains nine query heads but only
# three key heads, each shared by three query heads.
#
# Other families differ. GPT-J pairs neighbours, and both GPT-J and GPT-NeoX rotate only
# the first quarter of a head's dimensions; the others carry no position. The package
# reads such details from a model. We compare its attention weights with the model's
# own, for SmolLM2 and small random models. The control is a Llama computed with GPT-J's
# pairs: its weights are wrong by up to 0.97.
from dataclasses import replace

from lmviz import transformer
from transformers import AutoConfig, AutoModelForCausalLM


def small(family, **options):
    """Return a small model of the family, with one layer of random weights."""
    options |= {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    options |= {"vocab_size": 50, "bos_token_id": None, "eos_token_id": None}
    options |= {"initializer_range": 0.3, "attn_implementation": "eager"}
    module = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **options))
    module.eval().requires_grad_(False)
    return lmviz.LanguageModel.from_module(module, name=family)


def off_by(lm, **changes):
    """Return the largest error of our weights, with a changed rotary setting."""
    trace = lm.trace(torch.arange(12))
    part = transformer.extract(lm).blocks[0].attention
    part = replace(part, rotary=replace(part.rotary, **changes))
    ours = transformer.heads(part, trace.hidden_states[0])
    return float((ours.weights - trace.attentions[0]).abs().max())


for model in (lm, small("llama"), small("gpt_neox"), small("gptj", rotary_dim=8)):
    print(f"{model.card.name}, largest absolute difference: {off_by(model):.1e}")
print(f"Llama with the wrong pairs: {off_by(small('llama'), interleaved=True):.2f}")

# %%
# Summary
# -------
# - RoPE rotates pair :math:`i` of each query and key at position :math:`p` by
#   :math:`p\, b^{-2i/d}`. Since :math:`R(m)^\top R(n) = R(n - m)`, the score depends on
#   the distance alone.
# - The rotation acts on queries and keys, after the projections, in every layer.
# - The pairing, neighbours or halves, is part of the model.
#
# Exercises
# ---------
# Which query of length one scores highest with a key :math:`k` three positions back?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The score is :math:`q^\top R(-3)\, k`, which is largest if :math:`q` and
#    :math:`R(-3)\, k` point the same way. So :math:`q` is the key rotated back by three
#    positions, divided by its length. A projection can learn such a rotation; its head
#    then attends to the token three positions back.
#
# Further reading
# ---------------
# - Su, Lu, Pan, Murtadha, Wen and Liu, *RoFormer: Enhanced Transformer with Rotary
#   Position Embedding* (2021; Neurocomputing 2024), section 3.
