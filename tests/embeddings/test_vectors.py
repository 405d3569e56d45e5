import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from lmviz import embeddings


@pytest.fixture
def table():
    return torch.randn(50, 8, generator=torch.Generator().manual_seed(0))


def test_lookup_equals_torch_embedding(table):
    ids = torch.tensor([[3, 3], [49, 0]])
    expected = torch.nn.functional.embedding(ids, table)
    assert torch.equal(embeddings.lookup(table, ids), expected)


def test_lookup_takes_lists_of_ids(table):
    assert torch.equal(embeddings.lookup(table, [3, 49]), table[[3, 49]])
    assert torch.equal(embeddings.lookup(table, [[3], [4]]), table[3:5, None])


@pytest.mark.parametrize("wrong", [["a"], [1.5], [[1], [2, 3]], [None]])
def test_lists_of_anything_but_ids_are_an_error(table, wrong):
    with pytest.raises(TypeError, match="`ids` must hold integers"):
        embeddings.lookup(table, wrong)


@pytest.mark.parametrize("wrong", [-1, 50])
def test_looking_up_an_id_outside_the_table_is_an_error(table, wrong):
    with pytest.raises(ValueError, match=f"`ids` must be from 0 to 49, got {wrong}"):
        embeddings.lookup(table, torch.tensor([0, wrong]))


def test_cosine_equals_that_of_scikit_learn(table):
    expected = cosine_similarity(table[:5], table[5:9])
    assert np.allclose(embeddings.cosine(table[:5], table[5:9]), expected, atol=1e-6)


def test_cosine_of_different_widths_is_an_error(table):
    with pytest.raises(ValueError, match=r"\(50, 8\) and \(50, 7\)"):
        embeddings.cosine(table, table[:, :7])


def test_nearest_neighbors_are_sorted_and_exclude_the_row_itself(table):
    table[7] = 2 * table[3]
    ids, cosines = embeddings.nearest_neighbors(table, 3, k=49)
    assert ids[0] == 7
    assert cosines[0] == pytest.approx(1)
    assert 3 not in ids
    assert torch.equal(cosines, cosines.sort(descending=True).values)


@pytest.fixture
def royals():
    """Rows of man, woman, king, queen, and two distractors."""
    man, woman, crown, noise = torch.eye(4)
    return torch.stack(
        [man, woman, man + crown, woman + crown, noise, man + woman + noise]
    )


def test_analogy_finds_the_constructed_answer(royals):
    ids, cosines = embeddings.analogy(royals, 0, 2, 1, k=3)
    assert ids[0] == 3
    assert cosines[0] == pytest.approx(1)
    assert set(ids.tolist()) == {3, 4, 5}, "the inputs are excluded"
    # After queen, most similar to woman + crown: (man + woman + noise) / sqrt(3).
    assert ids[1] == 5
    assert cosines[1] == pytest.approx((2 * 3) ** -0.5)


def test_analogy_adds_b_and_subtracts_a(royals):
    # King is to man as queen is to woman.
    ids, cosines = embeddings.analogy(royals, 2, 0, 3, k=1)
    assert ids.tolist() == [1]
    assert cosines[0] == pytest.approx(1)


def test_inputs_are_answers_unless_excluded(table):
    table[1] = table[0] + 0.01 * table[4]  # a and b nearly equal
    ids, cosines = embeddings.analogy(table, 0, 1, 2, exclude_inputs=False)
    assert ids[0] == 2
    expected = cosine_similarity((table[1] - table[0] + table[2])[None], table)[0]
    assert np.allclose(cosines, np.sort(expected)[::-1][:5], atol=1e-6)
    without, _ = embeddings.analogy(table, 0, 1, 2)
    assert not {0, 1, 2} & set(without.tolist())
    assert len(without) == 5


@pytest.mark.parametrize("exclude_inputs", [True, False])
def test_many_analogies_at_once_equal_one_at_a_time(table, exclude_inputs):
    rows = torch.randint(50, (3, 6), generator=torch.Generator().manual_seed(2))
    ids, cosines = embeddings.analogy(table, *rows, exclude_inputs=exclude_inputs)
    assert ids.shape == cosines.shape == (6, 5)
    for i, (a, b, c) in enumerate(rows.T.tolist()):
        expected = cosine_similarity((table[b] - table[a] + table[c])[None], table)[0]
        if exclude_inputs:
            expected[[a, b, c]] = -np.inf
        order = np.argsort(-expected)[:5]
        assert ids[i].tolist() == order.tolist()
        assert np.allclose(cosines[i], expected[order], atol=1e-6)


def test_an_analogy_with_an_id_outside_the_table_is_an_error(table):
    with pytest.raises(ValueError, match="`b` must be from 0 to 49, got 50"):
        embeddings.analogy(table, 0, 50, 2)


def test_analogies_of_different_numbers_of_rows_are_an_error(table):
    message = r"`a`, `b` and `c` must have the same shape, got \(2,\), \(1,\), \(\)"
    with pytest.raises(ValueError, match=message):
        embeddings.analogy(table, [0, 1], [2], 3)


def test_a_single_row_has_no_pairs(table):
    with pytest.raises(ValueError, match="`table` must have at least 2 rows, got 1"):
        embeddings.random_pair_cosines(table[:1])


def test_random_pairs_have_two_different_rows():
    assert torch.equal(
        embeddings.random_pair_cosines(torch.eye(3), n=200), torch.zeros(200)
    )


def test_random_pairs_are_reproducible(table):
    first, second = (embeddings.random_pair_cosines(table, n=20) for _ in range(2))
    assert torch.equal(first, second)


def test_pca_explains_the_variance_that_it_reports(table):
    coordinates, explained = embeddings.pca(table, n_components=3)
    assert coordinates.shape == (50, 3)
    values = torch.linalg.svdvals(table - table.mean(0)) ** 2
    assert torch.allclose(explained, values[:3] / values.sum(), atol=1e-5)
    total = (table - table.mean(0)).square().sum()
    assert torch.allclose(coordinates.square().sum(0) / total, explained, atol=1e-5)


def test_pca_of_too_few_vectors_is_an_error(table):
    with pytest.raises(ValueError, match="more than 2 vectors .* got 2"):
        embeddings.pca(table[:2])


def test_pca_of_equal_vectors_is_an_error():
    with pytest.raises(ValueError, match="vectors of `x` are all equal"):
        embeddings.pca(torch.ones(5, 3))


def test_pca_to_more_directions_than_dimensions_is_an_error(table):
    with pytest.raises(ValueError, match="`n_components` must be from 1 to 8, got 9"):
        embeddings.pca(table, n_components=9)


@pytest.mark.parametrize("k", [0, 50])
def test_more_neighbors_than_other_rows_are_an_error(table, k):
    with pytest.raises(ValueError, match=f"`k` must be from 1 to 49, .* got {k}"):
        embeddings.nearest_neighbors(table, 3, k=k)


def test_a_table_with_nan_has_no_nearest_rows(table):
    table[7, 2] = float("nan")
    with pytest.raises(ValueError, match="`table` must be finite .* got nan at"):
        embeddings.nearest_neighbors(table, 3)
    with pytest.raises(ValueError, match="`table` must be finite .* got nan at"):
        embeddings.analogy(table, 3, 4, 5)


@pytest.mark.parametrize("wrong", [-1, 50])
def test_neighbors_of_an_id_outside_the_table_are_an_error(table, wrong):
    with pytest.raises(ValueError, match=f"`id` must be from 0 to 49, got {wrong}"):
        embeddings.nearest_neighbors(table, wrong)
