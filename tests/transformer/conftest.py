"""A tiny random model of every family in the table."""

import pytest
import tiny_families

import lmviz


@pytest.fixture(scope="session", params=sorted(tiny_families.FAMILIES))
def every_family(request):
    config = tiny_families.config(request.param, vocab_size=50)
    return lmviz.LanguageModel.from_module(tiny_families.build(config))
