import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lmviz

PACKAGE = Path(lmviz.__file__).parent
CHAPTERS = (
    "tokenization",
    "byte_pairs",
    "embeddings",
    "positions",
    "attention",
    "heads",
    "prediction",
    "surprise",
)
VIEWS = ("bars", "clouds", "grid", "waves")
# Which modules of the package each one may import, at the top or inside a function.
ALLOWED = {
    "__init__": set(),
    "checks": set(),
    "memory": set(),
    "inputs": set(),
    **{chapter: {"checks"} for chapter in CHAPTERS},
    "byte_level": {"byte_pairs", "tokenization"},
    "ablation": {"checks", "families", "memory"},
    "families": set(),
    "parts": {"checks"},
    "weights": {"families", "parts", "positions"},
    "transformer": {"attention", "checks", "embeddings", "parts", "positions"},
    "glyphs": set(),
    "plots": {"glyphs", "inputs"},
    "trace": {"checks", "memory"},
    "conversion": set(),
    "errors": set(),
    "cache": {"errors"},
    "wheels": {"cache", "conversion", "errors"},
    "folders": {"errors"},
    "hub": {"cache", "errors", "folders"},
    "sources": {"errors", "folders", "hub", "toy", "wheels"},
    "toy.__init__": set(),
    "toy.grammar": set(),
    "toy.language": {"toy.grammar"},
    "toy.evaluate": {"toy.grammar", "toy.language"},
    "toy.history": {"toy"},
    "toy.train": {"toy.evaluate", "toy.grammar", "toy.language"},
    "toy.__main__": {"models", "toy"},
    "card": {"families"},
    "batches": set(),
    "corpus": {"batches", "families", "heads", "memory", "surprise"},
    "reading": {"errors"},
    "models": {
        "card",
        "checks",
        "errors",
        "reading",
        "sources",
        "tokenization",
        "trace",
        "wheels",
    },
    "views.__init__": set(),
    "views.base": set(),
    **{f"views.{view}": {"inputs", "views.base"} for view in VIEWS},
    "views.matrices": set(),
    "views.maps": {"inputs", "views.base", "views.matrices"},
    "views.strips": {"inputs", "tokenization", "views.base"},
    "views.tour": set(),
    "views.explorer": {"toy", "views.base", "views.tour"},
}


MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imports(name):
    """Yield (module, whether it stands inside a function) of a module's imports."""
    path = MODULES[name]
    above = ["lmviz", *name.split(".")[:-1]]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            package = ".".join(above[: len(above) + 1 - node.level])
            if node.module:
                names = [f"{package}.{node.module}"]
            elif package == "lmviz":
                names = [f"{package}.{alias.name}" for alias in node.names]
            else:
                names = [package]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        else:
            continue
        yield from ((name, node in inside) for name in names)


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name):
    found = dict(imports(name))
    own = {
        other.removeprefix("lmviz.") for other in found if other.startswith("lmviz.")
    }
    assert own <= ALLOWED[name]
    others = {other.split(".")[0] for other in found}
    if name not in {"reading", "toy.train"}:
        assert "transformers" not in others
    if name.startswith("views.") or name in {
        "inputs",
        "plots",
        "tokenization",
        "byte_pairs",
        "byte_level",
        "families",
        "cache",
        "folders",
        "hub",
        "sources",
        "wheels",
        "conversion",
        "toy.grammar",
        "toy.language",
    }:
        assert "torch" not in others
    late = {other.split(".")[0] for other, inside in found.items() if inside}
    assert "transformers" not in others or "transformers" in late


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
from lmviz import byte_level, tokenization
tokenizer = lmviz.load_tokenizer({name!r})
tokenization.readable_tokens(tokenizer, tokenizer.encode("some words").ids)
byte_level.ByteLevelBPE.train("some more words", n_merges=3)
print(*sys.modules)
"""
    assert not HEAVY & set(run(code))


def test_every_public_name_is_there():
    for name in lmviz.__all__:
        assert getattr(lmviz, name) is not None
    assert set(dir(lmviz)) >= set(lmviz.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = lmviz.nothing
