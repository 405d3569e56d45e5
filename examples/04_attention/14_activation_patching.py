r"""
Activation patching: where the model stores which fact belongs to whom
======================================================================

In “Anna has a red ball. Tom has a blue kite. Tom still has his …”, nothing about the
word *blue* itself says that it is Tom's. Where does a model store this, and how does it
reach the last word? After this lesson you can patch states and heads, and trace a fact
through the book's toy model and through SmolLM2.
"""


# %%
# Exchange a value on paper
# -------------------------
# Ablation removes a component. **Activation patching** exchanges a value: it replaces
# one activation in a run on a *story* with the same activation from a run on its
# **twin**, a text that differs from it only in the words that decide the answer. If the
# answer becomes the twin's, the activation carries the difference. A variant, **causal
# tracing** (Meng et al., 2022), corrupts the run with noise and restores single states;
# its results can differ (Zhang and Nanda, 2024).
#
# Take two positions and two steps. Step 1 adds the value at position 1 to the one at
# position 2. Step 2 outputs twice the value at position 2, minus the one at position 1.
# The *share* is how far a patch moves the output from the story's to the twin's.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()


# sphinx_gallery_end_ignore
def steps(inputs, after=None):
    """Run step 1, or take the values after it as given, then run step 2."""
    first, second = after or (inputs[0], inputs[0] + inputs[1])
    return first, second, 2 * second - first


a, b, story = steps((1, 1))
twin_a, twin_b, twin = steps((-2, 1))
print(f"story {story:+}; twin {twin:+}, with {twin_b} at position 2 after step 1")
patches = {"1, position 1": steps((-2, 1)), "1, position 2": steps((1, 1))}
patches |= {"2, position 1": steps((1, 1), (twin_a, b))}
patches |= {"2, position 2": steps((1, 1), (a, twin_b))}
for name, (*_, output) in patches.items():
    print(
        f"before step {name}: {output:+}, share {(story - output) / (story - twin):+}"
    )

# %%
# Only position 1 differs, so before step 1 a patch there gives the twin's output.
# Before step 2, the twin's value −1 at position 2 changes the output from +3 to −3,
# beyond the twin's 0, since position 1, where the twin's value pulls the other way,
# still has the story's. So shares can lie outside the range from 0 to 1: here they are
# 2 and −1. In a linear model, as here, the shares before a step add up to 1.
#
# The recovered share
# -------------------
# The *logit difference* of a run is the logit :math:`z_a` of the story's answer minus
# the logit :math:`z_b` of the twin's answer. It equals the log-odds of the two answers:
#
# .. math::
#    D = z_a - z_b = \ln \frac{p_a}{p_b} .
#
# The **recovered share** of a patch is the part of the difference between the two runs
# that the patch brings about:
#
# .. math::
#    r = \frac{D_{\text{story}} - D_{\text{patched}}}
#             {D_{\text{story}} - D_{\text{twin}}} .
#
# It is 0 if the logit difference stays the same, and 1 if it becomes the twin's. In the
# toy's twins, only the two owners are exchanged, so the answer is the other colour.
import itertools

import torch

import lmviz
from lmviz import transformer
from lmviz.toy import grammar

toy = lmviz.load("toy")
texts, twins, answers, same_sex = [], [], [], []
people = itertools.permutations((*grammar.WOMEN, *grammar.MEN), 2)
colours = itertools.permutations(grammar.COLOURS[:2], 2)
for (a, b), (one, two) in itertools.product(people, colours):
    end = f"{b} still has {'her' if b in grammar.WOMEN else 'his'}"
    texts.append(f"{a} has a {one} ball . {b} has a {two} kite . {end}")
    twins.append(f"{b} has a {one} ball . {a} has a {two} kite . {end}")
    answers.append([toy.token_id(two), toy.token_id(one)])
    same_sex.append((a in grammar.WOMEN) == (b in grammar.WOMEN))
same_sex = torch.tensor(same_sex)
print(f"{texts[0]}\n{twins[0]}")


