"""Models for the tests, and a machine on which no hub answers."""

import importlib.metadata
import os
import time

# Before anything imports huggingface_hub: nothing listens on this port, so every test
# sees a machine without a hub, also where there is one.
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
os.environ["MPLBACKEND"] = "agg"
os.environ.pop("LMVIZ_MODEL", None)

import pytest
import tiny_families
from random_gpt2 import save_random_gpt2
from small_book import Book

import lmviz
from lmviz.models import _hub as hub


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path_factory):
    """An empty hub cache, and no memory of an earlier probe."""
    from huggingface_hub import constants

    empty = tmp_path_factory.mktemp("hub")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(empty))
    hub.hub_answers.cache_clear()


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    """A cache without converted models."""
    monkeypatch.setenv("LMVIZ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_wheels(monkeypatch):
    """A machine on which no wheel is installed."""

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)


@pytest.fixture
def refusal():
    """Call a function, and return its message of a ModelError: soon, and short."""

    def message_of(function, *arguments):
        began = time.monotonic()
        with pytest.raises(lmviz.ModelError) as error:
            function(*arguments)
        assert time.monotonic() - began < 10
        message = str(error.value)
        assert "\n" not in message
        assert len(message) < 300
        return message

    return message_of


@pytest.fixture(scope="session")
def smollm2():
    return lmviz.load("smollm2")


@pytest.fixture(scope="session")
def toy():
    """The model whose right answers are known."""
    return lmviz.load("toy")


@pytest.fixture(scope="session")
def random_gpt2_folder(tmp_path_factory):
    """The full-size GPT-2 with random weights, about 500 MB."""
    folder = tmp_path_factory.mktemp("random") / "random-gpt2"
    save_random_gpt2(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory):
    """A tiny random model of each family, with GPT-2's tokenizer."""
    root = tmp_path_factory.mktemp("tiny")
    for name in tiny_families.FAMILIES:
        tiny_families.save(name, root / name)
    return {name: root / name for name in tiny_families.FAMILIES}


@pytest.fixture(scope="session", params=["gpt2", "llama"])
def tiny(request, tiny_folders):
    """The oldest and the most copied family, for what has nothing to do with it."""
    return lmviz.load(tiny_folders[request.param])


@pytest.fixture(scope="session", params=sorted(tiny_families.FAMILIES))
def family(request, tiny_folders):
    return lmviz.load(tiny_folders[request.param])


@pytest.fixture
def book(tmp_path, tiny_folders):
    """A small book, which a test may change and build."""
    return Book(tmp_path, tiny_folders["gpt2"])
