"""The figure of the front page shows what the model computes, whatever the model."""

import dataclasses
import json
import re
from xml.etree import ElementTree

import pytest
from lmviz_book import front_data, front_drawing, front_figure, staleness

import lmviz
from lmviz import attention

HOSTILE = '</script><img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def toy():
    return lmviz.load("toy")


@pytest.fixture(scope="module")
def journey(toy):
    return front_data.compute(toy)


def test_the_data_are_the_models_own(toy, journey):
    trace = toy.trace(journey.ids)
    probs = trace.logits.softmax(-1)
    for q, here in enumerate(journey.positions):
        best = int(probs[q].argmax())
        assert here.candidates[0][0] == toy.tokens([best])[0]
        assert here.candidates[0][1] == pytest.approx(float(probs[q, best]), abs=1e-5)
        assert here.lens[-1] == here.candidates[0][0]
        assert here.ranks[-1] == 1
        weights = trace.attentions[journey.layer, journey.head, q, : q + 1]
        assert here.weights == pytest.approx(weights.tolist(), abs=1e-5)
        assert len(here.ranks) == journey.n_layers + 1


def test_the_head_is_the_one_whose_ablation_lowers_the_prediction_most(toy, journey):
    answer = int(toy.trace(journey.ids).logits[-1].argmax())
    without = {}
    for layer in range(journey.n_layers):
        for head in range(journey.n_heads):
            with attention.ablate_heads(toy, (layer, head)):
                probs = toy.trace(journey.ids, keep="logits").logits[-1].softmax(-1)
            without[layer, head] = float(probs[answer])
    assert min(without, key=without.get) == (journey.layer, journey.head)
    lowest = min(without.values())
    assert journey.without_head == pytest.approx(lowest, abs=1e-5)


def test_a_model_that_can_encode_none_of_the_texts_has_no_figure(toy, monkeypatch):
    monkeypatch.setattr(front_data, "TEXTS", ["no word of the toy", "Anna " * 99])
    assert front_data.compute(toy) is None
    assert front_figure.Figure(None)._repr_html_() == ""


def test_the_page_carries_the_final_state_for_two_widths(journey):
    html = front_figure.figure(journey)
    shown = html.count('<div class="drawing">')
    assert shown == 1
    assert html.count('<div class="drawing" hidden>') == len(journey.tokens) - 1
    drawing = html.partition('<div class="drawing">')[2].partition("</div>")[0]
    best, p = journey.positions[-1].candidates[0]
    for kind in ("wide", "narrow"):
        svg = re.search(rf'<svg class="{kind}".*?</svg>', drawing, re.DOTALL)[0]
        root = ElementTree.fromstring(svg)
        texts = [text.text.strip("\u2068\u2069") for text in root.iter("text")]
        assert {best, f"{100 * p:.0f}%", *map(str, [journey.layer])} <= set(texts)
        assert best in root.attrib["aria-label"]
    said = re.search(r'<p class="said">(.*?)</p>', html)[1]
    assert f"“\u2068{best}\u2069” is the most likely next token" in said


def test_another_language_draws_the_same_data_with_its_own_words(journey):
    data = json.loads(json.dumps(dataclasses.asdict(journey)))
    again = front_data.Journey.from_dict(data)
    english = front_figure.figure(journey)
    assert front_figure.figure(again) == english

    words = set()

    def marked(text):
        words.add(text)
        return f"^{text}^"

    other = front_figure.figure(again, marked)
    assert {"Tokens", "Play", "layer", "the next word"} <= words
    # Nothing but the marks is new, and every step and sentence has them.
    assert other.replace("^", "") == english
    assert len(re.findall(r'<svg[^>]*aria-label="\^', other)) == other.count("<svg")
    assert len(re.findall(r"<button[^>]*>\^", other)) == 4
    for here in json.loads(re.search('json">(.*?)</script>', other)[1])["positions"]:
        assert all(said.startswith("^") for said in here["said"])


def test_a_notebook_keeps_the_data_of_the_figure(journey):
    shown, kept = front_figure.Figure(journey)._repr_mimebundle_()
    assert shown["text/html"] == front_figure.figure(journey)
    assert front_data.Journey.from_dict(kept[front_figure.DATA]) == journey
    assert front_figure.Figure(None)._repr_mimebundle_() == {}


def test_any_family_has_a_figure(family):
    journey = front_data.compute(family)
    html = front_figure.figure(journey)
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ElementTree.fromstring(svg)
    assert front_drawing.as_html(front_drawing.word(journey.tokens[-1])) in html
    assert "Paris" not in html
    assert "49,152" not in html


def test_nothing_leaves_the_drawing(journey):
    for size in (front_drawing.WIDE, front_drawing.NARROW):
        for q in range(len(journey.tokens)):
            svg = front_drawing.Drawing(journey, q, size).svg("wide")
            for tag in re.findall(r"<(?:text|rect|circle)[^>]*>", svg):
                x, y = (float(re.search(rf' c?{d}="([^"]+)"', tag)[1]) for d in "xy")
                assert 0 <= x <= size.width
                assert 0 <= y <= size.height


def test_hostile_tokens_are_text(journey):
    names = [(HOSTILE, 0.5)], [HOSTILE] * (journey.n_layers + 1)
    hostile = dataclasses.replace(
        journey,
        tokens=[HOSTILE] * len(journey.tokens),
        positions=[
            dataclasses.replace(here, candidates=names[0], lens=names[1])
            for here in journey.positions
        ],
    )
    html = front_figure.figure(hostile)
    assert html.count("<script") == html.count("</script>") == 1
    assert "<img" not in html
    data = json.loads(html.partition('json">')[2].partition("</script>")[0])
    assert HOSTILE in data["positions"][0]["said"][-1]


def test_the_steps_follow_each_other(journey):
    data = front_figure.sentences(journey, 0)
    assert data["times"] == sorted(data["times"])
    assert data["times"][-1] == 1000 * front_drawing.STEPS["Next word"]
    assert list(front_drawing.STEPS.values()) == sorted(front_drawing.STEPS.values())


def test_the_page_is_stale_when_what_draws_the_figure_has_changed():
    code = staleness.with_ours("from lmviz_book import front_figure\n")
    assert "def sentences(" in code
    assert "class Drawing" in code
