"""`no_violations` measures few texts of each ink, and sees each one that differs."""

import pytest

from lmviz.views import tokens

VIEW = "document.querySelector('lmviz-tokens').shadowRoot"
LAST = f"{VIEW}.querySelector('.strip button:last-child')"


@pytest.mark.parametrize(
    "spoilt",
    [
        "document.querySelector('h1').style.color = '#ccc'",
        f"{LAST}.style.color = '#ccc'",
        f"{LAST}.style.background = '#666'",
        f"{LAST}.style.opacity = 0.3",
    ],
)
def test_one_pale_text_among_many_is_found(open_page, no_violations, spoilt):
    page = open_page(tokens({"A": ["word"] * 40}))
    no_violations(page)
    page.evaluate(spoilt)
    with pytest.raises(AssertionError, match="color-contrast"):
        no_violations(page, rules=["color-contrast"])


def test_a_pale_text_is_found_beside_those_that_are_disabled(open_page, no_violations):
    page = open_page(tokens({"A": ["word"] * 40}))
    page.evaluate(
        """document.querySelector("main").innerHTML = ["disabled", "disabled", ""]
            .map((state) => `<button style="color: #999; background: #fff" ${state}>
                Next</button>`).join("") + "<h1>Title</h1>" """
    )
    with pytest.raises(AssertionError, match="color-contrast"):
        no_violations(page, "main")


def test_all_other_rules_see_every_part(open_page, no_violations):
    page = open_page(tokens({"A": ["word"] * 40}))
    page.evaluate(f"{LAST}.replaceChildren()")
    with pytest.raises(AssertionError, match="button-name"):
        no_violations(page)
