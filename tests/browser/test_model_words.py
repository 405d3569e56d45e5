"""The answer and the runner-up of the view of a model, chosen by a reader."""

import re

import pytest
from inside import PAGE, QUIET, ask, load, press, switch, texts, write

from lmviz import attention, transformer

pytestmark = pytest.mark.long("SmolLM2 in a page")
CAPITAL = "The capital of France is"


@pytest.fixture
def page(inside):
    return inside


def choose(page, name, token):
    field = page.get_by_label(f"Compared tokens: {name}")
    field.fill(token)
    field.press("Enter")
    field.blur()
    page.evaluate(QUIET)


def compared(page):
    return [
        page.get_by_label(f"Compared tokens: {name}").input_value()
        for name in ("answer", "runner-up")
    ]


def wrong(page):
    return page.locator(".next .problem").inner_text()


@pytest.mark.parametrize("off", [[], [(23, 4)]])
def test_all_numbers_are_of_the_chosen_words(page, smollm2, off):
    if off:
        switch(page)
    assert compared(page) == ["␣Paris", "␣the"]
    choose(page, "answer", "␣London")
    choose(page, "runner-up", " Berlin")
    assert compared(page) == ["␣London", "␣Berlin"]
    words = [smollm2.token_id(name) for name in (" London", " Berlin")]
    assert ask(page, "x.words") == words
    ids = smollm2.encode(CAPITAL)
    whole = smollm2.trace(ids).logits[-1].log_softmax(-1)
    with attention.ablate_heads(smollm2, off):
        now = smollm2.trace(ids).logits[-1].log_softmax(-1)
    logs = ask(page, "x.seen.lens.at(-1).logs")
    assert logs == pytest.approx(now[words].tolist(), abs=2e-4)
    rank = int((now > now[words[0]]).sum()) + 1
    assert ask(page, "x.seen.lens.at(-1).rank") == rank
    shares = transformer.logit_attribution(
        transformer.extract(smollm2), ids, words[0], runner_up=words[1]
    )
    direct = f"{shares['head 23.4']:+.2f}".replace("-", "−")
    (said,) = texts(page, ".big")
    assert direct in said
    if off:
        changes = now - whole
        gap = (changes[words[0]] - changes[words[1]]).item()
        found = ask(page, "x.change()")
        assert found == pytest.approx([changes[words[0]].item(), gap], abs=1e-4)
    assert texts(page, ".verdict h2") == ["Head 23.4 and ␣London"]
    assert "␣London" in said and "␣Berlin" in said
    assert "rank of ␣London" in page.locator(".all").text_content().replace(
        "\u2068", ""
    )


def taken(page):
    return texts(page, ".taken")[0]


def test_a_word_without_a_space_is_the_token_with_one(page, smollm2):
    spaced, bare = (smollm2.token_id(name) for name in (" milk", "milk"))
    assert spaced != bare
    choose(page, "runner-up", "milk")
    assert ask(page, "x.words[1]") == spaced
    assert compared(page) == ["␣Paris", "␣milk"]
    probs = smollm2.trace(CAPITAL).logits[-1].softmax(-1)
    name, number = re.search(r"and (\S+) \((\S+)\)", taken(page)).groups()
    assert name == "␣milk"
    assert float(number) == pytest.approx(probs[spaced].item(), rel=0.03)
    choose(page, "runner-up", "ness")  # which has no token with a space
    with pytest.raises(ValueError, match="token"):
        smollm2.token_id(" ness")
    assert compared(page) == ["␣Paris", "ness"]


def test_a_token_of_the_list_is_taken_exactly(page, smollm2):
    write(page, "The bott")
    names = ask(
        page,
        "[...x.shadowRoot.querySelectorAll('datalist option')].map((o) => o.value)",
    )
    assert "led" in names
    assert smollm2.token_id(" led") != smollm2.token_id("led")
    choose(page, "runner-up", "led")
    assert "led" in compared(page)


def test_the_list_has_the_next_tokens(page):
    names = ask(
        page,
        "[...x.shadowRoot.querySelectorAll('datalist option')].map((o) => o.value)",
    )
    assert len(names) == 20
    assert names[:3] == ["␣Paris", "␣the", "␣London"]


def test_choosing_the_other_word_swaps_them(page):
    choose(page, "answer", "␣the")
    assert compared(page) == ["␣the", "␣Paris"]
    press(page, "Reset")
    assert compared(page) == ["␣Paris", "␣the"]
    assert not page.get_by_role("button", name="Reset").is_visible()


@pytest.mark.parametrize("name", ["␣Pariser", "two words", "é\u0004", "<b>x</b>"])
def test_an_unknown_token_gives_one_sentence(page, name):
    choose(page, "runner-up", name)
    shown = name.replace("\u0004", "⟨U+0004⟩")
    assert wrong(page).replace("\u2068", "").replace("\u2069", "") == (
        f"“{shown}” is not a token of SmolLM2: choose one from the list, or write one "
        "such as ␣Paris."
    )
    assert compared(page) == ["␣Paris", "␣the"]
    choose(page, "runner-up", "␣London")
    assert wrong(page) == ""


def test_a_refused_token_leaves_the_old_one_in_the_field(page):
    field = page.get_by_label("Compared tokens: answer")
    field.fill("two words")
    field.press("Enter")
    assert wrong(page)
    assert field.input_value() == "␣Paris"


def test_the_choice_ends_with_the_text_and_the_position_and_undo_returns_it(page):
    choose(page, "answer", "␣London")
    switch(page)
    assert compared(page) == ["␣London", "␣the"]
    page.locator(".token").nth(3).click()
    page.evaluate(QUIET)
    assert "␣London" not in compared(page)
    page.locator(".token").nth(4).click()
    page.evaluate(QUIET)
    assert compared(page) == ["␣Paris", "␣the"]
    choose(page, "runner-up", "␣Rome")
    write(page, "The capital of Italy is")
    assert compared(page)[0] == "␣Rome" != compared(page)[1]
    press(page, "Undo the last change")
    assert compared(page) == ["␣Paris", "␣Rome"]
    press(page, "Take the tour")
    assert compared(page) == ["␣Paris", "␣the"]
    press(page, "Leave the tour")
    assert compared(page) == ["␣Paris", "␣Rome"]


def test_a_link_keeps_the_choice_until_the_model_is_there(page, open_page):
    choose(page, "runner-up", "␣London")
    link = page.get_by_label("Save or copy")
    link.click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the link").click()
    page.get_by_text("Copied the link.").wait_for()
    other = open_page(url=page.url)
    other.evaluate(QUIET)
    # What is stored is of the two most likely tokens.
    assert ask(other, "x.answer") == ["␣Paris", "␣the"]
    load(other)
    assert compared(other) == ["␣Paris", "␣London"]
    assert PAGE in other.url


@pytest.mark.parametrize("words", ["1", "5,5", "1,999999999", "a,b", "1,2,3", "-1,2"])
def test_words_that_are_none_are_left_out_of_a_link(page, words):
    page.evaluate("(words) => { location.hash = `text=Hi&words=${words}` }", words)
    page.wait_for_timeout(50)
    page.evaluate(QUIET)
    assert ask(page, "x.pair") is None
    assert ask(page, "x.said") == "Hi"
