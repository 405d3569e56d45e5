"""The view of a model with heads ablated: what changes equals `ablate_heads`."""

import pytest
from inside import (
    QUIET,
    after,
    ask,
    bars,
    largest,
    press,
    switch,
    texts,
    until,
    write,
    written_probabilities,
)
from llama_checks import CAPITAL

from lmviz import attention

pytestmark = pytest.mark.long("SmolLM2 in a page")


@pytest.fixture
def page(inside):
    return inside


@pytest.fixture
def lm(smollm2):
    return smollm2


def test_ablating_heads_equals_ablate_heads(page, lm):
    switch(page)
    whole = after(lm, CAPITAL).softmax(-1)
    for off in ([(23, 4)], [(23, 4), (22, 4)]):
        if len(off) == 2:
            ask(page, "x.choose(22, 4)")
            page.evaluate(QUIET)
            switch(page)
        logits = after(lm, CAPITAL, off)
        assert ask(page, "[...x.seen.logits]") == pytest.approx(
            logits.tolist(), abs=2e-4
        )
        probs = logits.softmax(-1)
        drawn = written_probabilities(page)
        names = lm.tokens(range(lm.card.vocabulary))
        for name, (filled, dashed, *_) in zip(bars(page), drawn, strict=True):
            i = names.index(name)
            assert filled == pytest.approx(100 * probs[i].item(), abs=0.01)
            assert dashed == pytest.approx(100 * whole[i].item(), abs=0.01)
        said = texts(page, ".next .says")[0]
        assert f"without {', '.join(f'{a}.{b}' for a, b in sorted(off))}" in said
    press(page, "Turn all heads on")
    assert bars(page) == largest(lm, whole.log())
    assert not page.get_by_role("button", name="Turn all heads on").is_visible()


def test_heads_stay_ablated_when_the_text_changes(page, lm):
    switch(page)
    text = "The capital of Italy is"
    write(page, text)
    assert "without 23.4" in texts(page, ".next .says")[0]
    logits = after(lm, text, [(23, 4)])
    assert ask(page, "[...x.seen.logits]") == pytest.approx(logits.tolist(), abs=2e-4)
    rome = int(after(lm, text).argmax())
    effect = (logits.log_softmax(-1) - after(lm, text).log_softmax(-1))[rome].item()
    assert texts(page, ".big .number") == [f"−{abs(effect):.2f}"]
    switch(page)
    assert bars(page) == largest(lm, after(lm, text))


def differences(lm, off, words, text=CAPITAL):
    """Return what ablating heads changes: log p of a word, and its logit difference."""
    before, now = after(lm, text), after(lm, text, off)
    logs = (now.log_softmax(-1) - before.log_softmax(-1))[words]
    gap = (now[words[0]] - now[words[1]]) - (before[words[0]] - before[words[1]])
    return [logs[0].item(), gap.item()]


def signed(x):
    return f"{x:+.2f}".replace("-", "−")


def test_effects_on_log_p_and_on_the_logit_difference_equal_ablate_heads(page, lm):
    words = ask(page, "x.words")
    assert words == after(lm, CAPITAL).topk(2).indices.tolist()
    switch(page)
    expected = differences(lm, [(23, 4)], words)
    assert ask(page, "x.change()") == pytest.approx(expected, abs=1e-4)
    said = texts(page, ".big")[0]
    runner = lm.tokens(words)[1]
    assert signed(expected[0]) in said
    assert f"Its logit minus that of {runner} changes by {signed(expected[1])};" in said
    switch(page)
    ask(page, "x.choose(3, 2)")
    press(page, "Try all 270 heads")
    page.get_by_role("button", name="Measure again").wait_for(timeout=120_000)
    assert ask(page, "[x.layer, x.head]") == [23, 4]
    assert ask(page, "x.sweep.effects.flat(2).every(Number.isFinite)")
    for layer, head in [(23, 4), (0, 4), (11, 7), (29, 8)]:
        expected = differences(lm, [(layer, head)], words)
        found = ask(page, f"x.sweep.effects[{layer}][{head}]")
        assert found == pytest.approx(expected, abs=1e-4)
        ask(page, f"x.choose({layer}, {head})")
        page.evaluate(QUIET)
        assert texts(page, ".big .number") == [signed(expected[0])]
        assert f"changes by {signed(expected[1])}" in texts(page, ".big")[0]
    expected = differences(lm, [(23, 4)], words)
    assert texts(page, ".rank button")[0].split() == ["23.4", *map(signed, expected)]
    write(page, f"{CAPITAL} the")
    assert ask(page, "x.sweep") is None
    assert page.get_by_role("button", name="Try all 270 heads").is_enabled()


