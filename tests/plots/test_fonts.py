"""Text in figures, with and without a font that has its characters."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from lmviz import plots
from lmviz.plots import _fonts
from lmviz.plots._fonts import fit

SENTENCE = ["猫", "␣🚀", "␣$5", "␣or\n$6", "␣café"]
WITHOUT = ["⟨U+732B⟩", "␣⟨U+1F680⟩", "␣$5", "␣or\n$6", "␣café"]


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch):
    """Hide all installed fonts except those that matplotlib includes."""
    manager = font_manager.fontManager
    ours = [entry for entry in manager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(manager, "ttflist", ours)
    _fonts._family.cache_clear()
    manager._findfont_cached.cache_clear()
    yield manager
    _fonts._family.cache_clear()
    manager._findfont_cached.cache_clear()
    plt.close("all")


def add_font(manager, path, family, characters, *, empty=False):
    pen = TTGlyphPen(None)
    if not empty:
        pen.moveTo((0, 0))
        pen.lineTo((500, 0))
        pen.lineTo((500, 700))
        pen.closePath()
    drawn = pen.glyph()
    names = {ord(character): f"u{ord(character):X}" for character in characters}
    order = [".notdef", *names.values()]
    font = FontBuilder(1000)
    font.setupGlyphOrder(order)
    font.setupCharacterMap(names)
    font.setupGlyf({name: drawn for name in order})
    font.setupHorizontalMetrics({name: (1000, 0) for name in order})
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": family, "styleName": "Regular"})
    font.setupOS2(usWeightClass=400)
    font.setupPost()
    font.save(path)
    manager.addfont(path)


def test_a_character_without_a_font_is_written_as_a_code_point():
    written, families = fit(SENTENCE)
    assert written == WITHOUT
    assert families == ["sans-serif"]


def test_a_font_of_the_machine_is_found(bare_machine, tmp_path):
    add_font(bare_machine, tmp_path / "cats.ttf", "Cats", "猫")
    written, families = fit(["猫🚀"])
    assert written == ["猫⟨U+1F680⟩"]
    assert families == ["sans-serif", "Cats"]


def test_the_font_of_the_text_comes_first(bare_machine, tmp_path):
    add_font(bare_machine, tmp_path / "cats.ttf", "Cats", "猫")
    font = font_manager.FontProperties(family=["Cats", "monospace"])
    assert fit(["猫é"], font) == (["猫é"], ["Cats", "monospace"])


def test_sans_serif_comes_before_other_fonts(bare_machine, tmp_path):
    add_font(bare_machine, tmp_path / "a.ttf", "A Serif", "猫")
    add_font(bare_machine, tmp_path / "b.ttf", "B Sans", "猫")
    assert fit(["猫"])[1] == ["sans-serif", "B Sans"]


def test_a_font_with_empty_glyphs_is_ignored(bare_machine, tmp_path):
    add_font(bare_machine, tmp_path / "colour.ttf", "Colour Sans", "🚀", empty=True)
    assert fit(["🚀"]) == (["⟨U+1F680⟩"], ["sans-serif"])


FIGURES = {
    "map": lambda: plots.attention_map(np.eye(5), SENTENCE, title="".join(SENTENCE)),
    "mosaic": lambda: plots.head_mosaic(np.ones((1, 1, 2, 2)), title="猫"),
    "heatmap": lambda: plots.heatmap(
        np.eye(2), title="猫", xlabel="🚀", ylabel="猫", label="value"
    ),
    "strips": lambda: plots.token_strips({"猫": SENTENCE}, title="猫"),
    "scatter": lambda: plots.labelled_scatter(
        np.arange(10).reshape(5, 2), SENTENCE, title="猫", xlabel="x", ylabel="y"
    ),
    "bars": lambda: plots.token_bars(SENTENCE, [0.1] * 5, title="“猫 costs $5 or $6”"),
}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("has_fonts", [False, True])
def test_every_figure_is_drawn_without_a_warning(
    bare_machine, tmp_path, caplog, name, has_fonts
):
    if has_fonts:
        add_font(bare_machine, tmp_path / "cats.ttf", "Cats", "猫")
    ax = FIGURES[name]()
    ax.figure.canvas.draw()  # warnings are errors here
    assert not caplog.records
    written = {text.get_text() for text in ax.figure.findobj(plt.Text)}
    joined = "".join(written)
    assert ("猫" in joined) == has_fonts
    assert ("⟨U+732B⟩" in joined) != has_fonts
    if name in ("strips", "scatter", "bars", "map") and not has_fonts:
        assert set(WITHOUT) <= written


def test_a_box_is_as_wide_as_its_text(bare_machine, tmp_path):
    ax = plots.token_strips({"a": ["猫", "cats"]}, title="")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([8.85, 4.85])
    add_font(bare_machine, tmp_path / "cats.ttf", "Cats", "猫")
    _fonts._family.cache_clear()
    ax = plots.token_strips({"a": ["猫", "cats"]}, title="")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([2.85, 4.85])


def test_labels_remain_on_a_shared_axis():
    _, axes = plt.subplots(1, 2, sharey=True)
    for ax in axes:
        plots.token_bars(["猫"], [0.5], title="", ax=ax)
    names = [label.get_text() for label in axes[0].get_yticklabels()]
    assert names == ["⟨U+732B⟩", "all others"]


def test_numbers_of_an_axis_stay_numbers():
    _, ax = plt.subplots()
    ax.plot([1, 1000])
    ax.set_yscale("log")
    ax.set_xticks([0, 1], [0, 1])
    plots.make_legible(ax)
    ax.figure.canvas.draw()
    ticks = [label for label in ax.get_yticklabels() if label.get_text()]
    assert all(label.get_parse_math() for label in ticks)
    assert any("10^" in label.get_text() for label in ticks)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1"]


def test_a_long_title_is_broken_and_a_legend_is_legible():
    _, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1], label="猫")
    ax.legend()
    ax.set_title("many words " * 9)
    plots.make_legible(ax)
    ax.figure.canvas.draw()
    assert ax.get_legend().get_texts()[0].get_text() == "⟨U+732B⟩"
    assert ax.title.get_window_extent().width < ax.figure.bbox.width
