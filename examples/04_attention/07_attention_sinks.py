"""
Attention sinks: why heads attend to the first token
====================================================

In many heads of a trained model, nearly every query attends to the first token of the
text, whatever that token is. Is this token important? After this lesson you can measure
what a sink contributes, and explain why a model fails when it is removed.
"""

# %%
# Softmax cannot abstain
# ----------------------
# A head turns the scores :math:`s_{ij}` of query :math:`i` into weights with a softmax:
#
# .. math::
#    \alpha_{ij} = \frac{\exp(s_{ij})}{\sum_{j' \le i} \exp(s_{ij'})},
#    \qquad \sum_{j \le i} \alpha_{ij} = 1 .
#
# So a head that searches for, say, the previous verb cannot
# report that there is none. Compare three queries with three keys. The keys match the
# first query badly, the second a little, and one key matches the third well. For the
# second column we add a fourth key with the score 0 for every query, and the value 0.
import torch

scores = torch.tensor([[-9.0, -9.0, -9.0], [0.0, 0.0, 0.0], [-9.0, -9.0, 5.0]])
value = torch.tensor([[6.0], [3.0], [9.0]])
with_sink = torch.cat([torch.zeros(3, 1), scores], dim=1).softmax(-1)
with_zero = scores.exp() / (1 + scores.exp().sum(-1, keepdim=True))
outputs = with_sink @ torch.cat([torch.zeros(1, 1), value])
print("softmax               with a fourth key first       output")
for *parts, output in zip(scores.softmax(-1), with_sink, outputs, strict=True):
    cells = (" ".join(f"{weight:.4f}" for weight in part) for part in parts)
    print(*cells, f"{output.item():.4f}", sep="  ")
difference = float((outputs - with_zero @ value).abs().max())
print(f"extra 1 in the denominator, largest absolute difference: {difference:.1e}")

# %%
# A softmax gives the first two queries the same weights, one third each: only
# differences of scores count, so it cannot tell “nothing matches” from “everything
# matches a little”. The head adds the mean of unrelated values to the residual stream.
# With the fourth key, the first query gives it 0.9996, and its output is nearly zero.
# The third query, which has found its key, gives the fourth only 0.0067.
#
# A key that gets a high score from every query and has a value that adds little is an
# **attention sink** (Xiao et al., 2024). Training makes the first token a sink: the
# causal mask lets every query attend to it, so it is the only key that is always there.
#  A model could also have a sink built in: without a fourth key, but with an extra 1 in
# the denominator of the softmax, the outputs are the same (last line), since
# :math:`e^0 = 1`. Then the weights of the three keys need not sum to one.
#
# How much attention does the first token get?
# --------------------------------------------
# We take six passages of 64 tokens from the middle of Python's manual, so that their
# first tokens are arbitrary. For each head we average the weight on one key over the
# queries from position 8 to the end. The baselines are the second token and a head that
# attends evenly. (The book runs SmolLM2 without a BOS token.)
from pydoc_data.topics import topics

import lmviz

lm = lmviz.load("smollm2")
names = ["assert", "for", "while", "lambda", "import", "with"]
texts = [lm.encode(" ".join(topics[name].split()))[20:] for name in names]
passages = torch.stack([ids[:64] for ids in texts])
traces = [lm.trace(ids) for ids in passages]
weights = torch.stack([trace.attentions for trace in traces])  # (texts, L, H, T_q, T_k)
on_first, on_second = (weights[..., 8:, j].mean((0, 3)) for j in (0, 1))  # (L, H)
evenly = torch.tensor([1 / (i + 1) for i in range(8, 64)]).mean()
print("first tokens:", [trace.tokens[0] for trace in traces])
print(f"even weights: {evenly:.2f}")
for name, weight in (("first", on_first), ("second", on_second)):
    above = f"above 0.5 in {(weight > 0.5).sum()} of {weight.numel()} heads"
    print(f"{name} token: {weight.mean():.2f} on average, {above}")
sinks = on_first > 0.5
print("no head has one in layers", (sinks.sum(1) == 0).nonzero().flatten().tolist())

# %%
# The first token gets 0.47 of all attention, against 0.04 from even heads, and the
# second token 0.01. In 140 of the 270 heads, which we call sink heads, it gets more
# than half. The passages start with six different tokens, so the word cannot be the
# reason. :doc:`Lesson 4.5 </lessons/04_attention/05_all_heads>` shows where these heads
# are. Layers 0, 1, 2, 10, 11 and 16 have none. In all of them but 16, the first token
# has no massive activation (:doc:`lesson 2.7
# </lessons/02_embeddings/07_residual_stream>`): MLP 2 writes one, MLP 9 removes it, and
# MLP 11 writes a larger one.
#
# What a sink contributes
# -----------------------
# A weight is not yet a contribution. Through one head, key
# :math:`j` adds the vector :math:`\alpha_{ij}\, v_j W_O` to the residual stream of
# position :math:`i`, where :math:`W_O` are the head's rows of the output matrix.
# Kobayashi et al. (2020) therefore measure its length, :math:`\lVert \alpha_{ij}\, v_j
# W_O \rVert`. We compute the share of the first token in the sum of these lengths. As a
# check, the vectors must sum to what the package says a head adds.
from lmviz import transformer

