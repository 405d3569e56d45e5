"""The logit lens of any family, against its own final norm and unembedding."""

import pytest
import torch
from any_family import load_any

from lmviz import _memory, _readout, prediction, transformer

IDS = torch.randint(2, 90, (9,), generator=torch.Generator().manual_seed(1))

#: From a state to the logits, as the modelling code of transformers has it; the scales
#: are those of vllm-project/vllm#52158. Gemma 2 is in the test against the rebuilt
#: model, which norms each state by itself (TransformerLensOrg/TransformerLens#828 and
#: #1077).
READ = {
    "cohere": lambda m, x: m.lm_head(m.model.norm(x)) * m.config.logit_scale,
    "falcon_h1": lambda m, x: (
        m.lm_head(m.model.final_layernorm(x)) * m.config.lm_head_multiplier
    ),
    "granite": lambda m, x: m.lm_head(m.model.norm(x)) / m.config.logits_scaling,
    "hyperclovax": lambda m, x: m.lm_head(m.model.norm(x)) * m.config.logits_scaling,
    "inkling_text": lambda m, x: m.lm_head(
        m.model.norm(x) / m.config.logits_mup_width_multiplier
    ),
    "jamba": lambda m, x: m.lm_head(m.model.final_layernorm(x)),
    "mamba": lambda m, x: m.lm_head(m.backbone.norm_f(x)),
    "minicpm3": lambda m, x: m.lm_head(
        m.model.norm(x) / (m.config.hidden_size / m.config.dim_model_base)
    ),
    "mixtral": lambda m, x: m.lm_head(m.model.norm(x)),
    "opt": lambda m, x: m.lm_head(
        m.model.decoder.project_out(m.model.decoder.final_layer_norm(x))
    ),
    "phi": lambda m, x: m.lm_head(m.model.final_layernorm(x)),
    "recurrent_gemma": lambda m, x: (
        m.config.logits_soft_cap
        * (m.lm_head(m.model.final_norm(x)) / m.config.logits_soft_cap).tanh()
    ),
    "rwkv": lambda m, x: m.head(m.rwkv.ln_out(x)),
}
CHANGES = {
    "cohere": {"logit_scale": 0.3},
    "falcon_h1": {"lm_head_multiplier": 0.4},
    "granite": {"logits_scaling": 3.0},
    "hyperclovax": {"logits_scaling": 3.0},
    "inkling_text": {"logits_mup_width_multiplier": 4.0},
    "minicpm3": {"dim_model_base": 8},
    "opt": {"word_embed_proj_dim": 16},
    "recurrent_gemma": {"logits_soft_cap": 2.0},
}


@pytest.mark.parametrize("family", READ)
def test_the_lens_applies_what_follows_the_last_block(family):
    lm = load_any(family, **CHANGES.get(family, {}))
    trace = lm.trace(IDS, keep=("hidden_states", "logits"))
    lens = prediction.text_logit_lens(lm, IDS)
    assert lens.shape == (5, 9, 99)
    assert torch.equal(lens[-1], trace.logits)
    for ours, state in zip(lens[:-1], trace.hidden_states[:-1], strict=True):
        assert torch.allclose(ours, READ[family](lm.module, state), atol=1e-5)
    assert torch.equal(prediction.text_logit_lens(lm, IDS, layers=1), lens[1:3])


def test_the_lens_equals_that_of_the_rebuilt_model(family):
    text = "The dog chased the ball"
    trace, model = family.trace(text), transformer.extract(family)
    expected = prediction.logit_lens(
        trace.hidden_states, model.final_norm, model.unembedding
    )
    lens = prediction.text_logit_lens(family, text)
    assert torch.allclose(lens, expected, atol=1e-4)


def test_the_lens_does_not_change_the_model(tiny):
    before = tiny.trace("The dog").logits
    names = [name for name, _ in tiny.module.named_modules()]
    prediction.text_logit_lens(tiny, "The cat")
    assert [name for name, _ in tiny.module.named_modules()] == names
    assert torch.equal(tiny.trace("The dog").logits, before)


def test_a_model_whose_last_state_does_not_give_its_logits_is_refused():
    lm = load_any("llama")
    block = lm.module.model.layers[-1]
    keep = []
    block.register_forward_hook(lambda _, __, output: keep.append(output.mean()))
    # A model that also uses something else of its last block.
    lm.module.lm_head.register_forward_hook(
        lambda _, __, x: x + (keep.pop() if keep else 1)
    )
    with pytest.raises(
        ValueError, match="lens cannot read the states of llama: .* not yield"
    ):
        prediction.text_logit_lens(lm, IDS)


def test_a_model_without_a_list_of_blocks_is_refused(monkeypatch):
    lm = load_any("xlm", causal=True)
    with pytest.raises(
        ValueError, match="the logit lens cannot read the states of xlm"
    ):
        prediction.text_logit_lens(lm, IDS)


def test_the_lens_reads_bfloat16_models():
    lm = load_any("granite", logits_scaling=3.0)
    lm.module.bfloat16()
    trace = lm.trace(IDS)
    lens = prediction.text_logit_lens(lm, IDS)
    assert lens.dtype == torch.float32
    state = trace.hidden_states[1].bfloat16()
    expected = READ["granite"](lm.module, state).float()
    assert torch.allclose(lens[1], expected, atol=1e-2)


def test_a_given_block_has_the_attributes_of_its_original(tiny):
    block = next(iter(tiny.module.modules()))
    given = _readout._Given(block)
    assert given.config is block.config


def test_a_lens_that_does_not_fit_into_memory_is_refused(toy, monkeypatch):
    states = toy.n_layers + 1
    takes = states * len(IDS) * toy.card.vocabulary * 4
    ids = IDS % toy.card.vocabulary
    monkeypatch.setattr(_memory, "available", lambda _: takes)
    assert prediction.text_logit_lens(toy, ids).numel() * 4 == takes
    monkeypatch.setattr(_memory, "available", lambda _: takes - 1)
    with pytest.raises(ValueError, match=f"lens of {states} states of 9 tokens takes"):
        prediction.text_logit_lens(toy, ids)


def test_only_the_rows_of_some_positions_are_returned(tiny):
    lens = prediction.text_logit_lens(tiny, IDS)
    last = prediction.text_logit_lens(tiny, IDS, positions=-1)
    assert torch.equal(last, lens[:, -1:])
    some = prediction.text_logit_lens(tiny, IDS, positions=[3, 0], layers=1)
    assert torch.equal(some, lens[1:3][:, [3, 0]])
    for positions in (9, -10, [0, 9]):
        with pytest.raises(ValueError, match="`positions` must be from -9 to 8"):
            prediction.text_logit_lens(tiny, IDS, positions=positions)
    with pytest.raises(TypeError, match="`positions` must be an integer or several"):
        prediction.text_logit_lens(tiny, IDS, positions=1.5)
