r"""
Attention is not explanation: ablation and rollout
==================================================

An attention weight says how much a head takes from a token. It does not say what the
head takes there, or whether the prediction depends on it. After this lesson you can
measure the effect of a head by ablation, test whether weights predict effects, and
judge attention rollout.
"""

# %%
# Three heads on paper
# --------------------
# Let :math:`v_j` be the value of key :math:`j` after the output projection. A head
# writes :math:`\sum_j \alpha_j v_j`. Three quantities differ: the *weight*
# :math:`\alpha_1` on key 1; its *contribution*, the vector :math:`\alpha_1 v_1`; and
# the *effect* of the head, the change of the prediction without it. Here there are two
# keys and two tokens. The first entry of the sum of all heads is the difference of the
# tokens' logits.
import torch

heads = {  # the weights on two keys, and their values
    "A": ([0.9, 0.1], [[0.0, 0], [1, 0]]),
    "B": ([0.2, 0.8], [[4.0, 0], [0, 1]]),
    "C": ([0.6, 0.4], [[0.0, 5], [0, 0]]),
}
parts = {name: torch.tensor([w]).T * torch.tensor(v) for name, (w, v) in heads.items()}
whole = sum(part.sum(0) for part in parts.values())  # the sum of all heads
print("head  weight on key 1  length of its contribution  effect (nats)")
for name, part in parts.items():
    without, with_it = torch.stack([whole - part.sum(0), whole])[:, 0].sigmoid().log()
    numbers = heads[name][0][0], part[0].norm(), without - with_it
    print(f"{name}     {{:<15.1f}}  {{:<26.1f}}  {{:+.2f}}".format(*numbers))

# %%
# Head A has the most weight on key 1, 0.9, but the value there is zero, so the key
# contributes nothing; so it is with attention sinks (:doc:`lesson 4.7
# </lessons/04_attention/07_attention_sinks>`). Head C has the longest contribution,
# 3.0, but not in the direction that decides, so its effect is zero. Head B has the
# least weight, 0.2, and the largest effect, −0.30 nats.
#
# The effect of a head
# --------------------
# The **ablation** of a head replaces its output. The effect of head :math:`h` on the
# answer :math:`a` after the text :math:`t` is the change of its log-probability,
#
# .. math::
#    \Delta_h = \ln p_{\setminus h}(a \mid t) - \ln p(a \mid t) ,
#
# which is negative if the head helps. **Zero ablation** replaces the output by zeros.
# That takes the model off-distribution: later layers may rely on the head's average
# output. **Mean ablation** puts this average in its place. We average over a page of
# Python's manual, ordinary English without countries, and leave out its first position,
# where a head can attend only to the token itself. SmolLM2 answers eight prompts.
from pydoc_data.topics import topics

import lmviz
from lmviz import attention

lm = lmviz.load("smollm2")
capitals = {"France": "Paris", "Germany": "Berlin", "Japan": "Tokyo"}
capitals |= {"Greece": "Athens", "England": "London", "Hungary": "Budapest"}
capitals |= {"Chile": "Santiago", "Korea": "Seoul"}
ids = torch.stack([lm.encode(f"The capital of {name} is") for name in capitals])
answers = torch.tensor([lm.token_id(f" {city}") for city in capitals.values()])
run = lm.module(ids, output_attentions=True, output_hidden_states=True)
assert torch.equal(run.logits[:, -1].argmax(-1), answers)
maps = torch.stack(run.attentions, dim=1)  # (prompts, L, H, T_q, T_k)
weight = maps[:, :, :, -1, 3]  # from the last token to the country
page = lm.encode(topics["assert"])[:200]
first, every = (attention.mean_head_outputs(lm, part) for part in (page[:1], page))
average = (len(page) * every - first) / (len(page) - 1)  # (L, H, d_head)

# %%
# A weight belongs to one query, at the last position. So we ablate heads there, and
# keep the keys and values of earlier positions in a cache (:doc:`lesson 5.4
# </lessons/05_prediction/04_kv_cache>`). A hook, a function that PyTorch calls before
# the output projection, replaces the outputs of a set of heads. One batch tries nine
# sets, and starts at the first ablated layer.
L, H, n = lm.n_layers, lm.n_heads, len(ids)
model, repeated = lm.module.model, ids.repeat(9, 1)
cache = model(repeated[:, :-1], use_cache=True).past_key_values
states = [state[:, -1:].repeat(9, 1, 1) for state in run.hidden_states]
angles = model.rotary_emb(states[0], torch.tensor([[ids.shape[1] - 1]]))


