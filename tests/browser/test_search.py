"""The search of the built book ranks the right page first."""

import pytest


@pytest.mark.parametrize(
    ("words", "lesson"),
    [
        ("softmax", "04_attention/10_weighted_average"),
        ("Surprisal", "05_prediction/50_surprise"),
        ("logit lens", "05_prediction/40_logit_lens"),
        ("induction", "04_attention/40_what_heads_do"),
        ("byte pair encoding", "01_tokenization/30_byte_pair_encoding"),
    ],
)
def test_the_lesson_of_a_term_is_found_first(site, open_page, words, lesson):
    page = open_page(url=f"{site}/search.html?q={words}")
    first = page.locator("ul.search li a").first
    first.wait_for()
    assert f"lessons/{lesson}.html" in first.get_attribute("href")
