"""
In-context retrieval: finding whose colour it was
=================================================

“Anna has a red ball. Tom has a blue kite. Tom still has his …”: both colours are in the
text, so the question is whose. Which heads find the right one? After this lesson you
can find such heads, and test whether they are needed or have substitutes.
"""

# %%
# Binding on paper
# ----------------
# Here the fact is in the text, and the model has to *retrieve* it; facts that it
# learned in training are in its weights (:doc:`lesson 5.13
# </lessons/05_prediction/13_facts_in_mlps>`). To retrieve a colour, a model must know
# which colour belongs to which name: **entity binding** (Feng and Steinhardt, 2024).
#
# Let the query ask for Tom, (0, 4). If the keys of the colours are equal, attention can
# only average them. If each key contains its owner's name, here (1, 0) for Anna and (0,
# 1) for Tom, it selects one. The values are (1, 0) for *red* and (0, 1) for *blue*.
import torch

query, values = torch.tensor([0.0, 4.0]), torch.eye(2)
for name, keys in (("unbound", torch.ones(2, 2)), ("bound", torch.eye(2))):
    scores = keys @ query
    alpha = scores.softmax(0)
    red, blue = alpha @ values
    print(f"{name:8} scores {scores.tolist()}  red {red:.3f}  blue {blue:.3f}")

# %%
# With unbound keys the head writes half *red* and half *blue*; with bound ones it
# writes 0.982 *blue*.
#
# Many stories of one form
# ------------------------
# We ask the toy (:doc:`the toy model </book/toy>`). The stories differ in the names and
# in the order of the colours; they ask for the first person's colour or the second
# person's. We store the positions of the colour that is asked for and of the other one.
import itertools

import lmviz
from lmviz.toy import grammar

toy = lmviz.load("toy")
stories, answers, asked_for, other = [], [], [], []
same_sex = []  # both names: then “her” or “his” does not tell whose
for a, b in itertools.permutations((*grammar.WOMEN, *grammar.MEN), 2):
    for one, two in (("red", "blue"), ("blue", "red")):
        for who, answer, position in ((a, one, 4), (b, two, 10)):
            end = f"{who} still has {'her' if who in grammar.WOMEN else 'his'}"
            stories.append(f"{a} has a {one} ball . {b} has a {two} kite . {end}")
            answers.append(toy.token_id(answer))
            asked_for.append(position)
            other.append(14 - position)  # 4 or 10
            same_sex.append((a in grammar.WOMEN) == (b in grammar.WOMEN))
ids = torch.stack([toy.encode(story) for story in stories])
answers, same_sex = torch.tensor(answers), torch.tensor(same_sex)


def run():
    """Return which answers are right, and the attention weights, (L, B, H, T, T)."""
    with torch.no_grad():
        output = toy.module(ids, output_attentions=True)
    right = output.logits[:, -1].argmax(-1) == answers
    return right.double(), torch.stack(output.attentions)


right, attentions = run()
print(f"{len(stories)} stories, such as: {stories[1]} …")
print(f"two of the same sex: {same_sex.double().mean():.0%} of the stories")
print(f"right answers: {right.mean():.0%}; a guess between the two colours: 50%")

# %%
# The heads that find the colour
# ------------------------------
# At the last word, each head has a weight on the colour that is asked for and one on
# the other colour. Their difference is the head's selectivity (:doc:`lesson 4.12
# </lessons/04_attention/12_heads_with_known_answers>`),
#
# .. math::
#    S = \frac1N \sum_{n=1}^{N} \big( \alpha_{T,\, \text{asked}_n}
#    - \alpha_{T,\, \text{other}_n} \big), \qquad
#    \alpha_{T} = \mathrm{softmax}\big(q_T K^\top / \sqrt{d_\text{head}}\big) .
#
# We first compute the weights of head 1.0 from the model's matrices, for one story.
from lmviz import transformer

part = transformer.extract(toy).blocks[1].attention
x = part.norm(toy.trace(stories[1]).hidden_states[1])
query, keys = part.query(x)[-1, :24], part.key(x)[:, :24]  # head 0, d_head = 24
alpha = (keys @ query / 24**0.5).softmax(0)
difference = float((alpha - attentions[1, 1, 0, -1]).abs().max())
print(f"largest absolute difference from the model's weights: {difference:.1e}")
assert difference < 1e-4


