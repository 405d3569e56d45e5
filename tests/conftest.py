"""Models for the tests, and a machine on which no hub answers."""

import contextlib
import copy
import functools
import importlib.metadata
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

# Before anything imports huggingface_hub: nothing listens on this port, so every test
# sees a machine without a hub, also where there is one.
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
os.environ["MPLBACKEND"] = "agg"
# A host's settings for the book are not the tests'.
os.environ.pop("LMVIZ_MODEL", None)
os.environ.pop("LMVIZ_MODEL_FILES", None)
os.environ.pop("LMVIZ_BASEURL", None)
os.environ.pop("LMVIZ_EDITIONS", None)
os.environ.pop("LMVIZ_REPOSITORY", None)

import filelock
import hypothesis
import pytest
import tiny_families
from random_gpt2 import NARROW, save_random_gpt2
from small_book import Book

import lmviz
from lmviz.models import ModelError, _hub

# A busy machine is slow now and then; what must be fast has a test of its own.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")
# A mutant is killed by the first failure: the same one each time, and not made smaller.
hypothesis.settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    database=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)


@pytest.hookimpl(trylast=True)  # after pytest-randomly's shuffle
def pytest_collection_modifyitems(items):
    """Let each worker begin with what takes long, so that none ends with it, alone.

    xdist's "worksteal" gives each worker an equal part of the list, and later moves
    tests from the end of the longest part to a worker that has none left.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    groups, rest = {}, []
    for item in items:
        if mark := item.get_closest_marker("long"):
            groups.setdefault(mark.args or item.nodeid, []).append(item)
        else:
            rest.append(item)
    long = list(groups.values())
    for worker in range(workers):
        start = len(items) * worker // workers
        rest[start:start] = [item for group in long[worker::workers] for item in group]
    items[:] = rest


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path_factory):
    """An empty hub cache, and no result of an earlier probe, not even a late one."""
    from huggingface_hub import constants

    empty = tmp_path_factory.mktemp("hub")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(empty))
    monkeypatch.setattr(_hub, "_home", lambda repo: empty / "lmviz" / repo)
    for thread in threading.enumerate():
        if thread.name.endswith("(probe)"):
            thread.join()
    _hub.hub_answers.cache_clear()


@pytest.fixture(autouse=True)
def no_open_figures():
    """Close the figures that a test leaves open, and restore its settings."""
    plt = sys.modules.get("matplotlib.pyplot")
    with plt.rc_context() if plt else contextlib.nullcontext():
        yield
    if plt := sys.modules.get("matplotlib.pyplot"):
        plt.close("all")


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
    """Call a function and return the message of its ModelError: soon, and short."""

    def message_of(function, *arguments, kind=ModelError):
        began = time.monotonic()
        with pytest.raises(kind) as error:
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
def made_once(tmp_path_factory):
    """Make a folder that all processes of a run share: the first one fills it.

    ``made_once(name, make)`` calls ``make(folder)`` unless the folder is there; a
    ``make`` that fails leaves nothing to share.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    root = root / "shared"
    root.mkdir(exist_ok=True)

    def folder_of(name, make):
        folder = root / name
        with filelock.FileLock(root / f"{name}.lock"):
            if not folder.exists():
                with tempfile.TemporaryDirectory(dir=root) as partial:
                    make(Path(partial, name))
                    Path(partial, name).rename(folder)
        return folder

    return folder_of


@pytest.fixture(scope="session")
def random_gpt2_folder(made_once):
    """A GPT-2 with random weights, all its layers, heads and positions, but narrow."""
    return made_once("random-gpt2", lambda folder: save_random_gpt2(folder, **NARROW))


@pytest.fixture(scope="session")
def model_named(made_once, random_gpt2_folder):
    """Return what `lmviz.load` takes for a model that tests know by a short name.

    A family's model has room for a page of text.
    """

    def find(name):
        if name == "random-gpt2":
            return random_gpt2_folder
        if name not in tiny_families.FAMILIES:
            return name
        room = {} if name == "bloom" else {"max_position_embeddings": 512}
        return made_once(
            f"{name}-512", lambda folder: tiny_families.save(name, folder, **room)
        )

    return find


@pytest.fixture(scope="session")
def tiny_folders(made_once):
    """A tiny random model of each core family, with GPT-2's tokenizer."""
    return {
        name: made_once(name, functools.partial(tiny_families.save, name))
        for name in tiny_families.CORE
    }


@pytest.fixture(scope="session", params=["gpt2", "llama"])
def tiny(request, tiny_folders):
    """The oldest and the most copied family, for what has nothing to do with it."""
    return lmviz.load(tiny_folders[request.param])


@pytest.fixture(scope="session", params=tiny_families.CORE)
def family(request, tiny_folders):
    return lmviz.load(tiny_folders[request.param])


@pytest.fixture
def book(tmp_path, tiny_folders):
    """A small book, which a test may change and build."""
    return Book(tmp_path, tiny_folders["gpt2"])


@pytest.fixture(scope="session")
def first_build(tmp_path_factory, tiny_folders):
    """A small book after its first build, what ran and what was printed, and a copy."""
    folder = tmp_path_factory.mktemp("book")
    book = Book(folder / "here", tiny_folders["gpt2"])
    ran, code, printed = book.build()
    assert code == 0, printed
    return book, ran, printed, shutil.copytree(book.folder, folder / "copy")


@pytest.fixture
def built_book(first_build):
    """A small book that has been built, which a test may change and build again.

    It is always at the same place, as the results that a build keeps have its path.
    """
    book, _, _, saved = first_build
    shutil.rmtree(book.folder)
    shutil.copytree(saved, book.folder)
    return copy.copy(book)
