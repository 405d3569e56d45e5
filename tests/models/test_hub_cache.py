"""Models in the cache of huggingface_hub on this machine, without a network."""

import shutil

import pytest

import lmviz
from lmviz.models import HubUnreachable, _hub


def lay_out(cache, repo, revision, folder):
    """Fill a cache of huggingface_hub with the files of a folder."""
    repository = cache / f"models--{repo.replace('/', '--')}"
    snapshot = repository / "snapshots" / revision
    snapshot.mkdir(parents=True)
    for file in folder.iterdir():
        (snapshot / file.name).symlink_to(file)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_gpt2_comes_from_the_cache_without_a_network(
    cache, random_gpt2_folder, no_wheels, empty_cache, monkeypatch, caplog
):
    lay_out(cache, _hub.GPT2_REPO, _hub.GPT2_REVISION, random_gpt2_folder)
    monkeypatch.setattr(_hub, "hub_answers", lambda: pytest.fail("asked the hub"))
    monkeypatch.setattr(_hub, "GPT2_FILES", {})  # the weights are random ones
    for lm in (lmviz.load("gpt2"), lmviz.load("auto"), lmviz.load()):
        card = lm.card
        assert (card.name, card.revision) == ("gpt2", _hub.GPT2_REVISION)
        assert (card.n_layers, card.n_heads, card.d_model) == (12, 12, 96)
        assert (card.context, card.positions) == (1024, "learned")
        # Two tables, the layers, the last norm; 124,439,808 if the width is 768.
        d = 96
        assert card.parameters == (50257 + 1024) * d + 12 * (12 * d**2 + 13 * d) + 2 * d
        assert card.license == "MIT"
    assert [message.split(" (")[0] for message in caplog.messages] == [
        "the model is gpt2"
    ] * 2


def test_another_revision_in_the_cache_is_not_gpt2(cache, tiny_folders, refusal):
    lay_out(cache, _hub.GPT2_REPO, "0" * 40, tiny_folders["gpt2"])
    message = refusal(lmviz.load, "gpt2", kind=HubUnreachable)
    assert "not in the local cache" in message


def test_cached_tokenizer_alone_is_not_a_cached_model(
    cache, tiny_folders, tmp_path_factory, refusal
):
    folder = tmp_path_factory.mktemp("tokenizer-only")
    for name in ("tokenizer.json", "config.json"):
        shutil.copy(tiny_folders["gpt2"] / name, folder)
    lay_out(cache, "some-one/tiny", "1" * 40, folder)
    assert lmviz.load_tokenizer("some-one/tiny").get_vocab_size() == 50257
    assert "not in the local cache" in refusal(lmviz.load, "some-one/tiny")


def test_hub_id_comes_from_the_cache_with_its_license(
    cache, tiny_folders, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("with-readme")
    shutil.copytree(tiny_folders["llama"], folder, dirs_exist_ok=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    lay_out(cache, "some-one/tiny", "1" * 40, folder)
    card = lmviz.load("some-one/tiny").card
    assert (card.revision, card.license) == ("1" * 40, "apache-2.0")
    assert card.source == "the Hugging Face hub, some-one/tiny"
