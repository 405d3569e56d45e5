import pytest
import torch

from lmviz.transformer import _extract as weights


def test_a_trace_is_what_the_model_returns(family):
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


def test_embeddings_are_rows_of_the_table_and_no_more(family):
    trace = family.trace("The dog chased the ball")
    table = weights.token_table(family.module)
    assert torch.equal(trace.embeddings, table[trace.ids])


def test_the_axes_are_those_of_the_vocabulary(family):
    trace = family.trace("The dog chased the ball")
    n_tokens, card = len(trace.tokens), family.card
    assert trace.tokens == ("The", "␣dog", "␣chased", "␣the", "␣ball")
    assert trace.ids.shape == (n_tokens,)
    assert trace.embeddings.shape == (n_tokens, card.d_model)
    assert trace.hidden_states.shape == (card.n_layers + 1, n_tokens, card.d_model)
    assert trace.attentions.shape == (card.n_layers, card.n_heads, n_tokens, n_tokens)
    assert trace.logits.shape == (n_tokens, card.vocabulary)
    assert repr(trace).startswith("Trace(5 tokens: embeddings (5, 32)")


def test_attention_is_a_distribution_over_the_past(family):
    attentions = family.trace("The dog chased the ball because").attentions
    assert torch.allclose(attentions.sum(-1), torch.ones(2, 4, 6), atol=1e-5)
    assert attentions.ge(0).all()
    assert attentions.triu(1).eq(0).all()


def test_everything_is_float32_and_without_gradient(tiny):
    trace = tiny.trace("The dog")
    for tensor in (
        trace.embeddings,
        trace.hidden_states,
        trace.attentions,
        trace.logits,
    ):
        assert tensor.dtype == torch.float32
        assert not tensor.requires_grad


def test_a_trace_can_be_trained_on(tiny):
    """Not a tensor of inference mode, which no one could differentiate through."""
    probe = torch.nn.Linear(tiny.card.d_model, 1)
    probe(tiny.trace("The dog").hidden_states[-1]).sum().backward()
    assert probe.weight.grad is not None


@pytest.mark.parametrize("name", ["hidden_states", "attentions", "logits"])
def test_what_is_not_asked_for_is_not_kept(family, name):
    text = "The dog chased the ball"
    whole, part = family.trace(text), family.trace(text, keep=(name,))
    assert torch.equal(getattr(part, name), getattr(whole, name))
    for other in {"hidden_states", "attentions", "logits"} - {name}:
        assert getattr(part, other) is None
    assert repr(part).count("(") == 3, "its embeddings, and what was kept"
    assert family.trace(text, keep=name).tokens == whole.tokens
    assert family.trace(text, keep=()).logits is None


def test_what_no_trace_can_keep_is_refused(tiny):
    with pytest.raises(ValueError, match="keep has 'scores', wanted some of hidden"):
        tiny.trace("The dog", keep=("logits", "scores"))
