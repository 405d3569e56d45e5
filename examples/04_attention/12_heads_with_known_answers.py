"""
Head roles in a model whose answers are known
=============================================

On real text there is seldom a list of right answers to judge a head by. The toy of this
book answers six kinds of question whose answers are known exactly. After this lesson
you can find the heads that attend to an answer, and test whether they are needed.
"""

# %%
# Six kinds of question
# ---------------------
# The **toy** is a GPT-2 with 3 layers of 4 heads, trained on stories that a grammar
# generates (:doc:`the toy model </book/toy>`). A story starts with two facts; its later
# words are partly free and partly determined by earlier ones. The determined words, in
# brackets below, answer six kinds of question. We take 50 stories that were kept out of
# the training and have both a pronoun and a song.
import itertools
import textwrap

import torch

import lmviz
from lmviz.toy import evaluate, grammar, language

toy = lmviz.load("toy")
unseen = language.stories("lesson", held_out=True)
both = (s for s in unseen if {"reference", "song"} <= {*s.kinds})
stories = list(itertools.islice(both, 50))
for story in stories[:2]:
    choices = zip(story.words[1:-1], story.kinds[:-1], strict=True)
    text = " ".join(f"[{word}]" if kind else word for word, kind in choices)
    print(*textwrap.wrap(text, 88), sep="\n", end="\n\n")

ids, _ = evaluate.pad([story.words for story in stories])  # (stories, 64)
asked = {kind: [] for kind in grammar.KINDS}  # (story, position of the query)
for number, story in enumerate(stories):
    for position, kind in enumerate(story.kinds):
        if kind is not None:
            asked[kind].append((number, position))


def accuracies():
    """Return the fraction of right answers to each kind of question."""
    with torch.no_grad():
        best = toy.module(ids).logits.argmax(-1)
    right = best[:, :-1] == ids[:, 1:]
    return {
        kind: sum(float(right[at]) for at in places) / len(places)
        for kind, places in asked.items()
    }


whole = accuracies()
print("kind       questions  right")
for kind, places in asked.items():
    print(f"{kind:9}  {len(places):9}  {whole[kind]:.0%}")

# %%
# The toy answers all of them correctly.
#
# - *Agreement*: “her” must fit “Mia”.
# - *Reference*: “the scared one was the [horse]”. Animals can be scared or hungry,
#   things new or round. So the adjective tells which of two nouns “it” was.
# - *Recall* and *owner* need the facts: the colour of “her drum”, or whose a thing is.
# - *Position*: the time of day depends only on how many words came before.
# - *Song*: the notes before the comma come again.
#
# A score for a head
# ------------------
# A head that finds the answer attends to the noun that is meant, and not to the other
# one. Over :math:`N` questions with the query :math:`i_n`, its **selectivity** is
#
# .. math::
#    S = \frac1N \sum_{n=1}^{N}
#    \big( \alpha_{i_n,\, \text{meant}_n} - \alpha_{i_n,\, \text{other}_n} \big) .
#
# It is 1 for a head that finds every answer. On paper, two heads and two questions, in
# the first of which the animal is meant, in the second the thing:
weights = {  # on (the animal, the thing), for each question
    "attends to animals": torch.tensor([[0.8, 0.0], [0.8, 0.0]]),
    "finds the answer": torch.tensor([[0.8, 0.0], [0.2, 0.6]]),
}
is_meant = torch.tensor([[True, False], [False, True]])
for name, alpha in weights.items():
    terms = torch.where(is_meant, alpha, -alpha).sum(1)
    print(f"{name:18}  terms {terms[0]:.1f}, {terms[1]:.1f}  S = {terms.mean():.1f}")

# %%
# The first head has a large weight on the right noun in one question, but its
# selectivity is 0.0. That of the second is 0.6.
#
# Now the toy. We find the two nouns by searching backwards for a word of their class.
# The adjective occurs twice, and its weights are summed.
from lmviz import attention

with torch.no_grad():
    attentions = torch.stack(toy.module(ids, output_attentions=True).attentions)
rows = {"animal": [], "thing": []}  # by the noun that is meant
for number, i in asked["reference"]:
    words = stories[number].words
    animal = max(j for j in range(i) if words[j] in grammar.ANIMALS)
    thing = max(j for j in range(i) if words[j] in grammar.THINGS)
    adjective = [j for j in range(animal, i) if words[j] == words[i - 3]]
    alpha = attentions[:, number, :, i]  # (L, H, keys)
    meant = "animal" if words[i + 1] == words[animal] else "thing"
    sign = 1 if meant == "animal" else -1
    term = sign * (alpha[..., animal] - alpha[..., thing])
    rows[meant].append(torch.stack([term, alpha[..., adjective].sum(-1)]))
