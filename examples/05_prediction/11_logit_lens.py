r"""
The logit lens: reading a prediction off earlier states
=======================================================

A model computes its prediction from the last state only. The **logit lens** applies the
final norm and the unembedding to earlier states as well. This shows at which depth a
prediction appears. You will be able to compute the lens, avoid its pitfalls, and find
the head that raises the rank of an answer.
"""

# %%
# The lens on paper
# -----------------
# All states of the residual stream (:doc:`lesson 2.7
# </lessons/02_embeddings/07_residual_stream>`) have the same width, so the last steps
# of the model can be applied to each of them. Let :math:`x_s` be the vector of a
# position in state :math:`s`, the input of block :math:`s`. State :math:`L` is the
# output of the last block, and :math:`W_U` is the unembedding matrix. The lens is
#
# .. math::
#    \mathrm{lens}(x_s) = \mathrm{norm}(x_s)\, W_U , \qquad s = 0, \dots, L,
#
# and gives the model's own logits at :math:`s = L` (nostalgebraist, 2020). For an
# example on paper, take a stream of width 2, two blocks and three tokens, “the”, “and”
# and “Paris”, whose columns of :math:`W_U` are (1, 0), (0, 1) and (−1, 1). The norm
# divides by the root mean square.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

names = ["the", "and", "Paris"]
w_unembed = torch.tensor([[1.0, 0.0, -1.0], [0.0, 1.0, 1.0]])
blocks = torch.tensor([[-1.0, 1.5], [-2.0, 0.5]])  # what each block adds
x = torch.tensor([2.0, 0.0])
print("state  vector      logits               top")
for s in range(3):
    logits = x / x.square().mean().sqrt() @ w_unembed
    cells = " ".join(f"{number:5.2f}" for number in logits)
    print(f"{s}      ({x[0]:4.1f}, {x[1]:.1f}) {cells}    {names[logits.argmax()]}")
    x = x + blocks[s] if s < 2 else x

# %%
# The top token of the lens is “the” at state 0, “and” at state 1, and “Paris” at state
# 2. The logit of “Paris” rises from −1.41 to 1.90.
#
# The lens in code, and a pitfall
# -------------------------------
# Most libraries return the last state with the final norm already applied, so it must
# not be normalised again. We compare our lens with the package's and with the model's
# logits, and compute the logits from a stream of our own, which ends *before* the norm.
import lmviz
from lmviz import prediction, transformer

lm = lmviz.load("smollm2")
model = transformer.extract(lm)
final_norm, unembed = model.final_norm, model.unembedding
trace = lm.trace("The capital of France is")
states = trace.hidden_states  # (L + 1, T, d)


def lens(states):
    """Return each state's logits, (L + 1, T, V); the last is already normalised."""
    return torch.stack(
        [*(unembed(final_norm(x)) for x in states[:-1]), unembed(states[-1])]
    )


