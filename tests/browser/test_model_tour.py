"""The tour of the view of a model."""

import re

import pytest
from inside import (
    PAGE,
    QUIET,
    ask,
    bars,
    dial,
    focused,
    load,
    press,
    state,
    switch,
    texts,
    write,
)
from llama_checks import CAPITAL

pytestmark = pytest.mark.long("SmolLM2 in a page")


@pytest.fixture
def page(inside):
    return inside


def test_the_tour_states_measured_numbers_and_escape_leaves_it(page):
    press(page, "Take the tour")
    panel = page.get_by_role("region", name="Tour")
    said = []
    for n in range(1, 13):
        panel.get_by_text(re.compile(rf"^{n} of 12\. ")).wait_for()
        page.evaluate(QUIET)
        said.append(texts(page, ".tour p")[0])
        assert not re.search(r"[{}]|undefined|NaN|Infinity|\[object", said[-1])
        page.keyboard.press("Enter")  # the focus is on Next
    panel.wait_for(state="detached")
    assert "In head 23.4, ␣is attends to ␣France with weight 0." in said[3]
    assert "␣Paris falls from 77 % to 14 %" in said[7]
    assert focused(page)[0] == "Take the tour"
    page.keyboard.press("Enter")
    page.evaluate(QUIET)
    page.keyboard.press("Escape")
    page.evaluate(QUIET)
    assert panel.count() == 0
    assert page.locator(".dimmed").count() == 0


def test_after_the_tour_the_page_is_as_it_was(page):
    write(page, "The capital of Italy is")
    ask(page, "x.choose(3, 2)")
    switch(page)
    page.locator(".token").nth(2).click()
    page.evaluate(QUIET)
    before, shown = state(page), bars(page)
    press(page, "Take the tour")
    assert state(page) == ["smollm2", CAPITAL, 23, 4, 4, ""]
    press(page, "Next", exact=True)
    press(page, "Back")
    press(page, "Leave the tour")
    assert state(page) == before
    assert bars(page) == shown


def test_the_tour_leaves_the_dials_as_they_were(page):
    usual = bars(page)
    dial(page, {"temperature": 0.5, "top-k": 4, "top-p": 0.8})
    folded = texts(page, ".dials summary")
    assert folded == ["Sampling: temperature 0.5, top-k 10, top-p 0.80"]
    shown = bars(page)
    press(page, "Take the tour")  # which shows the same text
    assert bars(page) == usual
    press(page, "Leave the tour")
    assert (texts(page, ".dials summary"), bars(page)) == (folded, shown)
    press(page, "toy")
    assert "temperature 1.0, top-k all" in texts(page, ".dials summary")[0]
    press(page, "SmolLM2")
    assert texts(page, ".dials summary") == folded


def test_the_tour_asks_for_the_model_where_it_needs_it(site, open_page):
    page = open_page(url=f"{site}/{PAGE}")
    page.evaluate(QUIET)
    press(page, "Take the tour")
    for _ in range(7):
        assert "must run in the page" not in texts(page, ".tour p")[0]
        press(page, "Next", exact=True)
    assert texts(page, ".tour p")[0].startswith("8 of 12. From here, the model itself")
    press(page, "Try again")
    assert "must run in the page" in texts(page, ".tour p")[0]
    load(page)
    press(page, "Try again")
    assert "␣Paris falls from 77 %" in texts(page, ".tour p")[0]


def measure_some(page):
    page.get_by_role("button", name="Try all 270 heads").click()
    page.locator(".rank button").first.wait_for()


def test_the_tour_keeps_the_effects_that_a_reader_has_measured(page):
    write(page, "The capital of Italy is")
    measure_some(page)
    press(page, "Stop")
    press(page, "weight × length of value")
    said = [texts(page, part) for part in (".rank", ".big", ".whole .says")]
    assert "log p" in said[0][0]
    press(page, "Take the tour")
    assert "log p" not in texts(page, ".rank")[0]
    press(page, "Next", exact=True)
    press(page, "Leave the tour")
    assert [texts(page, part) for part in (".rank", ".big", ".whole .says")] == said
    for name in ("effect of zero ablation", "weight × length of value"):
        button = page.get_by_role("button", name=name)
        assert button.get_attribute("aria-pressed") == "true"


def test_the_tour_stops_a_measurement_and_keeps_what_there_is(page):
    measure_some(page)
    press(page, "Take the tour")
    page.wait_for_timeout(200)
    page.evaluate(QUIET)
    assert ask(page, "[x.trying, x.layer, x.head]") == ["", 23, 4]
    press(page, "Leave the tour")
    assert 0 < ask(page, "x.sweep.effects.flat().filter(Boolean).length") < 270