def weights_on(attentions, keys):
    """Return each head's mean weight from the last word on a key per story, (L, H)."""
    last = attentions[:, :, :, -1]  # (L, B, H, T)
    chosen = [last[:, story, :, key] for story, key in enumerate(keys)]
    return torch.stack(chosen).mean(0)


on_asked, on_other = (weights_on(attentions, keys) for keys in (asked_for, other))
selectivity = on_asked - on_other
heads = list(itertools.product(range(3), range(4)))
finders = [head for head in heads if selectivity[head] > 0.5]
print("head  on it  on the other")
for head in heads[4:]:
    print("{}.{}   {:5.2f}  {:12.2f}".format(*head, on_asked[head], on_other[head]))
print("finders:", *(f"{layer}.{head}" for layer, head in finders))

# %%
# Five heads, the *finders*, have a selectivity above 0.5: 1.0, 1.1, 1.3, 2.1 and 2.3.
# They attend to the colour of the right owner, with up to 0.98. No head attends mainly
# to the other colour.
#
# Are the finders needed?
# -----------------------
# We mean-ablate every set of one to five finders. The control is every set of five of
# the eight heads of layers 1 and 2.
from lmviz import attention

average = torch.stack([attention.mean_head_outputs(toy, row) for row in ids]).mean(0)


def without(heads):
    """Return the accuracy and the attention weights with some heads mean-ablated."""
    with attention.ablate_heads(toy, heads, replacement=average):
        right, attentions = run()
    return right.mean(), attentions


print("finders ablated  mean  lowest")
by_size = []
for size in (1, 2, 3, 4, 5):
    left = [without(some)[0] for some in itertools.combinations(finders, size)]
    by_size.append(torch.stack(left))
    print(f"{size:15}  {by_size[-1].mean():4.0%}  {by_size[-1].min():6.0%}")
