"""
Attention sinks: why heads attend to the first token
====================================================

In many heads of a trained model, nearly every query attends to the first token of the
text, whatever that token is. Is this token important? After this lesson you can measure
what a sink contributes, and explain why a model fails when it has none.
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
# So a head that searches for, say, the previous verb cannot report that there is none.
# Take three queries, and three keys with the values ``6, 3, 9``. All keys match the
# first query badly and the second a little; one key matches the third well. The
# right half of the table adds a fourth key, listed first, with the score 0 for every
# query and the value 0.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

scores = torch.tensor([[-9.0, -9.0, -9.0], [0.0, 0.0, 0.0], [-9.0, -9.0, 5.0]])
value = torch.tensor([[6.0], [3.0], [9.0]])
with_fourth = torch.cat([torch.zeros(3, 1), scores], dim=1)
outputs = with_fourth.softmax(-1) @ torch.cat([torch.zeros(1, 1), value])
with_one = scores.exp() / (1 + scores.exp().sum(-1, keepdim=True)) @ value
print("three keys            output  with a fourth key             output")
halves = (scores, scores.softmax(-1) @ value), (with_fourth, outputs)
for i in range(3):
    cells = [" ".join(f"{w:.4f}" for w in part[i].softmax(-1)) for part, _ in halves]
    print(f"{cells[0]}  {halves[0][1][i, 0]:.2f}    {cells[1]}  {outputs[i, 0]:.2f}")
difference = float((outputs - with_one).abs().max())
print(f"extra 1 in the denominator, largest absolute difference: {difference:.1e}")

# %%
# Without the fourth key, the first two queries have the same weights, one third each.
# Only differences between scores count, so a softmax cannot tell “nothing matches” from
# “everything matches a little”. Either way, the head adds 6.00, the mean of unrelated
# values, to the residual stream. With the fourth key, the first query gives it 0.9996,
# and the output is nearly zero. The second gives it a quarter, and the output falls to
# 4.50. The third, which has found its key, gives it only 0.0067.
#
# A key that gets much of the weight of most queries, whatever its token is, is an
# **attention sink** (Xiao et al., 2024). Ideally, its value adds little. Training makes
# the first token a sink: it is the only key that the causal mask leaves visible to all
# queries. A sink can also be built in. Miller (2023) proposes an extra 1 in the
# denominator of the softmax. Since :math:`e^0 = 1`, the outputs are those with the
# fourth key (last line), and the weights of the three keys need not sum to one.
#
# How much attention does the first token get?
# --------------------------------------------
# We take six passages of 64 tokens from Python's manual. They begin in the middle of a
# section, so their first tokens are arbitrary. For each head, we average the weight on
# one key over all queries starting at position 8. (The book adds no BOS token.)
import lmviz
from lmviz import transformer
from lmviz.texts import python_manual

topics = python_manual()
lm = lmviz.load("smollm2")
names = ["assert", "for", "while", "lambda", "import", "with"]
texts = [lm.encode(" ".join(topics[name].split()))[20:] for name in names]
passages = torch.stack([ids[:64] for ids in texts])
traces = [lm.trace(ids) for ids in passages]
weights = torch.stack([trace.attentions for trace in traces])  # (texts, L, H, T_q, T_k)
on_first, on_second = (weights[..., 8:, j].mean((0, 3)) for j in (0, 1))  # (L, H)
evenly = torch.tensor([1 / (i + 1) for i in range(8, 64)]).mean()
print("first tokens:", [trace.tokens[0] for trace in traces])
print(f"a head that attends evenly: {evenly:.2f}")
for name, weight in (("first", on_first), ("second", on_second)):
    above = f"above 0.5 in {(weight > 0.5).sum()} of {weight.numel()} heads"
    print(f"{name} token: {weight.mean():.2f} on average, {above}")
sinks = on_first > 0.5
print("no sink heads in layers", (sinks.sum(1) == 0).nonzero().flatten().tolist())

# %%
# The first token gets 0.47 of all attention, against 0.04 from a head that attends
# evenly; the second token gets 0.01. In 140 of the 270 heads, which we call sink heads,
# the first token gets more than half. (:doc:`Lesson 4.5
# </lessons/04_attention/05_all_heads>` includes earlier queries and finds a few more.)
# The passages start with six different tokens, so the word cannot be the reason. Layers
# 0, 1, 2, 10, 11 and 16 have no sink heads. In all of them but 16, the first token has
# no massive activation, an extremely large number in its vector (:doc:`lesson 2.7
# </lessons/02_embeddings/07_residual_stream>`). Why 16 has none is an open question.
#
# What a sink contributes
# -----------------------
# A large weight need not mean a large contribution. Through head :math:`h`, key
# :math:`j` adds the vector :math:`\alpha_{ij}\, v_j W_O^h` to the residual stream of
# position :math:`i`, where :math:`W_O^h` are the head's rows of the output matrix.
# Kobayashi et al. (2020) therefore measure its length. We compute the first token's
# share of the sum of these lengths, and check the vectors' sum against the package's.
model = transformer.extract(lm)


def contributions(trace):
    """Return the first key's share and relative length, (2, L, H), and an error."""
    results = []
    for block, x in zip(model.blocks, trace.hidden_states, strict=False):
        part = block.attention
        heads = transformer.heads(part, x)
        w_output = part.output.weight.unflatten(0, (part.n_heads, -1))
        vectors = heads.value @ w_output  # v_j W_O^h, (H, T_k, d)
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
# In the sink heads the first token has 66% of the weight but 40% of the contribution,
# because its projected value is only 0.18 times as long as the others. So these heads
# mostly add little. But 40% is not zero. The first token's vector is nearly the same in
# every text (lesson 2.7), so its contribution is too, and later layers may rely on it.
#
# Remove the sink
# ---------------
# The model needs a sink, but it need not be the first token. To show this, we hide keys
# from all queries starting at position 32, in all heads, and measure the mean surprisal
# of tokens 34 to 63. The earlier positions are computed with all tokens visible, as if
# a sliding window had just moved past some of them. The controls hide the second token,
# or 24 others. In “32 alone”, the first token is hidden, and position 32 attends only
# to itself, as the first token does. In the next two rows, position 32 is also hidden
# from later queries, or also attends to position 31. The column “sinks” counts the
# heads in which one key, the same in all passages, gets more than half of the weight of
# queries 40 to 63. “Length” is that of position 32's vector after 12 layers (state 12).


