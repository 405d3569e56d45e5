"""
Beyond the training length: scaling rotary positions
====================================================

A model with rotary positions has learned from texts of a limited length. What happens
in a longer text, and can the positions be adapted without training a new model?
Afterwards you can tell which angles of a model are untrained, and apply position
interpolation, a larger base, and YaRN.
"""

# %%
# Two pairs, eight positions
# --------------------------
# Take the smallest case: width four, so two pairs of dimensions, which rotate by the
# angles :math:`p` and :math:`p/100` at position :math:`p` (see
# :doc:`/lessons/03_positions/60_rotary`). The model was trained on eight positions, and
# we want sixteen. At position 14 the fast pair has completed two turns: all its angles
# occurred in training. The slow pair has reached 0.14, twice its largest trained angle
# of 0.07.
#
# **Position interpolation** divides the position by the factor :math:`s = 2`. A
# **larger base** (also called NTK-aware scaling) changes the frequencies
# :math:`\theta_i = b^{-2i/d}` instead:
#
# .. math:: \theta_i' = \frac{\theta_i}{s}
#    \qquad\text{or}\qquad
#    \theta_i' = \left(b \, s^{d/(d-2)}\right)^{-2i/d} = \theta_i \, s^{-2i/(d-2)} .
import torch

pair, d, s = torch.arange(2), 4, 2
trained = 10_000.0 ** (-2 * pair / d)
changed = {
    "trained": trained,
    "interpolation": trained / s,
    "larger base": trained * s ** (-2 * pair / (d - 2)),
}
print("                angles at 14    from 13 to 14")
for name, theta in changed.items():
    (fast, slow), step = (14 * theta).tolist(), theta[0].item()
    print(f"{name:14}  {fast:5.2f}  {slow:4.2f}     {step:.2f}")

# %%
# Both bring the slow pair back to 0.07, an angle that it knows. Interpolation pays with
# the fast pair: neighbours are only 0.50 apart instead of 1.00. A larger base leaves
# the fast pair as it is.
#
# Which angles has SmolLM2 seen?
# ------------------------------
# SmolLM2 was trained on 8,192 positions, with a base of 100,000 and 32 pairs.
import lmviz
from lmviz import plots, positions

lm = lmviz.load("smollm2")
config = lm.module.config
length, base = config.max_position_embeddings, config.rope_parameters["rope_theta"]
theta = positions.inverse_frequencies(64, base=base)
turns = length * theta / (2 * torch.pi)
print(f"{length:,} positions, base {base:,.0f}, {len(turns)} pairs")
print(f"turns of the fastest pair: {turns[0]:,.0f}, of the slowest: {turns[-1]:.3f}")
print(f"pairs that never complete a turn: {(turns < 1).sum()}")

# %%
# sphinx_gallery_fold
import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(6.08, 2.8), layout="constrained")
ax.plot(turns, "o", markersize=4)
ax.axhline(1, color="grey", linewidth=1)
ax.set(title="Turns in training", xlabel="pair", ylabel="turns", yscale="log")
plots.caption(
    "Twelve of the 32 pairs never complete a turn in training. Turns within 8,192 "
    "positions, for each pair: those below the grey line meet new angles later.",
    alt="Points that fall along a straight line on a logarithmic axis, from 1,304 "
    "turns for the first pair to 0.02 for the last; the grey line is at one.",
)
plt.show()

# %%
# The fastest pair completes 1,304 turns and has seen the whole circle at any distance.
# 12 of the 32 pairs never complete a turn. Beyond 8,192 positions they reach new
# angles.
#
# Mixing the two: YaRN and Llama 3
# --------------------------------
# **YaRN** keeps the pairs with many turns, interpolates those with less than one, and
# mixes the two between them. The package has all of these methods, and its frequencies
# are those of ``transformers``.
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

ours = positions.scaled_frequencies(
    64, "yarn", factor=4, trained_length=length, base=base
)
rope = {"rope_type": "yarn", "rope_theta": base, "factor": 4.0}
rope["original_max_position_embeddings"] = length
config = LlamaConfig(head_dim=64, max_position_embeddings=32768, rope_parameters=rope)
theirs, attention_factor = ROPE_INIT_FUNCTIONS["yarn"](config, "cpu")
difference = float((ours - theirs).abs().max())
print(f"largest absolute difference from transformers' YaRN: {difference:.1e}")
assert difference < 1e-6

# %%
# Summary
# -------
# - SmolLM2 has 12 of 32 pairs that never complete a turn in 8,192 positions.
# - Interpolation slows all pairs, a larger base hardly the fast ones, YaRN only the
#   slow.
#
# Exercises
# ---------
# How many pairs would never complete a turn with a base of ``1e6``?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    More: run the second block with ``base=1e6``.
#
# Further reading
# ---------------
# Chen, Wong, Chen and Tian, *Extending Context Window of Large Language Models via
# Positional Interpolation* (2023). Peng, Quesnelle, Fan and Shippole, *YaRN: Efficient
# Context Window Extension of Large Language Models* (ICLR 2024).
