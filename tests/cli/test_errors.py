"""What is wrong is said in one sentence on stderr, and by the exit code."""

import json
import os
import warnings

import pytest

from lmviz import _cli

TEXT = "Anna has a red ball"


@pytest.fixture
def sentence(lmviz):
    """Run a verb that must fail with one sentence, and return that."""

    def of(*arguments, **options):
        done = lmviz(*arguments, **options)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("lmviz: ")
        assert done.err.count("\n") == 1
        return done.err

    return of


@pytest.mark.parametrize("verb", ["trace", "tokens", "next", "lens"])
def test_an_unknown_model_is_named_with_a_similar_one(sentence, verb):
    assert "did you mean 'smollm2'?" in sentence(verb, TEXT, "-m", "smolm2")


@pytest.mark.parametrize("verb", ["trace", "tokens", "next", "lens"])
@pytest.mark.parametrize("text", ["", "  "])
def test_a_blank_text_is_refused(sentence, verb, text):
    assert "must not be blank" in sentence(verb, text, "-m", "toy")


@pytest.mark.parametrize("verb", ["trace", "next", "lens"])
def test_a_text_that_is_too_long_is_refused_or_truncated(lmviz, sentence, verb):
    text = " ".join(["Anna has a red ball ."] * 20)
    said = sentence(verb, text, "-m", "toy")
    assert "has 121 tokens, but toy takes at most 64" in said
    assert lmviz(verb, text, "--truncate", "-m", "toy").code == 0


def test_words_that_a_model_lacks_are_named(sentence):
    assert "'Zebras' is not in the model's vocabulary" in sentence(
        "next", "Zebras", "-m", "toy"
    )


def test_an_adapter_and_a_pickle_are_refused(sentence, tmp_path):
    base = {"base_model_name_or_path": "org/base"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(base))
    assert "is an adapter of 'org/base'" in sentence("next", TEXT, "-m", tmp_path)
    (tmp_path / "adapter_config.json").unlink()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    assert "a pickle" in sentence("trace", TEXT, "-m", tmp_path)


def test_a_file_that_cannot_be_saved_is_refused_before_the_model_is_loaded(
    sentence, tmp_path, monkeypatch
):
    monkeypatch.setattr("lmviz.load", None)
    options = ("trace", TEXT, "-m", "toy", "--save")
    assert "there is no folder" in sentence(*options, tmp_path / "no" / "a.html")
    assert "the name must end in .html, .json" in sentence(*options, tmp_path / "a.txt")
    (tmp_path / "a.html").mkdir()
    assert "is a folder" in sentence(*options, tmp_path / "a.html")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "cannot be written to" in sentence(*options, tmp_path / "b.html")


def test_a_package_that_cannot_be_imported_leads_to_the_doctor(sentence, monkeypatch):
    def broken(*arguments, **options):
        raise ImportError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr("lmviz.load", broken)
    said = sentence("next", TEXT, "-m", "toy")
    assert said == (
        "lmviz: libcuda.so.1: cannot open shared object file; lmviz doctor checks the "
        "installation\n"
    )


def test_a_trace_that_does_not_fit_names_the_commands_that_need_less(
    sentence, monkeypatch
):
    monkeypatch.setattr("lmviz.models._memory.available", lambda device: 1000)
    said = sentence("trace", TEXT, "-m", "toy")
    assert "but only 0 MB is available; shorten the text, or use lmviz next" in said
    assert "keep=" not in said


@pytest.mark.parametrize(
    "option",
    [("--head", 3, 0), ("--head", 0, 4), ("--head", -1, 0)],
)
@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_head_that_is_not_there_leaves_no_file(sentence, tmp_path, option, ending):
    file = tmp_path / f"a.{ending}"
    said = sentence("trace", TEXT, "-m", "toy", "-o", file, *option)
    assert "must be" in said
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_not_there_is_refused(sentence):
    said = sentence("next", TEXT, "-m", "toy", "--device", "gpu")
    assert "`device` must be" in said


