r"""
Beyond the training length: scaling rotary positions
====================================================

A model with rotary positions is trained on texts of a limited length. What breaks in a
longer one, and can it be repaired without training a new model? After this lesson you
can tell which angles of a model are untrained, and apply position interpolation, a
larger base, YaRN and Llama 3's rule.
"""

# %%
# Two pairs, eight positions
# --------------------------
# Take the smallest case: width :math:`d = 4`, so two pairs of dimensions, which rotate
# by the angles :math:`p` and :math:`p/100` at position :math:`p` (:doc:`lesson 3.6
# </lessons/03_positions/06_rotary>`). Suppose that a model was trained on eight
# positions and has to read sixteen. The fast pair completed a full turn in training, so
# it has seen angles all around the circle. The slow pair has not: at position 14 it
# reaches 0.14, twice its largest angle in training, 0.07.
#
# With the factor :math:`s = 2`, **position interpolation** (Chen et al., 2023) divides
# every position by :math:`s`. A **larger base** slows pair :math:`i` by a factor
# between 1 for the fastest and :math:`s` for the slowest. It is also called *NTK-aware
# scaling* (bloc97, 2023), after the neural tangent kernel, a theory of learning.
#
# .. math:: \theta_i' = \frac{\theta_i}{s}
#    \qquad\text{or}\qquad
#    \theta_i' = \left(b \, s^{d/(d-2)}\right)^{-2i/d} = \theta_i \, s^{-2i/(d-2)} .
#
# We compare the angles of both pairs at position 14, and the angle between neighbours,
# positions 13 and 14, in the fast pair.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

pair, d, s = torch.arange(2), 4, 2
trained = 10_000.0 ** (-2 * pair / d)
changed = {"trained": trained, "interpolation": trained / s}
changed["larger base"] = trained * s ** (-2 * pair / (d - 2))
print("method         fast   slow  fast, from 13 to 14")
for name, theta in changed.items():
    print(f"{name:13}  {14 * theta[0]:5.2f}  {14 * theta[1]:.2f}  {theta[0]:.2f}")

# %%
# Both methods bring the slow pair back to 0.07. But interpolation slows the fast pair,
# too: neighbours are 0.50 apart instead of 1.00, a difference that the model never saw.
# A larger base leaves the fast pair unchanged.
#
# Which angles has SmolLM2 seen?
# ------------------------------
# A pair completes :math:`r_i = L\,\theta_i / 2\pi` turns in a text of the training
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
# The fastest pair completes 1,304 turns in 8,192 positions, and every distance gives it
# an angle seen in training. But 12 of 32 pairs never complete a turn; the slowest
# covers 0.02 of one.
#
# The gap test
# ------------
# A text of over 8,192 tokens is expensive to process, but there is a shortcut: split a
# short text into two halves, and add a *gap* to the positions of the second. Then only
# the distances between the halves are new; those within a half stay the same. Our
# passages are from Python's manual, and each half contains 12 tokens. We measure the
# surprisal of the second half (in nats, :doc:`/book/terms`), and the attention that it
# gives to the first, on average over all layers and heads.
from lmviz.texts import python_manual

topics = python_manual()
n = 12  # tokens in a half
starts = [" ".join(topics[name].split())[:500] for name in sorted(topics)]
encoded = [lm.encode(text)[20 : 20 + 2 * n] for text in starts]
ids = torch.stack([passage for passage in encoded if len(passage) == 2 * n][::6])
first, second = torch.arange(2 * n) < n, torch.arange(2 * n) >= n
rotary = lm.module.model.rotary_emb  # computes the angles of all layers


@torch.no_grad()
def gap_test(theta, gap, scale=1.0, alone=False):
    """Return the surprisal of each second half, and its attention to the first."""
    rotary.inv_freq, rotary.attention_scaling = theta.float(), scale
    position = torch.arange(2 * n) + gap * second
    hidden = torch.ones(2 * n, 2 * n).triu(1) > 0  # the causal mask
    if alone:
        hidden |= second[:, None] & first
    mask = hidden * torch.finfo().min  # is added to the scores
    options = {"output_attentions": True, "logits_to_keep": n}  # of the second half
    run = lm.module(ids, mask[None, None], position[None], **options)
    log_probs = run.logits[:, :-1].log_softmax(-1)
    surprisal = -log_probs.gather(-1, ids[:, n + 1 :, None]).mean((1, 2))
    attention = torch.stack(run.attentions)[..., n:, :n].sum(-1).mean()
    return surprisal, float(attention)