def run(ids, visible):
    """Return the surprisal of tokens 1, 2, …, the weights, and state 12."""
    mask = torch.zeros(visible.shape).masked_fill(~visible, torch.finfo().min)
    options = {"output_attentions": True, "output_hidden_states": True}
    with torch.no_grad():
        out = lm.module(ids, attention_mask=mask[None, None], **options)
    logs = out.logits[:, :-1].log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    return -logs, torch.stack(out.attentions, 1), out.hidden_states[12]


def hide(*keys, since=32, alone=()):
    """Return a causal mask that hides keys; alone: further keys that 32 can't see."""
    visible = torch.ones(64, 64, dtype=torch.bool).tril()
    visible[since:, keys] = False
    visible[32, alone] = False
    return visible


masks = {"nothing": hide(), "first": hide(0), "second": hide(1)}
masks |= {"24 others": hide(*range(1, 25)), "first, 32 alone": hide(0, alone=range(32))}
masks["same, 32 hidden"] = masks["first, 32 alone"].clone()
masks["same, 32 hidden"][33:, 32] = False
masks["first, 32 with 31"] = hide(0, alone=range(31))
masks["first, from start"] = hide(0, since=1)
results = {name: run(passages, visible) for name, visible in masks.items()}
print("surprisal of tokens 34 to 63; sinks for queries 40 to 63")
print("hidden             surprisal  change  sinks  length  change in each passage")
for name, (loss, seen, state) in results.items():
    changes = (loss - results["nothing"][0])[:, 33:].mean(1)
    each = " ".join(f"{change:z.1f}" for change in changes)
    count = (seen[..., 40:, :40].mean((0, 3)).amax(-1) > 0.5).sum()
    length = f"{float(f'{state[:, 32].norm(dim=-1).mean():.2g}'):,.0f}"
    cells = f"{changes.mean():<z6.2f}  {count:<5}  {length:6}  {each}"
    print(f"{name:17}  {loss[:, 33:].mean():.2f}       {cells}")
