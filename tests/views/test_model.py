"""The data of the page that runs a model."""

import importlib
import json
import re

import hostile
import numpy as np
import pytest

import lmviz
from lmviz import prediction, transformer, views
from lmviz.models._wheels import SMOLLM2_SHA256
from lmviz.toy import grammar
from lmviz.views._bundle import STATIC, bundle
from lmviz.views._model_tour import TOUR
from lmviz.views._view import LINKED

module = importlib.import_module("lmviz.views.model")
TEXT = "Anna has a red ball ."
RELEASE = "0123456789ab"


@pytest.fixture(autouse=True)
def no_site(monkeypatch):
    for name in (module.FOLDER, module.URL, LINKED):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path):
    """Write an index as `write_model_files` does, of no files."""
    return write_index(tmp_path)


def write_index(folder, **changes):
    index = {
        "release": RELEASE,
        "name": "Tiny",
        "ends": [5, 7],
        "context": 2048,
        "config": {"layers": 3, "heads": 4},
        "tokenizer": {"name": "tokenizer.json", "bytes": 2, "sha256": "44"},
        "files": [],
    }
    (folder / "index.json").write_text(json.dumps({**index, **changes}))
    return folder


@pytest.fixture(scope="module")
def lm():
    return lmviz.load("toy")


@pytest.fixture(scope="module")
def given(lm):
    """All that the page shows of a text until the model is there."""
    trace, model = lm.trace(TEXT), transformer.extract(lm)
    answer, runner_up = trace.logits[-1].topk(2).indices.tolist()
    return {
        "trace": trace,
        "lens": prediction.logit_lens(
            trace.hidden_states, model.final_norm, model.unembedding
        ),
        "shares": transformer.logit_attribution(
            model, trace.ids, answer, runner_up=runner_up
        ),
        "vocabulary": lm.tokens,
        "examples": {"A story": TEXT},
    }


def read(view):
    """Return the models of a view, as the page receives them."""
    found = re.search(
        r'<script type="application/json">(.*?)</script>', view._repr_html_()
    )
    return json.loads(found[1])["models"]


def test_without_files_there_is_the_toy_alone():
    (toy,) = read(views.model())
    assert (toy["id"], toy["kind"]) == ("toy", "gpt2")
    assert toy["words"] == list(grammar.WORDS)
    assert toy["weights"]["type"] == "uint8"


def test_a_folder_of_files_comes_first(folder):
    tiny, toy = read(views.model(folder))
    assert (tiny["id"], toy["id"]) == (RELEASE, "toy")
    assert tiny["index"]["config"] == {"layers": 3, "heads": 4}
    assert tiny["files"] == f"_static/smollm2/{RELEASE}/"
    assert tiny["stored"] is None
    (other, _) = read(views.model(folder, url="https://weights.example/"))
    assert other["files"] == "https://weights.example/"


def test_a_model_has_its_own_name_ends_and_first_head(folder):
    tiny, _ = read(views.model(folder))
    assert (tiny["title"], tiny["ends"], tiny["longest"]) == ("Tiny", [5, 7], 128)
    assert tiny["start"] == [1, 0]
    short = {"name": "n" * 500, "context": 64, "config": {"layers": 1, "heads": 1}}
    other, _ = read(views.model(write_index(folder, **short)))
    assert (len(other["title"]), other["longest"]) == (40, 64)
    assert other["start"] == [0, 0]


def test_the_tour_is_only_of_the_books_model(folder):
    view = views.model(folder)
    assert view.data["tour"] == [] == views.model().data["tour"]
    view = views.model(write_index(folder, release=SMOLLM2_SHA256[:12]))
    assert view.data["tour"] == TOUR
    book = view.data["models"][0]
    assert (book["id"], book["title"], book["start"]) == ("smollm2", "SmolLM2", [23, 4])


