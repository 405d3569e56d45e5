"""What editors and type checkers know of the package."""

import ast
import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_docstrings import METHODS, public

import lmviz

PACKAGE = Path(lmviz.__file__).parent
STUBS = sorted(PACKAGE.rglob("*.pyi"))
TYPES = {
    'lmviz.load("smollm2")': "LanguageModel",
    'lmviz.load("smollm2").trace("x").logits': "Tensor",
    'lmviz.load("smollm2").trace("x").attention_layers': "tuple[int, ...]",
    'lmviz.load("smollm2").trace("x").attention(0)': "Tensor",
    'lmviz.load("smollm2").encode("x")': "Tensor",
    'lmviz.load("smollm2").card.license': "str",
    'lmviz.load("smollm2").tokenizer': "Tokenizer",
    'lmviz.load_tokenizer("gpt2")': "Tokenizer",
    "lmviz.attention.causal_mask(3)": "Tensor",
    "lmviz.plots.heatmap([[1]])": "Axes",
    'lmviz.prediction.text_logit_lens(lmviz.load("toy"), "x")': "Tensor",
    'lmviz.prediction.generate(lmviz.load("toy"), "x")': "list[Step]",
    'lmviz.tokenization.split_words("x")': "list[str]",
    'lmviz.transformer.extract(lmviz.load("toy")).final_norm': "Norm",
    'lmviz.views.tokens({"words": ["a"]})': "View",
    "lmviz.__version__": "str",
}
MISTAKES = {
    'lmviz.load("smollm2").tracee': '"tracee" for class "LanguageModel"',
    'lmviz.load("smollm2").trace("x").logit': '"logit" for class "Trace"',
    "lmviz.load_model": '"load_model" is not a known attribute of module "lmviz"',
    "lmviz.toy.stories": '"stories" is not a known attribute of module',
}


def checked(lines, folder):
    """Let pyright check a script; return its message for each line."""
    script = folder / "script.py"
    script.write_text("\n".join(["import lmviz", *lines]), encoding="utf-8")
    options = ("--outputjson", "--pythonpath", sys.executable)
    done = subprocess.run(
        [sys.executable, "-m", "pyright", *options, str(script)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    by_line = {one["range"]["start"]["line"]: one["message"] for one in found}
    return [by_line.get(i, "") for i in range(1, len(lines) + 1)]


def test_expressions_have_their_types_and_mistakes_are_errors(tmp_path):
    lines = [*(f"reveal_type({expression})" for expression in TYPES), *MISTAKES]
    messages = checked(lines, tmp_path)
    says = [*(f' is "{kind}"' for kind in TYPES.values()), *MISTAKES.values()]
    for line, message, said in zip(lines, messages, says, strict=True):
        assert said in message, line


def returning():
    """Give the public functions and methods, by their full names."""
    for name, thing in public():
        if not isinstance(thing, type):
            yield name, thing
            continue
        for part, method in vars(thing).items():
            if isinstance(method, METHODS) and (part[0] != "_" or part == "__call__"):
                inner = ("__func__", "fget", "func")  # of decorators
                found = (getattr(method, kind, None) for kind in inner)
                yield f"{name}.{part}", next(filter(None, found), method)


def test_every_public_function_says_what_type_it_returns():
    untyped = {
        name
        for name, function in returning()
        if "return" not in inspect.unwrap(function).__annotations__
    }
    assert not untyped


def bound(stub):
    """Return the names that a stub binds, and its ``__all__``."""
    names, listed = set(), []
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            listed = ast.literal_eval(node.value)
    return names, listed


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.parent.name)
def test_a_stub_has_the_names_of_its_module(stub):
    name = ".".join(stub.parent.relative_to(PACKAGE.parent).parts)
    module = importlib.import_module(name)
    names, listed = bound(stub)
    assert sorted(names) == sorted(listed) == sorted(module.__all__)
    assert set(dir(module)) == names
    for part in names:
        getattr(module, part)
