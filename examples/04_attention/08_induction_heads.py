r"""
Induction heads: continuing a repeated sequence
===============================================

How does a model continue a sequence that it has seen only once before? After this
lesson you can recognise the heads that do so, from their attention and their output,
ablate them, and show that they depend on a head in an earlier layer.
"""

# %%
# Two heads in a row, on paper
# ----------------------------
# The sequence “do re mi do” should continue with “re”. Two heads in successive layers
# can do this. One half of each vector represents its own token; the other is empty.
#
# - *Head 1* attends to the previous token and writes it into the empty half.
# - *Head 2* compares the token of its query with the *other* half of each key, and
#   copies the matching key's own token.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

words = ["do", "re", "mi"]
own = torch.eye(3)[[0, 1, 2, 0]]  # do re mi do
other = torch.zeros(4, 3)
before = (10 * own[-1] @ other.T).softmax(0)  # head 2, for the last query
other[1:] = own[:-1]  # head 1
after = (10 * own[-1] @ other.T).softmax(0)  # 10 makes the softmax nearly one-hot
print("key  own token  other half  weight without head 1  weight with head 1")
for j in range(4):
    half = words[other[j].argmax()] if other[j].any() else "–"
    numbers = f"{before[j]:<21.2f}  {after[j]:.2f}"
    print(f"{j:<3}  {words[own[j].argmax()]:9}  {half:10}  {numbers}")

# %%
# The last “do” searches for a position that *follows* a “do”. Head 1 has written “do”
# into the key of “re”, so head 2 gives this key the weight 1.00. Without head 1, all
# keys get the same weight. One layer isn't enough: in the first layer, the key of “re”
# is computed from this token and its position alone, not from the token before it.
#
# Head 2 is an **induction head**. Olsson et al. (2022) define it by two properties on
# repeated random tokens: *prefix matching*, attention to the token after an earlier
# copy of the current token; and *copying*, an output that raises the logit of the
# attended token. Head 2's use of head 1's output is called *composition*. Olsson et al.
# found that such heads form abruptly, early in training, and only in models of two or
# more layers. At that point, late tokens become much easier to predict than early ones.
#
# Random tokens, twice
# --------------------
# If 20 random tokens are followed by the same 20, only the repetition is predictable.
# We compare SmolLM2's surprisal in the two halves of four such sequences.
import lmviz
from lmviz import attention, prediction, transformer

lm = lmviz.load("smollm2")
n = 20


def random_tokens(seed, n):
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(lm.card.vocabulary, generator=generator)[:n]


def halves(logits, ids):
    surprisal = prediction.surprisal(logits, ids)
    return torch.stack([surprisal[: n - 1].mean(), surprisal[n:].mean()])


batch = torch.stack([random_tokens(seed, n).repeat(2) for seed in range(4)])
traces = [lm.trace(ids) for ids in batch]
parts = torch.stack([halves(trace.logits, trace.ids) for trace in traces])
first, second = parts.T
print(f"first half: {first.mean():.2f} nats, second half: {second.mean():.2f} nats")
print(f"uniform guess: {torch.tensor(lm.card.vocabulary).log():.2f} nats")

# %%
# In the first half, the mean surprisal of 14.85 nats is *worse* than the 10.80 of a
# uniform guess: SmolLM2 expects natural text, and random tokens are off-distribution.
# In the second half, it falls to 3.93 nats.
#
# Four kinds of heads
# -------------------
# Each kind attends to certain keys, :math:`K(i)` for query :math:`i`. Let :math:`Q` be
# the queries that have such keys. A head's score is its mean weight on them:
#
# .. math:: s = \frac{1}{|Q|} \sum_{i \in Q} \sum_{j \in K(i)} \alpha_{ij} .
#
# For a **previous-token head**, the key is :math:`i - 1`; for a *first-token head*, it
# is position 0, the **attention sink** (:doc:`lesson 4.7
# </lessons/04_attention/07_attention_sinks>`). A *duplicate-token head* attends to the
# earlier copies of token :math:`i`, an induction head to the positions after these. The
# baseline is a head that spreads its weight evenly.
even = torch.ones(2 * n, 2 * n).tril()
even = (even / even.sum(1, keepdim=True)).expand(len(batch), -1, -1)


def head_score(kind, weights, ids):
    keys, queries = attention.PATTERNS[kind](ids)  # boolean: j in K(i); i in Q
    return (weights * keys).sum(-1)[..., queries].mean(-1)


def mean_score(kind, attentions):
    pairs = zip(attentions, batch, strict=True)
    return torch.stack([head_score(kind, w, ids) for w, ids in pairs]).mean(0)