def test_the_site_names_the_folder_and_the_host(folder, monkeypatch, tmp_path):
    monkeypatch.setenv(module.FOLDER, str(folder))
    assert read(views.model())[0]["files"] == f"_static/smollm2/{RELEASE}/"
    assert read(views.model(url="x/"))[0]["files"] == "x/"
    monkeypatch.setenv(module.URL, "https://weights.example/")
    assert read(views.model())[0]["files"] == "https://weights.example/"
    assert read(views.model(url="x/"))[0]["files"] == "x/"
    # The host of the book has no files of others.
    assert read(views.model(folder))[0]["files"] == f"_static/smollm2/{RELEASE}/"


def test_a_page_of_the_site_fetches_the_weights_of_the_toy(monkeypatch):
    monkeypatch.setenv(LINKED, "1")
    (toy,) = read(views.model())
    assert toy["weights"] is None
    assert toy["weights_url"] == "_static/toy/model.safetensors"


def test_the_stored_numbers_are_those_of_the_trace(given, folder, lm):
    stored = views.model(folder, **given).data["models"][0]["stored"]
    trace, lens = given["trace"], given["lens"]
    n = len(trace.ids)
    assert stored["text"] == TEXT
    assert stored["ids"] == trace.ids.tolist()
    assert [token["name"] for token in stored["tokens"]] == list(trace.tokens)
    for layer, packed in enumerate(stored["maps"]):
        heads = packed.reshape(4, n * (n + 1) // 2)
        for head, rows in enumerate(heads):
            weights = trace.attentions[layer, head].numpy()[np.tril_indices(n)]
            np.testing.assert_allclose(rows, weights, atol=1e-6)
    logs = trace.logits.log_softmax(-1)
    assert stored["surprisal"][0] is None
    expected = [-logs[t, i].item() for t, i in enumerate(trace.ids[1:])]
    assert stored["surprisal"][1:] == pytest.approx(expected, abs=1e-5)
    for q, look in enumerate(stored["looks"]):
        answer = trace.logits[q].argmax()
        for state, row in zip(lens[:, q], look["lens"], strict=True):
            top, ids = state.softmax(-1).topk(10)
            assert [i for i, *_ in row["best"]] == ids.tolist()
            assert [p for *_, p in row["best"]] == pytest.approx(top.tolist(), abs=1e-6)
            assert row["rank"] == 1 + int((state > state[answer]).sum())
            assert row["logs"][0] == pytest.approx(
                state.log_softmax(-1)[answer].item(), abs=1e-5
            )
        assert look["top"]["logits"] == pytest.approx(
            trace.logits[q].sort(descending=True).values[:50].tolist(), abs=1e-5
        )
        total = trace.logits[q].logsumexp(-1).item()
        assert look["top"]["log_sum"] == pytest.approx(total, abs=1e-5)
        assert stored["best"][q] == look["lens"][-1]["best"]
    parts = stored["looks"][-1]["contributions"]
    for layer, part in enumerate(parts["layers"]):
        assert part["mlp"] == given["shares"][f"MLP {layer}"]
        for head in range(4):
            assert part["heads"][head] == given["shares"][f"head {layer}.{head}"]
    for i, name in stored["names"].items():
        assert name == lm.tokens([i])[0]


def test_every_word_that_is_shown_has_a_name(given, folder):
    stored = views.model(folder, **given).data["models"][0]["stored"]
    shown = {i for row in stored["best"] for i, *_ in row} | set(stored["ids"])
    for look in stored["looks"]:
        shown |= {i for row in look["lens"] for i, *_ in row["best"]}
        shown |= set(look["top"]["ids"])
    assert shown == set(stored["names"])


def test_the_fallback_tabulates_what_comes_next(given):
    view = views.model(**given)
    probs, ids = given["trace"].logits[-1].softmax(-1).topk(8)
    rows = re.findall(r"<td>(.*?)</td><td>(.*?)</td>", view.fallback)
    names = given["vocabulary"](ids)
    assert [name.strip("\u2068\u2069") for name, _ in rows] == names
    assert [p for _, p in rows] == [f"{p:.3f}" for p in probs.tolist()]
    assert TEXT in view.fallback
    (first, *_) = module.EXAMPLES.values()
    assert first in views.model().fallback


def test_hostile_names_stay_text(given, folder):
    names = [*hostile.TOKENS, *hostile.INJECTIONS, *map(str, range(78))][:78]
    view = views.model(folder, **{**given, "vocabulary": names})
    written = view._element(view.fallback)
    assert written.count("<script") == written.count("</script") == 1
    assert "<img" not in written
    assert names[0] in view.data["models"][0]["stored"]["names"].values()


def test_input_is_unchanged(given):
    lens = given["lens"].clone()
    views.model(**given)
    assert lens.equal(given["lens"])


WRONG = [
    ({"examples": "Hi"}, TypeError, "`examples` must be a mapping, got str"),
    ({"examples": {}}, ValueError, "`examples` must have at least one text, got none"),
    ({"examples": {"a": 3}}, TypeError, "`examples` must map str to str, got 'a': 3"),
    ({"examples": {2: "a"}}, TypeError, "`examples` must map str to str, got 2: 'a'"),
    ({"url": 3}, TypeError, "`url` must be a str, got int"),
    (
        {"trace": 3},
        TypeError,
        "`trace` must be what `trace` of a model returns, got 3",
    ),
    ({"lens": None}, TypeError, "`lens` must be given with `trace`, got None"),
    (
        {"lens": np.zeros((2, 7, 78))},
        ValueError,
        r"`lens` must have shape \(4, 7, V\), got \(2, 7, 78\)",
    ),
    (
        {"lens": np.full((4, 7, 78), np.nan)},
        ValueError,
        "`lens` must be finite .*, got nan .*",
    ),
    (
        {"vocabulary": None},
        TypeError,
        "`vocabulary` must be given with `trace`, got None",
    ),
    (
        {"vocabulary": ["a"]},
        ValueError,
        "`vocabulary` must have length 78, got 1; .* pass a function such as lm.tokens",
    ),
    ({"shares": 3}, TypeError, "`shares` must be a mapping, got int"),
    *(
        (
            {"shares": {"head 0.0": share}},
            ValueError,
            "`shares` must map each part of the model to a finite number, "
            f"got {share!r} for 'head 0.0'",
        )
        for share in (None, "x", float("inf"))
    ),
]


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG)
def test_wrong_arguments_raise_a_one_line_error(given, wrong, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        views.model(**{**given, **wrong})


@pytest.mark.parametrize("content", [None, "{", "{}", "[]", "\udcff"])
def test_a_folder_of_something_else_is_an_error(tmp_path, content):
    if content is not None:
        data = content.encode(errors="surrogateescape")
        (tmp_path / "index.json").write_bytes(data)
    message = "^`folder` must be one that `write_model_files` returned, got "
    with pytest.raises(ValueError, match=f"{message}{re.escape(repr(str(tmp_path)))}$"):
        views.model(tmp_path)


def test_the_tour_has_steps_of_known_keys_with_known_values():
    script = (STATIC / "model_tour.js").read_text("utf-8")
    facts = script.split("const FACTS = {")[1].split("\n};")[0]
    known = set(re.findall(r"^  (\w+): ", facts, re.MULTILINE))
    assert known
    for step in TOUR:
        assert set(step) <= {"part", "text", "mode", "head", "off", "load"}
        assert set(re.findall(r"\{(\w+)\}", step["text"])) <= known


def test_no_two_scripts_of_the_view_export_the_same_name():
    visible = re.findall(r"^const \{ (.*?) \} = \(", bundle("model"), re.MULTILINE)
    names = [name for exports in visible for name in exports.split(", ")]
    assert len(names) == len(set(names))
    assert "ranked" in names
