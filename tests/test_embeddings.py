import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from lmviz import embeddings


@pytest.fixture
def table():
    return torch.randn(50, 8, generator=torch.Generator().manual_seed(0))


def test_lookup_is_what_torch_embedding_does(table):
    ids = torch.tensor([[3, 3], [49, 0]])
    expected = torch.nn.functional.embedding(ids, table)
    assert torch.equal(embeddings.lookup(table, ids), expected)


@pytest.mark.parametrize("wrong", [-1, 50])
def test_lookup_names_the_id_that_is_not_there(table, wrong):
    with pytest.raises(ValueError, match=f"`ids` must be from 0 to 49, got {wrong}"):
        embeddings.lookup(table, torch.tensor([0, wrong]))


def test_cosine_is_that_of_scikit_learn(table):
    expected = cosine_similarity(table[:5], table[5:9])
    assert np.allclose(embeddings.cosine(table[:5], table[5:9]), expected, atol=1e-6)


def test_cosine_says_both_shapes(table):
    with pytest.raises(ValueError, match=r"\(50, 8\) and \(50, 7\)"):
        embeddings.cosine(table, table[:, :7])


def test_neighbours_come_closest_first_and_without_oneself(table):
    table[7] = 2 * table[3]
    ids, cosines = embeddings.neighbours(table, 3, k=49)
    assert ids[0] == 7
    assert cosines[0] == pytest.approx(1)
    assert 3 not in ids
    assert torch.equal(cosines, cosines.sort(descending=True).values)


@pytest.fixture
def royals():
    """Rows of man, woman, king, queen, and of two that have no part in it."""
    man, woman, crown, noise = torch.eye(4)
    return torch.stack(
        [man, woman, man + crown, woman + crown, noise, man + woman + noise]
    )


def test_an_analogy_has_the_answer_that_the_table_was_built_for(royals):
    ids, cosines = embeddings.analogy(royals, 0, 2, 1, k=3)
    assert ids[0] == 3
    assert cosines[0] == pytest.approx(1)
    assert set(ids.tolist()) == {3, 4, 5}, "never an input"
    # The closest to woman + crown but queen: (man + woman + noise) / sqrt(3).
    assert ids[1] == 5
    assert cosines[1] == pytest.approx((2 * 3) ** -0.5)


def test_an_analogy_is_not_the_other_way_round(royals):
    # King is to man as queen is to woman.
    ids, cosines = embeddings.analogy(royals, 2, 0, 3, k=1)
    assert ids.tolist() == [1]
    assert cosines[0] == pytest.approx(1)


def test_the_closest_to_an_analogy_may_be_an_input(table):
    table[1] = table[0] + 0.01 * table[4]  # hardly a step from a to b
    ids, cosines = embeddings.analogy(table, 0, 1, 2, without_inputs=False)
    assert ids[0] == 2
    expected = cosine_similarity((table[1] - table[0] + table[2])[None], table)[0]
    assert np.allclose(cosines, np.sort(expected)[::-1][:5], atol=1e-6)
    without, _ = embeddings.analogy(table, 0, 1, 2)
    assert not {0, 1, 2} & set(without.tolist())
    assert len(without) == 5


@pytest.mark.parametrize("without_inputs", [True, False])
def test_many_analogies_are_answered_as_one_by_one(table, without_inputs):
    rows = torch.randint(50, (3, 6), generator=torch.Generator().manual_seed(2))
    ids, cosines = embeddings.analogy(table, *rows, without_inputs=without_inputs)
    assert ids.shape == cosines.shape == (6, 5)
    for i, (a, b, c) in enumerate(rows.T.tolist()):
        expected = cosine_similarity((table[b] - table[a] + table[c])[None], table)[0]
        if without_inputs:
            expected[[a, b, c]] = -np.inf
        order = np.argsort(-expected)[:5]
        assert ids[i].tolist() == order.tolist()
        assert np.allclose(cosines[i], expected[order], atol=1e-6)


def test_an_analogy_names_the_id_that_is_not_there(table):
    with pytest.raises(ValueError, match="`ids` must be from 0 to 49, got 50"):
        embeddings.analogy(table, 0, 50, 2)


def test_random_pairs_are_of_different_rows():
    assert torch.equal(embeddings.random_pairs(torch.eye(3), n=200), torch.zeros(200))


def test_random_pairs_are_the_same_each_time(table):
    first, second = (embeddings.random_pairs(table, n=20) for _ in range(2))
    assert torch.equal(first, second)


def test_project_keeps_the_variance_that_it_says(table):
    coordinates, kept = embeddings.project(table, n=3)
    assert coordinates.shape == (50, 3)
    values = torch.linalg.svdvals(table - table.mean(0)) ** 2
    assert torch.allclose(kept, values[:3] / values.sum(), atol=1e-5)
    total = (table - table.mean(0)).square().sum()
    assert torch.allclose(coordinates.square().sum(0) / total, kept, atol=1e-5)


def test_project_refuses_too_few_vectors(table):
    with pytest.raises(ValueError, match="2 vectors cannot spread in 2"):
        embeddings.project(table[:2])
