"""Try the installed package: python -I try_installed.py, in an empty folder."""

import sys
from importlib.metadata import version
from pathlib import Path

import lmviz
from lmviz import attention, views


def main():
    """Use what needs the package's own files: the toy, and views with their scripts."""
    package = Path(lmviz.__file__).parent
    assert "site-packages" in package.parts, f"the package is not installed: {package}"
    assert lmviz.__version__ == version("lmviz") != "0+unknown"
    lm = lmviz.load("toy")
    trace = lm.trace("Mia has a green hat .")
    assert trace.logits.shape == (len(trace.tokens), lm.card.vocabulary)
    scores = attention.previous_token_score(trace.attentions)
    assert scores.shape == trace.attentions.shape[:2]
    figure = views.attention(trace.attentions, trace.tokens)
    for name, view in {"heads": figure, "explorer": views.explorer()}.items():
        view.save(f"{name}.html")
        assert "<script" in Path(f"{name}.html").read_text(encoding="utf-8")
    print(f"lmviz {lmviz.__version__} works on Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
