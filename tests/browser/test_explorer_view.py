"""The explorer of the toy, driven by mouse, keyboard and touch."""

import json
import shutil

import numpy as np
import pytest
import torch

import lmviz
from lmviz import attention, views
from lmviz.toy import WEIGHTS, language
from lmviz.views import _svg

FACTS = "Anna has a red ball . Tom has a blue kite ."
HOSTILE = [
    "</script><img/src=x/onerror=alert(1)>",
    "-->",
    "${x}",
    "\u0301",
    "עברית",
    "a\0b",
    "__proto__",
]


@pytest.fixture(scope="module")
def toy():
    return lmviz.load("toy")


def ask(page, expression, which=0):
    script = "([i, e]) => {const x = document.querySelectorAll('lmviz-explorer')[i];"
    return page.evaluate(f"{script} return eval(e)}}", [which, expression])


def text_box(page):
    return page.get_by_role("textbox")


def table(page):
    """Read the bars: word to numbers, as printed."""
    rows = ask(
        page,
        "[...x.parts.next.querySelectorAll('tr')].map(r => "
        "[...r.children].map(c => c.textContent.replace(/[\\u2068\\u2069]/g, '')))",
    )
    return {row[0]: dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[1:]}


def probs(toy, text, at=-1):
    return dict(
        zip(
            toy.tokens(torch.arange(toy.card.vocabulary)),
            toy.trace(text).logits[at].softmax(-1).tolist(),
            strict=True,
        )
    )


def verdict(page):
    return ask(page, "[...x.parts.next.querySelectorAll('output')].at(-1).textContent")


def test_the_bars_equal_the_model_and_the_grammar(open_page, toy):
    page = open_page(views.explorer())
    for text in (f"{FACTS} the kite", f"{FACTS} Tom sings do la", "Anna has a", FACTS):
        text_box(page).fill(text)
        shown = table(page)
        model, true = (
            probs(toy, text),
            language.next_word_probs(["<story>", *text.split()]),
        )
        assert set(true) <= set(shown)
        for word, numbers in shown.items():
            assert float(numbers["model"]) == pytest.approx(model[word], abs=1e-3)
            assert float(numbers["truth"]) == pytest.approx(true.get(word, 0), abs=1e-3)
        far = sum(p * np.log(p / model[word]) for word, p in true.items())
        said = verdict(page).removeprefix(
            "Divergence of the model from the true distribution: "
        )
        assert float(said.split()[0]) == pytest.approx(far, abs=1e-4)
    widths = ask(
        page, "[...x.parts.next.querySelectorAll('i')].map(e => e.style.width)"
    )
    numbers = [float(x) for row in table(page).values() for x in row.values()]
    assert [float(w[:-1]) / 100 for w in widths] == pytest.approx(numbers, abs=1e-3)


def test_the_kind_of_question_is_named(open_page):
    page = open_page(views.explorer())
    assert verdict(page).endswith("Kind of question: recall.")
    text_box(page).fill(f"{FACTS} now it is")
    assert verdict(page).endswith("Kind of question: position.")


def test_pressing_a_word_appends_it_and_undo_removes_it(open_page):
    page = open_page(views.explorer())
    before = text_box(page).input_value()
    undo = page.get_by_role("button", name="Undo")
    assert undo.is_disabled()
    page.get_by_role("region", name="next word").get_by_role("button").first.click()
    assert text_box(page).input_value() == f"{before} red"
    page.keyboard.press("Enter")  # the focus is on the first word of the new list
    assert text_box(page).input_value() == f"{before} red ."
    undo.click()
    undo.click()
    assert text_box(page).input_value() == before
    assert undo.is_disabled()


def test_a_word_pressed_in_the_middle_cuts_the_story_there(open_page):
    page = open_page(views.explorer())
    words = page.get_by_role("group", name="Words of the story")
    words.get_by_role("button").nth(3).click()
    page.get_by_role("region", name="next word").get_by_role(
        "button", name="green"
    ).click()
    assert text_box(page).input_value() == "Anna has a green"


