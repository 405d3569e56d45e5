import pytest
import torch

from lmviz import transformer

STORY = "The dog chased the ball because it was excited."
TWIN = "The cat chased the ball because it was excited."


def pre_hooks(lm):
    return [hook for part in lm.module.modules() for hook in part._forward_pre_hooks]


def test_own_states_change_nothing(family):
    trace = family.trace(STORY)
    for layer in range(2):
        states = trace.hidden_states[layer]
        with transformer.patch_stream(
            family, states, layer=layer, positions=range(len(trace.ids))
        ):
            patched = family.trace(STORY)
        assert torch.equal(patched.logits, trace.logits)
    assert not pre_hooks(family)


def test_all_states_of_a_twin_give_its_logits(family):
    twin = family.trace(TWIN)
    story = family.trace(STORY)
    assert len(twin.ids) == len(story.ids)
    for layer in range(2):
        states, positions = twin.hidden_states[layer], list(range(len(twin.ids)))
        with transformer.patch_stream(family, states, layer=layer, positions=positions):
            patched = family.trace(STORY)
        assert torch.allclose(patched.logits, twin.logits, atol=1e-5)
    assert not torch.allclose(story.logits, twin.logits, atol=1e-2)


def test_one_patched_position_equals_the_rebuilt_model(family):
    """The blocks run one after another on states that are changed by hand."""
    story, twin = family.trace(STORY), family.trace(TWIN)
    parts, position = transformer.extract(family), 1
    for layer in range(2):
        x = story.hidden_states[layer].clone()
        x[position] = twin.hidden_states[layer][position]
        for block in parts.blocks[layer:]:
            x = transformer.block(block, x)
        expected = parts.unembedding(parts.final_norm(x))
        states = twin.hidden_states[layer]
        with transformer.patch_stream(family, states, layer=layer, positions=position):
            patched = family.trace(STORY).logits
        assert torch.allclose(patched, expected, atol=1e-4)
        assert torch.equal(patched[:position], story.logits[:position])
        assert not torch.allclose(patched, story.logits, atol=1e-3)


def test_each_row_of_a_batch_gets_its_own_states(tiny):
    batch = torch.stack([tiny.encode(text) for text in (STORY, TWIN)])
    with torch.no_grad():
        states = tiny.module(batch, output_hidden_states=True).hidden_states[1]
        swapped = states.flip(0)
        with transformer.patch_stream(tiny, swapped, layer=1, positions=[1]):
            together = tiny.module(batch).logits
    for row, ids in enumerate(batch):
        with transformer.patch_stream(tiny, swapped[row], layer=1, positions=[1]):
            alone = tiny.trace(ids).logits
        assert torch.allclose(together[row], alone, atol=1e-5)


@pytest.mark.parametrize("positions", [1, [1], (1,), torch.tensor([1]), range(1, 2)])
def test_positions_may_be_an_integer_or_a_sequence(toy, positions):
    twin = toy.trace("Tom has a red ball").hidden_states[1]
    with transformer.patch_stream(toy, twin, layer=1, positions=[1]):
        expected = toy.trace("Anna has a red ball").logits
    with transformer.patch_stream(toy, twin, layer=1, positions=positions):
        assert torch.equal(toy.trace("Anna has a red ball").logits, expected)


def test_the_hook_is_removed_after_an_error(toy):
    states = toy.trace("Anna has a").hidden_states[0]
    with (
        pytest.raises(ZeroDivisionError),
        transformer.patch_stream(toy, states, layer=0, positions=0),
    ):
        raise ZeroDivisionError
    assert not pre_hooks(toy)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"layer": 3}, ValueError, "`layer` must be from 0 to 2, got 3"),
        ({"layer": 1.0}, TypeError, "`layer` must be an integer, got 1.0"),
        ({"positions": 4}, ValueError, "`positions` must be from 0 to 3, got 4"),
        ({"positions": [0, -1]}, ValueError, "`positions` must be from 0 to 3, got -1"),
        ({"positions": "all"}, TypeError, "`positions` must be an integer, got 'all'"),
        (
            {"states": torch.zeros(4, 95)},
            ValueError,
            r"`states` must have shape \(\.\.\.,",
        ),
        ({"states": [["a"]]}, TypeError, "`states` must be an array"),
    ],
)
def test_wrong_arguments_are_refused(toy, changes, kind, message):
    arguments = {"states": torch.zeros(4, 96), "layer": 0, "positions": [0]} | changes
    with (
        pytest.raises(kind, match=message),
        transformer.patch_stream(toy, **arguments),
    ):
        pass
    assert not pre_hooks(toy)


def test_states_of_a_text_of_another_length_are_refused(toy):
    states = toy.trace("Anna has a red").hidden_states[0]
    with (
        pytest.raises(ValueError, match="`states` must have one row .* has 4, got 5"),
        transformer.patch_stream(toy, states, layer=0, positions=[0]),
    ):
        toy.trace("Anna has a")
    assert not pre_hooks(toy)


def test_a_module_in_place_of_a_language_model_is_refused(toy):
    with (
        pytest.raises(TypeError, match="`lm` must be an lmviz.LanguageModel"),
        transformer.patch_stream(
            toy.module, torch.zeros(4, 96), layer=0, positions=[0]
        ),
    ):
        pass