model = transformer.extract(lm)


def contributions(trace):
    """Return the share of the first key, and its relative length, (2, L, H)."""
    results = []
    for block, x in zip(model.blocks, trace.hidden_states, strict=False):
        part = block.attention
        heads = transformer.heads(part, x)
        w_output = part.output.weight.unflatten(0, (part.n_heads, -1))
        vectors = heads.value @ w_output  # v_j W_O, (H, T_k, d)
        length = vectors.norm(dim=-1)
        added = heads.weights * length[:, None]  # (H, T_q, T_k)
        share = (added[:, 8:, 0] / added[:, 8:].sum(-1)).mean(-1)
        results.append(torch.stack([share, length[:, 0] / length[:, 1:].mean(-1)]))
    theirs = transformer.head_contributions(part, x)
    error = float((heads.weights @ vectors - theirs).abs().max())
    return torch.stack(results, 1), error


found, errors = zip(*map(contributions, traces), strict=True)
share, ratio = torch.stack(found).mean(0)
print(f"{int(sinks.sum())} sink heads: the first token has")
print(f"  {on_first[sinks].mean():.0%} of the weight")
print(f"  {share[sinks].mean():.0%} of the contribution")
print(f"  a value {ratio[sinks].median():.2f} times as long as the others' (median)")
print(f"largest absolute difference from the package's: {max(errors):.1e}")
assert max(errors) < 1e-4

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.4), layout="constrained")
ax.plot([0, 1], [0, 1], "--", color="0.5", lw=1)
x, y = on_first.flatten(), share.flatten()
ax.plot(x, y, "o", ms=3, alpha=0.6, color=plots.PALETTE[0])
ax.set(title="Weight and contribution of the first token", aspect="equal")
ax.set(xlabel="share of the weight", ylabel="share of the contribution")
plots.caption(
    "The first token contributes less than its weight suggests. One point for each "
    "head; on the dashed line both shares would be equal.",
    alt="A scatter plot of 270 points from 0 to 1 on both axes. Nearly all points lie "
    "below the diagonal, and the cloud rises steeply at its right end.",
)
plt.show()

# %%
# In a sink head the first token has 66% of the weight and 40% of the contribution,
# because its projected value is only 0.18 times as long as the others. So these heads
# mostly add little. But 40% is not zero: the first token's vector is nearly the same in
# every text (lesson 2.7), and what it adds is a constant, which later layers may rely
# on.
#
# Remove the sink
# ---------------
# If the first token were only a dump, the model would not miss it. We hide it from all
# queries in the second half, starting at position 32, in all heads, and measure the
# mean surprisal there. The earlier positions are computed with the first token visible,
# as if a sliding window had just moved past it. The controls hide the second token, or
# 24 other tokens.


def surprisal(ids, visible):
    """Return the surprisal of tokens 1, 2, … of texts (B, T), under a mask (T, T)."""
    mask = torch.zeros(visible.shape).masked_fill(~visible, torch.finfo().min)
    with torch.no_grad():
        logits = lm.module(ids, attention_mask=mask[None, None]).logits
    return -logits[:, :-1].log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]


def hide(keys, since):
    """Return a causal mask in which queries from a position on don't see some keys."""
    visible = torch.ones(64, 64, dtype=torch.bool).tril()
    visible[since:, keys] = False
    return visible


chosen = {"nothing": [], "the first": [0], "the second": [1]}
chosen["24 others"] = list(range(1, 25))
losses = {name: surprisal(passages, hide(keys, 32)) for name, keys in chosen.items()}
means = {name: loss[:, 32:].mean().item() for name, loss in losses.items()}
print("hidden      surprisal  change  change in each of the six passages")
for name, loss in losses.items():
    each = (loss - losses["nothing"])[:, 32:].mean(1).tolist()
    each = " ".join(f"{round(change, 1) + 0.0:.1f}" for change in each)
    change = round(means[name] - means["nothing"], 2) + 0.0
    print(f"{name:10}  {means[name]:.2f}       {change:.2f}    {each}")
early = surprisal(passages, hide([0], 1))[:, 1:].mean()
plain = losses["nothing"][:, 1:].mean()
print(f"all tokens: {plain:.2f} with the first token,", end=" ")
print(f"{early:.2f} if it is hidden from the start")

