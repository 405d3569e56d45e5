"""
Token plus position: the input of the first block
=================================================

GPT-2 adds two vectors for each token, one for what the token is and one for where it
is. Why does the sum not muddle the two? After this lesson you can rebuild the input of
the first block, say what the sum does to attention scores, and recognise a position
that was added too late.
"""

# %%
# The sum, on paper
# -----------------
# With the table of tokens :math:`E`, the table of positions :math:`P` (learned or
# sinusoidal), and :math:`w_t` the id at position :math:`t`,
#
# .. math::
#
#    x_t = E_{w_t} + P_t .
#
# Here is a vocabulary of three tokens, width two, and a text in which token 2 is there
# twice.
import torch

E = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 2.0]])
P = torch.tensor([[0.1, 0.0], [0.0, 0.2], [-0.1, 0.3]])
ids = torch.tensor([2, 0, 2])
x = E[ids] + P[torch.arange(len(ids))]
print("t  id  E[id]         P[t]          x[t]")
for t, w in enumerate(ids.tolist()):
    cells = (f"{v[0]:5.1f} {v[1]:5.1f}" for v in (E[w], P[t], x[t]))
    print(f"{t}  {w}   " + "   ".join(cells))

# %%
# Token 2 enters as (3.1, 2.0) at position 0 and as (2.9, 2.3) at position 2. The two
# differ by a row of P minus another one, whatever the token is. Apart from the causal
# mask, this is all that the blocks get to know about the order.
#
# The model's own tensor
# ----------------------
# In ``transformers``, ``hidden_states[0]`` is what enters the first block. We compare
# it with the sum in the book's GPT-2, the toy (:doc:`/book/toy`), whose tables GPT-2's
# code calls ``wte`` and ``wpe``.
import lmviz

toy = lmviz.load("toy")
ids = toy.encode("Anna has a red ball . Tom has a blue kite .")
tables = toy.module.transformer
x = tables.wte.weight[ids] + tables.wpe.weight[torch.arange(len(ids))]
states = toy.module(ids[None], output_hidden_states=True).hidden_states
difference = float((x - states[0][0]).abs().max())
print(f"largest absolute difference from hidden_states[0]: {difference:.1e}")
assert difference < 1e-5

# %%
# Other models have other inputs. SmolLM2 has rotary positions, which act inside
# attention (:doc:`/lessons/03_positions/60_rotary`), so there ``hidden_states[0]`` is
# the embedding alone. The package's ``transformer.embed`` knows the difference.
from lmviz import transformer

lm = lmviz.load("smollm2")
trace = lm.trace("The capital of France is")
x = transformer.embed(transformer.extract(lm), trace.ids)
difference = float((x - trace.hidden_states[0]).abs().max())
print(f"{lm.card.name} has {lm.card.positions} positions")
print(f"largest absolute difference from hidden_states[0]: {difference:.1e}")
assert difference < 1e-4

# %%
# Can the sum be taken apart again?
# ---------------------------------
# A sum doesn't say what its summands were. But many dimensions have room for both. We
# add every position that stories reach to every token of the toy, and look for the
# nearest token and the nearest position of each sum. The controls are random tables of
# the same lengths, in the toy's width and in a width of 8.
model = transformer.extract(toy)
E, P = model.token_table, model.position_table[:60]


def found(tokens, rows):
    """Shares of the sums whose nearest token, and nearest position, is right."""
    sums = tokens[:, None] + rows  # (V, T, d)
    token = torch.cdist(sums - rows.mean(0), tokens[None]).argmin(-1)
    position = torch.cdist(sums - tokens.mean(0), rows[None]).argmin(-1)
    right = torch.arange(len(tokens)) == token.T, position == torch.arange(len(rows))
    return [each.float().mean().item() for each in right]


def random_like(table, width):
    rows = torch.nn.functional.normalize(torch.randn(len(table), width), dim=1)
    return rows * table.norm(dim=1, keepdim=True)


torch.manual_seed(0)
pairs = {"trained": (E, P)}
for width in (96, 8):
    pairs[f"random, d = {width}"] = random_like(E, width), random_like(P, width)
print("tables          token right  position right")
for name, (tokens, rows) in pairs.items():
    token, position = found(tokens, rows)
    print(f"{name:14}  {token:11.0%}  {position:14.0%}")

# %%
# In the toy, the nearest token is the right one for 92% of the sums, and the nearest
# position for 99%. For random tables of width 96 it's 100%, for width 8 only 49% and
# 38%. So the reason is the width rather than the training: random directions in many
# dimensions are nearly orthogonal, and each summand has most of its length to itself.
# Models of real size are wider still.
#
# What the sum does to a score
# ----------------------------
# Attention compares two inputs by a dot product (with learned matrices between them).
# For tokens :math:`x, y` with positions :math:`p, q` it has four terms:
#
# .. math::
#
#    (x + p) \cdot (y + q) = x \cdot y + x \cdot q + p \cdot y + p \cdot q .
#
# With sinusoidal positions of width two, (sin p, cos p), we move a pair of tokens three
# positions further.
from lmviz import positions

