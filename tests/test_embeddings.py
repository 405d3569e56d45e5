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
    with pytest.raises(ValueError, match=f"id {wrong} .* 0 to 49"):
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
