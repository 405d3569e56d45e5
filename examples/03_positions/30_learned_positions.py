"""
Learned position embeddings
===========================

GPT-2 has no formula for positions. It has a table with one row for each position, as it
has one for each token, and training fills it. After this lesson you can say what
training makes of such a table, and test what a model uses it for.
"""

# %%
# A table with one row for each position
# --------------------------------------
# **Learned position embeddings** are the rows of a matrix :math:`P`. It has :math:`T`
# rows, the most tokens that a text may have, and :math:`d` columns, the width of the
# model. A token with id :math:`w` at position :math:`t` enters the model as
#
# .. math::
#
#    x_t = E_w + P_t , \qquad E \in \mathbb{R}^{V \times d}, \quad
#    P \in \mathbb{R}^{T \times d} ,
#
# where :math:`E` is the table of token embeddings. P is learned by gradient descent,
# like every other weight. In PyTorch it is one line, here with three positions of width
# two. A text of two tokens uses its first two rows, and gives a gradient to no other.
import torch

torch.manual_seed(0)
small = torch.nn.Embedding(3, 2)
small(torch.arange(2)).sum().backward()  # as if the loss were the sum of the numbers
print("row  numbers            gradient")
for t, (row, gradient) in enumerate(zip(small.weight, small.weight.grad, strict=True)):
    print(f"{t}    {row[0]:7.2f} {row[1]:7.2f}    {gradient.tolist()}")

# %%
# Row 2 gets no gradient, so this text teaches the model nothing about position 2. The
# numbers are random, and so is a new table of GPT-2's size, 1,024 positions of width
# 768. Nothing in it has been learned yet, as the cosines of its rows show.
from lmviz import embeddings, positions

rows = positions.LearnedPositionalEmbedding(1024, 768)(1024).detach()
similarity = embeddings.cosine(rows, rows)
print(f"parameters: {rows.numel():,}")
print(f"mean cosine of neighbours:      {similarity.diagonal(1).mean():.3f}")
print(f"mean cosine of rows 100 apart:  {similarity.diagonal(100).mean():.3f}")

# %%
# A row is no more similar to its neighbour than to the row 100 positions away. (The
# package's class is the line above and a check of the length.)
#
# Training orders the table
# -------------------------
# To see a table learn, we take the **toy**, the book's own GPT-2, which was trained on
# short stories in a made-up language (:doc:`/book/toy`). Copies of its table were kept
# during the training.
import copy

import lmviz
from lmviz.toy import evaluate, history

toy = copy.deepcopy(lmviz.load("toy").module)  # a copy, since we shall change it
tables = history.position_tables()
difference = float((tables[6000] - toy.transformer.wpe.weight).abs().max())
print(f"largest absolute difference from the model's own table: {difference:.1e}")
assert difference < 1e-6


def alike(rows):
    """Cosines of rows, after subtracting what all of them share."""
    centred = rows - rows.mean(0)
    return embeddings.cosine(centred, centred)


FIRST, LAST = 13, 43
print("step   1 apart  4 apart  5 apart  16 to 20 apart")
for step in (0, 900, 6000):
    similarity = alike(tables[step][FIRST : LAST + 1])
    means = torch.tensor([similarity.diagonal(k).mean() for k in range(31)])
    near = "  ".join(f"{means[k]:7.2f}" for k in (1, 4, 5))
    print(f"{step:5}  {near}  {means[16:21].mean():14.2f}")

# %%
# We compare positions 13 to 43. Before them, every story has the same structure (two
# facts of six words each), and after them stories begin to end. At step 0, distance
# makes no difference. After training, neighbours have a mean cosine of 0.19, and rows
# 16 to 20 apart of -0.21. Nothing in the form of the table says which positions are
# close; the order comes from the texts. But distance isn't everything: rows 5 apart are
# more similar (0.40) than rows 4 apart (-0.04).
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 3, figsize=(7.68, 2.8), sharey=True, layout="constrained")
look = {"vmin": -1, "vmax": 1, "cmap": "diverging", "square": True, "colorbar": False}
for ax, step in zip(axes, (0, 900, 6000), strict=True):
    plots.heatmap(alike(tables[step][:44]), title=f"step {step:,}", ax=ax, **look)
    ax.set(xlabel="position", ylabel="position" if step == 0 else "")
plots.shared_colorbar(axes, "cosine")
plots.caption(
    "Training puts the order of positions into the table. Cosine of every two of the "
    "first 44 rows: at first only the diagonal differs from 0; in the end, beyond row "
    "12, near rows are similar and far ones opposite.",
    alt="Three heatmaps of 44 by 44 cosines. The first is pale but for its diagonal; "
    "the last is positive near the diagonal, in a grid, and negative in the corners.",
)
plt.show()

# %%
# Two waves
# ---------
# A Fourier transform finds patterns that return every few rows: the *power* at
# frequency :math:`f` is the share of the table's variance in waves of :math:`1/f`
# positions,
#
# .. math::
#
#    S(f) \propto \sum_{j=1}^{d} \Bigl| \sum_{t}
#    \bigl(P_{tj} - \bar P_j\bigr)\, e^{-2\pi i f t} \Bigr|^2 .
#
# We take the 60 rows that stories reach, so that the frequencies are k/60.
N = 60


def waves(table):
    """Fourier coefficients of the centred rows, and their share of the variance."""
    rows = table[:N]
    coefficients = torch.fft.rfft(rows - rows.mean(0), dim=0)  # (N / 2 + 1, d)
    power = coefficients.abs().square().sum(1)
    return coefficients, power / power.sum()


