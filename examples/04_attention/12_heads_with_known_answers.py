"""
Heads on a model whose answers are known
========================================

On real text there is seldom a list of right answers to judge a head by. So this book
has a small GPT-2 of its own, trained on a language whose grammar we wrote, and every
question in its stories has one answer. Which heads look at it, and which of them does
the model need?
"""

# %%
# Each story of this language begins with two facts. What comes after asks for them, or
# what a pronoun meant, and the grammar knows every answer. (The page "A model we can
# check" shows the whole language.) These stories were kept out of the training.
import itertools

import lmviz
from lmviz.toy import evaluate, language

toy = lmviz.load("toy")
told = list(itertools.islice(language.stories("lesson", held_out=True), 150))
for story in told[:2]:
    print(" ".join(story.words[1:-1]))
whole = evaluate.evaluate(toy, n_stories=200)
print("right:", {kind: f"{whole[kind]:.1%}" for kind in evaluate.KINDS})

# %%
# Take the pronoun. "The dog saw the cup because it was new . the new one was the …"
# must go on with the cup: what is new is a thing, what is hungry is an animal. The
# nouns change from story to story, so to know which words go together is not enough. At
# the last "the" the model must come up with one of two nouns. Where does it look?
import torch

looks = {"animal": [], "thing": []}
for story in told:
    for place, kind in enumerate(story.kinds):
        if kind == "reference":
            words = story.words[: place + 1]
            trace = toy.trace(torch.tensor([evaluate.IDS[word] for word in words]))
            row = trace.attentions[:, :, -1]
            animal, thing, settling = place - 13, place - 10, [place - 6, place - 3]
            meant = "animal" if words[animal] == story.words[place + 1] else "thing"
            shares = row[..., animal], row[..., thing], row[..., settling].sum(-1)
            looks[meant].append(torch.stack(shares, dim=-1))
looks = {meant: torch.stack(found).mean(0) for meant, found in looks.items()}
print({meant: tuple(weights.shape) for meant, weights in looks.items()})

# %%
# The mean weight of each head on the animal, on the thing, and on the word that settles
# it (said twice, so summed); above where the animal is meant, below where the thing is.
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(
    2, 3, figsize=(7.68, 4), sharex=True, sharey=True, layout="constrained"
)
targets = ("the animal", "the thing", "hungry, new, …")
for row, (meant, weights) in zip(axes, looks.items(), strict=True):
    for ax, target, weight in zip(row, targets, weights.unbind(-1), strict=True):
        title = f"The {meant} is meant:\non {target}"
        plots.heatmap(weight, title=title, vmin=0, vmax=1, colorbar=False, ax=ax)
for ax in axes[1]:
    ax.set_xlabel("head")
for ax in axes[:, 0]:
    ax.set_ylabel("layer")
plots.shared_colorbar(axes, "mean weight")
plt.suptitle("What each head attends to from the last “the”")
plots.caption(
    "One head attends to whichever noun is meant. Mean weights from the last “the” on "
    "the animal, the thing and the adjective; the animal is meant in the upper row, "
    "the thing in the lower. Layer 2, head 2 is strong on both; other heads attend to "
    "one of the two.",
    alt="Two rows of three heatmaps, each of 3 layers and 4 heads. In the upper row, "
    "layer 2, heads 0 and 2, and layer 1, head 3, are strong on the animal; in the "
    "lower, layer 2, heads 1, 2 and 3, and layer 1, head 0, on the thing.",
)
plt.show()

# %%
# A head **turns** by how much more it attends to the animal above than below, plus how
# much more to the thing below than above. Near 2 it attends to the noun that is meant;
# near 1 it may attend to one of the nouns only, and only when that one is meant.
turn = looks["animal"] - looks["thing"]
turn = turn[..., 0] - turn[..., 1]
turners = [tuple(head) for head in (turn > 0.5).nonzero().tolist()]
print("turn by more than 0.5 of 2 (layer, head):", turners)

# %%
# Now the test. Switch off each head, put its average in its place, and ask all
# questions again, not only those about pronouns.
from lmviz import attention

ids = [
    torch.tensor([evaluate.IDS[word] for word in story.words]) for story in told[:50]
]
average = torch.stack([attention.mean_head_outputs(toy, i) for i in ids]).mean(0)
heads = list(itertools.product(range(toy.card.n_layers), range(toy.card.n_heads)))
right = torch.zeros(len(heads), len(evaluate.KINDS))
for row, head in enumerate(heads):
    with attention.ablate_heads(toy, [head], replacement=average):
        found = evaluate.evaluate(toy, n_stories=100)
    right[row] = torch.tensor([found[kind] for kind in evaluate.KINDS])

# %%
# A row is a head that is off, named by its layer and its number in it.
_, ax = plt.subplots(figsize=(6.08, 4), layout="constrained")
labels = {"xlabel": "kind of question", "ylabel": "ablated head"}
title = "Wrong answers with one head ablated"
labels |= {"xticklabels": evaluate.KINDS, "label": "share wrong"}
labels["yticklabels"] = [f"{layer}.{head}" for layer, head in heads]
labels["annot"] = [[f"{p:.0%}" if p > 0.005 else "" for p in 1 - row] for row in right]
plots.heatmap(1 - right, title=title, vmin=0, vmax=0.5, ax=ax, **labels)
plots.caption(
    "Most heads can be ablated one at a time without harm. Share of wrong answers when "
    "one head (layer.head) is mean-ablated; empty cells are below 0.5%. The heads of "
    "layer 0 matter most, each for some kinds of question.",
    alt="A heatmap with a row for each of 12 heads and a column for each of 6 kinds of "
    "question. Most cells are empty; the largest is head 0.0 for recall, with "
    f"{1 - right[0, evaluate.KINDS.index('recall')]:.0%}.",
)
plt.show()

# %%
# Do weight and effect agree, judged by the truth? For pronouns, the heads that turn or
# are missed: how far they turn, and what is right without them. A head can be needed
# without turning to either: it may prepare what a later one finds. And one that turns
# may be spared, if others do the same; so at last all of those are off at once.
pronouns = right[:, evaluate.KINDS.index("reference")]
for head, share in zip(heads, pronouns.tolist(), strict=True):
    if turn[head] > 0.5 or share < 0.95:
        print(f"{head} turns by {turn[head]:+.2f}; without it {share:.0%} right")
with attention.ablate_heads(toy, turners, replacement=average):
    share = evaluate.evaluate(toy, n_stories=100)["reference"]
print(f"without all that turn: {share:.0%} right")

# %%
# The check: with no head off nothing changes; and a guess between the two nouns would
# be right half of the time.
with attention.ablate_heads(toy, []):
    untouched = evaluate.evaluate(toy, n_stories=200)
print("nothing switched off, nothing changed:", untouched == whole)
assert untouched == whole
assert whole["reference"] > 0.9

# %%
# **Takeaway.** Where the truth is known, a head can be judged: by where it looks, and
# by what is no longer right without it.
#
# **Try it.** Switch off two of the heads that turn together, then three. Each can be
# spared alone; predict how many it takes before answers are lost.
#
# **Sources.** Wang et al., *Interpretability in the Wild* (ICLR 2023), for heads of
# GPT-2 judged by a task with known answers. Michel, Levy and Neubig, *Are Sixteen Heads
# Really Better than One?* (NeurIPS 2019).
