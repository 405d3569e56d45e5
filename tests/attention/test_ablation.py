import copy
import itertools

import pytest
import torch

from lmviz import attention, transformer
from lmviz.attention import _ablation
from lmviz.toy import evaluate, grammar

TEXT = "The dog chased the ball because it was excited."
EVERYONE = [(layer, head) for layer in range(2) for head in range(4)]


@pytest.fixture(scope="module")
def means():
    """What each of 2 x 4 heads of width 8 might give instead."""
    return torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0))


def rewired(module, heads, replacement=None):
    """Switch heads off for good: no weight leads on from them, only a constant."""
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
def test_heads_switched_off_are_as_if_nothing_led_on_from_them(tiny, heads, means):
    ids = tiny.encode(TEXT)
    whole = logits(tiny.module, ids)
    for replacement in (None, means):
        expected = logits(rewired(tiny.module, heads, replacement), ids)
        with attention.ablate_heads(tiny, heads, replacement=replacement):
            found = logits(tiny.module, ids)
        assert torch.allclose(found, expected, atol=1e-5)
        assert not torch.allclose(found, whole, atol=1e-2)
    assert torch.equal(logits(tiny.module, ids), whole)
    assert not hooks(tiny.module)


def test_a_batch_is_switched_off_in_every_row(tiny):
    batch = torch.stack([tiny.encode(" dog" * 5), tiny.encode(" cat" * 5)])
    with attention.ablate_heads(tiny, [(0, 2)]):
        together = tiny.module(batch).logits
        alone = [logits(tiny.module, ids) for ids in batch]
    assert torch.allclose(together, torch.stack(alone), atol=1e-5)


def test_nobody_switched_off_changes_nothing(tiny):
    ids = tiny.encode(TEXT)
    with attention.ablate_heads(tiny, []):
        found = logits(tiny.module, ids)
    assert torch.equal(found, logits(tiny.module, ids))


def test_heads_come_back_after_an_error(tiny):
    ids = tiny.encode(TEXT)
    whole = logits(tiny.module, ids)
    with (
        pytest.raises(ZeroDivisionError),
        attention.ablate_heads(tiny, EVERYONE),
    ):
        assert len(hooks(tiny.module)) == 2
        raise ZeroDivisionError
    assert not hooks(tiny.module)
    assert torch.equal(logits(tiny.module, ids), whole)


def test_no_hook_stays_after_an_error(tiny):
    def stop(*_):
        raise InterruptedError

    ids = torch.tensor([0, 1])
    handle = tiny.module.get_output_embeddings().register_forward_hook(stop)
    try:
        with pytest.raises(InterruptedError):
            attention.mean_head_outputs(tiny, ids)
        assert not hooks(tiny.module)
        handle.remove()
        last = _ablation._output(tiny.module, 1)
        handle = last.register_forward_hook(stop)
        with pytest.raises(InterruptedError):
            attention.head_effects(tiny, ids, 0)
        assert not hooks(tiny.module)
    finally:
        handle.remove()


def test_mean_outputs_are_the_means_of_what_the_heads_give(family):
    trace = family.trace(TEXT)
    model = transformer.extract(family)
    expected = torch.stack(
        [
            transformer.heads(block.attention, x).output.mean(1)
            for block, x in zip(model.blocks, trace.hidden_states[:-1], strict=True)
        ]
    )
    found = attention.mean_head_outputs(family, trace.ids)
    assert found.shape[:2] == (2, 4)
    assert torch.allclose(found, expected, atol=1e-5)
    assert not hooks(family.module)


def test_effects_are_those_of_the_heads_switched_off_one_by_one(family):
    ids = family.encode(TEXT)
    answer = 1000

    def chance():
        return logits(family.module, ids)[-1].log_softmax(-1)[answer]

    whole = chance()
    for replacement in (None, attention.mean_head_outputs(family, ids)):
        found = attention.head_effects(family, ids, answer, replacement=replacement)
        assert found.shape == (2, 4)
        for layer, head in EVERYONE:
            with attention.ablate_heads(
                family, [(layer, head)], replacement=replacement
            ):
                expected = chance() - whole
            assert found[layer, head] == pytest.approx(expected.item(), abs=1e-5)
        assert found.abs().max() > 1e-3
    assert not hooks(family.module)


def test_effects_are_those_of_rewired_modules(tiny, means):
    ids = tiny.encode(TEXT)
    whole = logits(tiny.module, ids)[-1].log_softmax(-1)
    found = attention.head_effects(tiny, ids, 1000, replacement=means)
    for layer, head in EVERYONE:
        without = rewired(tiny.module, [(layer, head)], means)
        change = logits(without, ids)[-1].log_softmax(-1) - whole
        assert found[layer, head] == pytest.approx(change[1000].item(), abs=1e-5)


@pytest.mark.parametrize(("layer", "head"), [(2, 0), (0, 4), (-1, 0), (0, -1)])
def test_a_head_that_is_not_there_is_refused(family, layer, head):
    said = f"no head {head} in layer {layer}: wanted layers 0 to 1 and heads 0 to 3"
    with (
        pytest.raises(ValueError, match=said),
        attention.ablate_heads(family, [(0, 0), (layer, head)]),
    ):
        pass
    assert not hooks(family.module)


def test_without_the_heads_that_find_them_facts_are_not_recalled(toy):
    """The heads are those that look at the colour which the grammar asks for."""
    texts, answers, places = [], [], []
    for a, b in itertools.permutations(grammar.WOMEN, 2):
        facts = f"{a} has a red ball . {b} has a blue kite ."
        texts += [f"{facts} {a} still has her", f"{facts} {b} still has her"]
        answers += [evaluate.IDS["red"], evaluate.IDS["blue"]]
        places += [4, 10]
    ids = torch.stack([toy.encode(text) for text in texts])
    answers = torch.tensor(answers)
    whole = toy.module(ids, output_attentions=True)
    rows = torch.stack(whole.attentions)[:, :, :, -1]
    on_it = rows[:, range(len(ids)), :, places].mean(0)
    finders = [tuple(head) for head in (on_it > 0.5).nonzero().tolist()]
    with attention.ablate_heads(toy, finders):
        without = toy.module(ids).logits
    assert (whole.logits[:, -1].argmax(-1) == answers).all()
    assert (without[:, -1].argmax(-1) == answers).double().mean() <= 0.5
