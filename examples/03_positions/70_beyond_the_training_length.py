r"""
Beyond the training length: scaling rotary positions
====================================================

A model with rotary positions has learned from texts of a limited length. What breaks in
a longer one, and can it be repaired without training a new model? Afterwards you can
tell which angles of a model are untrained, and apply position interpolation, a larger
base and YaRN.
"""

# %%
# Two pairs, eight positions
# --------------------------
# Take the smallest case: width :math:`d = 4`, so two pairs of dimensions, which rotate
# by the angles :math:`p` and :math:`p/100` at position :math:`p`
# (:doc:`/lessons/03_positions/60_rotary`). The model was trained on eight positions,
# and we want sixteen. At position 14 the fast pair has completed two turns: it has seen
# angles everywhere on the circle. The slow pair has reached 0.14, twice its largest
# angle in training, 0.07.
#
# With the factor :math:`s = 2`, **position interpolation** (Chen et al., 2023) divides
# every position by :math:`s`. A **larger base** ("NTK-aware" scaling) slows pair
# :math:`i` by a factor between 1 for the fastest and :math:`s` for the slowest:
#
# .. math:: \theta_i' = \frac{\theta_i}{s}
#    \qquad\text{or}\qquad
#    \theta_i' = \left(b \, s^{d/(d-2)}\right)^{-2i/d} = \theta_i \, s^{-2i/(d-2)} .
import torch

pair, d, s = torch.arange(2), 4, 2
trained = 10_000.0 ** (-2 * pair / d)
changed = {"trained": trained, "interpolation": trained / s}
changed["larger base"] = trained * s ** (-2 * pair / (d - 2))
print("angles at 14   fast   slow  fast, from 13 to 14")
for name, theta in changed.items():
    print(f"{name:13}  {14 * theta[0]:5.2f}  {14 * theta[1]:.2f}  {theta[0]:.2f}")

# %%
# Both bring the slow pair back to 0.07. But interpolation slows the fast pair, too:
# neighbours are 0.50 apart instead of 1.00, a difference that the model never saw. A
# larger base leaves the fast pair as it is.
#
# Which angles has SmolLM2 seen?
# ------------------------------
# A pair completes :math:`r_i = L\,\theta_i / 2\pi` turns in a text of the trained
# length :math:`L`. If that is less than one, larger distances mean new angles.
import lmviz
from lmviz import plots, positions

lm = lmviz.load("smollm2")
config = lm.module.config
length, base = config.max_position_embeddings, config.rope_parameters["rope_theta"]
theta = positions.inverse_frequencies(64, base=base)
turns = length * theta / (2 * torch.pi)
print(f"{length:,} positions, base {base:,.0f}, {len(turns)} pairs")
print(f"turns of the fastest pair: {turns[0]:,.0f}, of the slowest: {turns[-1]:.2f}")
print(f"pairs that never complete a turn: {(turns < 1).sum()}")

# %%
# The fastest pair completes 1,304 turns in 8,192 positions, and any distance gives it
# an angle that it knows. But 12 of 32 pairs never complete a turn; the slowest covers
# 0.02 of one.
#
# The gap test
# ------------
# A text of more than 8,192 tokens takes long to compute, but there is a shortcut: split
# a short text into two halves and move the second away by a *gap*. Distances within a
# half stay as they are; only those between the halves are new. We measure the surprisal
# of the second half in six passages of Python's manual, and its attention to the first
# half. The controls are a gap within the trained length, and the second half alone.
import copy
from pydoc_data.topics import topics
from unittest import mock

n = 20  # tokens in a half
names = ["assert", "for", "while", "class", "import", "with"]
texts = [lm.encode(" ".join(topics[name].split()))[20 : 20 + 2 * n] for name in names]
first, second = torch.stack(texts).split(n, dim=1)


@torch.no_grad()
def read(ids, angles, scale, cache=None):
    """Run the model with these rotary angles, (T, 32), instead of its own."""
    angles = torch.cat([angles, angles], dim=-1)[None]
    cos_sin = (scale * angles.cos()).float(), (scale * angles.sin()).float()
    rotary, cache = lm.module.model.rotary_emb, copy.deepcopy(cache)
    with mock.patch.object(rotary, "forward", lambda *_, **__: cos_sin):
        return lm.module(ids, past_key_values=cache, output_attentions=True)


