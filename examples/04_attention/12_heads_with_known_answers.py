"""
Head roles in a model whose answers are known
=============================================

Real text seldom comes with right answers by which to judge a head. The book's toy model
answers questions whose answers are known exactly. After this lesson you can find the
heads that attend to an answer, and test what the model loses without them.
"""

# %%
# Questions with known answers
# ----------------------------
# The **toy** is a GPT-2 with 3 layers of 4 heads, trained on stories that a grammar
# generates (:doc:`the toy model </book/toy>`). Some words of a story, in brackets
# below, are determined by earlier ones: they answer questions of six kinds. We take 50
# stories that were held out from training and contain both of these kinds:
#
# - *Reference*: “the scared one was the [horse]”. Animals can be scared or hungry,
#   things new or round, so the adjective tells which of two nouns is meant.
# - *Song*: the notes before the comma are repeated after it.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import itertools
import textwrap

import torch

import lmviz
from lmviz.toy import evaluate, grammar, language

toy = lmviz.load("toy")
unseen = language.stories("lesson", held_out=True)
both = (s for s in unseen if {"reference", "song"} <= {*s.kinds})
stories = list(itertools.islice(both, 50))
choices = zip(stories[0].words[1:-1], stories[0].kinds[:-1], strict=True)
text = " ".join(f"[{word}]" if kind else word for word, kind in choices)
print(*textwrap.wrap(text, 88), sep="\n")

ids, _ = evaluate.pad([story.words for story in stories])  # (stories, 64)
asked = {"reference": [], "song": []}  # (story, position of the query)
for number, story in enumerate(stories):
    for position, kind in enumerate(story.kinds):
        if kind in asked:
            asked[kind].append((number, position))


def answers():
    """Return the id of the most likely next word at each position of each story."""
    with torch.no_grad():
        return toy.module(ids).logits.argmax(-1)


for kind, queries in asked.items():
    n, i = torch.tensor(queries).T
    right = answers()[n, i] == ids[n, i + 1]
    print(f"{kind}: {len(queries)} questions, {right.double().mean():.0%} right")

# %%
# A score for a head
# ------------------
# A head that finds the answer attends to the noun that is meant, and not to the other
# one. Over :math:`N` questions with queries :math:`i_n`, its **selectivity** is
#
# .. math::
#    S = \frac1N \sum_{n=1}^{N}
#    \big( \alpha_{i_n,\, \text{meant}_n} - \alpha_{i_n,\, \text{other}_n} \big) .
#
# It is 1 if all weight is on the nouns that are meant. Take two heads and two
# questions: in the first the animal is meant, in the second the thing.
weights = {  # on (the animal, the thing), for each question
    "attends to animals": torch.tensor([[0.8, 0.0], [0.8, 0.0]]),
    "finds the answer": torch.tensor([[0.8, 0.0], [0.2, 0.6]]),
}
is_meant = torch.tensor([[True, False], [False, True]])
for name, alpha in weights.items():
    terms = torch.where(is_meant, alpha, -alpha).sum(1)
    print(f"{name:18}  terms {terms[0]:.1f}, {terms[1]:.1f}  S = {terms.mean():.1f}")

# %%
# The first head always attends to the animal, so its terms cancel, and its selectivity
# is 0.0. That of the second is 0.6. So we also average over each kind separately.
#
# In the toy, the query is the last “the”. We find the two nouns by searching backwards
# for an animal and a thing. The adjective occurs twice; its weights are summed.
from lmviz import attention

with torch.no_grad():
    attentions = torch.stack(toy.module(ids, output_attentions=True).attentions)
pronouns = {"animal": [], "thing": []}  # story, query, id of the right and other noun
terms, on_adjective = {"animal": [], "thing": []}, []
for number, i in asked["reference"]:
    words = stories[number].words
    animal = max(j for j in range(i) if words[j] in grammar.ANIMALS)
    thing = max(j for j in range(i) if words[j] in grammar.THINGS)
    # “the scared one was the”: the adjective is 3 positions before the query.
    adjective = [j for j in range(animal, i) if words[j] == words[i - 3]]
    noun = "animal" if words[i + 1] == words[animal] else "thing"
    meant, other = (animal, thing) if noun == "animal" else (thing, animal)
    alpha = attentions[:, number, :, i]  # (L, H, keys)
    pronouns[noun].append((number, i, ids[number, meant], ids[number, other]))
    terms[noun].append(alpha[..., meant] - alpha[..., other])
    on_adjective.append(alpha[..., adjective].sum(-1))
