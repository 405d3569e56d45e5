"""Folders that hold something else than a causal model for transformers.

The error names what it is and says what to do; the questions of users that it answers
are given with each test.
"""

import json
import shutil

import any_family
import pytest
import tiny_families
import torch
import transformers
from safetensors.torch import load_file, save_file

import lmviz
from lmviz.models import CorruptFile, UnsafeModel, UnsupportedModel, _hub, _read

SEQ2SEQ = {
    "vocab_size": 99,
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
    "forced_eos_token_id": 2,
}
T5 = {"vocab_size": 99, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_heads": 2}
BERT = {
    "vocab_size": 99,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "pad_token_id": 0,
}


def change_json(path, **changes):
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **changes}), encoding="utf-8")


# salesforce/CodeT5#100, lm-sys/FastChat#1545, oobabooga/textgen#1357
@pytest.mark.parametrize(
    ("family", "name", "options"),
    [
        ("bart", "BartForConditionalGeneration", SEQ2SEQ),
        ("marian", "MarianMTModel", SEQ2SEQ),
        ("t5", "T5ForConditionalGeneration", {**T5, "num_layers": 1}),
    ],
)
def test_encoder_decoder_is_named(family, name, options, saved, refusal):
    config = transformers.AutoConfig.for_model(family, **options)
    folder = saved(getattr(transformers, name)(config))
    message = refusal(lmviz.load, folder, kind=UnsupportedModel)
    assert f"is an encoder-decoder ({name})" in message
    assert "load a decoder-only model" in message


def test_falcon_with_penalties_subtracted_twice_is_refused():
    """Eager attention gives other logits than SDPA, which subtracts them once."""
    logits = []
    for attention in ("eager", "sdpa"):
        torch.manual_seed(0)
        config = tiny_families.config("falcon", vocab_size=99, alibi=True)
        module = transformers.AutoModelForCausalLM.from_config(
            config, attn_implementation=attention
        ).eval()
        logits.append(module(torch.arange(20)[None]).logits)
    assert abs(logits[0] - logits[1]).max() > 1e-3
    with pytest.raises(UnsupportedModel, match="is a Falcon with ALiBi"):
        lmviz.LanguageModel.from_module(module)


def test_decoder_of_an_encoder_decoder_is_loaded(saved):
    config = transformers.BartConfig(**SEQ2SEQ)
    theirs = transformers.BartForCausalLM(config).eval()
    lm = lmviz.load(saved(theirs))
    ids = torch.tensor([[3, 5, 7]])
    assert torch.allclose(lm.module(ids).logits, theirs(ids).logits, atol=1e-5)


# huggingface/transformers#12079
@pytest.mark.parametrize(
    ("family", "name", "options"),
    [
        ("distilbert", "DistilBertForMaskedLM", {"dim": 16, "n_heads": 2}),
        ("modernbert", "ModernBertForMaskedLM", BERT),
        ("esm", "EsmForMaskedLM", BERT),
    ],
)
def test_masked_model_that_has_no_causal_class_is_named(
    family, name, options, saved, refusal
):
    options = {"vocab_size": 99, "n_layers": 1, "hidden_dim": 16, **options}
    config = transformers.AutoConfig.for_model(family, **options)
    folder = saved(getattr(transformers, name)(config))
    message = refusal(lmviz.load, folder, kind=UnsupportedModel)
    assert f"is a masked language model ({name})" in message


def test_image_model_is_named(saved, refusal):
    config = transformers.ViTConfig(**{**BERT, "image_size": 32})
    message = refusal(lmviz.load, saved(transformers.ViTModel(config)))
    assert "is a ViTModel (model type 'vit')" in message
    assert "not load as a language model of text" in message


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_classifier_is_named(family, saved, refusal):
    config = tiny_families.config(family)
    module = transformers.AutoModelForSequenceClassification.from_config(config)
    message = refusal(lmviz.load, saved(module), kind=UnsupportedModel)
    assert f"is a classifier ({type(module).__name__})" in message


