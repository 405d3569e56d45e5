r"""
Attention is not explanation: ablation and rollout
==================================================

An attention weight tells you how much of a token's value a head reads, but not whether
the prediction depends on it. After this lesson you can measure the effect of a head by
ablation, test whether weights predict effects, and judge attention rollout.
"""

# %%
# Three heads on paper
# --------------------
# A head writes :math:`\sum_j \alpha_j u_j`, where :math:`u_j = v_j W_O^h` is the value
# of key :math:`j` after the output projection. Three quantities differ: the *weight*
# :math:`\alpha_1` on key 1; its *contribution* :math:`\alpha_1 u_1`; and the *effect*
# of the head, how much the prediction changes without it. Take three heads, two keys
# and two possible next tokens. The first component of the summed outputs is the
# difference of the two logits; its sigmoid is the probability of the first token.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

heads = {  # the weights on two keys, and the vectors u of these keys
    "A": ([0.9, 0.1], [[0.0, 0], [1, 0]]),
    "B": ([0.2, 0.8], [[4.0, 0], [0, 1]]),
    "C": ([0.6, 0.4], [[0.0, 5], [0, 0]]),
}
parts = {name: torch.tensor([w]).T * torch.tensor(u) for name, (w, u) in heads.items()}
whole = sum(part.sum(0) for part in parts.values())  # the outputs of all heads
print("head  weight on key 1  length of its contribution  effect (nats)")
for name, part in parts.items():
    without, with_it = torch.stack([whole - part.sum(0), whole])[:, 0].sigmoid().log()
    numbers = heads[name][0][0], part[0].norm(), without - with_it
    print(f"{name}     {{:<15.1f}}  {{:<26.1f}}  {{:+.2f}}".format(*numbers))

# %%
# Head A has the largest weight on key 1, 0.9, but the vector there is zero, so the key
# contributes nothing. Attention sinks are similar (:doc:`lesson 4.7
# </lessons/04_attention/07_attention_sinks>`). Head C has the longest contribution,
# 3.0, but in a direction that the logits ignore, so its effect is zero. Head B has the
# smallest weight, 0.2, and the largest effect: the difference of the logits falls from
# 0.9 to 0.1, and :math:`\ln\sigma(0.1) - \ln\sigma(0.9)` is −0.30 nats.
#
# The effect of a head
# --------------------
# The **ablation** of a head replaces its output. The effect of head :math:`h` on the
# answer :math:`a` after the text :math:`t` is the change in its log-probability,
#
# .. math::
#    \Delta_h = \ln p_{\setminus h}(a \mid t) - \ln p(a \mid t) ,
#
# which is negative if the head helps. **Zero ablation** replaces the output by zeros.
# That takes the model off-distribution: later layers may rely on the head's average
# output. **Mean ablation** uses this average instead. We average over 200 tokens of
# Python's manual, which mention no country. We ask SmolLM2 for eight capitals. For the
# first, we ablate one head at a time with ``attention.ablate_heads``.
import lmviz
from lmviz import attention
from lmviz.texts import python_manual

lm = lmviz.load("smollm2")
capitals = {"France": "Paris", "Germany": "Berlin", "Japan": "Tokyo"}
capitals |= {"Greece": "Athens", "England": "London", "Hungary": "Budapest"}
capitals |= {"Chile": "Santiago", "Korea": "Seoul"}
ids = torch.stack([lm.encode(f"The capital of {name} is") for name in capitals])
answers = torch.tensor([lm.token_id(f" {city}") for city in capitals.values()])
run = lm.module(ids, output_attentions=True)
maps = torch.stack(run.attentions, dim=1)  # (prompts, L, H, T_q, T_k)
weight = maps[:, :, :, -1, 3]  # from the last token to the country
average = attention.mean_head_outputs(lm, lm.encode(python_manual()["assert"])[:200])
print("ablated  weight on France  probability of Paris")
print(f"none     -                 {run.logits[0, -1].softmax(-1)[answers[0]]:.3f}")
for head in ((23, 4), (16, 0), (12, 0)):
    with attention.ablate_heads(lm, head, replacement=average):
        p = lm.trace(ids[0]).logits[-1].softmax(-1)[answers[0]]
    print("{}.{}    ".format(*head), f"{weight[0][head]:<16.2f}  {p:.3f}")

# %%
# Head 23.4 (layer 23, head 4) has the largest weight on “France”, and without it the
# probability of “Paris” falls from 0.773 to 0.104. Head 16.0 has nearly as much weight,
# but the model hardly needs it: 0.749. Head 12.0 barely attends to “France”, yet
# without it only 0.468 remains. Is this typical? We measure all heads on all prompts.
#
# A weight belongs to one query, here the last one. So we now ablate at the last
# position only. The keys and values of earlier positions come from a cache
# (:doc:`lesson 5.4 </lessons/05_prediction/04_kv_cache>`). A *hook*, a function that
# PyTorch calls before a module runs, replaces the heads' outputs before the output
# projection. Each batch tests nine sets of heads on all prompts.
L, H, n = lm.n_layers, lm.n_heads, len(ids)
repeated = ids.repeat(9, 1)  # 9 copies of the prompts
cache = lm.module(repeated[:, :-1], use_cache=True).past_key_values