def gap_test(theta, gaps, scale=1.0):
    """Surprisal of the second half, and its attention to the first, for each gap."""
    position, results = torch.arange(n)[:, None], []
    cache = read(first, position * theta, scale).past_key_values
    for gap in gaps:  # one number, or one for each pair; None: without the first half
        angles = (position + n + (0 if gap is None else gap)) * theta
        run = read(second, angles, scale, None if gap is None else cache)
        logs = run.logits[:, :-1].log_softmax(-1).gather(-1, second[:, 1:, None])
        to_first = torch.stack(run.attentions)[..., :-n].sum(-1)
        results.append((-logs.mean().item(), to_first.mean().item()))
    return results


slow = (turns < 1).double()
conditions = {"no gap": 0, "6,000": 6000, "10,000": 10000, "16,000": 16000}
conditions |= {"slow pairs": 16000 * slow, "fast pairs": 16000 * (1 - slow)}
conditions["alone"] = None
as_is = dict(zip(conditions, gap_test(theta, conditions.values()), strict=True))
print("gap         surprisal  attention to the first half")
for name, (loss, weight) in as_is.items():
    print(f"{name:10}  {loss:<9.2f}  {weight:.2f}")

# %%
# Without a gap, the first half helps: 3.30 nats per token instead of 5.38. At 6,000
# positions, within the trained length, it helps no more (5.42), and it gets less
# attention, 0.30 instead of 0.67. At 16,000 the model breaks: 7.77 nats, far worse than
# with no first half at all. It doesn't forget the far tokens, it misreads them: they
# get an attention of 0.77, more than without a gap. The pairs tell which angles are to
# blame. With the gap in the 12 slow pairs only, the surprisal is 7.42; with the gap in
# the other 20 it is 4.13. The break isn't sharp: 10,000 is still harmless (5.39).
#
# Slow only the slow pairs: YaRN and Llama 3
# ------------------------------------------
# **YaRN** (Peng et al., 2024) mixes the trained and the interpolated frequency of each
# pair,
#
# .. math:: \theta_i' = \gamma_i\, \theta_i + (1 - \gamma_i)\, \frac{\theta_i}{s} ,
#
# with :math:`\gamma_i = 1` for pairs of at least 32 turns in training, 0 for those of
# less than one, and a ramp between, straight in :math:`i` (in the published code; in
# the paper, in :math:`r_i`). It also multiplies rotated queries and keys by :math:`0.1
# \ln s + 1` to keep the softmax over more keys sharp. Llama 3.1 does the same with a
# limit of 4 turns, a ramp in :math:`r_i`, and no such factor. In ``transformers``, a
# model's configuration names the method.
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

s, low, high = 4, (turns >= 32).sum() - 1, (turns > 1).sum()
gamma = 1 - ((torch.arange(32) - low) / (high - low)).clamp(0, 1)
yarn = gamma * theta + (1 - gamma) * theta / s
scale = 0.1 * torch.tensor(s).log().item() + 1

rope = {"rope_type": "yarn", "rope_theta": base, "factor": float(s)}
rope["original_max_position_embeddings"] = length
library = LlamaConfig(
    head_dim=64, max_position_embeddings=s * length, rope_parameters=rope
)
theirs, their_scale = ROPE_INIT_FUNCTIONS["yarn"](library, "cpu")
difference = max(float((yarn - theirs).abs().max()), abs(scale - their_scale))
print(f"kept: pairs 0 to {low}; interpolated: {high} to 31; scale {scale:.3f}")
print(f"largest absolute difference from transformers' YaRN: {difference:.1e}")
assert difference < 1e-6

# %%
# The package has four methods under the names of ``transformers``; "linear" is
# interpolation, and "ntk" a larger base. We repeat the gap test with each.
options = {"factor": s, "trained_length": length, "base": base}
scaled = {
    method: positions.scaled_frequencies(64, method, **options)
    for method in ("linear", "ntk", "yarn", "llama3")
}
assert torch.allclose(scaled["yarn"], yarn)
print("method  no gap  gap of 16,000")
print(f"as is   {as_is['no gap'][0]:.2f}    {as_is['16,000'][0]:.2f}")
for name, frequencies in scaled.items():
    near, far = gap_test(frequencies, [0, 16000], scale if name == "yarn" else 1.0)
    print(f"{name:6}  {near[0]:.2f}    {far[0]:.2f}")