columns = [torch.stack(terms[noun]).mean(0) for noun in terms]
columns.append(torch.stack(terms["animal"] + terms["thing"]).mean(0))
columns.append(torch.stack(on_adjective).mean(0))
later = list(itertools.product((1, 2), range(4)))  # the heads of layers 1 and 2
print("head  S, animal  S, thing  S, both  weight on the adjective")
for head in later:
    cells = [f"{float(x[head]):8.2f}" for x in columns]
    print("{}.{} ".format(*head), *cells, sep="  ")

# %%
# If an animal is meant, heads 1.3, 2.0 and 2.2 find it, with a selectivity of 0.99 or
# more; if a thing is meant, heads 1.0, 2.1, 2.2 and 2.3 do, with 0.94 or more. We call
# them the *animal finders* and the *thing finders*. Only 2.2 finds both. Averaged over
# both nouns, the others have an :math:`S` of about one half, and 1.0 of only 0.11,
# since it attends to the thing even if the animal is meant (−0.71). Head 1.1 isn't
# selective, but puts all of its weight on the adjective.
#
# The heads that repeat a song
# ----------------------------
# In a song, the answer is the corresponding note before the comma. If the query is a
# note, the weight on this key is an induction score (:doc:`lesson 4.8
# </lessons/04_attention/08_induction_heads>`). If the query is the comma, which has no
# earlier copy, the head must find the first note, which follows “sings”, by another
# rule. The baseline is a head that attends to all keys evenly.
on_note, even = {"first note": [], "later notes": []}, []
songs = {name: [] for name in on_note}  # story, query, id of the right note
for number, i in asked["song"]:
    words = stories[number].words
    comma = max(j for j in range(i + 1) if words[j] == ",")
    start = max(j for j in range(comma) if words[j] == "sings") + 1
    source = start + i - comma  # as many notes after the start
    name = "first note" if i == comma else "later notes"
    songs[name].append((number, i, ids[number, source]))
    on_note[name].append(attentions[:, number, :, i, source])
    even.append(1 / (i + 1))
on_note = {name: torch.stack(x).mean(0) for name, x in on_note.items()}
for name, x in on_note.items():
    best = attention.strongest(x, 6)
    print(f"{name}:", *(f"{layer}.{head} {value:.2f} " for layer, head, value in best))
print(f"evenly: {sum(even) / len(even):.2f}")

# %%
# The same five heads come first in both cases: 1.0, 1.3, 2.0, 2.2 and 2.3. At the
# comma, each has a weight of 0.74 or more on the first note. At a note, 2.2 has only
# 0.66, and 2.1 follows with 0.40. An even head would have 0.04. All five also find
# nouns. What is the role of head 2.0?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It continues songs and finds animals. A role is relative to a set of texts.
#
# Mean ablation
# -------------
# Which heads are needed? *Mean ablation* replaces the output of a head :math:`h` at
# every position with its average over the :math:`T_n` positions of a story, averaged
# over the :math:`N` stories, so that later layers still get typical inputs:
#
# .. math:: \bar o^{(h)} = \frac{1}{N} \sum_n \frac{1}{T_n} \sum_i o^{(h)}_{n,\,i} .
texts = [row[: len(story.words)] for row, story in zip(ids, stories, strict=True)]
means = [attention.mean_head_outputs(toy, text) for text in texts]
average = torch.stack(means).mean(0)

# %%
# Two kinds of error
# ------------------
# An answer to “the scared one was the …” can be wrong in two ways: it can be the other
# noun of the sentence, or another word of the right kind. We count them separately. A
# fair control for a set of heads is a set of the same size without any of them. Layers
# 1 and 2 have eight heads, so there are ten such sets for the three animal finders, and
# one for the four thing finders. The five song heads leave only three others, so we
# rank them among all sets of five, which overlap with them.
words_of = {"animal": grammar.ANIMALS, "thing": grammar.THINGS}
words_of = {k: torch.tensor([*map(toy.token_id, x)]) for k, x in words_of.items()}


def replies(heads):
    """Return the shares of answers in the columns of the table below."""
    with attention.ablate_heads(toy, heads, replacement=average):
        best, shares = answers(), []
    for noun, queries in pronouns.items():
        n, i, meant, other = torch.tensor(queries).T
        said = best[n, i]
        same_kind = torch.isin(said, words_of[noun]) & (said != meant)
        shares += [said == meant, said == other, same_kind]
    for queries in songs.values():
        n, i, note = torch.tensor(queries).T
        shares.append(best[n, i] == note)
    return torch.stack([share.double().mean() for share in shares])


