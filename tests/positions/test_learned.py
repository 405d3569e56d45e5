import pytest
import torch

from lmviz import positions


def test_learned_positions_are_rows_of_a_trainable_table():
    module = positions.LearnedPositionalEmbedding(10, 4)
    rows = module(3)
    assert torch.equal(rows, module.table.weight[:3])
    rows.sum().backward()
    assert module.table.weight.grad[:3].eq(1).all()
    assert module.table.weight.grad[3:].eq(0).all()


@pytest.mark.parametrize("seq_len", [0, 11])
def test_positions_beyond_the_table_are_an_error(seq_len):
    module = positions.LearnedPositionalEmbedding(10, 4)
    with pytest.raises(
        ValueError, match=f"`seq_len` must be from 1 to 10, .* got {seq_len}"
    ):
        module(seq_len)