def log_probs(logits):
    right = answers.repeat(len(logits) // n)
    return logits.log_softmax(-1).gather(1, right[:, None])[:, 0]


def effects(sets):
    """Mean-ablate nine sets of heads at the last position: effects, (9, prompts)."""
    chosen = torch.zeros(9, L, H, dtype=torch.bool)
    for i, heads in enumerate(sets):
        chosen[i, [layer for layer, _ in heads], [head for _, head in heads]] = True
    first = min(layer for heads in sets for layer, _ in heads)
    x = states[first]
    for layer in range(first, L):
        off = chosen[:, layer].repeat_interleave(n, 0)[:, None, :, None]

        def ablate(_, inputs, off=off, mean=average[layer]):
            each = inputs[0].unflatten(-1, (H, -1))
            return torch.where(off, mean, each).flatten(-2)

        projection = model.layers[layer].self_attn.o_proj
        hook = projection.register_forward_pre_hook(ablate)
        x = model.layers[layer](x, past_key_values=cache, position_embeddings=angles)
        hook.remove()
        cache.layers[layer].crop(-1)  # forget this position again
    return log_probs(lm.module.lm_head(model.norm(x))[:, 0]).view(9, n) - base


base = log_probs(run.logits[:, -1])
effect = [effects([[(layer, head)] for head in range(H)]) for layer in range(L)]
effect = torch.stack(effect).permute(2, 0, 1)  # (prompts, L, H)
print("country  probability  rank correlation  effect of 23.4")
for i, name in enumerate(capitals):
    ranks = [x.flatten().argsort().argsort() for x in (weight[i], -effect[i])]
    correlation = torch.corrcoef(torch.stack(ranks).double())[0, 1]
    numbers = base[i].exp(), correlation, effect[i, 23, 4]
    print(f"{name:7}  {{:<11.2f}}  {{:<16.2f}}  {{:.2f}}".format(*numbers))
w, e = weight.mean(0), effect.mean(0)
for title, scores in {"most weight": w, "most effect": -e}.items():
    best = [(layer, head) for layer, head, _ in attention.strongest(scores, 4)]
    print(title, [f"{i}.{h}: {w[i, h]:.2f}, {e[i, h]:+.2f}" for i, h in best])

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.2), layout="constrained")
ax.scatter(w.flatten(), e.flatten(), s=18, alpha=0.5)
ax.axhline(0, color="0.7", lw=0.8)
for head in ((23, 4), (16, 0), (12, 0)):
    at = float(w[head]) - 0.03, float(e[head]) - 0.02
    style = {"ha": "right" if head[0] > 12 else "left", "va": "top"}
    ax.annotate("{}.{}".format(*head), at, **style)
ax.set(title="Weight and effect\nof 270 heads", ylabel="effect (nats)")
ax.set_xlabel("weight from the last token to the country")
plots.caption(
    "Head 23.4 is first by weight and by effect; otherwise weight does not predict "
    "effect. Each point is a head, averaged over eight prompts. The other heads with "
    "weights above 0.5 have effects near zero; 12.0 has an effect and no weight.",
    alt="270 points: weight from 0 to 0.93 on the x axis, effect from "
    f"{float(e.min()):.1f} to 0.2 nats on the y axis. One lies at the bottom right. "
    "The others lie in a band around zero, and a few at small weights down to −0.5.",
)
plt.show()


# %%
# Head 23.4 (layer 23, head 4) has the most weight on the country, 0.93 on average,
# *and* the most effect, −1.32 nats: here the weight points at the right head. In
# general it doesn't. Head 16.0 has a weight of 0.79 and an effect of −0.05 nats; 12.0
# is second by effect with next to no weight. The rank correlation is at most 0.16: the
# order by weight says little about the order by effect. But most heads do nothing for
# this answer, and their ranks are noise. The next test concerns the *top* of the list.
#
# Which ten heads matter?
# -----------------------
# We choose the ten heads with the most effect, or the most weight, on four prompts, and
# ablate them together on the *other* four, so that neither choice has seen the test.
# Controls are the ten with the most weight after 23.4, and six random sets.
def top(scores, k):
    return [tuple(head) for *head, _ in attention.strongest(scores[::2].mean(0), k)]


torch.manual_seed(0)
by_effect, by_weight, others = top(-effect, 10), top(weight, 10), top(weight, 11)[1:]
random = [[divmod(i, H) for i in torch.randperm(L * H)[:10].tolist()] for _ in range(6)]
found = effects([by_effect, by_weight, others, *random])[:, 1::2].mean(1).tolist()
print("most effect {:+.2f}, weight {:+.2f}, after 23.4 {:+.2f}".format(*found[:3]))
print(f"random: mean {sum(found[3:]) / 6:+.2f}, at most {min(found[3:]):+.2f}")
alone = sum(effect[1::2, *head].mean() for head in by_effect)
print(f"sum of the single effects: {alone:+.2f}")

