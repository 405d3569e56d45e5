import itertools
import os
import pickle
import signal

import joblib
import pytest
import torch
from distributed import Client, LocalCluster

import lmviz
from lmviz import attention, corpus
from lmviz.corpus import Batches, _statistics
from lmviz.models import _load


@pytest.fixture
def texts():
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 20, (30,), generator=generator).tolist()
    return [torch.randint(0, 78, (n,), generator=generator) for n in lengths]


def scores(lm, texts, **options):
    options = {"batch_tokens": 64, "progress": False, **options}
    return corpus.head_scores(lm, texts, **options)


def equal(ours, theirs):
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


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


class Breaking:
    """A model whose forward pass is interrupted after some batches."""

    def __init__(self, monkeypatch, lm, passes):
        self.done, original = 0, type(lm.module).forward

        def forward(module, **inputs):
            if self.done == passes:
                raise KeyboardInterrupt
            self.done += 1
            return original(module, **inputs)

        monkeypatch.setattr(type(lm.module), "forward", forward)


@pytest.mark.parametrize("work", [corpus.head_scores, corpus.surprisals])
def test_an_interrupted_call_resumes_from_its_checkpoint(
    toy, texts, tmp_path, monkeypatch, work
):
    options = {"batch_tokens": 64, "progress": False}
    n_batches = len(Batches(toy, texts, 64).batches)
    whole = work(toy, texts, **options)
    file = tmp_path / "sums.safetensors"
    with monkeypatch.context() as patch:
        Breaking(patch, toy, 3)
        with pytest.raises(KeyboardInterrupt):
            work(toy, texts, file=file, **options)
    with monkeypatch.context() as patch:
        rest = Breaking(patch, toy, n_batches)
        again = work(toy, texts, file=file, **options)
    assert rest.done == n_batches - 3
    if isinstance(whole, dict):
        assert equal(again, whole)
    else:
        assert all(map(torch.equal, again, whole))
    with monkeypatch.context() as patch:
        none = Breaking(patch, toy, 0)
        work(toy, texts, file=file, **options)
    assert none.done == 0, "all is in the file"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "change",
    [
        lambda toy, texts, file: scores(toy, texts[1:], file=file),
        lambda toy, texts, file: scores(toy, texts, file=file, batch_tokens=65),
        lambda toy, texts, file: corpus.surprisals(toy, texts, file=file),
    ],
)
def test_the_checkpoint_of_another_call_is_refused(toy, texts, tmp_path, change):
    file = tmp_path / "sums"
    scores(toy, texts, file=file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="another call.*pass another file or delete"):
        change(toy, texts, file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\xff" * 100])
def test_a_broken_checkpoint_is_refused_and_kept(toy, texts, tmp_path, content):
    file = tmp_path / "sums"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="sums cannot be read .*; delete it"):
        scores(toy, texts, file=file)
    assert file.read_bytes() == content


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


@pytest.mark.nightly
def test_a_cluster_that_loses_a_worker_gives_the_same_scores(
    toy, texts, tmp_path, monkeypatch
):
    expected = scores(toy, texts, batch_tokens=20)
    killed, original = tmp_path / "killed", _statistics._head_sums

    def work(lm, batch):
        if len(batch[0]) == 10 and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return original(lm, batch)

    with (
        LocalCluster(
            2,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        monkeypatch.setattr(_statistics, "_head_sums", work)
        result = scores(toy, texts, batch_tokens=20)
    assert killed.exists()
    assert close(result, expected)
