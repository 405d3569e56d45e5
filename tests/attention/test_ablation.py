import copy
import itertools

import pytest
import torch

from lmviz import attention, transformer
from lmviz._heads import projections
from lmviz.toy import evaluate, grammar

TEXT = "The dog chased the ball because it was excited."
ALL_HEADS = [(layer, head) for layer in range(2) for head in range(4)]


@pytest.fixture(scope="module")
def means():
    """A replacement for the outputs of 2 x 4 heads with d_head = 8."""
    return torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0))


def rewired(module, heads, replacement=None):
    """Ablate heads in the weights: their rows of the projection become a constant."""
    module = copy.deepcopy(module)
    for layer, head in heads:
        its = slice(8 * head, 8 * head + 8)
        if module.config.model_type == "gpt2":
            output = module.transformer.h[layer].attn.c_proj
            columns = output.weight[its]  # its weight is (d_in, d_out)
        else:
            output = module.model.layers[layer].self_attn.o_proj
            columns = output.weight[:, its].T
        if replacement is not None:
            constant = replacement[layer, head] @ columns
            bias = constant if output.bias is None else output.bias + constant
            output.bias = torch.nn.Parameter(bias, requires_grad=False)
        columns.zero_()
    return module


def hooks(module):
    return [hook for part in module.modules() for hook in part._forward_pre_hooks]


def logits(module, ids):
    return module(ids[None]).logits[0]


@pytest.mark.parametrize(
    "heads",
    [[(0, 0)], [(1, 3)], [(0, head) for head in range(4)], [(0, 1), (1, 2), (0, 3)]],
)
def test_ablation_equals_zeroed_weights(tiny, heads, means):
    ids = tiny.encode(TEXT)
    whole = logits(tiny.module, ids)
    for replacement in (None, means):
        expected = logits(rewired(tiny.module, heads, replacement), ids)
        with attention.ablate_heads(tiny, heads, replacement=replacement):
            result = logits(tiny.module, ids)
        assert torch.allclose(result, expected, atol=1e-5)
        assert not torch.allclose(result, whole, atol=1e-2)
    assert torch.equal(logits(tiny.module, ids), whole)
    assert not hooks(tiny.module)


def test_all_rows_of_a_batch_are_ablated(tiny):
    batch = torch.stack([tiny.encode(" dog" * 5), tiny.encode(" cat" * 5)])
    with attention.ablate_heads(tiny, [(0, 2)]):
        together = tiny.module(batch).logits
        alone = [logits(tiny.module, ids) for ids in batch]
    assert torch.allclose(together, torch.stack(alone), atol=1e-5)


def test_ablating_no_heads_is_a_noop(tiny):
    ids = tiny.encode(TEXT)
    with attention.ablate_heads(tiny, []):
        result = logits(tiny.module, ids)
    assert torch.equal(result, logits(tiny.module, ids))


def test_heads_are_restored_after_an_error(tiny):
    ids = tiny.encode(TEXT)
    whole = logits(tiny.module, ids)
    with (
        pytest.raises(ZeroDivisionError),
        attention.ablate_heads(tiny, ALL_HEADS),
    ):
        assert len(hooks(tiny.module)) == 2
        raise ZeroDivisionError
    assert not hooks(tiny.module)
    assert torch.equal(logits(tiny.module, ids), whole)


def test_no_hooks_remain_after_an_error(tiny):
    def stop(*_):
        raise InterruptedError

    ids = torch.tensor([0, 1])
    handle = tiny.module.get_output_embeddings().register_forward_hook(stop)
    try:
        with pytest.raises(InterruptedError):
            attention.mean_head_outputs(tiny, ids)
        assert not hooks(tiny.module)
        handle.remove()
        projection = projections(tiny.module, "tiny")[1]
        last = tiny.module.get_submodule(projection.module)
        handle = last.register_forward_hook(stop)
        with pytest.raises(InterruptedError):
            attention.head_effects(tiny, ids, 0)
        assert not hooks(tiny.module)
    finally:
        handle.remove()


def test_mean_head_outputs_equal_those_of_the_rebuilt_heads(family):
    trace = family.trace(TEXT)
    model = transformer.extract(family)
    expected = torch.stack(
        [
            transformer.heads(block.attention, x).output.mean(1)
            for block, x in zip(model.blocks, trace.hidden_states[:-1], strict=True)
        ]
    )
    result = attention.mean_head_outputs(family, trace.ids)
    assert result.shape[:2] == (2, 4)
    assert torch.allclose(result, expected, atol=1e-5)
    assert not hooks(family.module)


def test_head_effects_equal_those_of_ablating_one_by_one(family):
    ids = family.encode(TEXT)
    answer = 1000

    def log_prob():
        return logits(family.module, ids)[-1].log_softmax(-1)[answer]

    whole = log_prob()
    for replacement in (None, attention.mean_head_outputs(family, ids)):
        result = attention.head_effects(family, ids, answer, replacement=replacement)
        assert result.shape == (2, 4)
        for layer, head in ALL_HEADS:
            with attention.ablate_heads(
                family, [(layer, head)], replacement=replacement
            ):
                expected = log_prob() - whole
            assert result[layer, head] == pytest.approx(expected.item(), abs=1e-5)
        assert result.abs().max() > 1e-3
    assert not hooks(family.module)


