"""The memory of the tab stays what it is while a model is used in it for long."""

import statistics

import pytest

from benchmarks import soak

# An hour of a reader's inputs, one each two seconds, come in some minutes.
MINUTES, INPUTS = 10, 1800


@pytest.mark.nightly
@pytest.mark.skipif(soak.missing() is not None, reason=str(soak.missing()))
def test_an_hour_of_use_does_not_grow_the_memory():
    sizes, inputs = soak.use(MINUTES, 60)
    assert inputs > INPUTS
    sizes = sizes[soak.WARM :]
    slope, _ = statistics.linear_regression(range(len(sizes)), sizes)
    growth = slope * len(sizes) / statistics.median(sizes)
    assert growth < 0.05, sizes
