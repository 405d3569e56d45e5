"""
In-context retrieval: finding whose colour it was
=================================================

In “Anna has a red ball. Tom has a blue kite. Tom still has his …”, the text contains
both colours, but only one is Tom's. Which heads find the right one? After this lesson
you can find such heads, and test whether they are needed or can be replaced by others.
"""

# %%
# Binding on paper
# ----------------
# To retrieve a colour from the text, a model must know which colour belongs to which
# name: **entity binding** (Feng and Steinhardt, 2024). Facts learned in training are in
# the weights instead (:doc:`lesson 5.13 </lessons/05_prediction/13_facts_in_mlps>`).
#
# Let the query (0, 4) ask for Tom. If the keys of the two colours are equal, attention
# can only average the values. If each key contains its owner, (1, 0) for Anna and (0,
# 1) for Tom, it selects one. The values are (1, 0) for *red* and (0, 1) for *blue*.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

query, values = torch.tensor([0.0, 4.0]), torch.eye(2)
for name, keys in (("unbound", torch.ones(2, 2)), ("bound", torch.eye(2))):
    scores = keys @ query
    alpha = scores.softmax(0)
    red, blue = alpha @ values
    print(f"{name:8} scores {scores.tolist()}  red {red:.3f}  blue {blue:.3f}")

# %%
# With unbound keys the head writes half *red* and half *blue*; with bound keys it
# writes 0.982 *blue*. In large models, Feng and Steinhardt found another form: names
# and attributes carry abstract *binding IDs*, which do not depend on the name.
#
# Many stories of one form
# ------------------------
# We ask the toy (:doc:`the toy model </book/toy>`). The stories differ in the names, in
# the order of the colours, and in whose colour they ask for. The names are at positions
# 1 and 7, the colours at 4 and 10, and the last word is at 16.
import itertools

import lmviz
from lmviz.toy import grammar

toy = lmviz.load("toy")
stories, answers, others, asked_for, other, same_sex = [], [], [], [], [], []
for a, b in itertools.permutations((*grammar.WOMEN, *grammar.MEN), 2):
    for one, two in (("red", "blue"), ("blue", "red")):
        for who, answer, wrong, position in ((a, one, two, 4), (b, two, one, 10)):
            end = f"{who} still has {'her' if who in grammar.WOMEN else 'his'}"
            stories.append(f"{a} has a {one} ball . {b} has a {two} kite . {end}")
            answers.append(toy.token_id(answer))
            others.append(toy.token_id(wrong))
            asked_for.append(position)
            other.append(14 - position)  # 4 or 10
            same_sex.append((a in grammar.WOMEN) == (b in grammar.WOMEN))
ids = torch.stack([toy.encode(story) for story in stories])
answers, others, same_sex = map(torch.tensor, (answers, others, same_sex))


def run():
    """Return which stories get the right or the other colour, and all weights."""
    with torch.no_grad():
        output = toy.module(ids, output_attentions=True)
    best = output.logits[:, -1].argmax(-1)
    attentions = torch.stack(output.attentions)  # (L, B, H, T, T)
    return (best == answers).double(), (best == others).double(), attentions


right, _, attentions = run()
print(f"{len(stories)} stories, {right.mean():.0%} right, such as: {stories[1]} …")

# %%
# The heads that find the colour
# ------------------------------
# At the last word, each head has a weight on the colour that is asked for and one on
# the other colour. Their mean difference is the head's selectivity (:doc:`lesson 4.12
# </lessons/04_attention/12_heads_with_known_answers>`),
#
# .. math:: S = \frac1N \sum_n \big( \alpha_{T,\, \text{asked}_n}
#    - \alpha_{T,\, \text{other}_n} \big) .
from lmviz import transformer

# The weights of head 1.0 from the model's matrices, for one story.
part = transformer.extract(toy).blocks[1].attention
x = part.norm(toy.trace(stories[1]).hidden_states[1])
query, keys = part.query(x)[-1, :24], part.key(x)[:, :24]  # head 0, d_head = 24
alpha = (keys @ query / 24**0.5).softmax(0)
difference = float((alpha - attentions[1, 1, 0, -1]).abs().max())
print(f"largest absolute difference from the model's weights: {difference:.1e}")
assert difference < 1e-4


def weights(attentions):
    """Return the mean weights from the last word on both colours, each (L, H)."""
    last, rows = attentions[:, :, :, -1], range(len(ids))  # (L, B, H, T)
    return last[:, rows, :, asked_for].mean(0), last[:, rows, :, other].mean(0)


