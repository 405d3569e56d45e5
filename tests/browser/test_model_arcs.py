"""The numbers above the tokens: what the arcs of the chosen head are."""

import pytest
from inside import QUIET, ask, press, switch, texts, write

from lmviz import transformer, views

pytestmark = pytest.mark.long("SmolLM2 in a page")
CAPITAL = "The capital of France is"
STORY = "Anna has a red ball . Tom has a blue kite . the ball Anna has is"


@pytest.fixture
def page(inside):
    yield inside
    inside.get_by_role("button", name="weights", exact=True).click()


def signed(number):
    text = f"{number:+.2f}".replace("-", "−")
    return "0.00" if text == "−0.00" else text


def expected(lm, text, layer, head):
    """Return what each key adds, and what the head contributes, at the last token."""
    trace, model = lm.trace(text), transformer.extract(lm)
    words = trace.logits[-1].topk(2).indices.tolist()
    shares = transformer.logit_attribution(
        model, trace.ids, words[0], runner_up=words[1]
    )
    *_, last = transformer.stream(model, trace.ids)
    attention, norm = model.blocks[layer].attention, model.final_norm
    value = transformer.heads(attention, trace.hidden_states[layer]).value[head]
    output = attention.output.weight.unflatten(0, (-1, value.shape[-1]))[head]
    first, second = model.unembedding.weight[:, words].T
    divisor = (last[-1].square().mean() + norm.eps).sqrt()
    direction = (first - second) * norm.weight / divisor
    added = trace.attentions[layer, head, -1] * (value @ output @ direction)
    return added.tolist(), shares[f"head {layer}.{head}"]


@pytest.mark.parametrize(("layer", "head"), [(23, 4), (11, 4)])
def test_each_key_has_the_weight_of_its_arc(page, smollm2, layer, head):
    ask(page, f"x.choose({layer}, {head})")
    page.evaluate(QUIET)
    weights = smollm2.trace(CAPITAL).attentions[layer, head, -1].tolist()
    assert texts(page, ".token .share") == [f"{weight:.2f}" for weight in weights]
    opacity = "(all) => all.map((e) => +getComputedStyle(e).opacity)"
    shares = page.locator(".token .share")
    page.mouse.move(1, 1)
    drawn = [float(weight >= 0.015) for weight in weights]
    assert shares.evaluate_all(opacity) == drawn
    assert 0 in drawn
    page.locator(".token").first.hover()
    assert shares.evaluate_all(opacity) == [1] * 5
    assert page.locator(".arcs .arc").count() == sum(drawn)


def test_the_keys_of_a_head_add_up_to_its_direct_contribution(page, smollm2):
    press(page, "contribution", exact=True)
    for layer, head in ((23, 4), (28, 3)):
        ask(page, f"x.choose({layer}, {head})")
        page.evaluate(QUIET)
        added, total = expected(smollm2, CAPITAL, layer, head)
        assert ask(page, "x.added") == pytest.approx(added, abs=2e-4)
        assert sum(ask(page, "x.added")) == pytest.approx(
            ask(page, f"x.direct().layers[{layer}].heads[{head}]"), abs=1e-5
        )
        assert texts(page, ".token .share") == list(map(signed, added))
        said = texts(page, ".text .legend")[0]
        assert said.endswith(f"; the sum is {signed(total)}.")
        signs = page.locator(".arcs .arc").evaluate_all(
            "(all) => all.map((e) => e.classList[1])"
        )
        most = sum(map(abs, added))
        assert signs == [
            "plus" if part >= 0 else "minus"
            for part in added
            if abs(part) / most >= 0.015
        ]
    switch(page)
    assert texts(page, ".token .share") == [""] * 5
    assert page.locator(".arcs .arc").count() == 0


def test_the_keys_of_the_toys_heads_add_up_to_their_contributions(open_page, toy):
    page = open_page(views.model())
    page.evaluate(QUIET)
    write(page, STORY)
    trace, model = toy.trace(STORY), transformer.extract(toy)
    words = trace.logits[-1].topk(2).indices.tolist()
    shares = transformer.logit_attribution(
        model, trace.ids, words[0], runner_up=words[1]
    )
    for layer in range(3):
        for head in range(4):
            ask(page, f"x.choose({layer}, {head})")
            page.evaluate(QUIET)
            added = ask(page, "x.added")
            assert len(added) == len(trace.ids)
            total = ask(page, f"x.seen.contributions.layers[{layer}].heads[{head}]")
            assert sum(added) == pytest.approx(total, abs=1e-5)
            assert total == pytest.approx(shares[f"head {layer}.{head}"], abs=1e-4)
