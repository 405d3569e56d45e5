"""Layers keep their numbers: in hybrids, in models without attention, in a choice."""

import any_family
import pytest
import torch
from any_family import load_any as load
from torch.multiprocessing.reductions import StorageWeakRef

import lmviz

IDS = torch.randint(2, 90, (12,), generator=torch.Generator().manual_seed(1))

#: The layers of the tiny configs that have attention weights, as the modelling code of
#: transformers says: Jamba's period and offset, the layer types of the others, and for
#: MiniMax those that are not linear attention (TransformerLensOrg/TransformerLens#1468,
#: IINemo/lm-polygraph#463, ggml-org/llama.cpp#24068).
HYBRIDS = {
    "bamba": (1, 3),
    "bailing_hybrid": (1, 3),
    "granitemoehybrid": (1, 3),
    "jamba": (1, 3),
    "kimi_linear": (1, 3),
    "lfm2": (1, 3),
    "minimax": (0, 2),
    "nemotron_h": (1,),
    "olmo_hybrid": (3,),
    "qwen3_5_text": (3,),
    "qwen3_next": (1, 3),
    "recurrent_gemma": (2,),
}
NO_ATTENTION = ["falcon_mamba", "mamba", "mamba2", "rwkv", "xlstm"]


def eager(lm, ids=IDS):
    """Run the model as transformers does."""
    options = {"output_attentions": True, "output_hidden_states": True}
    with torch.no_grad():
        return lm.module(input_ids=ids[None], use_cache=False, **options)


@pytest.mark.parametrize("family", HYBRIDS)
def test_attentions_of_a_hybrid_have_the_numbers_of_their_layers(family):
    lm = load(family)
    trace, output = lm.trace(IDS), eager(lm)
    assert trace.attention_layers == HYBRIDS[family]
    assert lm.card.attention_layers == HYBRIDS[family]
    listed = ", ".join(map(str, HYBRIDS[family]))
    assert f"L=4 (attention in {listed})" in str(lm.card)
    kept = [x for x in output.attentions if x is not None and x.shape[2:] == (12, 12)]
    for layer, theirs in zip(HYBRIDS[family], kept, strict=True):
        assert torch.equal(trace.attention(layer), theirs[0])
    assert trace.depths == (0, 1, 2, 3, 4)
    for ours, theirs in zip(trace.hidden_states, output.hidden_states, strict=True):
        assert torch.equal(ours, theirs[0])
    missing = next(iter({0, 1} - set(HYBRIDS[family])))
    with pytest.raises(ValueError, match=f"one of {listed}, got {missing}"):
        trace.attention(missing)


@pytest.mark.parametrize("family", NO_ATTENTION)
def test_a_model_without_attention_has_states_and_logits(family):
    lm = load(family)
    trace, output = lm.trace(IDS), eager(lm)
    assert trace.attentions is None
    assert trace.attention_layers == lm.card.attention_layers == ()
    assert "L=4 (attention in none)" in str(lm.card)
    assert torch.equal(trace.logits, output.logits[0])
    # RWKV returns a state of another kind under the name of attentions.
    with pytest.raises(ValueError, match=f"{family} has no attention weights, since"):
        lm.trace(IDS, keep="attentions")
    assert lm.trace(IDS, keep="logits").hidden_states is None


@pytest.mark.parametrize("family", ["falcon_mamba", "mamba", "mamba2", "rwkv"])
def test_states_begin_before_the_first_layer_where_the_model_leaves_that_out(family):
    # huggingface/transformers#2461: the first one is the output of the embeddings.
    lm = load(family)
    seen = []
    blocks = next(x for x in lm.module.modules() if isinstance(x, torch.nn.ModuleList))
    for block in blocks:
        block.register_forward_pre_hook(lambda _, args: seen.append(args[0][0].clone()))
    output = eager(lm)
    states = lm.trace(IDS).hidden_states
    assert len(states) == 5
    for ours, before in zip(states, seen[:4], strict=False):
        assert torch.equal(ours, before)
    assert torch.equal(states[-1], output.hidden_states[-1][0])


