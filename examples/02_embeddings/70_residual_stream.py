"""
The residual stream and massive activations
===========================================

Between embedding and prediction, each token has one vector, to which every layer adds
something. At the end of this lesson you can split this vector into its parts, and you
know what one very large number in the first token's vector is for.
"""

# %%
# A running sum
# -------------
# A transformer layer does not replace its input. It adds two vectors to it, the output
# of attention and the output of the MLP. The vector that collects these sums is called
# the **residual stream**. With :math:`x_l` before layer :math:`l`, and both parts
# reading the stream through a norm,
#
# .. math::
#
#    x'_l &= x_l + \mathrm{Attn}_l(x_l) \\
#    x_{l+1} &= x'_l + \mathrm{MLP}_l(x'_l) \\
#    x_L &= x_0 + \sum_{l=0}^{L-1} (\mathrm{Attn}_l(x_l) + \mathrm{MLP}_l(x'_l)) .
#
# Take width two, :math:`x_0 = (1, 0)`, and four vectors that two layers add.
import torch

x = start = torch.tensor([1.0, 0.0])
parts = {"attn 0": [0, 1], "MLP 0": [0, 6], "attn 1": [2, 1], "MLP 1": [5, -8]}
print("part      adds      stream    norm  cosine with the start")
for name, added in parts.items():
    x = x + torch.tensor(added)
    cosine = float(torch.cosine_similarity(x, start, dim=0))
    print("{:8}  ({:g}, {:g})".format(name, *added), end="    ")
    print("({:g}, {:g})    {:.1f}   {:.2f}".format(*x, x.norm(), cosine))

# %%
# A part that is long compared with the stream, such as MLP 0, gives it a new direction,
# although nothing is deleted: (1, 0) is still a term of the sum. A later part can also
# cancel an earlier one, as MLP 1 does with the second number.
#
# The model's own states
# ----------------------
# We compute the states of SmolLM2 in the same way, from the two parts of each layer.
# What the parts compute is the subject of :doc:`/lessons/05_prediction/60_whole_model`.
import lmviz
from lmviz import transformer

lm = lmviz.load()
model = transformer.extract(lm)


def stream(ids):
    """Return the states (L + 1, T, d), and what each part adds, (L, 2, T, d)."""
    states, added = [transformer.embed(model, ids)], []
    for layer in model.blocks:
        x = states[-1]
        attended = transformer.attend(layer.attention, x)
        transformed = transformer.feed_forward(layer.mlp, x + attended)
        states.append(x + attended + transformed)
        added.append(torch.stack([attended, transformed]))
    return torch.stack(states), torch.stack(added)


trace = lm.trace("The dog chased the ball because it was excited.")
states, added = stream(trace.ids)
ours = torch.cat([states[:-1], model.final_norm(states[-1:])])
size = trace.hidden_states.abs().amax((1, 2))
difference = float(((ours - trace.hidden_states).abs().amax((1, 2)) / size).max())
print("states:", tuple(states.shape), "= (L + 1, T, d)")
print(f"largest absolute difference from the model's, relative: {difference:.1e}")
ends = [x[-1, 1:].norm(dim=-1).mean() for x in (states, trace.hidden_states)]
print("norm of the last state: {:.0f}; as the library has it: {:.0f}".format(*ends))
first = model.blocks[0]  # some families have parallel parts, or norms after them
assert difference < 1e-4 or first.parallel or first.attention_after is not None

# %%
# The states are equal to those of ``outputs.hidden_states``, but for the last one. It
# is the output of the final norm, which brings a mean norm of 693 down to 44.
#
# Two inflations of the first token
# ---------------------------------
# We run three passages from the middle of Python's manual, so that the first word is an
# arbitrary one, and compare the norm of its vector with that of the others.
from pydoc_data.topics import topics

names = ("assert", "for", "while")
passages = [lm.encode(" ".join(topics[name].split()))[20:84] for name in names]
runs = [stream(ids) for ids in passages]
norms = torch.stack([states.norm(dim=-1) for states, _ in runs])  # (3, L + 1, T)
first, others = norms[..., 0], norms[..., 1:].median(-1).values.mean(0)
largest = int((first.mean(0) / others)[:-1].argmax())
print("state ", *(f"{lm.tokens(ids[:1])[0]:8}" for ids in passages), "others (median)")
for i in sorted({0, *range(1, lm.n_layers, 5), largest - 1, largest, lm.n_layers}):
    print(f"{i:5}  {'   '.join(f'{n:6.0f}' for n in first[:, i])}   {others[i]:6.0f}")