def tracer(lm, texts, twins, answers):
    """Return a function that patches a module's input and returns recovered shares."""
    groups = (texts, twins)
    ids, twin_ids = (torch.stack([*map(lm.encode, group)]) for group in groups)
    answers, n = torch.tensor(answers), len(answers)

    def difference(ids):
        logits = lm.module(ids, logits_to_keep=1).logits[:, -1]
        first, second = logits.gather(1, answers.repeat(len(ids) // n, 1)).T
        return first - second

    story, twin = difference(ids), difference(twin_ids)
    print(f"{n} pairs; logit difference {story.mean():+.1f}, twins {twin.mean():+.1f}")

    def share(path, positions, columns=slice(None), source=twin_ids):
        def replace(_, inputs):  # one batch: the twins first, then the stories
            x = inputs[0].clone()
            x[n:, positions, columns] = x[:n, positions, columns]
            return (x, *inputs[1:])

        hook = lm.module.get_submodule(path).register_forward_pre_hook(replace)
        patched = difference(torch.cat([source, ids]))[n:]
        hook.remove()
        return (story - patched) / (story - twin)

    return share


share = tracer(toy, texts, twins, answers)

# %%
# The mean logit difference is 12.0 nats in the stories and −11.3 in the twins.
# ``share`` uses a *hook*, a function that PyTorch calls before a module runs. It copies
# part of the module's input from the twins to the stories. We patch the state at each
# position before each layer.
L, H, words = toy.n_layers, toy.n_heads, toy.tokens(toy.encode(texts[0]))
T = len(words)
at = itertools.product(range(L), range(T))
moved = torch.stack([share(f"transformer.h.{i}", [p]).mean() for i, p in at]).view(L, T)
for layer in range(L):
    best = zip(*(found.tolist() for found in moved[layer].topk(2)), strict=True)
    print(f"before layer {layer}:", *(f"{words[i]} {value:.2f}" for value, i in best))
groups = {"names": [1, 7], "colours": [4, 10], "things": [5, 11], "all": list(range(T))}
for name, positions in groups.items():
    found = [share(f"transformer.h.{i}", positions).mean() for i in range(L)]
    print(f"{name}, by layer:", *(f"{value:.2f}" for value in found))

story, twin = toy.trace(texts[0]), toy.trace(twins[0])
with transformer.patch_stream(toy, twin.hidden_states[1], layer=1, positions=4):
    patched = toy.trace(texts[0])
rows = torch.stack([trace.logits[-1, answers[0]] for trace in (story, patched, twin)])
first, second, third = rows[:, 0] - rows[:, 1]
ours = (first - second) / (first - third)
difference = float(abs(ours - share("transformer.h.1", [4])[0]))
print(f"largest absolute difference from the package's: {difference:.1e}")
assert difference < 1e-4

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 4.2), layout="constrained")
labels = {"xlabel": "before layer", "ylabel": "patched position"}
title = "Share recovered by patching\none state of the toy"
labels |= {"yticklabels": words, "label": "recovered share"}
plots.heatmap(moved.T, title=title, vmin=0, vmax=1, ax=ax, **labels)
ax.tick_params(length=0)
plots.caption(
    "Information moves from the names to the colours, and then to the last word. "
    "Recovered share when one state is patched: the names matter before layer 0, the "
    "colours before layer 1, and the last word before layer 2.",
    alt="A heatmap with a row per word and a column per layer. The strong cells are "
    "both names in the first column, both colours in the second and the last word in "
    "the third.",
)
plt.show()


# %%
# Before layer 0, the texts differ only at the names, which have shares of 0.64 and
# 0.44. Before layer 1 the names have none, and the colours 0.76 and 0.25. Before layer
# 2, the last word has 0.89. So layer 0 adds the owner to the colour's state, and layer
# 1 brings the right colour to the last word. Layer 2 reads the colours, too, but adds
# little (0.08). Before layer 1, both colours together recover 1.00; the two things, a
# control of the same size, recover 0.00. So the owners are stored at two positions.
#
# Which heads?
# ------------
# In :doc:`lesson 4.13 </lessons/04_attention/13_in_context_retrieval>`, retrieval
# depended on heads 0.0 and 0.2. We now patch the output of each head, and of all heads
# of a layer together. For 0.0 and 0.2, we also separate owners of the same sex from the
# others.
cases = [(0, "colours", [4, 10])] + [(layer, "last word", [16]) for layer in range(L)]
for layer, name, at in cases:
    path = f"transformer.h.{layer}.attn.c_proj"  # input: the heads' outputs
    each = [share(path, at, slice(24 * h, 24 * h + 24)) for h in range(H)]
    found = [f"{layer}.{head} {value.mean():.2f}" for head, value in enumerate(each)]
    print(f"{name}:", *found, f"together {share(path, at).mean():.2f}")
    if name == "colours":
        for head in (0, 2):
            one, two = each[head][same_sex].mean(), each[head][~same_sex].mean()
            print(f"0.{head}: same sex {one:.2f}, a woman and a man {two:.2f}")

