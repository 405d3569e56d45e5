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
# Which modules of the package each one may import, at the top or inside a function.
ALLOWED = {
    "__init__": set(),
    **{chapter: set() for chapter in CHAPTERS},
    "byte_level": {"byte_pairs", "tokenization"},
    "ablation": {"families"},
    "families": set(),
    "parts": set(),
    "weights": {"families", "parts", "positions"},
    "transformer": {"attention", "embeddings", "parts", "positions"},
    "plots": set(),
    "trace": set(),
    "conversion": set(),
    "errors": set(),
    "wheels": {"conversion", "errors"},
    "sources": {"errors", "wheels"},
    "models": {"errors", "families", "sources", "tokenization", "trace", "wheels"},
}


def imports(path):
    """Yield (module, whether it stands inside a function) of a file's imports."""
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
        elif isinstance(node, ast.ImportFrom) and node.level and not node.module:
            names = [f"lmviz.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"lmviz.{node.module}" if node.level else node.module]
        else:
            continue
        yield from ((name, node in inside) for name in names)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda p: p.stem)
def test_imports_go_one_way(path):
    found = dict(imports(path))
    own = {name.split(".")[1] for name in found if name.startswith("lmviz.")}
    assert own <= ALLOWED[path.stem]
    others = {name.split(".")[0] for name in found}
    if path.stem not in {"models", "sources"}:
        assert "transformers" not in others
    if path.stem in {
        "plots",
        "tokenization",
        "byte_pairs",
        "byte_level",
        "families",
        "sources",
        "wheels",
        "conversion",
    }:
        assert "torch" not in others
    late = {name.split(".")[0] for name, inside in found.items() if inside}
    assert "transformers" not in others or "transformers" in late


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_importing_the_package_loads_nothing_heavy():
    loaded = run("import sys, lmviz; print(*sys.modules)")
    heavy = {"torch", "transformers", "numpy", "matplotlib", "seaborn", "sklearn"}
    assert not heavy & set(loaded)


def test_a_tokenizer_alone_never_loads_torch():
    code = (
        "import sys, lmviz; ids = lmviz.load_tokenizer('gpt2').encode('a').ids; "
        "print(*sys.modules)"
    )
    assert not {"torch", "transformers"} & set(run(code))


def test_every_public_name_is_there():
    for name in lmviz.__all__:
        assert getattr(lmviz, name) is not None
    assert set(dir(lmviz)) >= set(lmviz.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = lmviz.nothing
