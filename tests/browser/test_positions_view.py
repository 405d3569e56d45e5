"""The view of positional encodings, in a browser."""

import numpy as np
import pytest
import torch
from screens import CROSSED

from lmviz.positions import alibi, alibi_slopes, inverse_frequencies, rotary, sinusoidal
from lmviz.views import positions

VIEW = "document.querySelector('lmviz-positions')"


@pytest.fixture(scope="module")
def view():
    return positions(n=48, d=32)


def turn(page, label, value):
    page.get_by_label(label, exact=True).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", str(value)
    )


def choose(page, kind):
    page.get_by_role("button", name=kind, exact=True).click()


def said(page):
    return page.locator("output.say").text_content().replace("−", "-")


def table(page):
    return np.array(page.evaluate(f"{VIEW}.table"))


def values(page, of="lines"):
    lines = page.evaluate(f"{VIEW}.{of}")
    return {line["name"]: np.array(line["values"]) for line in lines}


@pytest.mark.parametrize("d, exponent", [(2, 4), (32, 4), (64, 1), (10, 6), (32, 2.5)])
def test_tables_are_those_of_python(open_page, view, d, exponent):
    page = open_page(view)
    turn(page, "width d", d)
    turn(page, "base", exponent)
    base = 10.0**exponent
    want = sinusoidal(48, d, base=base)
    np.testing.assert_allclose(table(page), want, atol=1e-5)
    choose(page, "rotary")
    want = rotary(torch.ones(48, d, dtype=torch.float64), base=base)
    np.testing.assert_allclose(table(page), want, atol=1e-5)


@pytest.mark.parametrize("kind", ["rotary", "ALiBi"])
def test_it_opens_on_the_kind_that_was_chosen(open_page, kind):
    page = open_page(positions(n=48, d=32, kind=kind))
    pressed = page.locator(".steps [aria-pressed=true]")
    assert pressed.all_inner_texts() == [kind]
    assert page.get_by_label("heads", exact=True).is_visible() == (kind == "ALiBi")
    assert table(page).shape == (48, 8 if kind == "ALiBi" else 32)


@pytest.mark.parametrize("heads", [1, 3, 8, 12, 32])
def test_slopes_are_those_of_python(open_page, view, heads):
    page = open_page(view)
    choose(page, "ALiBi")
    turn(page, "heads", heads)
    bias = alibi(alibi_slopes(heads), 48)
    np.testing.assert_allclose(table(page), bias[:, :, 0].T, atol=1e-5)
    turn(page, "position", 20)
    for name, factor in values(page, "similar").items():
        want = bias[int(name.split()[1]), 20].exp().numpy()
        np.testing.assert_allclose(factor[:21], want[:21], atol=1e-5)
        assert np.isnan(factor[21:]).all()  # masked, so nothing is drawn
    last = page.locator(".figure > svg").nth(1).locator("path.l0")
    assert "NaN" not in last.get_attribute("d")


def test_similarities_and_angles_equal_those_of_python(open_page, view):
    page = open_page(view)
    turn(page, "position", 7)
    pe = sinusoidal(48, 32).numpy()
    want = pe @ pe[7] / 16
    np.testing.assert_allclose(values(page, "similar")[""], want, atol=1e-5)
    for name, line in values(page).items():
        np.testing.assert_allclose(line, pe[:, int(name.split()[1])], atol=1e-5)
    choose(page, "rotary")
    turned = rotary(torch.full((48, 32), 32**-0.5)).numpy()
    np.testing.assert_allclose(
        values(page, "similar")[""], turned @ turned[7], atol=1e-5
    )
    speeds = inverse_frequencies(32).numpy()
    for name, line in values(page).items():
        turns = np.arange(48) * speeds[int(name.split()[1])] / (2 * np.pi)
        np.testing.assert_allclose(line, turns % 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["sinusoidal", "rotary", "ALiBi"])
def test_heatmap_is_painted_with_the_signed_table(open_page, view, kind):
    page = open_page(view)
    choose(page, kind)
    pixels = page.evaluate(
        f"""[...{VIEW}.map.children].map(({{ source: c }}) => [c.width, c.height,
        ...c.getContext("2d").getImageData(0, 0, c.width, c.height).data])"""
    )
    numbers = table(page).T
    for sign, layer in zip((1, -1), pixels, strict=True):
        assert layer[:2] == [*numbers.shape[::-1]]
        alpha = np.reshape(layer[2:], (*numbers.shape, 4))[..., 3] / 255
        share = sign * numbers / abs(numbers).max()
        want = np.where(share < 0, 0, 0.06 + 0.94 * share)
        np.testing.assert_allclose(alpha, want, atol=3e-3)
    scale = page.locator(".scale").inner_text().replace("−", "-").split()
    assert abs(float(scale[0]) / -abs(numbers).max() - 1) < 0.05


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("kind", ["sinusoidal", "rotary", "ALiBi"])
def test_heatmap_names_the_cell_under_the_pointer(open_page, view, kind, width):
    page = open_page(view, width=width)
    choose(page, kind)
    numbers = table(page) + 0  # no zero below zero
    heat = page.locator(".map .signed")
    names = ("head", "distance") if kind == "ALiBi" else ("dimension", "position")
    box = heat.bounding_box()
    n, size = numbers.shape

    def wanted(i, p):
        return f"{names[0]} {i}, {names[1]} {p}: {numbers[p, i]:.3f}"

    for p, i in [(0, 0), (n - 1, size - 1), (17, 5)]:
        at = {
            "x": (p + 0.5) / n * box["width"],
            "y": (i + 0.5) / size * box["height"],
        }
        heat.hover(position=at)
        assert said(page) == wanted(i, p)
    heat.focus()
    for key, i, p in [("ArrowDown", 6, 17), ("ArrowLeft", 6, 16), ("End", 6, n - 1)]:
        page.keyboard.press(key)
        assert said(page) == wanted(i, p)