# %%
# At the colours, head 0.2 recovers 0.74 and head 0.0 recovers 0.26; together they
# recover everything. These means hide a division of labour. If the owners are a woman
# and a man, head 0.2 recovers 0.94 and head 0.0 almost nothing. If they are of the same
# sex, head 0.2 recovers 0.44 and head 0.0 recovers 0.58. So head 0.2 writes mainly the
# owner's sex, and head 0.0 mainly the distinction between two women or two men.
#
# At the last word, patching layer 0 can show nothing, since story and twin ask about
# the same person. The ablation by position in lesson 4.13 shows that head 0.0 is needed
# there, to fetch the name for the query.
#
# In layer 1, heads 1.0 and 1.3 recover most. Why do the four single shares add up
# to less than the 0.89 of all four together?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Patching one head leaves a mixture of both colours, and the rest of the model isn't
#    linear in it. The remainder is an interaction of the four heads.
#
# A real model: countries and capitals
# ------------------------------------
# For SmolLM2, the twin of “The capital of France is” names another country. The first
# three of its five tokens are the same in both, so patching them changes nothing. We
# patch the country or the last token, and average over five pairs.
lm = lmviz.load("smollm2")
capitals = {"France": "Paris", "Germany": "Berlin", "Japan": "Tokyo"}
capitals |= {"Greece": "Athens", "England": "London"}
names, cities = list(capitals), [lm.token_id(f" {city}") for city in capitals.values()]
others = names[1:] + names[:1]
ask = "The capital of {} is".format
answers = list(zip(cities, cities[1:] + cities[:1], strict=True))
share = tracer(lm, map(ask, names), map(ask, others), answers)
layers = [0, 10, 20, 23, 24, 29]
found = [[share(f"model.layers.{i}", [p]) for p in (3, 4)] for i in layers]
found = torch.stack([torch.stack(pair) for pair in found])
print("before layer  country  last token")
for layer, (country, last) in zip(layers, found, strict=True):
    print(f"{layer:<12}  {country.mean():<7.2f}  {last.mean():.2f}")
path, its = "model.layers.23.self_attn.o_proj", slice(64 * 4, 64 * 5)
one, every = share(path, [4], its).mean(), share(path, [4]).mean()
print(f"head 23.4: {one:.2f}; its whole layer: {every:.2f}")
for which, countries in {"the twin's": others, "the story's": names}.items():
    source = torch.stack([lm.encode(f"The people of {x} are") for x in countries])
    there = [share(f"model.layers.{i}", [3], source=source).mean() for i in (10, 23)]
    print(f"{which} country, from “The people of …”:", *(f"{x:.2f}" for x in there))

# %%
_, ax = plt.subplots(figsize=(3.4, 3.2), layout="constrained")
style = {"marker": "o", "ms": 4}
ax.plot(layers, found[:, 0].mean(1), label="the country", **style)
ax.plot(layers, found[:, 1].mean(1), "--", label="the last token", **style)
ax.set(title="Recovered share in SmolLM2", xlabel="patched before layer")
ax.set_ylabel("recovered share")
ax.legend(loc="center left")
plots.caption(
    "Layer 23 of SmolLM2 moves information about the country to the last token. "
    "Recovered share, averaged over five pairs, when the state at the country or at "
    "the last token is patched.",
    alt="Two curves over layers 0 to 29. The solid one stays near 1 until layer 23 and "
    "is near 0 afterwards; the dashed one jumps from 0 to 1 at the same layer.",
)
plt.show()

# %%
# The state at the country recovers 1.00 before layer 0, and still 0.94 before layer 23.
# One layer later it recovers −0.03, and the last token 1.02. So the information moves
# in layer 23, whose heads together recover 0.96, and head 23.4 alone 0.83. It also had
# the largest weight and effect in :doc:`lesson 4.11
# </lessons/04_attention/11_attention_is_not_explanation>`.
#
# The state of the twin's country in “The people of … are” works as well: it recovers
# 1.00 before layer 10, and 0.96 before layer 23. So even there it isn't specific to the
# question. As a control, the *story's* country from that text recovers 0.04 or less.
#
# A share of 1 says that a state suffices for the *difference* between two texts. Both
# ask for a capital, so the method can't show where that request is stored. Nor does it
# show whether the head moves the country's name or its capital, retrieved earlier.
# Often, heads extract the attribute itself (Geva et al., 2023).
#
# Summary
# -------
# - Activation patching replaces an activation with the twin's. The recovered share is 0
#   if the logit difference doesn't change, and 1 if it becomes the twin's.
# - The toy's heads 0.0 and 0.2 write the owner's name and sex into the states of the
#   colours, and layer 1 reads them. In SmolLM2, head 23.4 carries most of the
#   information that distinguishes two countries to the last token.
#
# Exercises
# ---------
# Patch the last state (state L) at the last position. What share must result in every
# model, and why?
#
# Further reading
# ---------------
# - Vig et al., *Investigating Gender Bias in Language Models Using Causal Mediation
#   Analysis* (NeurIPS 2020), where an activation is a “mediator”.
# - Geiger, Lu, Icard and Potts, *Causal Abstractions of Neural Networks* (NeurIPS
#   2021), where the method is called “interchange intervention”.
# - Meng, Bau, Andonian and Belinkov, *Locating and Editing Factual Associations in GPT*
#   (NeurIPS 2022).
# - Zhang and Nanda, *Towards Best Practices of Activation Patching in Language Models:
#   Metrics and Methods* (ICLR 2024).
# - Geva, Bastings, Filippova and Globerson, *Dissecting Recall of Factual Associations
#   in Auto-Regressive Language Models* (EMNLP 2023).
