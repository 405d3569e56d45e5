import shutil

import pytest

import lmviz
from lmviz.models import UnsafeModel, UnsupportedModel


def test_folder_without_a_config_is_refused(tmp_path, refusal):
    assert "has no config.json" in refusal(lmviz.load, tmp_path, kind=UnsupportedModel)


def test_folder_without_a_tokenizer_is_refused(tmp_path, tiny_folders, refusal):
    shutil.copytree(tiny_folders["gpt2"], tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer.json").unlink()
    assert "no tokenizer.json" in refusal(lmviz.load_tokenizer, tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    message = refusal(lmviz.load, tmp_path, kind=UnsupportedModel)
    assert "no tokenizer.json" in message


@pytest.fixture
def no_weights(tmp_path, tiny_folders):
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(tiny_folders["gpt2"] / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_pickled_weights_are_refused(no_weights, file, refusal):
    (no_weights / file).write_bytes(b"\x80\x04.")
    message = refusal(lmviz.load, no_weights, kind=UnsafeModel)
    assert file in message
    assert "a pickle, which could run any code" in message


def test_folder_without_weights_is_refused(no_weights, refusal):
    assert "no *.safetensors" in refusal(lmviz.load, no_weights, kind=UnsupportedModel)


def test_folder_that_lacks_a_shard_is_refused(no_weights, refusal):
    (no_weights / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-00001-of-00002.safetensors"}}'
    )
    assert "has no model-00001" in refusal(lmviz.load, no_weights)


def test_folder_has_the_same_tokenizer_alone_and_with_the_model(tiny_folders):
    alone = lmviz.load_tokenizer(tiny_folders["llama"])
    model = lmviz.load(tiny_folders["llama"])
    assert alone.to_str() == model.tokenizer.to_str()