sets = [five for five in itertools.combinations(heads[4:], 5) if five != tuple(finders)]
control = torch.stack([without(five)[0] for five in sets])
print(f"{len(sets)} other sets of five of layers 1 and 2:", end=" ")
print(f"mean {control.mean():.0%}, lowest {control.min():.0%}")
others = [head for head in heads if head not in finders]
for condition in ("with 0.0", "without 0.0"):
    fives = itertools.combinations(others, 5)
    some = [five for five in fives if ((0, 0) in five) == (condition == "with 0.0")]
    left = torch.stack([without(five)[0] for five in some])
    print(f"{len(some)} sets of five other heads, {condition}: mean {left.mean():.0%}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(6.08, 2.9), sharey=True, layout="constrained")
for size, left in enumerate(by_size, 1):
    axes[0].scatter([size] * len(left), left, color=plots.PALETTE[0], alpha=0.6)
axes[0].set(title="Sets of finders", xlabel="finders ablated", ylabel="accuracy")
axes[1].plot(control.sort().values, ".", label="other sets of five")
axes[1].plot([0], by_size[-1], "s", color=plots.PALETTE[1], label="the five finders")
axes[1].set(title="All sets of five heads", xlabel="sets, by accuracy", ylim=(0, 1.05))
axes[1].legend(loc="lower right")
for ax in axes:
    ax.axhline(0.5, color="0.7", lw=0.8)
plots.caption(
    "Only the loss of all five finders destroys retrieval. Left: accuracy with each "
    "set of one to five finders ablated. Right: with each set of five of the eight "
    "heads of layers 1 and 2. The line is a guess between the two colours.",
    alt="Left, points at 100% for one and two finders, at 90% or more for up to four, "
    "and one point at 47% for five. Right, the five finders are the lowest of 56 sets; "
    "most are at 100%.",
)
plt.show()

# %%
# Each finder alone can be spared, and so can any two; even with four of the five gone,
# at least 91% of the answers are right. Without all five, 47% are, as good as a guess.
# The control shows that this is not the effect of five missing heads: the other sets of
# five in these layers leave 97% on average and never less than 64%. Sets of five from
# all seven other heads, layer 0 included, leave 52% if they contain head 0.0, and 96%
# if not. We return to this head below.
#
# Redundancy or backup?
# ---------------------
# In GPT-2 small, Wang et al. (2023) found **backup heads**: they do little as long as
# other heads do the work, and step in when those are ablated. McGrath et al. (2023)
# found the same for whole layers and call it the hydra effect. Do the toy's finders of
# layer 2 step in for those of layer 1?
first = [head for head in finders if head[0] == 1]
_, changed = without(first)
after = weights_on(changed, asked_for) - weights_on(changed, other)
print("selectivity of  with all heads  without 1.0, 1.1, 1.3")
for head in [head for head in heads if head[0] == 2]:
    print("{}.{}  {:23.2f}  {:20.2f}".format(*head, selectivity[head], after[head]))

# %%
# Hardly: with the finders of layer 1 ablated, the selectivity of 2.3 rises from 0.82 to
# 0.85, and that of 2.1 by even less. It attended to the right colour all along. So the
# finders are redundant: each does the same work, whether the others do it or not. In
# both cases an ablation of one head finds nothing, and the conclusion that the head
# does nothing would be wrong.
#
# What must come before
# ---------------------
# A finder needs keys that contain the owner. Something must have brought the name to
# the colour, in an earlier layer. We ablate the heads of layer 0.
print("ablated      right  same sex  other stories  S of 1.0  S of 2.1")
for some in ([(0, 0)], [(0, 1)], [(0, 2)], [(0, 3)], [(0, 0), (0, 2)]):
    with attention.ablate_heads(toy, some, replacement=average):
        right, changed = run()
    after = weights_on(changed, asked_for) - weights_on(changed, other)
    cells = right.mean(), right[same_sex].mean(), right[~same_sex].mean()
    cells = [f"{p:8.0%}" for p in cells] + [
        f"{after[h]:8.2f}" for h in ((1, 0), (2, 1))
    ]
    print(f"{' and '.join('{}.{}'.format(*head) for head in some):11}", *cells)
mean = attentions[0].mean(0)  # layer 0, (H, T_q, T_k)
print("head  first colour to its name  second colour to its name")
for head in range(4):
    print(f"0.{head}   {mean[head, 4, 1]:24.2f}  {mean[head, 10, 7]:25.2f}")
print(f"head 0.0, last word to the name before it: {mean[0, 16, 13]:.2f}")

# %%
# Heads 0.0 and 0.2 attend to neither colour from the last word, and yet answers are
# lost without either of them. Without both, no finder finds anything: the selectivities
# are 0, and 50% of the answers are right. From a colour, these two attend to its
# owner's name more than the others do, with up to 0.66. So it is likely that they write
# the name to the colour, where the finders' keys read it. Head 0.0 also attends from
# the last word to the name that is asked for (0.81), which the query needs.
#
# Without head 0.0, why do stories about two women or two men suffer most?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    With a woman and a man, “her” or “his” tells whose colour it is. With two of the
#    same sex only the name does, and the toy can but guess: 48% are right.
#
# Attention shows where information could flow. Whether the name *is* at the colour
# takes another experiment, :doc:`activation patching
# </lessons/04_attention/14_activation_patching>`.
#
# Summary
# -------
# - In-context retrieval needs binding: the keys of the colours contain their owners.
# - Five finders attend to the right colour. Any one can be spared, all five can't: they
#   are redundant. Ablating single heads would have missed them.
# - A control needs as many heads from the same layers.
# - Heads that are needed may attend elsewhere: 0.0 and 0.2 attend to the names.
#
# Exercises
# ---------
# What is the selectivity of a head that always attends to the second colour?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It is 0, since half of the stories ask for the first person. If all asked for the
#    second one, it would be 1, and we would take the head for a finder.
#
# Further reading
# ---------------
# - Feng and Steinhardt, *How do Language Models Bind Entities in Context?* (ICLR 2024).
# - Wang, Variengien, Conmy, Shlegeris and Steinhardt, *Interpretability in the Wild: a
#   Circuit for Indirect Object Identification in GPT-2 small* (ICLR 2023).
# - McGrath, Rahtz, Kramár, Mikulik and Legg, *The Hydra Effect: Emergent Self-repair in
#   Language Model Computations* (2023).
