"""A trace of every causal family of this transformers release, against its own pass."""

import datetime

import any_family
import pytest
import torch

import lmviz
from lmviz.models import UnsupportedModel

IDS = torch.randint(2, 90, (12,), generator=torch.Generator().manual_seed(1))
BUILT = [
    family
    for family in any_family.causal_families()
    if family not in any_family.NOT_BUILT
]
#: Their residual stream has several parts, or their layers run several times.
NO_STATES = {
    *("deepseek_v4", "gemma3n_text", "hrm_text", "hy_v4"),
    *("qwen4_exp", "qwen4_exp_text"),
}
#: They return the states between their layers without the first, or without some.
OWN_STATES = {"falcon_mamba", "mamba", "mamba2", "mllama", "rwkv"}


def theirs(module, ids=IDS):
    options = {"output_attentions": True, "output_hidden_states": True}
    with torch.no_grad():
        return module(input_ids=ids[None], use_cache=False, **options)


TODAY = datetime.datetime.now(datetime.UTC).toordinal()


# Another tenth of them each day; scripts/families.py --check tries all of them.
@pytest.mark.parametrize("family", BUILT[TODAY % 10 :: 10])
def test_the_trace_of_any_family_equals_its_own_pass(family):
    module = any_family.build_any(any_family.tiny_config(family))
    output = theirs(module)
    try:
        lm = lmviz.LanguageModel.from_module(module, name=family)
    except UnsupportedModel:
        if family == "blt":  # it has no one stack of layers
            return
        changed = torch.cat([IDS[:6], (IDS[6:] + 7) % 90])
        early = [x.logits[0, :6] for x in (output, theirs(module, changed))]
        assert not torch.allclose(*early, atol=1e-6), "it is not causal"
        return
    keep = ("logits",) if family == "hrm_text" else ("attentions", "logits")
    keep = keep if lm.card.attention_layers or family == "hrm_text" else ("logits",)
    trace = lm.trace(IDS, keep=keep)
    assert torch.equal(trace.logits, output.logits[0].float())
    if "attentions" in keep:
        total = trace.attentions.sum(-1)
        total = total if trace.sink is None else total + trace.sink
        assert torch.allclose(total, torch.ones_like(total), atol=1e-5)
        assert trace.attentions.triu(1).eq(0).all()
        given = [x[0] for x in output.attentions if x is not None]
        for layer in trace.attention_layers:
            assert any(torch.equal(trace.attention(layer), x) for x in given)
    if family in NO_STATES:
        return
    states = lm.trace(IDS, keep="hidden_states")
    assert states.depths[0] == 0
    assert states.depths[-1] == lm.n_layers
    given = [x[0].float() for x in output.hidden_states]
    if family not in OWN_STATES:
        assert len(given) == len(states.hidden_states)
        pairs = zip(states.hidden_states, given, strict=True)
        assert all(torch.equal(ours, x) for ours, x in pairs)
    assert torch.equal(states.hidden_states[-1], given[-1])
