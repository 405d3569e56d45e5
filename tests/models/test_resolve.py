import shutil

import pytest

import lmviz
from lmviz.models import _hub as hub
from lmviz.models import _resolve as sources


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("gpt-2", "gpt2"), ("GPT2", "gpt2"), ("smolm2", "smollm2"), ("smollm", "smollm2")],
)
def test_a_typo_gets_the_nearest_name(typo, meant, refusal):
    assert f"did you mean {meant!r}?" in refusal(lmviz.load, typo)


def test_an_unknown_name_gets_all_names(refusal):
    message = refusal(lmviz.load, "qqqqqq")
    assert "gpt2, smollm2, toy, an existing folder, or a hub id" in message
    assert "did you mean" not in message


@pytest.mark.parametrize("name", ["./nowhere", "~/nowhere/at/all", "/nowhere/model"])
def test_a_folder_that_does_not_exist_is_not_looked_for_on_the_hub(name, refusal):
    assert f"there is no folder {name!r}" in refusal(lmviz.load, name)


def test_a_file_is_not_a_model(refusal, tiny_folders):
    file = tiny_folders["gpt2"] / "config.json"
    assert "is a file; give the folder" in refusal(lmviz.load, file)


def test_no_name_at_all_is_not_the_working_directory(refusal):
    assert "no model ''" in refusal(lmviz.load, "")


@pytest.mark.parametrize("name", [3, b"gpt2", ["gpt2"]])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(TypeError, match="wanted a model's name or path"):
        lmviz.load(name)


def test_gpt2_without_a_hub_names_the_alternatives(refusal):
    message = refusal(lmviz.load, "gpt2")
    assert "no hub answers" in message
    assert '"smollm2" or "toy", a folder' in message


def test_a_hub_id_without_a_hub_is_refused(refusal):
    assert "no hub answers" in refusal(lmviz.load, "some-one/some-model")


def test_the_hub_is_asked_only_once(monkeypatch):
    import huggingface_hub

    asked = []

    def no_session():
        asked.append(1)
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "get_session", no_session)
    assert not hub.hub_answers()
    assert not hub.hub_answers()
    assert len(asked) == 1


def test_auto_with_nothing_at_all_is_the_toy_and_says_what_to_do(
    no_wheels, empty_cache, capsys
):
    source, reason = sources.choose()
    assert source.name == "toy"
    assert "no hub answers" in reason
    assert "pip install" in reason
    assert "\n" not in reason
    assert len(reason) < 300


def test_a_folder_without_a_config_is_refused(tmp_path, refusal):
    assert "has no config.json" in refusal(lmviz.load, tmp_path)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path, tiny_folders, refusal):
    shutil.copytree(tiny_folders["gpt2"], tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer.json").unlink()
    assert "no tokenizer.json" in refusal(lmviz.load, tmp_path)


@pytest.fixture
def no_weights(tmp_path, tiny_folders):
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(tiny_folders["gpt2"] / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_pickled_weights_are_refused(no_weights, file, refusal):
    (no_weights / file).write_bytes(b"\x80\x04.")
    message = refusal(lmviz.load, no_weights)
    assert file in message
    assert "a pickle can run any code" in message


def test_a_folder_without_weights_is_refused(no_weights, refusal):
    assert "no weights" in refusal(lmviz.load, no_weights)


def test_a_folder_that_lacks_a_shard_is_refused(no_weights, refusal):
    (no_weights / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'
    )
    assert "lacks model-00001" in refusal(lmviz.load, no_weights)


def cached(hub, repo, revision, folder):
    """Lay a folder into a made-up hub cache."""
    repository = hub / f"models--{repo.replace('/', '--')}"
    snapshot = repository / "snapshots" / revision
    snapshot.mkdir(parents=True)
    for file in folder.iterdir():
        (snapshot / file.name).symlink_to(file)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)


@pytest.fixture
def hub_cache(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_gpt2_comes_from_the_cache_without_a_network(
    hub_cache, random_gpt2_folder, monkeypatch, capsys
):
    cached(hub_cache, hub.GPT2_REPO, hub.GPT2_REVISION, random_gpt2_folder)
    monkeypatch.setattr(hub, "hub_answers", lambda: pytest.fail("asked the hub"))
    monkeypatch.setattr(hub, "GPT2_FILES", {})  # of a GPT-2 that has learned
    for lm in (lmviz.load("gpt2"), lmviz.load("auto"), lmviz.load()):
        card = lm.card
        assert (card.name, card.revision) == ("gpt2", hub.GPT2_REVISION)
        assert (card.n_layers, card.n_heads, card.d_model) == (12, 12, 96)
        assert (card.context, card.positions) == (1024, "learned")
        # Two tables, the layers, the last norm; 124,439,808 where the width is 768.
        d = 96
        assert card.parameters == (50257 + 1024) * d + 12 * (12 * d**2 + 13 * d) + 2 * d
        assert card.licence == "MIT"
    said = capsys.readouterr().err
    assert said == "lmviz: the model is gpt2 (it is in the local cache)\n" * 2


def test_another_revision_in_the_cache_is_not_gpt2(hub_cache, tiny_folders, refusal):
    cached(hub_cache, hub.GPT2_REPO, "0" * 40, tiny_folders["gpt2"])
    assert "not in the local cache" in refusal(lmviz.load, "gpt2")


def test_a_cached_tokenizer_alone_is_no_cached_model(
    hub_cache, tiny_folders, tmp_path_factory, refusal
):
    folder = tmp_path_factory.mktemp("tokenizer-only")
    for name in ("tokenizer.json", "config.json"):
        shutil.copy(tiny_folders["gpt2"] / name, folder)
    cached(hub_cache, "some-one/tiny", "1" * 40, folder)
    assert lmviz.load_tokenizer("some-one/tiny").get_vocab_size() == 50257
    assert "not in the local cache" in refusal(lmviz.load, "some-one/tiny")


def test_a_hub_id_comes_from_the_cache_with_its_licence(
    hub_cache, tiny_folders, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("with-readme")
    shutil.copytree(tiny_folders["llama"], folder, dirs_exist_ok=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    cached(hub_cache, "some-one/tiny", "1" * 40, folder)
    card = lmviz.load("some-one/tiny").card
    assert (card.revision, card.licence) == ("1" * 40, "apache-2.0")
    assert card.source == "the Hugging Face hub, some-one/tiny"


def test_without_a_hub_auto_is_smollm2(capsys):
    source, reason = sources.choose("auto")
    assert source.name == "smollm2"
    assert "no hub answers" in reason
