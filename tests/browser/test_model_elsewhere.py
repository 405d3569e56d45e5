"""The view of a model where SmolLM2 can't run, and its second model, the toy."""

import json
from pathlib import Path
from types import SimpleNamespace

import hostile
import pytest
from inside import PAGE, QUIET, ask, bars, percent, press, problem, switch, texts, write
from test_model_page import assert_stored
from tiny_gguf import write_gguf
from watching import watch

from lmviz import attention, prediction, transformer, views
from lmviz.toy import language
from lmviz.views import _model_tour, write_model_files

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
CAPITAL = "The capital of France is"
LACKS = {
    "no SIMD": ("WebAssembly.validate = () => false", "This browser has no SIMD"),
    "no WebAssembly": ("delete globalThis.WebAssembly", "This browser has no SIMD"),
    "no workers": ("delete globalThis.Worker", "This browser has no workers"),
}


def assert_cannot_run(page, reason):
    (said,) = texts(page, ".load output")
    assert said.startswith(reason)
    assert said.endswith(". The numbers shown are stored.")
    assert not page.locator(".go").is_visible()
    assert page.get_by_role("textbox", name="Your text").get_attribute("readonly") == ""
    for name in ("Continue", "Try all 270 heads"):
        assert page.get_by_role("button", name=name).is_disabled()


def assert_toy_works(page, toy):
    assert ask(page, "x.engine.id") == "toy"
    write(page, "Anna has a red ball . Tom has a blue kite . the kite Tom has is")
    assert next(iter(bars(page))) == "blue"
    switch(page)
    with attention.ablate_heads(toy, [(2, 0)]):
        logits = toy.trace(ask(page, "x.said")).logits[-1]
    assert ask(page, "[...x.seen.logits]") == pytest.approx(logits.tolist(), abs=1e-4)


def stored_view(lm, folder):
    model, trace = transformer.extract(lm), lm.trace(CAPITAL)
    return views.model(
        folder,
        trace=trace,
        lens=prediction.logit_lens(
            trace.hidden_states, model.final_norm, model.unembedding
        ),
        vocabulary=lm.tokens,
    )


@pytest.mark.parametrize("lack", LACKS)
def test_a_browser_that_lacks_something_is_told_so(site, context, smollm2, toy, lack):
    script, reason = LACKS[lack]
    page, complaints = context.new_page(), []
    watch(page, site, complaints)
    page.add_init_script(script)
    page.goto(f"{site}/{PAGE}#text=Hello&model=smollm2")
    page.evaluate(QUIET)
    assert problem(page) == "Here, only the first example has numbers."
    assert texts(page, ".bars button") == []
    page.goto(f"{site}/404.html")
    page.goto(f"{site}/{PAGE}")
    page.evaluate(QUIET)
    assert_cannot_run(page, reason)
    assert_stored(page, smollm2)
    press(page, "toy")
    assert_toy_works(page, toy)
    page.close()
    assert complaints == []


def test_a_page_opened_from_a_disk_has_stored_numbers_and_the_toy(
    context, site, smollm2, toy
):
    page, complaints = context.new_page(), []
    watch(page, "file:", complaints)
    page.goto((HTML / PAGE).as_uri())
    page.evaluate(QUIET)
    assert_cannot_run(page, "From a file, the model can’t run")
    assert_stored(page, smollm2)
    press(page, "toy")
    assert_toy_works(page, toy)
    press(page, "SmolLM2")
    assert_stored(page, smollm2)
    page.close()
    # From a disk, a browser loads neither fonts nor modules.
    refusals = ("Access to", "A preload", "Failed to load resource")
    assert [c for c in complaints if not c.startswith(refusals)] == []


