"""The view of a model keeps effects for what they were measured on, and no more."""

import pytest
from inside import PAGE, QUIET, ask, press, write

TEXT = "Anna has a red ball . Tom has a blue kite . the kite"
# It has as many tokens.
OTHER = "Anna has a red ball . Tom has a blue kite . the ball"


@pytest.fixture
def page(site, open_page):
    page = open_page(url=f"{site}/{PAGE}")
    page.evaluate(QUIET)
    press(page, "toy")
    write(page, TEXT)
    return page


def compare(page, words):
    ask(page, "x.compare(given)", words)
    page.evaluate(QUIET)
    assert ask(page, "x.words") == words


def kept(page):
    return page.get_by_role("button", name="Measure again").is_visible()


def test_effects_are_kept_for_one_text_position_pair_and_set_of_heads(page):
    words = ask(page, "x.words")
    press(page, "Try all 12 heads")
    assert kept(page)
    compare(page, words[::-1])
    assert not kept(page)
    compare(page, words)
    assert kept(page)
    # Another position or text, and the same words.
    ask(page, "x.look(3)")
    compare(page, words)
    assert not kept(page)
    write(page, OTHER)
    compare(page, words)
    assert not kept(page)
    write(page, TEXT)
    compare(page, words)
    assert kept(page)
    for layer, head in [(0, 1), (0, 3)]:
        ask(page, f"x.toggle({layer}, {head})")
        page.evaluate(QUIET)
    assert not kept(page)


def test_heads_ablated_in_another_order_have_the_same_effects(page):
    for head in (3, 1):
        ask(page, f"x.toggle(0, {head})")
        page.evaluate(QUIET)
    press(page, "Try all 12 heads")
    for head in (3, 1, 1, 3):
        ask(page, f"x.toggle(0, {head})")
        page.evaluate(QUIET)
    assert ask(page, "x.off[0]") == [1, 3]
    assert kept(page)


def shown(page):
    return page.locator(".whole [aria-pressed=true]").inner_text()


def test_undo_keeps_the_colours_of_effects_where_they_are_measured(page):
    press(page, "Try all 12 heads")
    for layer, head in [(0, 1), (0, 3)]:
        ask(page, f"x.toggle({layer}, {head})")
        page.evaluate(QUIET)
    assert shown(page) == "attention"  # nothing is measured with these two
    for _ in range(2):
        press(page, "Undo the last change")
        assert shown(page) == "effect of zero ablation"
    press(page, "direct contribution")
    write(page, OTHER)
    press(page, "Undo the last change")
    assert shown(page) == "direct contribution"


def test_all_heads_can_be_measured_from_the_grid_without_effects(page):
    press(page, "effect of zero ablation")
    whole = page.locator(".whole").get_by_role("button", name="Try all 12 heads")
    whole.click()
    page.evaluate(QUIET)
    assert kept(page)
    assert not whole.is_visible()
    # Above that, the colours of tiles no longer differ.
    assert "1.7 nats or more" in page.locator(".whole .says").inner_text()
    assert page.evaluate(
        "document.activeElement.shadowRoot.activeElement.matches('.all')"
    )
