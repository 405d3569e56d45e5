"""What each verb prints as JSON, against transformers and the model's own arrays."""

import io
import json
import shlex

import numpy as np
import pytest
import tiny_families
import torch
from any_family import load_any
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    MinPLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from lmviz import _cli, load_tokenizer
from lmviz.toy import WEIGHTS

TEXT = "Anna has a red ball . Ben has a"


@pytest.fixture(scope="module")
def theirs():
    """What transformers computes for the text."""
    model = AutoModelForCausalLM.from_pretrained(
        WEIGHTS, attn_implementation="eager", dtype="float32"
    )
    ids = AutoTokenizer.from_pretrained(WEIGHTS)(TEXT, return_tensors="pt").input_ids
    with torch.no_grad():
        output = model(ids, output_attentions=True, output_hidden_states=True)
        norm, head = model.transformer.ln_f, model.lm_head
        early = [head(norm(state[0])) for state in output.hidden_states[:-1]]
    return {
        "ids": ids[0].tolist(),
        "logits": output.logits[0],
        "attentions": torch.cat(output.attentions),
        "hidden_states": torch.cat(output.hidden_states),
        "lens": torch.stack([*early, output.logits[0]]),
    }


def result(done):
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


@pytest.mark.parametrize(
    ("text", "model"),
    [(TEXT, "toy"), ("The déjà vu of 猫🦜\n\n\ta dog’s", "smollm2"), ("-- x", "gpt2")],
)
def test_tokens_are_those_of_transformers(lmviz, text, model, request):
    found = result(lmviz("tokens", "--json", "--model", model, "--", text))
    assert (found["model"], found["text"]) == (model, text)
    tokens = found["tokens"]
    assert [token["position"] for token in tokens] == list(range(len(tokens)))
    if model == "toy":
        ids = AutoTokenizer.from_pretrained(WEIGHTS)(text).input_ids
        assert [token["token"] for token in tokens] == ["<story>", *text.split()]
    elif model == "smollm2":
        folder = request.getfixturevalue("smollm2").source.folder
        ids = AutoTokenizer.from_pretrained(folder)(text).input_ids
    else:
        ids = [438, 2124]  # "--" and " x" of OpenAI's encoder.json
    assert [token["id"] for token in tokens] == ids
    if model != "toy":
        written = "".join(token["bytes"] for token in tokens)
        assert bytes.fromhex(written) == text.encode()


def test_next_has_the_probabilities_of_transformers(lmviz, theirs):
    options = ("--top", 5, "--temperature", 0.5, "--json", "-m", "toy")
    found = result(lmviz("next", TEXT, *options))
    logits = theirs["logits"][-1]
    top = (logits / 0.5).softmax(-1).topk(5)
    each = found["next"]
    assert [token["id"] for token in each] == top.indices.tolist()
    probs = [token["probability"] for token in each]
    assert probs == pytest.approx(top.values.tolist(), abs=1e-5)
    given = [token["logit"] for token in each]
    assert given == pytest.approx(logits[top.indices].tolist(), abs=1e-3)
    assert all(isinstance(number, float) for number in probs + given)
    assert (found["temperature"], found["top_k"]) == (0.5, None)
    assert found["model"]["n_layers"] == 3


@pytest.mark.parametrize(
    ("option", "value", "warper"),
    [
        ("--top-k", 3, TopKLogitsWarper(3)),
        ("--top-p", 0.6, TopPLogitsWarper(0.6)),
        ("--min-p", 0.5, MinPLogitsWarper(0.5)),
    ],
)
def test_filters_keep_what_those_of_transformers_keep(
    lmviz, theirs, option, value, warper
):
    arguments = ("next", TEXT, option, value, "--top", 99, "--json", "-m", "toy")
    found = result(lmviz(*arguments))["next"]
    kept = warper(None, theirs["logits"][-1:].clone())[0]
    assert {token["id"] for token in found} == set(
        kept.isfinite().nonzero()[:, 0].tolist()
    )
    assert sum(token["probability"] for token in found) == pytest.approx(1)


def test_trace_has_the_shapes_and_the_strongest_attention_of_transformers(
    lmviz, theirs
):
    found = result(lmviz("trace", TEXT, "--json", "-m", "toy"))
    assert found["ids"] == theirs["ids"]
    assert found["shapes"] == {
        "embeddings": [10, 96],
        "hidden_states": list(theirs["hidden_states"].shape),
        "attentions": list(theirs["attentions"].shape),
        "logits": list(theirs["logits"].shape),
    }
    assert found["next"][0]["id"] == int(theirs["logits"][-1].argmax())
    assert [each["position"] for each in found["strongest"]] == list(range(2, 10))
    for each in found["strongest"]:
        place = each["layer"], each["head"], each["position"]
        weights = theirs["attentions"][:, :, each["position"]]
        own = float(theirs["attentions"][place][each["key"]])
        assert each["weight"] == pytest.approx(own, abs=1e-5)
        assert 0 < each["key"] < each["position"]
        assert own == pytest.approx(float(weights[..., 1 : each["position"]].max()))


def test_the_lens_is_the_norm_and_the_unembedding_of_each_state(lmviz, theirs):
    found = result(lmviz("lens", TEXT, "-p", 3, "-n", 4, "--json", "-m", "toy"))
    assert (found["position"], found["token"]) == (3, "a")
    final = int(theirs["logits"][3].argmax())
    assert found["prediction"]["id"] == final
    assert [layer["depth"] for layer in found["layers"]] == [0, 1, 2, 3]
    for layer, logits in zip(found["layers"], theirs["lens"][:, 3], strict=True):
        top = logits.softmax(-1).topk(4)
        assert [token["id"] for token in layer["next"]] == top.indices.tolist()
        assert layer["next"][0]["probability"] == pytest.approx(
            float(top.values[0]), abs=1e-5
        )
        probability = float(logits.softmax(-1)[final])
        assert layer["probability"] == pytest.approx(probability, abs=1e-5)
        assert layer["rank"] == 1 + int((logits > logits[final]).sum())