print(f"a flat spectrum: {2 / N:.1%} each")
print("step   period of the three strongest waves (share)")
for step in (0, 900, 6000):
    top = waves(tables[step])[1].topk(3)
    cells = zip(top.indices.tolist(), top.values.tolist(), strict=True)
    print(
        f"{step:5}  " + "  ".join(f"{N / k:5.1f} ({share:.1%})" for k, share in cells)
    )

# %%
# At step 0 the spectrum is flat, up to noise: 4.0% at most, where all alike would have
# 3.3%. After training, the strongest waves have periods of 60 positions (21.7%) and 2.4
# (8.2%). The fast wave accounts for the cosines above: 5 positions are about two of its
# periods, 4 positions one and two thirds. Like binary digits and
# :doc:`sinusoids </lessons/03_positions/20_sinusoidal>`, the table has slow and fast
# components, here found by training.
_, ax = plt.subplots(figsize=(6.08, 3.0), layout="constrained")
for step, style in ((0, ":"), (6000, "-")):
    power = waves(tables[step])[1][1:]
    ax.plot(torch.arange(1, N // 2 + 1) / N, power, style, label=f"step {step:,}")
ax.set(title="Spectrum of the position table", xlabel="frequency (1 / positions)")
ax.set(ylabel="share of the variance", ylim=0)
ax.legend()
plots.caption(
    "Training makes a slow and a fast wave. Share of the variance at each frequency: "
    "the peak at the left has a period of 60 positions, the one at 0.41 of 2.4.",
    alt="Two curves over the frequency from 0 to 0.5. The one of step 0 is flat; that "
    "of step 6,000 has a high peak at the left and a lower, narrow one at 0.41.",
)
plt.show()

# %%
# What are the waves for?
# -----------------------
# We remove some frequencies from the trained table and evaluate the toy on new stories.
# Two kinds of its questions should need positions: the time of day depends on the
# position of the word alone; and to repeat the notes of a song, heads must find the
# note *after* an earlier copy (:doc:`/lessons/04_attention/40_what_heads_do`). Two
# bands in between are the controls; one has as large a share of the variance as the
# fast band.
bands = {
    "nothing": [],
    "slow: 30, 60": [1, 2],
    "6.0 to 10": list(range(6, 11)),
    "2.7 to 5.5": list(range(11, 23)),
    "fast: 2.2 to 2.6": list(range(23, 28)),
}
print("removed periods   share  time of day  songs  other questions")
for name, band in bands.items():
    coefficients, power = waves(tables[6000])
    coefficients[band] = 0
    rows = torch.fft.irfft(coefficients, n=N, dim=0) + tables[6000][:N].mean(0)
    with torch.no_grad():
        toy.transformer.wpe.weight[:N] = rows
    right = evaluate.evaluate(toy, n_stories=60)
    others = min(right[kind] for kind in ("agreement", "reference", "recall", "owner"))
    cells = f"{right['position']:11.2f}  {right['song']:5.2f}  {others:15.2f}"
    print(f"{name:16}  {power[band].sum():5.0%}  {cells}")

# %%
# The columns are shares of right answers; of the other four kinds of question, the
# lowest share. Without the slow waves, only 0.56 of the times of day are right, and
# nearly all other answers. Without the fast ones, only songs suffer (0.85). The
# controls leave every share at 0.99 or more. So the fast wave isn't noise: songs need
# it, presumably to tell neighbouring positions apart. The experiment doesn't explain
# why its period is 2.4.
#
# Where the table ends
# --------------------
# No story reaches the last four positions. How far did training move their rows?
moved = (tables[6000] - tables[0]).norm(dim=1)
size = tables[6000].norm(dim=1) / tables[0].norm(dim=1)
print("rows      moved by  final / initial length")
print(f"0 to 59   {moved[:N].mean():8.2f}  {size[:N].mean():22.2f}")
print(f"60 to 63  {moved[N:].mean():8.2f}  {size[N:].mean():22.2f}")
try:
    toy(torch.zeros(1, 65, dtype=torch.long))
except IndexError as error:
    print("a text of 65 tokens:", error)

# %%
# Rows of positions that never occurred keep their random initialisation, shrunk by
# weight decay to 0.86 of its length, and token 65 of a text has no row at all.
#
# GPT-2's table, ``AutoModel.from_pretrained("gpt2").wpe.weight`` in ``transformers``,
# ends after 1,024 positions. In it, too, nearby rows are similar (Wang and Chen, 2020);
# plotted along its first principal components, it is a helix (Yedidia, 2023).
print("""\
scheme      unique    bounded  same step  longer texts  cheap
mask alone  inferred  yes      no         partly        yes
sinusoidal  yes       yes      yes        defined       yes
learned     yes       yes      partly     no            T x d""")

# %%
# Summary
# -------
# - Learned position embeddings are a table with a row for each position, trained like
#   any other weight. Before training, its rows are unrelated.
# - In the toy, training makes near rows similar and adds two waves: a slow one (period
#   60), which the time of day needs, and a fast one (2.4), which songs need.
# - Rows that no text reached stay noise, and beyond the last row there is nothing.
#
# Exercises
# ---------
# Keep *only* the slow and the fast waves: remove all other :math:`k`. Which of the two
# kinds of question suffers, and why?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Songs stay right, and about four in ten times of day become wrong. The times of day
#    change abruptly, and an abrupt change needs the frequencies in between.
#
# Further reading
# ---------------
# - Radford et al., *Improving Language Understanding by Generative Pre-Training*
#   (2018), section 3.1.
# - Wang and Chen, *What Do Position Embeddings Learn? An Empirical Study of Pre-Trained
#   Language Model Positional Encoding* (EMNLP 2020).
# - Yedidia, *GPT-2's positional embedding matrix is a helix* (LessWrong 2023).