# %%
# The ten heads with the most effect change the log-probability by −8.56 nats, on
# prompts on which they were not chosen. The ten with the most weight reach −2.82 nats,
# and without 23.4 only −0.85. That is more than random heads (−0.13 on average, at most
# −0.44): weight is a hint that finds a small part of what matters. Measured one by one,
# the effects of the first ten add up to only −3.41 nats, since other heads compensate
# for a single one (*backup heads*). So a small effect doesn't show that a head is idle.
#
# Ablated everywhere
# ------------------
# ``attention.ablate_heads`` ablates heads at all positions, and
# ``attention.head_effects`` does so with each head of a model in turn. In the last
# layer, no other position reaches the prediction, so there the ways must agree.
print("head  weight  last, mean  all, mean  all, zeros  least of zeros")
for head in ((23, 4), (16, 0), (12, 0), (0, 4), (0, 3), (29, 1)):
    with attention.ablate_heads(lm, head, replacement=average):
        mean = log_probs(lm.module(ids).logits[:, -1]) - base
    with attention.ablate_heads(lm, head):
        zeros = log_probs(lm.module(ids).logits[:, -1]) - base
    numbers = w[head], e[head], mean.mean(), zeros.mean(), zeros.max()
    form = "{:2}.{}  {:<6.2f}  {:<+10.2f}  {:<+9.2f}  {:<+10.2f}  {:+.2f}"
    print(form.format(*head, *numbers))
difference = float((mean - effect[:, *head]).abs().max())
print(f"29.1, largest absolute difference from the package's: {difference:.1e}")
assert difference < 1e-4


# %%
# Head 0.4 has a weight of 0.07 and, at the last position, no effect. Ablated everywhere
# it reaches −2.25 nats, more than 23.4; its neighbour 0.3 reaches −0.12. It works where
# layer 0 processes the name, and no weight of the last token can show that. The two
# ablations disagree about it. With zeros its effect is −0.65 nats on average, and in
# one prompt +0.31: the answer becomes *more* likely.
#
# Attention rollout
# -----------------
# **Rollout** (Abnar and Zuidema, 2020) follows attention through all layers. It
# averages the maps :math:`A_{\ell h}` of a layer's heads, mixes the average with the
# identity, which stands for the residual connection, and multiplies the layers:
#
# .. math::
#    R = \bar A_{L-1} \cdots \bar A_1 \bar A_0, \qquad
#    \bar A_\ell = \tfrac12 I + \tfrac12 \cdot \tfrac1H \sum_h A_{\ell h} .
#
# Row :math:`i` is read as the share of each token in the last state of position
# :math:`i`. The test is to replace one token and measure the effect on the answer.
def rollout(attentions):
    total = torch.eye(attentions.shape[-1])
    for layer in attentions.mean(1):
        total = (0.5 * torch.eye(len(total)) + 0.5 * layer) @ total
    return total


shares = torch.stack([rollout(each)[-1] for each in maps])
swaps = [lm.token_id(word) for word in ("A", " city", " in")]
swaps += [ids.roll(1, 0)[:, 3], lm.token_id(" was")]  # 3: the country before
for i, word in enumerate(["The", "capital", "of", "(country)", "is"]):
    other = ids.clone()
    other[:, i] = swaps[i]
    change = log_probs(lm.module(other, logits_to_keep=1).logits[:, -1]) - base
    print(f"{word:9}  rollout {shares[:, i].mean():.4f}, replaced {change.mean():+.2f}")
assert torch.allclose(attention.rollout(maps[0]), rollout(maps[0]))

# %%
# Rollout gives the first token everything, and the country 0.0000, although another
# country changes the log-probability by −9.51 nats. Each layer moves attention to the
# sink, and the product of thirty layers moves all of it. Rollout takes weights for
# contributions, and skips values and MLPs.
#
# The debate
# ----------
# Jain and Wallace (2019) studied classifiers with one attention layer over a recurrent
# network. Weights correlated weakly with gradients and with leaving words out, and very
# different weights could give nearly the same prediction. Wiegreffe and Pinter (2019)
# replied that weights changed by hand, text by text, are not those of a trained model,
# and that a *plausible* explanation, which convinces a reader, is not the same as a
# *faithful* one, which describes the computation. We tested faithfulness. A map states
# which values a head mixes; to show that the mixture matters, we must intervene.
# Ablation removes a part; :doc:`lesson 4.14
# </lessons/04_attention/14_activation_patching>` exchanges it.
#
# Summary
# -------
# - Weight, contribution :math:`\alpha_j v_j` and effect are different quantities. The
#   effect is the change of the answer's log-probability when the head is ablated.
# - In SmolLM2 the head with the most weight on the country also has the most effect at
#   the last position. The other heads with large weights have nearly none.
#
# Exercises
# ---------
# Compute rollout without the sink: set column 0 of all maps to zero, except for the
# first row, and divide each row by its sum. Does the country get the largest share?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No: the second token does. A product of causal matrices drifts to the left.
#
# Further reading
# ---------------
# - Jain and Wallace, *Attention is not Explanation* (NAACL 2019).
# - Wiegreffe and Pinter, *Attention is not not Explanation* (EMNLP 2019).
# - Michel, Levy and Neubig, *Are Sixteen Heads Really Better than One?* (NeurIPS 2019).
# - Abnar and Zuidema, *Quantifying Attention Flow in Transformers* (ACL 2020),
#   section 3, on rollout.