def test_model_without_an_unembedding_is_named(saved, refusal):
    module = transformers.LlamaModel(tiny_families.config("llama"))
    message = refusal(lmviz.load, saved(module), kind=UnsupportedModel)
    assert "has no unembedding: a LlamaModel embeds texts" in message


def test_model_that_shares_its_unembedding_needs_none(saved):
    module = transformers.GPT2Model(tiny_families.config("gpt2"))
    assert lmviz.load(saved(module)).card.n_layers == 2


# huggingface/transformers#25215, arcee-ai/mergekit#197, huggingface/peft#1381
@pytest.mark.parametrize("whole", [True, False])
def test_adapter_is_named_and_its_base_is_not_loaded(
    whole, tmp_path, tiny_folders, refusal
):
    folder = tmp_path / "adapter"
    if whole:  # transformers would read the base model in place of these weights
        shutil.copytree(tiny_folders["gpt2"], folder)
    else:
        folder.mkdir()
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "some-one/base"}
    (folder / "adapter_config.json").write_text(json.dumps(adapter))
    save_file({"a": torch.ones(1)}, folder / "adapter_model.safetensors")
    message = refusal(lmviz.load, folder, kind=UnsupportedModel)
    assert "is an adapter of 'some-one/base', not a whole model" in message
    assert "merge_and_unload in peft" in message


def test_adapter_on_the_hub_is_named_before_it_is_downloaded(monkeypatch, refusal):
    class Api:
        def model_info(self, *_, **__):
            file = type("File", (), {"rfilename": "adapter_config.json"})
            return type("Info", (), {"siblings": [file]})

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.setattr(_hub, "hub_answers", lambda: True)
    message = refusal(lmviz.load, "some-one/lora", kind=UnsupportedModel)
    assert message.startswith("some-one/lora is an adapter, not a whole model")


@pytest.mark.parametrize("inner", ["checkpoint-500", "snapshots/0123abc"])
def test_folder_of_models_names_a_model(inner, tmp_path, refusal):
    folder = tmp_path / inner
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    message = refusal(lmviz.load, tmp_path, kind=UnsupportedModel)
    assert f"its folder {inner!r} has one; pass that folder" in message


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("model_index.json", "a diffusion pipeline"),
        ("params.json", "in the format of its authors"),
        ("model-q4_k_m.gguf", "in the format GGUF"),
        ("model.onnx", "in the format ONNX"),
    ],
)
def test_other_format_is_named(file, said, tmp_path, refusal):
    (tmp_path / file).write_text("{}")
    assert said in refusal(lmviz.load, tmp_path, kind=UnsupportedModel)


def test_unknown_family_is_named(tmp_path, tiny_folders, refusal):
    shutil.copytree(tiny_folders["gpt2"], tmp_path, dirs_exist_ok=True)
    change_json(tmp_path / "config.json", model_type="from-the-future")
    message = refusal(lmviz.load, tmp_path, kind=UnsupportedModel)
    assert f"transformers {transformers.__version__} doesn't have its family" in message
    assert "upgrade transformers" in message


def test_remote_code_is_named(tmp_path, tiny_folders, refusal):
    shutil.copytree(tiny_folders["gpt2"], tmp_path, dirs_exist_ok=True)
    auto_map = {"AutoConfig": "mine.Config", "AutoModelForCausalLM": "mine.Model"}
    change_json(tmp_path / "config.json", model_type="mine", auto_map=auto_map)
    message = refusal(lmviz.load, tmp_path, kind=UnsafeModel)
    assert "code of its own, which lmviz does not run" in message
    assert "a version of it for the classes of transformers" in message


