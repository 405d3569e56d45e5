"""What editors and type checkers know of the package."""

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import user_program
from test_docstrings import METHODS, public

import lmviz
from lmviz._types import GenerateOptions

PACKAGE = Path(lmviz.__file__).parent
PROGRAM = Path(user_program.__file__)
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
    'lmviz.load("toy").trace(2.5)': '"float" cannot be assigned to parameter "text"',
    'lmviz.load(dtype="float8")': 'cannot be assigned to parameter "dtype"',
    'lmviz.load("toy").generate("x", chose=max)': 'No parameter named "chose"',
    'lmviz.plots.heatmap("x")': 'cannot be assigned to parameter "matrix"',
}
# What mypy says of mistakes in a program, in its strict mode.
STRICT_MISTAKES = {
    'lmviz.load("toy").trace("x").logit': '"Trace" has no attribute "logit"',
    'lmviz.load("toy").trace(2.5)': '"trace" of "LanguageModel" has incompatible type',
    'lmviz.load(dtype="float8")': '"load" has incompatible type "Literal[\'float8\']"',
    'lmviz.corpus.surprisals(lmviz.load("toy"), ["x"], progressing=True)': "Unexpected "
    'keyword argument "progressing"',
    'lmviz.plots.heatmap("x")': '"heatmap" has incompatible type "str"',
    "len(lmviz.prediction.greedy([0.5]))": '"len" has incompatible type "int"',
}


def script(lines, folder):
    """Write a script that begins with ``import lmviz``."""
    path = folder / "script.py"
    path.write_text("\n".join(["import lmviz", *lines]), encoding="utf-8")
    return path


def pyright(path):
    """Let pyright check a file; return its message for each line that has one."""
    options = ("--outputjson", "--pythonpath", sys.executable)
    done = subprocess.run(
        [sys.executable, "-m", "pyright", *options, str(path)],
        cwd=path.parent,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {one["range"]["start"]["line"]: one["message"] for one in found}


def mypy(cache, *paths):
    """Let mypy check files in its strict mode; return its messages, by file and line.

    It reads all of torch and transformers; with the cache, this is done once.
    """
    options = ("--strict", "--follow-imports=silent", f"--cache-dir={cache}")
    options += ("--python-executable", sys.executable, "--no-error-summary")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *map(str, paths)],
        env={**os.environ, "MYPYPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode < 2, done.stdout + done.stderr
    found = re.findall(r"^(.+?):(\d+): error: (.+)$", done.stdout, re.M)
    return {(Path(file).name, int(line)): message for file, line, message in found}


def test_expressions_have_their_types_and_mistakes_are_errors(tmp_path):
    lines = [*(f"reveal_type({expression})" for expression in TYPES), *MISTAKES]
    messages = pyright(script(lines, tmp_path))
    says = [*(f' is "{kind}"' for kind in TYPES.values()), *MISTAKES.values()]
    for i, (line, said) in enumerate(zip(lines, says, strict=True), 1):
        assert said in messages.get(i, ""), line


def test_pyright_accepts_the_program_of_a_user_in_strict_mode():
    assert pyright(PROGRAM) == {}


@pytest.mark.long("mypy")
def test_mypy_accepts_the_program_and_finds_mistakes_in_strict_mode(pytestconfig):
    cache = pytestconfig.cache.mkdir("mypy")
    messages = mypy(cache, PROGRAM, script(STRICT_MISTAKES, cache))
    for line, (code, said) in enumerate(STRICT_MISTAKES.items(), 2):
        assert said in messages.pop(("script.py", line), ""), code
    assert messages == {}


def test_the_program_runs(tmp_path):
    assert len(user_program.main(tmp_path)) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"head.png", "heads.html"}


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


def untyped(function):
    """Return the names of the parameters without a type, and "return" likewise."""
    typed = function.__annotations__
    parameters = inspect.signature(function).parameters
    return {*parameters, "return"} - {*typed, "self", "cls"}


def test_every_public_function_states_its_types():
    missing = {name: untyped(inspect.unwrap(f)) for name, f in returning()}
    assert {name: names for name, names in missing.items() if names} == {}


def documented(function):
    """Yield each parameter that the docstring says is a bool, float, int or str."""
    text = inspect.getdoc(function)
    section = re.search(r"Parameters\n-+\n(.+?)(\n\n|\Z)", text, re.S)
    simple = r"(\w.*?) : (bool|float|int|str)(, optional|, default .+)?$"
    for line in section[1].splitlines() if section else ():
        if found := re.match(simple, line):
            for name in found[1].split(", "):
                yield name, found[2]


def test_types_are_those_of_the_docstrings():
    wrong, n = [], 0
    for name, function in returning():
        function = inspect.unwrap(function)
        for part, kind in documented(function):
            default = inspect.signature(function).parameters[part].default
            stated = function.__annotations__[part]
            n += 1
            if stated != (f"{kind} | None" if default is None else kind):
                wrong.append(f"{name}: {part}: {kind}, {stated}")
    assert wrong == []
    assert n > 100


def test_options_that_are_passed_on_are_those_of_generate():
    options = inspect.signature(lmviz.prediction.generate).parameters
    passed = {name: kind for name, kind in GenerateOptions.__annotations__.items()}
    kinds = {name: options[name].annotation for name in passed}
    assert {*options} - {*passed} == {"lm", "text", "n_tokens"}
    assert {name: kind.__forward_arg__ for name, kind in passed.items()} == kinds


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