def log_probs(logits):
    right = answers.repeat(len(logits) // n)
    return logits.log_softmax(-1).gather(1, right[:, None])[:, 0]


def ablate_where(off, layer):  # off: True = ablate, (texts, positions, H)
    def replace(_, inputs):
        outputs = inputs[0].unflatten(-1, (H, -1))  # split into heads
        return torch.where(off[..., None], average[layer], outputs).flatten(-2)

    projection = lm.module.model.layers[layer].self_attn.o_proj
    return projection.register_forward_pre_hook(replace)


def effects(sets):
    """Mean-ablate nine sets at the last position; return effects, (9, prompts)."""
    off = torch.zeros(9, L, H, dtype=torch.bool)
    for row, heads in zip(off, sets, strict=True):
        row[tuple(zip(*heads, strict=True))] = True  # layers, heads
    off = off.repeat_interleave(n, 0)[:, :, None]  # the prompts of each set
    hooks = [ablate_where(off[:, i], i) for i in range(L) if off[:, i].any()]
    logits = lm.module(repeated[:, -1:], past_key_values=cache).logits[:, -1]
    for hook in hooks:
        hook.remove()
    cache.crop(-1)  # remove the last position again
    return log_probs(logits).view(9, n) - base


base = log_probs(run.logits[:, -1])
effect = [effects([[(layer, head)] for head in range(H)]) for layer in range(L)]
effect = torch.stack(effect).permute(2, 0, 1)  # (prompts, L, H)
called = [lm.trace(f"The capital of {name} is called") for name in capitals]
called = torch.stack([trace.attentions[:, :, -1, 3] for trace in called]).mean(0)
w, e = weight.mean(0), effect.mean(0)
print("sorted by  head  weight  with “called”  effect")
for name, scores in {"weight": w, "effect": -e}.items():
    for *head, _ in attention.strongest(scores, 4):
        numbers = f"{w[*head]:<6.2f}  {called[*head]:<13.2f}  {e[*head]:+.2f}"
        print(f"{name:9}  {{:2}}.{{}}  {numbers}".format(*head))

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
    "weights above 0.5 have effects near or above zero; 12.0, with little weight, has "
    "the second-largest effect.",
    alt="270 points: weight from 0 to 0.93 on the x axis, effect from "
    f"{float(e.min()):.1f} to 0.2 nats on the y axis. One lies at the bottom right. "
    "The others lie in a band around zero, and a few at small weights down to −0.5.",
)
plt.show()

# %%
# The table gives means over the prompts. Head 23.4 has the largest weight on the
# country, 0.93, *and* the largest effect, −1.32 nats: here the weight points to the
# right head. In general it doesn't: 16.0 has a weight of 0.79 and an effect of −0.05
# nats, and 12.0, second by effect, has a weight of 0.02.
#
# Part of this is due to our prompts: the country is also the token *before* the last.
# If the prompt ends in “is called”, the weight of 16.0 on the country falls to 0.12,
# while 23.4 keeps 0.92. So some heads attend to a position, not to a country.
#
# Which ten heads matter?
# -----------------------
# On four prompts, we choose the ten heads with the largest effect, and the ten with the
# largest weight. We ablate each set on the *other* four, which did not affect the
# choice. The controls are the ten largest weights after 23.4, and six random sets.
torch.manual_seed(0)
by_effect = [tuple(h[:2]) for h in attention.strongest(-effect[::2].mean(0), 10)]
by_weight = [tuple(h[:2]) for h in attention.strongest(weight[::2].mean(0), 11)]
random = [[divmod(i, H) for i in torch.randperm(L * H)[:10].tolist()] for _ in range(6)]
sets = [by_effect, by_weight[:10], by_weight[1:], *random]
found = effects(sets)[:, 1::2].mean(1).tolist()
print("largest effect {:+.2f}, weight {:+.2f}, after 23.4 {:+.2f}".format(*found[:3]))
print(f"random: mean {sum(found[3:]) / 6:+.2f}, at most {min(found[3:]):+.2f}")

