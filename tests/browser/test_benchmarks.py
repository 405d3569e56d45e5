"""The pages of benchmarks fit on a phone."""

import pytest


@pytest.mark.parametrize(("name", "parts"), [("measured", 8), ("measured_pages", 3)])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_plots_and_tables_fit_on_a_phone(
    site, open_page, no_violations, name, parts, dark
):
    address = f"{site}/project/{name}.html"
    page = open_page(url=address, width=390, height=844, dark=dark)
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height < 9_000, "tables are folded, and plots of what matters less"
    assert page.locator("table.numbers:visible").count() == 0
    for fold in page.locator("article details > summary").all():
        fold.click()
    assert page.locator("table.numbers:visible").count() == parts
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for numbers in (".dots .median", "table.numbers td"):
        heights = page.locator(numbers).evaluate_all(
            """all => all.map((e) => {
                const text = document.createRange();
                text.selectNodeContents(e);
                return text.getBoundingClientRect().height;
            })"""
        )
        assert max(heights) < 25, "a number keeps its unit on its line"
    edges = page.locator(".dots .dot, .dots .range").evaluate_all(
        "all => all.map((e) => e.getBoundingClientRect()).map((e) => [e.left, e.right])"
    )
    assert min(left for left, _ in edges) >= 0
    assert max(right for _, right in edges) <= 390
    no_violations(page)