def test_touching_the_heatmap_shows_its_values(open_page, view, tap):
    page = open_page(view, width=390)
    page.locator(".map").scroll_into_view_if_needed()
    box = page.locator(".map").bounding_box()
    tap(page, box["x"] + 10.5 / 48 * box["width"], box["y"] + 3.5 / 32 * box["height"])
    wanted = f"dimension 3, position 10: {table(page)[10, 3]:.3f}"
    assert said(page) == wanted


def test_numbers_are_printed_and_drawn(open_page, view):
    page = open_page(view)
    turn(page, "position", 3)
    assert said(page).startswith(f"Position 3: dim 0 {np.sin(3):.2f}, dim 5 ")
    for chart, of in ((0, "lines"), (1, "similar")):
        drawn = values(page, of)
        high = max(line.max() for line in drawn.values())
        low = min(0, *(line.min() for line in drawn.values()))
        for i, line in enumerate(drawn.values()):
            path = page.locator(".figure > svg").nth(chart).locator(f"path.l{i}")
            points = path.get_attribute("d")[1:].split("L")
            x, y = np.array([p.split() for p in points], float).T
            np.testing.assert_allclose(
                high - (y - 6) / 96 * (high - low), line, atol=2e-3
            )
            assert (np.diff(x) > 0).all()


def test_all_plots_share_their_axis_and_mark_the_position(open_page, view):
    page = open_page(view)
    turn(page, "position", 30)
    marks = page.locator(".at").all()
    lefts = [mark.bounding_box()["x"] for mark in marks]
    assert len(lefts) == 3 and np.ptp(lefts) < 1
    box = page.locator(".map .signed").bounding_box()
    assert abs((lefts[0] - box["x"]) / box["width"] - 30 / 47) < 0.02
    # The similarity is in sight with the slider that moves it.
    assert page.locator("lmviz-positions").bounding_box()["height"] <= 600
    ticks = page.locator(".figure > svg").last.locator("text").all_text_contents()
    assert ticks == ["0", "10", "20", "30", "40", "position"]


def test_pointing_at_a_plot_shows_its_values(open_page, view):
    page = open_page(view)
    turn(page, "position", 7)
    chart = page.locator(".figure > svg").nth(1)
    box = chart.bounding_box()
    at = 52 + 20 / 47 * (box["width"] - 64)
    chart.hover(position={"x": at, "y": 50})
    want = values(page, "similar")[""][20]
    assert page.locator(".tip").inner_text() == f"position 20: {want:.2f}"
    page.mouse.move(0, 0)
    assert not page.locator(".tip").is_visible()


def test_keys_move_the_sliders(open_page, view):
    page = open_page(view)
    page.get_by_label("position", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{VIEW}.at") == 3
    page.get_by_role("button", name="rotary").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(f"{VIEW}.kind") == "rotary"
    choose(page, "ALiBi")
    assert page.get_by_label("heads", exact=True).is_visible()
    assert not page.get_by_label("base", exact=True).is_visible()


def test_two_views_on_a_page_are_independent(open_page, view):
    page = open_page(view, view)
    page.get_by_role("button", name="ALiBi").first.click()
    kinds = page.evaluate(
        "Array.from(document.querySelectorAll('lmviz-positions'), v => v.kind)"
    )
    assert kinds == ["ALiBi", "sinusoidal"]


@pytest.mark.parametrize(("width", "dark"), CROSSED)
def test_a_page_is_accessible(open_page, no_violations, view, width, dark):
    page = open_page(view, width=width, dark=dark)
    for kind in ("sinusoidal", "rotary", "ALiBi"):
        choose(page, kind)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        no_violations(page)


def test_title_is_text(open_page):
    page = open_page(positions(title="</script><img src=x onerror=alert(1)>"))
    assert "<img" in page.locator(".title").inner_text()
    picture = page.locator("img")  # the view's own, for where no script runs
    assert picture.get_attribute("src").startswith("data:image/png;base64,")


def test_many_positions_and_dimensions_are_drawn(open_page):
    page = open_page(positions(n=2048, d=512))
    want = sinusoidal(2048, 512)[[0, -1]]
    rows = page.evaluate(f"(t => [t.at(0), t.at(-1)])({VIEW}.table)")
    np.testing.assert_allclose(rows, want, atol=1e-5)
    assert "2000" in page.locator(".figure > svg").last.text_content()
