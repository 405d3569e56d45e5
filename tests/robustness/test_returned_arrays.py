"""What a model returns goes into functions, figures and views as it is.

transformers documents the attentions as a tuple of layers, each (batch, heads, T, T).
"""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from lmviz import attention, embeddings, plots, prediction, views

TEXT = "Anna has a red ball . Tom has a blue kite . the kite Tom has"
FORMS = {
    "a tuple": lambda layers: layers,
    "a list": list,
    # illuin-tech/colpali#3, xwying/torchshow#23, pytorch/pytorch#110285
    "bfloat16": lambda layers: tuple(layer.bfloat16() for layer in layers),
    "float16": lambda layers: [layer.half() for layer in layers],
    "double precision": lambda layers: tuple(layer.double() for layer in layers),
    # isl-org/Open3D-ML#81, yfeng95/PIXIE#31
    "with gradients": lambda layers: tuple(
        layer.clone().requires_grad_() for layer in layers
    ),
    # jessevig/bertviz#107, where they came from TensorFlow
    "numpy layers": lambda layers: [layer.numpy() for layer in layers],
    "one numpy array": lambda layers: np.stack([layer[0].numpy() for layer in layers]),
    "without the batch": lambda layers: [layer[0] for layer in layers],
    "one tensor": lambda layers: torch.stack(layers)[:, 0],
    # flairNLP/flair#462, Hzzone/pytorch-openpose#16
    "on another device": lambda layers: tuple(map(elsewhere, layers)),
}


class Elsewhere(torch.Tensor):
    """A tensor that has to be copied to the CPU first, like one on a GPU."""

    is_cpu = False

    def cpu(self):
        return self.as_subclass(torch.Tensor)

    def numpy(self):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    __array__ = numpy


def elsewhere(tensor):
    return tensor.as_subclass(Elsewhere)


@pytest.fixture(scope="module")
def output(toy):
    with torch.no_grad():
        return toy.module(
            toy.encode(TEXT)[None], output_attentions=True, output_hidden_states=True
        )


@pytest.fixture(scope="module")
def trace(toy):
    return toy.trace(TEXT)


def close(found, expected, tolerance=1e-2):
    assert not isinstance(found, Elsewhere), "results are on the CPU"
    found, expected = (torch.as_tensor(x).double() for x in (found, expected))
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize("form", FORMS)
def test_attentions_go_in_as_a_model_returns_them(output, trace, form):
    layers, expected = FORMS[form](output.attentions), trace.attentions
    ids = trace.ids
    close(attention.entropy(layers), attention.entropy(expected))
    close(attention.rollout(layers), attention.rollout(expected))
    for score in (attention.previous_token_score, attention.first_token_score):
        close(score(layers), score(expected))
    for score in (attention.induction_score, attention.duplicate_token_score):
        close(score(layers, ids[None]), score(expected, ids))
    view = views.attention(layers, trace.tokens)
    assert view.data["shape"] == tuple(expected.shape)
    drawn = plots.head_mosaic(layers).images[0].get_array()
    wanted = plots.head_mosaic(expected).images[0].get_array()
    close(np.ma.filled(drawn, 0), np.ma.filled(wanted, 0))
    one = plots.attention_map(layers[0][..., 1, :, :], trace.tokens)
    wanted = plots.attention_map(expected[0, 1], trace.tokens)
    close(*(ax.collections[0].get_array().filled(0) for ax in (one, wanted)))


@pytest.mark.parametrize("place", [0, 1])
def test_a_stack_of_layers_may_have_its_batch_axis_first_or_second(
    output, trace, place
):
    stack = torch.stack(output.attentions)  # (L, 1, H, T, T)
    stack = stack if place else stack.transpose(0, 1)
    close(attention.rollout(stack), attention.rollout(trace.attentions))
    assert views.attention(stack, trace.tokens).data["shape"] == (3, 4, 17, 17)
    states = torch.stack(output.hidden_states)
    assert views.embeddings(states, trace.tokens).data["points"].shape == (4, 17, 2)


def test_gradients_flow_through_a_tuple_of_layers(output):
    layers = FORMS["with gradients"](output.attentions)
    attention.entropy(layers).sum().backward()
    assert all(layer.grad.abs().sum() > 0 for layer in layers)


