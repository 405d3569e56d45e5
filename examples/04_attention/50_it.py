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
dog_at, ball_at, it_at = map(dog.tokens.index, ("␣dog", "␣ball", "␣it"))
rows = [trace.attentions[:, :, it_at, : it_at + 1] for trace in (dog, ball)]
difference = float((rows[0] - rows[1]).abs().max())
print("tokens:", dog.tokens)
print(f"what 'it' looks at, largest absolute difference: {difference:.1e}")
assert difference < 1e-4

# %%
# The famous pictures come from models that read both ways, or show one sentence alone.
# Still one may ask: which of the two nouns does *it* look at more, before the matter is
# settled? Here is the difference for all heads.
import matplotlib.pyplot as plt

from lmviz import plots

weights = dog.attentions[:, :, it_at]
lean = weights[..., dog_at] - weights[..., ball_at]
limit = float(lean.abs().max())
_, ax = plt.subplots(figsize=(6, 5.4), layout="constrained")
plots.heatmap(
    lean,
    title="Whom “it” looks at: the dog (blue) or the ball (red)",
    xlabel="head",
    ylabel="layer",
    label="weight on dog minus weight on ball",
    cmap="RdBu",
    vmin=-limit,
    vmax=limit,
    ax=ax,
)
plt.show()
for name, index in (("dog", lean.argmax()), ("ball", lean.argmin())):
    layer, head = divmod(int(index), lm.card.n_heads)
    dog_weight, ball_weight = weights[layer, head, [dog_at, ball_at]].tolist()
    print(
        f"most for the {name}: layer {layer}, head {head} "
        f"(dog {dog_weight:.2f}, ball {ball_weight:.2f})"
    )

# %%
# There are heads that look at the dog, so it is tempting to stop here. But with many
# heads some must lean somewhere, and in this sentence the dog is also the first noun,
# the subject, and farther away. So let the nouns change places. A head that means the
# dog must still look at the dog.
swapped = lm.trace("The ball was chased by the dog because it was excited.")
at = [swapped.tokens.index(token) for token in ("␣dog", "␣ball", "␣it")]
then = swapped.attentions[:, :, at[2]]
lean_then = then[..., at[0]] - then[..., at[1]]
for name, index in (("dog", lean.argmax()), ("ball", lean.argmin())):
    here = divmod(int(index), lm.card.n_heads)
    print("most for the {}: layer {}, head {};".format(name, *here), end=" ")
    print(f"lean {lean[here]:+.2f}, with the nouns swapped {lean_then[here]:+.2f}")
strong = lean.abs() > 0.1
stay = int((lean * lean_then > 0)[strong].sum())
print(f"the same way in both: {stay} of the {int(strong.sum())} heads that lean by 0.1")

# %%
# Does the model know, then? Ask it, after the settling word: "The excited one was the".
# Now it must choose, and what it chooses can be right or wrong.
orders = {
    "dog first": "The dog chased the ball",
    "ball first": "The ball was chased by the dog",
}
nouns = [int(lm.encode(f" {word}")[-1]) for word in ("dog", "ball")]
asked, right = {}, []
for order, start in orders.items():
    for word, truth in (("excited", 1), ("hungry", 1), ("red", -1), ("round", -1)):
        trace = lm.trace(f"{start} because it was {word}. The {word} one was the")
        dog_logit, ball_logit = trace.logits[-1, nouns].tolist()
        right.append((dog_logit - ball_logit) * truth > 0)
        asked[order, word] = trace
        print(f"{order:10} {word:8} dog {dog_logit - ball_logit:+.2f} nats over ball")
print(f"right: {sum(right)} of {len(right)} (chance: 4)")

# %%
# And here, at the end, heads can differ between the sentences. Which of them looks at
# the dog after *excited*, and at the ball after *red*? It is looked for in one order of
# the nouns and tried in the other, for in so many heads chance finds something too.


def leans(trace):
    dog_at, ball_at = map(trace.tokens.index, ("␣dog", "␣ball"))
    last = trace.attentions[:, :, -1]
    return last[..., dog_at] - last[..., ball_at]


turn = {
    order: leans(asked[order, "excited"]) - leans(asked[order, "red"])
    for order in orders
}
best = divmod(int(turn["dog first"].argmax()), lm.card.n_heads)
print("layer {}, head {} turns from the ball to the dog by".format(*best))
for order, change in turn.items():
    print(
        f"{change[best]:+.2f} with the {order} (mean of all heads {change.mean():+.2f})"
    )

# %%
# **Takeaway.** A pronoun cannot look at what has not been said; who is meant is decided
# where the answer is asked for.
#
# **Try it.** Put the reason first: "Because it was excited, the dog …". Predict at
# which token a head could know.
#
# **Sources.** Clark, Khandelwal, Levy and Manning, *What Does BERT Look At?* (2019),
# section 4, on heads that find the noun of a pronoun, in a model that reads both ways.
# Levesque, Davis and Morgenstern, *The Winograd Schema Challenge* (KR 2012).
