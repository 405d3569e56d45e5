"""The weights of the model in the page: where they are read from, and not kept."""

import hashlib
import zipfile
from types import SimpleNamespace

import pytest
from lmviz_book import downloads, model_files, staleness


def fingerprint(tmp_path, code, where):
    path = tmp_path / "lesson.py"
    path.write_text(code, encoding="utf-8")
    model = tmp_path / "model"
    model.mkdir(exist_ok=True)
    config = SimpleNamespace(lmviz_model_files=where, lmviz_model={"folder": model})
    app = SimpleNamespace(config=config)
    return staleness.fingerprint(app, path, hashlib.sha256())


@pytest.mark.parametrize(
    ("code", "runs_again"),
    [
        ("from lmviz import views\nviews.model()\n", True),
        ("from lmviz import views\nviews.tokens([])\n", False),
    ],
)
def test_a_page_with_the_model_runs_again_when_its_weights_move(
    tmp_path, code, runs_again
):
    here, elsewhere = (fingerprint(tmp_path, code, where) for where in ("site", "none"))
    assert (here != elsewhere) == runs_again


def test_a_downloaded_book_has_no_weights(tmp_path):
    site = tmp_path / "html"
    weights = site / "_static" / model_files.NAME / "abc" / "layer-0.bin"
    for path in (site / "downloads" / "lessons.zip", weights, site / "index.html"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    for name in ("lmviz", "toy"):
        (site / "_static" / name).write_text("x")
    app = SimpleNamespace(
        builder=SimpleNamespace(format="html"),
        outdir=site,
        doctreedir=tmp_path / "doctrees",
        srcdir=tmp_path,
        config=SimpleNamespace(sphinx_gallery_conf={"gallery_dirs": "lessons"}),
    )
    downloads.write_archives(app, None)
    with zipfile.ZipFile(site / "downloads" / "book.zip") as archive:
        assert archive.namelist() == [
            "lmviz-book/_static/lmviz",
            "lmviz-book/_static/toy",
            "lmviz-book/index.html",
        ]
