r"""
Relative position biases: Shaw, T5 and ALiBi
============================================

Position embeddings change the token vectors, and attention has to work out distances
from them. Can the distance enter the attention score directly? Afterwards you can
compute the biases of T5 and ALiBi, and you have measured what ALiBi was made for: texts
longer than those in training.
"""

# %%
# A number for each distance
# --------------------------
# In attention, the query :math:`q_i` at position :math:`i` has a score with each key
# :math:`k_j`, and a softmax turns the scores into weights
# (:doc:`/lessons/03_positions/10_why_positions`; in full
# :doc:`/lessons/04_attention/10_weighted_average`). A **relative position bias** adds
# to the score a number that depends only on the distance :math:`i - j`:
#
# .. math:: s_{ij} = \frac{q_i \cdot k_j}{\sqrt{d}} + b(i - j), \qquad
#    \alpha_{ij} = \frac{\exp(s_{ij})}{\sum_{l \le i} \exp(s_{il})} .
#
# Token vectors stay as they are; :math:`d` is the width of a query. Take the third of
# three tokens whose keys all match equally well (score 0), and half the distance as a
# penalty.
import torch

distance = torch.tensor([2.0, 1.0, 0.0])  # of the keys from the third token
score = torch.zeros(3) - distance / 2
power = torch.exp(score)
weight = power / power.sum()
print("distance  score  exp(score)  weight")
for row in torch.stack([distance, score, power, weight], dim=1).tolist():
    print("{:<8.0f}  {:<5.1f}  {:<10.4f}  {:.4f}".format(*row))

# %%
# Without the bias, each key would get a third; with it, they get 0.1863, 0.3072 and
# 0.5065. Each key has :math:`e^{1/2}` times the weight of the one before it.
#
# The methods differ in where :math:`b` comes from. Shaw et al. (2018), who introduced
# relative positions, learn a vector :math:`a` for each and add it to the key, so the
# bias depends on the query, too:
#
# .. math:: s_{ij} = \frac{q_i \cdot (k_j + a_{j-i})}{\sqrt{d}}
#    = \frac{q_i \cdot k_j}{\sqrt{d}} + \frac{q_i \cdot a_{j-i}}{\sqrt{d}} .
#
# T5: one number for each bucket of distances
# -------------------------------------------
# T5 (Raffel et al., 2020) learns a single number :math:`b_h(i - j)` for each head
# :math:`h`. Short distances have a number each; longer ones share it in *buckets* whose
# limits grow geometrically. With :math:`n` buckets, a distance :math:`r \ge n/2` is in
# bucket
#
# .. math:: \min\left(n - 1,\ \frac n2 + \left\lfloor \frac n2 \,
#    \frac{\ln(r / \frac n2)}{\ln(r_{\max} / \frac n2)} \right\rfloor \right) .
import math

from transformers.models.t5.modeling_t5 import T5Attention

from lmviz import positions


def bucket(r, n=32, r_max=128):
    """Return the bucket of a key that is r positions back, as in T5's decoder."""
    single = n // 2
    if r < single:
        return r
    share = math.log(r / single) / math.log(r_max / single)
    return min(n - 1, single + math.floor(share * single))


for r in (1, 15, 16, 17, 20, 40, 98, 99, 112, 113, 200, 300):
    print(f"distance {r:3d}  bucket {bucket(r)}")
ours = torch.tensor([bucket(r) for r in range(400)])
assert torch.equal(ours, positions.t5_buckets(400, bidirectional=False)[-1].flip(0))
theirs = T5Attention._relative_position_bucket(-torch.arange(400), bidirectional=False)
difference = float((ours - theirs).abs().max())
print(f"largest absolute difference from transformers' buckets: {difference:.1e}")

