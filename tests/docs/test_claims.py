"""Every number that a lesson states is in its own output."""

import re

import claims
import pytest
from run_lessons import LESSONS, name

EXAMPLES = LESSONS[0].parents[1]

LESSON = '''"""
Title 7
=======

A lead with 40 words.
"""

# %%
# Section 3
# ---------
# The loss is 2.70 nats (Xiao et al., 2024, section 4), or 62 % of 1,024, not −0.5.
# In math, :math:`x = 17`; in code, ``base=18``; GPT-2 has layers.
#
# .. math::
#
#    y = 19
n = 40
print(2.70)

# %%
# Further reading
# ---------------
# Someone, *100 Numbers* (2020).
'''


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_lesson_prints_every_number_that_it_states(path, run_lesson):
    text = path.read_text(encoding="utf-8")
    printed = run_lesson(path, "smollm2")["printed"]
    assert not claims.unbacked(text, printed), "print them, or correct the prose"


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_a_changed_digit_is_noticed(path, run_lesson):
    text = path.read_text(encoding="utf-8")
    known = claims.backing(text, run_lesson(path, "smollm2")["printed"])
    stated = [n for n in claims.claims(text) if len(re.sub(r"\D", "", n)) >= 3]
    changed = [re.sub(r"\d(?=\D*$)", next_digit, n) for n in stated]
    unnoticed = [n for n in changed if n in known]
    assert len(unnoticed) <= len(changed) / 4, "numbers that are there by chance"


def next_digit(found):
    return str((int(found[0]) + 1) % 10)


def test_what_counts_as_a_claim():
    assert claims.claims(LESSON) == ["40", "2.70", "62%", "1024", "-0.5"]


@pytest.mark.parametrize(
    ("printed", "missing"),
    [
        ("2.70 62% 1024 0.5", []),
        ("2.71 62% 1,024 -0.5", ["2.70"]),
        ("2.70 62 1024 -0.5", ["62%"]),
        ("12.70 62% 1024 -0.55", ["2.70", "-0.5"]),
    ],
)
def test_a_claim_is_backed_by_what_is_printed_or_by_a_constant(printed, missing):
    assert claims.unbacked(LESSON, printed) == missing


@pytest.mark.parametrize(
    "footer", sorted(EXAMPLES.glob("*/GALLERY_FOOTER.rst")), ids=lambda p: p.parent.name
)
def test_a_chapter_ends_with_numbers_that_its_lessons_state(footer):
    text, _, _ = footer.read_text("utf-8").partition("Further reading, in order\n")
    lessons = footer.parent.glob("*.py")
    stated = {n for path in lessons for n in claims.claims(path.read_text("utf-8"))}
    assert set(claims.numbers(text)) <= stated


def test_every_chapter_ends_with_its_results():
    assert len(list(EXAMPLES.glob("*/GALLERY_FOOTER.rst"))) == 5