print(f"from start: the second token gets {seen[..., 8:, 1].mean():.2f} of the weight")

# %%
# Hiding the second token changes nothing. Hiding 24 ordinary tokens raises the
# surprisal by 0.83 nats, since they carry information. Hiding the first token alone
# raises it by 2.22 nats, from 2.67 to 4.90, although one word carries little. No head
# has a sink any more. The rise varies widely between passages, from 0.4 to 4.6 nats.
#
# If position 32 attends only to itself, the surprisal is 2.80, with the first token
# still hidden. Position 32 is now the sink of 115 heads; with nothing hidden, the first
# token was the sink of 112. So the old sink is dispensable, although other tokens' keys
# and values were computed with it. The new one has a massive activation, like the first
# token: the length of its vector rises from 140 to 24,000. If it is hidden, or attends
# to one other token, the model fails (4.96, 5.05). *It needs some sink.*
#
# Sliding windows
# ---------------
# In very long texts, we would like to keep only the last :math:`W` keys and values
# (:doc:`lesson 5.4 </lessons/05_prediction/04_kv_cache>`). Query :math:`i` then attends
# to the keys :math:`i - W + 1` to :math:`i`. The sink soon drops out of such a window.
# Xiao et al. therefore keep the first tokens, too (StreamingLLM). We test this with a
# window of 24 keys on three texts of 96 tokens. The control keeps four tokens that are
# not at the beginning.
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
lines = {name: run(longer, visible)[0].mean(0) for name, visible in kept.items()}
lines = {name: x[W - 1 :].unflatten(0, (-1, 12)).mean(1) for name, x in lines.items()}
print("keys that are kept  surprisal")
for name, line in lines.items():
    print(f"{name:18}  {line.mean():.2f}")

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
# help (5.66), so it is not the number of keys that counts. And no new sink arises: no
# token in a moving window attends only to itself.
#
# Summary
# -------
# - Softmax weights sum to one, so a head that finds nothing needs a key to attend to.
#   In SmolLM2, 140 of 270 heads give the first token more than half of their weight.
# - In these, the first token has 66% of the weight, but only 40% of the contribution.
# - Hiding it from later queries raises the surprisal by 2.22 nats, unless another token
#   becomes the sink. A sliding window that keeps the first token does not fail.
#
# Exercises
# ---------
# Why is the surprisal nearly unchanged in the row “first, from start”, where the first
# token is hidden from all queries but its own?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The second token now attends only to itself. It becomes the sink, with 0.47 of the
#    weight, and the surprisal is 2.69. The sink is a role, not a word.
#
# Further reading
# ---------------
# - Xiao, Tian, Chen, Han and Lewis, *Efficient Streaming Language Models with Attention
#   Sinks* (ICLR 2024).
# - Kobayashi, Kuribayashi, Yokoi and Inui, *Attention is Not Only a Weight* (EMNLP
#   2020).
# - Sun, Chen, Kolter and Liu, *Massive Activations in Large Language Models* (COLM
#   2024).
# - Miller, *Attention Is Off By One* (2023), on the extra 1 in the denominator.
# - Gu et al., *When Attention Sink Emerges in Language Models* (ICLR 2025): small
#   models trained with sigmoids, so that weights need not sum to one, have no sinks.
# - Barbero et al., *Why do LLMs attend to the first token?* (COLM 2025): sinks keep
#   deep models from mixing their tokens too much.
