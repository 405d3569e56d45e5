import matplotlib.pyplot as plt
import numpy as np
import pytest

import lmviz
from lmviz import plots
from lmviz.plots._fonts import fit
from lmviz.plots.captions import words_of


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def weights(n=3):
    return np.tril(np.ones((n, n))) / np.arange(1, n + 1)[:, None]


def labels(texts):
    return [text.get_text() for text in texts]


def test_attention_map_labels_queries_and_keys():
    ax = plots.attention_map(weights(), ["a", "$b$", "c"], title="A head")
    assert labels(ax.get_xticklabels()) == ["a", "$b$", "c"]
    assert labels(ax.get_yticklabels()) == ["a", "$b$", "c"]
    assert "key" in ax.get_xlabel()
    assert "query" in ax.get_ylabel()
    assert ax.get_title() == "A head"
    texts = [*ax.get_xticklabels(), *ax.get_yticklabels()]
    assert not any(text.get_parse_math() for text in texts)


@pytest.mark.parametrize(
    ("scale", "label", "expected"),
    [("linear", "weight", 1.0), ("log1p", "log(1 + weight)", np.log(2))],
)
def test_the_colour_bar_says_its_scale(scale, label, expected):
    ax = plots.attention_map(weights(), list("abc"), scale=scale)
    mesh = ax.collections[0]
    assert mesh.get_array().max() == pytest.approx(expected)
    assert mesh.get_clim() == (0, pytest.approx(expected))
    assert mesh.colorbar.ax.get_ylabel() == label


def test_the_ends_of_the_colours_can_be_set():
    ax = plots.attention_map(weights(), list("abc"), vmin=0.2, vmax=0.5, cmap="cividis")
    assert ax.collections[0].get_clim() == (0.2, 0.5)
    assert ax.collections[0].get_cmap().name == "cividis"


def test_fewer_queries_than_keys_are_the_last_ones():
    ax = plots.attention_map(weights()[1:], list("abc"))
    assert labels(ax.get_yticklabels()) == ["b", "c"]


def test_another_number_of_tokens_is_an_error():
    with pytest.raises(ValueError, match="`tokens` must have .* got 2 for"):
        plots.attention_map(weights(), ["a", "b"])


def test_the_logarithmic_scale_goes_from_a_ten_thousandth_to_one():
    ax = plots.attention_map(weights(), list("abc"), scale="log")
    mesh = ax.collections[0]
    assert mesh.get_clim() == (-4, 0)
    assert np.log10(1 / 3) == pytest.approx(mesh.get_array().min())
    zero = plots.attention_map([[0.0, 1.0], [1.0, 0.0]], list("ab"), scale="log")
    assert zero.collections[0].get_array().min() == -4
    assert mesh.get_array().reshape(3, 3)[1, 0] == pytest.approx(np.log10(0.5))


@pytest.mark.parametrize("scale", ["linear", "log1p", "log"])
def test_the_causal_mask_is_blank_and_a_weight_of_zero_is_not(scale):
    causal = np.array([[1.0, 0, 0], [0, 1, 0], [0.5, 0, 0.5]])
    ax = plots.attention_map(causal, list("abc"), scale=scale)
    blank = np.ma.getmaskarray(ax.collections[0].get_array()).reshape(3, 3)
    assert np.array_equal(blank, np.triu(np.ones((3, 3), bool), 1))
    image = plots.head_mosaic(causal[None, None], scale=scale).images[0].get_array()
    blank = np.ma.getmaskarray(np.ma.masked_invalid(image))[:3, :3]
    assert np.array_equal(blank, np.triu(np.ones((3, 3), bool), 1))


def test_weights_of_later_keys_are_no_mask():
    both = np.full((2, 2), 0.5)
    ax = plots.attention_map(both, ["a", "b"])
    assert not np.ma.getmaskarray(ax.collections[0].get_array()).any()
    last = plots.attention_map([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]], ["a", "b", "c"])
    blank = np.ma.getmaskarray(last.collections[0].get_array()).reshape(2, 3)
    assert blank.tolist() == [[False, False, True], [False, False, False]]


def test_an_unknown_scale_is_an_error():
    with pytest.raises(ValueError, match="must be one of 'linear', .* got 'power'"):
        plots.attention_map(weights(), list("abc"), scale="power")