def test_a_block_that_a_text_skips_leaves_the_numbers_of_the_others():
    # Cross-attention layers of Llama 3.2 Vision run only for images.
    lm = load("mllama", text_config={**small_text(), "cross_attention_layers": [1]})
    trace = lm.trace(IDS)
    assert trace.attention_layers == (0, 2, 3)
    assert trace.depths == (0, 1, 2, 3, 4)
    assert torch.equal(trace.hidden_states[1], trace.hidden_states[2]), "skipped"
    assert not torch.equal(trace.hidden_states[2], trace.hidden_states[3])


def small_text():
    return any_family.tiny_config("mllama").text_config.to_dict()


@pytest.mark.parametrize("family", ["gpt2", "jamba", "mamba", "xlm", "longcat_flash"])
def test_chosen_layers_equal_those_of_the_whole_trace(family):
    lm = load(family, **({"causal": True} if family == "xlm" else {}))
    whole = lm.trace(IDS)
    for layers in (0, 1, (1, 3), range(lm.n_layers)):
        numbers = [layers] if isinstance(layers, int) else layers
        has = set(numbers) & set(whole.attention_layers)
        keep = ("hidden_states", "attentions") if has else ("hidden_states",)
        part = lm.trace(IDS, keep=keep, layers=layers)
        assert part.logits is None
        assert part.attention_layers == tuple(sorted(has))
        for layer in has:
            assert torch.equal(part.attention(layer), whole.attention(layer))
        assert set(numbers) <= set(part.depths) or family == "longcat_flash"
        for depth, state in zip(part.depths, part.hidden_states, strict=True):
            assert torch.equal(state, whole.hidden_states[whole.depths.index(depth)])
    assert torch.equal(lm.trace(IDS, layers=1).logits, whole.logits)


def test_only_chosen_layers_are_held_in_memory(tiny, monkeypatch):
    from lmviz.models import _trace

    copied, put = [], _trace._Stack.put

    def counted(stack, number, tensor):
        copied.append((number, tuple(tensor.shape)))
        put(stack, number, tensor)

    monkeypatch.setattr(_trace._Stack, "put", counted)
    seen = []
    tiny.module.register_forward_hook(
        lambda _, __, output: seen.append((output.attentions, output.hidden_states))
    )
    tiny.trace("The dog", layers=1)
    assert seen == [(None, None)]
    assert sorted(copied) == [(1, (1, 2, 32)), (1, (1, 4, 2, 2)), (2, (1, 2, 32))]


def test_a_model_need_not_hold_the_attentions_of_all_layers(tiny):
    """Each is copied when it is there, so that the model can free it."""
    seen = []
    tiny.module.register_forward_hook(
        lambda _, __, output: seen.append(output.attentions)
    )
    tiny.trace("The dog")
    assert seen == [None]


@pytest.mark.parametrize("family", ["gpt2", "jamba", "xlm", "longcat_flash"])
def test_a_function_gets_each_layer_once_with_the_weights_of_the_trace(family):
    lm = load(family, **({"causal": True} if family == "xlm" else {}))
    calls = []

    def copied(weights):
        calls.append(weights.shape)
        return weights.clone()

    found, whole = lm.map_attentions(IDS, copied), lm.trace(IDS)
    assert tuple(found) == whole.attention_layers
    assert len(calls) == len(found)
    for layer, weights in found.items():
        assert torch.equal(weights, whole.attention(layer))
    last = max(found)
    assert list(lm.map_attentions(IDS, copied, layers=last)) == [last]


def test_a_function_gets_each_layer_once_if_the_model_runs_twice(tiny, monkeypatch):
    from lmviz.models import _trace

    def twice(*args, run=_trace.run, **options):
        run(*args, **options)
        return run(*args, **options)

    monkeypatch.setattr(_trace, "run", twice)
    calls = []
    tiny.map_attentions("The dog", lambda weights: calls.append(weights.shape))
    assert calls == [(4, 2, 2)] * 2


def test_each_layer_is_freed_before_the_function_gets_the_next(tiny):
    held = []

    def remember(weights):
        earlier = [ref.expired() for ref in held]
        held.append(StorageWeakRef(weights.untyped_storage()))
        return earlier

    assert tiny.map_attentions("The dog", remember) == {0: [], 1: [True]}


def test_models_without_attention_and_what_is_no_function_are_refused(tiny):
    with pytest.raises(ValueError, match="mamba has no attention weights, since"):
        load("mamba").map_attentions(IDS, len)
    message = "with attention weights, 1, 3, got 0, 2$"
    with pytest.raises(ValueError, match=message):
        load("jamba").map_attentions(IDS, len, layers=(0, 2))
    with pytest.raises(TypeError, match="`function` must take the .*, got str"):
        tiny.map_attentions("The dog", "mean")


