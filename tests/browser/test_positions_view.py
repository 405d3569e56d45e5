"""The view of positional encodings, in a browser."""

import numpy as np
import pytest
import torch

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
    page.get_by_label("kind").select_option("rotary")
    want = rotary(torch.ones(48, d, dtype=torch.float64), base=base)
    np.testing.assert_allclose(table(page), want, atol=1e-5)


@pytest.mark.parametrize("kind", ["rotary", "ALiBi"])
def test_it_opens_on_the_kind_that_was_chosen(open_page, kind):
    page = open_page(positions(n=48, d=32, kind=kind))
    assert page.get_by_label("kind").input_value() == kind
    assert page.get_by_label("heads", exact=True).is_visible() == (kind == "ALiBi")
    assert table(page).shape == (48, 8 if kind == "ALiBi" else 32)


@pytest.mark.parametrize("heads", [1, 3, 8, 12, 32])
def test_slopes_are_those_of_python(open_page, view, heads):
    page = open_page(view)
    page.get_by_label("kind").select_option("ALiBi")
    turn(page, "heads", heads)
    bias = alibi(alibi_slopes(heads), 48)
    np.testing.assert_allclose(table(page), bias[:, :, 0].T, atol=1e-5)
    turn(page, "position", 20)
    for name, factor in values(page, "similar").items():
        want = bias[int(name.split()[1]), 20].exp().numpy()
        want[21:] = 0
        np.testing.assert_allclose(factor, want, atol=1e-5)


def test_similarities_and_angles_equal_those_of_python(open_page, view):
    page = open_page(view)
    turn(page, "position", 7)
    pe = sinusoidal(48, 32).numpy()
    want = pe @ pe[7] / 16
    np.testing.assert_allclose(values(page, "similar")[""], want, atol=1e-5)
    for name, line in values(page).items():
        np.testing.assert_allclose(line, pe[:, int(name.split()[1])], atol=1e-5)
    page.get_by_label("kind").select_option("rotary")
    turned = rotary(torch.full((48, 32), 32**-0.5)).numpy()
    np.testing.assert_allclose(
        values(page, "similar")[""], turned @ turned[7], atol=1e-5
    )
    speeds = inverse_frequencies(32).numpy()
    for name, line in values(page).items():
        turns = np.arange(48) * speeds[int(name.split()[1])] / (2 * np.pi)
        np.testing.assert_allclose(line, turns % 1, atol=1e-5)


def test_heatmap_is_painted_with_the_table(open_page, view):
    page = open_page(view)
    pixels = page.evaluate(
        f"""(() => {{ const c = {VIEW}.canvas;
        return [c.width, c.height, ...c.getContext("2d")
          .getImageData(0, 0, c.width, c.height).data]; }})()"""
    )
    assert pixels[:2] == [48, 32]
    image = np.reshape(pixels[2:], (32, 48, 4))
    shares = (sinusoidal(48, 32).numpy().T + 1) / 2
    from lmviz.views._bundle import STATIC

    stops = (STATIC / "core.js").read_text().split("STOPS = [")[1].split("]")[0]
    stops = [bytes.fromhex(h) for h in stops.replace('"', "").replace(" ", "")
             .replace("\n", "").split(",")]  # fmt: skip
    table = np.array([list(stop) for stop in stops])
    low, high = sinusoidal(48, 32).min().item(), sinusoidal(48, 32).max().item()
    shares = (sinusoidal(48, 32).numpy().T - low) / (high - low)
    for c in range(3):
        want = np.interp(shares * 8, range(9), table[:, c])
        assert abs(image[..., c] - want).max() <= 1


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("kind", ["sinusoidal", "rotary", "ALiBi"])
def test_heatmap_names_the_cell_under_the_pointer(open_page, view, kind, width):
    page = open_page(view, width=width)
    page.get_by_label("kind").select_option(kind)
    numbers = table(page) + 0  # no zero below zero
    canvas, said = page.locator("canvas"), page.locator("output").nth(1)
    names = ("head", "distance") if kind == "ALiBi" else ("dimension", "position")
    box = canvas.bounding_box()
    n, size = numbers.shape

    def wanted(i, p):
        return f"{names[0]} {i}, {names[1]} {p}: {numbers[p, i]:.4f}"

    for p, i in [(0, 0), (n - 1, size - 1), (17, 5)]:
        at = {
            "x": (p + 0.5) / n * box["width"],
            "y": (i + 0.5) / size * box["height"],
        }
        canvas.hover(position=at)
        assert said.inner_text() == wanted(i, p)
    canvas.focus()
    for key, i, p in [("ArrowDown", 6, 17), ("ArrowLeft", 6, 16), ("End", 6, n - 1)]:
        page.keyboard.press(key)
        assert said.inner_text() == wanted(i, p)


def test_touching_the_heatmap_shows_its_values(open_page, view, tap):
    page = open_page(view, width=390)
    page.locator("canvas").scroll_into_view_if_needed()
    box = page.locator("canvas").bounding_box()
    tap(page, box["x"] + 10.5 / 48 * box["width"], box["y"] + 3.5 / 32 * box["height"])
    wanted = f"dimension 3, position 10: {table(page)[10, 3]:.4f}"
    assert page.locator("output").nth(1).inner_text() == wanted


def test_numbers_are_printed_and_drawn(open_page, view):
    page = open_page(view)
    turn(page, "position", 3)
    said = page.locator("output").first.inner_text()
    assert said.startswith(f"Position 3: dim 0 {np.sin(3):.4f}, dim 5 ")
    path = page.locator("path.l0").first.get_attribute("d")
    points = np.array([p.split() for p in path[1:].split("L")], float)
    line = values(page)["dim 0"]
    drawn = (8 + 106 - points[:, 1] - 106 * 0) / 106
    spread = max(v.max() for v in values(page).values())
    least = min(0, *(v.min() for v in values(page).values()))
    np.testing.assert_allclose(drawn * (spread - least) + least, line, atol=2e-3)


def test_keys_move_the_sliders(open_page, view):
    page = open_page(view)
    page.get_by_label("position", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{VIEW}.at") == 3
    page.get_by_label("kind").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{VIEW}.kind") == "rotary"
    page.keyboard.press("ArrowDown")
    assert page.get_by_label("heads", exact=True).is_visible()
    assert not page.get_by_label("base", exact=True).is_visible()


def test_two_views_on_a_page_are_independent(open_page, view):
    page = open_page(view, view)
    page.get_by_label("kind").first.select_option("ALiBi")
    kinds = page.evaluate(
        "Array.from(document.querySelectorAll('lmviz-positions'), v => v.kind)"
    )
    assert kinds == ["ALiBi", "sinusoidal"]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("kind", ["sinusoidal", "rotary", "ALiBi"])
def test_a_narrow_page_is_accessible(open_page, no_violations, view, dark, kind):
    page = open_page(view, width=390, dark=dark)
    page.get_by_label("kind").select_option(kind)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    no_violations(page)


def test_title_is_text(open_page):
    page = open_page(positions(title="</script><img src=x onerror=alert(1)>"))
    assert "<img" in page.locator(".title").inner_text()
    assert page.locator("img").count() == 0


def test_many_positions_and_dimensions_are_drawn(open_page):
    page = open_page(positions(n=2048, d=512))
    want = sinusoidal(2048, 512)[[0, -1]]
    rows = page.evaluate(f"(t => [t.at(0), t.at(-1)])({VIEW}.table)")
    np.testing.assert_allclose(rows, want, atol=1e-5)
    assert "position 0 to 2047" in page.locator(".view").inner_text()
