"""The view of a model on a phone: all layers at a glance, and nothing that moves."""

import pytest
from inside import PAGE, QUIET, ask, press, switch, texts
from screens import assert_fits_a_phone

from lmviz import prediction, transformer

CAPITAL = "The capital of France is"
PLACES = """() => {
    const { shadowRoot } = document.querySelector("lmviz-model");
    return [...shadowRoot.querySelectorAll(".load, .body > *, .foot")].map((e) =>
        [e.classList[0], e.offsetTop, e.offsetHeight]);
}"""


@pytest.fixture
def phone(site, open_page):
    page = open_page(url=f"{site}/{PAGE}", width=390, height=844)
    page.evaluate(QUIET)
    return page


def middle(page, layer, head):
    """Return the middle of a tile on the screen."""
    name = f'.ground[data-layer="{layer}"][data-head="{head}"]'
    page.locator(name).scroll_into_view_if_needed()
    box = page.locator(name).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def title(page):
    page.evaluate(QUIET)
    return texts(page, ".head-card h2")[0]


def test_a_phone_shows_all_layers_at_once_after_text_and_next_token(phone):
    parts = ask(phone, "[...x.body.children].map((e) => [e.className, e.offsetTop])")
    order = [name for name, _ in sorted(parts, key=lambda part: part[1])]
    assert order == ["text", "next", "whole", "head-card", "verdict", "lens"]
    boxes = ask(
        phone,
        "[...x.shadowRoot.querySelectorAll('.all .ground[data-layer]')].map((e) => {"
        " const { left, right, height } = e.getBoundingClientRect();"
        " return [left, right, height]; })",
    )
    assert len(boxes) == 30 * 10
    assert all(left >= 0 and left + 6 < right <= 390 for left, right, _ in boxes)
    assert all(height >= 12 for *_, height in boxes)
    assert_fits_a_phone(phone)


def test_the_chosen_column_is_spelled_out(phone, smollm2):
    phone.mouse.click(*middle(phone, 11, 4))
    assert title(phone) == "Layer 11, head 4"
    trace, model = smollm2.trace(CAPITAL), transformer.extract(smollm2)
    lens = prediction.logit_lens(
        trace.hidden_states, model.final_norm, model.unembedding
    )[12, -1]
    weight, key = trace.attentions[11, 4, -1, 1:].max(0)
    answer = trace.logits[-1].argmax()
    (name,) = smollm2.tokens([int(lens.argmax())])
    (paris,) = smollm2.tokens([int(answer)])
    rank = int((lens > lens[answer]).sum()) + 1
    assert texts(phone, ".whole .detail") == [
        f"Layer 11, head 4: ␣is attends to {trace.tokens[int(key) + 1]} with weight "
        f"{weight:.2f}. After the layer, the lens says {name} "
        f"{lens.softmax(-1).max():.3f}; {paris} has rank {rank:,}."
    ]


def test_a_finger_that_moves_sideways_chooses_and_one_that_scrolls_does_not(phone):
    (x, y), (to, _) = middle(phone, 5, 2), middle(phone, 19, 2)
    phone.mouse.move(x, y)
    phone.mouse.down()
    phone.mouse.move(x + 12, y + 60, steps=4)
    assert title(phone) == "Layer 23, head 4"
    phone.mouse.move(to, y, steps=20)
    assert title(phone) == "Layer 19, head 2"
    phone.mouse.up()
    # Below the tiles, a column is chosen, and the head stays.
    x, y = middle(phone, 7, 9)
    phone.mouse.click(x, y + 50)
    assert title(phone) == "Layer 7, head 2"


@pytest.mark.long("SmolLM2 in a page")
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_moves_when_the_model_is_loaded(site, open_page, width):
    page = open_page(url=f"{site}/{PAGE}", width=width, height=844)
    page.evaluate(QUIET)
    before = page.evaluate(PLACES)
    page.locator(".go").evaluate("(go) => go.click()")
    page.locator("progress").wait_for()
    assert page.evaluate(PLACES) == before
    page.locator(".load.ready").wait_for()
    page.evaluate(QUIET)
    assert page.evaluate(PLACES) == before
    assert texts(page, ".load b") == ["SmolLM2 is loaded"]
    press(page, "toy")
    assert texts(page, ".load b") == ["toy is loaded"]
    assert page.evaluate(PLACES)[:1] == before[:1]


@pytest.mark.long("SmolLM2 in a page")
@pytest.mark.parametrize(("width", "part"), [(1280, ".all"), (390, ".large")])
def test_ablating_a_head_moves_no_drawing_in_its_part(inside, width, part):
    inside.set_viewport_size({"width": width, "height": 844})
    place = (
        "((e) => e.getBoundingClientRect().y - e.closest('section')"
        f".getBoundingClientRect().y)(x.shadowRoot.querySelector('{part}'))"
    )
    before = ask(inside, place)
    switch(inside)
    for name in ("attention", "direct contribution", "effect of zero ablation"):
        press(inside, name)
        assert ask(inside, place) == before


@pytest.mark.long("SmolLM2 in a page")
def test_the_table_of_the_lens_lets_the_page_scroll(inside):
    inside.locator(".lens summary").click()
    inside.locator(".lens td").first.wait_for()
    inside.locator(".lens th").nth(8).hover()
    before = inside.evaluate("scrollY")
    for _ in range(2):
        inside.mouse.wheel(0, 120)
        inside.wait_for_timeout(100)
    assert inside.evaluate("scrollY") == before + 240
    assert inside.locator(".lens .wide").evaluate("(e) => e.scrollTop") == 0
    # The tokens are above and below the rows.
    tokens = texts(inside, ".token b")
    assert texts(inside, '.lens th[scope="col"]') == 2 * tokens
    inside.locator(".lens summary").click()