def test_mosaic_puts_every_head_at_its_ticks():
    attentions = np.zeros((2, 3, 4, 4))
    attentions[1, 2] = weights(4)
    ax = plots.head_mosaic(attentions)
    image = np.ma.filled(ax.images[0].get_array(), np.nan)
    row, column = int(ax.get_yticks()[1]), int(ax.get_xticks()[2])
    tile = image[row - 1 : row + 3, column - 1 : column + 3]
    assert np.array_equal(np.nan_to_num(tile), weights(4))
    assert labels(ax.get_xticklabels()) == ["0", "1", "2"]
    assert labels(ax.get_yticklabels()) == ["0", "1"]


def test_layers_of_a_mosaic_can_go_across():
    attentions = np.zeros((2, 3, 4, 4))
    attentions[1, 2] = weights(4)
    ax = plots.head_mosaic(attentions, across=True)
    image = np.ma.filled(ax.images[0].get_array(), 0)
    row, column = int(ax.get_yticks()[2]), int(ax.get_xticks()[1])
    tile = image[row - 1 : row + 3, column - 1 : column + 3]
    assert np.array_equal(np.nan_to_num(tile), weights(4))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("layer", "head")


@pytest.mark.parametrize("across", [False, True])
def test_layers_of_a_mosaic_have_the_numbers_that_are_given(across):
    ax = plots.head_mosaic(np.ones((2, 3, 4, 4)), layers=(1, 5), across=across)
    labels = ax.get_xticklabels() if across else ax.get_yticklabels()
    assert [label.get_text() for label in labels] == ["1", "5"]
    with pytest.raises(ValueError, match="`layers` must be 2 different integers"):
        plots.head_mosaic(np.ones((2, 3, 4, 4)), layers=(1, 2, 3))


def test_a_learned_sink_is_the_first_column_of_a_map():
    weights = np.array([[0.75, 0], [0.25, 0.25]])
    ax = plots.attention_map(weights, ["a", "b"], sink=[0.25, 0.5])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["(sink)", "a", "b"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    drawn = ax.collections[0].get_array().filled(np.nan)
    expected = [[0.25, 0.75, np.nan], [0.5, 0.25, 0.25]]
    assert np.array_equal(drawn, expected, equal_nan=True)


@pytest.mark.parametrize(("n_layers", "n_heads"), [(12, 12), (30, 9), (48, 25)])
def test_mosaic_is_no_larger_than_a_screen(n_layers, n_heads):
    ax = plots.head_mosaic(np.ones((n_layers, n_heads, 2, 2)))
    width, height = ax.figure.get_size_inches()
    assert width < 10 and height < 10


def test_mosaic_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"shape \(L, H, T_q, T_k\), got \(3, 3\)"):
        plots.head_mosaic(weights())


def test_strips_count_tokens_and_keep_their_text():
    rows = {"one": ["a", "$b$"], "two": ["a\n1"]}
    ax = plots.token_strips(rows, title="Strips", faded=["a"])
    assert labels(ax.texts) == ["a", "$b$", "a\n1"]
    assert labels(ax.get_yticklabels()) == ["one\n2 tokens", "two\n1 token"]
    assert len(ax.patches) == 3
    assert not any(text.get_parse_math() for text in ax.texts)


def test_bars_show_the_remaining_probability():
    ax = plots.token_bars(["a", "b"], [0.5, 0.2], title="Next")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.5, 0.2, 0.3])
    assert labels(ax.get_yticklabels()) == ["a", "b", "all others"]


def test_scatter_names_every_point():
    ax = plots.labelled_scatter(
        np.eye(2), ["a", "b"], title="Map", xlabel="first", ylabel="second"
    )
    assert set(labels(ax.texts)) >= {"a", "b"}
    assert np.array_equal(ax.collections[0].get_offsets(), np.eye(2))


def test_scatter_names_copies_of_a_point_once():
    ax = plots.labelled_scatter([[0, 0], [0, 0], [1, 1], [0, 0]], ["a", "a", "a", "b"])
    assert sorted(labels(ax.texts)) == ["a", "a (2)", "b"]
    assert len(ax.collections[0].get_offsets()) == 4