# %%
# The function gives the model's rotary module other frequencies and, for YaRN below, a
# factor. It runs all passages with the new positions, and reads the log-probability of
# each token of the second half. The control is the second half *alone*, where the mask
# hides the first half. The *gain* is what the first half is worth: how far the
# surprisal falls below the control's. Each mean is printed with its standard error over
# passages.
def mean(values):
    return f"{values.mean():.2f} ± {values.std() / len(values) ** 0.5:.2f}"


alone, _ = gap_test(theta, 0, alone=True)
print(f"{len(ids)} passages; surprisal of the second half alone: {mean(alone)}")
frozen = theta * (turns >= 1)
tests = {"none": (theta, 0), "6,000": (theta, 6000), "16,000": (theta, 16000)}
tests["16,000, 12 pairs frozen"] = frozen, 16000
as_is = {}
print(f"{'gap':23}  surprisal  gain          attention")
for name, (frequencies, gap) in tests.items():
    as_is[name], attention = gap_test(frequencies, gap)
    cells = f"{as_is[name].mean():<9.2f}", f"{mean(alone - as_is[name]):12}"
    print(f"{name:23}", *cells, f"{attention:.2f}", sep="  ")

# %%
# Without a gap, the first half is worth 1.79 nats per token. With a gap of 6,000 it
# neither helps nor harms, within the error. All angles are known at this gap, but
# SmolLM2 attends less to tokens so far back (0.36 instead of 0.70).
#
# A gap of 16,000 breaks the model. The gain is −1.26: the surprisal is far higher than
# with no first half at all. The far tokens get 0.78 of the attention, so the model
# doesn't ignore them; it misreads them. Which angles are to blame? In the last row, the
# 12 pairs that never complete a turn are *frozen*: their frequency is 0, so only the
# other pairs see the gap. The first half then helps again, by 1.18 nats. So the new
# angles of the slow pairs break the model.
#
# Slow only the slow pairs: YaRN and Llama 3
# ------------------------------------------
# Frozen pairs encode no distance, so they are no solution for long texts. **YaRN**
# (Peng et al., 2024) mixes the trained and the interpolated frequency of each pair,
#
# .. math:: \theta_i' = \gamma_i\, \theta_i + (1 - \gamma_i)\, \frac{\theta_i}{s} .
#
# The weight :math:`\gamma_i` is 1 for pairs with at least 32 turns in training, and 0
# for those with less than one. Between them it falls linearly with :math:`r_i` in the
# paper, and with :math:`i` in the published code. YaRN also multiplies rotated queries
# and keys by :math:`0.1 \ln s + 1`. Scores grow by the square of this factor, so the
# weights don't spread over the larger number of keys. The published code of Llama 3.1
# has a rule of the same form, with 4 turns in place of 32, linear in :math:`r_i`, and
# without that factor. We take :math:`s = 4`. In ``transformers``, the configuration
# names the method.
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
# The package offers four methods. "linear" (interpolation), "yarn" and "llama3" take
# their names from ``transformers``; "ntk" is the larger base. (``transformers`` also
# offers "dynamic", which raises the base as the text grows, and "longrope", which
# searches for a factor for each pair: Ding et al., 2024.) Here are the gains with each
# method.
options = {"factor": s, "trained_length": length, "base": base}
scaled = {
    method: positions.scaled_frequencies(64, method, **options)
    for method in ("linear", "ntk", "yarn", "llama3")
}
assert torch.allclose(scaled["yarn"], yarn)
print("method  no gap        gap of 16,000")
print(f"as is   {mean(alone - as_is['none']):12}  {mean(alone - as_is['16,000'])}")
for name, frequencies in scaled.items():
    factor = scale if name == "yarn" else 1.0
    near, far = (gap_test(frequencies, gap, factor)[0] for gap in (0, 16000))
    print(f"{name:6}  {mean(alone - near):12}  {mean(alone - far)}")