scores, strongest = {}, {}
print("kind             strongest  score  baseline   heads above 0.5")
for kind in attention.PATTERNS:
    score = scores[kind] = mean_score(kind, [trace.attentions for trace in traces])
    [(layer, head, most)] = attention.strongest(score, 1)
    strongest[kind], name = (layer, head), f"{layer}.{head}"
    above = f"{(score > 0.5).sum()} of {score.numel()}"
    numbers = f"{most:.2f}   {mean_score(kind, even):<9.2f}  {above}"
    print(f"{kind:15}  {name:9}  {numbers}")
packaged = [attention.induction_score(t.attentions, t.ids) for t in traces]
difference = (torch.stack(packaged).mean(0) - scores["induction"]).abs().max()
print(f"largest absolute difference from the package's: {difference:.1e}")
assert difference < 1e-4

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 4, figsize=(7.68, 2.5), sharey=True, layout="constrained")
later = torch.ones(2 * n, 2 * n).triu(1).bool()  # the causal mask, left blank
for ax, (kind, (layer, head)) in zip(axes, strongest.items(), strict=True):
    seen = traces[0].attentions[layer, head].masked_fill(later, torch.nan)
    options = {"vmin": 0, "vmax": 1, "square": True, "colorbar": False}
    plots.heatmap(seen, title=f"{kind}\nhead {layer}.{head}", **options, ax=ax)
    ax.set(xlabel="key", ylabel="query" if ax is axes[0] else "")
plots.shared_colorbar(axes, "weight")
plots.caption(
    "Each kind of head draws a line in its attention map. The strongest head of each "
    f"kind, on the first sequence. In its second half, from position {n}, the "
    "duplicate-token head attends to the earlier copy, the induction head to the "
    "position after it. In the first half, both attend to the first token.",
    alt="Four lower triangles of attention weights: a diagonal just below the main "
    "one; a dark left edge; and twice a dark left edge that becomes a diagonal in the "
    "lower half, one position further right for the induction head.",
)
plt.show()

# %%
# Six of the 270 heads have an induction score above 0.5. The first-token score is above
# 0.5 in 160 heads, more than on natural text (lesson 4.7). In GPT-2 small, Wang et al.
# (2023) found, among others, the previous-token head ``4.11`` and the induction heads
# ``5.5`` and ``6.9``. In a text without repetition, the six have nothing to match:
top = [(layer, head) for layer, head, _ in attention.strongest(scores["induction"], 6)]
for sentence in ("The dog chased the ball.", "The museum opens at nine on Mondays."):
    sink = attention.first_token_score(lm.trace(sentence).attentions)
    print("on the first token:", *(f"{sink[head]:.2f}" for head in top))

# %%
# They put 0.89 to 1.00 of their weight on the first token, their sink. In the view
# below, choose one of the six heads, and a token of the second half as the query.
from lmviz import views

views.attention(traces[0].attentions, traces[0].tokens, title="Repeated tokens")

# %%
# Copying: what the heads write
# -----------------------------
# Head :math:`h` adds :math:`c_i = \sum_j \alpha_{ij} v_j W_O^h` to the residual stream.
# The final norm divides a vector by its root mean square :math:`r_i` and multiplies it
# by weights :math:`g`, entry by entry (:math:`\odot`). With :math:`r_i` held constant,
# the head adds :math:`\Delta_i` to the logits:
#
# .. math:: \Delta_i = (c_i \odot g / r_i)\, W_U .
#
# From its entry for the token to be copied, we subtract the mean of the other entries.
model = transformer.extract(lm)
gain = model.final_norm.weight
q, raised = torch.arange(n, 2 * n - 1), []
for ids in batch:
    *states, last = transformer.stream(model, ids)
    r = (last[q].square().mean(-1) + model.final_norm.eps).sqrt()  # root mean square
    unembed = gain[:, None] * model.unembedding.weight[:, ids[:n]]
    for block, x in zip(model.blocks, states, strict=True):
        c = transformer.head_contributions(block.attention, x)[:, q]  # (H, T_q, d)
        logits = c @ unembed / r[:, None]
        copied = logits[:, q - n, q - n + 1]
        raised.append((copied - (logits.sum(-1) - copied) / (n - 1)).mean(-1))
raised = torch.stack(raised).unflatten(0, (len(batch), -1))  # (sequences, L, H)
copying = raised.mean(0)
ranking = copying.flatten().argsort(descending=True).tolist()
print("head  induction  logit raised by  rank  range over sequences")
for layer, head, _ in [*attention.strongest(scores["induction"], 9), (29, 1, 0)]:
    score, each = scores["induction"][layer, head], raised[:, layer, head]
    numbers = (
        f"{copying[layer, head]:<+15.2f}  {ranking.index(9 * layer + head) + 1:<4}"
    )
    print(f"{layer}.{head}  {score:<9.2f}  {numbers}", end="  ")
    print(f"{each.min():.2f} to {each.max():.2f}")