x, y = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
print("positions    x·y    x·q    p·y    p·q    sum")
for a, b in ((5, 3), (8, 6)):
    p, q = positions.sinusoidal(9, 2)[[a, b]]
    terms = torch.stack([x @ y, x @ q, p @ y, p @ q])
    print(f"{a} and {b}    " + "".join(f"{v:7.3f}" for v in [*terms, terms.sum()]))

# %%
# The distance is 2 in both lines, and p·q is -0.416 in both: the last term is pure
# distance. But x·q and p·y depend on a token and on the *other* token's position, so
# that the whole score changes from 0.009 to -0.841. The model has to learn matrices in
# which these terms do no harm. Would it not be simpler to put the distance into the
# score itself? :doc:`/lessons/03_positions/50_relative_position_biases` and
# :doc:`/lessons/03_positions/60_rotary` do that.
#
# Added too late
# --------------
# ``last_hidden_state`` is the output of the whole model, and an encoding that is added
# to it makes nothing "position-aware": every block has already run. Only the
# :doc:`unembedding </lessons/05_prediction/10_next_token>` reads it, which scores every
# token of the vocabulary against the last vector. We add a sinusoidal code there, and,
# as a control, a random vector of the same length.
from lmviz import prediction

unembed = transformer.unembedding(lm)
prompts = [
    "The capital of France is",
    "The dog chased the",
    "Once upon a time there was a",
    "In the morning she drank a cup of",
    "Water boils at a temperature of one hundred",
    "The opposite of hot is",
]
moved = torch.zeros(2)
print("prompt                        as it is       + position     + random")
for prompt in prompts:
    last = lm.trace(prompt).hidden_states[-1]
    code = positions.sinusoidal(*last.shape)[-1]
    noise = torch.randn(code.shape)
    noise *= code.norm() / noise.norm()
    logits = unembed(last[-1] + torch.stack([0 * code, code, noise]))
    probs = prediction.probabilities(logits)
    moved += (probs[1:] - probs[0]).abs().sum(-1) / 2 / len(prompts)
    best = zip(lm.tokens(probs.argmax(-1)), probs.amax(-1), strict=True)
    cells = "  ".join(f"{word:8} {p:.2f}" for word, p in best)
    print(f"{prompt[-28:]:28}  {cells}")
    if prompt == prompts[0]:
        paris = probs
print(f"probability moved to other tokens: {moved[0]:.2f} and {moved[1]:.2f}")

# %%
# On average over the six prompts, 0.55 of the probability moves to other tokens, about
# as much as for a random vector (0.50). In the first prompt, "Paris" falls from 0.77 to
# 0.12. The most likely token stays the same in four prompts, and in three with the
# random vector. At this point a position is noise.
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(6.08, 2.6), layout="constrained")
titles = ("Last state as it is", "Position added")
for ax, title, row in zip(axes, titles, paris, strict=False):
    top = row.topk(5)
    plots.token_bars(lm.tokens(top.indices), top.values, title=title, ax=ax)
plots.caption(
    "A position vector added at the end spoils the prediction. Most likely next tokens "
    f"of {lm.card.name} after “{prompts[0]}”, from the last hidden state and from the "
    "same state with a sinusoidal code added.",
    alt=f"Two panels of bars. The longest has {paris[0].max():.2f} at the left, and "
    f"{paris[1].max():.2f} at the right.",
)
plt.show()

# %%
# Where other models add positions
# --------------------------------
# GPT-2 adds positions once, to the embeddings before the first block. Other models do
# it elsewhere. The Universal Transformer (Dehghani et al., 2019) adds them again in
# each of its steps. DeBERTa (He et al., 2021) has relative positions in its attention,
# and adds absolute ones only *after* the layers of its encoder, where the layers that
# predict masked words still read them. Which schemes give the same step, in the code
# and in the score?
print("""\
scheme             same step in the code  same step in the score
sinusoidal, added  yes                    one term of four
learned, added     partly                 one term of four
biases (3.5)       -                      yes
rotary (3.6)       yes                    yes""")

# %%
# Summary
# -------
# - In GPT-2 the first block reads :math:`x_t = E_{w_t} + P_t`, which is
#   ``hidden_states[0]``. With rotary positions, it reads the embedding alone.
# - A sum in many dimensions can be taken apart: in the toy, 92% of the tokens and 99%
#   of the positions are found again.
# - Of the four terms of a score only one depends on the distance alone.
# - A position added to the last hidden state is noise: 0.55 of the probability moves.
#
# Exercises
# ---------
# **1.** Multiply ``code`` by ten. How much probability moves now, and on what does the
# most likely token depend?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Nearly all of it. The code is now longer than the state, so that the position
#    decides: the two prompts of five tokens get the same most likely token.
#
# **2.** Choose tables E and P of width two in which x·q and p·y are always 0.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Tokens on one axis, :math:`E_w = (w, 0)`, and positions on the other,
#    :math:`P_t = (0, t)`. It costs half of the dimensions.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.5 and figure 1.
# - Radford et al., *Improving Language Understanding by Generative Pre-Training*
#   (2018), section 3.1, where the sum is equation 2.
# - Dehghani, Gouws, Vinyals, Uszkoreit and Kaiser, *Universal Transformers* (ICLR
#   2019).
# - He, Liu, Gao and Chen, *DeBERTa: Decoding-enhanced BERT with Disentangled Attention*
#   (ICLR 2021).
