"""A word of the glossary shows its definition to pointers, keys and fingers."""

import pytest

LESSON = "lessons/04_attention/08_induction_heads.html"


@pytest.fixture
def word(site, open_page):
    """Open a lesson, and return its first word of the glossary, and its card."""

    def start(**options):
        page = open_page(url=f"{site}/{LESSON}", **options)
        link = page.locator(".defined a").first
        card = page.locator(f"#{link.get_attribute('aria-describedby')}")
        assert card.get_attribute("role") == "tooltip"
        assert card.is_hidden()
        return page, link, card

    return start


def test_the_pointer_shows_a_definition_and_may_go_into_it(word):
    page, link, card = word()
    link.hover()
    assert card.is_visible()
    assert len(card.inner_text()) > 40
    card.hover()
    assert card.is_visible()
    page.keyboard.press("Escape")
    assert card.is_hidden()
    page.mouse.move(1, 1)
    assert card.is_hidden()
    link.hover()
    assert card.is_visible()


def test_keys_show_a_definition_and_escape_hides_it(word, no_violations):
    page, link, card = word()
    link.focus()
    page.keyboard.press("Shift+Tab")
    assert card.is_hidden()
    page.keyboard.press("Tab")
    assert card.is_visible()
    no_violations(page, ".defined")
    page.keyboard.press("Escape")
    assert card.is_hidden()
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/glossary.html#term-*")


@pytest.mark.parametrize("width", [1280, 900, 700, 390])
def test_every_definition_is_inside_the_window(word, width):
    page, *_ = word(width=width, height=844)
    words = page.locator(".defined")
    assert words.count() > 1
    for each in words.all():
        each.locator("a").hover()
        box = each.locator(".definition").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_finger_shows_a_definition_before_it_follows_the_link(browser, site):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{site}/{LESSON}")
    link, card = page.locator(".defined a").first, page.locator(".definition").first
    link.tap()
    assert card.is_visible()
    box, word = card.bounding_box(), link.bounding_box()
    assert box["y"] > 60
    assert box["y"] + box["height"] <= 844
    below = box["y"] > word["y"] + word["height"]
    assert below or box["y"] + box["height"] < word["y"], "the word is in sight"
    page.touchscreen.tap(380, 20 if below else 830)
    assert card.is_hidden()
    link.tap()
    assert page.url.endswith(LESSON)
    link.tap()
    page.wait_for_url("**/book/glossary.html#term-*")
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_letters_of_the_glossary_lead_below_the_bar(
    site, open_page, no_violations, width
):
    page = open_page(url=f"{site}/book/glossary.html", width=width, height=844)
    page.emulate_media(reduced_motion="reduce")
    links = page.get_by_role("navigation", name="Letters").get_by_role("link")
    letters = [link.inner_text() for link in links.all()]
    assert letters == sorted(set(letters))
    terms = page.locator("dl.glossary dt:first-of-type").all_inner_texts()
    assert letters == sorted({term[0].upper() for term in terms})
    links.get_by_text("M", exact=True).click()
    heading = page.get_by_role("heading", name="M", exact=True)
    top = heading.bounding_box()["y"]
    bar = page.locator(".letters").bounding_box()
    assert bar["y"] + bar["height"] <= top < 400
    assert page.evaluate("document.documentElement.scrollWidth") == width
    no_violations(page)

    page.goto(f"{site}/book/glossary.html#term-softmax")
    page.reload()
    bar = page.locator(".letters").bounding_box()
    term = page.locator("#term-softmax").bounding_box()
    assert bar["y"] + bar["height"] <= term["y"] < 400
