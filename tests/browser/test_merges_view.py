"""The view of byte pair encoding, in a browser."""

from collections import Counter
from itertools import pairwise

import hostile
import pytest
from reading import said
from screens import CROSSED

from lmviz.tokenization import train_bpe
from lmviz.views import merges

WORDS = {"low": 5, "lower": 2, "newest": 6, "widest": 3, "slowest": 1}
BPE = train_bpe(WORDS, n_merges=9)
VIEW = "document.querySelector('lmviz-merges')"


@pytest.fixture(scope="module")
def view():
    return merges(WORDS, [merge.pair for merge in BPE.merges])


def symbols(page):
    lines = page.evaluate(
        f"""[...{VIEW}.words.children].map((line) =>
        [...line.querySelectorAll(".symbol")].map((e) => e.textContent))"""
    )
    return [[symbol.strip("\u2068\u2069") for symbol in line] for line in lines]


def pairs(page):
    rows = page.locator(".pair").all_text_contents()
    clean = [row.replace("\u2068", "").split("\u2069") for row in rows]
    return [((left, right.lstrip("+")), int(n)) for left, right, n in clean]


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def test_every_step_is_the_encoding_and_counts_all_pairs(open_page, view):
    page = open_page(view)
    for n in range(len(BPE.merges) + 1):
        now = [list(BPE.encode(word, n_merges=n)) for word in WORDS]
        assert symbols(page) == now
        counts = Counter()
        for word, count in zip(now, WORDS.values(), strict=True):
            for pair in pairwise(word):
                counts[pair] += count
        shown = pairs(page)
        assert len(shown) == min(8, len(counts))
        assert all(counts[pair] == count for pair, count in shown)
        numbers = [count for _, count in shown]
        assert numbers == sorted(counts.values(), reverse=True)[: len(shown)]
        total = sum(len(w) * c for w, c in zip(now, WORDS.values(), strict=True))
        assert f"After {n} merge" in said(page) and f"{total} tokens" in said(page)
        if n < len(BPE.merges):
            merge = BPE.merges[n]
            assert shown[0] == (merge.pair, merge.count)
            assert f"{merge.pair[0]} + {merge.pair[1]} ({merge.count} times" in said(
                page
            )
            press(page, "Merge")
    assert page.get_by_role("button", name="Merge", exact=True).is_disabled()
    assert "All merges are done" in said(page)
    press(page, "Undo")
    assert f"After {len(BPE.merges) - 1} merges" in said(page)


def test_the_next_pair_and_the_last_token_are_marked(open_page, view):
    page = open_page(view)
    assert page.locator(".words .left").all_inner_texts() == ["\u2068e\u2069"] * 3
    assert page.locator(".words .right").count() == 3
    press(page, "Merge")
    assert page.locator(".words .new").all_inner_texts() == ["\u2068es\u2069"] * 3
    assert page.locator(".learned .symbol").count() == 1
    assert page.locator(".pair.next").count() == 1


def test_pointing_at_a_pair_marks_its_occurrences(open_page, view):
    page = open_page(view)
    shown = pairs(page)
    i = next(i for i, (pair, _) in enumerate(shown) if pair == ("l", "o"))
    page.locator(".pair").nth(i).hover()
    assert page.locator(".words .left").all_inner_texts() == ["\u2068l\u2069"] * 3
    assert "l + o occurs 8 times" in said(page)
    page.mouse.move(0, 0)
    assert page.locator(".words .left").all_inner_texts() == ["\u2068e\u2069"] * 3


def test_keys_move_between_pairs_and_steps(open_page, view):
    page = open_page(view)
    assert page.locator(".pair[tabindex='0']").count() == 1
    page.locator(".pair").first.focus()
    page.keyboard.press("ArrowDown")
    (left, right), count = pairs(page)[1]
    assert f"{left} + {right} occurs {count} times" in said(page)
    page.get_by_label("merges").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "After 2 merges" in said(page)
    page.keyboard.press("Home")
    assert "After 0 merges" in said(page)


def test_two_views_on_a_page_are_independent(open_page, view):
    page = open_page(view, view)
    page.get_by_role("button", name="Merge", exact=True).first.click()
    assert "After 1 merge " in said(page) and "After 0 merges" in said(page, 1)


@pytest.mark.parametrize(("width", "dark"), CROSSED)
def test_a_page_is_accessible(open_page, no_violations, view, width, dark):
    page = open_page(view, width=width, dark=dark)
    press(page, "Merge")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 1280:
        assert page.locator("lmviz-merges").bounding_box()["height"] <= 600
    page.evaluate(
        f"Promise.all({VIEW}.shadowRoot.getAnimations().map((a) => a.finished))"
    )
    no_violations(page)


def test_hostile_words_are_text(open_page):
    page = open_page(merges({word: 1 for word in hostile.TOKENS}, [("<", "/")]))
    press(page, "Merge")
    assert symbols(page)[0][:2] == ["</", "s"]
    assert "⟨U+2028⟩" in symbols(page)[3] and "◌\u0301" in symbols(page)[4]
    assert page.locator("img").count() == 0