def test_continuous_typing_is_undone_in_one_step(open_page):
    page = open_page(views.explorer())
    before = text_box(page).input_value()
    text_box(page).press("End")
    text_box(page).press_sequentially(" red .")
    assert table(page).keys() >= {"Anna", "Tom", "the", "now"}
    page.get_by_role("button", name="Undo").click()
    assert text_box(page).input_value() == before


def test_stories_can_be_chosen(open_page):
    page = open_page(views.explorer())
    page.get_by_role("combobox").select_option("A song")
    assert text_box(page).input_value().endswith("sings do la mi , do")
    assert next(iter(table(page))) == "la"


def test_an_unknown_word_is_marked_and_named(open_page):
    page = open_page(views.explorer())
    text_box(page).fill("Anna has a red balloon . Tom")
    output = ask(page, "x.parts.story.querySelector('output').textContent")
    assert "balloon" in output and "not in the toy's vocabulary" in output
    marked = ask(
        page, "[...x.parts.story.querySelectorAll('s')].map(e => e.textContent)"
    )
    assert [word.strip("\u2068\u2069") for word in marked] == ["balloon", ".", "Tom"]
    assert ask(page, "x.said") == ["<story>", "Anna", "has", "a", "red"]


def test_an_invalid_story_is_reported_and_has_no_true_distribution(open_page):
    page = open_page(views.explorer())
    text_box(page).fill("Anna has a ball")
    output = ask(page, "x.parts.story.querySelector('output').textContent")
    output = output.replace("\u2068", "").replace("\u2069", "")
    assert output.startswith("Not a story: position 4 must be red, blue")
    assert set(next(iter(table(page).values()))) == {"model"}
    assert "no true distribution" in verdict(page)


def test_a_complete_or_too_long_story_is_reported(open_page):
    page = open_page(views.explorer())
    whole = next(language.stories("over")).words
    text_box(page).fill(" ".join(whole[1:]))
    assert verdict(page) == "The story is over."
    text_box(page).fill("Anna " * 80)
    assert len(ask(page, "x.said")) == 64
    output = ask(page, "x.parts.story.querySelector('output').textContent")
    assert "length is 64 words" in output
    first = page.get_by_role("region", name="next word").get_by_role("button").first
    assert first.is_disabled()
    text_box(page).fill("")
    assert ask(page, "x.said") == ["<story>"]
    assert set(table(page)) >= {"Anna", "Tom"}


def test_a_position_is_chosen_by_click_arrow_and_cell(open_page):
    page = open_page(views.explorer())
    words = page.get_by_role("group", name="Words of the story").get_by_role("button")
    words.nth(4).click()
    assert ask(page, "x.at") == 4
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert ask(page, "x.at") == 2
    assert words.nth(2).evaluate("e => e.matches(':focus')")
    assert words.nth(2).get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Next word").first.click()
    assert ask(page, "x.at") == 3
    page.get_by_role("region", name="lens").locator("td").nth(7).click()
    assert ask(page, "x.at") == 6
    for _ in range(9):
        page.get_by_role("button", name="Previous word").first.click()
    assert ask(page, "x.at") == 0


def pixels(page, selector):
    """Give how opaque each pixel of some pictures is, a list of rows each."""
    found = ask(
        page,
        f"[...x.shadowRoot.querySelectorAll({json.dumps(selector)})].map("
        "({ source: c }) => [c.width, c.height, ...c.getContext('2d').getImageData("
        "0, 0, c.width, c.height).data])",
    )
    return [
        np.array(data).reshape(height, width, 4)[..., 3]
        for width, height, *data in found
    ]


def test_the_attention_of_every_head_equals_torch(open_page, toy):
    page = open_page(views.explorer())
    text = text_box(page).input_value()
    weights = toy.trace(text).attentions.flatten(0, 1).numpy()
    drawn = pixels(page, ".heads .heat")
    assert len(drawn) == len(weights) == 12
    names = [f"layer {i}, head {k}" for i in range(3) for k in range(4)]
    squares = page.locator(".heads button:has(.heat)")
    assert squares.all_inner_texts() == names
    for image, head in zip(drawn, weights, strict=True):
        assert image.shape == head.shape
        below = np.tri(len(head), dtype=bool)
        assert (image[~below] == 0).all()
        assert np.abs(image - 255 * _svg.opacity(head))[below].max() <= 1.01