on_asked, on_other = weights(attentions)
selectivity = on_asked - on_other
heads = list(itertools.product(range(3), range(4)))
finders = [head for head in heads if selectivity[head] > 0.5]
print("head  right colour  other colour")
for head in heads[4:]:
    print("{}.{}   {:12.2f}  {:12.2f}".format(*head, on_asked[head], on_other[head]))

# %%
# Five heads, the *finders*, have a selectivity above 0.5: 1.0, 1.1, 1.3, 2.1 and 2.3.
# They attend to the right owner's colour with weights of up to 0.98. Head 1.2 does so
# less clearly (0.61 against 0.16). No head attends mainly to the other colour.
#
# Are the finders needed?
# -----------------------
# We mean-ablate every set of one to five finders. We compare all five with the other
# sets of five in layers 1 and 2, which overlap with them. Sets without any finder must
# include heads of layer 0; we leave out 0.0, the subject of the last section.
from lmviz import attention

average = torch.stack([attention.mean_head_outputs(toy, row) for row in ids]).mean(0)


def without(heads, positions=slice(None)):
    """Mean-ablate heads, (layer, head), at some positions, and return run()."""
    hooks = []
    for layer, head in heads:

        def replace(_, inputs, layer=layer, head=head):
            x = inputs[0].clone()  # (B, T, 96), heads concatenated
            x[:, positions, 24 * head : 24 * head + 24] = average[layer, head]
            return (x,)

        part = toy.module.transformer.h[layer].attn.c_proj
        hooks.append(part.register_forward_pre_hook(replace))
    result = run()
    for hook in hooks:
        hook.remove()
    return result


print("finders ablated  mean  lowest")
by_size = []
for size in (1, 2, 3, 4, 5):
    left = [without(some)[0].mean() for some in itertools.combinations(finders, size)]
    by_size.append(torch.stack(left))
    print(f"{size:15}  {by_size[-1].mean():4.0%}  {by_size[-1].min():6.0%}")
sets = [five for five in itertools.combinations(heads[4:], 5) if five != tuple(finders)]
control = torch.stack([without(five)[0].mean() for five in sets])
print(f"{len(sets)} other sets of five of layers 1 and 2:", end=" ")
print(f"mean {control.mean():.0%}, lowest {control.min():.0%}")
rest = [head for head in heads if head not in finders and head != (0, 0)]
disjoint = [without(five)[0].mean() for five in itertools.combinations(rest, 5)]
print(f"{len(disjoint)} sets without finders: mean {torch.stack(disjoint).mean():.0%}")
print("ablated       right  other colour  neither  right / (right + other)")
for name, some in (("five finders", finders), ("five and 1.2", [*finders, (1, 2)])):
    one, two = (named.mean() for named in without(some)[:2])
    cells = f"{one:5.0%}  {two:12.0%}  {1 - one - two:7.0%}  {one / (one + two):5.0%}"
    print(f"{name:12}  {cells}")

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
plots.caption(
    "Accuracy collapses only when all five finders are ablated. Left: accuracy without "
    "each set of one to five finders. Right: accuracy without each set of five of the "
    "eight heads of layers 1 and 2.",
    alt="Left, points at 100% for one and two finders, at 90% or more for up to four, "
    "and one point at 47% for five. Right, the five finders are the lowest of 56 sets; "
    "most are at 100%.",
)
plt.show()

# %%
# Any one finder can be spared, and so can any two; without any four of the five, at
# least 91% of the answers are right. Without all five, 47% are. Without the other sets
# of five in these layers, 97% are right on average and never less than 64%; without
# five heads that are not finders, 96% are.
#
# The 47% do not come from guessing between the two colours. The toy names the other
# colour in 14% of the stories, and a third colour in 39%; if it names one of the two,
# it is right in 77% of cases. This is due to head 1.2, a sixth and weaker finder: if it
# is ablated as well, the two colours are named about equally often (31% and 30%).
#
# Redundancy or backup?
# ---------------------
# In GPT-2 small, Wang et al. (2023) found **backup heads**: they do little as long as
# other heads do the work, and step in when those are ablated. McGrath et al. (2023)
# found that whole attention layers compensate, too. Do the finders of layer 2 step in
# for those of layer 1? We take head 2.1 and measure its selectivity and its *direct
# effect*: what the head itself adds to the difference of the two colours' logits. This
# is its contribution to the residual stream, divided by the divisor of the final norm,
# times the difference of two columns of the output matrix (:doc:`lesson 5.12
# </lessons/05_prediction/12_direct_logit_attribution>`).
projection, norm = toy.module.transformer.h[2].attn.c_proj, toy.module.transformer.ln_f
kept = {}  # the inputs of both modules at the last word
for part in (projection, norm):
    part.register_forward_pre_hook(lambda m, x: kept.update({m: x[0][:, -1]}))
