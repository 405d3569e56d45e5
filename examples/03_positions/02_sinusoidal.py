"""
Sinusoidal positional encoding
==============================

The first transformer encoded each position as a vector of sines and cosines, with
nothing to learn. Why not simply use the position number? After this lesson you can
compute the encoding by hand, read its picture, and prove that a step of five positions
is the same rotation everywhere.
"""

# %%
# Three attempts that fail
# ------------------------
# We want a code for position p that meets the five criteria of :doc:`lesson 3.1
# </lessons/03_positions/01_why_positions>`. The first idea is the number p itself; the
# second is p/T, where T is the number of tokens in the text; the third is p in binary
# digits, with one dimension for each digit.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import lmviz

embedding = lmviz.load().module.get_input_embeddings().weight
print(f"standard deviation of the entries of an embedding: {embedding.std():.2f}")
print("p    p / 10  p / 100  binary")
for p in range(3, 7):
    print(f"{p:<3}  {p / 10:6.2f}  {p / 100:7.2f}  {p:03b}")

# %%
# - The integer isn't *bounded*: in SmolLM2 the standard deviation of the entries of an
#   embedding is 0.14, and a position in the hundreds would drown them.
# - In p/T, a *step* has no fixed size: position 5 is 0.50 in a text of 10 tokens and
#   0.05 in one of 100.
# - Binary digits are bounded and unique, but from 3 to 4 all three digits change, and
#   from 4 to 5 only one.
#
# Yet binary digits contain a good idea: fast digits tell neighbours apart, slow ones
# tell distant positions apart. What they lack is smooth change.
#
# The formula
# -----------
# A **sinusoidal encoding** (Vaswani et al., 2017) replaces the digits with waves. For
# position :math:`p` and pair of dimensions :math:`i = 0, \dots, d/2 - 1`,
#
# .. math::
#
#    \mathrm{PE}_{p,\,2i} = \sin(p\,\theta_i), \qquad
#    \mathrm{PE}_{p,\,2i+1} = \cos(p\,\theta_i), \qquad
#    \theta_i = 10{,}000^{-2i/d} .
#
# Here :math:`d` is the width of the model (the encoding is added to the embeddings).
# The *frequency* :math:`\theta_i` of pair i is the angle in radians by which it turns
# at each step. Its **wavelength** (also called its *period*) is the number of positions
# for a full turn, :math:`2\pi/\theta_i`. The *base* 10,000 determines the longest
# wavelength. Each pair is like the hand of a clock: (cos, sin) is a point on a circle,
# and each hand is slower than the one before it.
import torch


def sinusoidal(n_positions, d, base=10_000):
    position = torch.arange(n_positions, dtype=torch.float64)[:, None]  # (T, 1)
    frequency = base ** -(torch.arange(0, d, 2, dtype=torch.float64) / d)  # (d / 2,)
    angle = position * frequency  # (T, d / 2)
    encoding = torch.empty(n_positions, d)
    encoding[:, 0::2] = angle.sin()
    encoding[:, 1::2] = angle.cos()
    return encoding


# %%
# For d = 4 there are two pairs, whose angles at position p are p and p/100.
small = sinusoidal(13, 4)
print("p    sin p    cos p    sin p/100  cos p/100")
for p in (3, 5):
    print(f"{p}  " + "  ".join(f"{number:8.4f}" for number in small[p]))
print("wavelengths:", [round(2 * torch.pi / theta, 1) for theta in (1, 1 / 100)])

# %%
# With a wavelength of 6.3 positions, the first pair distinguishes neighbours; the
# second (628.3) hardly moves between rows 3 and 5. In each pair :math:`\sin^2 + \cos^2
# = 1`, so every row has the same length, :math:`\sqrt{d/2}`. Even and odd refer to
# *dimensions*, not positions: every code contains both sines and cosines. (Some
# libraries put all sines first, which only reorders the dimensions, and a few space the
# frequencies slightly differently.)
#
# The package contains the same function. We draw the encoding at the size of GPT-2's
# table (which is :doc:`learned </lessons/03_positions/03_learned_positions>`): 1,024
# positions, d = 768.
from lmviz import positions

