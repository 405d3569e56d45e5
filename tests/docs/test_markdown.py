"""A page as Markdown has its text, equations, code, output, tables and figures."""

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from lmviz_book import markdown
from lmviz_book.cells import fold

PAGE = r"""
Title
=====

A *lead* with **bold**, ``a ` b``, :math:`x_i
+ 1`, a * star and 3 < 4.

Section
-------

.. math::
   a &= 1 \\ b &= 2

- one

  .. code-block:: python

     print("```")

- two

3. third
4. fourth

Term
   Its definition.

======  =====
a|b     c
======  =====
1.25    −2
======  =====

.. raw:: html

   <figure class="book-figure">
   <svg aria-label="Two bars &lt;b&gt;."><text>9</text></svg>
   <figcaption><b>Bars.</b> Of two.</figcaption></figure>

.. raw:: html

   <lmviz-attention data-title="One head">
   <script type="application/json">{"a": 1}</script>
   <svg aria-label="&#x2068;One head&#x2069;"></svg></lmviz-attention>

.. raw:: html

   <div class="look">no text of the page</div>
"""


@pytest.fixture(scope="module")
def copy():
    # As Sphinx does it, where a document has its title as a section.
    doctree = publish_doctree(PAGE, settings_overrides={"doctitle_xform": False})
    return markdown.to_markdown(doctree, "page.html", "4.2")


@pytest.mark.parametrize(
    "expected",
    [
        "# 4.2 Title\n\n",
        "\n\n## Section\n\n",
        r"A *lead* with **bold**, `` a ` b ``, $x_i + 1$, a \* star and 3 \< 4.",
        "$$\n\\begin{aligned}\na &= 1 \\\\ b &= 2\n\\end{aligned}\n$$",
        '- one\n\n  ````\n  print("```")\n  ````\n- two',
        "3. third\n4. fourth",
        "- **Term**: Its definition.",
        "| a\\|b | c |\n| --- | --- |\n| 1.25 | −2 |",
        "[Figure](page.html#section): Bars. Of two.\n\n"
        "Description: Two bars &lt;b&gt;.\n\n",
        "[Interactive figure](page.html#section): One head\n",
    ],
)
def test_a_copy_has_each_part(copy, expected):
    assert expected in copy


@pytest.mark.parametrize("unexpected", ["<svg", "<script", '{"a"', "no text", "9"])
def test_a_copy_has_no_markup_and_no_data(copy, unexpected):
    assert unexpected not in copy


def test_a_description_that_repeats_the_title_is_left_out(copy):
    assert copy.count("Description:") == 1


def test_what_was_printed_differs_from_code():
    page = nodes.container(
        "",
        nodes.literal_block("", "print(1)", language="Python"),
        nodes.literal_block("", "1", language="none"),
    )
    assert markdown.to_markdown(page, "page.html") == (
        "```python\nprint(1)\n```\n\n```text\n1\n```\n"
    )


def test_an_answer_is_folded():
    page = nodes.container(
        "", fold("", nodes.paragraph(text="Because."), summary="Answer")
    )
    folded = "<details><summary>Answer</summary>\n\nBecause.\n\n</details>\n"
    assert markdown.to_markdown(page, "page.html") == folded


def test_a_node_of_an_unknown_kind_gives_its_content():
    class Unknown(nodes.General, nodes.Element):
        pass

    page = nodes.container("", Unknown("", nodes.paragraph(text="Text.")))
    assert markdown.to_markdown(page, "page.html") == "Text.\n"


def test_code_with_links_stays_code():
    # What sphinx-gallery makes of a block that names functions of the package.
    class code_links_block(nodes.General, nodes.TextElement):  # noqa: N801
        pass

    name = nodes.reference("", "", nodes.inline(text="load"), refuri="page.html")
    block = code_links_block("", nodes.Text("x = ["), name, nodes.Text("]"))
    block["lang"] = "Python"
    page = nodes.container("", block)
    assert markdown.to_markdown(page, "page.html") == "```python\nx = [load]\n```\n"