output = toy.module.lm_head.weight
columns = norm.weight * (output[answers] - output[others])
columns = columns - columns.mean(-1, keepdim=True)  # LayerNorm subtracts the mean
print("ablated        S of 2.1  part before the norm  divisor  direct effect")
for name, some in {"none": [], "1.0, 1.1, 1.3": finders[:3]}.items():
    one, two = weights(without(some)[-1])
    part = kept[projection][:, 24:48] @ projection.weight[24:48]  # of head 2.1
    part, divisor = (part * columns).sum(-1), kept[norm].std(-1, correction=0)
    print(f"{name:13}  {(one - two)[2, 1]:8.2f}  {part.mean():20.2f}", end="  ")
    print(f"{divisor.mean():7.1f}  {(part / divisor).mean():13.2f}")

# %%
# The attention of 2.1 hardly changes: it attended to the right colour all along. So the
# finders are redundant. But its direct effect rises from 0.32 to 0.60. A small part of
# this rise is in the head's output (from 4.71 to 5.77). Most comes from the final norm:
# the stream is shorter, so it is divided by 9.7 instead of 14.8. Rushing and Nanda
# (2024) describe this as one mechanism of *self-repair*.
#
# What must come before
# ---------------------
# A finder needs keys that contain the owner. So an earlier layer must have brought the
# name to the colour. We ablate heads of layer 0 at all positions, at the two colours,
# or at the last word.
where = {"everywhere": slice(None), "colours": [4, 10], "last word": [16]}
print("ablated      where       right  same sex  other colour  S of 1.0")
for some in ([0], [2], [0, 2], [1, 3]):
    for name, positions in where.items():
        right, wrong, changed = without([(0, head) for head in some], positions)
        one, two = weights(changed)
        cells = right.mean(), right[same_sex].mean(), wrong.mean()
        cells = [f"{share:7.0%}" for share in cells] + [f"{(one - two)[1, 0]:8.2f}"]
        print(f"{' and '.join(f'0.{h}' for h in some):11}  {name:10}", *cells)
mean = attentions[0].mean(0)  # layer 0, (H, T_q, T_k)
pairs = [f"0.{h} {mean[h, 4, 1]:.2f} and {mean[h, 10, 7]:.2f}" for h in range(4)]
print("weight from the first and second colour to their owners:", *pairs, sep="\n")
print(f"head 0.0, last word to the name before it: {mean[0, 16, 13]:.2f}")

# %%
# At a colour, heads 0.0 and 0.2 attend to the owner's name more than the others do,
# with 0.43 and 0.66 at the first colour. There each can replace the other: ablating 0.0
# at the colours leaves 99% right, ablating 0.2 leaves 92%, and ablating both leaves
# 51%. Head 0.0 is also needed at the last word, where it attends to the name that is
# asked for (0.81). Without it there, 66% are right, and 34% name the other colour,
# never a third one. So the keys need one of the two heads, and the query needs 0.0.
#
# Attention shows where information could flow. Testing whether the name *is* there
# takes :doc:`activation patching </lessons/04_attention/14_activation_patching>`.
#
# Summary
# -------
# - In-context retrieval needs binding: the keys of the colours contain their owners.
# - Five finders attend to the right colour. Any one can be spared, but not all five:
#   they are redundant. Ablating single heads would have missed them.
# - The kind of error distinguishes a guess between two colours from a lost colour.
# - Ablation by position separates roles: 0.0 and 0.2 share the work at the colours, and
#   0.0 alone fetches the name for the query.
#
# Exercises
# ---------
# Without head 0.0, why does accuracy fall most in stories about two women or two men?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    With a woman and a man, “her” or “his” tells whose colour it is. With two of the
#    same sex, only the name does, and the toy can only guess: 48% are right.
#
# Further reading
# ---------------
# - Feng and Steinhardt, *How do Language Models Bind Entities in Context?* (ICLR 2024).
# - Wang, Variengien, Conmy, Shlegeris and Steinhardt, *Interpretability in the Wild: a
#   Circuit for Indirect Object Identification in GPT-2 small* (ICLR 2023).
# - McGrath, Rahtz, Kramár, Mikulik and Legg, *The Hydra Effect: Emergent Self-repair in
#   Language Model Computations* (2023).
# - Rushing and Nanda, *Explorations of Self-Repair in Language Models* (ICML 2024).