def test_a_saved_file_runs_the_toy(context, tmp_path, toy):
    page, complaints = context.new_page(), []
    watch(page, "file:", complaints)
    views.model().save(tmp_path / "model.html")
    page.goto((tmp_path / "model.html").as_uri())
    page.evaluate(QUIET)
    assert_toy_works(page, toy)
    assert not page.locator(".load").is_visible()
    # The tour is about SmolLM2.
    assert page.get_by_role("button", name="Take the tour").count() == 0
    page.close()
    assert complaints == []


def test_a_saved_file_shows_stored_numbers(
    context, tmp_path, smollm2, toy, model_files
):
    page, complaints = context.new_page(), []
    watch(page, "file:", complaints)
    stored_view(smollm2, model_files).save(tmp_path / "model.html")
    page.goto((tmp_path / "model.html").as_uri())
    page.evaluate(QUIET)
    assert_cannot_run(page, "From a file, the model can’t run")
    assert_stored(page, smollm2)
    press(page, "toy")
    assert_toy_works(page, toy)
    page.close()
    assert complaints == []


def test_a_notebook_cell_shows_stored_numbers_and_runs_the_toy(
    open_page, smollm2, toy, model_files
):
    page = open_page(stored_view(smollm2, model_files))
    page.evaluate(QUIET)
    assert_cannot_run(page, "In a notebook or a saved file, the model can’t run")
    assert_stored(page, smollm2)
    press(page, "toy")
    assert_toy_works(page, toy)


def test_a_model_of_ones_own_has_its_name_its_heads_and_no_tour(open_page, tmp_path):
    file = write_gguf(tmp_path / "own.gguf")
    page = open_page(views.model(write_model_files(file, tmp_path / "site")))
    page.evaluate(QUIET)
    assert texts(page, ".text .steps button") == ["Tiny", "toy"]
    assert ask(page, "[x.layer, x.head, x.engine.layers]") == [1, 0, 2]
    assert page.get_by_role("button", name="Take the tour").count() == 0
    assert problem(page) == "Here, no text has numbers."
    page.get_by_label("Save or copy").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as Python").click()
    page.get_by_text("Copied as Python.").wait_for()
    program = page.evaluate("navigator.clipboard.readText()")
    assert 'lm = lmviz.load("folder or name of the model")' in program


def test_without_stored_numbers_the_tour_asks_for_the_model(open_page, model_files):
    page = open_page(views.model(model_files))
    page.evaluate(QUIET)
    press(page, "Take the tour")
    assert "the model itself must run" in texts(page, ".tour p")[0]
    page.keyboard.press("Escape")
    page.evaluate(QUIET)
    assert page.locator(".tour").count() == 0


def test_hostile_names_of_a_stored_text_are_only_text(open_page, toy, tmp_path):
    config = {"layers": 3, "heads": 4, "words": {"rows": 78}}
    index = {"release": "x", "name": "x", "ends": [], "context": 64}
    index |= {"config": config, "tokenizer": {}, "files": []}
    (tmp_path / "index.json").write_text(json.dumps(index))
    trace, model = toy.trace("Anna has a red ball ."), transformer.extract(toy)
    lens = prediction.logit_lens(
        trace.hidden_states, model.final_norm, model.unembedding
    )
    names = [*hostile.TOKENS, *hostile.INJECTIONS]
    names = (names * 4)[:78]
    stored = SimpleNamespace(
        ids=trace.ids, tokens=names[:7], attentions=trace.attentions
    )
    page = open_page(
        views.model(
            tmp_path,
            trace=stored,
            lens=lens,
            vocabulary=names,
            examples={names[0]: names[0]},
        )
    )
    page.evaluate(QUIET)
    assert len(texts(page, ".token")) == 7
    assert len(texts(page, ".bars button")) == 8
    for q in range(7):
        page.locator(".token").nth(q).click()
        page.locator(".bars button").first.hover()
        page.locator(".all .ground").first.hover()
        page.evaluate(QUIET)
    assert page.locator(".view :is(img, iframe, script, a)").count() == 0


@pytest.fixture
def toy_page(site, open_page):
    page = open_page(url=f"{site}/{PAGE}")
    page.evaluate(QUIET)
    press(page, "toy")
    return page