def test_head_effects_equal_those_of_zeroed_weights(tiny, means):
    ids = tiny.encode(TEXT)
    whole = logits(tiny.module, ids)[-1].log_softmax(-1)
    result = attention.head_effects(tiny, ids, 1000, replacement=means)
    for layer, head in ALL_HEADS:
        without = rewired(tiny.module, [(layer, head)], means)
        change = logits(without, ids)[-1].log_softmax(-1) - whole
        assert result[layer, head] == pytest.approx(change[1000].item(), abs=1e-5)


def test_one_head_may_be_given_as_a_pair(tiny):
    ids = tiny.encode(TEXT)
    with attention.ablate_heads(tiny, [(1, 2)]):
        expected = tiny.trace(ids).logits
    for heads in ((1, 2), [1, 2], torch.tensor([1, 2]), torch.tensor([[1, 2]])):
        with attention.ablate_heads(tiny, heads):
            assert torch.equal(tiny.trace(ids).logits, expected)


@pytest.mark.parametrize(
    "heads", [3, None, "all", [1, 2, 3], [(0, 1, 0.5)], [(0, 1.5)]]
)
def test_heads_that_are_not_pairs_are_refused(tiny, heads):
    with (
        pytest.raises(
            TypeError, match="`heads` must be a pair .layer, head. or a list"
        ),
        attention.ablate_heads(tiny, heads),
    ):
        pass


def test_text_and_answer_may_be_strings_or_ids(toy):
    text = "Anna has a red ball . Tom has a blue kite . the kite Tom has is"
    ids, blue = toy.encode(text), toy.tokenizer.token_to_id("blue")
    expected = attention.head_effects(toy, ids, blue)
    for given in (text, ids.tolist()):
        for answer in ("blue", torch.tensor(blue), ids.new_tensor(blue).numpy()[()]):
            assert torch.equal(attention.head_effects(toy, given, answer), expected)
    assert torch.equal(
        attention.mean_head_outputs(toy, text), attention.mean_head_outputs(toy, ids)
    )


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (None, TypeError, "`answer` must be the id of a token"),
        (1.5, TypeError, "`answer` must be the id of a token"),
        (torch.tensor([1, 2]), TypeError, "`answer` must be the id of a token"),
        (torch.tensor(1.5), TypeError, "`answer` must be the id of a token"),
        (True, TypeError, "`answer` must be the id of a token"),
        (78, ValueError, "`answer` must be from 0 to 77, got 78"),
        (-1, ValueError, "`answer` must be from 0 to 77, got -1"),
        ("a red", ValueError, "'a red' must be a single token, got 2"),
        ("", ValueError, "'' must be a single token, got 0"),
    ],
)
def test_an_answer_that_is_not_one_token_is_refused(toy, answer, kind, message):
    with pytest.raises(kind, match=message) as error:
        attention.head_effects(toy, "Anna has a", answer)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "function",
    [
        lambda lm: attention.ablate_heads(lm, [(0, 0)]).__enter__(),
        lambda lm: attention.mean_head_outputs(lm, "Anna has a"),
        lambda lm: attention.head_effects(lm, "Anna has a", "red"),
    ],
)
def test_a_module_in_place_of_a_language_model_is_refused(toy, function):
    with pytest.raises(TypeError, match="`lm` must be an lmviz.LanguageModel .* GPT2"):
        function(toy.module)


@pytest.mark.parametrize(("layer", "head"), [(2, 0), (0, 4), (-1, 0), (0, -1)])
def test_a_head_out_of_range_is_refused(family, layer, head):
    message = f"no head {head} in layer {layer}: layers go from 0 to 1, heads .* to 3"
    with (
        pytest.raises(ValueError, match=message),
        attention.ablate_heads(family, [(0, 0), (layer, head)]),
    ):
        pass
    assert not hooks(family.module)


def test_the_toy_recalls_no_facts_if_its_recall_heads_are_ablated(toy):
    """These heads attend to the colour that the grammar asks for."""
    texts, answers, positions = [], [], []
    for a, b in itertools.permutations(grammar.WOMEN, 2):
        facts = f"{a} has a red ball . {b} has a blue kite ."
        texts += [f"{facts} {a} still has her", f"{facts} {b} still has her"]
        answers += [evaluate.IDS["red"], evaluate.IDS["blue"]]
        positions += [4, 10]
    ids = torch.stack([toy.encode(text) for text in texts])
    answers = torch.tensor(answers)
    whole = toy.module(ids, output_attentions=True)
    rows = torch.stack(whole.attentions)[:, :, :, -1]
    on_it = rows[:, range(len(ids)), :, positions].mean(0)
    finders = [tuple(head) for head in (on_it > 0.5).nonzero().tolist()]
    with attention.ablate_heads(toy, finders):
        without = toy.module(ids).logits
    assert (whole.logits[:, -1].argmax(-1) == answers).all()
    assert (without[:, -1].argmax(-1) == answers).double().mean() <= 0.5
