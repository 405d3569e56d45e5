import matplotlib.pyplot as plt
import numpy as np
import pytest

from lmviz import plots


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


def test_tokens_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="`tokens` must have .* got 2 for"):
        plots.attention_map(weights(), ["a", "b"])


def test_an_unknown_scale_is_refused():
    with pytest.raises(ValueError, match="must be one of 'linear', 'log1p', got 'log'"):
        plots.attention_map(weights(), list("abc"), scale="log")


def test_mosaic_puts_every_head_where_its_ticks_say():
    attentions = np.zeros((2, 3, 4, 4))
    attentions[1, 2] = weights(4)
    ax = plots.head_mosaic(attentions)
    image = np.ma.filled(ax.images[0].get_array(), np.nan)
    row, column = int(ax.get_yticks()[1]), int(ax.get_xticks()[2])
    tile = image[row - 1 : row + 3, column - 1 : column + 3]
    assert np.array_equal(tile, weights(4))
    assert labels(ax.get_xticklabels()) == ["0", "1", "2"]
    assert labels(ax.get_yticklabels()) == ["0", "1"]


@pytest.mark.parametrize(("n_layers", "n_heads"), [(12, 12), (30, 9), (48, 25)])
def test_mosaic_is_no_larger_than_a_screen(n_layers, n_heads):
    ax = plots.head_mosaic(np.ones((n_layers, n_heads, 2, 2)))
    width, height = ax.figure.get_size_inches()
    assert width < 10 and height < 10


def test_mosaic_wants_all_axes():
    with pytest.raises(ValueError, match=r"shape \(L, H, T_q, T_k\), got \(3, 3\)"):
        plots.head_mosaic(weights())


def test_strips_count_tokens_and_keep_their_text():
    rows = {"one": ["a", "$b$"], "two": ["a\n1"]}
    ax = plots.token_strips(rows, title="Strips", faded=["a"])
    assert labels(ax.texts) == ["a", "$b$", "a\n1"]
    assert labels(ax.get_yticklabels()) == ["one\n2 tokens", "two\n1 tokens"]
    assert len(ax.patches) == 3
    assert not any(text.get_parse_math() for text in ax.texts)


def test_bars_show_the_rest():
    ax = plots.token_bars(["a", "b"], [0.5, 0.2], title="Next")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.5, 0.2, 0.3])
    assert labels(ax.get_yticklabels()) == ["a", "b", "all others"]


def test_scatter_names_every_point():
    ax = plots.labelled_scatter(
        np.eye(2), ["a", "b"], title="Map", xlabel="first", ylabel="second"
    )
    assert set(labels(ax.texts)) >= {"a", "b"}
    assert np.array_equal(ax.collections[0].get_offsets(), np.eye(2))


def test_scatter_wants_a_point_a_label():
    with pytest.raises(ValueError, match="`labels` must have .* got 1 for 2 points"):
        plots.labelled_scatter(np.eye(2), ["a"], title="", xlabel="", ylabel="")


def test_a_given_axes_is_used():
    _, axes = plt.subplots(2)
    assert (
        plots.heatmap(
            weights(), title="t", xlabel="x", ylabel="y", label="l", ax=axes[1]
        )
        is axes[1]
    )