encoding = sinusoidal(1024, 768)
difference = float((encoding - positions.sinusoidal(1024, 768)).abs().max())
print(f"largest absolute difference from lmviz.positions: {difference:.1e}")
assert difference < 1e-6
wavelengths = positions.wavelengths(768)
print(f"wavelengths from {wavelengths[0]:.2f} to {wavelengths[-1]:,.0f} positions")
print("pairs that complete a turn:", int((wavelengths < 1024).sum()), "of", 384)
print(f"smallest distance between two rows: {torch.pdist(encoding).min():.2f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(7.68, 4.6), layout="constrained")
title = "Sinusoidal encoding of 1024 positions in 768 dimensions"
labels = {"xlabel": "dimension", "ylabel": "position", "label": "value"}
plots.heatmap(encoding, title=title, vmin=-1, vmax=1, ax=ax, **labels)
plots.caption(
    "Low dimensions vary quickly with position, high dimensions slowly. Each row is "
    "one position's code. At the right, sine (0) and cosine (1) hardly change.",
    alt="A heatmap of 1024 rows and 768 columns: fine noise at the left, then curved "
    "bands that widen to the right and end in straight vertical stripes.",
)
plt.show()

# %%
# The wavelengths grow from 6.28 to 61,343 positions, and 213 of the 384 pairs complete
# a turn within the table. All rows differ: the closest are 4.52 apart. (The finest
# waves at the left are an artefact: there the stripes are narrower than the picture's
# pixels.)
#
# A shift is a rotation
# ---------------------
# The angle addition formulas say what a step of k positions does to a pair:
#
# .. math::
#
#    \begin{split}
#    \sin((p+k)\,\theta) &= \sin(p\theta)\cos(k\theta) + \cos(p\theta)\sin(k\theta) , \\
#    \cos((p+k)\,\theta) &= \cos(p\theta)\cos(k\theta) - \sin(p\theta)\sin(k\theta) .
#    \end{split}
#
# The new pair is the old one times a matrix of :math:`\cos(k\theta)` and
# :math:`\sin(k\theta)`, a rotation that does not depend on p. We apply it to all rows.


def shift(encoding, k, base=10_000):
    d = encoding.shape[1]
    angle = k * base ** -(torch.arange(0, d, 2) / d)
    sine, cosine = encoding[:, 0::2], encoding[:, 1::2]
    shifted = torch.empty_like(encoding)
    shifted[:, 0::2] = sine * angle.cos() + cosine * angle.sin()
    shifted[:, 1::2] = cosine * angle.cos() - sine * angle.sin()
    return shifted


print("row 1 shifted by 2:", [round(v, 4) for v in shift(small, 2)[1].tolist()])
difference = float((shift(encoding, 5)[:-5] - encoding[5:]).abs().max())
print(f"shifted by 5, largest absolute difference from the rows: {difference:.1e}")
assert difference < 1e-4

# %%
# Row 1 becomes row 3 of the small table, and one rotation moves all 1,024 rows by 5.
# Vaswani et al. “hypothesized it would allow the model to easily learn to attend by
# relative positions”. This was a hypothesis: in the same paper a learned table, which
# has no such property by design, gave “nearly identical results” (table 3, row E).
#
# The dot product of two codes
# ----------------------------
# Attention compares vectors by their dot product. For two codes, this is
#
# .. math::
#
#    \mathrm{PE}_p \cdot \mathrm{PE}_q = \sum_i \bigl[\sin(p\theta_i)\sin(q\theta_i)
#    + \cos(p\theta_i)\cos(q\theta_i)\bigr] = \sum_i \cos\bigl((p-q)\,\theta_i\bigr) ,
#
# which depends on the distance only. The cosine is symmetric about 0, so the dot
# product does not distinguish left from right.
#
# But a head doesn't compare the codes themselves. It multiplies one by :math:`W_Q` and
# the other by :math:`W_K`, and compares :math:`\mathrm{PE}_p W_Q W_K^\top
# \mathrm{PE}_q^\top`. We try two matrices in the middle: a random one, and the rotation
# that shifts the query by 5 positions to the left.
torch.manual_seed(0)
random = torch.randn(768, 768) / 768**0.5
scores = {
    "codes": encoding @ encoding.T,
    "random matrix": encoding @ random @ encoding.T,
    "rotation by -5": shift(encoding, -5) @ encoding.T,
}
print(f"d = 4: 3·5 = {small[3] @ small[5]:.4f}, 10·12 = {small[10] @ small[12]:.4f}")
print("(query, key)    (100, 95)  (200, 195)  (95, 100)")
for name, score in scores.items():
    print(f"{name:14}  {score[100, 95]:9.2f}  {score[200, 195]:10.2f}  ", end="")
    print(f"{score[95, 100]:9.2f}")

# %%
_, ax = plt.subplots(figsize=(6.08, 3.2), layout="constrained")
offsets = torch.arange(-30, 31)
for (name, score), style in zip(scores.items(), ("-", ":", "--"), strict=True):
    ax.plot(offsets, score[500, 500 + offsets], style, label=name)
ax.set(title="Scores of query position 500", xlabel="key minus query", ylabel="score")
ax.legend()
best = int(offsets[scores["rotation by -5"][500, 500 + offsets].argmax()])
plots.caption(
    "The dot product of two codes is symmetric, and a shift moves its peak. The peak "
    f"at 0 moves to {best} if the query is rotated; a random matrix leaves no peak.",
    alt="Three curves against key minus query, from -30 to 30: a symmetric peak at 0, "
    f"the same peak at {best}, and a nearly flat curve.",
)
plt.show()

# %%
# - *Codes*: for d = 4, rows 3 and 5 have the dot product :math:`\cos 2 + \cos 0.02`, as
#   do rows 10 and 12. For d = 768, the product at distance 5 is 284.56 on either side
#   of any query.
# - *Random matrix*: the score depends on more than distance. At the same distance it is
#   15.99 or 30.61, and 5.72 in the other direction.
# - *Rotation*: the score is highest for the key five to the left (384.00, the squared
#   length of a code) and lower for the key five to the right (261.13).
#
# So dependence on distance alone is a property of the codes, which :math:`W_Q` and
# :math:`W_K` may preserve, turn into a preference for one side, or destroy.
#
# In the interactive version you can change the base, the width and the position.
from lmviz import views

views.positions(title="Sinusoidal positions")

# %%
# The table of criteria
# ---------------------
# We judge the schemes so far by the criteria of :doc:`lesson 3.1
# </lessons/03_positions/01_why_positions>`. "Defined" means that there is a value at
# any position; "yes" would mean that models also work there.
print("""\
scheme         unique    bounded  same step  longer texts  cheap
mask alone     inferred  yes      no         partly        yes
integer p      yes       no       yes        defined       yes
p / T          yes       yes      no         defined       yes
binary digits  yes       yes      no         defined       yes
sinusoidal     yes       yes      yes        defined       yes""")

# %%
# A sinusoidal code has a value at any position, but the predictions of models trained
# with it soon get worse beyond the training length (Press et al., 2022). :doc:`Lesson
# 3.5 </lessons/03_positions/05_relative_position_biases>` measures this.
#
# Summary
# -------
# - Pair i of a sinusoidal encoding is the sine and cosine of :math:`p \cdot
#   10{,}000^{-2i/d}`: fast pairs tell neighbours apart, slow ones tell distant
#   positions apart. Sines and cosines alternate along the dimensions.
# - A step of k positions is the same rotation at every position.
# - The dot product of two codes depends on their distance alone, and is the same to the
#   left and to the right. A head's matrices need not keep either property.
#
# Exercises
# ---------
# Show that no two positions have the same code, however long the text.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The first pair has the frequency :math:`\theta_0 = 1`. Its sine and cosine are
#    equal at p and q only if :math:`p - q` is a multiple of :math:`2\pi`, which is
#    irrational. For whole numbers that leaves :math:`p = q`.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.5 and table 3.
# - Press, Smith and Lewis, *Train Short, Test Long* (ICLR 2022), section 2, on what
#   happens to these codes beyond the training length.
