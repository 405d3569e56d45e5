"""
The residual stream and massive activations
===========================================

Between embedding and prediction, each token has one vector, to which every block adds
something. At the end of this lesson you can split this vector into its parts, and
explain why SmolLM2 adds one very large number to the vector of the first token.
"""

# %%
# A running sum
# -------------
# A transformer is a stack of L :doc:`blocks </book/terms>`, numbered from 0. A block
# does not replace the vector of a token, but adds two vectors to it: the output of
# attention and the output of an MLP. The vector that accumulates these outputs is the
# **residual stream**. With :math:`x_l` for the vectors that enter block :math:`l`,
#
# .. math::
#
#    x'_l &= x_l + \mathrm{Attn}_l(\mathrm{norm}(x_l)) \\
#    x_{l+1} &= x'_l + \mathrm{MLP}_l(\mathrm{norm}(x'_l)) .
#
# The *norm* rescales each vector to a standard length before attention or the MLP
# reads it. (For the size of a vector, which is also called its norm, this lesson says
# *length*.) The vector :math:`x_l` is called state :math:`l`; it is the output of block
# :math:`l - 1`. The last state is the sum of the embedding and all outputs. Take the
# embedding (1, 0) and four vectors that two blocks add.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

x = start = torch.tensor([1.0, 0.0])
parts = {"attn 0": [0, 1], "MLP 0": [0, 6], "attn 1": [2, 1], "MLP 1": [5, -8]}
print("part      adds     sum so far  length  cosine with (1, 0)")
for name, added in parts.items():
    x = x + torch.tensor(added)
    cosine = float(torch.cosine_similarity(x, start, dim=0))
    print("{:8}  ({:g}, {:g})".format(name, *added), end="   ")
    print("({:g}, {:g})      {:.1f}     {:.2f}".format(*x, x.norm(), cosine))

# %%
# MLP 0 adds a long vector, which turns the sum in a new direction: the cosine falls to
# 0.14. Nothing is deleted, since (1, 0) is still a term of the sum. But a later part
# can cancel earlier ones: MLP 1 takes the second number, which was 8, back down to 0.
#
# The states of SmolLM2
# ---------------------
# We compute all states of a sentence with the two equations. The functions ``attend``
# and ``feed_forward`` include the norms. :doc:`Lesson 5.9
# </lessons/05_prediction/09_whole_model>` explains what they compute.
import lmviz
from lmviz import transformer

lm = lmviz.load()
model = transformer.extract(lm)


def both(block, x, attended):
    """Return what both parts add; some families normalise it, or add in parallel."""
    attended = block.attention_after(attended) if block.attention_after else attended
    change = transformer.feed_forward(block.mlp, x if block.parallel else x + attended)
    return attended, block.mlp_after(change) if block.mlp_after else change


def stream(ids):
    """Return the states (L + 1, T, d), and what each part adds, (L, 2, T, d)."""
    states, added = [transformer.embed(model, ids)], []
    for block in model.blocks:
        output = transformer.attend(block.attention, states[-1])
        added.append(torch.stack(both(block, states[-1], output)))
        states.append(states[-1] + added[-1].sum(0))
    return torch.stack(states), torch.stack(added)


trace = lm.trace("The dog chased the ball because it was excited.")
states, added = stream(trace.ids)
ours = torch.cat([states[:-1], model.final_norm(states[-1:])])
size = trace.hidden_states.abs().amax((1, 2))
difference = float(((ours - trace.hidden_states).abs().amax((1, 2)) / size).max())
print("states:", tuple(states.shape), "= (L + 1, T, d)")
print(f"largest absolute difference from the model's, relative: {difference:.1e}")
ends = [x[-1, 1:].norm(dim=-1).mean() for x in (states, trace.hidden_states)]
print("mean length of the last state: {:.0f}, in the library {:.0f}".format(*ends))
assert difference < 1e-4

# %%
# SmolLM2 has 30 blocks, and so 31 states. Ours are equal to ``outputs.hidden_states``
# of the transformers library, except for the last one: the library returns it after the
# final norm, which reduces the mean length from 693 to 44.
#
# The first token's vector is a hundred times longer
# --------------------------------------------------
# We run three passages from the middle of Python's manual, so that their first tokens
# are arbitrary, and print the length of the first token's vector in some states. For
# comparison, the last column gives the median length of the other tokens' vectors.
from lmviz.texts import python_manual

