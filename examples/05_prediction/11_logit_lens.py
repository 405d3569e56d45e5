r"""
The logit lens: reading a prediction off earlier states
=======================================================

A model predicts from its last state only. The **logit lens** applies the final norm and
the unembedding to earlier states as well. At which depth does a prediction appear? You
will be able to compute the lens, avoid its traps, and find the head that moves an
answer up.
"""

# %%
# The lens on paper
# -----------------
# The residual stream (:doc:`lesson 2.7 </lessons/02_embeddings/07_residual_stream>`)
# has the same width in all states, so the end of the model fits behind each of them.
# Let :math:`x_s` be the vector of a position in state :math:`s`, the input of block
# :math:`s`. State :math:`L` is the output of the last block. The lens is
#
# .. math::
#    \mathrm{lens}(x_s) = \mathrm{norm}(x_s)\, W_U , \qquad s = 0, \dots, L,
#
# and gives the model's own logits at :math:`s = L` (nostalgebraist, 2020). For an
# example on paper, take a stream of width 2, two blocks and three tokens, “the”, “and”
# and “Paris”, whose columns of :math:`W_U` are (1, 0), (0, 1) and (−1, 1). The norm
# divides by the root mean square.
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
# The lens reads “the” off state 0, “and” off state 1, and “Paris” off state 2: its
# logit rises from −1.41 to 1.90.
#
# The lens in code, and a trap
# ----------------------------
# In most libraries the last state has already passed the final norm, and must not be
# normalised again. We compare with the package, with the model's logits, and with a
# stream of our own that ends *before* the norm.
import lmviz
from lmviz import prediction, transformer

lm = lmviz.load("smollm2")
model = transformer.extract(lm)
final_norm, unembed = model.final_norm, model.unembedding
trace = lm.trace("The capital of France is")
states = trace.hidden_states  # (L + 1, T, d)


def lens(states):
    """Logits at each state, (L + 1, T, V); the last state is already normalised."""
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
# Normalised twice, the last state of SmolLM2 gives Paris 0.005 instead of 0.773: the
# norm's learned factors are applied twice. It looks as if the last block destroyed the
# answer.
#
# One prompt, all states
# ----------------------
# Which token does the lens put first at each state and position?
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
labels = {"xlabel": "token read", "ylabel": "state", "label": "probability"}
names = {"xticklabels": trace.tokens, "yticklabels": rows}
options = {"annot": [lm.tokens(best.indices[s]) for s in rows], "vmin": 0, "vmax": 1}
plots.heatmap(best.values[rows], title=title, ax=ax, **labels, **names, **options)
plots.caption(
    "Paris is the top token only in the last state. Each cell is the top token of the "
    "lens at one state and position. Last column: mostly a space or a full stop.",
    alt="A heatmap with a column for each of five tokens, and a row for every few "
    "states, state 30 at the top. “␣Paris” is in the top right cell only. In the "
    "bottom row, four tokens name themselves; ␣France has <filename>.",
)
plt.show()

# %%
# On this prompt no guess forms state by state. The lens puts a space or a full stop
# first in most states, with up to 0.98 (state 20), “␣capital” in state 29, and Paris
# only in state 30. Its rank changes earlier: 2,005 to 5,012 up to state 23, then 396 at
# state 24, 34 at 27, and 3 at 29.
#
# Point at a cell of the interactive version to see its most likely tokens.
from lmviz import views

views.lens(logits, trace.ids, trace.tokens, vocabulary=lm.tokens)

# %%
# State 0: a long row wins
# ------------------------
# SmolLM2 uses one matrix for embedding and unembedding. So the lens at state 0 compares
# a token's embedding with all embeddings, and should name the token itself. For
# “␣France”, the bottom row of the figure has ``<filename>``. Why?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    A logit is a dot product: it rewards long rows as well as similar ones. The numbers
#    are below.
table = model.token_table
x = final_norm(states[0, 3])
print("token       norm  cosine  logit")
for token in (trace.ids[3], lm.encode("<filename>")[0]):
    row, [name] = table[token], lm.tokens([token])
    cosine = torch.cosine_similarity(x, row, dim=0)
    print(f"{name:10}  {row.norm():.2f}  {cosine:<6.2f}  {x @ row:.1f}")
print(f"mean norm of a row: {table.norm(dim=1).mean():.2f}")