def test_the_strips_are_the_vectors_and_their_lengths(open_page, toy):
    page = open_page(views.explorer())
    trace = toy.trace(text_box(page).input_value())
    module = toy.module.transformer
    word, place = (
        module.wte.weight[trace.ids[-1]],
        module.wpe.weight[len(trace.ids) - 1],
    )
    wanted = [word, place, word + place, *trace.hidden_states[:-1, -1]]
    drawn = pixels(page, ".strips .heat")
    printed = ask(
        page,
        "[...x.shadowRoot.querySelectorAll('.strips span:nth-child(3n)')]"
        ".map(e => e.textContent)",
    )
    # Three vectors, and after each of three layers; each in two colours.
    assert len(drawn) == 2 * len(printed) == 14
    for plus, minus, length, vector in zip(
        drawn[::2], drawn[1::2], printed, wanted, strict=False
    ):
        vector = vector.detach().numpy()
        assert plus.shape == minus.shape == (1, 96)
        shares = 255 * _svg.opacity(np.abs(vector) / np.abs(vector).max())
        drawn_ = np.where(vector >= 0, plus[0], minus[0])
        assert np.abs(drawn_ - shares).max() <= 1.01
        assert (np.where(vector > 0, minus[0], plus[0]) == 0).all()
        assert float(length) == pytest.approx(np.linalg.norm(vector), abs=6e-3)


def told(page):
    said = ask(page, "x.parts.attention.querySelector('output').textContent")
    return said.replace("\u2068", "").replace("\u2069", "")


def test_pointer_and_arrows_show_the_weights_of_the_large_map(open_page, toy):
    page = open_page(views.explorer())
    text = text_box(page).input_value()
    words = ["<story>", *text.split()]
    weights = toy.trace(text).attentions[1, 2]

    def wanted(q, k):
        query, key = f"query {q} {words[q]}", f"key {k} {words[k]}"
        said = (
            f"{query} attends to {key} with weight {weights[q, k]:.4f}"
            if k <= q
            else f"{query} can’t attend to {key}: masked, since it comes later"
        )
        return f"layer 1, head 2: {said}"

    page.get_by_role("button", name="layer 1, head 2", exact=True).click()
    region = page.get_by_role("region", name="attention map")
    cells = region.locator(".cells")
    last, size = len(words) - 1, cells.bounding_box()["width"] / len(words)
    for q, k in ((9, 3), (0, 0), (last, 2), (2, 5)):
        at = {"x": (k + 0.5) * size, "y": (q + 0.5) * size}
        cells.hover(position=at, force=True)
        assert told(page) == wanted(q, k)
        assert ask(page, "[x.at, x.key]") == [last, last]
    page.mouse.move(0, 0)
    assert told(page) == wanted(last, last)
    cells.click(position={"x": 3.5 * size, "y": 9.5 * size}, force=True)
    page.mouse.move(0, 0)
    assert told(page) == wanted(9, 3)
    region.locator("svg").focus()
    for key, q, k in (("ArrowRight", 9, 4), ("ArrowDown", 10, 4), ("ArrowUp", 9, 4)):
        page.keyboard.press(key)
        assert ask(page, "[x.at, x.key]") == [q, k]
        assert told(page) == wanted(q, k)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_chosen_words_of_a_long_story_are_named_at_its_map(open_page, width):
    page = open_page(views.explorer(), width=width)
    words = next(language.stories("long")).words[1:60]
    text_box(page).fill(" ".join(words))
    ask(page, "x.look(41, 12)")
    region = page.get_by_role("region", name="attention map")
    assert region.evaluate("(box) => box.scrollWidth - box.clientWidth") == 0
    named = region.locator(".chosen").all_text_contents()
    assert [n.strip("\u2068\u2069") for n in named] == [words[40], words[11]]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_words_and_what_comes_next_stay_in_sight(open_page, width):
    page = open_page(views.explorer(), width=width)
    page.get_by_role("region", name="lens").scroll_into_view_if_needed()
    page.wait_for_timeout(100)
    words = page.get_by_role("group", name="Words of the story")
    assert 0 <= words.bounding_box()["y"] < 200
    if width > 600:
        bars = page.get_by_role("region", name="Next word").bounding_box()
        assert 0 <= bars["y"] < 400
    # The last columns of the lens are in sight, too.
    box = page.get_by_role("region", name="lens")
    current = box.locator("th[aria-current]").bounding_box()
    edge = box.bounding_box()
    assert current["x"] + current["width"] <= edge["x"] + edge["width"] + 1


