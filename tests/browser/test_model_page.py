"""The page of a model before the model is there, and where it can't run."""

import re
from pathlib import Path

import pytest
from inside import LOADED, PAGE, QUIET, ask, bars, load, percent, press, texts
from inside import write as type_in
from watching import watch

from lmviz import transformer

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
CAPITAL = "The capital of France is"


@pytest.fixture
def lm(smollm2):
    return smollm2


@pytest.fixture
def page(site, open_page):
    page = open_page(url=f"{site}/{PAGE}")
    page.evaluate(QUIET)
    return page


def requests(page):
    return page.evaluate(
        "performance.getEntriesByType('resource').map(({ name }) => name)"
    )


def assert_stored(page, lm):
    """Assert that the true numbers of the first example are shown."""
    trace = lm.trace(CAPITAL)
    probs, ids = trace.logits[-1].softmax(-1).topk(8)
    assert bars(page) == dict(
        zip(lm.tokens(ids), map(percent, probs.tolist()), strict=True)
    )
    (said,) = texts(page, ".head-card .says")
    weight = trace.attentions[23, 4, -1].max()
    start = f"query 4 ␣is attends to key 3 ␣France with weight {weight:.4f}"
    assert said.startswith(start)


def test_before_the_click_stored_numbers_are_shown_and_no_weights_requested(page, lm):
    assert_stored(page, lm)
    assert not any("smollm2/" in name for name in requests(page))
    press(page, "direct contribution")
    (said,) = texts(page, ".whole .says")
    numbers = [float(n.replace("−", "-")) for n in re.findall(r"[+−]\d+\.\d\d", said)]
    *parts, total = numbers
    assert sum(parts) == pytest.approx(total, abs=0.02)
    logits = lm.trace(CAPITAL).logits[-1]
    first, second = logits.topk(2).values.tolist()
    assert total == pytest.approx(first - second, abs=0.01)
    model = transformer.extract(lm)
    answer, runner_up = logits.topk(2).indices.tolist()
    shares = transformer.logit_attribution(
        model, lm.encode(CAPITAL), answer, runner_up=runner_up
    )
    assert texts(page, ".big .number") == [f"+{shares['head 23.4']:.2f}"]


def test_before_the_click_what_needs_the_model_is_disabled(page):
    for name in ("Continue", "Try all 270 heads"):
        assert page.get_by_role("button", name=name).is_disabled()
    assert page.get_by_role("switch").is_disabled()
    page.locator(".dials summary").click()
    for dial in page.get_by_role("slider").all():
        assert dial.is_disabled()
    # What is stored of other positions and heads can be read.
    page.locator(".token").nth(2).click()
    ask(page, "x.choose(16, 0)")
    page.evaluate(QUIET)
    assert texts(page, ".head-card h2") == ["Layer 16, head 0"]
    assert len(bars(page)) == 8
    page.locator(".bars button").first.click()
    assert page.get_by_role("textbox").input_value() == CAPITAL


def test_a_text_without_numbers_says_so_until_the_model_is_loaded(page, lm):
    type_in(page, "The sky is")
    page.locator(".token").nth(2).wait_for()
    page.evaluate(QUIET)
    assert texts(page, ".bars button") == []
    assert texts(page, ".load output")[0].startswith(
        "to compute this text: it has no numbers yet."
    )
    load(page)
    probs, ids = lm.trace("The sky is").logits[-1].softmax(-1).max(-1)
    assert next(iter(bars(page).items())) == (
        lm.tokens([int(ids)])[0],
        percent(probs.item()),
    )


def test_layers_appear_as_they_arrive_and_a_failed_file_is_named(site, context, lm):
    running = context.browser.new_context()
    page = running.new_page()
    waiting, answered, complaints = [], [], []
    watch(page, site, complaints)

    def hold(route):
        if "layer-20" not in route.request.url:
            route.continue_()
        elif answered:
            route.fulfill(status=503)
        else:
            waiting.append(route)

    running.route("**/layer-*", hold)
    page.goto(f"{site}/{PAGE}")
    page.evaluate(QUIET)
    type_in(page, "The capital of Italy is")
    page.locator(".token").nth(4).wait_for()
    go = page.locator(".go")
    assert go.inner_text() == "Load SmolLM2, 97 MB"
    go.click()
    arrived = "(async () => { while (!x.maps[{n}]) await new Promise("
    arrived += "requestAnimationFrame); return x.maps.length; })()"
    assert ask(page, arrived.replace("{n}", "19")) == 20
    progress = page.get_by_role("progressbar", name="Weights received")
    assert 0.2 < progress.evaluate("(e) => e.value") < 1
    assert re.match(r"\d\d MB of 97 MB: ", texts(page, ".load output")[0])
    assert page.get_by_role("switch").is_disabled()
    # A position chosen while it loads is kept.
    page.locator(".token").nth(3).click()
    answered.append(waiting[0].fulfill(status=503))
    page.get_by_text("layer-20.bin could not be loaded").wait_for()
    assert texts(page, ".load output")[0].endswith("the server answered 503.")
    running.unroute("**/layer-*", hold)
    page.get_by_role("button", name="Try again").click()
    page.evaluate(LOADED)
    page.evaluate(QUIET)
    assert texts(page, ".load b") == ["SmolLM2 is loaded"]
    top = lm.trace("The capital of Italy is").logits[3].argmax()
    assert next(iter(bars(page))) == lm.tokens([int(top)])[0]
    running.close()
    assert [c for c in complaints if "503" not in c] == []