parts = torch.stack([added[:, :, 0].norm(dim=-1) for _, added in runs]).mean(0)
for i in parts.flatten().argsort(descending=True)[:6].tolist():
    print(f"{('attention', 'MLP')[i % 2]} {i // 2}  adds {parts.flatten()[i]:.0f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 3.2), layout="constrained")
for line in first:
    ax.plot(line, color=plots.PALETTE[1], lw=1)
ax.plot(others, "--", color=plots.PALETTE[0], label="other tokens (median)")
ax.plot([], [], color=plots.PALETTE[1], label="first token of three passages")
ax.set(title="Norm of the residual stream", xlabel="state", ylabel="norm (log)")
ax.set_yscale("log")
ax.legend()
plots.caption(
    "The first token is inflated twice, the second time more than a hundredfold. Norm "
    "of the vectors in each state, on a logarithmic axis.",
    alt="Three curves rise to about 700 in state 3, fall to 150, jump to 23,000 in "
    "state 12 and fall at the end. That of the other tokens rises slowly to 900.",
)
plt.show()

# %%
# The other tokens grow steadily, from a norm of 3 to 899, since every layer adds its
# part. The first token is inflated twice, whatever it is. MLP 2 adds 514, so that it
# has a norm of 659 to 825 in state 6, and MLP 9 takes most of this away. Then MLP 11
# adds 23125, which stays until MLP 28 and MLP 29 add 14427 and 6299 against it.
#
# One number for all first tokens
# -------------------------------
# Is the vector long in all of its dimensions?
squares = torch.cat([states[largest].square() for states, _ in runs])  # (3 T, d)
is_first = torch.arange(len(squares)) % len(passages[0]) == 0
share = squares.topk(3, dim=-1).values.sum(-1) / squares.sum(-1)
print(f"in three dimensions: first tokens {share[is_first].mean():.1%}", end=", ")
print(f"others {share[~is_first].mean():.1%}, if even {3 / lm.d_model:.1%}")
dim, *next_two = squares[0].topk(3).indices.tolist()
firsts = torch.stack([states[:, 0] for states, _ in runs])  # (3, L + 1, d)
values = firsts[:, largest, dim]
print(f"dimension {dim}, first tokens:", *(f"{value:.0f}" for value in values))
print(f"others, all dimensions (median): {squares[~is_first].sqrt().median():.1f}")
for i in (0, largest):
    cosines = torch.cosine_similarity(firsts[:, i], firsts[:, i].roll(1, 0))
    print(f"cosines of two first tokens, state {i}:", *(f"{c:.4f}" for c in cosines))

# %%
# It is one number. The three largest dimensions have 99.3% of the squared norm of a
# first token: in dimension 507 they have 23289, 22341 and 23403, where a number of
# another token is 1.7 (median). Sun et al. (2024) call such values **massive
# activations**. They do not depend on the word: the three first tokens are different in
# state 0, and have cosines of 1.0000 in state 12. The other tokens also have 55.0% in
# their three largest dimensions, a hundred times the even share of 0.5%, but without
# such an outlier.
#
# What the number does
# --------------------
# We change a few numbers of state 12 and let the remaining layers run. Three things are
# measured: the mean surprisal of the next tokens
# (:doc:`/lessons/05_prediction/50_surprise`), the attention weight on the first token,
# and the norm of its value, the vector that it contributes for such a weight
# (:doc:`/lessons/04_attention/10_weighted_average`). The controls change other numbers.


def run_on(position, dims, number):
    """Return the surprisal, the weight on the first token and its value's norm."""
    results = []
    for ids, (states, _) in zip(passages, runs, strict=True):
        x, heads = states[largest].clone(), []
        x[position, dims] = number
        for layer in model.blocks[largest:]:
            heads.append(transformer.heads(layer.attention, x))
            x = transformer.block(layer, x)
        logs = model.unembedding(model.final_norm(x[7:-1])).log_softmax(-1)
        weights = torch.stack([h.weights[:, 8:, 0].mean() for h in heads])
        values = torch.stack([h.value[:, 0].norm(dim=-1).mean() for h in heads])
        correct = logs.gather(1, ids[8:, None])
        results.append(torch.stack([-correct.mean(), weights.mean(), values.mean()]))
    return torch.stack(results).mean(0).tolist()


rest = [i for i in range(lm.d_model) if i != dim]
print("changed                     surprisal  weight  norm of value")
for name, edit in {
    "nothing": (0, [], 0.0),
    f"first token, {dim} to 0": (0, [dim], 0.0),
    f"first token, {dim} to mean": (0, [dim], float(values.mean())),
    "first token, next two to 0": (0, next_two, 0.0),
    f"first token, {len(rest)} to 0": (0, rest, 0.0),
    f"second token, {dim} to 0": (1, [dim], 0.0),
}.items():
    print("{:26}  {:9.2f}  {:6.2f}  {:.2f}".format(name, *run_on(*edit)))
print(f"all tokens equally likely   {torch.tensor(lm.card.vocabulary).log():9.2f}")

# %%
# Without this number the surprisal rises from 3.14 to 17.60 nats, far above that of a
# uniform guess, 10.80. Its mean does as well as the number itself, and zeros in the 575
# other dimensions change nothing. The last column suggests why. The first token is an
# **attention sink** (:doc:`/lessons/04_attention/40_what_heads_do`): it gets 0.51 of
# the attention, and should contribute little. A norm divides each state by its length,
# so that one huge number makes all others tiny, and with them the value. Without it the
# value's norm grows from 1.83 to 8.93, and every token receives it with a weight of
# 0.39. The lower weight cannot be the reason: with zeros in the others it is 0.40.
#
# From the token to the next token
# --------------------------------
# What does the stream of an ordinary token contain? We read some states with the final
# norm and the unembedding, as if they were the last (the logit lens,
# :doc:`/lessons/05_prediction/40_logit_lens`). Is the most likely token the token
# itself, or the one that the model predicts in the end?
read = torch.stack([states for states, _ in runs[:2]], 1)[:, :, 1:].flatten(1, 2)
own = torch.cat([ids[1:] for ids in passages[:2]])
chosen = [*range(0, lm.n_layers, 6), lm.n_layers - 3, lm.n_layers]
best = [model.unembedding(model.final_norm(read[i])).argmax(-1) for i in chosen]
print("state                 ", *(f"  {i:4}" for i in chosen))
for name, answer in (("the token itself", own), ("the prediction", best[-1])):
    shares = [float((x == answer).float().mean()) for x in best]
    print(f"{name:22}", *(f"  {share:.2f}" for share in shares))
turned = torch.cosine_similarity(read[1], read[0], dim=-1).mean()
print(f"mean cosine of states 0 and 1: {turned:.2f}")

# %%
# The stream starts as the token itself, in 0.81 of the cases. Block 0 adds so much that
# the direction is a new one, with a cosine of 0.01, and the unembedding no longer reads
# the token from it. That is not to say that the token is forgotten. The prediction
# appears late: 0.06 in state 18, 0.23 in state 24, 0.40 in state 27.
#
# Summary
# -------
# - Each layer adds the outputs of attention and MLP to the residual stream; a state is
#   the sum of all parts so far. Libraries return the last one after the final norm.
# - In SmolLM2, MLP 11 adds a vector with a norm of 23125 to the first token, and MLP 28
#   and MLP 29 remove most of it. It is one massive activation, in dimension 507.
# - This number keeps the value of the attention sink small. Set to zero, it raises the
#   surprisal from 3.14 to 17.60 nats; no control comes near.
#
# Exercises
# ---------
# Put a second sentence after the first, and print the norms in state 12. Is the first
# token of the second sentence long as well? Then put ``<|endoftext|>`` before the text.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No: only the first token of the whole text is. It alone attends to nothing but
#    itself, which tells the layers that it is the first. With ``<|endoftext|>`` in
#    front, that token is the long one, and *The* is an ordinary token.
#
# Further reading
# ---------------
# Elhage et al., *A Mathematical Framework for Transformer Circuits* (Transformer
# Circuits Thread 2021). Sun, Chen, Kolter and Liu, *Massive Activations in Large
# Language Models* (COLM 2024).
