"""Models of images and text: their text part is traced, without an image.

Their sizes are in ``config.text_config``; tools that read ``config.hidden_size`` fail
(InternLM/lmdeploy#3261, huggingface/transformers#37515, llm-d/llm-d-benchmark#367).
"""

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

import lmviz

IDS = torch.tensor([3, 5, 7, 9])
TEXT = {
    "vocab_size": 50300,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
VISION = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "image_size": 28,
    "patch_size": 14,
}
IMAGE = {"image_token_index": 50299, "image_token_id": 50299}


def wrapper(family):
    """Return the config of a family with a text and an image part."""
    if family == "gemma3":
        return transformers.Gemma3Config(
            text_config=TEXT, vision_config=VISION, mm_tokens_per_image=4, **IMAGE
        )
    text = transformers.LlamaConfig(**TEXT)
    vision = {"model_type": "clip_vision_model", **VISION}
    if family == "mistral3":
        text = transformers.MistralConfig(**TEXT)
        vision = {**VISION, "model_type": "pixtral", "head_dim": 8}
    return transformers.AutoConfig.for_model(
        family, text_config=text, vision_config=vision, **IMAGE
    )


@pytest.mark.parametrize("family", ["gemma3", "llava", "mistral3"])
def test_wrapper_of_a_text_model_is_traced(family, saved):
    config = wrapper(family)
    auto = AutoModelForCausalLM if family == "gemma3" else AutoModelForImageTextToText
    torch.manual_seed(0)
    module = auto.from_config(config, attn_implementation="eager").eval()
    lm = lmviz.load(saved(module))
    card = lm.card
    assert (card.n_layers, card.n_heads, card.d_model) == (2, 4, 32)
    assert (card.vocabulary, card.context, card.positions) == (50300, 64, "rotary")
    trace = lm.trace(IDS)
    theirs = module(IDS[None], output_attentions=True, output_hidden_states=True)
    assert torch.allclose(trace.logits, theirs.logits[0], atol=1e-5)
    for ours, layers in (
        (trace.attentions, theirs.attentions),
        (trace.hidden_states, theirs.hidden_states),
    ):
        assert torch.allclose(ours, torch.cat(layers), atol=1e-5)
    steps = lmviz.prediction.generate(lm, IDS, n_tokens=3)
    expected = module.generate(IDS[None], max_new_tokens=3, do_sample=False)
    assert [step.id for step in steps] == expected[0, len(IDS) :].tolist()[: len(steps)]


def test_text_model_of_a_wrapper_is_read_from_its_folder(saved):
    # Llama 4 has a class for the text part alone.
    text = {**TEXT, "intermediate_size_mlp": 48, "num_local_experts": 2}
    text |= {"num_experts_per_tok": 1, "interleave_moe_layer_step": 2}
    config = transformers.Llama4Config(
        text_config=text,
        vision_config={**VISION, "vision_output_dim": 16, "projector_input_dim": 16},
    )
    torch.manual_seed(0)
    module = transformers.Llama4ForConditionalGeneration(config).eval()
    lm = lmviz.load(saved(module))
    assert type(lm.module).__name__ == "Llama4ForCausalLM"
    # The wrapper of transformers 5.24 fails on text alone.
    logits = module.language_model(IDS[None]).logits[0]
    assert torch.allclose(lm.trace(IDS).logits, logits, atol=1e-5)
