"""The package works without extras, and a missing extra is named in an error."""

import os
import subprocess
import sys

import pytest

EXTRAS = ("adjustText", "gguf", "joblib", "matplotlib", "pandas", "scipy", "seaborn")
WITHOUT = f"""
import sys
import torch
for name in {(*EXTRAS, "sklearn")!r}:
    sys.modules[name] = None  # so its import fails
import lmviz
"""


def run(code, cache):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + code],
        capture_output=True,
        text=True,
        env={**os.environ, "LMVIZ_CACHE": str(cache), "LMVIZ_MODEL": "toy"},
    )


def test_the_base_needs_no_extra(tmp_path):
    file = tmp_path / "heads.html"
    code = f"""
from lmviz import attention, plots, prediction, tokenization, transformer, views
trace = lmviz.load("toy").trace("Anna has a")
views.attention(trace.attentions, trace.tokens).save({str(file)!r})
"""
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_size


@pytest.mark.parametrize(
    ("code", "package", "extra"),
    [
        ("lmviz.plots.heatmap([[1.0]])", "seaborn", "plots"),
        ("lmviz.plots.token_bars(['a'], [1.0], title='t')", "matplotlib", "plots"),
        ("lmviz.embeddings.pca(torch.ones(2, 2))", "sklearn", "plots"),
        ("import lmviz.corpus", "joblib", "corpus"),
        ("lmviz.load('smollm2')", "gguf", "smollm2"),
    ],
)
def test_a_missing_extra_is_named(code, package, extra, tmp_path):
    done = run(code, tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert f"{package} is needed for " in last
    assert last.endswith(f"; run: python -m pip install 'lmviz[{extra}]'")
