"""
Learned position embeddings
===========================

GPT-2 uses no formula for positions. Its position table contains one row for each
position, just as its token table contains one for each token, and both are learned.
After this lesson you can say what structure training gives such a table, and test what
a model uses it for.
"""

# %%
# A table with one row for each position
# --------------------------------------
# **Learned position embeddings** are the rows of a matrix :math:`P`. There are
# :math:`T` rows, since a text may contain at most :math:`T` tokens, and :math:`d`
# columns, the width of the model. A token with id :math:`w` at position :math:`t`
# enters the model as
#
# .. math::
#
#    x_t = E_w + P_t , \qquad E \in \mathbb{R}^{V \times d}, \quad
#    P \in \mathbb{R}^{T \times d} ,
#
# where :math:`E` is the table of token embeddings. Like every other weight, P starts
# with random numbers and is learned by gradient descent on the loss, the number that
# training minimises (:doc:`/book/terms`). Here are three positions of width two and a
# text of two tokens, which uses the first two rows.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

torch.manual_seed(0)
small = torch.nn.Embedding(3, 2)
small(torch.arange(2)).sum().backward()  # as if the loss were the sum of the numbers
print(small.weight.grad)

# %%
# Rows 0 and 1 get a gradient. Row 2 gets none, so this text teaches the model nothing
# about position 2.
#
# A model whose table we can watch
# --------------------------------
# The **toy** is the book's own small GPT-2 (:doc:`/book/toy`). It was trained on short
# stories in a made-up language, and copies of its position table were kept during
# training. Here is a story. Each word that follows with certainty from the words before
# it is a *question*, of one of six kinds. The model's answer is the word that it
# predicts as most likely.
from lmviz.toy import evaluate, grammar, history, language

story = """<story> Anna has a red ball . Tom has a blue kite .
Anna still has her red ball . the kite Tom has is blue . now it is noon .
Tom sings do re , do re . the dog saw the kite because it was new .
the new one was the kite ."""
print("sentence                                    questions (kind)")
sentence, asked = [], []
for word, choice in zip(story.split()[1:], language.parse(story.split()), strict=False):
    sentence.append(word)
    asked += [f"{word} ({choice.kind})"] if choice.kind else []
    if word == ".":
        print(f"{' '.join(sentence):42}  {', '.join(asked) or '-'}")
        sentence, asked = [], []

# %%
# The first two sentences state facts, which can't be predicted. *Recall* and *owner*
# ask for these facts again, *agreement* asks for "her" or "his", and *reference* asks
# what was new. The other two kinds should need positions. The time of day (*position*)
# depends on the position of the word and on nothing else: it changes every eight
# positions. In a *song*, the notes are repeated, so the model has to find the note
# *after* an earlier copy (:doc:`lesson 4.8
# </lessons/04_attention/08_induction_heads>`).
#
# Training orders the table
# -------------------------
# We compare the table before and after training. The measure is the mean cosine of rows
# that are k positions apart, after subtracting the mean row. We take only the middle of
# the stories: before it, all of them state two facts; after it, some begin to end.
import copy

import lmviz
from lmviz import embeddings

N, FIRST, LAST = 60, 13, 43  # rows that stories reach; their middle
toy = copy.deepcopy(lmviz.load("toy").module)  # a copy, since we shall change it
before, after = (history.position_tables()[step] for step in (0, 6000))
difference = float((after - toy.transformer.wpe.weight).abs().max())
print(f"largest absolute difference from the model's own table: {difference:.1e}")
assert difference < 1e-6


def alike(table):
    rows = table[FIRST : LAST + 1] - table[FIRST : LAST + 1].mean(0)
    return embeddings.cosine(rows, rows)


def show(name, table):
    means = [alike(table).diagonal(k).mean().item() for k in (1, 2, 3, 4, 5, 6, 20)]
    print(f"{name:18}  " + "  ".join(f"{mean:5.2f}" for mean in means))


print("positions apart     " + "  ".join(f"{k:5}" for k in (1, 2, 3, 4, 5, 6, 20)))
show("before training", before)
show("after training", after)

