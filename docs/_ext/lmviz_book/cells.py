"""What is folded and framed on a page: code that draws, answers, summaries, sources.

A cell that draws and prints nothing, whose last line is ``plt.show()``, is folded below
its figure. The script and the notebook keep it as it is. An admonition of the class
``dropdown``, such as the answer to a question, is folded below its title.
"""

import re
from html import escape

from docutils import nodes
from sphinx import addnodes
from sphinx.locale import _
from sphinx.transforms.post_transforms import SphinxPostTransform

from . import languages
from .figures import FIGURE

DRAWS = re.compile(r"plt\.show\(\)\s*$")
NEEDLESS = {
    "sphx-glr-download-link-note",
    "sphx-glr-footer-example",
    "sphx-glr-timing",
}
UNSOLVED = re.compile(r"(None|Not yet\b.*)$")
FIRST_BOLD = re.compile(r"\*\*([^*]+)\*\*")
EXERCISES_OF = re.compile(r"lessons/(\d\d_\w+)/\d")
# How a paragraph begins, or a section is called, and the box that it becomes.
BOXES = {
    "summary": "summary",
    "exercise": "exercise",
    "exercises": "exercise",
    "sources": "sources",
    "further reading": "sources",
}


class fold(nodes.container):  # noqa: N801 (docutils's way)
    """Content that is shown when the reader asks for it."""


def register(app):
    app.add_node(fold, html=(visit_fold, depart_fold))
    app.add_post_transform(Variables)


def visit_fold(self, node):
    self.body.append(f'<details class="fold"><summary>{node["summary"]}</summary>\n')


def depart_fold(self, node):
    self.body.append("</details>\n")


def fold_drawing(app, doctree):
    """Put code that only draws below its figure, folded."""
    for block in list(doctree.findall(nodes.literal_block)):
        code = block.astext()
        if not DRAWS.search(code) or "print(" in code:
            continue
        # In a notebook the code and what it shows are in containers of one cell.
        part = block
        if "cell_input" in block.parent.get("classes", ()):
            part = block.parent
        siblings = part.parent.children
        shown = siblings[siblings.index(part) + 1 :]
        drawn = [node for node in shown[:4] if is_figure(node)]
        if not drawn:
            continue
        lines = len(code.strip().splitlines())
        summary = _("Show the code for this figure · {lines} lines")
        summary = summary.format(lines=lines)
        place = siblings.index(drawn[-1]) + 1
        part.parent.insert(place, fold("", part.deepcopy(), summary=summary))
        part.parent.remove(part)


def fold_answers(app, doctree):
    """Fold what a lesson answers, so that a reader can think first."""
    for box in list(doctree.findall(nodes.admonition)):
        if "dropdown" in box["classes"]:
            title, *body = box.children
            box.replace_self(fold("", *body, summary=escape(title.astext())))


def is_figure(node):
    return any(FIGURE in raw.astext() for raw in node.findall(nodes.raw))


def leave_out_unsolved(app, doctree):
    """Leave out what the cells of exercises print before anybody has solved them."""
    if not app.env.docname.startswith("exercises/"):
        return
    for output in list(doctree.findall(nodes.container)):
        said = output.astext().strip()
        if "cell_output" in output["classes"] and UNSOLVED.match(said):
            output.parent.remove(output)


class Variables(SphinxPostTransform):
    """Link what a lesson calls, and not each variable to the class of its value.

    A page of code would have a hundred links to torch.Tensor, each a stop for the keys.
    """

    # After the gallery's own, which makes the links.
    default_priority = 200

    def run(self, **kwargs):
        for link in list(self.document.findall(nodes.reference)):
            if "sphx-glr-backref-instance" in link["classes"] and not link.get(
                "internal"
            ):
                place = link.parent.index(link)
                link.parent[place : place + 1] = link.children


def leave_out_the_gallerys_own(app, doctree):
    """Leave out what the line below a lesson's title says in fewer words."""
    for node in list(doctree.findall(nodes.Element)):
        if NEEDLESS.intersection(node.get("classes", ())):
            node.parent.remove(node)


def frame(app, doctree):
    """Give paragraphs and sections that sum up, ask or cite the look of a box."""
    for paragraph in doctree.findall(nodes.paragraph):
        if paragraph.children and isinstance(paragraph[0], nodes.strong):
            mark(paragraph, first_words(paragraph).lower())
    for section in doctree.findall(nodes.section):
        # The page itself may be called so.
        if isinstance(section.parent, nodes.section):
            mark(section, languages.original(section[0]).lower())

    chapter = EXERCISES_OF.match(app.env.docname)
    for box in list(doctree.findall(is_exercise)) if chapter else []:
        box += more_exercises(app.env.docname, chapter[1])


def first_words(paragraph):
    """Return the bold words with which a paragraph begins, in the original."""
    if paragraph.get("translated"):
        bold = FIRST_BOLD.match(paragraph.rawsource)
        return bold[1].rstrip(".") if bold else ""
    return paragraph[0].astext().rstrip(".")


def mark(node, name):
    if name in BOXES:
        node["classes"] += ["box", f"box-{BOXES[name]}"]


def is_exercise(node):
    return isinstance(node, nodes.Element) and "box-exercise" in node.get("classes", ())


def more_exercises(docname, chapter):
    """Return a link to the exercises of a chapter."""
    link = addnodes.pending_xref(
        "",
        nodes.inline(text=_("More exercises")),
        refdomain="std",
        reftype="doc",
        reftarget=f"/exercises/{chapter}",
        refdoc=docname,
        refexplicit=True,
        refwarn=True,
    )
    return nodes.inline("", "", link, classes=["more"])