@pytest.mark.parametrize("form", ["a tuple", "bfloat16", "with gradients"])
def test_hidden_states_and_logits_go_in_as_a_model_returns_them(
    toy, output, trace, form
):
    states = FORMS[form](output.hidden_states)
    (logits,) = FORMS[form]((output.logits,))
    ids, tokens = trace.ids[None], trace.tokens
    alike = embeddings.cosine(states[-1], states[-1])
    close(alike, embeddings.cosine(trace.hidden_states[-1], trace.hidden_states[-1]))
    view = views.embeddings(states, tokens)
    assert view.data["points"].shape == (4, len(tokens), 2)
    close(view.data["norms"], trace.hidden_states.norm(dim=-1), 0.1)
    close(
        prediction.surprisal(logits, ids),
        prediction.surprisal(trace.logits, trace.ids),
        0.1,
    )
    names = {"vocabulary": toy.tokens}
    assert views.prediction(logits, tokens, **names).data["tokens"] == list(tokens)
    view = views.surprisal(logits, ids, tokens, **names)
    close(view.data["nats"], prediction.surprisal(trace.logits, trace.ids), 0.1)
    lens = tuple(logits for _ in range(4))
    assert views.lens(lens, ids, tokens, **names).data["which"].shape[:2] == (
        4,
        len(tokens),
    )
    assert prediction.greedy(logits[:, -1]) == int(trace.logits[-1].argmax())


def test_frames_series_and_indexes_of_pandas_go_in(toy, trace):
    frame = pd.DataFrame(trace.logits.numpy())
    for ids in (pd.Series(trace.ids), pd.Series(trace.ids, dtype="Int64")):
        assert torch.equal(
            prediction.surprisal(frame, ids),
            prediction.surprisal(trace.logits, trace.ids),
        )
    assert torch.equal(toy.trace(pd.Series(trace.ids)).logits, trace.logits)
    labelled = pd.DataFrame(trace.attentions[0, 0].numpy(), columns=trace.tokens)
    for tokens in (labelled.columns, np.array(trace.tokens), pd.Series(trace.tokens)):
        ax = plots.attention_map(labelled, tokens)
        assert [x.get_text() for x in ax.get_xticklabels()] == list(trace.tokens)
        view = views.attention(labelled.to_numpy()[None, None], tokens)
        assert view.data["tokens"] == list(trace.tokens)


def test_gaps_stay_gaps():
    frame = pd.DataFrame([[1, None], [2, 3]], dtype="Float64")
    masked = np.ma.masked_equal([[1.0, 0.0], [2.0, 3.0]], 0)
    for matrix in (frame, masked):
        drawn = plots.heatmap(matrix).collections[0].get_array()
        assert drawn.mask.tolist() == [[False, True], [False, False]]


def test_unusual_memory_layouts_are_read():
    x = np.array([[0.1, 0.2, 0.7], [0.3, 0.5, 0.2]])
    frozen = x.copy()
    frozen.flags.writeable = False
    expected = attention.entropy(torch.from_numpy(x))
    for same in (x[:, ::-1], x.astype(">f8"), x.astype(np.longdouble), frozen):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            close(attention.entropy(same), expected, 1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        # jessevig/bertviz#107: "batch_size (must be 1)"
        (lambda layers: [torch.cat([x, x]) for x in layers], r"got a batch of 2, \(3"),
        # jessevig/bertviz#133, #116: what `generate` returns
        (lambda layers: (layers, layers), "a tuple of tuples, as `generate` returns"),
        # huggingface/transformers#11788: each step has other keys
        (lambda layers: (layers[0], layers[1][..., :3]), "must have one shape, got"),
        # SDPA returns none, a hybrid none of some layers
        (lambda layers: None, 'got None; .* attn_implementation="eager"'),
        (lambda layers: (None, None), r"\[0\]` must be an array, got None; .*eager"),
        (lambda layers: (layers[0], None), r"\[1\]` must be an array, got None"),
    ],
)
def test_what_is_not_one_text_is_refused(output, trace, make, message):
    wrong = make(output.attentions)
    calls = [
        lambda: attention.rollout(wrong),
        lambda: attention.entropy(wrong),
        lambda: plots.head_mosaic(wrong),
        lambda: views.attention(wrong, trace.tokens),
    ]
    for call in calls:
        with pytest.raises((TypeError, ValueError), match=message):
            call()


def test_a_batch_of_logits_is_refused(output, trace):
    two = torch.cat([output.logits] * 2)
    calls = [
        lambda: prediction.surprisal(two, trace.ids),
        lambda: views.prediction(two, trace.tokens, vocabulary=str),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"got a batch of 2, .* logits\[:1\]"):
            call()