def test_ghosts_show_the_bars_of_all_heads(open_page):
    page = open_page(views.explorer())
    assert page.locator(".ghost").count() == 0
    page.get_by_role("switch", name="layer 0, head 3").click()
    ghosts = ask(
        page,
        "[...x.parts.next.querySelectorAll('.ghost')].map(e => e.style.width)",
    )
    whole = [float(row["no ablation"]) for row in table(page).values()]
    assert [float(g[:-1]) / 100 for g in ghosts] == pytest.approx(whole, abs=1e-3)
    assert ask(page, "getComputedStyle(x.parts.next.querySelector('.ghost'))"
                     ".borderTopStyle") == "dashed"  # fmt: skip


def test_the_tour_dims_what_it_does_not_speak_of(open_page):
    page = open_page(views.explorer())
    covered = """[...x.shadowRoot.querySelectorAll("section")].filter((part) =>
        getComputedStyle(part, "::after").content !== "none")
        .map((part) => part.className).join()"""
    assert ask(page, covered) == ""
    page.get_by_role("button", name="Take the tour").click()
    page.mouse.move(0, 0)
    page.keyboard.press("Enter")
    assert ask(page, covered) == "attention,stream,lens"
    page.get_by_role("button", name="Leave the tour").click()
    assert ask(page, covered) == ""


def offers(page):
    group = page.get_by_role("group", name="Likely next")
    return group, [
        name.strip("\u2068\u2069")
        for name in group.get_by_role("button").all_text_contents()
    ]


def test_a_partly_typed_word_is_completed(open_page, toy):
    page = open_page(views.explorer())
    box = text_box(page)
    begun = f"{FACTS} the ball"
    ranked = sorted((p := probs(toy, begun)), key=p.get, reverse=True)
    for typed in ("", "T", "s", "xyz"):
        box.fill(f"{begun} {typed}")
        wanted = [w for w in ranked if w.lower().startswith(typed.lower())][:6]
        assert offers(page)[1] == wanted
    box.fill(f"{begun} an")
    assert offers(page)[1][0] == "Anna"
    page.keyboard.press("Tab")  # the field has the focus: its words come next
    page.keyboard.press("Enter")
    assert box.input_value() == f"{begun} Anna "
    assert ask(page, "x.said.at(-1)") == "Anna"
    page.keyboard.type("ha")  # the focus is in the field again
    assert offers(page)[1][0] == "has"
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    assert box.input_value() == f"{begun} an"


def test_no_word_is_offered_when_none_can_follow(open_page):
    page = open_page(views.explorer())
    text_box(page).fill("Anna ha has")
    assert offers(page)[1] == []
    text_box(page).fill("Anna " * 63)
    assert offers(page)[1] == []


def test_the_lens_shows_the_prediction_of_each_layer(open_page, toy):
    from lmviz import prediction, transformer

    page = open_page(views.explorer())
    trace = toy.trace(text_box(page).input_value())
    logits = prediction.logit_lens(
        trace.hidden_states,
        transformer.extract(toy).final_norm,
        transformer.extract(toy).unembedding,
    )
    most, ids = logits.softmax(-1).max(-1)
    cells = ask(
        page,
        "[...x.parts.lens.querySelectorAll('tr')].slice(1).map(r => [..."
        "r.querySelectorAll('td')].map(c => [c.textContent.slice(1, -1), c.title, "
        "c.getAttribute('style')]))",
    )
    for row, chances_, words in zip(cells, most.tolist(), ids, strict=True):
        for (word, title, back), p, wanted in zip(
            row, chances_, toy.tokens(words), strict=True
        ):
            assert word == wanted
            assert float(title) == pytest.approx(p, abs=1e-3)
            share = float(back.split("%")[0].split()[-1])
            assert share == pytest.approx(100 * _svg.opacity(p), abs=0.06)