def test_scatter_with_another_number_of_labels_is_an_error():
    with pytest.raises(ValueError, match="`labels` must have .* got 1 for 2 points"):
        plots.labelled_scatter(np.eye(2), ["a"], title="", xlabel="", ylabel="")


def test_heatmap_names_and_annotates_its_cells():
    ax = plots.heatmap(
        np.eye(2),
        xticklabels=["a", "$b$"],
        yticklabels=["x", "y"],
        annot=[["1", "$0$"], ["0", "1"]],
    )
    assert labels(ax.get_xticklabels()) == ["a", "$b$"]
    assert labels(ax.get_yticklabels()) == ["x", "y"]
    assert labels(ax.texts) == ["1", "$0$", "0", "1"]
    colours = [text.get_color() for text in ax.texts]
    on_one, on_zero = plots.COLORS["on-hi"], plots.COLORS["on-lo"]
    assert colours == [on_one, on_zero, on_zero, on_one]
    assert [text.get_position() for text in ax.texts[:2]] == [(0.5, 0.5), (1.5, 0.5)]
    assert not any(text.get_parse_math() for text in ax.texts)


def test_heatmap_numbers_some_of_its_cells_at_their_centres():
    ax = plots.heatmap(np.zeros((2, 1024)))
    assert labels(ax.get_yticklabels()) == ["0", "1"]
    assert list(ax.get_yticks()) == [0.5, 1.5]
    numbers = [int(label) for label in labels(ax.get_xticklabels())]
    assert numbers[0] == 0 and 5 <= len(numbers) <= 12 and numbers[-1] <= 1023
    assert len({*np.diff(numbers)}) == 1 and numbers[1] % 50 == 0
    assert list(ax.get_xticks()) == [number + 0.5 for number in numbers]


def test_signed_numbers_are_shown_on_both_sides_of_zero():
    mesh = plots.heatmap([[-1.0, 3.0]]).collections[0]
    assert mesh.get_cmap().name == "diverging"
    assert mesh.get_clim() == (-3, 3)
    assert plots.heatmap([[-1.0, 3.0]], vmax=2).collections[0].get_clim() == (-2, 2)
    mesh = plots.heatmap([[1.0, 3.0]]).collections[0]
    assert mesh.get_cmap().name == "sequential"
    mesh = plots.heatmap([[-1e-9, 1.0]], vmin=0, vmax=1).collections[0]
    assert mesh.get_cmap().name == "sequential"
    mesh = plots.heatmap([[1.0, 3.0]], cmap="diverging").collections[0]
    assert mesh.get_clim() == (-3, 3)
    mesh = plots.heatmap([[-1.0, 3.0]], cmap="sequential").collections[0]
    assert mesh.get_clim() == (-1, 3)


def test_colours_of_signs_differ_and_no_value_is_blank():
    colours = plots.heatmap([[-1.0, 1.0]]).collections[0].get_cmap()
    low, zero, high = colours([0.0, 0.5, 1.0])
    assert not np.allclose(low[:3], high[:3])
    assert low[3] == pytest.approx(1, abs=0.01)
    assert high[3] == 1
    assert 0.03 < zero[3] < 0.1
    assert colours(np.ma.masked)[3] == 0


def test_panels_of_one_scale_share_a_colour_bar():
    figure, axes = plt.subplots(1, 2, layout="constrained")
    for ax in axes:
        plots.attention_map(weights(), list("abc"), vmax=1, colorbar=False, ax=ax)
    assert len(figure.axes) == 2
    bar = plots.shared_colorbar(axes, "weight, $x$")
    assert len(figure.axes) == 3
    assert bar.ax.get_ylabel() == "weight, $x$"
    assert not bar.ax.yaxis.label.get_parse_math()


def test_panels_of_other_scales_share_no_colour_bar():
    _, axes = plt.subplots(1, 2)
    for most, ax in enumerate(axes, 1):
        plots.heatmap([[0, most]], colorbar=False, ax=ax)
    with pytest.raises(ValueError, match="the same vmin and vmax, got"):
        plots.shared_colorbar(axes, "value")


def test_a_caption_belongs_to_the_current_figure_or_to_a_given_one():
    first, second = plt.figure(), plt.figure()
    plots.caption("The second.")
    plots.caption("The first.", alt="A line.", figure=first)
    assert words_of(first) == ("The first.", "A line.")
    assert words_of(second) == ("The second.", "")


