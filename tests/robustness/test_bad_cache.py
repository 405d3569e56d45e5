"""A cache that suffered.

Conversions are killed, disks are full or closed, bytes flip: the next load repairs the
cache or says what to do, and is never a wrong model.
"""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lmviz import ModelError
from lmviz.models import (
    _checksums as cache,
)
from lmviz.models import (
    _hub as hub,
)
from lmviz.models import (
    _resolve as sources,
)
from lmviz.models import (
    _wheels as wheels,
)

FIND = """
import sys
import gguf, safetensors.numpy, tokenizers, tqdm.auto
from lmviz import ModelError, conversion, sources
print("began", flush=True)
convert = conversion.convert
def counted(*arguments):
    print("converts", flush=True)
    convert(*arguments)
conversion.convert = counted
try:
    print(sources.find("smollm2").folder)
except ModelError as error:
    print("refused", error)
"""
FILES = ("config.json", "model.safetensors", "tokenizer.json", "sha256.json")
MOMENTS = 20


def begin(folder):
    """Begin to find SmolLM2 in a process of its own, up to where its work begins."""
    process = subprocess.Popen(
        [sys.executable, "-c", FIND],
        env={**os.environ, "LMVIZ_CACHE": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout.readline() == "began\n"
    return process


def end(process):
    with process:
        said = process.stdout.read()
    assert process.returncode == 0
    return said.splitlines()


@pytest.fixture(scope="module")
def hashes(tmp_path_factory):
    """The hashes of the files of a conversion that nothing disturbed, and its time."""
    folder = tmp_path_factory.mktemp("undisturbed")
    process = begin(folder)
    began = time.monotonic()
    found = Path(end(process)[-1])
    took = time.monotonic() - began
    return {name: cache.digest(found / name) for name in FILES}, took


def test_the_hashes_are_those_that_other_tools_compute(hashes, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"what is up, doc?")
    # The example of "Pro Git", section "Git Internals - Git Objects".
    assert cache.digest(file, git=True) == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    file.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert cache.digest(file).startswith("ba7816bf8f01cfea414140de5dae2223")


def test_a_conversion_killed_at_any_moment(hashes, tmp_path, tried):
    tried(MOMENTS)
    whole, took = hashes
    seeded = random.Random(0)
    for _ in range(MOMENTS):
        process = begin(tmp_path)
        time.sleep(seeded.uniform(0, took))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        # What is there is whole or is not taken for a model.
        for folder in tmp_path.glob("smollm2-*-v*"):
            if folder.is_dir() and "partial" not in folder.name:
                assert cache.first_damaged_in(folder) is None
    found = Path(end(begin(tmp_path))[-1])
    assert {name: cache.digest(found / name) for name in FILES} == whole
    assert not list(tmp_path.glob("*.partial-*"))


def test_two_at_once_do_the_work_once(hashes, tmp_path):
    both = [begin(tmp_path), begin(tmp_path)]
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(end, both))
    assert sorted(len(lines) for lines in said) == [1, 2]  # one of them converts
    assert said[0][-1] == said[1][-1]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A cache with SmolLM2 in it, which tests damage and repair."""
    folder = tmp_path_factory.mktemp("kept")
    end(begin(folder))
    return folder


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "flipped": flip,
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "missing": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_is_made_again(kept, hashes, monkeypatch, capsys, file, damage):
    monkeypatch.setenv("LMVIZ_CACHE", str(kept))
    folder = sources.find("smollm2").folder
    capsys.readouterr()
    DAMAGES[damage](folder / file)
    assert sources.find("smollm2").folder == folder
    # A seal that is damaged names a file that it does not fit.
    named = file if file != "sha256.json" else ""
    assert f"{named} of SmolLM2 was damaged" in capsys.readouterr().err
    assert {name: cache.digest(folder / name) for name in FILES} == hashes[0]


def test_a_flip_that_keeps_the_size_and_the_time(kept, monkeypatch, capsys):
    monkeypatch.setenv("LMVIZ_CACHE", str(kept))
    folder = sources.find("smollm2").folder
    weights = folder / "model.safetensors"
    times = weights.stat().st_atime_ns, weights.stat().st_mtime_ns
    flip(weights)
    os.utime(weights, ns=times)
    sources.find("smollm2")
    assert "was damaged" in capsys.readouterr().err


def test_damage_without_the_wheel_says_what_to_install(
    kept, monkeypatch, no_wheels, refusal
):
    monkeypatch.setenv("LMVIZ_CACHE", str(kept))
    folder = next(path for path in kept.glob("smollm2*") if path.is_dir())
    config = folder / "config.json"
    content = config.read_bytes()
    flip(config)
    assert "pip install" in refusal(sources.find, "smollm2")
    config.write_bytes(content)
    assert sources.find("smollm2").folder == folder


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', "\0"])
def test_what_was_known_of_files_may_be_lost(kept, monkeypatch, content):
    monkeypatch.setenv("LMVIZ_CACHE", str(kept))
    (kept / "checked.json").write_text(content)
    folder = sources.find("smollm2").folder
    assert cache.first_damaged_in(folder) is None


@pytest.fixture
def disk(tmp_path, request):
    """A disk of a few MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_said_and_left_as_it_was(disk, monkeypatch, refusal):
    monkeypatch.setenv("LMVIZ_CACHE", str(disk))
    for _ in range(2):
        message = refusal(sources.find, "smollm2")
        assert "is full" in message
        assert "LMVIZ_CACHE" in message
        assert not list(disk.glob("*.partial-*"))


def test_auto_on_a_full_disk_is_the_toy_and_says_why(disk, monkeypatch):
    monkeypatch.setenv("LMVIZ_CACHE", str(disk))
    source, reason = sources.choose("auto")
    assert source.name == "toy"
    assert "is full" in reason


def test_a_disk_that_may_not_be_written_to(disk, monkeypatch, refusal):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    monkeypatch.setenv("LMVIZ_CACHE", str(disk / "cache"))
    message = refusal(sources.find, "smollm2")
    assert "cannot be written to" in message
    assert "LMVIZ_CACHE" in message


def test_a_cache_that_is_a_file(tmp_path, monkeypatch, refusal):
    (tmp_path / "cache").write_text("")
    for place in ("cache", "cache/below"):
        monkeypatch.setenv("LMVIZ_CACHE", str(tmp_path / place))
        assert "cannot be written to" in refusal(sources.find, "smollm2")


def test_a_whole_cache_that_may_not_be_written_to_is_read(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("LMVIZ_CACHE", str(kept))
    folder = sources.find("smollm2").folder
    (kept / "checked.json").unlink()
    place = tmp_path / "read-only"
    place.mkdir()
    if subprocess.run(["mount", "--bind", str(kept), str(place)]).returncode:
        pytest.skip("only root may mount a folder a second time")
    try:
        remount = ["mount", "-o", "remount,bind,ro", str(place)]
        subprocess.run(remount, check=True)
        monkeypatch.setenv("LMVIZ_CACHE", str(place))
        assert sources.find("smollm2").folder == place / folder.name
        assert not (place / "checked.json").exists()
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """A model in the hub's own cache, laid out as huggingface_hub does."""
    import tiny_families
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("LMVIZ_CACHE", str(tmp_path / "lmviz"))
    tiny_families.save("gpt2", tmp_path / "model")
    repository = tmp_path / "models--some-one--tiny"
    snapshot = repository / "snapshots" / ("5" * 40)
    for folder in (snapshot, repository / "blobs", repository / "refs"):
        folder.mkdir(parents=True)
    (repository / "refs" / "main").write_text(snapshot.name)
    for file in (tmp_path / "model").iterdir():
        name = cache.digest(file, git=file.suffix != ".safetensors")
        file.rename(repository / "blobs" / name)
        (snapshot / file.name).symlink_to(Path("..", "..", "blobs", name))
    return snapshot


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", FILES[:3])
def test_a_damaged_file_of_the_hubs_cache_is_no_model(
    hub_cache, file, damage, refusal, monkeypatch
):
    assert sources.find("some-one/tiny").folder == hub_cache
    DAMAGES[damage]((hub_cache / file).resolve())
    message = refusal(sources.find, "some-one/tiny")
    if damage != "missing":
        assert f"{file} of some-one/tiny is damaged" in message
        assert "deleted" in message
    # It is gone, so that the hub sends it again.
    assert not (hub_cache / file).exists()
    assert "not in the local cache" in refusal(sources.find, "some-one/tiny")


def test_a_file_of_somebody_else_in_the_hubs_cache_is_not_deleted(
    hub_cache, tmp_path, refusal
):
    own = tmp_path / ("a" * 40)
    own.write_text("{}")
    link = hub_cache / "config.json"
    link.unlink()
    link.symlink_to(own)
    refusal(sources.find, "some-one/tiny")
    assert own.read_text() == "{}"


def test_a_damaged_file_that_cannot_be_deleted_is_named(
    hub_cache, refusal, monkeypatch
):
    weights = (hub_cache / "model.safetensors").resolve()
    flip(weights)

    def closed(path, **_):
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", closed)
    assert f"delete {weights}" in refusal(sources.find, "some-one/tiny")


def test_gpt2_in_the_cache_is_what_was_pinned(hub_cache, refusal):
    repository = hub_cache.parents[1]
    snapshot = hub_cache.rename(hub_cache.with_name(hub.GPT2_REVISION))
    (repository / "refs" / "main").write_text(snapshot.name)
    repository.rename(repository.with_name("models--openai-community--gpt2"))
    # Each file is whole by its own name, but they are not the files of GPT-2.
    assert "is damaged or another file" in refusal(sources.find, "gpt2")


@pytest.mark.parametrize("file", list(wheels.GPT2_TOKENIZER_FILES))
def test_a_damaged_vocabulary_in_a_wheel_is_refused(
    tmp_path, monkeypatch, file, refusal
):
    real = wheels.file_in_wheel

    def damaged(wheel, name):
        path = real(wheel, name)
        if name != file:
            return path
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        flip(copy)
        return copy

    monkeypatch.setattr(wheels, "file_in_wheel", damaged)
    assert "--force-reinstall" in refusal(wheels.gpt2_tokenizer_files)


def test_an_error_is_not_always_the_disks(tmp_path):
    with pytest.raises(ZeroDivisionError), cache.writing(tmp_path):
        _ = 1 / 0
    with pytest.raises(ModelError), cache.writing(tmp_path):
        raise PermissionError(13, "Permission denied")