def test_ablating_a_head_changes_the_prediction(open_page, toy):
    page = open_page(views.explorer())
    text = text_box(page).input_value()
    with attention.ablate_heads(toy, [(0, 0)]):
        without = probs(toy, text)
    whole = probs(toy, text)
    page.get_by_role("switch", name="layer 0, head 0").click()
    for word, numbers in table(page).items():
        assert float(numbers["model"]) == pytest.approx(without[word], abs=1e-3)
        assert float(numbers["no ablation"]) == pytest.approx(whole[word], abs=1e-3)
    said = ask(
        page, "[...x.parts.attention.querySelectorAll('output')].at(-1).textContent"
    )
    assert f"changes from {whole['red']:.3f} to {without['red']:.3f}" in said
    assert "Ablated: layer 0, head 0." in said
    said = verdict(page).split()
    found = float(said[said.index("nats;") - 1])
    assert found == pytest.approx(-np.log(without["red"]), abs=1e-3)
    page.keyboard.press("Enter")  # the button kept the focus
    assert "no ablation" not in next(iter(table(page).values()))


def test_the_tour_sets_the_page_and_states_measured_values(open_page, toy):
    page = open_page(views.explorer())
    page.get_by_role("button", name="Take the tour").click()
    panel = page.get_by_role("region", name="Tour")
    data = views.explorer(embed=False).data
    steps, story = data["tour"], data["stories"]["A question"]
    for i, step in enumerate(steps):
        told = panel.locator("p").text_content()
        assert told.startswith(f"{i + 1} of 10. ") and "{" not in told
        assert "undefined" not in told and "NaN" not in told
        after = panel.evaluate(
            "e => e.nextElementSibling.querySelector('h2').textContent"
        )
        assert after == data["parts"][step["part"]][0]
        top = panel.evaluate("e => e.getBoundingClientRect().top")
        assert 0 <= top < 900
        if step.get("head") == "answer":
            weights = toy.trace(story).attentions[:, :, -1, 4]
            layer, head = divmod(int(weights.argmax()), 4)
            assert f"layer {layer}, head {head} attends most" in told
            assert f"with weight {weights.max():.2f}." in told
        if step.get("head") == "needed":
            trace = toy.trace(story)
            ids, red = trace.ids, int(trace.logits[-1].argmax())
            effects = attention.head_effects(toy, ids, red)
            layer, head = divmod(int(effects.argmin()), 4)
            assert f"it is layer {layer}, head {head}. It is ablated" in told
            assert ask(page, "[...x.ablated]") == [layer * 4 + head]
            p = (effects.min() + trace.logits[-1].log_softmax(-1)[red]).exp()
            assert f"to {p:.2f}." in told
        if i < 9:
            page.keyboard.press("Enter")  # the focus is on Next
    panel.get_by_role("button", name="Back").click()
    assert panel.locator("p").text_content().startswith("9 of 10.")
    panel.get_by_role("button", name="Leave the tour").click()
    assert panel.count() == 0
    assert ask(page, "x.ablated.size") == 0
    start = page.get_by_role("button", name="Take the tour")
    assert start.evaluate("e => e.matches(':focus')")


@pytest.mark.parametrize(
    ("place", "root"), [("page.html", ""), ("book/page.html", "data-content_root=../")]
)
def test_the_site_serves_the_weights(
    open_page, serve, tmp_path, monkeypatch, place, root
):
    from lmviz.views._bundle import script_tag
    from lmviz.views._view import LINKED

    monkeypatch.setenv(LINKED, "1")
    site = tmp_path / "site"
    (site / "_static/toy").mkdir(parents=True)
    shutil.copy(WEIGHTS / "model.safetensors", site / "_static/toy")
    body = views.explorer()._repr_html_() + script_tag("explorer")
    head = '<meta charset="utf-8"><link rel="icon" href="data:,"><title>x</title>'
    page_file = site / place
    page_file.parent.mkdir(exist_ok=True)
    page_file.write_text(f"<!DOCTYPE html><html {root}>{head}{body}", "utf-8")
    page = open_page(url=f"{serve(site)}/{place}")
    assert next(iter(table(page))) == "red"


