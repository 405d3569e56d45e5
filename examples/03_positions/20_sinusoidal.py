"""
Sinusoidal positions: a clock with many hands
=============================================

A position has to become a vector: different for every place, of a bounded size, and
such that "five further on" means the same everywhere. The first **transformer**, as
models made of attention are called, used sines and cosines, with nothing to learn. Why
does that work?
"""

# %%
# One pair of dimensions is a hand of a clock: the sine and the cosine of an angle that
# grows evenly with the position. Each pair turns more slowly than the one before it;
# the **wavelength** is how many positions a full turn takes.
from lmviz import plots, positions

encoding = positions.sinusoidal(1024, 768)
turns = positions.wavelengths(768)

print("encoding:", tuple(encoding.shape), "= (positions, dimensions)")
print(f"fastest hand: {turns[0]:.2f} positions a turn")
print(f"slowest hand: {turns[-1]:,.0f} positions a turn")

# %%
# All 1,024 positions in 768 dimensions. On the left the hands turn fast; on the right
# they have hardly moved by the end, and sine (0) and cosine (1) alternate in columns.
import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(7.68, 4.6), layout="constrained")
plots.heatmap(
    encoding,
    title="Sinusoidal encoding of 1024 positions in 768 dimensions",
    xlabel="dimension",
    ylabel="position",
    label="value",
    vmin=-1,
    vmax=1,
    ax=ax,
)
plots.caption(
    "Low dimensions vary quickly with position, high dimensions slowly. Each row is "
    "the encoding of a position. On the left, values change from one position to the "
    "next; on the far right, sine (near 0) and cosine (near 1) are almost constant "
    "over all 1024 positions.",
    alt="A heatmap of 1024 rows and 768 columns in violet and orange: fine noise on "
    "the left, then curved bands that widen to the right and end in straight vertical "
    "stripes.",
)
plt.show()

# %%
# Beware of its fine patterns: where stripes are narrower than a dot of your screen, the
# eye sees waves that are not in the numbers. So here are a few of the columns as
# curves. Dimensions 2i and 2i + 1 share a wavelength, and one is a quarter of a turn
# ahead of the other. They never stand still at the same time, so the hand can always be
# read.
_, axes = plt.subplots(3, figsize=(6.08, 4), sharex=True, layout="constrained")
for ax, dimension in zip(axes, (100, 160, 220), strict=True):
    for offset, style, name in ((0, "-", "sine"), (1, "--", "cosine")):
        column = encoding[:200, dimension + offset]
        ax.plot(column, style, color=plots.PALETTE[offset], label=name)
    ax.set(title=f"Dimensions {dimension} and {dimension + 1}", ylabel="value")
axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
axes[-1].set_xlabel("position")
plots.caption(
    "Each pair of dimensions has its own wavelength. Sine and cosine of three pairs "
    "over the first 200 positions: within a pair they are a quarter of a period apart, "
    "and the wavelength grows with the dimension.",
    alt="Three panels, one above the other, each with a solid and a dashed wave "
    "between -1 and 1: about ten periods at the top, about two at the bottom.",
)
plt.show()

# %%
# Here many readers go wrong, and some code does: "sine for even positions, cosine for
# odd ones". Even and odd are **dimensions**. Every position has both, as the first
# numbers of positions 1 and 2 show.
import math

for position in (1, 2):
    print(
        f"position {position}:", [round(v, 4) for v in encoding[position, :4].tolist()]
    )
    print("  by hand:  ", [round(math.sin(position), 4), round(math.cos(position), 4)])

# %%
# Now the point of it. The dot product of two encodings says how alike two places are,
# and it depends on their **distance alone**: sine times sine plus cosine times cosine
# is the cosine of the difference.
similarity = encoding[:100] @ encoding[:100].T
spread = max(
    float(similarity.diagonal(offset).max() - similarity.diagonal(offset).min())
    for offset in range(100)
)
print(f"largest spread along a diagonal: {spread:.1e}")
assert spread < 1e-2

# %%
# In the picture every diagonal has one colour.
_, ax = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
plots.heatmap(
    similarity,
    title="Dot product of every position\nwith every other",
    xlabel="position",
    ylabel="position",
    label="dot product",
    square=True,
    ax=ax,
)
plots.caption(
    "The dot product depends only on the distance between two positions. It is largest "
    "on the diagonal, where a position meets itself, and constant along every parallel "
    "to it.",
    alt="A square heatmap of 100 by 100 dot products: a strong main diagonal, and "
    "colour that fades evenly to both sides of it.",
)
plt.show()

# %%
# And a step is a **rotation**: moving on by k positions turns every hand by a fixed
# angle, so one matrix does it, whatever the position. A model can learn "five to the
# left" as one linear map.
shift = positions.shift_matrix(5, 768)
moved = encoding[:-5] @ shift
difference = float((moved - encoding[5:]).abs().max())
print(f"shift by 5, largest absolute difference: {difference:.1e}")
assert difference < 1e-4

# %%
# To play with: base, width and position. Predict each time what the pictures will do.
from lmviz import views

views.positions(title="Sinusoidal positions")

# %%
# **Takeaway.** A sinusoidal encoding is a set of clock hands of many speeds, in which
# distance is an angle.
#
# **Try it.** Set ``base=100.0`` in all three calls. Predict what happens to the right
# half of the first picture, and whether two far positions can still be told apart.
#
# **Sources.** Vaswani et al., *Attention Is All You Need* (2017), section 3.5.