# %%
# Without the ten heads with the largest effect, the log-probability changes by −8.55
# nats, on prompts that were not used to choose them. Without those with the largest
# weight, it changes by −2.82 nats, and if 23.4 is not among them, by only −0.84. Random
# sets give −0.13 on average and −0.44 at most. So weight is a hint, but it misses most
# of the effect.
#
# Ablation at all positions
# -------------------------
# ``attention.ablate_heads`` ablates heads at all positions, and
# ``attention.head_effects`` does so for each head in turn. In the last layer, no other
# position can affect the prediction, so for head 29.1 both effects must agree.
print("head  effect, last position  effect, all positions")
for head in ((23, 4), (0, 4), (29, 1)):
    with attention.ablate_heads(lm, head, replacement=average):
        change = log_probs(lm.module(ids).logits[:, -1]) - base
    print("{:2}.{}  {:<+21.2f}  {:+.2f}".format(*head, e[head], change.mean()))
difference = float((change - effect[:, *head]).abs().max())
print(f"29.1, largest absolute difference from the package's: {difference:.1e}")
assert difference < 1e-4
tokens = ["The", "capital", "of", "(country)", "is"]
print("position   effect of 0.4 at this position")
for word, here in zip(tokens, torch.eye(5, dtype=torch.bool), strict=True):
    hook = ablate_where(here[None, :, None] & (torch.arange(H) == 4), layer=0)
    change = log_probs(lm.module(ids).logits[:, -1]) - base
    hook.remove()
    print(f"{word:9}  {change.mean():+.2f}")

# %%
# Head 0.4 has no effect at the last position, but one of −2.22 nats if ablated
# everywhere, more than 23.4. Most of it, −1.89 nats, comes from the *first* token,
# which becomes the sink. There the average output, taken mostly from other positions,
# is off-distribution. Ablating 0.4 at the country does little (−0.02). So an ablation
# at all positions also damages the sink.
#
# Attention rollout
# -----------------
# **Rollout** (Abnar and Zuidema, 2020) follows attention through all layers. It
# averages the maps :math:`A_{\ell h}` of a layer's heads, mixes the average with the
# identity, which stands for the residual connection, and multiplies the results:
#
# .. math::
#    R = \bar A_{L-1} \cdots \bar A_1 \bar A_0, \qquad
#    \bar A_\ell = \tfrac12 I + \tfrac12 \cdot \tfrac1H \sum_h A_{\ell h} .
#
# Row :math:`i` is read as each token's share in the last state of position :math:`i`.
# To test this, we replace one token at a time and measure the effect.
total = torch.eye(5)
for layer in maps.mean(2).unbind(1):  # the average over the heads
    total = (0.5 * torch.eye(5) + 0.5 * layer) @ total
shares = total[:, -1].mean(0)
swaps = [lm.token_id(word) for word in ("A", " city", " in")]
swaps += [ids.roll(1, 0)[:, 3], lm.token_id(" was")]  # 3: another country
print("token      rollout  effect of replacement")
for i, word in enumerate(tokens):
    other = ids.clone()
    other[:, i] = swaps[i]
    change = log_probs(lm.module(other, logits_to_keep=1).logits[:, -1]) - base
    print(f"{word:9}  {shares[i]:<7.4f}  {change.mean():+.2f}")
assert torch.allclose(attention.rollout(maps[0]), total[0])

# %%
# Rollout gives the first token everything and the country 0.0000, although another
# country changes the log-probability by −9.51 nats, and another first token by only
# −3.93. In each layer some attention goes to the sink, and after thirty layers all of
# it is there. Rollout treats weights as contributions, and ignores values and MLPs.
#
# The debate
# ----------
# Jain and Wallace (2019) studied classifiers with one attention layer over a recurrent
# network, which reads one word at a time. They found very different weights that gave
# nearly the same prediction. Wiegreffe and Pinter (2019) replied that these weights
# were found for each text separately, and are not those of a trained model. Jacovi and
# Goldberg (2020) separate *plausible* explanations, which convince a reader, from
# *faithful* ones, which describe the computation. To test whether a map is faithful, we
# must intervene. Ablation removes a part; :doc:`lesson 4.14
# </lessons/04_attention/14_activation_patching>` replaces it with that of another run.
#
# Summary
# -------
# - Weight, contribution :math:`\alpha_j u_j` and effect are different quantities. The
#   effect is the change in the answer's log-probability when the head is ablated.
# - In SmolLM2, weights on the country hardly predict which heads have an effect.
#
# Exercises
# ---------
# Remove row 0 and column 0 from all maps, rescale the rows so that they sum to 1, and
# compute rollout. Does the country get the largest share?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No: the second token does, since it now attends only to itself. In a product of
#    causal matrices, weight moves to earlier tokens and never back.
#
# Further reading
# ---------------
# - Jain and Wallace, *Attention is not Explanation* (NAACL 2019).
# - Wiegreffe and Pinter, *Attention is not not Explanation* (EMNLP 2019).
# - Jacovi and Goldberg, *Towards Faithfully Interpretable NLP Systems: How Should We
#   Define and Evaluate Faithfulness?* (ACL 2020).
# - Abnar and Zuidema, *Quantifying Attention Flow in Transformers* (ACL 2020),
#   section 3, on rollout.