# %%
# Hiding the second token changes nothing. Hiding 24 ordinary tokens raises the
# surprisal by 0.80 nats, from 2.70 to 3.50, since they carry information. Hiding the
# first token alone raises it by 2.17 nats, to 4.87, although one word carries little.
# The spread is wide, from 0.3 to 4.5 nats, and in one passage the 24 others matter
# more; but in each of the six passages the first token is needed. Mechanically it is
# important, whatever its word.
#
# What if the first token is hidden from the start, from all queries but its own?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The surprisal of all tokens rises only from 3.48 to 3.56 nats. The second token now
#    attends only to itself, as the first one did, and can become the sink. The sink is
#    a role, not a word. What breaks the model is to remove a sink on which the keys and
#    values of other tokens were built.
#
# Sliding windows
# ---------------
# To generate very long texts, one would like to keep only the last :math:`W` keys and
# values (:doc:`lesson 5.4 </lessons/05_prediction/04_kv_cache>`). Query :math:`i` then
# attends to the keys :math:`i - W + 1` to :math:`i`. The sink leaves such a window.
# Xiao et al. keep the first tokens in addition, which they call StreamingLLM. We test
# this with a window of 24 keys on three texts of 96 tokens. The control keeps four
# tokens that are not at the beginning.
T, W = 96, 24
longer = torch.stack([ids[:T] for ids in texts if len(ids) >= 128][:3])
i, j = torch.arange(T)[:, None], torch.arange(T)
causal, window = j <= i, (j <= i) & (j > i - W)
kept = {
    "all keys": causal,
    "window": window,
    "window + first": window | (causal & (j < 1)),
    "window + first 4": window | (causal & (j < 4)),
    "window + 4 others": window | (causal & (j >= 4) & (j < 8)),
}
lines = {name: surprisal(longer, visible).mean(0) for name, visible in kept.items()}
lines = {
    name: line[W - 1 :].unflatten(0, (-1, 12)).mean(1) for name, line in lines.items()
}
print("keys that are kept  mean  positions 24-35  84-95")
for name, line in lines.items():
    print(f"{name:18}  {line.mean():.2f}  {line[0]:.2f}             {line[-1]:.2f}")

# %%
_, ax = plt.subplots(figsize=(6.08, 3.0), layout="constrained")
for n, (name, line) in enumerate(lines.items()):
    style = {"color": "0.5", "ls": ":"} if n == 0 else {"color": plots.PALETTE[n - 1]}
    ax.plot(range(30, 96, 12), line, marker="o", ms=3, label=name, **style)
ax.set(title="Surprisal with a sliding window", xlabel="position")
ax.set_ylabel("surprisal (nats)")
ax.legend(ncols=3, loc="upper right")
ax.set_ylim(0, 9)
plots.caption(
    "Keeping the first token prevents the failure of the sliding window. Mean "
    "surprisal of 12 tokens at a time in three texts, with a window of 24 keys.",
    alt="Five curves over the position. Those of the window alone and of the window "
    "with four other tokens are at 4 to 7 nats, the other three at 2 to 4.",
)
plt.show()

# %%
# With the window alone, the surprisal is 5.43 nats, more than twice the 2.59 nats of
# full attention. With the first token kept, it is 3.05; the remaining difference is the
# cost of a short context. Xiao et al. recommend four initial tokens, but for SmolLM2
# the first alone has nearly the whole effect (four: 2.99). Four other tokens do not
# help (5.66): the number of keys is not what counts. And no new sink arises, probably
# because no token in a moving window attends only to itself. (StreamingLLM also
# renumbers the cached positions, which short texts do not need.)
#
# Summary
# -------
# - Softmax weights sum to one, so a head that finds nothing needs a key to attend to.
#   In SmolLM2, 140 of 270 heads give the first token more than half of their weight.
# - In these heads it has 66% of the weight, but 40% of the contribution.
# - Hiding it from later queries raises the surprisal by 2.17 nats, more than hiding 24
#   other tokens. A window that keeps it does not fail.
#
# Exercises
# ---------
# What is the output of a query if the denominator has an extra 1 and all scores are
# equal to :math:`s`? Find the limits for large and small :math:`s`.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    With :math:`n` keys of mean value :math:`\bar v`, it is :math:`\bar v \, n e^s /
#    (1 + n e^s)`. It tends to :math:`\bar v` for large :math:`s`, as with a softmax,
#    and to 0 for small :math:`s`: the head can abstain.
#
# Further reading
# ---------------
# - Xiao, Tian, Chen, Han and Lewis, *Efficient Streaming Language Models with Attention
#   Sinks* (ICLR 2024).
# - Kobayashi, Kuribayashi, Yokoi and Inui, *Attention is Not Only a Weight* (EMNLP
#   2020).
# - Sun, Chen, Kolter and Liu, *Massive Activations in Large Language Models* (COLM
#   2024).
# - Gu et al., *When Attention Sink Emerges in Language Models* (ICLR 2025): models
#   trained with weights that need not sum to one have no sinks.
# - Barbero et al., *Why do LLMs attend to the first token?* (COLM 2025): sinks keep
#   deep models from mixing their tokens too much.
