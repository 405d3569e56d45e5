"""
Analogies, and why they look better than they are
=================================================

King minus man plus woman is queen: the most famous sum about words. It says that a
direction can mean something, such as "from male to female". Does it hold in the
embedding table of a language model, and how would one know?
"""

# %%
# An analogy is a walk: start at *king*, take the step that leads from *man* to *woman*,
# and ask which row of the table is closest to where you arrive.
import lmviz
from lmviz import embeddings, transformer

lm = lmviz.load()
table = transformer.token_table(lm)


def row(word):
    return int(lm.encode(f" {word}")[-1])  # the last token, should there be more


def show(ids, cosines):
    for token, cosine in zip(lm.tokens(ids), cosines.tolist(), strict=True):
        print(f"{token:12} {cosine:.2f}")


man, woman, king = map(row, ("man", "woman", "king"))
show(*embeddings.analogy(table, man, woman, king))

# %%
# That list had help. By custom the three words of the question are left out of the
# answers. Let them in: has the walk led anywhere, or is *king* still close by?
show(*embeddings.analogy(table, man, woman, king, exclude_inputs=False))

# %%
# One example is an anecdote. Here are four kinds of relation with five pairs each. Any
# two pairs of a kind make a question: *man* is to *woman* as *king* is to whom? That is
# twenty questions a kind, each with one right answer among all tokens.
from itertools import permutations

import torch

kinds = {
    "capital": "France Paris, Italy Rome, Spain Madrid, Japan Tokyo, Germany Berlin",
    "gender": "man woman, king queen, father mother, son daughter, boy girl",
    "plural": "dog dogs, house houses, tree trees, book books, car cars",
    "past": "walk walked, play played, open opened, work worked, call called",
}
pairs = {
    kind: [[row(word) for word in pair.split()] for pair in text.split(", ")]
    for kind, text in kinds.items()
}


def questions(pairs):
    return torch.tensor([a + b for a, b in permutations(pairs, 2)]).T


# %%
# A baseline is due. Perhaps the step from *man* to *woman* does nothing, and *queen* is
# simply a close neighbour of *king*. So each question is answered three times: by the
# sum; by the nearest neighbour of *king* (the sum without its step), which is often
# another spelling; and by the sum once more, with no word left out.
def shares_right(table, pairs):
    a, b, c, d = questions(pairs)
    every = embeddings.analogy(table, a, b, c, k=1, exclude_inputs=False)
    answers = [
        ("vector offset", embeddings.analogy(table, a, b, c, k=1)),
        ("nearest neighbour", embeddings.analogy(table, a, a, c, k=1)),
        ("offset, no word excluded", every),
    ]
    return {name: float((ids[:, 0] == d).float().mean()) for name, (ids, _) in answers}


right = {kind: shares_right(table, them) for kind, them in pairs.items()}

# %%
# For each relation, the share of its questions that are answered right.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 4.4), layout="constrained")
for i, name in enumerate(right["gender"]):
    places = [place + 0.27 * i for place in range(4)]
    values = [share[name] for share in right.values()]
    bars = ax.barh(places, values, 0.25, label=name, color=plots.PALETTE[i])
    ax.bar_label(bars, fmt="%.2f", padding=2)
ax.set_yticks([place + 0.27 for place in range(4)], list(kinds))
ax.invert_yaxis()
ax.tick_params(axis="y", length=0)
ax.set(
    title="Analogies answered correctly,\nby three methods",
    xlabel="share of 20 questions",
    ylabel="relation",
    xlim=(0, 1.15),
)
ax.legend(loc="upper left", bbox_to_anchor=(0, -0.12))
plots.caption(
    "The vector offset answers many analogies if the question's own words are "
    "excluded. Share of correct answers with the vector offset, with the nearest "
    "neighbour of the third word alone, and with the offset when no word is excluded.",
    alt="Three bars for each of four relations: "
    + "; ".join(
        f"{kind} " + ", ".join(f"{share:.2f}" for share in shares.values())
        for kind, shares in right.items()
    )
    + ".",
)
plt.show()

# %%
# The mistake is to take the famous example for the rule, or its failure for the proof
# that there is nothing. A fairer question leaves the neighbours aside: do the steps of
# one relation point the same way? Compare them with steps to the answer of another
# pair, such as from France to Berlin, which lead from a country to a capital too.
torch.manual_seed(0)
for kind, them in pairs.items():
    start, end = table[torch.tensor(them)].unbind(1)
    agree = []
    for steps in (end - start, end.roll(1, 0) - start):
        cosines = embeddings.cosine(steps, steps)
        agree.append(cosines[~torch.eye(len(them), dtype=torch.bool)].mean())
    print(f"{kind:8} mean cosine of two steps: {agree[0]:.2f}, mixed {agree[1]:5.2f}")

# %%
# The check of the ruler: where all steps are made the same, each answer must be right.
planted = torch.randn(1000, 64)
planted[5:10] = planted[:5] + torch.randn(64)
found = shares_right(planted, [[i, i + 5] for i in range(5)])["vector offset"]
print(f"answered right in the planted table: {found:.0%}")
assert found == 1

# %%
# **Takeaway.** Directions can carry meaning, but one lucky sum does not show it: count
# over many, beside what no step at all would give.
#
# **Try it.** Ask backwards: from *queen* to *king*, for all pairs (swap the words of
# each pair). Predict whether the same questions succeed.
#
# **Sources.** Mikolov, Yih and Zweig, *Linguistic Regularities in Continuous Space Word
# Representations* (NAACL 2013). Linzen, *Issues in Evaluating Semantic Spaces Using
# Word Analogies* (2016), on the words left out.
