"""
Token plus position: the input of the first block
=================================================

GPT-2 adds two vectors for each token, one for what the token is and one for where it
is. Why doesn't the sum mix them up? After this lesson you can rebuild the input of the
first block, say what the sum does to attention scores, and recognise a position that
was added too late.
"""

# %%
# The sum, on paper
# -----------------
# Let :math:`E` be the table of tokens, :math:`P` the table of positions (learned or
# sinusoidal), and :math:`w_t` the id at position :math:`t`. The first block reads
#
# .. math::
#
#    x_t = E_{w_t} + P_t .
#
# As an example, take a vocabulary of three tokens, a width of two, and a text in which
# token 2 occurs twice.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
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
# Token 2 enters as (3.1, 2.0) at position 0 and as (2.9, 2.3) at position 2. The
# difference of the two is a difference of two rows of P, whatever the token is. Apart
# from the causal mask (:doc:`/book/terms`), the rows of P are all the information that
# the blocks receive about the order.
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
# Other models build other inputs. SmolLM2 uses rotary positions, which act inside
# attention (:doc:`lesson 3.6 </lessons/03_positions/06_rotary>`), so there
# ``hidden_states[0]`` is the embedding alone. The package's ``transformer.embed``
# handles both cases.
from lmviz import embeddings, transformer

lm = lmviz.load("smollm2")
trace = lm.trace("The capital of France is")
x = transformer.embed(transformer.extract(lm), trace.ids)
difference = float((x - trace.hidden_states[0]).abs().max())
print(f"{lm.card.name} uses {lm.card.positions} positions")
print(f"largest absolute difference from hidden_states[0]: {difference:.1e}")
assert difference < 1e-4

# %%
# Can the sum be taken apart again?
# ---------------------------------
# A sum doesn't say what its summands were: (3, 2) could be (1, 0) plus (2, 2). That
# changes if tokens and positions have directions of their own. If all tokens are on
# the first axis and all positions on the second, (3, 2) can only be (3, 0) plus (0, 2).
#
# We add each of the 60 positions that the toy's stories reach to each of its tokens,
# and look for the nearest token and the nearest position of each sum. (First we
# subtract the mean of the other table, which all sums share.) The controls are random
# tables with rows of the same lengths, in the toy's width of 96 and in a width of 8.
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
print("tables          token right  position right  |cosine|")
for name, (tokens, rows) in pairs.items():
    token, position = found(tokens, rows)
    overlap = embeddings.cosine(tokens, rows).abs().mean()
    print(f"{name:14}  {token:11.0%}  {position:14.0%}  {overlap:8.2f}")

# %%
# In the toy, the nearest token is the right one for 92% of the sums, and the nearest
# position for 99%. Random tables of width 96 reach 100% for both, those of width 8 only
# 49% and 38%. So the sum can be taken apart because of the width rather than the
# training. The last column, the mean absolute cosine of a token and a position,
# explains this: random directions are nearly orthogonal in 96 dimensions (0.08) and
# less so in 8 (0.29). Models of real size are wider still.
#
# What the sum does to a score
# ----------------------------
# Attention compares two inputs by a dot product, with learned matrices between them
# that we leave out at first. For two tokens with the embeddings :math:`x, y` and the
# position vectors :math:`p, q`, the product is a sum of four terms:
#
# .. math::
#
#    (x + p) \cdot (y + q) = x \cdot y + x \cdot q + p \cdot y + p \cdot q .
#
# We use sinusoidal positions of width two, (sin p, cos p), and move a pair of tokens
# three positions to the right.
from lmviz import positions

x, y = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
print("positions    x·y    x·q    p·y    p·q    sum")
for a, b in ((5, 3), (8, 6)):
    p, q = positions.sinusoidal(9, 2)[[a, b]]
    terms = torch.stack([x @ y, x @ q, p @ y, p @ q])
    print(f"{a} and {b}    " + "".join(f"{v:7.3f}" for v in [*terms, terms.sum()]))

