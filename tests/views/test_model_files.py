"""The files of a model that a page loads contain the tensors' own bytes."""

import hashlib
import json
import re

import gguf
import numpy as np
import pytest

from lmviz.models import UnsupportedModel
from lmviz.models._gguf import read_gguf
from lmviz.tokenization._byte_alphabet import alphabet_bytes
from lmviz.views import _model_files, write_model_files

KINDS = gguf.GGMLQuantizationType
TOKENS = ["<|endoftext|>", *alphabet_bytes(), "th", "the", "in"]
SIZES = {
    "embedding_length": 32,
    "feed_forward_length": 64,
    "block_count": 2,
    "attention.head_count": 8,
    "attention.head_count_kv": 1,
    "context_length": 128,
}
LAYER = {
    "attn_norm": (32,),
    "attn_q": (32, 32),
    "attn_k": (4, 32),
    "attn_v": (4, 32),
    "attn_output": (32, 32),
    "ffn_norm": (32,),
    "ffn_gate": (64, 32),
    "ffn_up": (64, 32),
    "ffn_down": (32, 64),
}
SHAPES = {f"blk.{i}.{part}": shape for i in (0, 1) for part, shape in LAYER.items()}
# Four rows of 34 bytes: what follows must be aligned.
EIGHT_BITS = ("token_embd", "attn_k")
SHAPES |= {"token_embd": (len(TOKENS), 32), "output_norm": (32,)}


def write_gguf(path, shapes=SHAPES, kinds=None, tokens=TOKENS, merges=None, pre=None):
    """Write a tiny model; arguments replace parts of it."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny")
    writer.add_license("apache-2.0")
    for name, size in SIZES.items():
        writer.add_uint32(f"llama.{name}", size)
    writer.add_float32("llama.rope.freq_base", 1e4)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre or "smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] + [1] * (len(tokens) - 1))
    writer.add_token_merges(merges or ["t h", "th e", "i n"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    random = np.random.default_rng(0)
    for name, shape in shapes.items():
        plain = random.normal(size=shape).astype(np.float32)
        usual = KINDS.Q8_0 if name.endswith(EIGHT_BITS) else KINDS.Q4_1
        usual = KINDS.F32 if len(shape) == 1 else usual
        kind = (kinds or {}).get(name, usual)
        data = gguf.quants.quantize(plain, kind)
        writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


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
    config = index["config"]
    names = ("width", "inner", "layers", "heads", "kvHeads", "headSize")
    assert [config[name] for name in names] == [32, 64, 2, 8, 1, 4]
    assert config["ropeBase"] == 1e4
    assert config["epsilon"] == pytest.approx(1e-5)
    size = len(TOKENS) * 34
    words = {"type": 8, "rows": len(TOKENS), "columns": 32, "bytes": size}
    assert config["words"] == words
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    assert tokenizer["merges"] == ["t h", "th e", "i n"]


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
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


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
    assert not list((tmp_path / "new").iterdir())
    (kept,) = (tmp_path / "old").iterdir()
    assert content(kept) == complete


def without(name):
    return {other: shape for other, shape in SHAPES.items() if other != name}


FEWER = [*TOKENS[:-3], "th"]
REFUSED = {
    "type of a matrix": (
        {"kinds": {"blk.1.ffn_up": KINDS.Q4_0}},
        "'blk.1.ffn_up.weight' must be of type Q4_1 or Q8_0, got Q4_0$",
    ),
    "type of the embedding": (
        {"kinds": {"token_embd": KINDS.F16}},
        "'token_embd.weight' must be of type Q4_1 or Q8_0, got F16$",
    ),
    "type of a norm": (
        {"kinds": {"output_norm": KINDS.F16}},
        "'output_norm.weight' must be of type F32, got F16$",
    ),
    "bias": (
        {"shapes": {**SHAPES, "blk.0.attn_q.bias": (32,)}},
        "must not have a tensor 'blk.0.attn_q.bias.weight': only those of a Llama",
    ),
    "untied output": (
        {"shapes": {**SHAPES, "output": (len(TOKENS), 32)}},
        "must not have a tensor 'output.weight': .* tied embeddings",
    ),
    "missing tensor": (
        {"shapes": without("blk.1.attn_k")},
        "must have a tensor 'blk.1.attn_k.weight'",
    ),
    "other shape": (
        {"shapes": {**SHAPES, "blk.0.ffn_down": (32, 32)}},
        r"'blk.0.ffn_down.weight' must have the shape \(32, 64\) .*, got \(32, 32\)$",
    ),
    "vocabulary": (
        {
            "tokens": FEWER,
            "merges": ["t h"],
            "shapes": {**SHAPES, "token_embd": (len(FEWER), 32)},
        },
        "a vocabulary that are multiples of four, got 4 and 258$",
    ),
    "other tokenizer": ({"pre": "llama3"}, r"SmolLM's .*, got \('gpt2', 'llama3'\)"),
    "order of merges": (
        {"merges": ["i n", "t h", "th e"]},
        "to run in a page, the ids of the merges must be in the order of their ranks$",
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_the_page_cannot_run_is_refused_in_one_sentence(tmp_path, refusal, reason):
    changes, sentence = REFUSED[reason]
    file = write_gguf(tmp_path / "other.gguf", **changes)
    site = tmp_path / "site"
    message = refusal(write_model_files, file, site, kind=UnsupportedModel)
    assert re.search(sentence, message), message
    assert not site.exists()
