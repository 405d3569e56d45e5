"""Every lesson runs, on a real model and on one that knows nothing."""

import re
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import tiny_families

LESSONS = sorted(Path(__file__).parents[2].glob("examples/*/*.py"))
LOADING = [path for path in LESSONS if "lmviz.load()" in path.read_text("utf-8")]
DIFFERENCE = re.compile(r"largest absolute difference.*: (\S+)$", re.MULTILINE)
# The lessons that rebuild something, and say that it equals the real thing.
REBUILD = {
    "02_embeddings/10_ids_pick_rows",
    "02_embeddings/30_similarity",
    "02_embeddings/50_static_or_contextual",
    "02_embeddings/60_road_through_layers",
    "03_positions/10_why_positions",
    "03_positions/20_sinusoidal",
    "03_positions/40_adding_positions",
    "03_positions/50_rotary",
    "03_positions/60_alibi",
    "04_attention/10_weighted_average",
    "04_attention/20_one_head",
    "04_attention/30_all_heads",
    "04_attention/40_what_heads_do",
    "04_attention/50_it",
    "04_attention/60_not_explanation",
    "04_attention/80_recalling_a_fact",
    "05_prediction/10_next_token",
    "05_prediction/20_temperature",
    "05_prediction/30_writing_text",
    "05_prediction/40_logit_lens",
    "05_prediction/50_surprise",
    "05_prediction/60_whole_model",
    "05_prediction/80_against_the_truth",
}
# Thirty layers of our own parts lose a little more than one step does.
WHOLE_MODEL = {"05_prediction/40_logit_lens", "05_prediction/60_whole_model"}


def name(path):
    return f"{path.parent.name}/{path.stem}"


def run(path, model, monkeypatch, capsys):
    """Run a lesson and return what it printed, and the titles of its figures."""
    monkeypatch.setenv("LMVIZ_MODEL", str(model))
    runpy.run_path(str(path), run_name="__main__")
    axes = [ax for number in plt.get_fignums() for ax in plt.figure(number).axes]
    plt.close("all")
    return capsys.readouterr().out, axes


@pytest.mark.parametrize("path", LESSONS, ids=name)
@pytest.mark.parametrize("model", ["smollm2", "random-gpt2"])
def test_a_lesson_runs_and_its_checks_hold(
    path, model, monkeypatch, capsys, random_gpt2_folder
):
    model = random_gpt2_folder if model == "random-gpt2" else model
    printed, axes = run(path, model, monkeypatch, capsys)
    assert axes, "a lesson has a figure"
    for ax in axes:
        if ax.get_label() != "<colorbar>":
            assert ax.get_title(), "every figure has a title"
    differences = [float(value) for value in DIFFERENCE.findall(printed)]
    assert bool(differences) == (name(path) in REBUILD)
    limit = 1e-3 if name(path) in WHOLE_MODEL else 1e-4
    assert all(value < limit for value in differences)


@pytest.fixture(scope="session", params=["bloom", "gemma2", "gpt_neox", "opt"])
def other_family(request, tmp_path_factory):
    """Families unlike the book's two, with room for a page of text."""
    folder = tmp_path_factory.mktemp("families") / request.param
    room = {} if request.param == "bloom" else {"max_position_embeddings": 512}
    tiny_families.save(request.param, folder, **room)
    return folder


@pytest.mark.parametrize("path", LOADING, ids=name)
def test_a_lesson_runs_on_other_families(path, other_family, monkeypatch, capsys):
    printed, axes = run(path, other_family, monkeypatch, capsys)
    assert printed
    assert axes


def lesson(stem):
    return next(path for path in LESSONS if path.stem == stem)


def test_the_induction_head_of_smollm2_puts_most_of_its_weight_there(
    monkeypatch, capsys
):
    printed, _ = run(lesson("40_what_heads_do"), "smollm2", monkeypatch, capsys)
    score = re.search(
        r"^induction .*layer \d+, head \d+, (\S+);", printed, re.MULTILINE
    )
    assert float(score[1]) > 0.5


@pytest.mark.parametrize("model", ["smollm2", "random-gpt2"])
def test_every_parameter_is_counted(model, monkeypatch, capsys, random_gpt2_folder):
    model = random_gpt2_folder if model == "random-gpt2" else model
    printed, _ = run(lesson("70_what_each_part_does"), model, monkeypatch, capsys)
    assert "nothing left out: True" in printed


def test_the_published_numbers_are_on_the_pages(monkeypatch, capsys):
    printed, _ = run(lesson("10_text_to_numbers"), "smollm2", monkeypatch, capsys)
    assert "[18712, 15417, 32329, 389, 3665, 290, 6942, 0]" in printed
    assert "18710 ' Hollow'" in printed
    printed, _ = run(lesson("10_next_token"), "smollm2", monkeypatch, capsys)
    probability = re.search(r"^␣Paris +(\S+)$", printed, re.MULTILINE)[1]
    assert float(probability) == pytest.approx(0.77, abs=0.01)


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_lesson_has_its_form(path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= 130
    assert re.fullmatch(r"\d0_[a-z_]+", path.stem), "lessons are numbered in tens"
    title, underline = lines[1:3]
    assert underline == "=" * len(title)
    positions = [
        text.find(f"# **{part}**") for part in ("Takeaway.", "Try it.", "Sources.")
    ]
    assert -1 < positions[0] < positions[1] < positions[2]
    assert all(len(line) <= 88 for line in lines)


def test_every_chapter_has_lessons_and_a_header():
    chapters = {path.parent for path in LESSONS}
    assert [chapter.name for chapter in sorted(chapters)] == [
        "01_tokenization",
        "02_embeddings",
        "03_positions",
        "04_attention",
        "05_prediction",
    ]
    for chapter in chapters:
        assert (chapter / "GALLERY_HEADER.rst").is_file()