# %%
# Each distance below 16 has its own bucket; those from 99 to 112 share one. T5 learns
# 32 numbers for each head, which all its layers share (in ``transformers``:
# ``relative_attention_bias`` of the first layer).
#
# Can T5's bias tell a key 200 positions back from one 300 back?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No: both are in the last bucket, 31, and get the same bias. A longer text has no
#    untrained bucket, but all of its far keys are equally far.
#
# ALiBi: a linear penalty
# -----------------------
# **ALiBi** ("attention with linear biases", Press et al., 2022) learns nothing. Head
# :math:`h` of :math:`H` subtracts a *penalty* proportional to the distance, with a
# fixed **slope** :math:`m_h`:
#
# .. math:: b_h(i - j) = -m_h \, (i - j), \qquad m_h = 2^{-8h/H}, \quad 1 \le h \le H .
#
# The example at the top was a head of slope 1/2. For eight heads and 100 tokens:
slopes = 2.0 ** (-8 / 8 * torch.arange(1, 9))
position = torch.arange(100)
bias = -slopes[:, None, None] * (position[:, None] - position)  # (H, T_q, T_k)
print("slopes:", [f"1/{1 / slope:.0f}" for slope in slopes.tolist()])
assert torch.equal(positions.alibi(positions.alibi_slopes(8), 100), bias)
weights = bias[:, -1].softmax(-1)  # of the last query, with equal scores
for head in (0, 7):
    print(f"head {head}: the nearest ten keys get {weights[head, -10:].sum():.2f}")
print(f"equal weights:  they get {10 / 100:.2f}")

# %%
# The steepest head gives the nearest ten keys 0.99 of its weight. The flattest gives
# them 0.12, little more than the 0.10 of equal weights. A weight falls by the factor
# :math:`e` every :math:`1/m_h` positions, as long as the scores are equal; a far key
# that matches well can outweigh the penalty.
#
# The code of BLOOM, a large model with ALiBi, adds :math:`m_h j` instead, the slope
# times the position of the key. That is :math:`m_h i` more than our bias, a constant
# within row :math:`i`, so the softmax is the same. A small BLOOM with random weights
# confirms it.
from transformers import BloomConfig, BloomForCausalLM

import lmviz
from lmviz import transformer

sizes = {"vocab_size": 50, "hidden_size": 32, "n_layer": 1, "n_head": 4}
config = BloomConfig(**sizes, initializer_range=0.3, attn_implementation="eager")
module = BloomForCausalLM(config).eval().requires_grad_(False)
bloom = lmviz.LanguageModel.from_module(module, name="bloom")
trace = bloom.trace(torch.arange(12))
part = transformer.extract(bloom).blocks[0].attention
ours = transformer.heads(part, trace.hidden_states[0])  # with the distance
difference = float((ours.weights - trace.attentions[0]).abs().max())
print(f"largest absolute difference from BLOOM's attention: {difference:.1e}")
assert difference < 1e-4

# %%
# Train short, test long
# ----------------------
# ALiBi is for **extrapolation**: reading texts longer than those in training. We train
# four models of one layer to predict the next byte of Python's manual in texts of 32
# bytes. Then we measure their loss on the last 16 bytes of test texts, with 32, 64 and
# 128 bytes of context. Only the context grows: the bytes to predict stay the same. The
# control is a model without positions.
from pydoc_data.topics import topics
from torch import nn


class OneLayer(nn.Module):
    def __init__(self, kind, d=64):
        super().__init__()
        self.kind = kind
        self.embed, self.table = nn.Embedding(128, d), nn.Embedding(128, d)
        options = {"dropout": 0, "batch_first": True, "norm_first": True}
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, **options)  # four heads
        self.logits = nn.Linear(d, 128)

    def forward(self, ids):
        batch, n = ids.shape
        x, bias = self.embed(ids), torch.zeros(4, n, n)
        if self.kind == "learned":
            x = x + self.table.weight[:n]
        if self.kind == "sinusoidal":
            x = x + positions.sinusoidal(n, x.shape[-1])
        if self.kind == "ALiBi":
            bias = positions.alibi(positions.alibi_slopes(4), n)
        bias = bias.masked_fill(torch.ones(n, n).triu(1) > 0, -torch.inf)
        return self.logits(self.block(x, bias.repeat(batch, 1, 1)))

    def loss(self, ids, last):
        logits = self(ids[:, :-1])[:, -last:].transpose(1, 2)
        return nn.functional.cross_entropy(logits, ids[:, -last:])