# %%
# ``<filename>`` is a special token of the model's training on code. Its row has three
# times the norm of that of “␣France” (6.77 and 2.28; the mean is 3.20), which outweighs
# the lower cosine (0.37 and 0.97): 110.9 against 99.6. So the lens does not say that
# the model “thinks of file names”.
#
# Head 23.4 moves Paris up
# ------------------------
# Between states 23 and 24, Paris rises from rank 2,079 to 396. The attention of layer
# 23 adds the contributions of nine heads (:doc:`lesson 4.3
# </lessons/04_attention/03_multi_head_attention>`), so we can leave out one at a time,
# run the MLP of the layer, and read state 24 again. The controls are the eight other
# heads. The last column is the attention weight of head 4 on the country.
block = model.blocks[23]


def rank_after(x, attended, answer):
    """Rank of the answer at state 24, if the heads of layer 23 add `attended`."""
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
# Head 4 of layer 23 attends to the country, with weights from 0.89 to 0.98. Without it,
# Paris has rank 2,017 at state 24, hardly better than at state 23. Without any other
# head, the rank is between 288 and 468. For all six capitals, leaving out head 4 undoes
# most of the rise or all of it, and leaving out another head never does. So the lens
# shows the step in which the answer is read from the position of the country.
#
# Does the prediction need the head, too? We ablate each head and run the whole model.
from lmviz import attention

print("left out  fall of the log-probability  rank")
before = trace.logits[-1].log_softmax(-1)[paris]
for head in range(9):
    with attention.ablate_heads(lm, (23, head)):
        run = lm.trace("The capital of France is").logits[-1].log_softmax(-1)
    ranked = int((run > run[paris]).sum()) + 1
    fall = round(float(before - run[paris]), 2) + 0.0
    print(f"head {head}    {fall:<27.2f}  {ranked}")

# %%
# Without head 4, the log-probability of Paris falls by 1.70 nats; without another, it
# changes by at most 0.03. Paris still comes first, since later layers raise it, too.
#
# Prompts on which the guess forms gradually
# ------------------------------------------
# Not every prompt ends so suddenly. We follow three others. Then we take 144 positions
# of six passages from Python's manual and measure for each state at how many of them
# its top token is the final one. The baseline is the final top token of another
# position, 24 tokens away.
from pydoc_data.topics import topics

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
    ids = lm.encode(" ".join(topics[name].split()))[20:68]
    tops = lens(lm.trace(ids).hidden_states[:, ::2]).argmax(-1)
    same.append(tops == tops[-1])
    shifted.append(tops == tops[-1].roll(12))  # 12 of every second token
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
    "Left: rank of four final predictions in all states. Right: share of 144 positions "
    f"whose top token is the final one: {same[29]:.2f} at state 29.",
    alt="Left: four curves that rise to rank 1; time is first, Paris last. Right: a "
    f"curve near 0 up to state 19, {same[29]:.2f} at state 29; a baseline near 0.",
)
plt.show()

# %%
# “America” rises steadily: rank 1,724 at state 10, 279 at state 20, 47 at state 25, and
# first at state 29. “time” is first at state 23 already, and “red”, which the model can
# copy from the prompt, at state 28. Over the passages, the top token is rarely the
# final one up to state 15 (0.08; baseline 0.03). The share grows to 0.17 at state 23
# and 0.35 at state 29. At 65% of the positions, the last block changes the top token.
#
# What the lens misses
# --------------------
# Norm and unembedding were trained on the last state. Applied to an early one, they are
# *out of distribution*: a token at the top may be an artefact, like ``<filename>``, and
# information that is written in other directions doesn't show. What head 4 reads was at
# the position of “␣France” before layer 23. The *tuned lens* (Belrose et al., 2023)
# first learns an affine map for each layer, so that the lens predicts what the model
# finally predicts. Its predictions are better and appear earlier.
#
# Summary
# -------
# - The logit lens applies the final norm and the unembedding to each state. The last
#   state of most libraries is already normalised.
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
#    Only differences of logits matter: others can have fallen more, and the norm
#    changes the scale from state to state. Report ranks, or differences from a rival's
#    logit.
#
# Further reading
# ---------------
# - nostalgebraist, *interpreting GPT: the logit lens* (2020).
# - Belrose et al., *Eliciting Latent Predictions from Transformers with the Tuned Lens*
#   (2023).
