"""
Contextual embeddings: how a word's vector takes up its context
===============================================================

The embedding table has one row for ``␣bank``, whether it is a riverbank or a financial
bank. In which layers do the two meanings separate? At the end of this lesson you can
measure this, and distinguish the meaning of a word from the topic of its sentence.
"""

# %%
# One row, two contexts
# ---------------------
# A **static embedding** is a function of the token alone, :math:`f(x)`. A **contextual
# embedding** also depends on the tokens around it, its context :math:`c(x)`:
#
# .. math::
#
#    f(x) \quad\text{versus}\quad f(x, c(x)), \qquad
#    \text{here}\quad f(x_t, c(x_t)) = \tfrac12 x_t + \tfrac12 \bar{x}_{c(t)} .
#
# The function on the right is one of the simplest: half the token's own row :math:`x_t`
# plus half the mean row :math:`\bar{x}_{c(t)}` of its context. Attention also mixes
# vectors, but it computes the weights from the vectors themselves, by means of learned
# matrices (:doc:`lesson 4.1 </lessons/04_attention/01_self_attention>`). Take *river*
# = (4, 0), *bank* = (2, 2) and *money* = (0, 4).

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

from lmviz import embeddings

made_up = {"river": [4, 0], "bank": [2, 2], "money": [0, 4]}


def contextual(words, t, causal):
    """Mix row t with the mean of the other rows that it may use."""
    rows = torch.tensor([made_up[word] for word in words]).float()
    others = [i for i in range(len(words)) if i < t or (i > t and not causal)]
    return (rows[t] + rows[others].mean(0)) / 2 if others else rows[t]


print("text        left to right  both ways")
for text in ("river bank", "money bank", "bank river", "bank money"):
    words = text.split()
    causal, both = (contextual(words, words.index("bank"), c) for c in (True, False))
    print("{}  ({:g}, {:g})         ({:g}, {:g})".format(text, *causal, *both))
banks = [contextual([word, "bank"], 1, True)[None] for word in ("river", "money")]
print(f"cosine of the first two banks: {float(embeddings.cosine(*banks)):.2f}")

# %%
# After *river*, the vector of *bank* is (3, 1), and after *money* it is (1, 3). The
# cosine of the two has fallen from 1 to 0.60. If *bank* comes first, a model that reads
# from left to right has no context yet, and both vectors are (2, 2). A **bidirectional
# encoder** such as BERT (Devlin et al., 2019) also uses what follows. ELMo (Peters et
# al., 2018), which made contextual embeddings popular, ran one model in each direction.
#
# In a causal model only earlier tokens count
# -------------------------------------------
# SmolLM2 is a causal model: its vector at position :math:`t` is a function of the
# tokens up to :math:`t` only, in every layer. Later text makes no difference.
import lmviz

lm = lmviz.load()
first = [
    lm.trace("The bank was steep and muddy, close to the river", keep="hidden_states"),
    lm.trace("The bank had closed my account and kept the money", keep="hidden_states"),
]
word = first[0].tokens.index("␣bank")
before, after = (trace.hidden_states[:, word] for trace in first)
difference = float((before - after).abs().max() / before.abs().max())
print(f"largest absolute difference from the other bank, relative: {difference:.1e}")
assert difference < 1e-6

# %%
# The two vectors are equal in every layer, so they cannot encode which bank it is. An
# example made for BERT may put the word first; for a causal model the context has to
# come before the word.
#
# Three words with two meanings
# -----------------------------
# For each of three words there are three sentences with one meaning and three with the
# other, and the word always comes last. As controls, we put four words with one meaning
# into the same sentences: *house*, *dog*, *tree* and *car*. If their vectors separate,
# too, the reason is the topic of the sentence, rivers or money, and not a meaning of
# the word.
contexts = {
    "bank": """We sat in the grass by the river and fished from the
The boat drifted slowly across the water towards the
After the flood, mud and reeds covered the
She took a loan and opened a savings account at the
He paid the cheque into his account with money from the
To ask about the interest rate, they phoned the""",
    "bat": """It was dark in the cave, and from the roof hung a
At dusk, something flew out of the attic, an owl or a
The vampire turned into a wolf and then into a
The pitcher threw the ball, and he swung the
She hit the ball over the fence with her new
Before the game, the players brought gloves, balls and a""",
    "match": """He found the candle in the dark and struck a
To light the stove, she took the box and lit a
The whole barn had burned down because of one
The fans cheered as their team won the
She served well and took the first set of the
After two goals and a red card, we lost the""",
}
controls = ("house", "dog", "tree", "car")


