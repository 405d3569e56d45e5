"""
How a head knows whose
======================

"Anna has a red ball. Tom has a blue kite. Tom still has his …": some heads look at
*blue*, and hardly at *red*. But nothing about the word *blue* says that it is Tom's.
How can they know?
"""

# %%
# A head compares a query, made at the last word, with keys, made at the words before.
# If it tells the colours apart by their owners, the vectors at *red* and *blue* must
# carry names by then. (And the last word one, unless *his* says enough.) To see where
# names travel, give every story a **twin**, in which the owners have changed places and
# all else is the same; so its answer is the other colour.
import itertools

import torch

import lmviz
from lmviz.toy import grammar

toy = lmviz.load("toy")
stories, twins, answers, others = [], [], [], []
people = itertools.permutations((*grammar.WOMEN, *grammar.MEN), 2)
colours = itertools.permutations(grammar.COLOURS[:2], 2)
for (a, b), (one, two) in itertools.product(people, colours):
    end = f"{b} still has {'her' if b in grammar.WOMEN else 'his'}"
    stories.append(f"{a} has a {one} ball . {b} has a {two} kite . {end}")
    twins.append(f"{b} has a {one} ball . {a} has a {two} kite . {end}")
    answers.append(int(toy.encode(two)[-1]))
    others.append(int(toy.encode(one)[-1]))
print(len(stories), "stories, such as:")
print(" ", stories[0], "\n ", twins[0])

# %%
# How sure is the model? As one number: the logit of the story's answer minus that of
# the twin's, on average. (A difference of two logits is the logarithm of how many times
# likelier one is.)
ids = torch.stack([toy.encode(text) for text in stories])
pairs = torch.tensor([answers, others]).T


def run(ids):
    with torch.no_grad():
        found = toy.module(ids, output_hidden_states=True)
    of_answer, of_other = found.logits[:, -1].gather(1, pairs).T
    return (of_answer - of_other).mean().item(), found.hidden_states


story, states = run(ids)
twin, twin_states = run(torch.stack([toy.encode(text) for text in twins]))
print(f"stories {story:+.1f}, twins {twin:+.1f}")

# %%
# Now take one vector of the twin, the residual stream at one word before one layer, and
# put it in place of the story's own. How far does the answer move to the twin's? This
# is called **activation patching**. (A hook is a function that PyTorch calls on the
# way; this one changes what a block receives.)
from lmviz.transformer import architectures

family = architectures.architecture_of(toy.module.config)
blocks = toy.module.get_submodule(family.blocks)


def patched(layer, places, states):
    def replace(_, inputs):
        x = inputs[0].clone()
        x[:, places] = states[layer][:, places]
        return (x, *inputs[1:])

    hook = blocks[layer].register_forward_pre_hook(replace)
    try:
        now, _ = run(ids)
    finally:
        hook.remove()
    return (story - now) / (story - twin)


# %%
# One word and one layer at a time. 0: the answer stays; 1: it is the twin's.
moved = torch.zeros(toy.card.n_layers, ids.shape[1])
for layer, place in itertools.product(*map(range, moved.shape)):
    moved[layer, place] = patched(layer, [place], twin_states)

words = toy.tokens(ids[0])
for layer, shares in enumerate(moved):
    best = zip(*(x.tolist() for x in shares.topk(2)), strict=True)
    print(f"before layer {layer}:", [f"{words[i]} {share:.2f}" for share, i in best])

# %%
# Read it from left to right; before layer 1 is after layer 0. Before layer 0 the two
# stories differ in the names and in nothing else. If further right the colours matter,
# and the names no more, then the names were copied to them in between.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 4.2), layout="constrained")
labels = {"xlabel": "before layer", "ylabel": "patched word"}
title = "Effect of patching\none vector from the twin"
labels |= {"yticklabels": words, "label": "share"}
plots.heatmap(moved.T, title=title, vmin=0, vmax=1, ax=ax, **labels)
ax.tick_params(length=0)
plots.caption(
    "The owner's name moves to the colour, and the colour to the last word. Effect of "
    "patching one vector from the twin, from 0 (the story's answer) to 1 (the twin's): "
    "before layer 0 the names matter, before layer 1 the colours, before layer 2 the "
    "last word.",
    alt="A heatmap with a row per word and a column per layer. The strong cells are "
    "both names in the first column, both colours in the second and the last word in "
    "the third.",
)
plt.show()

# %%
# So a fact is recalled in two steps: the colours learn whose they are; then the last
# word finds the colour of the one who is asked about. The mistake to beware of: to look
# for *the* place. One vector may hold a part only, and another one the rest. Here are
# groups, patched together.
for name, places in (("names", [1, 7]), ("colours", [4, 10]), ("things", [5, 11])):
    found = [patched(layer, places, twin_states) for layer in range(len(moved))]
    print(f"both {name}, by layer:", [round(share, 2) for share in found])

# %%
# The check: its own vector leaves a story as it is; all of the twin's make it the twin.
everywhere = list(range(ids.shape[1]))
same, other = patched(1, [4], states), patched(1, everywhere, twin_states)
print(f"its own vector: {same:.4f}; all of the twin's: {other:.4f}")
assert abs(same) < 1e-4 and abs(other - 1) < 1e-4

# %%
# **Takeaway.** One can ask where a model keeps what it knows: exchange one vector, and
# see what it says then.
#
# **Try it.** Ask about the first one instead. Predict which colour matters now, or
# whether both do.
#
# **Sources.** Vig et al., *Investigating Gender Bias in Language Models Using Causal
# Mediation Analysis* (NeurIPS 2020), and Meng et al., *Locating and Editing Factual
# Associations in GPT* (NeurIPS 2022), under other names. Feng and Steinhardt, *How do
# Language Models Bind Entities in Context?* (ICLR 2024). Elhage et al., *A Mathematical
# Framework for Transformer Circuits* (2021), on two heads in a row.
