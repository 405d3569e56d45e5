"""Hostile models.

An untrusted folder: pickles, remote code, sizes that do not fit, links and paths that
lead elsewhere. It is refused with a reason, and nothing in it runs.
"""

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import tiny_families
import torch
from safetensors.torch import load_file, save_file

import lmviz

RAN = "a-file-that-hostile-code-writes"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    tiny_families.save("gpt2", folder)
    return folder


@pytest.fixture
def folder(whole, tmp_path, monkeypatch):
    """A model to corrupt; code that runs would write into the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model"
    shutil.copytree(whole, folder)
    yield folder
    assert not list(tmp_path.rglob(f"**/{RAN}")), "hostile code has run"


def change_json(path, **changes):
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **changes}), encoding="utf-8")


def change_weights(folder, change):
    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


class Hostile:
    """An object whose pickle runs a command."""

    def __reduce__(self):
        return os.mkdir, (RAN,)


def test_hostile_pickle_would_run(folder, tmp_path):
    assert lmviz.load(folder).trace("one two").logits.shape == (2, 50257)
    pickle.loads(pickle.dumps(Hostile()))
    assert Path(RAN).is_dir()
    Path(RAN).rmdir()


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl"]
)
def test_pickles_are_not_opened(folder, name, refusal):
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Hostile()))
    assert f"only in {name}, a pickle, which could run" in refusal(lmviz.load, folder)


def test_pickle_beside_the_weights_is_ignored(folder):
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile()))
    (folder / "training_args.bin").write_bytes(pickle.dumps(Hostile()))
    assert lmviz.load(folder).card.n_layers == 2


def test_pickle_named_safetensors_is_refused(folder, refusal):
    (folder / "model.safetensors").write_bytes(pickle.dumps(Hostile()))
    assert "model.safetensors" in refusal(lmviz.load, folder)


CODE = f"""
import pathlib
pathlib.Path({RAN!r}).mkdir()
class Model: pass
Config = Tokenizer = Model
"""
AUTO_MAP = {
    "AutoConfig": "evil.Config",
    "AutoModelForCausalLM": "evil.Model",
    "AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"],
}


def test_config_with_code_of_its_own_is_refused(folder, refusal):
    (folder / "evil.py").write_text(CODE)
    change_json(folder / "config.json", model_type="evil", auto_map=AUTO_MAP)
    assert "code of its own, which lmviz does not run" in refusal(lmviz.load, folder)


def test_known_architecture_runs_without_the_code_it_includes(folder):
    (folder / "evil.py").write_text(CODE)
    change_json(folder / "config.json", auto_map=AUTO_MAP)
    assert lmviz.load(folder).card.n_layers == 2


def test_tokenizer_with_code_of_its_own_is_refused(folder, refusal, monkeypatch):
    # If it is allowed to, transformers asks the user at the terminal.
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked the user"))
    (folder / "evil.py").write_text(CODE)
    (folder / "tokenizer.json").unlink()
    tokenizer_config = {"tokenizer_class": "Tokenizer", "auto_map": AUTO_MAP}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    change_json(folder / "config.json", model_type="evil", auto_map=AUTO_MAP)
    expected = "the tokenizer of model is code of its own, which lmviz does not run"
    assert expected in refusal(lmviz.load_tokenizer, folder)


@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation"])
def test_config_with_a_kernel_of_the_hub_is_refused(folder, key, refusal):
    change_json(folder / "config.json", **{key: "some-one/evil-attention"})
    message = refusal(lmviz.load, folder)
    assert "'some-one/evil-attention', which lmviz does not run" in message


@pytest.mark.parametrize(
    "changes",
    [
        {"n_embd": 64},
        {"n_embd": 1_000_000},
        {"n_embd": -4},
        {"n_embd": "wide"},
        {"n_embd": None},
        {"n_head": 5},
        {"n_head": 0},
        {"vocab_size": 7},
        {"vocab_size": 1_000_000_000},
        {"n_positions": 128},
        {"n_layer": 3},
        {"n_layer": 1},
        {"n_layer": 1_000_000_000},
        {"n_layer": "three"},
        {"n_layer": -1},
        {"n_layer": True},
        {"model_type": "bert"},
        {"model_type": "llama"},
        {"model_type": "no such type"},
        {"model_type": None},
        {"activation_function": "evil"},
        {"quantization_config": {"quant_method": "gptq", "bits": 4}},
    ],
    ids=str,
)
def test_config_that_contradicts_the_weights_is_refused(folder, changes, refusal):
    change_json(folder / "config.json", **changes)
    assert "model" in refusal(lmviz.load, folder)


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", "[" * 100_000, "\0"])
@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
def test_file_without_content_is_refused(folder, file, content, refusal):
    (folder / file).write_text(content)
    if file == "config.json":
        refusal(lmviz.load, folder)
    else:
        refusal(lambda: lmviz.load(folder).encode("one"))
        refusal(lmviz.load_tokenizer, folder)


@pytest.mark.parametrize("content", ["", "[]", "null", "[" * 100_000, "\0"])
@pytest.mark.parametrize(
    "file", ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"]
)
def test_settings_without_content_are_refused(folder, file, content, refusal):
    (folder / file).write_text(content)
    refusal(lmviz.load_tokenizer, folder)


@pytest.mark.parametrize("wrong", [3, {"content": 3}])
@pytest.mark.parametrize(
    "name",
    [
        *("added_tokens_decoder", "bos_token", "extra_special_tokens"),
        *("tokenizer_class", "auto_map", "padding_side", "fast_tokenizer_files"),
    ],
)
def test_wrong_settings_of_a_tokenizer_are_refused_or_ignored(
    folder, name, wrong, refusal
):
    before = lmviz.load_tokenizer(folder).encode("one two").ids
    change_json(folder / "tokenizer_config.json", **{name: wrong})
    try:
        after = lmviz.load_tokenizer(folder).encode("one two").ids
    except lmviz.ModelError:
        refusal(lmviz.load_tokenizer, folder)
    else:
        assert after == before


def test_weights_without_a_tensor_are_refused(folder, refusal):
    lost = "transformer.h.1.attn.c_attn.weight"
    change_weights(folder, lambda w: w.update(other=w.pop(lost)))
    assert f"the first being {lost}" in refusal(lmviz.load, folder)
    change_weights(folder, lambda w: w.pop("other"))
    assert "1,622,272, so they belong to different models" in refusal(
        lmviz.load, folder
    )


def test_weights_with_a_forged_header_are_refused(folder, refusal):
    path = folder / "model.safetensors"
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    a, b = [name for name in header if name != "__metadata__"][:2]
    overlapping = {**header, a: header[b]}
    beyond = {**header, a: {**header[a], "data_offsets": [0, 2**40]}}
    for lie in (overlapping, beyond):
        new = json.dumps(lie).encode()
        path.write_bytes(len(new).to_bytes(8, "little") + new + content[8 + size :])
        assert "model.safetensors" in refusal(lmviz.load, folder)
    for length in (0, 2**20, 2**62):
        path.write_bytes(length.to_bytes(8, "little") + content[8:])
        assert "model.safetensors" in refusal(lmviz.load, folder)
    path.write_bytes(content[: len(content) // 2])
    assert "model.safetensors" in refusal(lmviz.load, folder)


def test_tokenizer_with_more_tokens_than_embeddings_is_refused(folder, refusal):
    change_weights(
        folder,
        lambda w: w.update(
            {"transformer.wte.weight": w["transformer.wte.weight"][:100].clone()}
        ),
    )
    ends = dict.fromkeys(["bos_token_id", "eos_token_id", "pad_token_id"], 99)
    change_json(folder / "config.json", vocab_size=100, **ends)
    lm = lmviz.load(folder)
    message = refusal(lm.encode, "one two")
    assert "50257 tokens" in message or "50256 tokens" in message
    assert "100 embeddings" in message


def test_added_token_beyond_the_embeddings_is_refused(folder):
    tokenizer = lmviz.load_tokenizer(folder)
    tokenizer.add_special_tokens(["<beyond>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    lm = lmviz.load(folder)
    assert len(lm.encode("one two")) == 2
    with pytest.raises(ValueError, match="`ids` must be from 0 to 50256, got 50257"):
        lm.encode("one <beyond>")
    with pytest.raises(ValueError, match="`ids` must be from 0 to 50256, got 50257"):
        lm.trace(torch.tensor([50257]))


@pytest.mark.parametrize(
    "name",
    [
        "../model/../../etc",
        "..",
        "some-one/..",
        "../some-one",
        "some-one/../../x",
        "some-one/--x",
        "some one/model",
        "some-one/model\n",
        "some-one/model\0",
        "\0",
        "https://localhost/some-one/model",
        "file:///etc",
        "x" * 5000,
        "some-one/" + "x" * 5000,
        "/dev/null",
        "~no-such-user/model",
        "<script>alert(1)</script>",
    ],
    ids=lambda name: repr(name)[:20],
)
def test_names_that_lead_elsewhere_are_refused(name, refusal):
    refusal(lmviz.load, name)
    refusal(lmviz.load_tokenizer, name)


@pytest.mark.parametrize(
    "shard",
    [
        "../outside.safetensors",
        "/etc/passwd",
        "sub/model.safetensors",
        "model.bin",
        "..\\outside.safetensors",
        3,
        None,
    ],
)
def test_index_with_files_elsewhere_is_refused(folder, whole, shard, refusal):
    weights = folder / "model.safetensors"
    shutil.copy(weights, folder.parent / "outside.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(load_file(weights), shard)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    weights.unlink()
    assert "must list only safetensors files" in refusal(lmviz.load, folder)


@pytest.mark.parametrize("content", ["", "[]", '{"weight_map": 3}', "{}", "\0"])
def test_index_without_content_is_refused(folder, content, refusal):
    (folder / "model.safetensors.index.json").write_text(content)
    assert "index.json" in refusal(lmviz.load, folder)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_link_out_of_the_folder_is_refused(folder, file, tmp_path, refusal):
    (folder / file).rename(tmp_path / "outside")
    (folder / file).symlink_to(tmp_path / "outside")
    assert f"{file} in" in refusal(lmviz.load, folder)
    assert "is a link to" in refusal(lmviz.load_tokenizer, folder)


def test_link_to_itself_is_refused(folder, refusal):
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("config.json")
    refusal(lmviz.load, folder)


def test_links_inside_the_folder_and_to_it_are_followed(folder, tmp_path):
    (folder / "model.safetensors").rename(folder / "weights")
    (folder / "model.safetensors").symlink_to("weights")
    (tmp_path / "link").symlink_to(folder)
    assert lmviz.load(tmp_path / "link").card.n_layers == 2


@pytest.mark.parametrize(
    "readme",
    ["---\n[\n---\n", "---\n- a\n---\n", "---\nlicense: [1]\n---", "\0", "---"],
)
def test_readme_without_a_model_card_is_ignored(folder, readme):
    (folder / "README.md").write_text(readme)
    assert isinstance(lmviz.load(folder).card.license, str)


def test_readme_with_code_is_ignored(folder):
    (folder / "README.md").write_text(
        f"---\nlicense: !!python/object/apply:os.mkdir [{RAN}]\n---\n"
    )
    assert lmviz.load(folder).card.license == "not stated"


def test_readme_that_is_not_text_is_ignored(folder):
    (folder / "README.md").write_bytes(b"---\nlicense: \xff\xfe\n---\n")
    assert lmviz.load(folder).card.license == "not stated"