# %%
# Before training, distance makes no difference. After training, the mean cosine of
# neighbours is 0.19, and that of rows 20 positions apart is -0.19. This order comes
# from the texts. But the cosine doesn't simply fall with the distance: rows 5 apart are
# more similar (0.40) than neighbours, and rows 4 apart aren't similar at all (-0.04).
#
# Slow and fast waves
# -------------------
# Something in the table seems to return every few rows. To find it, we write the table
# as a sum of waves. Wave k is a cosine and a sine that complete k turns in the N rows,
# each times a vector (:math:`a_k` and :math:`b_k`):
#
# .. math::
#
#    P_t = \bar P + \sum_{k=1}^{N/2} \bigl( a_k \cos(2\pi k t / N)
#    + b_k \sin(2\pi k t / N) \bigr) .
#
# Every table has exactly one such sum, its *Fourier transform*. The waves are
# orthogonal, so each accounts for a *share* of the table's sum of squares (without the
# mean :math:`\bar P`). As a worked example, we take one column of four numbers.


def wave(k, n):
    """Return cosine and sine with k turns in n rows, scaled to length 1: (n, 2)."""
    angle = 2 * torch.pi * k * torch.arange(n) / n
    columns = torch.stack([angle.cos(), angle.sin()], dim=1)
    columns = columns[:, : 1 if 2 * k == n else 2]  # this sine is zero in every row
    return columns / columns.norm(dim=0)


def part(rows, turns):
    """Return what is in these waves: the projection of the rows on them."""
    waves = torch.cat([wave(k, len(rows)) for k in turns], dim=1)
    return waves @ (waves.T @ rows)


column = torch.tensor([[3.0], [0.0], [-1.0], [-2.0]])
for k in (1, 2):
    numbers = part(column, [k]).round()
    print(f"k = {k}: {numbers.T.tolist()[0]}, sum of squares {numbers.norm() ** 2:.0f}")

# %%
# The column 3, 0, -1, -2 is the sum of a slow wave 2, 1, -2, -1 and a fast one 1, -1,
# 1, -1. The slow one has the larger sum of squares, 10 against 4. Now we take the 60
# rows of the toy's table that stories reach. There, wave k has a *period* of 60/k rows.


def share(table, turns):
    rows = table[:N] - table[:N].mean(0)
    return part(rows, turns).square().sum() / rows.square().sum()


print("largest shares:", sorted(range(1, 31), key=lambda k: -share(after, [k]))[:4])
print("waves (k)   before  after")
SLOW, FAST = (1, 2), (24, 25)  # periods 60 and 30; 2.5 and 2.4
for turns in (SLOW, FAST):
    print(f"{turns!s:10}  {share(before, turns):6.1%}  {share(after, turns):5.1%}")
show("without fast waves", after[:N] - part(after[:N], FAST))

# %%
# Training made these four waves large. The *slow* ones, with periods of 60 and 30 rows,
# grew from 6.7% to 27.9%. These periods are not a rhythm: any gradual change from the
# first row to the last shows up in these two waves. The *fast* ones, with periods of
# about 2.4, grew from 6.9% to 15.5%. They explain the cosines: 5 positions are about
# two periods, but 4 positions are one and two thirds.
#
# In the last line, the fast waves are subtracted from the trained table. At the same
# distances as above, its cosines now fall on the whole, from 0.54 for neighbours to
# -0.31 at 20. So the table has slow and fast components, as binary digits and
# :doc:`sinusoids </lessons/03_positions/02_sinusoidal>` do. Here training found them.
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 3, figsize=(7.68, 2.8), sharey=True, layout="constrained")
look = {"vmin": -1, "vmax": 1, "cmap": "diverging", "square": True, "colorbar": False}
tables = {
    "before training": before,
    "after training": after,
    "without the fast waves": after[:N] - part(after[:N], FAST),
}
for ax, (title, table) in zip(axes, tables.items(), strict=True):
    plots.heatmap(alike(table), title=title, ax=ax, **look)
    ax.set(xlabel="position", ylabel="position" if table is before else "")
    ax.set_xticks(range(7, 31, 10), range(20, 44, 10))
    ax.set_yticks(range(7, 31, 10), range(20, 44, 10))
plots.shared_colorbar(axes, "cosine")
plots.caption(
    "Training makes near rows similar on average, with a fast wave on top. Cosine of "
    f"each pair of rows from {FIRST} to {LAST}. The stripes of the trained table "
    "disappear with the fast waves.",
    alt="Three heatmaps of 31 by 31 cosines. The first is pale except for its "
    "diagonal; the second has stripes parallel to the diagonal; the third has a broad "
    "positive band along the diagonal and negative corners.",
)
plt.show()