rotary.inv_freq = theta.float()  # the model's own again

# %%
import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(6.08, 2.8), layout="constrained")
for name, style in zip(scaled, ("-", "--", "-.", ":"), strict=True):
    ax.plot(scaled[name] / theta, style, label=name)
ax.axvspan(int(high) - 0.5, 31.5, alpha=0.1)
ax.set(title="Scaled frequency / trained frequency", xlabel="pair", ylabel="ratio")
ax.legend()
plots.caption(
    "YaRN and Llama 3 keep the fast pairs and slow only the others. Each frequency "
    "divided by the trained one, factor 4; the shaded pairs make no full turn.",
    alt="Four lines down to 0.25 at the last pair. Linear stays there throughout, ntk "
    "falls from 1 at once, yarn from pair 10, and llama3 from pair 16.",
)
plt.show()

# %%
# Even without a gap, interpolation loses most of the gain (0.68 is left of 1.79), since
# it moves neighbours to angles that the model never saw. The other methods keep it.
# With a gap of 16,000, the gain of YaRN and of Llama 3's rule is zero within the error:
# the far half no longer does harm, but no good either. With a larger base, the gain is
# −0.56, two standard errors below zero.
#
# No model was trained further here. Chen et al. and Peng et al. do so after scaling.
# Many current models raise the base *and* continue training on longer texts (Xiong et
# al., 2023): Code Llama uses the base :math:`10^6`, and Llama 3 uses :math:`500{,}000`.
#
# The schemes of this chapter
# ---------------------------
# A model without positions (**NoPE**) has no angles to run out of. Small ones
# generalised best to longer inputs in synthetic tasks (Kazemnejad et al., 2023), but
# beyond some length they fail, too, as their attention spreads (Wang et al., 2024). In
# :doc:`lesson 3.5 </lessons/03_positions/05_relative_position_biases>`, ALiBi had a
# lower loss than NoPE at every length. Now the table of criteria is complete. A bias
# encodes distances, not positions: T5's is unique only for near keys, and ALiBi's
# penalty isn't bounded.
print("""\
scheme      unique     bounded  same step  longer texts   cheap
mask alone  inferred   yes      no         partly         yes
sinusoidal  yes        yes      yes        defined        yes
learned     yes        yes      partly     no             T x d
T5 bias     near keys  yes      yes        partly         yes
ALiBi       yes        no       yes        without harm   yes
rotary      yes        yes      yes        after scaling  yes""")

# %%
# Summary
# -------
# - Of SmolLM2's 32 pairs, 12 never complete a turn in 8,192 positions. Their new angles
#   break the model: with a first half 16,000 positions back, the gain is −1.26 nats.
# - Interpolation slows all pairs equally, a larger base slows the slow ones more, and
#   YaRN and Llama 3 slow only these. With the last two, the distant half no longer does
#   harm, within the error.
# - No scheme in this chapter meets all five criteria unconditionally.
#
# Exercises
# ---------
# With Llama 3's rule and a factor of 2, how does the attention to the first half change
# after a gap of 6,000, which lies *within* the training length? Predict, then run
# ``gap_test``.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It rises by more than a quarter. For the slow pairs the gap is now half as wide, so
#    the distant half gets more attention: scaling changes what counts as near.
#
# Further reading
# ---------------
# Chen et al., *Extending Context Window of Large Language Models via Positional
# Interpolation* (2023). bloc97, “NTK-Aware Scaled RoPE” (Reddit, 2023), described in
# Peng et al., *YaRN: Efficient Context Window Extension of Large Language Models* (ICLR
# 2024), section 3.1. Meta, ``apply_scaling`` in the code of Llama 3.1 (2024).
# Grattafiori et al., *The Llama 3 Herd of Models* (2024), on its base and training.
# Xiong et al., *Effective Long-Context Scaling of Foundation Models* (2023). Ding et
# al., *LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens* (ICML 2024).
# Kazemnejad et al., *The Impact of Positional Encoding on Length Generalization in
# Transformers* (NeurIPS 2023). Wang et al., *Length Generalization of Causal
# Transformers without Position Encoding* (Findings of ACL 2024).
