"""A cluster that loses a worker loses no batch, and counts none twice."""

import os
import signal
from pathlib import Path

import joblib
import pytest
import torch
from distributed import Client, LocalCluster

from lmviz import corpus
from lmviz.corpus import Batches, _statistics

WORKERS = 4


@pytest.fixture
def cluster(tmp_path):
    """Four workers, each a process with one thread, for joblib."""
    with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(tmp_path / "workers"),
        ) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        yield


class Killing:
    """Work that logs each of its calls and kills its process in one of them, once."""

    def __init__(self, work, folder, batch):
        self.work, self.folder, self.batch = work, str(folder), batch
        self.__name__ = "killing"

    def __call__(self, lm, batch, **options):
        torch.set_num_threads(1)
        killed = Path(self.folder, "killed")
        with Path(self.folder, "calls").open("a") as calls:
            calls.write(f"{os.getpid()} {batch[0].tolist()}\n")
        if batch[0].tolist() == self.batch and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.work(lm, batch, **options)


def n_tokens(lm, batch):
    """Return the exact number of tokens, and the sum of their ids."""
    return {"n": torch.tensor([sum(map(len, batch)), int(sum(map(sum, batch)))])}


def check(folder, batches):
    """Check that a worker was killed, and that each of four took part."""
    assert (folder / "killed").exists()
    calls = (folder / "calls").read_text().splitlines()
    assert len({line.split()[0] for line in calls}) >= WORKERS
    assert len({line.split(maxsplit=1)[1] for line in calls}) == len(batches.batches)


@pytest.mark.nightly
def test_a_cluster_that_loses_a_worker_gives_the_same_numbers(
    toy, texts, tmp_path, monkeypatch, cluster
):
    texts = [ids.roll(i) for i in range(8) for ids in texts]
    batches = Batches(toy, texts, 40)
    middle = batches.ids[batches.batches[len(batches.batches) // 2][0]].tolist()
    options = {"batch_tokens": 40, "progress": False}
    with joblib.parallel_config(backend="sequential"):
        torch_threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            expected = corpus.head_scores(toy, texts, **options)
        finally:
            torch.set_num_threads(torch_threads)

    counting, scoring = tmp_path / "counting", tmp_path / "scoring"
    counting.mkdir()
    scoring.mkdir()

    def add(total, _, result):
        return {"n": total["n"] + result["n"]}

    start = {"n": torch.zeros(2, dtype=torch.long)}
    work = Killing(n_tokens, counting, middle)
    total = batches.reduce(work, add, start, progress=False)["n"]
    assert total.tolist() == [sum(map(len, texts)), int(sum(map(sum, texts)))]
    check(counting, batches)

    work = Killing(_statistics._head_sums, scoring, middle)
    monkeypatch.setattr(_statistics, "_head_sums", work)
    file = tmp_path / "sums"
    result = corpus.head_scores(toy, texts, file=file, **options)
    check(scoring, batches)
    assert all(torch.equal(result[name], expected[name]) for name in expected)