sets = {
    "animal finders": [(1, 3), (2, 0), (2, 2)],
    "thing finders": [(1, 0), (2, 1), (2, 2), (2, 3)],
    "song heads": [(1, 0), (1, 3), (2, 0), (2, 2), (2, 3)],
    "largest S, both": [(h, i) for h, i, _ in attention.strongest(columns[2], 5)],
    "1.1": [(1, 1)],
    "layer 1": later[:4],
    "layer 2": later[4:],
}
table = {name: replies(some) for name, some in sets.items()}
for name in ("animal finders", "thing finders"):
    rest = [head for head in later if head not in sets[name]]
    control = itertools.combinations(rest, len(sets[name]))
    table[f"not {name}"] = torch.stack([replies(some) for some in control]).mean(0)
fives = torch.stack([replies(five) for five in itertools.combinations(later, 5)])
table |= {"any five, mean": fives.mean(0), "any five, min": fives.amin(0)}
alone = [replies(head) for head in later if head != (1, 1)]
table["one but 1.1, min"] = torch.stack(alone).amin(0)
print("                     an animal is meant   a thing is meant     right notes")
print("ablated              right  thing animal  right animal  thing  first  later")
for name, row in table.items():
    print(f"{name:19}", *(f"{share:5.0%}" for share in row), sep="  ")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(6.08, 3.2), sharey=True, layout="constrained")
shown = [*sets, "not animal finders", "not thing finders"][::-1]
for ax, start, noun in zip(axes, (0, 3), ("an animal", "a thing"), strict=True):
    left = torch.zeros(len(shown))
    rows = torch.stack([table[name][start : start + 3] for name in shown]).T
    kinds = ("right", "the other noun", "another word of its kind")
    for row, kind, colour in zip(rows, kinds, ("C0", "C1", "0.75"), strict=True):
        ax.barh(shown, row, left=left, color=colour, label=kind)
        left = left + row
    ax.set(title=f"{noun} is meant".capitalize(), xlabel="share of the answers")
axes[0].set_ylabel("mean-ablated heads")
axes[0].figure.legend(
    *ax.get_legend_handles_labels(), loc="outside lower center", ncol=3
)
plots.caption(
    "Each group of finders is needed for its kind of noun. Answers to “the scared one "
    "was the” with the heads of each row mean-ablated. Without layer 1, errors name "
    "the other noun; without finders, another animal or thing.",
    alt="Two panels with nine stacked bars. On the left, most answers name another "
    "animal without the animal finders, the song heads or the five heads of largest S; "
    "without layer 1, they name the thing. On the right, most are wrong only without "
    "the thing finders, and name another thing.",
)
plt.show()

# %%
# Selectivity predicts which heads are needed, if it is computed per kind of noun.
# Without the animal finders, the toy gets 11% of the animals right and all things;
# without the thing finders, 4% of the things and all animals. Without three other
# heads, it gets 89% of the animals right on average; without four others, all things.
#
# The errors show what the finders do. Without the animal finders, the answer to 89% of
# the questions about animals is *another* animal, never the thing. So the model still
# knows that an animal is meant, but can't tell which one. Without layer 1 it is the
# reverse: all answers name the thing, whichever noun is meant. Head 1.1, which attends
# to the adjective, plays a part: without it, 33% of the answers about animals name the
# thing. So layer 1 determines the kind of noun, and the finders copy the noun.
#
# An average over both nouns hides this. Without the five heads with the largest overall
# :math:`S`, the toy gets 7% of the animals and 100% of the things right: about half of
# all, which only looks like a guess between two nouns.
#
# For songs, too, the heads that attend to the answer are needed. Without the five, 32%
# of the first notes and 21% of the later ones are right. No other set of five leaves
# fewer; the averages over all such sets are 96% and 88%. Any single head of layers 1
# and 2 but 1.1 can be spared.
#
# Summary
# -------
# - The selectivity of a head measures whether it attends to the answer, and not to the
#   other candidate. An average over kinds of question can hide this.
# - Ablating the finders of one kind of noun harms only answers of this kind; sets of
#   the same size without them do little harm.
# - The kind of error shows the role: finders copy the noun, layer 1 selects its kind.
#
# Exercises
# ---------
# Why is a set of three other heads no control for a set of five?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Ablating more heads does more damage on average, whatever their roles.
#
# Further reading
# ---------------
# - Wang, Variengien, Conmy, Shlegeris and Steinhardt, *Interpretability in the Wild: a
#   Circuit for Indirect Object Identification in GPT-2 small* (ICLR 2023), section 3.
# - Michel, Levy and Neubig, *Are Sixteen Heads Really Better than One?* (NeurIPS 2019).
