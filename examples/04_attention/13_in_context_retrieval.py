"""
A fact, and the heads that find it
==================================

"Anna has a red ball. Tom has a blue kite. Tom still has his …" blue! Both colours
were told, so the question is whose. Which head finds the right one, and what becomes
of the answer without it?
"""

# %%
# We ask the toy, a small GPT-2 trained on a language of our own, in which every right
# answer is known (see the page "The toy model: known answers"). Here are many stories
# of one form, with other names and colours. They ask about the first person and about
# the second, in turn.
import itertools

import torch

import lmviz
from lmviz.toy import grammar

toy = lmviz.load("toy")
stories, answers = [], []
people = itertools.permutations((*grammar.WOMEN, *grammar.MEN), 2)
colours = itertools.permutations(grammar.COLOURS[:2], 2)
for (a, b), (one, two) in itertools.product(people, colours):
    for who, answer in ((a, one), (b, two)):
        end = f"{who} still has {'her' if who in grammar.WOMEN else 'his'}"
        stories.append(f"{a} has a {one} ball . {b} has a {two} kite . {end}")
        answers.append(int(toy.encode(answer)[-1]))
print(len(stories), "stories, such as:", stories[:2])

# %%
# How often does it know? (All stories have the same length, so one pass through the
# model can take them all.) A guess between the two colours is right half of the time.
ids = torch.stack([toy.encode(story) for story in stories])


def run():
    with torch.no_grad():
        found = toy.module(ids, output_attentions=True)
    hits = found.logits[:, -1].argmax(-1) == torch.tensor(answers)
    return hits.double().mean().item(), torch.stack(found.attentions)


right, attentions = run()
print(f"right: {right:.1%}")

# %%
# Where do the heads look from the last word, after which the colour must come? Take the
# mean weight on the colour that is asked for, and on the other one. A head that only
# looks for colours has as much on both; one with weight on the first alone knows whose
# it is.
rows = attentions[:, :, :, -1]  # from the last word, (L, B, H, T_k)
first, second = rows[..., 4], rows[..., 10]  # the places of the two colours
on_it = torch.cat([first[:, ::2], second[:, 1::2]], dim=1).mean(1)
on_other = torch.cat([second[:, ::2], first[:, 1::2]], dim=1).mean(1)
finders = [tuple(head) for head in (on_it - on_other > 0.5).nonzero().tolist()]
print("find its colour (layer, head):", finders)

# %%
# All heads, on the left by the colour that is asked for, on the right by the other one.
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(3.4, 2.1), sharey=True, layout="constrained")
for ax, weight, name in zip(axes, (on_it, on_other), ("its", "the other"), strict=True):
    title = f"On {name} colour"
    plots.heatmap(weight, title=title, vmin=0, vmax=1, colorbar=False, ax=ax)
    ax.set(xlabel="head", ylabel="layer" if ax is axes[0] else "")
plots.shared_colorbar(axes, "mean weight")
plots.caption(
    "Heads of layers 1 and 2 find the right colour. Mean weight of each head from the "
    "last word on the colour that is asked for (left) and on the other one (right). "
    "The strong heads are strong on the left only: they tell the two owners apart.",
    alt="Two heatmaps of 3 layers by 4 heads. On the left, all heads of layer 1 and "
    "heads 1 and 3 of layer 2 are strong; on the right, all are near zero.",
)
plt.show()

# %%
# So these heads recall the fact? Switch heads off, with the average over all stories in
# their place: each on its own (those are shown without which something is lost), then
# all finders together, and, to compare, all others after layer 0.
from lmviz import attention

heads = list(itertools.product(range(toy.card.n_layers), range(toy.card.n_heads)))
average = torch.stack([attention.mean_head_outputs(toy, row) for row in ids]).mean(0)


def without(off):
    with attention.ablate_heads(toy, off, replacement=average):
        return run()[0]


shares = torch.zeros(toy.card.n_layers, toy.card.n_heads)
for head in heads:
    shares[head] = without([head])
    if shares[head] < right - 0.01:
        print(f"without {head}: {shares[head]:.0%} right")
rest = [head for head in heads if head[0] > 0 and head not in finders]
print(f"without all {len(finders)} finders: {without(finders):.0%} right")
print(f"without the {len(rest)} others after layer 0: {without(rest):.0%} right")

# %%
# Weight and effect side by side: each point is a head. A finder whose loss does no harm
# has others beside it that stand in for it. One that looks at no colour, and is needed,
# must do something that the finders build upon: the next lesson looks for it.
_, ax = plt.subplots(figsize=(3.4, 3.1), layout="constrained")
ax.scatter(on_it - on_other, shares, s=50, alpha=0.6)
for head in heads:
    if shares[head] < right - 0.01:
        where = (float((on_it - on_other)[head]) + 0.03, float(shares[head]))
        ax.annotate("layer {}, head {}".format(*head), where, va="center")
ax.axhline(0.5, color="0.7", lw=0.8)
ax.set(
    title="Attention weight and\nablation effect of each head",
    xlabel="weight on its colour minus weight on the other",
    ylabel="accuracy with the head ablated",
    ylim=(0, 1.05),
)
plots.caption(
    "The model does not depend on any single head that finds the colour. Each point is "
    "a head. With one of these heads ablated (right), all answers stay correct, since "
    "others do the same; two heads of layer 0, which attend to neither colour, are "
    "needed. The line is chance.",
    alt="Twelve points. Those with a large weight difference are at an accuracy of 1. "
    f"Two at a difference of 0 are lower: {float(shares[0, 2]):.2f} for layer 0, head "
    f"2, and {float(shares[0, 0]):.2f} for layer 0, head 0.",
)
plt.show()

# %%
# The check: with no head off, all is as before; and a guess would be far worse.
with attention.ablate_heads(toy, []):
    untouched, again = run()
difference = float((again - attentions).abs().max())
print(f"none switched off, largest absolute difference: {difference:.1e}")
assert untouched == right > 0.99

# %%
# **Takeaway.** A head that finds the answer may be spared, and one that cannot be
# spared may look elsewhere.
#
# **Try it.** Ask for the thing: end the stories with "went to the park with her" or
# "his", take "ball" and "kite" as answers and places 5 and 11. Are the finders others?
#
# **Sources.** Michel, Levy and Neubig, *Are Sixteen Heads Really Better than One?*
# (NeurIPS 2019). Wang et al., *Interpretability in the Wild* (ICLR 2023), on heads that
# stand in for others.