# %%
# What the waves are for
# ----------------------
# We subtract some waves from the trained table and let the toy answer the questions of
# 200 new stories. The controls are random numbers with the same sum of squares as the
# slow waves, and a group of waves between slow and fast, with a larger share.
import itertools

tests = list(itertools.islice(language.stories("positions", held_out=True), 200))
ids, _ = evaluate.pad([story.words for story in tests])
kinds = [[*story.kinds, *[None] * (63 - len(story.kinds))] for story in tests]
asked = {k: torch.tensor([[a == k for a in r] for r in kinds]) for k in grammar.KINDS}


@torch.no_grad()
def right_answers(rows):
    """Share of right answers of each kind, with these rows in place of the first 60."""
    toy.transformer.wpe.weight[:N] = rows
    right = toy(ids).logits[:, :-1].argmax(-1) == ids[:, 1:]
    return {kind: right[where].float().mean().item() for kind, where in asked.items()}


centred = after[:N] - after[:N].mean(0)
slow, noise = part(centred, SLOW), torch.randn(centred.shape)
parts = {
    "nothing": 0 * centred,
    "slow: 60 and 30": slow,
    "random numbers": noise * slow.norm() / noise.norm(),
    "2.7 to 10": part(centred, range(6, 23)),
    "fast: 2.4 and 2.5": part(centred, FAST),
}
print(f"questions: {asked['position'].sum()} times of day, {asked['song'].sum()} notes")
print("removed periods    share  time of day  notes  lowest other kind")
for name, removed in parts.items():
    right = right_answers(after[:N] - removed)
    size = removed.square().sum() / centred.square().sum()
    cells = f"{right.pop('position'):11.2f}  {right.pop('song'):5.2f}"
    print(f"{name:17}  {size:5.0%}  {cells}  {min(right.values()):17.2f}")

# %%
# The last three columns are shares of right answers, the final one that of the worst of
# the other four kinds. Without the slow waves, the times of day suffer most (0.64).
# Random numbers of the same size do no harm, so it matters *which* pattern is missing.
# Without the fast waves, only the notes suffer (0.86). Presumably songs need them to
# tell one position from the next; the experiment doesn't say why their period is 2.4.
# The waves in between make up the largest share, but removing them costs no notes and
# fewer times of day (0.87).
#
# Where the table ends
# --------------------
# No story reached the last rows. We compare the lengths of rows before and after
# training.
size = after.norm(dim=1) / before.norm(dim=1)
print(f"length after / before: {size[:N].mean():.2f}, last rows {size[N:].mean():.2f}")

# %%
# Rows of positions that never occurred keep their random initialisation, shrunk to 0.86
# of its length by weight decay, which pulls every weight towards zero. After row 63
# there is no row at all: the table ends at the longest text that the model can take.
#
# GPT-2's table is ``AutoModel.from_pretrained("gpt2").wpe.weight`` in ``transformers``.
# There, too, nearby rows are similar (Wang and Chen, 2020); drawn in three dimensions,
# they form a helix (Yedidia, 2023). Of the criteria of :doc:`lesson 3.1
# </lessons/03_positions/01_why_positions>`, learned rows meet the *same step* only
# "partly", since distance determines their similarity only on average:
print("""\
scheme      unique    bounded  same step  longer texts  cheap
sinusoidal  yes       yes      yes        defined       yes
learned     yes       yes      partly     no            T x d""")

# %%
# Summary
# -------
# - Learned position embeddings are a table with a trained row for each position.
# - Training gave the toy's table a gradual change, which the times of day need, and a
#   wave with a period of about 2.4, which songs need. Near rows are similar on average.
# - Rows that no text reached stay noise, and beyond the last row there is nothing.
#
# Exercises
# ---------
# Shift only the slow waves: use the rows ``after[:N] - slow + slow.roll(-8, 0)``, so
# that row t has the slow waves of row :math:`t + 8`. Which times of day become wrong,
# and how?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    About one answer in five becomes wrong, and nearly all of these are later times,
#    such as "evening" for "morning": the slow waves now indicate a position eight
#    further on. The others stay right: the model doesn't rely on slow waves alone.
#
# Further reading
# ---------------
# - Wang and Chen, *What Do Position Embeddings Learn? An Empirical Study of Pre-Trained
#   Language Model Positional Encoding* (EMNLP 2020).
# - Yedidia, *GPT-2's positional embedding matrix is a helix* (LessWrong 2023).
