"""Undo in the view of a model: one step for each change by a reader."""

import pytest
from inside import GO, QUIET, ask, bars, press, switch, write

pytestmark = pytest.mark.long("SmolLM2 in a page")
CAPITAL = "The capital of France is"


@pytest.fixture
def page(inside):
    return inside


def state(page):
    return ask(page, "[x.said, x.q, x.layer, x.head, x.namedOff()]")


def undo(page):
    press(page, "Undo the last change")


def can_undo(page):
    return page.get_by_role("button", name="Undo the last change").is_enabled()


def type_in(page, keys):
    page.get_by_role("textbox", name="Your text").press_sequentially(keys)
    page.evaluate(QUIET)


def pause(page):
    """Let a burst of typing end, as if time had passed."""
    ask(page, "(x.typed -= 1001)")


def test_a_burst_of_typing_is_one_step(page):
    page.get_by_role("textbox", name="Your text").press("End")
    type_in(page, " the")
    type_in(page, " city")
    pause(page)
    type_in(page, " of")
    assert state(page)[0] == f"{CAPITAL} the city of"
    undo(page)
    assert state(page)[0] == f"{CAPITAL} the city"
    undo(page)
    assert state(page)[0] == CAPITAL
    assert not can_undo(page)


def test_leaving_the_field_ends_a_burst_of_typing(page):
    write(page, "The sea is")
    ask(page, "(x.typed += 1e6)")  # no time passes
    page.locator(".token").nth(1).click()
    write(page, "The sky is")
    undo(page)
    assert state(page)[:2] == ["The sea is", 1]
    undo(page)
    assert state(page)[0] == CAPITAL


def test_undo_restores_text_position_and_heads_together(page):
    steps = [(state(page), bars(page))]

    def done():
        page.evaluate(QUIET)
        steps.append((state(page), bars(page)))

    switch(page)
    done()
    page.get_by_role("combobox", name="Example").select_option("A list")
    done()
    page.locator(".token").nth(3).click()
    page.evaluate(QUIET)
    steps[-1] = (state(page), bars(page))  # a position alone is no step
    page.locator(".bars button").first.click()
    done()
    ask(page, "x.choose(3, 2)")
    page.evaluate(QUIET)
    steps[-1] = (state(page), bars(page))
    switch(page)
    done()
    press(page, "Turn all heads on")
    done()
    while len(steps) > 1:
        assert (state(page), bars(page)) == steps.pop()
        undo(page)
    assert (state(page), bars(page)) == steps[0]
    assert not can_undo(page)


def test_undo_after_continue_returns_to_the_position_before_it(page):
    page.locator(".token").nth(2).click()
    page.evaluate(QUIET)
    before = state(page)
    page.locator(".next .top button").click()
    page.locator(".token").nth(6).wait_for()
    page.locator(".next .top button").click()
    page.evaluate(QUIET)
    undo(page)
    assert state(page) == before
    assert not can_undo(page)


def test_control_z_in_the_field_is_the_browsers(page):
    field = page.get_by_role("textbox", name="Your text")
    field.press("End")
    switch(page)
    field.press("End")
    type_in(page, " the")
    while field.input_value() != CAPITAL:
        field.press("Control+z")
    page.evaluate(QUIET)
    assert state(page)[0] == CAPITAL
    assert ask(page, "x.namedOff()") == "23.4"


def test_each_model_and_the_tour_leave_the_steps_as_they_were(page):
    write(page, "The sea is")
    switch(page)
    press(page, "toy")
    assert not can_undo(page)
    press(page, "SmolLM2")
    press(page, "Take the tour")
    switch(page)
    press(page, "Leave the tour")
    assert state(page)[::4] == ["The sea is", "23.4"]
    undo(page)
    assert state(page)[::4] == ["The sea is", ""]
    undo(page)
    assert state(page)[0] == CAPITAL
    assert not can_undo(page)
    press(page, "Take the tour")  # which shows the same text
    switch(page)
    press(page, "Leave the tour")
    assert not can_undo(page)


def test_undo_returns_from_a_link_followed_on_the_page(page):
    page.evaluate(GO, "#text=Hi&off=3.2")
    page.evaluate(QUIET)
    assert state(page)[::4] == ["Hi", "3.2"]
    undo(page)
    page.evaluate("history.replaceState(null, '', location.pathname)")
    assert state(page)[::4] == [CAPITAL, ""]
