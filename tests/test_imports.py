import subprocess
import sys

import pytest

import lmviz

HEAVY = {"torch", "transformers", "numpy", "matplotlib", "seaborn", "sklearn"}


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_importing_the_package_loads_nothing_heavy():
    loaded = run("import sys, lmviz; print(*sys.modules)")
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("name", ["gpt2", "smollm2"])
def test_a_script_that_only_tokenizes_loads_nothing_heavy(name):
    if name == "smollm2":
        lmviz.load(name)  # the first call converts it, which takes numpy
    code = f"""
import sys
import lmviz
from lmviz import tokenization
tokenizer = lmviz.load_tokenizer({name!r})
tokenization.readable_tokens(tokenizer, tokenizer.encode("some words").ids)
tokenization.ByteLevelBPE.train("some more words", n_merges=3)
print(*sys.modules)
"""
    assert not HEAVY & set(run(code))


def test_drawing_arrays_does_not_load_torch():
    code = """
import sys
import matplotlib
matplotlib.use("agg")
from lmviz import plots, views
plots.attention_map([[1]], ["a"])
views.attention([[[[1]]]], ["a"])
print(*sys.modules)
"""
    assert not {"torch", "transformers"} & set(run(code))


def test_every_public_name_is_there():
    for name in lmviz.__all__:
        assert getattr(lmviz, name) is not None
    assert set(dir(lmviz)) >= set(lmviz.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = lmviz.nothing
