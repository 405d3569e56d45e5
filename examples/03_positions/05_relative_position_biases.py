r"""
Relative position biases: Shaw, T5 and ALiBi
============================================

Position embeddings change the token vectors, and attention has to work out distances
from them. Can the distance enter the attention score directly? After this lesson you
can compute the biases of T5 and ALiBi, and measure how a model with ALiBi performs on
texts longer than those it was trained on.
"""

# %%
# A number for each distance
# --------------------------
# Attention computes a score of the query :math:`q_i` at position :math:`i` with each
# key :math:`k_j`, and a softmax turns the scores into weights (:doc:`lesson 3.1
# </lessons/03_positions/01_why_positions>`; in full :doc:`lesson 4.1
# </lessons/04_attention/01_self_attention>`). A **relative position bias** adds to
# the score a number that depends only on the distance :math:`i - j`:
#
# .. math:: s_{ij} = \frac{q_i \cdot k_j}{\sqrt{d}} + b(i - j), \qquad
#    \alpha_{ij} = \frac{\exp(s_{ij})}{\sum_{l \le i} \exp(s_{il})} .
#
# Token vectors stay as they are; :math:`d` is the width of a query. Take the third of
# three tokens as the query, let all keys match it equally well (score 0), and subtract
# half the distance as a penalty. The softmax divides each exponential by their sum.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

distance = torch.tensor([2.0, 1.0, 0.0])  # of the keys from the third token
score = torch.zeros(3) - distance / 2
power = torch.exp(score)
weight = power / power.sum()
print("distance  score  exp(score)  weight")
for row in torch.stack([distance, score, power, weight], dim=1).tolist():
    print("{:<8.0f}  {:<5.1f}  {:<10.4f}  {:.4f}".format(*row))

# %%
# Without the bias, each key would get a third of the weight; with it, the weights are
# 0.1863, 0.3072 and 0.5065. Each key's weight is :math:`e^{1/2}` times that of the key
# before it.
#
# Shaw et al. (2018) introduced relative positions in a more general form. They learn a
# vector :math:`a` for each relative position :math:`j - i` and add it to the key, so
# the bias depends on the query, too:
#
# .. math:: s_{ij} = \frac{q_i \cdot (k_j + a_{j-i})}{\sqrt{d}}
#    = \frac{q_i \cdot k_j}{\sqrt{d}} + \frac{q_i \cdot a_{j-i}}{\sqrt{d}} .
#
# Relative positions are *clipped*: all keys more than :math:`k` positions away share
# the vector for :math:`k`. A second set of vectors is added to the values.
# Transformer-XL (Dai et al., 2019) replaces the learned vectors by projected sinusoidal
# ones, which exist for any distance.
#
# T5: one number for each bucket of distances
# -------------------------------------------
# T5 (Raffel et al., 2020) learns only a number :math:`b_h(i - j)` for each head
# :math:`h`, and leaves out the division by :math:`\sqrt d`. Each short distance has its
# own number. Longer ones share numbers in *buckets*, whose limits grow geometrically up
# to the distance :math:`r_{\max}`; all larger distances are in the last bucket. With
# :math:`n` buckets, a distance :math:`r \ge n/2` is in bucket
#
# .. math:: \min\left(n - 1,\ \frac n2 + \left\lfloor \frac n2 \,
#    \frac{\ln(r / \frac n2)}{\ln(r_{\max} / \frac n2)} \right\rfloor \right) .
#
# In T5, there are 32 buckets, and :math:`r_{\max}` is 128. The formula is for its
# decoder, where no key comes after the query; in the encoder, 16 buckets serve each
# side.
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


for r in (1, 15, 16, 17, 20, 40, 98, 99, 112, 113):
    print(f"distance {r:3d}  bucket {bucket(r)}")
ours = torch.tensor([bucket(r) for r in range(400)])
assert torch.equal(ours, positions.t5_buckets(400, bidirectional=False)[-1].flip(0))
theirs = T5Attention._relative_position_bucket(-torch.arange(400), bidirectional=False)
difference = float((ours - theirs).abs().max())
print(f"largest absolute difference from transformers' buckets: {difference:.1e}")

# %%
# Each distance below 16 has its own bucket; those from 99 to 112 share bucket 30. All
# layers of a stack, encoder or decoder, share the numbers. In ``transformers``, they
# are ``relative_attention_bias`` of the first layer.
#
# Can T5's bias tell a key 200 positions back from one 300 back?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No. Both are in the last bucket. A longer text needs no untrained bucket, but its
#    far keys all seem equally far.
#
# ALiBi: a linear penalty
# -----------------------
# **ALiBi** ("attention with linear biases", Press et al., 2022) learns nothing. Head
# :math:`h` of :math:`H` subtracts a *penalty* proportional to the distance, with a
# fixed **slope** :math:`m_h`:
#
# .. math:: b_h(i - j) = -m_h \, (i - j), \qquad
#    m_h = 2^{-8(h+1)/H}, \quad 0 \le h < H ,
#
# if :math:`H` is a power of two (for other numbers, see
# :func:`lmviz.positions.alibi_slopes`). The example at the top was a head of slope 1/2.
# Now we compute the biases of eight heads for 100 tokens.
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
# them 0.12, little more than the 0.10 of equal weights. These are weights for equal
# scores; a far key that matches well can outweigh the penalty.
#
# BLOOM, a large model with ALiBi, adds :math:`m_h j` instead, the slope times the
# position of the key. That is our bias plus :math:`m_h i`, the same number for all keys
# of query :math:`i`, and a softmax ignores an added constant (:doc:`/book/terms`).
#
# Train short, test long
# ----------------------
# ALiBi is meant for **extrapolation**: reading texts longer than those in training. We
# train four one-layer models to predict the next byte of the Python manual in texts of
# 32 bytes. Then we measure their loss, the mean surprisal in nats (:doc:`/book/terms`),
# on test texts of 32, 64 and 128 bytes. Only the last 16 bytes are scored, so in the
# shortest texts their context is 17 to 32 bytes. The control is a model without
# positions.
from torch import nn