# huggingface/transformers#30978 and #45399 (Llama), ace-step/ACE-Step-1.5#105,
# sunblaze-ucb/Intuitor#3 (Qwen2.5), xorbitsai/inference#3739 (Qwen3)
@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "qwen2", "qwen3"])
@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation"])
@pytest.mark.parametrize("value", ["flash_attention_2", "flash_attention_3", "sdpa"])
def test_another_attention_in_the_config_is_replaced_by_eager(
    family, key, value, tmp_path, tiny_folders
):
    shutil.copytree(tiny_folders[family], tmp_path, dirs_exist_ok=True)
    change_json(tmp_path / "config.json", **{key: value})
    ours, theirs = map(lmviz.load, (tmp_path, tiny_folders[family]))
    assert ours.module.config._attn_implementation == "eager"
    ids = [3, 5, 7]
    assert torch.equal(ours.trace(ids).attentions, theirs.trace(ids).attentions)


def test_kernel_of_the_hub_in_an_inner_config_is_refused(
    tmp_path, tiny_folders, refusal
):
    shutil.copytree(tiny_folders["gpt2"], tmp_path, dirs_exist_ok=True)
    inner = {"attn_implementation": "some-one/evil-attention"}
    change_json(tmp_path / "config.json", text_config={"deep": inner})
    message = refusal(lmviz.load, tmp_path, kind=UnsafeModel)
    assert "'some-one/evil-attention', which lmviz does not run" in message


def test_kernels_are_not_fetched_from_the_hub(saved, monkeypatch):
    from transformers.integrations import hub_kernels
    from transformers.models.rwkv import modeling_rwkv

    fetched = []
    for package in ("ninja", "torch_cuda", "kernels"):
        name = f"is_{package}_available"
        monkeypatch.setattr(modeling_rwkv, name, lambda: True)
    monkeypatch.setattr(hub_kernels, "get_kernel", lambda *_, **__: fetched.append(1))
    config = transformers.RwkvConfig(
        vocab_size=99, hidden_size=16, num_hidden_layers=2, context_length=32
    )
    folder = saved(transformers.RwkvForCausalLM(config))
    assert fetched, "transformers fetches it"
    fetched.clear()
    assert lmviz.load(folder).card.n_layers == 2
    assert not fetched


def test_inner_config_with_more_layers_than_tensors_is_refused(
    tmp_path, tiny_folders, refusal
):
    shutil.copytree(tiny_folders["gpt2"], tmp_path, dirs_exist_ok=True)
    inner = {"num_hidden_layers": 1_000_000_000}
    change_json(tmp_path / "config.json", text_config=inner)
    message = refusal(lmviz.load, tmp_path, kind=CorruptFile)
    assert "specifies 1000000000 layers" in message


# unslothai/unsloth#6200: 8-bit weights without their scales
def test_weight_that_a_module_does_not_use_is_refused(tmp_path, tiny_folders, refusal):
    shutil.copytree(tiny_folders["llama"], tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    name = "model.layers.0.self_attn.q_proj.weight_scale"
    save_file(
        {**weights, name: torch.ones(1)},
        tmp_path / "model.safetensors",
        metadata={"format": "pt"},
    )
    message = refusal(lmviz.load, tmp_path, kind=CorruptFile)
    assert f"a weight {name}, which a LlamaForCausalLM does not use" in message


def test_missing_package_is_named(tmp_path, tiny_folders, refusal, monkeypatch):
    def fail(_):
        raise ImportError("\nTimmWrapperModel requires the timm library but it was")

    monkeypatch.setattr(_read, "_read_config", fail)
    shutil.copytree(tiny_folders["gpt2"], tmp_path, dirs_exist_ok=True)
    message = refusal(lmviz.load, tmp_path, kind=UnsupportedModel)
    assert "(TimmWrapperModel requires the timm library but it was)" in message
    assert "install what it needs" in message


def test_a_model_with_several_stacks_of_layers_is_refused():
    module = any_family.build_any(any_family.tiny_config("blt"))
    with pytest.raises(UnsupportedModel, match="several stacks of layers instead of"):
        lmviz.LanguageModel.from_module(module, name="blt")