def test_an_ablation_tells_the_mean_surprisal_of_the_text(page, lm):
    ask(page, "x.choose(0, 8)")
    page.evaluate(QUIET)
    switch(page)

    def mean(text):
        ids = lm.encode(text)
        logs = lm.trace(ids).logits[:-1].log_softmax(-1)
        return -logs[range(len(ids) - 1), ids[1:]].mean().item()

    for text in (CAPITAL, "The sun rises in the east"):
        write(page, text)
        with attention.ablate_heads(lm, [(0, 8)]):
            now = mean(text)
        whole = mean(text)
        said = texts(page, ".verdict .about")[-1]
        assert f"changes from {whole:.2f} to {now:.2f} nats" in said
        assert f"{now:.2f}" != f"{whole:.2f}"


@pytest.mark.parametrize("measured", [False, True])
def test_the_numbers_of_heads_and_the_colours_are_explained(page, measured):
    if measured:
        measure_some(page, "Try all 270 heads", 2)
        stop(page)
    first, last = (texts(page, ".verdict .about")[i] for i in (0, -1))
    assert "(23.4: layer 23, head 4)" in first
    assert "Violet: in favour of the answer. Orange: against it." in last


def test_trying_all_heads_can_be_stopped(page):
    stops = (
        lambda: press(page, "Stop"),
        lambda: page.locator(".token").nth(2).click(),
        lambda: write(page, "The sun is"),
    )
    for stop in stops:
        page.locator(".verdict .top button").click()
        page.locator(".rank button").first.wait_for()
        stop()
        until(page, "x.trying === ''")
    assert ask(page, "x.sweep") is None


def measure_some(page, name, n=1):
    press_only(page, name)
    until(page, f"x.measured?.effects.flat().filter(Boolean).length >= {n}")


def press_only(page, name):
    page.locator(".verdict .top").get_by_role("button", name=name).click()


def measured(page):
    return ask(page, "x.sweep.effects.flat().filter(Boolean).length")


def stop(page):
    press_only(page, "Stop")
    until(page, "x.trying === ''")
    page.evaluate(QUIET)


def test_a_stopped_measurement_says_how_far_it_came_and_goes_on(page, lm):
    measure_some(page, "Try all 270 heads", 12)
    stop(page)
    n = measured(page)
    assert 12 <= n < 270
    about = texts(page, ".verdict .about")[0]
    assert about.startswith(f"Stopped: {n} of 270 heads measured. Of these, the")
    before = ask(page, "x.sweep.effects[29]")
    ask(page, "(x.sweep.effects[29][0] = [7, 7])")  # which isn't measured twice
    measure_some(page, "Measure the rest", n + 1)
    stop(page)
    assert measured(page) > n
    assert ask(page, "x.sweep.effects[29]") == [[7, 7], *before[1:]]
    words = ask(page, "x.words")
    last = measured(page) - 1
    at = (29 - last // 9, last % 9)
    found = ask(page, f"x.sweep.effects[{at[0]}][{at[1]}]")
    assert found == pytest.approx(differences(lm, [at], words), abs=1e-4)


def test_ablating_a_head_says_that_it_stopped_the_measurement(page):
    measure_some(page, "Try all 270 heads", 3)
    ask(page, "x.toggle(3, 2)")
    until(page, "x.trying === ''")
    page.evaluate(QUIET)
    ask(page, "x.toggle(3, 4)")
    page.evaluate(QUIET)
    about = texts(page, ".verdict .about")[0]
    n = ask(page, "x.halted[1]")
    assert n >= 3
    said = f"Stopped: {n} of 270 heads measured, before the ablated heads changed."
    assert about.startswith(said)
    press_only(page, "Try all 270 heads")
    stop(page)


def test_measuring_again_keeps_the_effects_until_it_is_complete(page):
    ask(page, "(x.sweeps.set(x.key(x.off), { off: x.off, logs: [0, 0], effects: "
              "x.off.map((_, l) => Array.from({ length: 9 }, (_, h) => [l - h, 1])) }),"
              " x.show())")  # fmt: skip
    page.evaluate(QUIET)
    before = ask(page, "x.sweep.effects")
    measure_some(page, "Measure again", 3)
    stop(page)
    assert ask(page, "x.sweep.effects") == before
    assert page.get_by_role("button", name="Measure again").is_visible()


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_switch_stays_where_it_is_pressed(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate(QUIET)
    place = "x.shadowRoot.querySelector('[role=switch]').getBoundingClientRect()"
    before = ask(page, f"[{place}.x, {place}.y + scrollY]")
    switch(page)
    assert ask(page, f"[{place}.x, {place}.y + scrollY]") == before
