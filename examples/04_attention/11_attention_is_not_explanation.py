"""
Attention is not explanation
============================

A strong cell in an attention map says where a head looks. It does not say whether
what it found there mattered. There is a way to ask: switch the head off, and see
what the model says without it. Do weight and effect agree?
"""

# %%
# The question is "The capital of France is", and the answer we watch is the model's own
# likeliest next word. First where the last token looks: how much of its weight does
# each head spend on the country?
import lmviz

lm = lmviz.load()
text = "The capital of France is"
trace = lm.trace(text)
answer = int(trace.logits[-1].argmax())
country = len(trace.ids) - 2
weight = trace.attentions[:, :, -1, country]
print(f"answer: {lm.tokens([answer])[0]}, {trace.logits[-1].softmax(-1)[answer]:.3f}")
print(f"heads with more than half of their weight on France: {(weight > 0.5).sum()}")

# %%
# Now the effect. We zero-ablate one head at a time: its output is replaced by zeros at
# every position. The effect is how that changes the log-probability of the answer, in
# nats. Below zero, the answer is less likely now: the head helped.
from lmviz import attention

effect = attention.head_effects(lm, trace.ids, answer)

# %%
# If attention explained, the points would fall from left to right.
import matplotlib.pyplot as plt

from lmviz import plots

marked = {
    "most weight": attention.strongest(weight, 1),
    "most effect": attention.strongest(-effect, 1),
}
colours = plots.PALETTE[1:3]
_, ax = plt.subplots(figsize=(6.08, 4), layout="constrained")
ax.scatter(weight, effect, s=16, alpha=0.5, color=plots.PALETTE[0], label="a head")
for (name, heads), colour, size in zip(marked.items(), colours, (130, 50), strict=True):
    [(layer, head, _)] = heads
    label = f"{name}: layer {layer}, head {head}"
    ring = {"facecolors": "none", "edgecolors": colour, "linewidths": 2, "s": size}
    ax.scatter(weight[layer, head], effect[layer, head], label=label, **ring)
ax.axhline(0, color="0.7", lw=0.8)
ax.set(
    title="Attention weight and ablation effect of each head",
    xlabel="weight from the last token to France",
    ylabel="change of log-probability (nats)",
)
ax.legend(loc="lower left", bbox_to_anchor=(0.1, 0))
[(layer, head, most)] = marked["most weight"]
plots.caption(
    "Attention weight hardly predicts the effect of an ablation. Each point is a head: "
    "its weight from the last token to “France”, and the change of the answer's "
    f"log-probability when it is ablated. Layer {layer}, head {head} changes it by "
    f"{effect[layer, head]:.2f} nats; the other heads with large weights by little, "
    "and one with a small weight by much.",
    alt=f"{weight.numel()} points. Most have small weights and effects near zero; so "
    "have the points with weights from 0.4 to 0.8, and a few with small weights are "
    f"far below zero. The lowest is at {effect.min():.2f} nats.",
)
plt.show()

# %%
# Compare the order of the heads by weight with their order by effect (the correlation
# of ranks: 1 for the same order, 0 for none), and see what the strong heads do for the
# answer. (Mind two things: the ranks of heads that do next to nothing are noise; and a
# head is ablated at every token, while the weight is that of the last.)
import torch

order = [x.flatten().argsort().argsort().double() for x in (weight, -effect)]  # ranks
print(f"correlation of ranks: {torch.corrcoef(torch.stack(order))[0, 1]:.2f}")


def show(title, heads):
    print(title)
    for layer, head, _ in heads:
        both = weight[layer, head], effect[layer, head]
        found = "weight {:.2f}, effect {:+.2f} nats".format(*both)
        print(f"  layer {layer:2}, head {head:2}: {found}")


needed = attention.strongest(-effect, 4)
show("most weight on France:", attention.strongest(weight, 4))
show("most effect on the answer:", needed)

# %%
# Zeros are a mistake of their own kind. A head may give about the same whatever the
# text, and later layers count on it: with zeros they stumble, and not for want of
# France. A fairer replacement is what the head gives **on average**, here over a page
# of Python's manual. (It asks another question, and the effect may be smaller or
# larger.) The four heads with the most effect, once more:
import pydoc_data.topics

page = lm.encode(pydoc_data.topics.topics["assert"])[:200]
average = attention.mean_head_outputs(lm, page)
whole = trace.logits[-1].log_softmax(-1)[answer]
for layer, head, loss in needed:
    with attention.ablate_heads(lm, (layer, head), replacement=average):
        without = lm.trace(text).logits[-1].log_softmax(-1)[answer]
    print(f"layer {layer:2}, head {head:2}:", end=" ")
    print(f"zeros {-loss:+.2f}, average {without - whole:+.2f} nats")

# %%
# Another way to make maps explain is **rollout**: average the maps of each layer, mix
# them half and half with "each token keeps itself", and multiply the layers' results.
# Where heads rest on the first token, it gets everything. Beside the share of each
# token in the last vector stands what the answer does if that token is another one.
shares = attention.rollout(trace.attentions)[-1]
for i, other in enumerate(("A", " city", " in", " Italy"), len(trace.ids) - 5):
    ids = trace.ids.clone()
    ids[i] = lm.encode(other)[-1]
    change = lm.trace(ids).logits[-1].log_softmax(-1)[answer] - whole
    print(f"{trace.tokens[i]:9} rollout {shares[i]:.3f}, ", end="")
    print(f"as {other!r:8} {change:+.2f} nats")

# %%
# The check: ``effects`` tries the heads of a layer side by side; one by one must give
# the same. And with no head switched off, nothing may change.
layer, head, _ = needed[0]
with attention.ablate_heads(lm, (layer, head)):
    alone = lm.trace(text).logits[-1].log_softmax(-1)[answer] - whole
difference = float(abs(alone - effect[layer, head]))
print(f"one by one, largest absolute difference: {difference:.1e}")
assert difference < 1e-4
with attention.ablate_heads(lm, []):
    difference = (lm.trace(text).logits - trace.logits).abs().max()
print(f"none switched off, largest absolute difference: {difference:.1e}")

# %%
# **Takeaway.** A map says where a head looked; whether that mattered takes a test.
#
# **Try it.** Watch another answer: set ``answer`` to the second likeliest token.
# Predict whether the same heads matter.
#
# **Sources.** Jain and Wallace, *Attention is not Explanation* (NAACL 2019). Wiegreffe
# and Pinter, *Attention is not not Explanation* (EMNLP 2019). Michel, Levy and Neubig,
# *Are Sixteen Heads Really Better than One?* (NeurIPS 2019). Abnar and Zuidema,
# *Quantifying Attention Flow in Transformers* (ACL 2020), on rollout.
