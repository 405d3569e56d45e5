import itertools
import pickle

import pytest
import torch

import lmviz
from lmviz import attention, corpus
from lmviz.corpus import Batches
from lmviz.models import _load


def scores(lm, texts, **options):
    options = {"batch_tokens": 64, "progress": False, **options}
    return corpus.head_scores(lm, texts, **options)


def close(ours, theirs):
    return all(torch.allclose(ours[n], theirs[n], atol=1e-6) for n in theirs)


def test_each_text_is_in_one_batch_within_the_limit(toy, texts):
    batches = Batches(toy, texts, 50).batches
    assert sorted(itertools.chain(*batches)) == list(range(len(texts)))
    for batch in batches:
        lengths = [len(texts[i]) for i in batch]
        assert max(lengths) * len(batch) <= 50
        assert lengths == sorted(lengths, reverse=True)


def test_a_text_longer_than_a_batch_is_a_batch_of_its_own(toy, texts):
    assert Batches(toy, texts, 1).batches == [
        [i] for i in sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    ]


def test_two_processes_give_the_same_scores(toy, texts):
    assert close(scores(toy, texts, n_jobs=2), scores(toy, texts))


def test_a_model_is_pickled_by_name_and_loaded_once(toy):
    there, again = (pickle.loads(pickle.dumps(toy)) for _ in range(2))
    assert there is again
    assert there.card == toy.card
    assert len(pickle.dumps(toy)) < 500


def test_a_model_of_another_revision_is_refused(toy):
    with pytest.raises(
        lmviz.ModelError, match="is at revision weights.* and at another"
    ):
        _load.load_revision("toy", "another")


def test_a_model_with_ablated_heads_is_not_pickled(toy, texts):
    with (
        attention.ablate_heads(toy, [(0, 0)]),
        pytest.raises(ValueError, match=r"has hooks .*use n_jobs=1"),
    ):
        scores(toy, texts, n_jobs=2)


@pytest.mark.parametrize(
    ("texts", "kind", "message"),
    [
        ("one string", TypeError, "`texts` must be a list of texts, got one string"),
        ([], ValueError, "`texts` must have at least one text"),
        (["red fox", 7], TypeError, "text 1: `text` must be a string"),
        (["red fox", ""], ValueError, "text 1: .*must not be blank"),
        ([torch.tensor([3])], ValueError, "text 0 must have two tokens or more"),
        ([torch.zeros(65, dtype=torch.long)], ValueError, "text 0: .*65 tokens long"),
        (
            [torch.tensor([0, 78])],
            ValueError,
            "text 0: `ids` must be from 0 to 77, got 78",
        ),
    ],
)
def test_unusable_texts_are_refused_by_index(toy, texts, kind, message):
    with pytest.raises(kind, match=message):
        scores(toy, texts)


def test_a_batch_of_zero_tokens_is_refused(toy, texts):
    with pytest.raises(ValueError, match="`batch_tokens` must be at least 1, got 0"):
        scores(toy, texts, batch_tokens=0)