logits = lens(states)
*_, end = transformer.stream(model, trace.ids)
for name, ours, theirs in (
    ("the package's", logits, prediction.logit_lens(states, final_norm, unembed)),
    ("the model's logits", logits[-1], trace.logits),
    ("the logits, from our stream", unembed(final_norm(end)), trace.logits),
):
    difference = float((ours - theirs).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-3
paris = int(lm.encode(" Paris")[0])
for name, last in {"once": states[-1, -1], "twice": final_norm(states[-1, -1])}.items():
    print(f"normalised {name}: Paris {unembed(last).softmax(-1)[paris]:.3f}")

# %%
# If the last state is normalised twice, the norm's learned gains are applied twice, and
# SmolLM2 gives Paris a probability of 0.005 instead of 0.773. It then looks as if the
# last block had destroyed the answer.
#
# One prompt, all states
# ----------------------
# We apply the lens to all states. The table shows the top token at the last position,
# and the *rank* of Paris: it is 1 if no token of the vocabulary has a higher logit.
rank = (logits[:, -1] > logits[:, -1, paris, None]).sum(-1) + 1
best = logits.softmax(-1).max(-1)
print("state  top token  probability  rank of Paris")
for s in (0, 1, 10, 20, 23, 24, 25, 27, 28, 29, 30):
    token = lm.tokens([best.indices[s, -1]])[0]
    print(f"{s:<5}  {token:9}  {best.values[s, -1]:<11.2f}  {rank[s]:,}")
print(f"rank up to state 23: {rank[:24].min():,} to {rank[:24].max():,}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

rows = [30, 29, 28, 26, 24, 20, 16, 12, 8, 4, 1, 0]
_, ax = plt.subplots(figsize=(6.08, 4.4), layout="constrained")
title = "Logit lens: top token at each state"
labels = {"xlabel": "input token", "ylabel": "state", "label": "probability"}
names = {"xticklabels": trace.tokens, "yticklabels": rows}
options = {"annot": [lm.tokens(best.indices[s]) for s in rows], "vmin": 0, "vmax": 1}
plots.heatmap(best.values[rows], title=title, ax=ax, **labels, **names, **options)
plots.caption(
    "Paris is the top token only in the last state. Each cell shows the top token at "
    "one state and position. In the last column it is mostly a space or a full stop.",
    alt="A heatmap with a column for each of five tokens, and a row for every few "
    "states, state 30 at the top. “␣Paris” is in the top right cell only. In the "
    "bottom row, the top token is the input token, except for ␣France: <filename>.",
)
plt.show()

# %%
# On this prompt, the answer does not emerge gradually. In most states the top token is
# a space or a full stop, with a probability of up to 0.98 (state 20). In state 29 it is
# “␣capital”, and only in state 30 Paris. The rank of Paris changes earlier: it is 2,005
# to 5,012 up to state 23, then 396 at state 24, 34 at state 27 and 3 at state 29.
#
# Point at a cell of the interactive version to see its most likely tokens.
from lmviz import views

views.lens(logits, trace.ids, trace.tokens, vocabulary=lm.tokens)

# %%
# State 0: a long row wins
# ------------------------
# SmolLM2 uses one matrix for embedding and unembedding. So the lens at state 0 compares
# a token's embedding with all embeddings, and the top token should be the token itself.
# But for “␣France”, the bottom row of the figure shows ``<filename>``. Why?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    A logit is a dot product, which is large for long rows as well as for similar ones.
table = model.token_table
x = final_norm(states[0, 3])
print("token       norm  cosine  logit")
for token in (trace.ids[3], lm.encode("<filename>")[0]):
    row, [name] = table[token], lm.tokens([token])
    cosine = torch.cosine_similarity(x, row, dim=0)
    print(f"{name:10}  {row.norm():.2f}  {cosine:<6.2f}  {x @ row:.1f}")
print(f"mean norm of a row: {table.norm(dim=1).mean():.2f}")

# %%
# ``<filename>`` is a special token from the model's training on code. Its row is three
# times as long as that of “␣France”: its norm is 6.77 against 2.28 (the mean is 3.20).
# This outweighs the lower cosine, 0.37 against 0.97, and its logit is higher, 110.9
# against 99.6. So the lens does not show that the model “thinks of file names”.
#
# Head 23.4 moves Paris up
# ------------------------
# Between states 23 and 24, Paris rises from rank 2,079 to 396. The attention of layer
# 23 adds the contributions of nine heads (:doc:`lesson 4.3
# </lessons/04_attention/03_multi_head_attention>`). We leave out head 4, written 23.4,
# run the MLP of the layer, and apply the lens again. As a control, we leave out each of
# the eight other heads. The last column is head 4's attention weight on the country.
block = model.blocks[23]


def rank_after(x, attended, answer):
    """Return the answer's rank at state 24, if the heads of layer 23 add `attended`."""
    x = x + attended
    logits = unembed(final_norm(x + transformer.feed_forward(block.mlp, x)))
    return int((logits > logits[answer]).sum()) + 1


capitals = {"France": "Paris", "Italy": "Rome", "Japan": "Tokyo"}
capitals |= {"Spain": "Madrid", "Germany": "Berlin", "Russia": "Moscow"}
print("country  state 23  state 24  no head 4  another left out  weight")
for country, capital in capitals.items():
    run = lm.trace(f"The capital of {country} is")
    x, answer = run.hidden_states[23], int(lm.encode(f" {capital}")[0])
    parts = transformer.head_contributions(block.attention, x)[:, -1]
    x, before = x[-1], unembed(final_norm(x[-1]))
    whole = rank_after(x, parts.sum(0), answer)
    without = [rank_after(x, parts.sum(0) - part, answer) for part in parts]
    others = without[:4] + without[5:]
    cells = int((before > before[answer]).sum()) + 1, whole, without[4]
    print(f"{country:7}  " + "  ".join(f"{cell:<8,}" for cell in cells), end="   ")
    print(f"{min(others):,} to {max(others):<8,}  {run.attentions[23, 4, -1, 3]:.2f}")

# %%
# Head 23.4 attends to the country, with weights from 0.89 to 0.98. Without it, Paris
# has rank 2,017 at state 24, hardly better than at state 23. If another head is left
# out, the rank is between 288 and 468. For all six capitals, leaving out head 4 undoes
# most or all of the rise, and leaving out another head never does. So the lens shows
# the step in which the answer is read from the position of the country.
#
# Does the model's prediction depend on this head? We ablate each head of the layer.
from lmviz import attention

print("left out  fall of the log-probability  rank")
before = trace.logits[-1].log_softmax(-1)[paris]
for head in range(9):
    with attention.ablate_heads(lm, (23, head)):
        run = lm.trace("The capital of France is").logits[-1].log_softmax(-1)
    ranked = int((run > run[paris]).sum()) + 1
    fall = round(float(before - run[paris]), 2) + 0.0
    print(f"head 23.{head} {fall:<27.2f}  {ranked}")

# %%
# Without head 4, the log-probability of Paris falls by 1.70 nats; without another head,
# it changes by at most 0.03. Paris is still first, since later layers raise it as well.
#
# Prompts on which the answer forms gradually
# -------------------------------------------
# Other answers appear less suddenly. We follow three. Then we take 144 positions from
# six passages of Python's manual. For each state, we measure the share of positions at
# which the top token is already the final one. As a baseline, we compare with the final
# top token of another position, 24 tokens away.
from lmviz.texts import python_manual

keys = "The key is red, the door is blue. The key is"
curves = {"Paris": rank}
shown = [0, 5, 10, 15, 20, 23, 25, 28, 29, 30]
print("state     " + " ".join(f"{s:>6}" for s in shown))
for text in ("The United States of", "Once upon a", keys):
    read = lens(lm.trace(text).hidden_states[:, -1:])[:, 0]
    top = read[-1].argmax()
    curve = (read > read[:, top, None]).sum(-1) + 1
    curves[lm.tokens([top])[0].strip("␣")] = curve
    print(f"{list(curves)[-1]:9} " + " ".join(f"{curve[s]:6,}" for s in shown))

same, shifted = [], []
for name in ("assert", "for", "while", "lambda", "import", "with"):
    ids = lm.encode(" ".join(python_manual()[name].split()))[20:68]
    tops = lens(lm.trace(ids).hidden_states[:, ::2]).argmax(-1)
    same.append(tops == tops[-1])
    shifted.append(tops == tops[-1].roll(12))  # 12 rows are 24 tokens
same, shifted = (torch.cat(rows, dim=1).float().mean(1) for rows in (same, shifted))
for name, row in {"same": same, "baseline": shifted}.items():
    print(f"{name:9} " + " ".join(f"{row[s]:6.2f}" for s in shown))
print(f"changed by the last block: {1 - same[29]:.0%} of {24 * 6} positions")

# %%
_, axes = plt.subplots(1, 2, figsize=(6.08, 3.2), layout="constrained")
for name, curve in curves.items():
    axes[0].plot(curve, label=name)
labels = {"xlabel": "state", "ylabel": "rank", "yscale": "log", "ylim": (2e4, 0.8)}
axes[0].set(title="Rank of the final token", **labels)
axes[1].plot(same, color=plots.PALETTE[0], label="final top token")
axes[1].plot(shifted, color="0.5", ls=":", label="another position's")
axes[1].set(title="Top token already final", xlabel="state", ylabel="share")
for ax in axes:
    ax.legend()
plots.caption(
    "Some answers rise gradually, but most positions settle only in the last block. "
    "Left: rank of the final top token of four prompts. Right: share of 144 positions "
    f"whose top token is already the final one: {same[29]:.2f} at state 29.",
    alt="Left: four curves rise to rank 1, “time” first and “Paris” last. Right: a "
    f"curve near 0 up to state 19, {same[29]:.2f} at state 29; a baseline near 0.",
)
plt.show()

# %%
# “America” rises steadily: rank 1,724 at state 10, 279 at state 20, 47 at state 25, and
# first at state 29. “time” is first as early as state 23, and “red”, which the model
# can copy from the prompt, at state 28. In the passages, the top token is rarely the
# final one up to state 15: the share is 0.08, and the baseline 0.03. It grows to 0.17
# at state 23 and 0.35 at state 29. The last block changes it at 65% of the positions.
#
# What the lens misses
# --------------------
# The final norm and the unembedding were trained on the last state. Earlier states are
# *out of distribution* for them: a top token may be an artefact, like ``<filename>``,
# and information in directions that they don't read remains invisible. The *tuned lens*
# (Belrose et al., 2023) first learns a matrix and a bias for each layer, such that the
# lens approximates the final prediction. Its predictions are better and appear earlier.
#
# Summary
# -------
# - The logit lens applies the final norm and the unembedding to each state. Most
#   libraries return the last state already normalised.
# - For “The capital of France is”, Paris comes first only in the last state, but its
#   rank jumps in layer 23, because of head 4, which attends to the country.
# - On some prompts the answer rises over many layers. What the lens doesn't show may
#   still be there.
#
# Exercises
# ---------
# The lens at state 24 gives Paris rank 396, although its logit may have fallen since
# state 23. How is that possible, and which of the two should you report?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Only differences of logits matter: other logits may have fallen further, and the
#    norm changes the scale from state to state. Report ranks, or differences from the
#    logit of a competing token.
#
# Further reading
# ---------------
# - nostalgebraist, *interpreting GPT: the logit lens* (2020).
# - Belrose et al., *Eliciting Latent Predictions from Transformers with the Tuned Lens*
#   (2023).
