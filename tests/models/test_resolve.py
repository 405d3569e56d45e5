import pytest

import lmviz
from lmviz.models import (
    HubUnreachable,
    ModelError,
    ModelNotFound,
    UnsupportedModel,
    _hub,
    _resolve,
)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("gpt-2", "gpt2"), ("GPT2", "gpt2"), ("smolm2", "smollm2"), ("smollm", "smollm2")],
)
def test_typo_gets_the_nearest_name(typo, meant, refusal):
    assert f"did you mean {meant!r}?" in refusal(lmviz.load, typo)


def test_unknown_name_gets_all_names(refusal):
    message = refusal(lmviz.load, "qqqqqq", kind=ModelNotFound)
    assert "smollm2, gpt2, toy, an existing folder, or a hub id" in message
    assert "did you mean" not in message


@pytest.mark.parametrize("name", ["./nowhere", "~/nowhere/at/all", "/nowhere/model"])
def test_missing_folder_is_not_searched_on_the_hub(name, refusal):
    message = refusal(lmviz.load, name, kind=ModelNotFound)
    assert f"there is no folder {name!r}" in message


@pytest.mark.parametrize("name", ["some--one/model", "some-one/..", "-a/b", "a/b/c"])
def test_names_that_the_hub_does_not_allow_are_not_requested(name, refusal):
    refusal(lmviz.load, name, kind=ModelNotFound)


def test_path_of_a_file_is_refused(refusal, tiny_folders):
    file = tiny_folders["gpt2"] / "config.json"
    assert "is a file; pass the folder" in refusal(
        lmviz.load, file, kind=UnsupportedModel
    )


def test_empty_name_is_not_the_working_directory(refusal):
    assert "no model ''" in refusal(lmviz.load, "")


@pytest.mark.parametrize("name", [3, b"gpt2", ["gpt2"]])
def test_name_of_another_type_is_refused(name):
    with pytest.raises(TypeError, match="`name` must be a model's name or path"):
        lmviz.load(name)


def test_gpt2_without_a_hub_names_the_alternatives(refusal):
    message = refusal(lmviz.load, "gpt2", kind=HubUnreachable)
    assert '"smollm2" or "toy", a folder' in message


def test_hub_id_without_a_hub_is_refused(refusal):
    refusal(lmviz.load, "some-one/some-model", kind=HubUnreachable)


def test_the_hub_is_probed_once_per_process(monkeypatch):
    import huggingface_hub

    asked = []

    def no_session():
        asked.append(1)
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "get_session", no_session)
    _hub.hub_answers.cache_clear()
    assert not _hub.hub_answers()
    assert not _hub.hub_answers()
    assert len(asked) == 1


def test_auto_without_hub_and_wheels_is_the_toy_and_says_why(no_wheels, empty_cache):
    source = _resolve.resolve().make_local()
    assert source.name == "toy"
    assert "the hub does not answer" in source.reason
    assert "pip install" in source.reason
    assert "\n" not in source.reason
    assert len(source.reason) < 400


def test_auto_is_smollm2_and_does_not_ask_the_hub(monkeypatch):
    monkeypatch.setattr(_hub, "hub_answers", lambda: pytest.fail("asked the hub"))
    source = _resolve.resolve("auto").make_local()
    assert (source.name, source.reason) == ("smollm2", "the default")


def test_the_default_model_is_logged_without_a_warning(caplog):
    lmviz.load_tokenizer("auto")
    assert not caplog.records
    caplog.set_level("INFO")
    lmviz.load_tokenizer("auto")
    assert caplog.messages == ["the model is smollm2 (the default)"]


def test_a_fallback_is_a_warning_and_a_named_model_is_not(
    no_wheels, empty_cache, caplog
):
    lmviz.load_tokenizer("auto")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the model is toy (" in caplog.text
    caplog.clear()
    lmviz.load_tokenizer("toy")
    assert not caplog.records


def test_the_environment_names_the_model(tiny_folders, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setenv("LMVIZ_MODEL", str(tiny_folders["gpt2"]))
    assert lmviz.load().card.name == "gpt2"
    assert caplog.messages == ["the model is gpt2 (named by LMVIZ_MODEL)"]
    caplog.clear()
    monkeypatch.setenv("LMVIZ_MODEL_REASON", "chosen for this book")
    lmviz.load()
    assert caplog.messages == ["the model is gpt2 (chosen for this book)"]


def test_every_error_is_a_model_error():
    for name in lmviz.models.__all__:
        kind = getattr(lmviz.models, name)
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert issubclass(kind, ModelError)
            assert kind.__doc__.count("\n") == 0 or kind is ModelError