# %%
# The distance is 2 in both lines, and p·q is -0.416 in both: the last term depends on
# the distance alone. But x·q and p·y depend on a token and on the *other* token's
# position, and so the whole score changes from 0.009 to -0.841. The matrices
# :math:`W_Q` and :math:`W_K` don't help by themselves: between p and q, they can
# destroy even the last term (:doc:`lesson 3.2 </lessons/03_positions/02_sinusoidal>`).
# It would be simpler to put the distance into the score itself, as :doc:`lesson 3.5
# </lessons/03_positions/05_relative_position_biases>` and :doc:`lesson 3.6
# </lessons/03_positions/06_rotary>` do.
#
# Added too late
# --------------
# The position has to be added *before* the blocks that are to use it. To see what
# happens otherwise, we add a sinusoidal code to SmolLM2's last state, which libraries
# call ``last_hidden_state``. Only the output matrix (:doc:`unembedding
# </lessons/05_prediction/01_logits>`) still reads this vector, and scores every
# token of the vocabulary against it. The control is a random vector of the same length.
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
print("end of the prompt             tokens  as it is       + position     + random")
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
    print(f"{prompt[-28:]:28}  {len(last):6}  {cells}")
    if prompt == prompts[0]:
        paris = probs
print(f"mean total variation: {moved[0]:.2f} and {moved[1]:.2f}")
print(f"length of the last state {last[-1].norm():.0f}, of the code {code.norm():.0f}")

# %%
# Each of the last three columns pairs the most likely next token with its probability.
# On average over the six prompts, the prediction changes by a total variation
# (:doc:`/book/terms`) of 0.55, about as much as for a random vector (0.50).
#
# The logits are linear in the last state. So the code adds the same number to a token's
# logit in every prompt of the same length, whatever its text says. By chance this can
# also raise a good answer, such as "degrees" or "cold", and so can the random vector.
# Added this late, a position is noise.
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(6.08, 2.6), layout="constrained")
titles = ("Last state as it is", "Position added")
for ax, title, row in zip(axes, titles, paris, strict=False):
    top = row.topk(5)
    plots.token_bars(lm.tokens(top.indices), top.values, title=title, ax=ax)
plots.caption(
    "A position vector added at the end spoils the prediction. Most likely next tokens "
    f"of {lm.card.name} after “{prompts[0]}”: from the last hidden state, and with a "
    "sinusoidal code added to it.",
    alt=f"Two panels of bars. The longest is {paris[0].max():.2f} at the left, and "
    f"{paris[1].max():.2f} at the right.",
)
plt.show()

# %%
# After the first prompt, the probability of "Paris" falls from 0.77 to 0.12.
#
# Where other models add positions
# --------------------------------
# GPT-2 adds positions once, before the first block. The Universal Transformer (Dehghani
# et al., 2019) applies the same block repeatedly, and adds positions before each
# application. DeBERTa (He et al., 2021), which is trained to fill in masked words, uses
# relative positions in its attention and adds absolute ones late, but before the last
# layers, which use them to predict the masked words.
#
# The last table compares the schemes by the *same step* criterion, in the code and in
# the score.
print("""\
scheme             same step in the code  same step in the score
sinusoidal, added  yes                    one term of four, at best
learned, added     partly                 no
biases (3.5)       no code                yes
rotary (3.6)       yes                    yes""")

# %%
# For sinusoidal codes, at best one term of the score depends on the distance alone, if
# the matrices preserve this. Learned codes give no such term. Biases and rotations act
# in the score.
#
# Summary
# -------
# - In GPT-2 the first block reads :math:`x_t = E_{w_t} + P_t`, which is
#   ``hidden_states[0]``. With rotary positions, it reads the embedding alone.
# - A sum in many dimensions can be taken apart: in the toy, 92% of the tokens and 99%
#   of the positions are recovered.
# - A score of two sums is a sum of four terms. At best one of them depends on the
#   distance alone, if the codes are sinusoidal and the matrices between them keep this
#   property.
# - A position that is added to the last state is noise: it changes the prediction as
#   much as a random vector (total variation 0.55 and 0.50).
#
# Exercises
# ---------
# **1.** Multiply ``code`` by ten. What do you expect for prompts with the same number
# of tokens?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The same most likely token: the code is now much longer than the state and
#    dominates the logits, and equally long prompts get the same code. It is "overall"
#    for both prompts of five tokens, "while" for both of eight. The total variation is
#    nearly 1.
#
# **2.** Choose tables E and P of width two in which x·q and p·y are always 0.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Tokens on one axis, :math:`E_w = (w, 0)`, and positions on the other, :math:`P_t =
#    (0, t)`. This costs half of the dimensions.
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