# %%
import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(6.08, 2.8), layout="constrained")
for name, style in zip(scaled, ("-", "--", "-.", ":"), strict=True):
    ax.plot(scaled[name] / theta, style, label=name)
ax.axvspan(int(high) - 0.5, 31.5, alpha=0.1)
ax.set(title="Scaled frequency / trained frequency", xlabel="pair", ylabel="quotient")
ax.legend()
plots.caption(
    "YaRN and Llama 3 keep the fast pairs and slow only the others. Each frequency "
    "divided by the trained one, factor 4; the shaded pairs make no full turn.",
    alt="Four lines down to 0.25 at the last pair. Linear is there throughout, ntk "
    "falls from 1 at once, yarn from pair 10, and llama3 from pair 16.",
)
plt.show()

# %%
# Interpolation costs more at no gap (5.69) than it repairs: Chen et al. fine-tune the
# model on the new angles, which we don't. The others hardly harm a text without a gap:
# 3.39 nats with a larger base, 3.46 with YaRN, and 3.30, as before, with Llama 3's
# rule. After a gap of 16,000, YaRN (5.22) and Llama 3's rule (5.03) are a little below
# the second half alone (5.38), so the distant half does no harm any more. How well a
# model *uses* a long text takes other tests.
#
# The schemes of this chapter
# ---------------------------
# A model without positions (**NoPE**) has no angles to run out of: small ones have
# generalised best to longer inputs (Kazemnejad et al., 2023). With ALiBi (Press et al.,
# 2022), larger distances only add small weights
# (:doc:`/lessons/03_positions/50_relative_position_biases`). The table of wishes is now
# complete; for biases, the code is that of a distance.
print("""\
scheme      unique     bounded  same step  longer texts   cheap
mask alone  inferred   yes      no         partly         yes
sinusoidal  yes        yes      yes        defined        yes
learned     yes        yes      partly     no             T x d
T5 bias     near keys  yes      yes        partly         yes
ALiBi       yes        no       yes        works          yes
rotary      yes        yes      yes        after scaling  yes""")

# %%
# And what each scheme does:
print("""\
scheme      acts on        the score has   learned  past the end  used by
mask alone  nothing        inferred order  no       nothing new   parts of SmolLM3
sinusoidal  embeddings     two positions   no       new vectors   Vaswani et al.
learned     embeddings     two positions   yes      no row        GPT-2, BERT
T5 bias     scores         distance        yes      last bucket   T5
ALiBi       scores         distance        no       small weight  BLOOM, MPT
rotary      queries, keys  distance        no       new angles    SmolLM2, Llama""")

# %%
# Summary
# -------
# - Of SmolLM2's 32 pairs, 12 never complete a turn in 8,192 positions. Their new angles
#   break the model: 7.77 nats after a gap of 16,000.
# - Interpolation slows all pairs, a larger base the slow ones more, YaRN and Llama 3
#   only these (5.22 and 5.03 nats).
# - No scheme of this chapter fulfils all five wishes without a condition.
#
# Exercises
# ---------
# Does Llama 3's rule with a factor of 2 change the surprisal after a gap of 6,000,
# which lies *within* the trained length? Predict, then run ``gap_test``.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It falls by more than half a nat. For the slow pairs the gap is now half as wide,
#    so the distant half gets more attention. Scaling changes what counts as near.
#
# Further reading
# ---------------
# - Chen, Wong, Chen and Tian, *Extending Context Window of Large Language Models via
#   Positional Interpolation* (2023).
# - Peng, Quesnelle, Fan and Shippole, *YaRN: Efficient Context Window Extension of
#   Large Language Models* (ICLR 2024).
# - Grattafiori et al., *The Llama 3 Herd of Models* (2024).
# - Kazemnejad et al., *The Impact of Positional Encoding on Length Generalization in
#   Transformers* (NeurIPS 2023).
# - Press, Smith and Lewis, *Train Short, Test Long* (ICLR 2022).