@torch.no_grad()
def run(context, words):
    """Return the states of all tokens, (L, words, T, d), each word last."""
    ends = [lm.encode(f" {word}")[-1:] for word in words]
    ids = torch.stack([torch.cat([lm.encode(context), end]) for end in ends])
    outputs = lm.module.base_model(input_ids=ids, output_hidden_states=True)
    return torch.stack(outputs.hidden_states[:-1])


runs = {
    word: [run(context, (word, *controls)) for context in text.splitlines()]
    for word, text in contexts.items()
}
everything = torch.cat([x[:, 0, 1:] for many in runs.values() for x in many], 1)
common = everything.mean(1, keepdim=True)  # (L, 1, d)
middle = lm.n_layers // 2
for name, x in (("as they are", everything), ("centred", everything - common)):
    cosines = embeddings.random_pair_cosines(x[middle])
    print(f"state {middle} of {len(common)}, {name}: mean cosine {cosines.mean():.2f}")

# %%
# ``lm.module`` is a model of the transformers library. With the published checkpoint:
#
# .. code-block:: python
#
#    tokenizer = AutoTokenizer.from_pretrained("HuggingFaceTB/SmolLM2-135M-Instruct")
#    model = AutoModel.from_pretrained("HuggingFaceTB/SmolLM2-135M-Instruct")
#    outputs = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
#
# ``outputs.hidden_states`` contains L + 1 :doc:`states </book/terms>`: the input of the
# first block, and the output of each block. The library returns the last one after the
# final norm, a rescaling that changes its direction, so our function drops it. This
# leaves 30 states, from 0 to 29.
#
# The states are anisotropic (:doc:`lesson 2.4
# </lessons/02_embeddings/04_cosine_similarity>`): in state 15, the mean cosine of two
# tokens is 0.61. We therefore subtract the mean of each state over all tokens of the
# sentences, and the mean cosine falls to −0.01. First tokens are left out of this mean,
# since their vectors are a hundred times longer (:doc:`lesson 2.7
# </lessons/02_embeddings/07_residual_stream>`).
#
# Same meaning minus other meaning
# --------------------------------
# The gap of a word in a state is the mean cosine of its vectors in two sentences with
# the same meaning (the pairs :math:`S`), minus that for different meanings (:math:`D`):
#
# .. math::
#
#    \text{gap} = \frac{1}{|S|} \sum_{(i,j) \in S} \cos(x_i, x_j)
#      - \frac{1}{|D|} \sum_{(i,j) \in D} \cos(x_i, x_j) .
#
# For each vector, we also ask whether the most similar of the other five shares its
# meaning.


def compare(states):
    """Return the gap, (L,), and how often the most similar one has the same meaning."""
    unit = torch.nn.functional.normalize(states - common, dim=-1)
    cosines = unit @ unit.mT  # (L, 6, 6)
    meaning = torch.tensor([0, 0, 0, 1, 1, 1])
    same = meaning[:, None] == meaning
    itself = torch.eye(6, dtype=torch.bool)
    gap = cosines[:, same & ~itself].mean(1) - cosines[:, ~same].mean(1)
    closest = cosines.masked_fill(itself, -2).argmax(-1)
    return gap, (meaning[closest] == meaning).sum(1)


gaps, right = {}, {}
for word, many in runs.items():
    ends = torch.stack([x[:, :, -1] for x in many], 2)  # (L, words, 6, d)
    for i, name in enumerate((word, *controls)):
        gaps[word, name], right[word, name] = compare(ends[:, i])