def test_the_last_position_is_the_default_of_the_lens(lmviz):
    found = result(lmviz("lens", TEXT, "--json", "-m", "toy"))
    assert (found["position"], found["token"]) == (9, "a")


def test_saved_arrays_are_those_of_transformers(lmviz, theirs, tmp_path):
    file = tmp_path / "trace.npz"
    found = result(lmviz("trace", TEXT, "-o", file, "--json", "-m", "toy"))
    assert found["saved"] == str(file)
    with np.load(file) as saved:
        assert saved["tokens"].tolist() == found["tokens"]
        for name in ("attentions", "hidden_states", "logits"):
            assert np.allclose(saved[name], theirs[name], atol=1e-4)
    file = tmp_path / "trace.json"
    lmviz("trace", TEXT, "-o", file, "-m", "toy")
    saved = json.loads(file.read_bytes())
    assert np.allclose(saved["attentions"], theirs["attentions"], atol=1e-5)
    assert saved["attention_layers"] == [0, 1, 2]


STARTS = {
    ".html": b"<!DOCTYPE html>",
    ".svg": b"<svg",
    ".png": b"\x89PNG\r\n",
    ".pdf": b"%PDF-",
}


@pytest.mark.parametrize("ending", STARTS)
def test_figures_are_saved_in_the_format_of_the_ending(lmviz, ending, tmp_path):
    file = tmp_path / f"heads{ending.upper()}"
    done = lmviz("trace", TEXT, "--save", file, "--head", 1, 2, "-m", "toy")
    assert done.code == 0
    assert done.err == f"lmviz: saved {file}\n"
    content = file.read_bytes()
    assert content.startswith(STARTS[ending])
    if ending == ".html":
        assert b"<lmviz-attention" in content
    if ending == ".svg":
        assert b"layer 1, head 2" in content
    assert list(tmp_path.iterdir()) == [file]


def test_the_head_of_a_figure_is_that_of_the_strongest_attention(lmviz, tmp_path):
    file = tmp_path / "head.svg"
    lmviz("trace", TEXT, "--save", file, "-m", "toy")
    found = result(lmviz("trace", TEXT, "--json", "-m", "toy"))["strongest"]
    best = max(found, key=lambda each: each["weight"])
    assert f"layer {best['layer']}, head {best['head']}" in file.read_text("utf-8")


def test_a_model_without_attention_is_summarized_and_saved_as_arrays(lmviz, tmp_path):
    folder = tmp_path / "mamba"
    load_any("mamba").module.save_pretrained(folder)
    tiny_families.save_tokenizer(load_tokenizer("toy"), folder)
    found = result(lmviz("trace", TEXT, "--json", "-m", folder))
    assert (found["strongest"], "attentions" in found["shapes"]) == ([], False)
    done = lmviz("trace", TEXT, "-o", tmp_path / "a.html", "-m", folder)
    assert done.code == 1
    assert "has no attention weights" in done.err
    assert lmviz("trace", TEXT, "-o", tmp_path / "a.npz", "-m", folder).code == 0
    with np.load(tmp_path / "a.npz") as saved:
        assert {"logits", "hidden_states"} <= set(saved)


VERBS = [
    ("trace", TEXT, "-m", "toy"),
    ("tokens", TEXT, "-m", "toy"),
    ("next", TEXT, "-m", "toy"),
    ("lens", TEXT, "-m", "toy"),
    ("models",),
    ("doctor",),
]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_the_help_of_a_verb_names_every_key_of_its_json(lmviz, verb):
    keys = list(result(lmviz(*verb, "--json")))
    said = lmviz(verb[0], "--help").out.partition("Keys of --json:")[2]
    assert said
    for key in keys:
        assert key in said, key


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_what_is_printed_fits_80_columns_and_has_no_traceback(lmviz, verb):
    done = lmviz(*verb)
    assert done.code == 0
    assert done.out.count("\n") > 3
    assert "Traceback" not in done.out
    if verb[0] not in ("doctor", "models"):  # these have paths
        assert max(map(len, done.out.split("\n"))) <= 80


def test_a_named_model_is_the_one_of_the_environment(lmviz, monkeypatch):
    monkeypatch.setenv("LMVIZ_MODEL", "toy")
    assert result(lmviz("tokens", TEXT, "--json"))["model"] == "toy"
    assert result(lmviz("next", TEXT, "--json"))["model"]["name"] == "toy"


def test_a_text_is_read_from_the_standard_input(lmviz):
    for raw in (b"Anna has\n", b"Anna has\r\n", b"\xef\xbb\xbfAnna has"):
        found = result(lmviz("tokens", "-", "--json", "-m", "toy", stdin=raw))
        assert found["text"] == "Anna has"
    found = result(lmviz("tokens", "-", "--json", "-m", "smollm2", stdin=b"a\n\n"))
    assert found["text"] == "a\n"


def test_the_examples_of_the_help_are_valid_command_lines(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a text")))
    for name, verb in _cli._main.cli.commands.items():
        lines = [
            line for line in verb.epilog.splitlines() if line.startswith("  lmviz")
        ]
        assert lines
        for line in lines:
            words = shlex.split(line.split(" < ")[0].split(" > ")[0].split(" >> ")[0])
            words = words[: words.index("&&")] if "&&" in words else words
            assert words[1] == name
            verb.make_context(name, words[2:])
