"""Words of the view of a model: those of the glossary, and those of the toy."""

import itertools
import re
from pathlib import Path

import pytest
from inside import PAGE, QUIET, ask, press, texts, write

from lmviz import views
from lmviz.toy import grammar, language

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
TERMS = {
    *("residual-stream", "head", "MLP", "attention-weight", "surprisal", "logit-lens"),
    *("direct-logit-attribution", "zero-ablation", "softmax", "temperature"),
    *("log-probability", "logit-difference", "top-k", "top-p"),
}
STORY = "Anna has a red ball . Tom has a blue"


@pytest.fixture
def page(site, open_page):
    page = open_page(url=f"{site}/{PAGE}")
    page.evaluate(QUIET)
    return page


@pytest.fixture
def toy_page(open_page):
    page = open_page(views.model())
    page.evaluate(QUIET)
    return page


def test_terms_of_the_figure_lead_to_the_glossary(page, site):
    glossary = (HTML / "book" / "glossary.html").read_text(encoding="utf-8")
    hrefs = "[...x.shadowRoot.querySelectorAll('.term a')].map(({ href }) => href)"
    links = ask(page, hrefs)
    press(page, "toy")
    press(page, "Try all 12 heads")
    links += ask(page, hrefs)
    start = f"{site}/book/glossary.html#term-"
    assert all(link.startswith(start) for link in links)
    found = {link.removeprefix(start) for link in links}
    assert found == TERMS
    assert all(f'id="term-{anchor}"' in glossary for anchor in found)


def test_a_term_shows_its_definition_to_pointer_and_keys(page, no_violations):
    link = page.locator(".head-card h2 a")
    card = page.locator(".head-card .card")
    defined = page.locator("#definition-head").text_content()
    assert card.is_hidden()
    link.hover()
    assert card.is_visible()
    assert card.text_content() == defined
    card.hover()
    assert card.is_visible()
    page.keyboard.press("Escape")
    assert card.is_hidden()
    page.mouse.move(1, 1)
    page.get_by_role("button", name="Previous layer").focus()
    page.keyboard.press("Shift+Tab")
    assert card.is_visible()
    no_violations(page, "lmviz-model")
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/glossary.html#term-head")


@pytest.mark.parametrize("width", [1280, 390])
def test_every_definition_of_the_figure_is_inside_the_window(page, width):
    page.set_viewport_size({"width": width, "height": 700})
    page.evaluate(QUIET)
    page.locator(".dials summary").click()
    for term in page.locator(".term:visible").all():
        term.locator("a").hover()
        box = term.locator(".card").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert box["y"] >= 0 and box["y"] + box["height"] <= 700
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_finger_shows_a_definition_of_the_figure_first(browser, site):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{site}/{PAGE}")
    page.evaluate(QUIET)
    link, card = page.locator(".head-card h2 a"), page.locator(".head-card .card")
    link.tap()
    assert card.is_visible()
    gap = card.bounding_box()["y"] - link.bounding_box()["y"]
    page.evaluate("scrollBy(0, 150)")
    page.evaluate("new Promise(requestAnimationFrame)")
    # It scrolls with its word, and covers nothing else.
    assert card.bounding_box()["y"] - link.bounding_box()["y"] == pytest.approx(gap)
    page.touchscreen.tap(380, 830)
    assert card.is_hidden()
    link.tap()
    assert card.is_visible()
    assert page.url.endswith(PAGE)
    link.tap()
    page.wait_for_url("**/book/glossary.html#term-head")
    context.close()


def test_outside_the_book_terms_are_plain_text(toy_page):
    assert "surprisal" in texts(toy_page, ".text .legend")[0]
    assert toy_page.locator("lmviz-model a").count() == 0


def test_the_words_of_the_toy_are_listed_by_kind(toy_page, toy):
    toy_page.get_by_text("All 78 words of the toy").click()
    groups = {
        group.get_attribute("aria-label"): group.get_by_role("button").all_inner_texts()
        for group in toy_page.locator(".groups [role=group]").all()
    }
    others = groups.pop("other words")
    assert groups == {name: list(words) for name, words in grammar.CLASSES.items()}
    listed = itertools.chain(others, *groups.values())
    assert sorted(listed) == sorted(grammar.WORDS)


def test_a_word_of_the_list_is_appended(toy_page):
    toy_page.get_by_text("All 78 words of the toy").click()
    write(toy_page, STORY)
    possible = language.next_word_probs(["<story>", *STORY.split()])
    fits = toy_page.locator(".groups .fits").all_inner_texts()
    assert sorted(fits) == sorted(possible)
    word = fits[0]
    toy_page.locator(".groups").get_by_role("button", name=word, exact=True).click()
    toy_page.evaluate(QUIET)
    assert ask(toy_page, "x.said") == f"{STORY} {word}"
    assert texts(toy_page, ".token b")[-1] == word
    assert re.search(f"after {word}", texts(toy_page, ".words p")[0])
    press(toy_page, "Undo the last change")
    assert ask(toy_page, "x.said") == STORY


def test_a_model_with_a_large_vocabulary_lists_no_words(page):
    assert not page.locator(".words").is_visible()
