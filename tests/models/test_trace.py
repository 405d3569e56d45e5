import pytest
import torch

from lmviz import transformer


def test_trace_equals_the_output_of_the_model(family):
    text = "The dog chased the ball"
    trace = family.trace(text)
    output = family.module(
        family.encode(text)[None], output_hidden_states=True, output_attentions=True
    )
    assert torch.equal(trace.logits, output.logits[0])
    for ours, theirs in (
        (trace.hidden_states, output.hidden_states),
        (trace.attentions, output.attentions),
    ):
        assert len(ours) == len(theirs)
        for layer, tensors in zip(ours, theirs, strict=True):
            assert torch.equal(layer, tensors[0])


def test_embeddings_are_rows_of_the_table(family):
    trace = family.trace("The dog chased the ball")
    table = transformer.token_table(family)
    assert torch.equal(trace.embeddings, table[trace.ids])


def test_a_trace_has_the_tokens_and_the_shapes_of_the_model(family):
    trace = family.trace("The dog chased the ball")
    n_tokens, card = len(trace.tokens), family.card
    assert trace.tokens == ("The", "␣dog", "␣chased", "␣the", "␣ball")
    assert trace.ids.shape == (n_tokens,)
    assert trace.embeddings.shape == (n_tokens, card.d_model)
    assert trace.hidden_states.shape == (card.n_layers + 1, n_tokens, card.d_model)
    assert trace.attentions.shape == (card.n_layers, card.n_heads, n_tokens, n_tokens)
    assert trace.logits.shape == (n_tokens, card.vocabulary)
    assert repr(trace).startswith("Trace(5 tokens: embeddings (5, 32)")


def test_attention_is_causal_and_sums_to_one(family):
    attentions = family.trace("The dog chased the ball because").attentions
    assert torch.allclose(attentions.sum(-1), torch.ones(2, 4, 6), atol=1e-5)
    assert attentions.ge(0).all()
    assert attentions.triu(1).eq(0).all()


def test_tensors_are_float32_without_gradient(tiny):
    trace = tiny.trace("The dog")
    for tensor in (
        trace.embeddings,
        trace.hidden_states,
        trace.attentions,
        trace.logits,
    ):
        assert tensor.dtype == torch.float32
        assert not tensor.requires_grad


def test_trace_can_be_differentiated_through(tiny):
    # Tensors of torch.inference_mode could not.
    probe = torch.nn.Linear(tiny.card.d_model, 1)
    probe(tiny.trace("The dog").hidden_states[-1]).sum().backward()
    assert probe.weight.grad is not None


@pytest.mark.parametrize("name", ["hidden_states", "attentions", "logits"])
def test_only_what_keep_names_is_kept(family, name):
    text = "The dog chased the ball"
    whole, part = family.trace(text), family.trace(text, keep=(name,))
    assert torch.equal(getattr(part, name), getattr(whole, name))
    for other in {"hidden_states", "attentions", "logits"} - {name}:
        assert getattr(part, other) is None
    assert repr(part).count("(") == 3, "its embeddings, and what was kept"
    assert family.trace(text, keep=name).tokens == whole.tokens
    assert family.trace(text, keep=()).logits is None


def test_unknown_name_in_keep_is_refused(tiny):
    with pytest.raises(ValueError, match="`keep` must name some of .* got 'scores'"):
        tiny.trace("The dog", keep=("logits", "scores"))


def test_where_finds_a_token_with_or_without_its_space(smollm2):
    trace = smollm2.trace("The cat and the dog and the cat")
    assert trace.where(" cat") == trace.where("␣cat") == trace.where("cat") == [1, 7]
    assert trace.where("The") == [0]
    assert trace.where(" the") == [3, 6]


def test_where_prefers_the_exact_token(smollm2):
    trace = smollm2.trace("dog, dog")
    assert trace.tokens == ("dog", ",", "␣dog")
    assert (trace.where("dog"), trace.where(" dog")) == ([0], [2])


def test_where_lists_the_tokens_if_there_is_none(smollm2):
    trace = smollm2.trace("The cat")
    with pytest.raises(ValueError, match="`token` must be one of 'The', '␣cat', got"):
        trace.where(" dog")
    with pytest.raises(TypeError, match="`token` must be a string, got int"):
        trace.where(3)