def test_the_toy_has_its_truth_beside_its_probabilities(toy_page, toy):
    for text in (
        "Anna has a red ball . Tom has a blue kite . the kite",
        "Anna has a red ball . Tom has a blue kite . Tom sings do la",
        "",
    ):
        write(toy_page, text)
        probs = toy.trace(text or []).logits[-1] if text else None
        truth = language.next_word_probs(["<story>", *text.split()])
        drawn = ask(
            toy_page,
            "[...x.shadowRoot.querySelectorAll('.bars button')].map((row) =>"
            "[row.textContent, +row.querySelector('.truth').style.left.slice(0, -1)])",
        )
        assert len(drawn) == 8
        shown = bars(toy_page)
        for (_, at), name in zip(drawn, shown, strict=True):
            assert at == pytest.approx(100 * truth.get(name, 0), abs=0.01)
        if probs is not None:
            top, ids = probs.softmax(-1).topk(8)
            names = toy.tokens(ids)
            assert shown == dict(zip(names, map(percent, top.tolist()), strict=True))
    assert "the line is the truth" in texts(toy_page, ".next .says")[0]


def test_the_toy_says_what_it_cannot_read(toy_page):
    write(toy_page, "Anna has a red balloon . Tom")
    assert problem(toy_page) == (
        "“balloon” is not in the toy’s vocabulary of 78 words: "
        "the text is read up to there."
    )
    assert [t.splitlines()[0] for t in texts(toy_page, ".token")] == (
        ["<story>", "Anna", "has", "a", "red"]
    )
    write(toy_page, "Anna has a ball")
    assert problem(toy_page).startswith("Not a story: position 4 must be red, blue")
    assert not toy_page.locator(".truth").first.is_visible()
    write(toy_page, "Anna " * 80)
    assert problem(toy_page).startswith("The text is cut after 64 tokens")
    assert len(texts(toy_page, ".token")) == 64


def test_the_toys_effects_equal_ablate_heads_and_return(toy_page, toy):
    text = ask(toy_page, "x.said")
    words = ask(toy_page, "x.words")
    press(toy_page, "Try all 12 heads")
    again = toy_page.get_by_role("button", name="Measure again")
    whole = toy.trace(text).logits[-1]
    for layer, head in [(0, 1), (1, 3), (2, 0)]:
        with attention.ablate_heads(toy, [(layer, head)]):
            now = toy.trace(text).logits[-1]
        log, other = (now.log_softmax(-1) - whole.log_softmax(-1))[words].tolist()
        found = ask(toy_page, f"x.sweep.effects[{layer}][{head}]")
        assert found == pytest.approx([log, log - other], abs=1e-4)
    toy_page.locator(".token").nth(2).click()
    toy_page.evaluate(QUIET)
    assert not again.is_visible()
    toy_page.locator(".token").last.click()
    toy_page.evaluate(QUIET)
    assert again.is_visible()
    switch(toy_page)  # one of the heads that were measured
    assert again.is_visible()
    ask(toy_page, "x.toggle(0, 2)")
    toy_page.evaluate(QUIET)
    assert not again.is_visible()


def test_switching_models_keeps_nothing_of_the_other(toy_page, smollm2):
    switch(toy_page)
    toy_page.get_by_role("button", name="Try all 12 heads").click()
    toy_page.evaluate(QUIET)
    press(toy_page, "SmolLM2")
    assert_stored(toy_page, smollm2)
    assert ask(toy_page, "x.sweep") is None
    assert problem(toy_page) == ""
    assert ask(toy_page, "x.namedOff()") == ""


def test_the_tour_names_parts_that_exist(site, open_page):
    parts = {part for step in _model_tour.TOUR for part in step["part"].split()}
    page = open_page(url=f"{site}/{PAGE}")
    page.evaluate(QUIET)
    for part in parts:
        assert page.locator(f".body > .{part}").count() == 1
