"""Models whose predictions depend on later tokens are refused.

BertViz drew the attention of masked models loaded as causal ones (jessevig/bertviz#83),
and transformers only warns of it (huggingface/transformers#13818).
"""

import pytest
import tiny_families
import torch
import transformers
from transformers import AutoModelForCausalLM

import lmviz
from lmviz.models import LanguageModel, UnsupportedModel

SMALL = {
    "vocab_size": 99,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "pad_token_id": 0,
}
GEMMA = {**SMALL, "head_dim": 8, "num_key_value_heads": 1}

# The class that saves the model, its config, and what the error calls it.
BIDIRECTIONAL = {
    "bert": ("BertForMaskedLM", SMALL, "masked language model, an encoder"),
    "roberta": ("RobertaForMaskedLM", SMALL, "(RobertaForMaskedLM, is_decoder=False)"),
    "electra": ("ElectraForMaskedLM", SMALL, "masked language model"),
    "rembert": ("RemBertForMaskedLM", SMALL, "masked language model"),
    "xlnet": (
        "XLNetLMHeadModel",
        {"vocab_size": 99, "d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 16},
        "a prefix or bidirectional model (XLNetLMHeadModel)",
    ),
    "cpmant": (
        "CpmAntForCausalLM",
        {**SMALL, "dim_head": 8, "dim_ff": 16, "prompt_length": 4},
        "a prefix or bidirectional model (CpmAntForCausalLM)",
    ),
    "gemma3_text": (
        "Gemma3ForCausalLM",
        {**GEMMA, "use_bidirectional_attention": True},
        "(Gemma3ForCausalLM, use_bidirectional_attention=True)",
    ),
}


def build(family):
    torch.manual_seed(0)
    name, options, said = BIDIRECTIONAL[family]
    config = transformers.AutoConfig.for_model(family, **options)
    return getattr(transformers, name)(config), said


# McGill-NLP/bias-bench#23: a perplexity of two million, of a BertForMaskedLM.
@pytest.mark.filterwarnings("ignore")  # of transformers, on the same matter
@pytest.mark.parametrize("family", BIDIRECTIONAL)
def test_bidirectional_model_is_refused(family, saved, refusal):
    module, said = build(family)
    message = refusal(lmviz.load, saved(module), kind=UnsupportedModel)
    assert "not causal, since its predictions depend on later tokens" in message
    assert said in message
    config = module.config
    module = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with pytest.raises(UnsupportedModel, match="custom is not causal"):
        LanguageModel.from_module(module)


# huggingface/transformers#43705 lets any decoder attend to later tokens.
@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_decoder_that_its_config_turns_into_an_encoder_is_refused(family, refusal):
    config = tiny_families.config(family, is_causal=False)
    with pytest.raises(UnsupportedModel, match=r"ForCausalLM|is_causal=False"):
        LanguageModel.from_module(tiny_families.build(config))


# huggingface/transformers#48745: their decoders attended to later tokens, in releases
# from 5.9.0 on.
@pytest.mark.parametrize("family", ["roformer", "big_bird", "rembert", "megatron-bert"])
def test_decoder_is_judged_by_what_it_computes(family):
    config = transformers.AutoConfig.for_model(family, **SMALL, is_decoder=True)
    torch.manual_seed(0)
    module = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    ids = torch.tensor([[3, 5, 7, 9], [3, 5, 11, 13]])
    early = module.eval()(ids).logits[:, :2]
    if torch.allclose(early[0], early[1], atol=1e-6):
        LanguageModel.from_module(module)
    else:
        with pytest.raises(UnsupportedModel, match="not causal"):
            LanguageModel.from_module(module)


def test_bidirectional_model_is_refused_in_16_bits(saved):
    with pytest.raises(UnsupportedModel, match="not causal"):
        lmviz.load(saved(build("bert")[0]), dtype="bfloat16")


# huggingface/transformers#12704 asks where its causal mask is.
def test_decoder_of_a_masked_family_is_loaded(saved):
    config = transformers.BertConfig(**SMALL, is_decoder=True)
    folder = saved(transformers.BertLMHeadModel(config))
    theirs = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    lm = LanguageModel.from_module(lmviz.load(folder).module)
    ids = torch.tensor([3, 5, 7])
    assert torch.equal(lm.trace(ids).logits, theirs.eval()(ids[None]).logits[0])
    assert lm.trace(ids).attentions.triu(1).eq(0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_mixture_of_experts_is_causal_despite_rounding(dtype):
    # The texts' later tokens go to other experts, which then multiply other shapes.
    torch.manual_seed(0)
    config = transformers.Qwen3MoeConfig(
        **GEMMA, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=16
    )
    for _ in range(5):
        module = AutoModelForCausalLM.from_config(
            config, attn_implementation="eager", experts_implementation="eager"
        )
        LanguageModel.from_module(module.to(dtype))


def test_short_context_and_few_ids_are_enough():
    config = transformers.GPT2Config(
        n_layer=1, n_head=2, n_embd=8, vocab_size=3, n_positions=2
    )
    module = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    assert LanguageModel.from_module(module).context == 2


def test_test_of_causality_takes_no_random_numbers(tiny_folders):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    lm = lmviz.load(tiny_folders["gpt2"])
    LanguageModel.from_module(lm.module)
    assert torch.equal(torch.get_rng_state(), before)


def test_module_without_logits_is_refused():
    config = tiny_families.config("gpt2")
    module = transformers.GPT2Model(config)
    with pytest.raises(UnsupportedModel, match="a GPT2Model, which has no logits"):
        LanguageModel.from_module(module)


def test_encoder_decoder_in_memory_is_refused():
    sizes = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2}
    config = transformers.T5Config(vocab_size=99, **sizes)
    module = transformers.T5ForConditionalGeneration(config)
    with pytest.raises(UnsupportedModel, match="custom is an encoder-decoder"):
        LanguageModel.from_module(module)


def test_module_that_cannot_read_a_text_is_refused(monkeypatch):
    module = AutoModelForCausalLM.from_config(tiny_families.config("gpt2"))
    monkeypatch.setattr(module, "forward", lambda **_: torch.zeros(1) @ torch.zeros(2))
    with pytest.raises(UnsupportedModel, match=r"float32 on cpu .*load another model"):
        LanguageModel.from_module(module)
    module.to(torch.bfloat16)
    with pytest.raises(UnsupportedModel, match='load it with dtype="float32"'):
        LanguageModel.from_module(module)