data = torch.tensor(list("\n".join(topics.values()).encode("ascii", "ignore")))
n_train = len(data) * 9 // 10
ends = torch.arange(n_train + 129, len(data), 150)[:200, None]
results = {}
for kind in ("none", "learned", "sinusoidal", "ALiBi"):
    torch.manual_seed(0)
    model = OneLayer(kind)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for starts in torch.randint(n_train - 33, (300, 16, 1)):
        optimizer.zero_grad()
        model.loss(data[starts + torch.arange(33)], last=32).backward()
        optimizer.step()
    with torch.no_grad():
        texts = [data[ends + torch.arange(-n, 1)] for n in (32, 64, 128)]
        results[kind] = [float(model.loss(text, last=16)) for text in texts]
print("context     of 32  of 64  of 128")
for kind, losses in results.items():
    print(f"{kind:10}", *(f"{value:.1f}  " for value in losses), sep="  ")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 3.0), layout="constrained")
for (kind, losses), marker in zip(results.items(), "oxs^", strict=True):
    ax.plot([32, 64, 128], losses, marker=marker, label=kind)
ax.set(title="Trained on 32 bytes", xlabel="context (bytes)", ylabel="nats per byte")
ax.set(xticks=[32, 64, 128], xlim=(28, 165))
ax.legend(loc="center right")
plots.caption(
    "ALiBi reads texts four times as long as in training. At 128 bytes of context, its "
    f"loss is {results['ALiBi'][2]:.1f}, that of learned positions "
    f"{results['learned'][2]:.1f}.",
    alt="The lines of ALiBi and of no positions are nearly level; those of learned and "
    "sinusoidal positions rise by more than half a nat.",
)
plt.show()

# %%
# One decimal is printed, since small training runs differ between machines. At the
# trained length, all three schemes are better than none (2.2). At twice the length,
# learned positions reach untrained rows of their table, and sinusoidal ones vectors
# that did not occur in training; both losses jump from 2.0 to 2.7. ALiBi stays at 2.1
# even at four times the length. Its loss doesn't fall either: distant bytes get little
# weight, so more context does no harm and no good. Press et al. report the same shape
# for large models.
#
# Summary
# -------
# - A relative position bias adds a number :math:`b(i - j)` to each score.
# - Shaw learns a vector for each clipped relative position, T5 a number for each of 32
#   buckets, ALiBi nothing: head :math:`h` has the slope :math:`2^{-8h/H}`.
# - A tiny model with ALiBi, trained on 32 bytes, keeps its loss at 128 (2.1); with
#   learned positions the loss rises from 2.0 to 2.8.
#
# Exercises
# ---------
# Let sinusoidal positions start at a random offset in training:
# ``positions.sinusoidal(128, 64)[o : o + n]`` with a random ``o``, and ``o = 0`` in the
# test. Do they extrapolate then?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Yes, the loss no longer rises, since all rows occur in training. But at the trained
#    length it is no better than without positions: so short a training makes no use of
#    positions that shift.
#
# Further reading
# ---------------
# Shaw, Uszkoreit and Vaswani, *Self-Attention with Relative Position Representations*
# (NAACL 2018). Raffel et al., *Exploring the Limits of Transfer Learning with a Unified
# Text-to-Text Transformer* (JMLR 2020). Press, Smith and Lewis, *Train Short, Test
# Long: Attention with Linear Biases Enables Input Length Extrapolation* (ICLR 2022).
