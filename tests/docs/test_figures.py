"""The versions, caption and description that the build gives a figure."""

import hashlib
from pathlib import Path

import lmviz_book.figures
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import style
from matplotlib.colors import to_hex, to_rgba
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def figures():
    with style.context(DOCS / "book.mplstyle"):
        yield lmviz_book.figures
    plt.close("all")


def test_a_figure_is_described_by_what_is_drawn(figures):
    figure, axes = plt.subplots(1, 3)
    axes[0].imshow([[0, 1]])
    axes[0].set(title="Weights", xlabel="key", ylabel="query")
    axes[1].bar([0, 1], [2, 3], label="the model")
    axes[1].set(title="Chances")
    axes[1].legend()
    axes[2].scatter([0], [1])
    axes[2].text(0, 1, "cat")
    axes[2].set(title="Map")
    assert figures.describe(figure) == (
        "Weights. A table of colours, across: key, up: query. "
        "Chances. 2 bars. Drawn: the model. Map. Points. Written in it: cat."
    )


def test_the_title_is_left_to_the_page(figures):
    figure, ax = plt.subplots()
    ax.set_title("One\npanel")
    assert figures.take_title(figure) == "One, panel"
    assert ax.get_title() == ""

    figure, axes = plt.subplots(1, 2)
    axes[0].set_title("Before")
    axes[1].set_title("After")
    assert figures.take_title(figure) == "Before; After"
    assert axes[0].get_title() == "Before", "panels keep their names"
    figure.suptitle("Both")
    assert figures.take_title(figure) == "Both"
    assert figure.get_suptitle() == ""
    assert axes[0].get_title() == "Before"


def test_the_figure_of_a_notebook_is_kept_under_the_name_that_myst_nb_gives(
    figures, tmp_path, monkeypatch
):
    monkeypatch.setattr(figures, "KEPT", tmp_path)
    figure, ax = plt.subplots()
    ax.plot([1, 2])
    ax.set_title("A line")
    path = figures.keep(figure)
    assert path.stem == hashlib.sha256(path.read_bytes()).hexdigest()
    for _, _, suffix in figures.VERSIONS:
        with Image.open(path.with_stem(path.stem + suffix)) as image:
            assert image.info["Title"] == "A line"
            assert image.info["Description"] == "A curve."
    assert len(list(tmp_path.iterdir())) == len(figures.VERSIONS)


def test_dark_figures_have_light_ink_and_keep_the_colours_of_data(figures):
    figure, ax = plt.subplots()
    (line,) = ax.plot([0, 1], color="#0072B2")
    grey = ax.axhline(0.5, color="0.8")
    (bar,) = ax.bar([0], [1], color="#E69F00")
    on_a_colour = ax.text(0, 0, "x", color="black")
    image = ax.imshow([[0.0, 1.0]])
    before = image.to_rgba(image.get_array()).tolist()
    figures.to_dark(figure)
    assert to_hex(ax.title.get_color()) == to_hex(figures.LIGHT_INK)
    assert to_hex(ax.spines["left"].get_edgecolor()) == to_hex(figures.LIGHT_INK)
    assert to_hex(line.get_color()) == "#0072b2"
    assert to_hex(bar.get_facecolor()) == "#e69f00"
    assert on_a_colour.get_color() == to_rgba("black")
    assert to_rgba(grey.get_color())[0] == pytest.approx(0.2)
    assert image.to_rgba(image.get_array()).tolist() == before


def test_a_saved_figure_keeps_its_colours_and_is_small(figures, tmp_path):
    figure, ax = plt.subplots(figsize=(4, 3))
    drawn = ax.imshow(np.linspace(0, 1, 400).reshape(20, 20), cmap="viridis")
    figure.savefig(tmp_path / "whole.png", dpi=100)
    figures.save(figure, tmp_path / "saved.png", figures.PAGES["light"], 1)
    whole, saved = (
        np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(int)
        for name in ("whole.png", "saved.png")
    )
    assert drawn.get_clim() == (0, 1)
    assert np.abs(whole - saved).max() <= 8  # of 255, in every pixel
    assert saved[0, 0].tolist() == [255] * 3  # the page's own white
    sizes = [(tmp_path / name).stat().st_size for name in ("saved.png", "whole.png")]
    assert sizes[0] < sizes[1]


def test_noise_keeps_its_colours_and_the_page_its_own(figures):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    noise[:50] = noise[:, :20] = 255
    image = Image.fromarray(noise)
    assert image.getcolors(figures.MANY_COLOURS) is None
    saved = np.asarray(figures.in_256_colours(image).convert("RGB")).astype(int)
    assert (saved[:50] == 255).all()
    assert np.abs(saved - noise).mean() < 20  # of 255: a cube has 6 steps a side