from lmviz.texts import python_manual

topics = python_manual()


class OneLayer(nn.Module):
    def __init__(self, kind, d=64):
        super().__init__()
        self.kind = kind
        self.embed, self.table = nn.Embedding(128, d), nn.Embedding(128, d)
        options = {"dropout": 0, "batch_first": True, "norm_first": True}
        self.block = nn.TransformerEncoderLayer(d, 4, 2 * d, **options)  # four heads
        self.logits = nn.Linear(d, 128)

    def bias(self, n):
        bias = torch.zeros(4, n, n)
        if self.kind == "ALiBi":
            bias = positions.alibi(positions.alibi_slopes(4), n)
        return bias.masked_fill(torch.ones(n, n).triu(1) > 0, -torch.inf)

    def forward(self, ids):
        batch, n = ids.shape
        x = self.embed(ids)
        if self.kind == "learned":
            x = x + self.table.weight[:n]
        if self.kind == "sinusoidal":
            x = x + positions.sinusoidal(n, x.shape[-1])
        return self.logits(self.block(x, self.bias(n).repeat(batch, 1, 1)))

    def loss(self, ids, last):
        logits = self(ids[:, :-1])[:, -last:].transpose(1, 2)
        return nn.functional.cross_entropy(logits, ids[:, -last:])


data = torch.tensor(list("\n".join(topics.values()).encode("ascii", "ignore")))
n_train = len(data) * 9 // 10
ends = torch.arange(n_train + 128 + 1, len(data), 150)[:200, None]
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
print("positions   32 bytes  64 bytes  128 bytes")
for kind, losses in results.items():
    print(f"{kind:10}", *(f"{value:<8.1f}" for value in losses), sep="  ")

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
# At the training length, all three schemes are better than the control (2.2). At twice
# that length, learned positions reach rows of their table that were never trained, and
# sinusoidal ones give vectors never seen in training; both losses jump from 2.0 to 2.7.
# ALiBi stays at 2.1 even at four times the length. (We print only one decimal, since
# small training runs differ between machines.)
#
# The control's loss hardly rises either (from 2.2 to 2.3): it has no positions that
# could be untrained. ALiBi shares this advantage, and it also knows the order of near
# bytes.
#
# ALiBi's loss doesn't fall with more context, though. Do distant bytes get no weight?
# Here are the weights of the last query in the texts of 128 bytes, head by head.
part, x = model.block.self_attn, model.block.norm1(model.embed(texts[2][:, :-1]))
mask = model.bias(128).repeat(len(x), 1, 1)
_, weights = part(x, x, x, attn_mask=mask, average_attn_weights=False)
far = weights[:, :, -1, :-32].sum(-1).mean(0).tolist()  # one number per head
print("slope  weight of the bytes 32 or more back")
for slope, weight in zip(positions.alibi_slopes(4), far, strict=True):
    print(f"1/{1 / slope:<4.0f} {weight:.1f}")
print(f"equal  {96 / 128:.1f}")

# %%
# Distant bytes do get weight. In the two heads with the smallest slopes, bytes beyond
# the training length get 0.5 and 0.7 of the weight, not much less than with equal
# weights (0.8). This small model just makes no use of them. Press et al. (2022,
# appendix B) also find that more context does no good if each prediction is made with
# the full context, as here. So ALiBi reads longer texts without harm; it doesn't follow
# that it gains from them.
#
# Summary
# -------
# - A relative position bias adds a number :math:`b(i - j)` to each score.
# - Shaw et al. learn a vector for each relative position up to a limit, and T5 a number
#   for each of 32 buckets. ALiBi learns nothing: the slope of head :math:`h` is
#   :math:`2^{-8(h+1)/H}`.
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
#    Yes: the loss at 64 bytes is 2.2, the same as at 32, instead of 2.7, since all rows
#    occur in training. But 2.2 is also the loss without positions: in such a short
#    training run, the model doesn't learn to use positions that shift.
#
# Further reading
# ---------------
# Shaw, Uszkoreit and Vaswani, *Self-Attention with Relative Position Representations*
# (NAACL 2018). Dai et al., *Transformer-XL: Attentive Language Models beyond a
# Fixed-Length Context* (ACL 2019). Raffel et al., *Exploring the Limits of Transfer
# Learning with a Unified Text-to-Text Transformer* (JMLR 2020). Press, Smith and Lewis,
# *Train Short, Test Long: Attention with Linear Biases Enables Input Length
# Extrapolation* (ICLR 2022).
