"""Every lesson runs from an empty folder, on a real model and on random ones."""

import re

import pytest
import run_lessons
from run_lessons import DIFFERENCE, LESSONS, find

# The lessons that rebuild something, and compare it with the original.
REBUILD = {
    "02_embeddings/01_embedding_table",
    "02_embeddings/03_pca",
    "02_embeddings/04_cosine_similarity",
    "02_embeddings/06_contextual_embeddings",
    "02_embeddings/07_residual_stream",
    "03_positions/01_why_positions",
    "03_positions/02_sinusoidal",
    "03_positions/03_learned_positions",
    "03_positions/04_adding_positions",
    "03_positions/05_relative_position_biases",
    "03_positions/06_rotary",
    "03_positions/07_beyond_the_training_length",
    "04_attention/01_self_attention",
    "04_attention/02_causal_mask",
    "04_attention/03_multi_head_attention",
    "04_attention/04_attention_maps",
    "04_attention/05_all_heads",
    "04_attention/06_encoders_and_cross_attention",
    "04_attention/07_attention_sinks",
    "04_attention/08_induction_heads",
    "04_attention/09_qk_and_ov_circuits",
    "04_attention/10_coreference",
    "04_attention/11_attention_is_not_explanation",
    "04_attention/13_in_context_retrieval",
    "04_attention/14_activation_patching",
    "05_prediction/01_logits",
    "05_prediction/02_sampling",
    "05_prediction/03_generation",
    "05_prediction/04_kv_cache",
    "05_prediction/05_beam_search",
    "05_prediction/11_logit_lens",
    "05_prediction/06_perplexity",
    "05_prediction/08_training",
    "05_prediction/09_whole_model",
    "05_prediction/07_calibration",
    "05_prediction/12_direct_logit_attribution",
    "05_prediction/13_facts_in_mlps",
}
# Rounding errors accumulate over thirty layers.
WHOLE_MODEL = {
    "05_prediction/09_whole_model",
    "05_prediction/11_logit_lens",
}
# Families unlike the book's two.
FAMILIES = ["bloom", "gemma2", "gpt_neox", "opt"]
# The lessons that take a model apart, which depends on its family.
TAKE_APART = [
    path
    for path in LESSONS
    if "lmviz.load()" in (text := path.read_text("utf-8")) and "transformer" in text
]


def on_families():
    """List each lesson with each family; all but one wait for the night."""
    for number, path in enumerate(TAKE_APART):
        for family in FAMILIES:
            later = family != FAMILIES[number % len(FAMILIES)]
            yield pytest.param(
                path,
                family,
                marks=[pytest.mark.nightly] if later else [],
                id=f"{run_lessons.name(path)}-{family}",
            )


@pytest.mark.parametrize("path", LESSONS, ids=run_lessons.name)
@pytest.mark.parametrize("model", ["smollm2", "random-gpt2"])
def test_a_lesson_runs_and_its_checks_hold(path, model, run_lesson):
    result = run_lesson(path, model)
    assert result["titles"], "a lesson has a figure"
    assert all(result["titles"]), "every figure has a title"
    differences = [float(value) for value in DIFFERENCE.findall(result["printed"])]
    name = run_lessons.name(path)
    assert bool(differences) == (name in REBUILD), (
        'REBUILD lists the lessons that print a "largest absolute difference from …", '
        "and no others"
    )
    limit = 1e-3 if name in WHOLE_MODEL else 1e-4
    assert all(value < limit for value in differences)


@pytest.mark.parametrize("path", LESSONS, ids=run_lessons.name)
def test_every_figure_has_a_caption_and_a_description(path, run_lesson):
    for caption, alt in run_lesson(path, "smollm2")["words"]:
        finding, _, rest = caption.partition(". ")
        assert 3 <= len(finding.split()) <= 20, "a first sentence that says the finding"
        assert len(rest.split()) >= 8, "what to see"
        assert 8 <= len(alt.split()) <= 120, "what is in the picture"
        assert alt != caption
        assert "nan" not in (caption + alt).split()


@pytest.mark.parametrize(("path", "family"), list(on_families()))
def test_a_lesson_runs_on_another_family(path, family, run_lesson):
    result = run_lesson(path, family)
    assert result["printed"]
    assert result["titles"]


def test_the_strongest_induction_head_of_smollm2_scores_above_a_half(run_lesson):
    printed = run_lesson(find("08_induction_heads"), "smollm2")["printed"]
    score = re.search(r"^induction +\d+\.\d+ +(\S+)", printed, re.MULTILINE)
    assert float(score[1]) > 0.5


@pytest.mark.parametrize("model", ["smollm2", "random-gpt2"])
def test_every_parameter_is_counted(model, run_lesson):
    printed = run_lesson(find("10_parameters"), model)["printed"]
    assert "nothing left out: True" in printed


def test_the_published_numbers_are_printed(run_lesson):
    printed = run_lesson(find("01_tokens_and_ids"), "smollm2")["printed"]
    assert "[18712, 15417, 32329, 389, 3665, 290, 6942, 0]" in printed
    assert "18710 ' Hollow'" in printed
    printed = run_lesson(find("01_logits"), "smollm2")["printed"]
    probability = re.search(r"^␣Paris +(\S+)$", printed, re.MULTILINE)[1]
    assert float(probability) == pytest.approx(0.77, abs=0.01)


@pytest.mark.parametrize("path", LESSONS, ids=run_lessons.name)
def test_a_lesson_has_the_required_form(path):
    run_lessons.check_form(path)


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