@pytest.mark.parametrize(
    ("layers", "kind", "message"),
    [
        (2, ValueError, "`layers` must be from 0 to 1, got 2"),
        ((0, -1), ValueError, "`layers` must be from 0 to 1, got -1"),
        ((), ValueError, "`layers` must have at least one layer, got none"),
        ("01", TypeError, "`layers` must be an integer, got '0'"),
        (0.5, TypeError, "`layers` must be an integer or several, got 0.5"),
    ],
)
def test_layers_that_are_not_there_are_refused(tiny, layers, kind, message):
    with pytest.raises(kind, match=message):
        tiny.trace("The dog", layers=layers)


def test_a_layer_without_attention_is_refused_by_its_number():
    lm = load("jamba")
    message = "must include one of the layers with attention weights, 1, 3, got 0, 2;"
    with pytest.raises(ValueError, match=message):
        lm.trace(IDS, layers=(0, 2))


def test_layers_that_run_several_times_are_refused():
    lm = load("hrm_text")
    with pytest.raises(ValueError, match="run several times in a pass"):
        lm.trace(IDS)
    assert torch.equal(lm.trace(IDS, keep="logits").logits, eager(lm).logits[0])


def test_the_last_state_is_as_wide_as_the_others_where_a_projection_follows():
    # OPT 350M: its embeddings are narrower than its states.
    lm = load("opt", word_embed_proj_dim=16)
    seen = []
    project = lm.module.model.decoder.project_out
    project.register_forward_hook(lambda _, args, __: seen.append(args[0][0]))
    trace = lm.trace(IDS)
    assert trace.hidden_states.shape == (5, 12, 32)
    assert torch.equal(trace.hidden_states[-1], seen[-1])
    assert trace.embeddings.shape == (12, 16)


@pytest.mark.parametrize("family", ["deepseek_v4", "gemma3n_text", "hy_v4"])
def test_states_of_several_streams_are_refused(family):
    with pytest.raises(ValueError, match="hidden states of .* cannot be stacked"):
        load(family).trace(IDS)


def test_the_layout_is_found_again_after_a_change_of_implementation():
    module = any_family.build_any(any_family.tiny_config("llama"))
    module.set_attn_implementation("sdpa")
    lm = lmviz.LanguageModel.from_module(module, name="mine")
    assert lm.card.attention_layers is None
    with pytest.raises(ValueError, match='mine returns no attention .*"eager"'):
        lm.trace(IDS)
    module.set_attn_implementation("eager")
    assert lm.trace(IDS).attention_layers == (0, 1, 2, 3)


@pytest.mark.parametrize("family", ["flint", "gpt_oss", "inkling2_text"])
def test_the_share_of_a_learned_sink_is_what_rows_lack(family):
    lm = load(family)
    trace, output = lm.trace(IDS), eager(lm)
    assert torch.equal(trace.attentions[1], output.attentions[1][0])
    assert trace.sink.shape == (4, 4, 12)
    total = trace.attentions.sum(-1) + trace.sink
    assert torch.allclose(total, torch.ones(4, 4, 12), atol=1e-6)
    assert trace.sink.min() > 0.01


def test_a_sink_is_the_share_that_its_logit_has_in_the_softmax():
    # The first query attends to itself and to the sink alone: with its score s and the
    # sink's logit b, the sink has exp(b) / (exp(s) + exp(b)), as in
    # fla-org/flash-linear-attention#831 and NVIDIA/TransformerEngine#2070.
    lm = load("gpt_oss")
    trace = lm.trace(IDS)
    sinks = lm.module.model.layers[0].self_attn.sinks
    weight = trace.attentions[0, :, 0, 0]
    score = weight.log() - trace.sink[0, :, 0].log() + sinks
    expected = (score - sinks).sigmoid()
    assert torch.allclose(weight, expected, atol=1e-6)
    other = sinks + 1.0
    sinks.copy_(other)
    weight = lm.trace(IDS).attentions[0, :, 0, 0]
    assert torch.allclose(weight, (score - other).sigmoid(), atol=1e-5)


def test_models_without_a_sink_have_none(tiny):
    assert tiny.trace("The dog").sink is None
