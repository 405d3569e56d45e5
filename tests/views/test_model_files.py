"""The files of a model that a page loads contain the tensors' own bytes."""

import concurrent.futures
import hashlib
import json

import pytest
from tiny_gguf import LAYER, SHAPES, TOKENS, write_gguf

from lmviz.models._gguf import read_gguf
from lmviz.views import _model_files, write_model_files


@pytest.fixture
def tiny_gguf(tmp_path):
    return write_gguf(tmp_path / "tiny.gguf")


@pytest.fixture
def written(tiny_gguf, tmp_path, monkeypatch):
    """The folder and its index; the embedding is in three files."""
    monkeypatch.setattr(_model_files, "ROWS", 100)
    folder = write_model_files(tiny_gguf, tmp_path / "site")
    return folder, json.loads((folder / "index.json").read_text("utf-8"))


def test_the_files_have_the_bytes_of_the_tensors(written, tiny_gguf):
    folder, index = written
    tensors = {name: t.data.tobytes() for name, t in read_gguf(tiny_gguf)[1].items()}
    words = [file for file in index["files"] if "first" in file]
    assert [file["first"] for file in words] == [0, 100, 200]
    joined = b"".join((folder / file["name"]).read_bytes() for file in words)
    assert joined == tensors.pop("token_embd.weight")
    assert (folder / "norm.bin").read_bytes() == tensors.pop("output_norm.weight")
    for file in index["files"]:
        data = (folder / file["name"]).read_bytes()
        for part, kind, rows, columns, start in file.get("tensors", ()):
            expected = tensors.pop(f"blk.{file['layer']}.{part}.weight")
            assert start % 16 == 0
            assert data[start : start + len(expected)] == expected
            assert kind == {"attn_norm": 0, "ffn_norm": 0, "attn_k": 8}.get(part, 3)
            shape = (columns,) if kind == 0 else (rows, columns)
            assert shape == LAYER[part]
    assert not tensors


def test_the_index_has_the_sizes_and_checksums_of_all_files(written):
    folder, index = written
    listed = {file["name"] for file in index["files"]}
    present = {path.name for path in folder.iterdir()}
    assert present == listed | {"index.json", "tokenizer.json"}
    for file in index["files"]:
        data = (folder / file["name"]).read_bytes()
        assert file["bytes"] == len(data)
        assert file["sha256"] == hashlib.sha256(data).hexdigest()


def test_the_index_says_which_model_it_is(written, tiny_gguf):
    folder, index = written
    digest = hashlib.sha256(tiny_gguf.read_bytes()).hexdigest()
    assert folder.name == index["release"] == digest[:12]
    assert (index["name"], index["license"]) == ("Tiny", "apache-2.0")
    assert index["context"] == 128
    config = index["config"]
    names = ("width", "inner", "layers", "heads", "kvHeads", "headSize")
    assert [config[name] for name in names] == [32, 64, 2, 8, 1, 4]
    assert config["ropeBase"] == 2e4
    assert config["epsilon"] == pytest.approx(1e-5)
    size = len(TOKENS) * 34
    words = {"type": 8, "rows": len(TOKENS), "columns": 32, "bytes": size}
    assert config["words"] == words
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    assert tokenizer["merges"] == ["t h", "th e", "i n"]


def index_of(file, tmp_path):
    folder = write_model_files(file, tmp_path / "site")
    return json.loads((folder / "index.json").read_text("utf-8"))


def test_the_index_has_all_ids_that_end_a_text(tmp_path, written):
    assert written[1]["ends"] == [0]
    # The keys of the GGUF specification.
    ends = {f"tokenizer.ggml.{end}_token_id": i for i, end in enumerate(("eot", "eom"))}
    fields = {"tokenizer.ggml.eos_token_id": 7, **ends}
    file = write_gguf(tmp_path / "other.gguf", fields=fields)
    assert index_of(file, tmp_path)["ends"] == [7, 0, 1]
    fields = {"tokenizer.ggml.eos_token_id": None}
    file = write_gguf(tmp_path / "endless.gguf", fields=fields)
    assert index_of(file, tmp_path)["ends"] == []


@pytest.mark.parametrize("name", ["", None])
def test_a_model_without_a_name_has_that_of_its_file(tmp_path, name):
    file = write_gguf(tmp_path / "other.gguf", fields={"general.name": name})
    assert index_of(file, tmp_path)["name"] == "other"


def visible(site):
    return [path.name for path in site.iterdir() if path.name != ".lock"]


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_writing_twice_gives_the_same_bytes(tiny_gguf, tmp_path):
    folder = write_model_files(tiny_gguf, tmp_path / "site")
    other = write_model_files(tiny_gguf, tmp_path / "other")
    first = content(folder)
    assert content(other) == first
    (folder / "left.bin").write_bytes(b"from an older version")
    assert write_model_files(tiny_gguf, tmp_path / "site") == folder
    assert content(folder) == first
    assert visible(folder.parent) == [folder.name]


@pytest.mark.parametrize("failing", ["layer-00.bin", "norm.bin", "words-00.bin"])
def test_an_interrupted_write_leaves_no_folder(
    tiny_gguf, tmp_path, monkeypatch, failing
):
    write = _model_files._write

    def interrupted(path, data):
        if path.name == failing:
            raise KeyboardInterrupt
        return write(path, data)

    complete = content(write_model_files(tiny_gguf, tmp_path / "old"))
    monkeypatch.setattr(_model_files, "_write", interrupted)
    for site in ("new", "old"):
        with pytest.raises(KeyboardInterrupt):
            write_model_files(tiny_gguf, tmp_path / site)
    assert visible(tmp_path / "new") == []
    (kept,) = visible(tmp_path / "old")
    assert content(tmp_path / "old" / kept) == complete


def test_what_a_killed_build_left_is_removed(tiny_gguf, tmp_path):
    left = tmp_path / "site" / ".partial-abc" / "0123456789ab"
    left.mkdir(parents=True)
    (left / "layer-00.bin").write_bytes(b"half")
    folder = write_model_files(tiny_gguf, tmp_path / "site")
    assert visible(tmp_path / "site") == [folder.name]


def test_two_builds_at_once_leave_each_other_alone(tiny_gguf, tmp_path, monkeypatch):
    write, site = _model_files._write, tmp_path / "site"
    others = []

    def start_another(path, data):
        if not others:
            others.append(pool.submit(write_model_files, tiny_gguf, site))
            concurrent.futures.wait(others, timeout=0.3)  # it must wait for this one
        return write(path, data)

    complete = content(write_model_files(tiny_gguf, tmp_path / "alone"))
    monkeypatch.setattr(_model_files, "_write", start_another)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        folder = write_model_files(tiny_gguf, site)
    assert others[0].result() == folder
    assert content(folder) == complete
    assert visible(site) == [folder.name]


def test_missing_fields_have_the_values_that_llama_cpp_assumes(tmp_path):
    missing = ("llama.rope.freq_base", "llama.attention.head_count_kv")
    shapes = {
        name: (32, 32) if name.endswith(("attn_k", "attn_v")) else shape
        for name, shape in SHAPES.items()
    }
    file = write_gguf(
        tmp_path / "other.gguf", shapes=shapes, fields=dict.fromkeys(missing)
    )
    config = index_of(file, tmp_path)["config"]
    assert (config["ropeBase"], config["kvHeads"]) == (10_000, 8)
