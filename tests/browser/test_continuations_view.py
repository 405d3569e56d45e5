"""The view of continuations, in a browser."""

import math
import re
from itertools import product

import hostile
import numpy as np
import pytest
from reading import plain, said
from screens import CROSSED

from lmviz.views import continuations

K, DEPTH = 3, 3
RNG = np.random.default_rng(0)
PATHS = [path for n in range(DEPTH) for path in product(range(K), repeat=n)]
TREE = {
    path: (
        [f"␣w{''.join(map(str, path))}{i}" for i in range(K)],
        RNG.dirichlet(np.ones(K + 1))[:K],
    )
    for path in PATHS
}
# Two steps are so unlikely that their product has no three digits.
TREE[1,] = (TREE[1,][0], [1e-5, 2e-5, 0.9])
VIEW = "document.querySelector('lmviz-continuations')"


@pytest.fixture(scope="module")
def view():
    return continuations("The old man", TREE)


def bars(page):
    names = map(plain, page.locator(".bars .word").all_text_contents())
    probs = page.locator(".bars .number").all_text_contents()
    return [*names], [*map(float, probs)]


def chips(page):
    return [
        re.match("\u2068(.*)\u2069", chip)[1]
        for chip in page.locator(".chip").all_text_contents()
    ]


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def take(page, *path):
    for i in path:
        page.locator(".bars button").nth(i).click()


def focused(page):
    return page.evaluate(f"{VIEW}.shadowRoot.activeElement?.textContent")


@pytest.mark.parametrize("path", [(), (0,), (1, 0), (2, 2)])
def test_bars_are_the_next_tokens_of_the_choices(open_page, view, path):
    page = open_page(view)
    take(page, *path)
    names, probs = bars(page)
    assert names == TREE[path][0]
    np.testing.assert_allclose(probs, TREE[path][1], atol=6e-4)
    widths = page.evaluate(
        f"[...{VIEW}.bars.querySelectorAll('.bar')]"
        ".map((bar) => parseFloat(bar.style.width))"
    )
    np.testing.assert_allclose(widths, 100 * np.asarray(TREE[path][1]), atol=1e-3)
    assert chips(page) == [TREE[path[:n]][0][i] for n, i in enumerate(path)]


@pytest.mark.parametrize("path", [(0,), (1, 0), (2, 1, 0)])
def test_the_readout_has_the_probability_of_the_token_and_of_all(open_page, view, path):
    page = open_page(view)
    take(page, *path)
    each = [TREE[path[:n]][1][i] for n, i in enumerate(path)]
    name, last, whole, nats = re.search(
        r"(\S+) has probability (\S+) here.* probability ([\d.e-]+), or ([\d.]+) nats",
        said(page),
    ).groups()
    assert name == chips(page)[-1]
    assert float(last) == pytest.approx(each[-1], rel=0.05)
    assert float(whole) == pytest.approx(math.prod(each), rel=0.05)
    assert float(nats) == pytest.approx(-math.log(math.prod(each)), abs=6e-3)


def test_greedy_takes_the_most_likely_token_to_the_end(open_page, view):
    page = open_page(view)
    take(page, 1)
    press(page, "Greedy to the end")
    path = (1,)
    while path in TREE:
        path = (*path, int(np.argmax(TREE[path][1])))
    assert page.evaluate(f"{VIEW}.path") == list(path)
    assert len(chips(page)) == DEPTH
    assert "The stored tree ends here" in said(page)
    assert "The stored tree ends here" in page.locator(".heading").inner_text()
    assert not page.locator(".bars").is_visible()
    assert page.get_by_role("button", name="Greedy to the end").is_disabled()


def test_undo_takes_back_one_token(open_page, view):
    page = open_page(view)
    assert page.get_by_role("button", name="Undo").is_disabled()
    take(page, 0, 1, 2)
    press(page, "Undo")
    assert bars(page)[0] == TREE[0, 1][0]
    press(page, "Undo")
    press(page, "Undo")
    assert chips(page) == [] and bars(page)[0] == TREE[()][0]
    together = float(re.search(r"probability ([\d.]+) together", said(page))[1])
    assert together == pytest.approx(sum(TREE[()][1]), abs=6e-4)


def test_keys_choose_append_and_undo_and_the_focus_is_never_lost(open_page, view):
    page = open_page(view)
    page.locator(".bars button").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert chips(page) == TREE[()][0][1:2]
    assert TREE[1,][0][1] in focused(page)  # the same bar, with the next token
    page.keyboard.press("Backspace")
    assert chips(page) == []
    page.keyboard.press("Space")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert len(chips(page)) == DEPTH and focused(page) == "Undo"
    for _ in range(DEPTH):
        page.keyboard.press("Enter")
    assert chips(page) == [] and TREE[()][0][0] in focused(page)
    assert page.locator(".bars [tabindex='0']").count() == 1
    page.locator("button", has_text="Greedy").focus()
    page.keyboard.press("Enter")
    assert focused(page) == "Undo"


def test_the_card_keeps_its_height(open_page, view):
    page = open_page(view)
    heights = []
    for path in ((), (1,), (0,), (2,)):
        take(page, *path)
        heights.append(page.locator(".view").bounding_box()["height"])
    assert len(set(heights)) == 1


def test_impossible_tokens_and_short_trees_are_accepted(open_page):
    tree = {(): (["a", "b"], [0.0, 0.5])}
    page = open_page(continuations("", tree))
    take(page, 0)
    assert "a has probability 0 here" in said(page) and "∞ nats" in said(page)


def test_two_views_on_a_page_are_independent(open_page, view):
    page = open_page(view, view)
    take(page, 0)
    assert "has probability" in said(page) and "No token is chosen" in said(page, 1)


@pytest.mark.parametrize(("width", "dark"), CROSSED)
def test_a_page_is_accessible(open_page, no_violations, view, width, dark):
    page = open_page(view, width=width, dark=dark)
    no_violations(page)
    take(page, 0, 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 1280:
        assert page.locator("lmviz-continuations").bounding_box()["height"] <= 600
    no_violations(page)
    take(page, 0)
    no_violations(page)


def test_hostile_tokens_are_text(open_page):
    n = min(10, len(hostile.TOKENS))
    tokens = hostile.TOKENS[:n]
    page = open_page(continuations(hostile.TOKENS[0], {(): (tokens, [1 / n] * n)}))
    names = page.locator(".bars .word").all_text_contents()
    assert hostile.TOKENS[0] in names[0] and "⟨U+2028⟩" in names[3] and "◌" in names[4]
    take(page, 0)
    assert hostile.TOKENS[0] in page.locator(".chip").text_content()
    assert page.locator("img").count() == 0