average = {w: torch.stack([gaps[w, c] for c in controls]).mean(0) for w in contexts}
shown = sorted({min(i, lm.n_layers - 1) for i in (0, 5, 10, middle, lm.n_layers)})
print("state            ", *(f"  {i:4}" for i in shown))
for word in contexts:
    for name, gap in ((word, gaps[word, word]), ("controls", average[word])):
        print(f"{word:5}  {name:8}  ", *(f"  {gap[i]:4.2f}" for i in shown))

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 3, figsize=(7.68, 2.8), sharey=True, layout="constrained")
for ax, word in zip(axes, contexts, strict=True):
    others = torch.stack([gaps[word, name] for name in controls])
    ax.plot(gaps[word, word], color=plots.PALETTE[0], label="the word")
    ax.plot(average[word], "--", color=plots.PALETTE[1], label="controls (mean)")
    low, high = others.aminmax(dim=0)
    ax.fill_between(range(len(low)), low, high, color=plots.PALETTE[1], alpha=0.2)
    ax.set(title=f"“{word}” and controls", xlabel="state")
axes[0].set_ylabel("gap of mean cosines")
axes[0].legend()
plots.caption(
    "“Bank” and “match” separate by meaning within ten layers, “bat” less clearly. "
    "Gap between pairs of the same and of different meanings; the dashed line and the "
    "band are the mean and the range of four words without a second meaning.",
    alt="Three panels with a curve that rises in states 4 to 10, to 0.3 for bank, 0.1 "
    "for bat and 0.4 for match, and a dashed curve below it that rises slowly to 0.2.",
)
plt.show()

# %%
# All three words separate, *bat* less than the others. In state 0 the gaps are 0.00,
# since the six vectors are equal. They open between states 5 and 10: to 0.28 for
# *bank*, 0.35 for *match*, and 0.12 for *bat*. The controls have a gap as well,
# although *house* means the same in all six sentences. In state 10 their mean gap is
# small, 0.06 at most; in state 29 it is 0.10 to 0.17, half the gap of *bank* (0.35) and
# two thirds of that of *bat*. Presumably the late states already prepare the prediction
# of the next token, which depends on the topic whatever the word. Three sentences for
# each meaning are too few for error bars.
#
# Does the most similar sentence always have the same meaning? We count the states in
# which this holds for all six vectors, among the 29 after state 0.
print("text   the word  " + "  ".join(f"{name:>5}" for name in controls))
for word in contexts:
    n = [int((right[word, name][1:] == 6).sum()) for name in (word, *controls)]
    print(f"{word:5}  {n[0]:8}  " + "  ".join(f"{k:5}" for k in n[1:]))

# %%
# For *bank* this holds in 25 of 29 states, which looks conclusive. But *dog*, in the
# same sentences, also reaches 25, and for *match* the controls reach up to 28. There,
# the test detects the topic of the sentence. *Bat* passes it in 11 states, its controls
# in at most 7. Only a lead over the controls is evidence for a meaning.
#
# Summary
# -------
# - A static embedding is :math:`f(x)`, a contextual one :math:`f(x, c(x))`.
# - In a causal model the context is what comes before: a word has the same vectors
#   however the text continues. A bidirectional encoder such as BERT uses both sides.
# - SmolLM2 separates the meanings of *bank* and *match* between states 5 and 10, those
#   of *bat* less clearly: 0.12 in state 10, against 0.04 for its controls.
# - Words without a second meaning have a gap, too: 0.06 in state 15, against 0.21 for
#   *bank*. Judge a gap only in comparison with that of such controls.
#
# Exercises
# ---------
# Repeat the beginning: "The bank was steep and muddy, close to the river. The bank",
# and the other sentence likewise. Are the vectors of the second *bank* still equal?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No. The second *bank* can attend to the whole first sentence, so its cosine with
#    the other second *bank* falls, to about nine tenths in state 10. With *house* in
#    both sentences it falls less than half as much. Springer et al. (2024) repeat a
#    text in this way, to get embeddings from a causal model that depend on all of it.
#
# Further reading
# ---------------
# Peters, Neumann, Iyyer, Gardner, Clark, Lee and Zettlemoyer, *Deep Contextualized Word
# Representations* (NAACL 2018), on ELMo. Devlin, Chang, Lee and Toutanova, *BERT:
# Pre-training of Deep Bidirectional Transformers for Language Understanding* (NAACL
# 2019). Ethayarajh, *How Contextual are Contextualized Word Representations?* (EMNLP
# 2019). Springer, Kotha, Fried, Neubig and Raghunathan, *Repetition Improves Language
# Model Embeddings* (arXiv 2024).