# %%
# Of the six, only 23.2 clearly has both properties: it raises the logit of the copied
# token by 0.75. Head 23.7 raises it by 0.47, but its induction score of 0.48 is just
# below 0.5. Heads 18.6 and 18.7 raise it a little, but in every sequence, with ranks 9
# and 11. The three heads of layer 17 match the prefix, but their effect on the logit is
# about 0; 24.4 even *lowers* it (−0.42). Head 29.1 raises it the most of all, but its
# induction score is 0.00. So one property doesn't imply the other. These are only
# *direct* effects: a head can also act through later layers.
#
# Ablation
# --------
# *Zero ablation* replaces the output of a head by zeros, which later layers may never
# have seen. We use *mean ablation*, which replaces it by its average, here over 200
# random tokens. As a control, we ablate the heads with the lowest induction scores in
# the same layers. In “shuffled”, the second half repeats the tokens in another order.
mean = attention.mean_head_outputs(lm, random_tokens(99, 200))


def ablated(heads, ids=batch, attentions=False):
    with attention.ablate_heads(lm, heads, replacement=mean), torch.no_grad():
        out = lm.module(ids, output_attentions=attentions)
    return torch.stack(list(map(halves, out.logits, ids))), out.attentions


low = {layer: scores["induction"][layer].argsort().tolist() for layer, _ in top}
sets = {"nothing": [], "six induction heads": top}
sets["of these, layer 17"] = [head for head in top if head[0] == 17]
sets["six others"] = [(layer, low[layer].pop(0)) for layer, _ in top]
order = torch.randperm(n, generator=torch.Generator().manual_seed(5))
shuffled = torch.cat([batch[:, :n], batch[:, order]], dim=1)
runs = {name: ablated(heads)[0] for name, heads in sets.items()}
runs["nothing, shuffled"] = ablated([], shuffled)[0]
runs["six, shuffled"] = ablated(top, shuffled)[0]
print("ablated              first half  second half  range (nats)")
for name, nats in runs.items():
    first, second = nats.T
    numbers = f"{first.mean():<10.2f}  {second.mean():<11.2f}"
    print(f"{name:19}  {numbers}  {second.min():.2f} to {second.max():.2f}")

# %%
# Without the six, the surprisal of the second half rises from 3.93 to 11.50 nats, near
# the 12.28 of the shuffled tokens (12.69 without the six). So most of the benefit of
# the repetition is lost, but not all. The control costs little (4.13). Without the
# three heads of layer 17, the surprisal is 5.29, so they do act through later layers.
#
# Composition: which head prepares the keys?
# ------------------------------------------
# We ablate the strongest previous-token head before layer 17, which is 16.0, and
# measure the induction scores. As controls, we ablate the 8 other heads of its layer,
# and the 7 heads before layer 17 with the next highest previous-token scores.
previous = [head[:2] for head in attention.strongest(scores["previous token"][:17], 8)]
sets = {"16.0": previous[:1], "8 others": [(16, head) for head in range(1, 9)]}
sets |= {"7 others": previous[1:]}
print("ablated ", *(f"{layer}.{head}" for layer, head in top), "nats", sep="  ")
for name, heads in sets.items():
    parts, attentions = ablated(heads, attentions=True)
    score = mean_score("induction", torch.stack(attentions, 1))
    cells = [f"{score[head]:.2f}" for head in top]
    print(f"{name:8}", *cells, f"{parts[:, 1].mean():.2f}", sep="  ")

# %%
# The mechanism depends mostly on one head: without 16.0, the scores of layer 17 fall to
# 0.04 or less, that of 18.6 falls from 0.86 to 0.32, and the surprisal rises to 8.96
# nats. The 8 other heads of its layer matter little. Without the 7 others, the
# surprisal even falls, to 3.72. :doc:`Lesson 4.9
# </lessons/04_attention/09_qk_and_ov_circuits>` finds this dependence in the weights.
#
# Summary
# -------
# - An induction head matches the prefix and copies: it attends to the token after the
#   earlier copy, and raises that token's logit. Measure both.
# - SmolLM2's induction heads depend on head 16.0, a previous-token head.
#
# Exercises
# ---------
# Repeat the tokens backwards: ``torch.cat([half, half.flip(0)])``. Does induction help?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No. The token after the earlier copy is now the one just before the query, not the
#    next one. The heads still attend to it, but copying it doesn't help the prediction.
#
# Further reading
# ---------------
# - Elhage et al., *A Mathematical Framework for Transformer Circuits* (2021).
# - Olsson et al., *In-context Learning and Induction Heads* (2022).
# - Wang, Variengien, Conmy, Shlegeris and Steinhardt, *Interpretability in the Wild: a
#   Circuit for Indirect Object Identification in GPT-2 small* (ICLR 2023).
