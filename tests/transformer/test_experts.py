"""Mixtures of experts."""

import pytest
import tiny_families
import torch

import lmviz
from lmviz import transformer
from lmviz.transformer import components

MIXTURES = [
    ("granitemoe", {}, "block_sparse_moe.router"),
    ("gpt_oss", {}, "mlp.router"),
    ("mixtral", {}, "mlp.gate"),
    ("mixtral", {"num_experts_per_tok": 1}, "mlp.gate"),
    ("olmoe", {}, "mlp.gate"),
    ("olmoe", {"norm_topk_prob": True}, "mlp.gate"),
    ("qwen2_moe", {}, "mlp.gate"),
    ("qwen3_moe", {"norm_topk_prob": False}, "mlp.gate"),
]


@pytest.mark.parametrize(("family", "changes", "path"), MIXTURES)
def test_expert_weights_equal_those_of_the_models_router(family, changes, path):
    config = tiny_families.config(family, vocab_size=50, **changes)
    lm = lmviz.LanguageModel.from_module(tiny_families.build(config))
    mlp = transformer.extract(lm).blocks[1].mlp
    caught = []
    router = lm.module.get_submodule(f"model.layers.1.{path}")
    hook = router.register_forward_hook(lambda _, inputs, output: caught.append(output))
    trace = lm.trace(torch.arange(2, 14))
    hook.remove()
    *_, weights, chosen = caught[0]
    block = transformer.extract(lm).blocks[1]
    x = trace.hidden_states[1]
    x = x + transformer.attend(block.attention, x)
    ours = transformer.expert_weights(mlp, x)
    assert ours.shape == (12, 4)
    assert torch.allclose(ours.gather(1, chosen), weights, atol=1e-5)
    assert ours.count_nonzero(1).eq(mlp.n_active).all()


def test_experts_are_views_of_the_models_own_weights():
    for family in ("mixtral", "gpt_oss"):
        config = tiny_families.config(family, vocab_size=50)
        lm = lmviz.LanguageModel.from_module(tiny_families.build(config))
        own = {p.untyped_storage().data_ptr() for p in lm.module.parameters()}
        for expert in transformer.extract(lm).blocks[1].mlp.experts:
            for part in (expert.up, expert.gate, expert.down):
                assert part.weight.untyped_storage().data_ptr() in own


def test_an_expert_that_no_token_uses_is_not_run():
    unused = components.MLP(None, None, None, "relu")
    identity = components.Linear(torch.eye(2))
    used = components.MLP(components.NoNorm(), identity, identity, "relu")
    router = components.Linear(torch.tensor([[0.0, -1.0], [0.0, -1.0]]))
    mixture = components.Experts(components.NoNorm(), router, (used, unused), 1)
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert torch.equal(transformer.feed_forward(mixture, x), x)


def test_a_mixture_says_that_its_weights_are_those_of_experts():
    mixture = components.Experts(components.NoNorm(), None, (), 1)
    for name in ("up", "down", "gate", "activation"):
        with pytest.raises(AttributeError, match=f"mixture .* `{name}`; each of"):
            getattr(mixture, name)
    with pytest.raises(AttributeError, match="Experts has no attribute 'heads'"):
        mixture.heads  # noqa: B018
