"""The front page: its figure plays once, can be paused, and needs no script."""

import json
import os
import re
from pathlib import Path

import pytest
from lmviz_book import lessons

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
WIDTHS = [1280, 900, 390]


@pytest.fixture
def front(site, open_page):
    """Open the front page, with or without motion."""

    def start(*, motion=True, **options):
        page = open_page(url=f"{site}/index.html", **options)
        if not motion:
            page.emulate_media(reduced_motion="reduce")
            page.reload()
        if not page.locator(".journey").count():
            if os.environ.get("CI"):
                pytest.fail("the book of this run must have the figure")
            pytest.skip("the model of this book reads none of the texts")
        return page

    return start


def data(page):
    return json.loads(page.locator(".journey script").text_content())


def seen(page):
    """Return the words of the drawing that is shown, where they are not transparent."""
    return page.locator(".journey svg:visible text").evaluate_all(
        """(all) => all.filter((it) => getComputedStyle(it).opacity === "1")
            .map((it) => it.textContent.replace(/[\\u2068\\u2069]/g, ""))"""
    )


def said(page):
    return page.locator(".journey .said").text_content()


def moving(page):
    return page.locator(".journey").evaluate(
        """(it) => it.getAnimations({ subtree: true }).filter(
            (one) => "animationName" in one && one.playState === "running",
        ).length"""
    )


def top_word(page):
    return re.search("“\u2068(.*?)\u2069”", data(page)["positions"][-1]["said"][-1])[1]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (900, True), (390, True)])
def test_the_final_state_names_the_most_likely_token(front, no_violations, width, dark):
    page = front(motion=False, width=width, height=800, dark=dark)
    assert moving(page) == 0
    assert top_word(page) in seen(page)
    assert said(page) == data(page)["positions"][-1]["said"][-1]
    assert page.get_by_role("button", name="Play").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    no_violations(page, "article")


def test_the_head_of_the_page_is_in_one_screen(front):
    page = front(motion=False, width=1280, height=800)
    announced = page.locator(".announcement").count() * 36
    for selector in ("h1", ".lead", ".go", ".facts", ".journey"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800 + announced, selector


def test_it_plays_once_and_ends_in_its_final_state(front):
    page = front()
    assert moving(page) > 0
    assert top_word(page) not in seen(page)
    pause = page.get_by_role("button", name="Pause")
    assert pause.is_visible()
    # Its own clock, ahead.
    end = data(page)["end"]
    page.get_by_role("button", name="Play").wait_for(timeout=2 * end)
    assert moving(page) == 0
    assert top_word(page) in seen(page)
    page.wait_for_timeout(300)
    assert moving(page) == 0, "it never loops"
    page.get_by_role("button", name="Play").click()
    assert moving(page) > 0, "but can be played again"


def test_it_can_be_paused_and_goes_on_from_there(front):
    page = front()
    page.get_by_role("button", name="Pause").click()
    assert moving(page) == 0
    before = said(page), seen(page)
    page.wait_for_timeout(400)
    assert (said(page), seen(page)) == before
    page.get_by_role("button", name="Play").click()
    assert moving(page) > 0


def test_steps_jump(front):
    page = front()
    steps = page.locator(".steps button")
    expected = data(page)["positions"][-1]["said"]
    words = []
    for i, name in enumerate(steps.all_text_contents()):
        page.get_by_role("button", name=name, exact=True).click()
        assert moving(page) == 0
        assert steps.nth(i).get_attribute("aria-current") == "step"
        assert page.locator(".steps [aria-current]").count() == 1
        if i != 1:  # where a layer and a rank are filled in
            assert said(page) == expected[i]
        words.append(len(seen(page)))
    assert "{" not in said(page)
    assert words == sorted(words), "each step shows more"
    assert words[0] < words[-1]


def test_with_little_motion_steps_are_pictures(front):
    page = front(motion=False)
    page.get_by_role("button", name="Layers", exact=True).click()
    assert moving(page) == 0
    assert top_word(page) not in seen(page)
    page.get_by_role("button", name="Next word", exact=True).click()
    assert top_word(page) in seen(page)


def test_a_word_is_pressed_by_keys(front):
    page = front()
    words = page.locator(".words button")
    words.first.focus()
    page.keyboard.press("Enter")
    assert moving(page) == 0, "pressing stops it"
    assert said(page) == data(page)["positions"][0]["said"][-1]
    assert words.first.get_attribute("aria-pressed") == "true"
    assert page.locator(".words [aria-pressed=true]").count() == 1
    assert page.locator(".journey svg:visible").count() == 1
    assert words.first.evaluate("(it) => it === document.activeElement")
    outline = words.first.evaluate("(it) => getComputedStyle(it).outlineStyle")
    assert outline != "none", "the focus is seen"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert said(page) == data(page)["positions"][1]["said"][-1]


def test_without_scripts_the_final_state_is_in_the_page(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/index.html")
    (label,) = (
        svg.get_attribute("aria-label")
        for svg in page.locator(".journey svg").all()
        if svg.is_visible()
    )
    said = page.locator(".journey .said").text_content()
    assert re.search("“\u2068(.*?)\u2069”", said)[1] in label
    bar = page.locator(".journey svg:visible .amount").first.bounding_box()
    assert bar["width"] > 20
    assert page.locator(".journey .play").is_hidden()
    context.close()


def test_it_waits_until_it_is_in_sight(front):
    page = front(width=390, height=500)
    page.wait_for_timeout(300)
    assert moving(page) == 0
    page.locator(".journey").scroll_into_view_if_needed()
    page.get_by_role("button", name="Pause").wait_for(timeout=3000)
    assert moving(page) > 0


def test_on_a_phone_targets_are_large(front):
    page = front(motion=False, width=390, height=844)
    for button in page.locator(".journey button, article .btn").all():
        assert button.bounding_box()["height"] >= 40
        assert button.bounding_box()["width"] >= 34


@pytest.mark.parametrize("width", WIDTHS)
def test_no_chapter_is_alone_in_a_row(front, width):
    page = front(motion=False, width=width, height=800)
    tops = [card.bounding_box()["y"] for card in page.locator(".chapters > li").all()]
    assert len(tops) == 5
    assert len(set(tops)) in (1, 5)


def test_doors_lead_somewhere(front, site):
    page = front(motion=False)
    doors = page.locator("article :is(.go, .chapters, #read, #try, #practise) a[href]")
    links = set(doors.evaluate_all("all => all.map((link) => link.href)"))
    assert len(links) >= 9
    for link in sorted(links):
        assert page.request.get(link.partition("#")[0]).ok, link


def test_cards_number_lessons_as_their_pages_do(site):
    pages = sorted(HTML.glob("lessons/0*/[0-9]*.html"))
    assert len(pages) > 30
    for page in pages:
        number = lessons.number(f"{page.parent.name}/{page.stem}")
        title = f'<h1><span class="section-number">{number} </span>'
        assert title in page.read_text("utf-8")
        cards = page.with_name("index.html").read_text("utf-8")
        assert f'<span class="card-number">{number}</span> <a ' in cards


def test_the_line_about_a_lesson_is_no_part_of_its_summary(site):
    for page in HTML.glob("lessons/0*/[0-9]*.html"):
        text = page.read_text("utf-8")
        assert re.search(r'<p class="lesson-line">.* min', text)
        (summary,) = re.findall(r'<meta name="description" content="(.*?)"', text)
        assert " min ·" not in summary
