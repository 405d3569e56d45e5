"""Quantized checkpoints work if transformers can run them here; others are named."""

import json

import pytest
import tiny_families
import torch
import transformers
from safetensors.torch import load_file, save_file

import lmviz
from lmviz.models import CorruptFile, UnsafeModel, UnsupportedModel, _quantization

IDS = [3, 5, 7, 9]


def set_quantization(folder, options):
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["quantization_config"] = options
    file.write_text(json.dumps(config), encoding="utf-8")


@pytest.fixture
def fp8(saved):
    """A Llama with the weights of its blocks in 8 bits, one scale for each matrix."""
    pytest.importorskip("accelerate")
    folder = saved(tiny_families.build(tiny_families.config("llama")))
    weights = {}
    for name, weight in load_file(folder / "model.safetensors").items():
        weights[name] = weight
        if "proj" in name:
            scale = weight.abs().amax().reshape(1, 1) / 448
            weights[name] = (weight / scale).to(torch.float8_e4m3fn)
            weights[f"{name}_scale_inv"] = scale
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    set_quantization(
        folder,
        {
            "quant_method": "fp8",
            "activation_scheme": "dynamic",
            "weight_block_size": [128, 128],
        },
    )
    return folder


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_8_bit_checkpoint_is_that_of_transformers(fp8, dtype):
    config = transformers.AutoConfig.from_pretrained(fp8)
    config.quantization_config["dequantize"] = True
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        fp8, config=config, attn_implementation="eager"
    ).to(getattr(torch, dtype))
    lm = lmviz.load(fp8, dtype=dtype)
    assert {w.dtype for w in lm.module.parameters()} == {getattr(torch, dtype)}
    logits = theirs(torch.tensor([IDS])).logits[0]
    assert torch.equal(lm.trace(IDS).logits, logits.float())


def test_4_bit_checkpoint_of_gpt_oss_is_that_of_transformers(saved):
    sizes = {"hidden_size": 64, "intermediate_size": 64, "head_dim": 16}
    config = transformers.GptOssConfig(
        **sizes,
        vocab_size=99,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=4,
        num_experts_per_tok=2,
    )
    folder = saved(tiny_families.build(config))
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, weight in load_file(folder / "model.safetensors").items():
        if not name.endswith(("gate_up_proj", "down_proj")):
            weights[name] = weight
            continue
        n, rows, columns = weight.shape  # blocks of 32 numbers, two in a byte
        blocks = (n, columns, rows // 32)
        weights[f"{name}_blocks"] = torch.randint(
            256, (*blocks, 16), dtype=torch.uint8, generator=generator
        )
        weights[f"{name}_scales"] = torch.randint(
            120, 125, blocks, dtype=torch.uint8, generator=generator
        )
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    set_quantization(folder, {"quant_method": "mxfp4"})
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        folder,
        attn_implementation="eager",
        quantization_config=transformers.Mxfp4Config(dequantize=True),
    ).float()
    ours, ids = lmviz.load(folder).module, torch.tensor([IDS])
    assert torch.equal(ours(ids).logits, theirs(ids).logits)


@pytest.mark.parametrize("method", ["fp8", "mxfp4"])
def test_weights_become_ordinary_ones_also_where_kernels_are_installed(method):
    config = transformers.LlamaConfig(quantization_config={"quant_method": method})
    _quantization.prepare(config, "model")
    assert config.quantization_config == {"quant_method": method, "dequantize": True}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq, which cannot run here"),
        ({"quant_method": "awq", "bits": 4}, "awq, which cannot run here"),
        ({"load_in_4bit": True}, "bitsandbytes, which cannot run here"),
        ({"quant_method": "aqlm"}, "aqlm, which cannot run here"),
        ({"quant_method": "from-the-future"}, "which transformers doesn't know"),
        ({"bits": 4, "group_size": 64}, "quantized for MLX"),
    ],
)
def test_checkpoint_that_cannot_run_here_is_named(
    options, said, tiny_folders, saved, refusal
):
    folder = saved(lmviz.load(tiny_folders["llama"]).module)
    set_quantization(folder, options)
    message = refusal(lmviz.load, folder, kind=UnsupportedModel)
    assert said in message
    assert "load the model that it was made from" in message


@pytest.mark.parametrize("method", ["eetq", "fbgemm_fp8", "nvfp4"])
def test_checkpoint_that_needs_kernels_of_the_hub_is_refused(
    method, tiny_folders, saved, refusal
):
    folder = saved(lmviz.load(tiny_folders["llama"]).module)
    set_quantization(folder, {"quant_method": method})
    message = refusal(lmviz.load, folder, kind=UnsafeModel)
    assert f"quantized with {method}, which runs kernels" in message


# unslothai/unsloth#6200: the numbers would be taken for weights.
def test_scales_that_are_not_used_are_refused(fp8, refusal):
    set_quantization(fp8, None)
    message = refusal(lmviz.load, fp8, kind=CorruptFile)
    assert (
        "down_proj.weight_scale_inv, which a LlamaForCausalLM does not use" in message
    )
