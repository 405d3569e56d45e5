"""The view of a model keeps its state in the address, and any address is harmless."""

from urllib.parse import quote

import hostile
import pytest
from inside import (
    GO,
    PAGE,
    QUIET,
    ask,
    bars,
    load,
    problem,
    state,
    switch,
    texts,
    write,
)

pytestmark = pytest.mark.long("SmolLM2 in a page")


@pytest.fixture
def page(inside):
    return inside


def test_a_link_restores_text_head_position_and_ablated_heads(page, site, open_page):
    text = 'Le café & "thé" = 100 % #1?'
    write(page, text)
    ask(page, "x.choose(11, 7)")
    switch(page)
    ask(page, "x.choose(3, 2)")
    switch(page)
    page.locator(".token").nth(3).click()
    page.evaluate(QUIET)
    before, shown = state(page), bars(page)
    assert before == ["smollm2", text, 3, 2, 3, "3.2, 11.7"]
    page.get_by_label("Save or copy").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the link").click()
    page.get_by_text("Copied the link.").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    assert link.startswith(f"{site}/{PAGE}#")
    other = open_page(url=link)
    other.evaluate(QUIET)
    load(other)
    assert state(other) == before
    assert bars(other) == shown
    # On the page itself, too.
    write(page, "Hi")
    page.evaluate("location.hash = 'how-it-runs'")
    assert state(page)[1] != text
    page.evaluate(GO, link)
    page.evaluate(QUIET)
    assert state(page) == before


FRAGMENTS = [
    "text=Hi&head=99999999999999999999.-1&at=-5&off=1.2.3,x,,9e9.1,1.99,99.1",
    f"text=Hi&head={'9' * 400}.{'9' * 400}&at={'9' * 400}&off={'9' * 400}.0",
    f"text={quote('<img src=x onerror=alert(1)>')}&model=<svg/onload=alert(1)>",
    "text=%00%ff%&head=%&at=%00",
    f"text={'many+words+' * 1000}",
    f"text={'qzxjkvwp' * 1250}&off={'23.4,' * 2000}",
    f"model=toy&head=23.4&off=23.4,2.3,2.3&text={quote('Anna has a <b>')}",
    "__proto__=1&constructor=2&text=",
]


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_no_fragment_does_harm(page, fragment):
    page.evaluate(GO, f"#{fragment}")
    page.evaluate(QUIET)
    model, said, layer, head, q, off = state(page)
    assert said is not None
    layers, heads, n = ask(page, "[x.engine.layers, x.engine.heads, x.tokens.length]")
    assert 0 <= layer < layers and 0 <= head < heads
    assert 0 <= q < n <= 128 or n == 0
    assert off in ("", "23.4", "2.3")
    assert page.locator("lmviz-model img, lmviz-model b > *").count() == 0
    pressed = page.locator(".text .steps [aria-pressed=true]").inner_text()
    assert pressed == {"toy": "toy", "smollm2": "SmolLM2"}[model]


def test_a_fragment_is_read_before_the_model_is_loaded(site, open_page):
    for fragment in (FRAGMENTS[1], FRAGMENTS[4], FRAGMENTS[3]):
        page = open_page(url=f"{site}/{PAGE}#{fragment}")
        page.evaluate(QUIET)
        page.locator(".go").wait_for()
        assert texts(page, ".bars button") == []


def test_hostile_text_is_only_text(page):
    joined = [" ".join(hostile.INJECTIONS[i::4]) for i in range(4)]
    for text in (*hostile.TOKENS, *joined):
        write(page, f"The {text} is")
        if text != "\0":
            assert problem(page) == ""
            assert texts(page, ".token")[-1].startswith("␣is")
        written = page.locator(".view :is(img, iframe, script, a:not(.term > a))")
        assert written.count() == 0
        for tile in (".all", ".token >> nth=-1", ".bars button >> nth=0"):
            page.locator(tile).hover()
