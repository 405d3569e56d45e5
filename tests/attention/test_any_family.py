"""Head scores and ablation on families without an entry, hybrids and learned sinks."""

import copy

import pytest
import torch
from any_family import load_any

from lmviz import attention, corpus
from lmviz._heads import projections

IDS = torch.randint(2, 9, (12,), generator=torch.Generator().manual_seed(1))
FAMILIES = [
    "cohere2",
    "deepseek_v3",
    "falcon",
    "gpt_oss",
    "jamba",
    "phi3",
    "qwen3_next",
]


def heads_zeroed(module, name, heads):
    """Ablate heads in the weights of an output projection: their columns are zero."""
    module = copy.deepcopy(module)
    columns = module.get_submodule(name).weight.unflatten(1, (4, -1))
    columns[:, heads] = 0
    return module


def logits(module):
    return module(IDS[None], use_cache=False).logits[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_ablation_equals_zeroed_weights_in_any_family(family):
    lm = load_any(family)
    layer = 1
    name = next(
        name
        for end in ("o_proj", "dense")
        for name, _ in lm.module.named_modules()
        if f".{layer}.self_att" in name and name.endswith(end)
    )
    whole = logits(lm.module)
    for heads in ([2], [0, 3], [0, 1, 2, 3]):
        with attention.ablate_heads(lm, [(layer, head) for head in heads]):
            result = logits(lm.module)
        expected = logits(heads_zeroed(lm.module, name, heads))
        assert torch.allclose(result, expected, atol=1e-5)
        assert not torch.allclose(result, whole, atol=1e-4)


@pytest.mark.parametrize("family", ["gpt_oss", "jamba"])
def test_ablating_all_heads_leaves_nothing_of_the_attention_but_a_bias(family):
    lm = load_any(family)
    part = lm.module.model.layers[1].self_attn
    seen = []
    part.register_forward_hook(lambda _, __, output: seen.append(output[0][0]))
    with attention.ablate_heads(lm, [(1, head) for head in range(4)]):
        lm.trace(IDS, keep="logits")
    bias = part.o_proj.bias
    assert torch.equal(seen[-1], torch.zeros(12, 32) + (0 if bias is None else bias))


def test_heads_of_a_hybrid_keep_the_numbers_of_their_layers():
    lm = load_any("jamba")
    means = attention.mean_head_outputs(lm, IDS)
    effects = attention.head_effects(lm, IDS, 5)
    scores = corpus.head_scores(lm, [IDS, IDS[:7]], progress=False)
    for values in (means.flatten(1), effects, *scores.values()):
        assert values[[0, 2]].isnan().all()
        assert values[[1, 3]].isfinite().all()
    with attention.ablate_heads(lm, (3, 1)):
        expected = logits(lm.module)[-1].log_softmax(-1)[5]
    change = expected - logits(lm.module)[-1].log_softmax(-1)[5]
    assert effects[3, 1] == pytest.approx(float(change), abs=1e-5)
    with attention.ablate_heads(lm, (3, 1), replacement=means):
        assert not torch.equal(logits(lm.module)[-1].log_softmax(-1)[5], expected)
    message = "layer 2 has no attention heads; layers with heads are 1, 3"
    with (
        pytest.raises(ValueError, match=message),
        attention.ablate_heads(lm, [(1, 0), (2, 0)]),
    ):
        pass


def test_strongest_heads_of_a_hybrid_have_the_numbers_of_their_layers():
    lm = load_any("jamba")
    trace = lm.trace(IDS)
    ours = attention.previous_token_score(trace.attentions)
    top = attention.strongest(ours, 3, layers=trace.attention_layers)
    assert {layer for layer, *_ in top} <= {1, 3}
    layer, head, score = top[0]
    own = trace.attention(layer)[head]
    assert float(attention.previous_token_score(own)) == pytest.approx(score)
    many = corpus.head_scores(lm, [IDS], progress=False)["previous token"]
    again = attention.strongest(many, 3)
    assert [head[:2] for head in again] == [head[:2] for head in top]


def test_layers_of_strongest_must_match_the_scores():
    message = r"`layers` must be 2 different integers in order, got \(3, 1\)"
    with pytest.raises(ValueError, match=message):
        attention.strongest(torch.ones(2, 4), 1, layers=(3, 1))


@pytest.mark.parametrize("family", FAMILIES)
def test_head_scores_of_many_texts_equal_those_of_traces(family):
    lm = load_any(family)
    trace = lm.trace(IDS)
    scores = corpus.head_scores(lm, [IDS], progress=False)
    layers = list(trace.attention_layers)
    options = {"sink": trace.sink}
    for name, expected in (
        ("previous token", attention.previous_token_score(trace.attentions, **options)),
        ("first token", attention.first_token_score(trace.attentions, **options)),
        ("entropy", attention.entropy(trace.attentions, **options)[..., 1:].mean(-1)),
    ):
        assert torch.allclose(scores[name][layers], expected, atol=1e-5), name


def test_entropy_counts_a_learned_sink_as_a_key():
    # As in gpt-oss: the softmax runs over the scores and the sink's logit.
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 3, 5, 6, generator=generator)
    whole = scores.softmax(-1)
    weights, sink = whole[..., 1:], whole[..., 0]
    expected = torch.distributions.Categorical(logits=scores).entropy()
    assert torch.allclose(attention.entropy(weights, sink=sink), expected, atol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        attention.entropy,
        attention.previous_token_score,
        attention.first_token_score,
        lambda weights, **more: attention.induction_score(
            weights, torch.tensor([5, 7, 5]), **more
        ),
        lambda weights, **more: attention.duplicate_token_score(
            weights, torch.tensor([5, 7, 5]), **more
        ),
        lambda weights, **more: attention.rollout(weights[None, None], **more),
    ],
)
def test_rows_that_do_not_sum_to_one_are_refused_unless_a_sink_has_the_rest(function):
    # awslabs/sockeye#637: a symbol was taken away with its weight.
    weights = torch.tensor([[0.5, 0, 0], [0.25, 0.25, 0], [0.3, 0.3, 0.3]])
    with pytest.raises(ValueError, match=r"must sum to 1 .* got 0\.5; what a learned"):
        function(weights)
    rest = 1 - weights.sum(-1)
    four = rest[None, None] if "rollout" in function.__code__.co_names else rest
    function(weights, sink=four)
    with pytest.raises(ValueError, match="must sum to 1 together with `sink`"):
        function(weights, sink=four / 2)
    # yangchengbupt/NeuralDiffusionModel#1: dropout scales what is left to 1.1111.
    with pytest.raises(ValueError, match="must (sum to 1|be from 0 to 1)"):
        function(torch.eye(3) / 0.9)
    with pytest.raises(ValueError, match="`sink` must have shape"):
        function(weights, sink=four[..., :2])


def test_a_model_without_attention_has_no_heads():
    lm = load_any("mamba")
    for function in (
        lambda: attention.ablate_heads(lm, (0, 0)).__enter__(),
        lambda: attention.mean_head_outputs(lm, IDS),
        lambda: attention.head_effects(lm, IDS, 5),
        lambda: corpus.head_scores(lm, [IDS], progress=False),
    ):
        with pytest.raises(ValueError, match="mamba has no attention weights, since"):
            function()
    assert len(corpus.surprisals(lm, [IDS], progress=False)[0]) == 11


def test_heads_that_a_norm_mixes_cannot_be_ablated():
    # BitNet has a norm over all heads before the output projection.
    with pytest.raises(ValueError, match="bitnet mixes the outputs of its heads"):
        attention.mean_head_outputs(load_any("bitnet"), IDS)


def test_a_linear_layer_before_the_heads_is_no_output_projection():
    for family in ("deepseek_v3", "gpt_oss", "bloom"):
        lm = load_any(family)
        for layer, projection in projections(lm.module, family).items():
            name = projection.module
            assert f".{layer}." in name
            assert name.endswith(("o_proj", "dense"))
            assert (projection.n_heads, projection.d_head) == (4, 8)
