"""Views in the front ends of notebooks: sandboxed frames, inserted HTML, no scripts."""

import html
import re

import numpy as np
import pytest
from conftest import DRAWN
from watching import watch

from lmviz import views

WORDS = ["the", "␣dog", "␣saw", "␣it"]
WEIGHTS = np.tril(np.ones((2, 2, 4, 4))) / np.arange(1, 5)[:, None]
LOGITS = np.log([[0.5, 0.25, 0.125, 0.125]] * 4)
MADE = {
    "attention": lambda: views.attention(WEIGHTS, WORDS),
    "embeddings": lambda: views.embeddings(np.eye(4), WORDS),
    "explorer": views.explorer,
    "lens": lambda: views.lens([LOGITS] * 3, range(4), WORDS, vocabulary=WORDS),
    "model": views.model,
    "positions": views.positions,
    "prediction": lambda: views.prediction(LOGITS, WORDS, vocabulary=WORDS),
    "tokens": lambda: views.tokens({"words": WORDS}),
}
EMPTY = '<!DOCTYPE html><html lang="en"><link rel="icon" href="data:,">{}'
# As JupyterLab and VS Code do, whose cells get HTML that comes late.
INSERT = """(markup) => {
    const cell = document.body.appendChild(document.createElement("div"));
    cell.innerHTML = markup;
    for (const script of cell.querySelectorAll("script")) {
        const runs = document.createElement("script");
        for (const { name, value } of script.attributes) runs.setAttribute(name, value);
        runs.textContent = script.textContent;
        script.replaceWith(runs);
    }
}"""


@pytest.fixture
def page(context, serve, tmp_path):
    """An empty page that is watched, with a function that opens some HTML in it."""
    page, complaints = context.new_page(), []
    (tmp_path / "page.html").write_text(EMPTY.format(""))
    address = serve(tmp_path)
    watch(page, address, complaints)

    def show(body):
        (tmp_path / "page.html").write_text(EMPTY.format(body), encoding="utf-8")
        page.goto(f"{address}/page.html")
        return page

    yield show
    page.close()
    assert complaints == []


@pytest.mark.parametrize("name", MADE)
def test_a_view_works_in_a_frame_without_an_origin(page, name):
    # There, a page has no storage, no cookies and no workers; Colab's is like that.
    inside = html.escape(f"<!DOCTYPE html>{MADE[name]()._repr_html_()}")
    opened = page(
        f'<iframe sandbox="allow-scripts" srcdoc="{inside}" width=700 height=400>'
        "</iframe>"
    )
    frame = opened.frames[1]
    frame.evaluate(DRAWN)
    assert frame.evaluate("origin") == "null"
    assert frame.evaluate("document.querySelector('[data-title]').shadowRoot !== null")
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert frame.evaluate(wide) <= 0


def test_pointing_at_a_weight_says_it_in_such_a_frame(page):
    inside = html.escape(f"<!DOCTYPE html>{MADE['attention']()._repr_html_()}")
    opened = page(
        f'<iframe sandbox="allow-scripts" srcdoc="{inside}" width=900 height=900>'
        "</iframe>"
    )
    frame = opened.frames[1]
    frame.evaluate(DRAWN)
    said = frame.locator("lmviz-attention output").first
    before = said.text_content()
    frame.locator("svg[aria-label^='Attention map']").hover()
    opened.wait_for_timeout(200)
    assert said.text_content() != before


def test_html_that_is_inserted_late_draws_each_view_once(page):
    opened = page("")
    for name in ("attention", "tokens", "attention"):
        opened.evaluate(INSERT, MADE[name]()._repr_html_())
    opened.evaluate(DRAWN)
    cards = opened.locator("[data-title]").evaluate_all(
        "(all) => all.map((each) => each.shadowRoot.querySelectorAll('.view').length)"
    )
    assert cards == [1, 1, 1]
    assert opened.locator(".lmviz-fallback:visible").count() == 0
    assert opened.locator("img:visible").count() == 0


@pytest.mark.parametrize("name", ["attention", "embeddings", "positions"])
def test_where_scripts_and_svg_are_taken_out_there_is_an_image(page, name):
    view = MADE[name]()
    markup = re.sub(r"<script.*?</script>", "", view._repr_html_(), flags=re.DOTALL)
    markup = re.sub(r"</?(lmviz-\w+|svg)[^>]*>", "", markup)
    opened = page(markup)
    image = opened.get_by_role("img", name=view.title)
    assert image.evaluate("(image) => image.decode().then(() => image.width)") > 300
    assert opened.get_by_text("interactive if scripts are enabled").is_visible()
    assert opened.locator("body").inner_text().count("\n") < 6
