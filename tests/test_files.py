"""A file is written whole or not at all."""

import os
import stat

import pytest

from lmviz import views
from lmviz._files import write_whole


def test_a_new_file_has_the_usual_permissions(tmp_path):
    usual, ours = tmp_path / "usual", tmp_path / "ours"
    usual.write_bytes(b"")
    write_whole(ours, b"content")
    assert ours.read_bytes() == b"content"
    assert ours.stat().st_mode == usual.stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="permissions of Unix")
def test_an_old_file_keeps_its_permissions_and_a_link_its_target(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    view = views.tokens({"words": ["the"]})
    file = tmp_path / "a.html"
    file.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device", "a.html.0123")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space left on device") as error:
        view.save(file)
    assert error.value.filename == str(file)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.name == "nt", reason="a device of Unix")
def test_what_is_no_file_is_written_to(tmp_path):
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(fifo, b"content")
        assert os.read(reader, 99) == b"content"
    finally:
        os.close(reader)
    assert list(tmp_path.iterdir()) == [fifo]


def test_a_missing_folder_is_named(tmp_path):
    file = tmp_path / "no" / "a.html"
    with pytest.raises(FileNotFoundError) as error:
        write_whole(file, b"")
    assert error.value.filename == str(file)