def test_a_position_that_is_not_in_the_text_is_refused(sentence):
    said = sentence("lens", TEXT, "-m", "toy", "--position", 6)
    assert "`positions` must be from -6 to 5, got 6" in said


@pytest.mark.parametrize("raw", [b"na\xefve \xe9", b"\xff\xfea\x00"])
def test_input_that_is_not_in_utf8_is_refused(sentence, raw):
    assert "must be in UTF-8, got byte 0x" in sentence("tokens", "-", stdin=raw)


def test_what_a_terminal_would_obey_is_shown(sentence, tmp_path):
    folder = tmp_path / "a\x1b[31mb"
    folder.mkdir()
    said = sentence("next", TEXT, "-m", folder)
    assert "\x1b" not in said
    assert "a⟨U+001B⟩[31mb" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Usage: lmviz"),
        (("next",), "Missing argument 'TEXT'"),
        (("nexxt", "a"), "No such command"),
        (("next", "The", "dog"), "Put the text in quotes."),
        (("next", "-5 degrees"), "A text that begins with a dash goes after --"),
        (("next", "a", "--top", "0"), "'--top'"),
        (("next", "a", "--temperature", "0"), "'--temperature'"),
        (("next", "a", "--top-k", "0"), "'--top-k'"),
        (("next", "a", "--top-p", "2"), "'--top-p'"),
        (("next", "a", "--min-p", "-1"), "'--min-p'"),
        (("next", "a", "--dtype", "int8"), "'--dtype'"),
        (("completion", "csh"), "csh"),
    ],
)
def test_a_wrong_command_line_exits_with_2(lmviz, arguments, said):
    done = lmviz(*arguments)
    assert done.code == 2
    assert said in done.out + done.err


def test_a_text_may_begin_with_dashes_after_two_dashes(lmviz):
    done = lmviz("tokens", "--json", "-m", "smollm2", "--", "--help")
    assert (done.code, json.loads(done.out)["text"]) == (0, "--help")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a bug")])
def test_an_interruption_exits_with_130_and_a_bug_shows_itself(
    lmviz, monkeypatch, error
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("lmviz.load", fail)
    if isinstance(error, KeyboardInterrupt):
        assert lmviz("next", TEXT).code == 130
    else:
        with pytest.raises(RuntimeError, match="a bug"):
            _cli.run(["next", TEXT])


def test_a_missing_extra_is_named(sentence, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    said = sentence("trace", TEXT, "-m", "toy", "-o", tmp_path / "a.png")
    assert "python -m pip install 'lmviz[plots]'" in said


def test_the_default_model_warns_unless_quiet(lmviz, monkeypatch, no_wheels):
    monkeypatch.delenv("LMVIZ_MODEL", raising=False)
    monkeypatch.setenv("LMVIZ_CACHE", "/nowhere")
    done = lmviz("tokens", TEXT)
    assert done.code == 0
    assert done.err.startswith("lmviz: the model is toy (SmolLM2 is in the wheel")
    assert lmviz("tokens", TEXT, "--quiet").err == ""


@pytest.mark.parametrize(("option", "disabled"), [("--quiet", "1"), ("--json", None)])
def test_other_packages_are_silent_only_meanwhile(
    lmviz, monkeypatch, toy, option, disabled
):
    names = "TRANSFORMERS_VERBOSITY", "TQDM_DISABLE"
    for name in names:
        monkeypatch.delenv(name, raising=False)
    seen = []

    def load(*_, **__):
        seen.extend(map(os.environ.get, names))
        warnings.warn("what no user can change", stacklevel=1)
        return toy

    monkeypatch.setattr("lmviz.load", load)
    done = lmviz("next", TEXT, option)
    assert (done.code, done.err) == (0, "")
    assert seen == ["error", disabled]
    assert not set(names) & set(os.environ)
