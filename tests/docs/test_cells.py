"""Code that only draws is folded below its figure; some paragraphs become boxes."""

from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document
from lmviz_book import cells
from lmviz_book.figures import FIGURE
from sphinx import addnodes

DRAWING = "figure, ax = plt.subplots()\nax.plot([1, 2])\nplt.show()\n"


def figure():
    return nodes.raw(text=f'{FIGURE}">', format="html")


def page(*children):
    document = new_document("page", get_default_settings())
    document += nodes.section("", nodes.title(text="A lesson"), *children)
    return document


def app(docname):
    return SimpleNamespace(env=SimpleNamespace(docname=docname))


def kinds(document):
    return [type(node).__name__ for node in document[0][1:]]


def test_code_that_only_draws_is_folded_below_its_figure():
    document = page(nodes.literal_block(text=DRAWING), figure())
    cells.fold_drawing(None, document)
    assert kinds(document) == ["raw", "fold"]
    fold = document[0][-1]
    assert fold["summary"] == "Show the code for this figure · 3 lines"
    assert fold[0].astext() == DRAWING


@pytest.mark.parametrize(
    "code",
    [
        "print(1)\nplt.show()\n",
        "figure, ax = plt.subplots()\n",
        "plt.show()\nprint('after')\n",
    ],
)
def test_code_that_prints_or_shows_nothing_stays_in_sight(code):
    document = page(nodes.literal_block(text=code), figure())
    cells.fold_drawing(None, document)
    assert kinds(document) == ["literal_block", "raw"]


def test_code_without_a_figure_stays_in_sight():
    document = page(nodes.literal_block(text=DRAWING), nodes.paragraph(text="No."))
    cells.fold_drawing(None, document)
    assert kinds(document) == ["literal_block", "paragraph"]


def test_in_a_notebook_the_whole_input_is_folded():
    cell = nodes.container(
        "",
        nodes.container("", nodes.literal_block(text=DRAWING), classes=["cell_input"]),
        nodes.container("", figure(), classes=["cell_output"]),
        classes=["cell"],
    )
    document = page(cell)
    cells.fold_drawing(None, document)
    shown, fold = document[0][1]
    assert shown["classes"] == ["cell_output"]
    assert isinstance(fold, cells.fold)
    assert fold[0]["classes"] == ["cell_input"]


def test_an_answer_is_folded_and_a_note_is_not():
    title, body = nodes.title(text="Answer to <b>"), nodes.paragraph(text="Three.")
    answer = nodes.admonition("", title, body, classes=["dropdown"])
    note = nodes.admonition("", nodes.title(text="Note"), nodes.paragraph())
    document = page(answer, note)
    cells.fold_answers(None, document)
    fold, other = document[0].children[-2:]
    assert isinstance(fold, cells.fold)
    assert fold["summary"] == "Answer to &lt;b&gt;"
    assert fold.astext() == "Three."
    assert isinstance(other, nodes.admonition)


@pytest.mark.parametrize(
    ("begins", "box"),
    [
        ("Summary.", "box-summary"),
        ("Exercise.", "box-exercise"),
        ("Sources.", "box-sources"),
    ],
)
def test_a_paragraph_that_sums_up_asks_or_cites_is_a_box(begins, box):
    paragraph = nodes.paragraph("", "", nodes.strong(text=begins), nodes.Text(" So."))
    other = nodes.paragraph("", "", nodes.strong(text="Attention"), nodes.Text(" is"))
    document = page(paragraph, other)
    cells.frame(app("book/tour"), document)
    assert paragraph["classes"] == ["box", box]
    assert other["classes"] == []


def test_a_section_called_summary_is_a_box():
    section = nodes.section("", nodes.title(text="Summary"), nodes.paragraph())
    document = page(section)
    cells.frame(app("book/tour"), document)
    assert section["classes"] == ["box", "box-summary"]


@pytest.mark.parametrize("said", ["None", "Not yet: set `guess` to a number first."])
def test_exercises_leave_out_what_is_printed_before_they_are_solved(said):
    def exercise(said):
        block = nodes.literal_block(text=said)
        return page(nodes.container("", block, classes=["cell_output"]))

    for text, name, kept in (
        (said, "exercises/04_attention", []),
        (said, "book/tour", ["container"]),
        ("the toy: (3, 4)", "exercises/04_attention", ["container"]),
    ):
        document = exercise(text)
        cells.leave_out_unsolved(app(name), document)
        assert kinds(document) == kept


@pytest.mark.parametrize(
    ("docname", "target"),
    [
        ("lessons/04_attention/04_attention_maps", ["/exercises/04_attention"]),
        ("book/tour", []),
    ],
)
def test_an_exercise_of_a_lesson_leads_to_those_of_its_chapter(docname, target):
    document = page(nodes.paragraph("", "", nodes.strong(text="Exercise.")))
    cells.frame(app(docname), document)
    links = document.findall(addnodes.pending_xref)
    assert [link["reftarget"] for link in links] == target


def test_the_gallerys_own_notes_are_left_out():
    note = nodes.note(classes=["sphx-glr-download-link-note", "admonition"])
    footer = nodes.container(classes=["sphx-glr-footer", "sphx-glr-footer-example"])
    document = page(note, nodes.paragraph(text="A lead."), footer)
    cells.leave_out_the_gallerys_own(None, document)
    assert kinds(document) == ["paragraph"]


def test_only_calls_are_links_to_other_projects_and_not_each_variable():
    def link(text, internal, *classes):
        return nodes.reference("", text, classes=[*classes], internal=internal)

    document = new_document("lesson")
    variable = "sphx-glr-backref-instance"
    document += [
        link("torch.softmax", False),
        link("weights", False, variable),
        link("lm", True, variable),
    ]
    cells.Variables(document).run()
    assert document.astext().split() == ["torch.softmax", "weights", "lm"]
    links = [reference.astext() for reference in document.findall(nodes.reference)]
    assert links == ["torch.softmax", "lm"]