names = ("assert", "for", "while")
passages = [lm.encode(" ".join(python_manual()[n].split()))[20:84] for n in names]
runs = [stream(ids) for ids in passages]
lengths = torch.stack([states.norm(dim=-1) for states, _ in runs])  # (3, L + 1, T)
first, others = lengths[..., 0], lengths[..., 1:].median(-1).values.mean(0)
largest = int((first.mean(0) / others)[:-1].argmax())
print("state ", *(f"{lm.tokens(ids[:1])[0]:8}" for ids in passages), "others (median)")
chosen = {0, 2, 3, largest - 1, largest, lm.n_layers - 2, lm.n_layers}
for i in sorted(chosen & set(range(lm.n_layers + 1))):
    print(f"{i:5}  {'   '.join(f'{n:6.0f}' for n in first[:, i])}   {others[i]:6.0f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 3.2), layout="constrained")
for line in first:
    ax.plot(line, color=plots.PALETTE[1], lw=1)
ax.plot(others, "--", color=plots.PALETTE[0], label="other tokens (median)")
ax.plot([], [], color=plots.PALETTE[1], label="first token of three passages")
ax.set(title="Length of the vectors", xlabel="state", ylabel="length (log scale)")
ax.set_yscale("log")
ax.legend()
plots.caption(
    "The first token's vector becomes more than a hundred times as long as the others. "
    "Length of the vectors in each state, on a logarithmic axis.",
    alt="Three curves rise to about 700 in state 3, fall to 150, jump to 23,000 in "
    "state 12 and fall at the end. That of the other tokens rises slowly to 900.",
)
plt.show()

# %%
# The vectors of the other tokens get longer in almost every block, from 3 to 899, since
# every block adds something. The first token's vector jumps twice. In state 3 its
# length is 672 to 843, against 76 for the others. The length falls again, jumps to
# between 22502 and 23571 in state 12, and stays there until state 28.
#
# A massive activation: one number of 576
# ---------------------------------------
# Is the vector long in all of its 576 dimensions? We print the dimension with the
# largest number in the three passages, its share of the squared length, and the five
# parts that add most.
vectors = torch.stack([states[largest] for states, _ in runs])  # (3, T, d)
squares = vectors[:, 0].square().mean(0)
dim = int(squares.argmax())
numbers = " ".join(f"{number:.0f}" for number in vectors[:, 0, dim])
print(f"dimension {dim}: {numbers}, {squares[dim] / squares.sum():.1%} of length²")
print(f"largest number of any other token: {vectors[:, 1:].abs().max():.0f}")
parts = torch.stack([added[:, :, 0, dim] for _, added in runs]).mean(0)  # (L, 2)
for i in sorted(parts.abs().flatten().argsort(descending=True)[:5].tolist()):
    name = f"{('attention', 'MLP')[i % 2]} {i // 2}"
    print(f"{name} adds to dimension {dim}:  {parts.flatten()[i]:.0f}")
for i in (0, largest):
    rows = torch.stack([states[i, 0] for states, _ in runs])
    cosines = torch.cosine_similarity(rows, rows.roll(1, 0))
    print(f"cosines of the first tokens, state {i}:", *(f"{c:.2f}" for c in cosines))

# %%
# It is one number. Dimension 507, at 23289, 22341 and 23403 in the three passages,
# holds 98.6% of the squared length, while no number of any other token exceeds 103. Sun
# et al. (2024) call such numbers **massive activations**. MLP 2 adds 499 to this
# dimension, and MLP 9 removes nearly all of it. MLP 11, whose output is part of state
# 12, adds 22959; MLP 28 and MLP 29 add −14237 and −5477.
#
# The number hides the word. The cosines of the three first tokens are −0.04 to 0.44 in
# state 0, and 1.00 in state 12. After the norm, which removes differences in length,
# the first token's vector is nearly the same in every text.
#
# What the number does
# --------------------
# The first token reaches the others only through attention. There, three matrices turn
# each normalised vector into a query, a key and a value. A token receives the values of
# earlier tokens, each with a *weight* that says how well its key matches the token's
# query (:doc:`lesson 3.1 </lessons/03_positions/01_why_positions>` computes this in ten
# lines). The first token gets 0.51 of all weight: it is an *attention sink* (Xiao et
# al., 2023; :doc:`lesson 4.7 </lessons/04_attention/07_attention_sinks>`).
#
# We change the first token's vector in state 12, and let the remaining blocks run. Does
# a change matter through the key or through the value? We *patch* them separately: one
# of the two comes from the changed vector, and the other from the intact one. We
# measure the mean :doc:`surprisal </book/terms>` of the following tokens, in nats.


def alone(x):
    """Return a first token's states. It attends to itself only."""
    states = [x[None]]
    for block in model.blocks[largest:-1]:
        states.append(transformer.block(block, states[-1]))
    return states


def run_on(key_from, value_from):
    """Return the surprisal, the weight on the first token, and its value's length."""
    results = []
    for n, ids in enumerate(passages):
        x, heads = vectors[n, 1:], []  # the other tokens
        for i, block in enumerate(model.blocks[largest:]):
            head = transformer.heads(block.attention, torch.cat([key_from[n][i], x]))
            value = head.value.clone()  # (H, T, d_head)
            first_value = transformer.heads(block.attention, value_from[n][i]).value
            value[:, :1] = first_value
            length = first_value.norm(dim=-1).mean()
            heads.append([head.weights[:, 8:, 0].mean(), length])
            averages = (head.weights @ value)[:, 1:].transpose(0, 1).flatten(1)
            x = x + sum(both(block, x, block.attention.output(averages)))
        log_probs = model.unembedding(model.final_norm(x[6:-1])).log_softmax(-1)
        surprisal = -log_probs.gather(1, ids[8:, None]).mean()
        results.append([surprisal, *torch.tensor(heads).mean(0)])
    return torch.tensor(results).mean(0)


zero, swapped, only = (vectors[:, 0].clone() for _ in range(3))
zero[:, dim] = 0
swapped[:, [dim, 100 % lm.d_model]] = swapped[:, [100 % lm.d_model, dim]]
only[:, torch.arange(lm.d_model) != dim] = 0
versions = vectors[:, 0], zero, swapped, only
same, zero, swapped, only = ([alone(x) for x in rows] for rows in versions)
nothing = [[torch.zeros_like(x) for x in states] for states in same]  # value: 0
changes = {
    "intact": (same, same),
    f"{dim} set to 0": (zero, zero),
    f"{dim} set to 0, for the key only": (zero, same),
    f"{dim} set to 0, for the value only": (same, zero),
    f"{dim} and 100 swapped": (swapped, swapped),
    f"the {lm.d_model - 1} others set to 0": (only, only),
    "intact, but its value set to 0": (same, nothing),
}
results = {name: run_on(*change) for name, change in changes.items()}
print("first token in state 12           surprisal  length of its value")
for name, (surprisal, _, length) in results.items():
    print(f"{name:32}  {surprisal:9.2f}  {length:.2f}")
print(f"all tokens equally likely: {torch.tensor(lm.card.vocabulary).log():.2f} nats")
for name in ("intact", f"{dim} and 100 swapped"):
    print(f"mean weight on the first token, {name}: {results[name][1]:.2f}")

# %%
# With 0 in dimension 507 the surprisal rises from 3.14 to 17.60 nats, as Sun et al.
# found in other models. A uniform guess gives 10.80: the model is confident, and wrong.
#
# *Key or value?* Mostly the value, partly the key. If only the value is changed, the
# surprisal is 7.97 nats; if only the key is, 4.25. In the intact model one huge number
# makes all others tiny after the norm, and the value computed from them has a length of
# 1.83. Without it the length is 8.93, and every token adds this long vector to its own.
#
# *Length or dimension?* Mostly the length, but not only. With the number in dimension
# 100 the vector is just as long, and the surprisal is 4.49. A key made from dimension
# 100 matches hardly any query (weight 0.02). If the other 575 are 0, the surprisal
# stays at 3.14.
#
# *Is the short value of any use?* A little: setting it to 0 raises the surprisal to
# 3.75. As it is nearly the same vector in every text, Sun et al. call it an implicit
# bias. Three passages of one manual do not show how large these effects are elsewhere.
#
# Summary
# -------
# - Each block adds the outputs of attention and MLP to the residual stream; a state is
#   the sum of all parts so far. Libraries return the last one after the final norm.
# - In SmolLM2, MLP 11 adds 22959 to dimension 507 of the first token. MLP 28 and MLP 29
#   remove most of this massive activation again.
# - The activation makes the first token the same sink in every text, with a short
#   value. Setting it to 0 raises the surprisal from 3.14 to 17.60 nats, mostly through
#   the values.
#
# Exercises
# ---------
# Put a second sentence after the first, and print the lengths in state 12. Is the
# vector of the second sentence's first token long as well? Then try
# ``" dog dog dog. The dog"``.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No. In the last text, however, the vectors of the first three tokens are all long.
#    A first token attends to nothing but itself, and the second and third *dog* to
#    nothing but copies of themselves. The average of equal values is that value: each
#    is like a first token.
#
# Further reading
# ---------------
# Elhage et al., *A Mathematical Framework for Transformer Circuits* (Transformer
# Circuits Thread 2021). Sun, Chen, Kolter and Liu, *Massive Activations in Large
# Language Models* (COLM 2024). Xiao, Tian, Chen, Han and Lewis, *Efficient Streaming
# Language Models with Attention Sinks* (ICLR 2024).