selectivity, on_adjective = torch.stack(rows["animal"] + rows["thing"]).mean(0)
by_noun = {meant: torch.stack(terms).mean(0)[0] for meant, terms in rows.items()}
for layer, head, value in attention.strongest(selectivity, 6):
    print(f"head {layer}.{head}: selectivity {value:.2f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

panels = {"Selectivity,\nanimal meant": by_noun["animal"]}
panels |= {"Selectivity,\nthing meant": by_noun["thing"]}
panels |= {"Weight on\nthe adjective": on_adjective}
size = {"figsize": (6.08, 2.6), "sharey": True, "layout": "constrained"}
_, axes = plt.subplots(1, 3, **size)
for ax, (title, x) in zip(axes, panels.items(), strict=True):
    cells = [[f"{v:.2f}".replace("-0.00", "0.00") for v in row] for row in x.tolist()]
    limits = {"vmin": -1, "vmax": 1, "colorbar": False, "cmap": "diverging"}
    plots.heatmap(x, title=title, annot=cells, xlabel="head", ax=ax, **limits)
axes[0].set_ylabel("layer")
plots.caption(
    "Only head 2.2 finds the noun that is meant, whichever it is. Mean selectivity at "
    "the last “the” where the animal is meant and where the thing is, and the mean "
    "weight on the adjective.",
    alt="Three heatmaps of 3 layers and 4 heads with written numbers. Head 2.2 is near "
    "1 in the first two; 2.0 and 1.3 are high only in the first, 2.1, 2.3 and 1.0 only "
    "in the second. In the third, head 1.1 is 1.00.",
)
plt.show()

# %%
# Five heads stand out, all of layer 2 and 1.3: their selectivity is 0.49 or more, that
# of the next one is 0.11. Only head 2.2, with 0.97, attends to the noun that is meant
# in both cases. Heads 2.0 and 1.3 attend to it if it is the animal, heads 2.1 and 2.3
# if it is the thing. Head 1.1 is not selective, but puts all of its weight on the
# adjective.
#
# The heads that repeat a song
# ----------------------------
# In a song, the key that holds the answer is the same note before the comma. The weight
# on it is an induction score (:doc:`lesson 4.8
# </lessons/04_attention/08_induction_heads>`), restricted to the queries of songs. Its
# baseline is the weight of a head that attends to all keys evenly.
sources, even = [], []
for number, i in asked["song"]:
    words = stories[number].words
    comma = max(j for j in range(i + 1) if words[j] == ",")
    start = max(j for j in range(comma) if words[j] == "sings") + 1
    source = start + i - comma  # as many notes after the start
    assert words[source] == words[i + 1]
    sources.append(attentions[:, number, :, i, source])
    even.append(1 / (i + 1))
on_source = torch.stack(sources).mean(0)
for layer, head, value in attention.strongest(on_source, 6):
    print(f"head {layer}.{head}: weight on the note {value:.2f}")
print(f"evenly: {sum(even) / len(even):.2f}")

# %%
# Again five heads stand out, from 0.99 down to 0.75, where an even head would have
# 0.04. Four of them, 2.0, 2.2, 2.3 and 1.3, were selective, too. What is the role of
# head 2.0?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It continues songs and finds animals. A role is a claim about a set of texts.
#
# Mean ablation
# -------------
# Which heads are needed? *Mean ablation* replaces the output of a head :math:`h` at
# every position :math:`i` by its average over all positions of all stories,
#
# .. math:: \bar o^{(h)} = \frac{1}{N} \sum_{n} o^{(h)}_n ,
#
# so later layers still get typical numbers. A hook changes the input of the output
# projection, where the heads are concatenated.
texts = [row[: len(story.words)] for row, story in zip(ids, stories, strict=True)]
average = torch.stack([attention.mean_head_outputs(toy, text) for text in texts]).mean(
    0
)


def replace(module, inputs):
    outputs = inputs[0].unflatten(-1, (4, -1)).clone()  # (stories, T, H, d_head)
    outputs[:, :, 2] = average[2, 2]
    return (outputs.flatten(-2),)


with torch.no_grad():
    projection = toy.module.transformer.h[2].attn.c_proj
    hook = projection.register_forward_pre_hook(replace)
    ours = toy.module(ids).logits
    hook.remove()
    with attention.ablate_heads(toy, (2, 2), replacement=average):
        package = toy.module(ids).logits
difference = float((ours - package).abs().max())
print(f"largest absolute difference from the package: {difference:.1e}")
assert difference < 1e-4


def without(heads):
    with attention.ablate_heads(toy, heads, replacement=average):
        return accuracies()


# %%
# We ablate each head alone, then the five most selective heads, then the five with the
# largest weights on the note. One set proves little. The control is *every* set of five
# of the eight heads in layers 1 and 2.
heads = list(itertools.product(range(3), range(4)))
results = {f"layer {h}, head {i}": without((h, i)) for h, i in heads}
later = heads[4:]
sets = {five: without(five) for five in itertools.combinations(later, 5)}
roles = {"selective": selectivity, "on the note": on_source}
for name, score in roles.items():
    five = sorted((h, i) for h, i, _ in attention.strongest(score, 5))
    print(f"five {name}:", *(f"{h}.{i}" for h, i in five))
    results[f"five {name}"] = sets[tuple(five)]
results["all of layer 1"] = without(later[:4])
right = torch.tensor([list(result.values()) for result in results.values()])
for name in list(results)[-3:]:
    print(f"without {name}:", *(f"{k} {p:.0%}," for k, p in results[name].items()))
print(f"\n{'right answers to':16}  without these five  all sets  lowest  sets below")
for kind, name in (("reference", "selective"), ("song", "on the note")):
    ours = results[f"five {name}"][kind]
    rest = torch.tensor([result[kind] for result in sets.values()])
    cells = f"{ours:18.0%}", f"{rest.mean():8.0%}", f"{rest.min():6.0%}"
    print(f"{kind:16}", *cells, f"{int((rest < ours).sum())} of {len(rest)}", sep="  ")

# %%
_, ax = plt.subplots(figsize=(6.08, 4.6), layout="constrained")
cells = [[f"{p:.0%}" if p < 0.995 else "" for p in row] for row in right.tolist()]
labels = {"xticklabels": grammar.KINDS, "yticklabels": list(results), "annot": cells}
labels |= {"title": "Right answers without these heads", "label": "share wrong"}
plots.heatmap(1 - right, vmin=0, vmax=1, ylabel="mean-ablated", ax=ax, **labels)
plots.caption(
    "Single heads of layers 1 and 2 can be spared, except 1.1. Share of right answers "
    "with the heads of each row mean-ablated; empty cells are 100%.",
    alt="A heatmap of 15 rows of ablated heads and 6 kinds of question. Layer 0 has "
    "empty cells and low ones, down to 66% for 0.0 and recall. In layers 1 and 2, only "
    "head 1.1 for reference is well below 100%. In the last three rows, reference is "
    "near one half, and song is 25% without the five heads on the note.",
)
plt.show()

# %%
# For songs, attention and need agree. Without the five heads, 25% of the notes are
# right: the lowest of all 56 sets, whose mean is 91%. For pronouns they don't. Without
# the five selective heads, 53% are right, about what a guess between two nouns would
# give. But the mean of all sets is 61%, and 24 of the 56 leave even less. Nor are the
# five needed for pronouns only: songs fall to 54%.
#
# Alone, no head of layer 2 is needed for anything: others do the same. Head 1.1 is the
# exception in layer 1. Does it make a set of five harmful?
print("head  in the set  not in it")
for head in later:
    cells = []
    for inside in (True, False):
        some = [r["reference"] for five, r in sets.items() if (head in five) == inside]
        cells.append(sum(some) / len(some))
    print("{}.{}   {:10.0%}  {:9.0%}".format(*head, *cells))

# %%
# Sets with head 1.1 leave 54% of the pronouns right, sets without it 71%: the largest
# loss. The head that attends to the *adjective* matters more than those that attend to
# the answer.
#
# Summary
# -------
# - The selectivity of a head measures whether it attends to the answer, and not to the
#   other candidate. In the toy, head 2.2 does so for both kinds of noun.
# - Ablations with all kinds of question and a control of equal size confirm the heads
#   that repeat songs, and not those that are selective for nouns.
# - A needed head may attend elsewhere: 1.1 attends to the adjective.
#
# Exercises
# ---------
# Why is a set of three other heads no control for a set of five?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Five heads are more of the model, whatever they do. Any five would look important.
#
# Further reading
# ---------------
# - Wang, Variengien, Conmy, Shlegeris and Steinhardt, *Interpretability in the Wild: a
#   Circuit for Indirect Object Identification in GPT-2 small* (ICLR 2023), section 3.
# - Michel, Levy and Neubig, *Are Sixteen Heads Really Better than One?* (NeurIPS 2019).