@pytest.mark.parametrize(
    ("text", "alt", "error", "said"),
    [
        (" ", "", ValueError, "`text` must not be blank"),
        (3, "", TypeError, "`text` must be a str, got int"),
        ("x", None, TypeError, "`alt` must be a str, got NoneType"),
    ],
)
def test_a_caption_is_text(text, alt, error, said):
    with pytest.raises(error, match=said):
        plots.caption(text, alt=alt)


def test_heatmap_leaves_nan_blank():
    ax = plots.heatmap([[np.nan, 1.0], [2.0, 3.0]])
    assert ax.collections[0].get_clim() == (1, 3)
    assert np.ma.getmaskarray(ax.collections[0].get_array()).sum() == 1


def test_another_number_of_tick_labels_is_an_error():
    with pytest.raises(ValueError, match="`xticklabels` must have length 2, got 1"):
        plots.heatmap(np.eye(2), xticklabels=["a"])


def boxes(ax):
    """Return the tokens of each row: their texts, starts and ends."""
    rows = {}
    for bar, text in zip(ax.patches, ax.texts, strict=False):
        row = round(bar.get_y() + bar.get_height() / 2)
        end = bar.get_x() + bar.get_width()
        rows.setdefault(row, []).append((text.get_text(), bar.get_x(), end))
    return rows


def test_tokenizations_are_aligned_with_the_letters():
    ax = plots.tokenizations("a dog é🦜", ["gpt2", "smollm2"])
    gpt2, smollm2 = boxes(ax).values()
    assert [text for text, *_ in gpt2][:3] == ["a", "␣dog", "␣é"]
    # The parrot is three tokens of GPT-2, which share the width of one character.
    starts = [start for _, start, _ in gpt2[3:]]
    end = ax.get_xlim()[1]
    assert starts[0] == 7 and len(starts) == 3
    assert starts[1] - 7 == pytest.approx(starts[2] - starts[1])
    assert starts[2] - 7 == pytest.approx((end - 7) * 2 / 3, rel=0.05)
    assert [text for text, *_ in gpt2[3:]] == ["", "", ""]
    assert labels(ax.texts)[-2:] == fit(["🦜"])[0] * 2
    assert [text for text, *_ in smollm2][:2] == ["a", "␣dog"]
    assert gpt2[1][1:] == smollm2[1][1:] == pytest.approx((1, 4.85))
    assert labels(ax.get_yticklabels())[0] == "gpt2\n6 tokens"


def test_a_token_of_a_space_and_part_of_a_character_covers_both():
    ax = plots.tokenizations("a 東", ["gpt2"])
    [(_, _, _), *others] = boxes(ax)[0]
    starts, ends = zip(*(box[1:] for box in others), strict=True)
    assert starts[0] == 1 and ends[0] > 2
    assert all(start >= end for start, end in zip(starts[1:], ends, strict=False))


def test_tokenizations_take_tokenizers_by_name():
    tokenizer = lmviz.load_tokenizer("toy")
    ax = plots.tokenizations("Anna has", {"the toy": tokenizer})
    assert [(text, x) for text, x, _ in boxes(ax)[0]] == [("Anna", 0), ("has", 5)]


@pytest.mark.parametrize(
    ("text", "tokenizers", "said"),
    [
        ("x " * 100, ["gpt2"], "`text` must be at most 120 characters wide, got 200"),
        ("", ["gpt2"], "must not be blank"),
        ("a", "gpt2", "`tokenizers` must be a sequence of names, got one str"),
        ("a", [], "at least one tokenizer"),
    ],
)
def test_tokenizations_that_cannot_be_drawn_are_errors(text, tokenizers, said):
    with pytest.raises((TypeError, ValueError), match=said):
        plots.tokenizations(text, tokenizers)


def test_a_given_axes_is_used():
    _, axes = plt.subplots(2)
    assert (
        plots.heatmap(
            weights(), title="t", xlabel="x", ylabel="y", label="l", ax=axes[1]
        )
        is axes[1]
    )


@pytest.mark.parametrize("logits", [[12.5, 9.0], [0.4, -1.2], [0.9, 0.8]])
def test_bars_of_logits_are_refused(logits):
    with pytest.raises(ValueError, match="sum to at most 1"):
        plots.token_bars(["a", "b"], logits)
