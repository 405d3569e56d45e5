"""
"It" is the dog or the ball
===========================

"The dog chased the ball because it was excited": it is the dog. "Because it was red":
it is the ball. Every introduction to attention shows a head that looks from *it* to
the right noun. Does it happen in a language model, and how would we know?
"""

# %%
# The word that settles the question comes **after** the pronoun. A model that writes
# from left to right has not read it yet when it stands at *it*. So before looking at a
# single head, we know the answer: both sentences must show the same.
import lmviz

lm = lmviz.load()
start = "The dog chased the ball because it was"
dog = lm.trace(f"{start} excited.")
ball = lm.trace(f"{start} red.")
it_at = dog.tokens.index("␣it")
rows = [trace.attentions[:, :, it_at, : it_at + 1] for trace in (dog, ball)]
difference = float((rows[0] - rows[1]).abs().max())
print("tokens:", dog.tokens)
print(f"what 'it' looks at, largest absolute difference: {difference:.1e}")
assert difference < 1e-4


# %%
# The famous pictures come from models that read both ways, or show one sentence alone.
# Still one may ask: which of the two nouns does *it* look at more, before the matter is
# settled? Each head leans to the dog or to the ball, by the difference of the two
# weights.
def leans(trace, query):
    row = trace.attentions[:, :, query]
    return row[..., trace.tokens.index("␣dog")] - row[..., trace.tokens.index("␣ball")]


lean = leans(dog, it_at)
strong = lean.abs() > 0.1
print(f"{int(strong.sum())} of {lean.numel()} heads lean by more than 0.1")

# %%
# Here is the difference for all heads.
import matplotlib.pyplot as plt

from lmviz import plots

limit = float(lean.abs().max())
_, ax = plt.subplots(figsize=(7.68, 3), layout="constrained")
title = "What “it” attends to: the dog (violet) or the ball (orange)"
labels = {"xlabel": "layer", "ylabel": "head", "label": "weight on dog minus on ball"}
limits = {"vmin": -limit, "vmax": limit}
plots.heatmap(lean.T, title=title, **labels, **limits, ax=ax)
plots.caption(
    "Heads disagree about “it”. Violet: the query “it” puts more weight on “dog” than "
    f"on “ball”; orange: more on “ball”. In {int(strong.sum())} of {lean.numel()} "
    "heads the two weights differ by more than 0.1.",
    alt="A heatmap with a row per head and a column per layer. Most cells are pale; "
    "most of the strong ones are orange and in the later two thirds of the layers.",
)
plt.show()

# %%
# There are heads that look at the dog, so it is tempting to stop here. But with many
# heads some must lean somewhere, and in this sentence the dog is also the first noun,
# the subject, and farther away. So let the nouns change places. A head that means the
# dog must still look at the dog. (By chance half of them would lean the same way. Are
# there fewer? Then most go by the place of a noun, not by the noun.)
from lmviz import attention

swapped = lm.trace("The ball was chased by the dog because it was excited.")
lean_then = leans(swapped, swapped.tokens.index("␣it"))
for name, score in (("dog", lean), ("ball", -lean)):
    [(layer, head, _)] = attention.strongest(score, 1)
    now, then = lean[layer, head], lean_then[layer, head]
    print(f"most for the {name}: layer {layer}, head {head};", end=" ")
    print(f"lean {now:+.2f}, with the nouns swapped {then:+.2f}")
stay = int((lean * lean_then > 0)[strong].sum())
print(f"the same way in both: {stay} of the {int(strong.sum())} heads from above")

# %%
# Try it with any head, on the swapped sentence: choose one of strong colour in the
# picture above, then ``␣it`` in the row of tokens. If the head goes by the noun, the
# same noun is the stronger again; if by its place, it is now the other one.
from lmviz import views

views.attention(swapped.attentions, swapped.tokens, title="The nouns swapped")

# %%
# Does the model know, then? Ask it, after the settling word: "The excited one was the".
# Now it must choose. But dogs are hungry and balls are round in any story, so beside
# each answer stands what the model says to the question alone, with no story before it.
# (A difference of two logits is the logarithm of how many times likelier one is.)
orders = {
    "dog first": "The dog chased the ball",
    "ball first": "The ball was chased by the dog",
}
nouns = [int(lm.encode(f" {word}")[-1]) for word in ("dog", "ball")]


def dog_over_ball(trace):
    dog_logit, ball_logit = trace.logits[-1, nouns].tolist()
    return dog_logit - ball_logit


asked = {}
for word in ("excited", "hungry", "red", "round"):
    question = f"The {word} one was the"
    print(f"{word:8} alone {dog_over_ball(lm.trace(question)):+.2f}", end="")
    for order, story in orders.items():
        asked[order, word] = lm.trace(f"{story} because it was {word}. {question}")
        print(f", {order} {dog_over_ball(asked[order, word]):+.2f}", end="")
    print()

# %%
# Where the answer to the bare question is the same, a right answer after the story
# proves nothing: it may come from which words go together, not from who was meant.
#
# And the heads? Here, at the end, they can differ between the sentences. Which of them
# leans more to the dog after *excited* than after *red*? It is looked for in one order
# of the nouns and tried in the other, for in so many heads chance finds something too.
turn = {
    order: leans(asked[order, "excited"], -1) - leans(asked[order, "red"], -1)
    for order in orders
}
[(layer, head, _)] = attention.strongest(turn["dog first"], 1)
print(f"layer {layer}, head {head} leans more to the dog after excited, by")
for order, change in turn.items():
    more = int((change > change[layer, head]).sum())
    print(f"{change[layer, head]:+.2f}, {order} ({more} heads by more)")

# %%
# To settle it takes a model whose right answers are known: see "Heads on a model whose
# answers are known", later in this chapter.
#
# **Takeaway.** A pronoun cannot look at what has not been said; and what looks like
# knowing who is meant may be the place of a noun, or which words go together anyway.
#
# **Try it.** Put the reason first: "Because it was excited, the dog chased the ball."
# Predict the whole of ``lean``, and which token would have to do the looking now.
#
# **Sources.** Clark, Khandelwal, Levy and Manning, *What Does BERT Look At?* (2019),
# section 4, on heads that find the noun of a pronoun, in a model that reads both ways.
# Levesque, Davis and Morgenstern, *The Winograd Schema Challenge* (KR 2012).