def test_missing_weights_are_reported(open_page):
    page = open_page(views.explorer(embed=False, weights_url="data:text/plain,nothing"))
    assert (
        "The weights could not be loaded" in page.get_by_role("status").text_content()
    )


def test_two_views_on_a_page_are_independent(open_page):
    page = open_page(views.explorer(), views.explorer({"Mine": "Mia has a"}))
    assert ask(page, "x.said.length", 1) == 4
    text_box(page).first.fill("Tom")
    page.get_by_role("switch", name="layer 0, head 0").first.click()
    assert ask(page, "x.said", 1) == ["<story>", "Mia", "has", "a"]
    assert ask(page, "x.ablated.size", 1) == 0
    assert page.get_by_role("button", name="Take the tour").count() == 1


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_violations(open_page, no_violations, dark):
    page = open_page(views.explorer(), dark=dark)
    no_violations(page)
    page.get_by_role("button", name="Take the tour").click()
    text_box(page).fill(f"{FACTS} the London")
    page.get_by_role("switch", name="layer 0, head 3").click()
    no_violations(page)


@pytest.mark.parametrize("n", [2, 60])
def test_a_narrow_page_does_not_scroll_sideways(open_page, n):
    page = open_page(views.explorer(), width=390)
    whole = next(language.stories("long")).words
    text_box(page).fill(" ".join(whole[1:n]))
    page.get_by_role("button", name="Take the tour").click()
    page.get_by_role("switch", name="layer 0, head 0").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_hostile_words_and_names_are_only_text(open_page):
    stories = {word: "Anna" for word in HOSTILE} | {"line\u2028end": "Tom"}
    page = open_page(views.explorer(stories))
    shown = ask(
        page, "[...x.shadowRoot.querySelectorAll('option')].map(e => e.textContent)"
    )
    assert HOSTILE[0] in shown[0]
    for word in HOSTILE:
        text_box(page).fill(f"Anna {word} has")
        marked = ask(page, "x.parts.story.querySelector('s').textContent")
        assert marked != "" and ask(page, "x.said") == ["<story>", "Anna"]
    page.get_by_role("combobox").select_option("line\u2028end")
    assert ask(page, "x.said") == ["<story>", "Tom"]
    assert page.locator("img").count() == 0


def test_the_explorer_is_ready_in_less_than_a_second(open_page):
    page = open_page(views.explorer())
    took = page.evaluate(
        "document.querySelector('lmviz-explorer').ready.then(() => performance.now())"
    )
    click = ask(page, "(() => {const t = performance.now(); x.toggle(0); x.look(3);"
                      "return performance.now() - t})()")  # fmt: skip
    print(f"ready by {took:.0f} ms, a head ablated in {click:.0f} ms")
    assert click < 1000


@pytest.mark.parametrize("width", [390, 600, 1280])
def test_no_part_covers_another(open_page, width):
    page = open_page(views.explorer(), width=width)
    boxes = ask(
        page,
        "[...x.shadowRoot.querySelectorAll('section')].filter(e => e.checkVisibility())"
        ".map(e => e.getBoundingClientRect().toJSON())",
    )
    assert len(boxes) >= 5
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart_x = min(a["right"], b["right"]) <= max(a["left"], b["left"]) + 0.5
            apart_y = min(a["bottom"], b["bottom"]) <= max(a["top"], b["top"]) + 0.5
            assert apart_x or apart_y


def test_ablating_a_head_that_others_replace_says_so(open_page):
    page = open_page(views.explorer())
    page.get_by_role("switch", name="layer 0, head 3").click()
    said = ask(
        page, "[...x.parts.attention.querySelectorAll('output')].at(-1).textContent"
    )
    assert said.endswith("stays at 1.000: other heads suffice.")
