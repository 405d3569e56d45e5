"""The cards that lead to chapters and lessons, and the line below a lesson's title."""

from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.locale import _
from sphinx.util.docutils import SphinxDirective, SphinxRole

from .lessons import chapters, is_interactive, minutes, number, table
from .levels import class_of


def register(app):
    app.add_directive("chapter-cards", ChapterCards)
    app.add_directive("lesson-cards", LessonCards)
    app.add_directive("lesson-line", LessonLine)
    app.add_directive("picture", Picture)
    app.add_role("count", Count())
    app.add_node(lesson_line, html=(visit_line, depart_line))


class Cards(SphinxDirective):
    """A list of links, each with what there is to know before one follows it."""

    def link(self, page):
        """Link to a page; Sphinx adds its title."""
        return addnodes.pending_xref(
            "",
            nodes.inline(),
            refdomain="std",
            reftype="doc",
            reftarget=page,
            refdoc=self.env.docname,
            refexplicit=False,
            refwarn=True,
        )

    def title(self, page, name):
        text = nodes.inline(text=number(name), classes=["card-number"])
        return nodes.paragraph(
            "", "", text, nodes.Text(" "), self.link(page), classes=["card-title"]
        )

    def message(self, text):
        """Return a paragraph that can be translated with the page."""
        paragraph = nodes.paragraph(text, text)
        self.set_source_info(paragraph)
        return paragraph

    @property
    def folder(self):
        return self.config.sphinx_gallery_conf["gallery_dirs"]


class ChapterCards(Cards):
    """A card for each chapter: its picture, its number and title, its lessons."""

    def run(self):
        self.env.note_dependency("lessons.toml")
        cards = nodes.bullet_list(classes=["chapters"])
        cards += [self.card(*each) for each in chapters(self.env.app).items()]
        return [cards]

    def card(self, chapter, lessons):
        app = self.env.app
        examples = self.config.sphinx_gallery_conf["examples_dirs"]
        header = Path(app.srcdir, examples, chapter, "GALLERY_HEADER.rst")
        self.env.note_dependency(str(header))
        about = " ".join(header.read_text("utf-8").splitlines()[2:]).strip()
        time = sum(minutes(app, f"{chapter}/{lesson}") for lesson in lessons)
        return nodes.list_item(
            "",
            picture(self, chapter),
            nodes.container(
                "",
                self.title(f"/{self.folder}/{chapter}/index", chapter),
                self.message(about),
                nodes.paragraph(
                    text=_("{lessons} lessons · {minutes} min").format(
                        lessons=len(lessons), minutes=time
                    ),
                    classes=["card-note"],
                ),
            ),
        )


class LessonCards(Cards):
    """A card for each of some lessons: number, title, question, minutes, level."""

    has_content = True

    def run(self):
        cards = nodes.bullet_list(classes=["lessons"])
        entries = table(self.env.app)
        for lesson in filter(None, self.content):
            cards += self.card(lesson, entries.get(lesson, {}))
        return [cards] if cards.children else []

    def card(self, lesson, entry):
        app = self.env.app
        note = nodes.paragraph(classes=["card-note"])
        note += nodes.inline(
            text=_("{minutes} min").format(minutes=minutes(app, lesson))
        )
        if level := entry.get("level"):
            note += [nodes.Text(" "), nodes.inline(text=_(level))]
        if is_interactive(app, lesson):
            note += [
                nodes.Text(" "),
                nodes.inline(text=_("interactive"), classes=["tag"]),
            ]
        card = nodes.list_item("", self.title(f"/{self.folder}/{lesson}", lesson))
        if level:
            card["classes"] += [class_of(level)]
        if question := entry.get("question"):
            card += self.message(question)
        card += note
        return card


class lesson_line(nodes.Invisible, nodes.TextElement):  # noqa: N801 (docutils's way)
    """A line about the lesson, which the summary of its page leaves out."""


class LessonLine(SphinxDirective):
    """``.. lesson-line:: core · 8 min``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        text, messages = self.parse_inline(self.arguments[0])
        return [lesson_line("", "", *text), *messages]


def visit_line(self, node):
    self.body.append(self.starttag(node, "p", "", CLASS="lesson-line"))


def depart_line(self, node):
    self.body.append("</p>\n")


class Picture(SphinxDirective):
    """``.. picture:: try``: one of the drawings in ``_static/chapters``."""

    required_arguments = 1

    def run(self):
        return [picture(self, self.arguments[0])]


def picture(directive, name):
    """Put a drawing into the page, so that its colours are the page's."""
    path = f"_static/chapters/{name}.svg"
    directive.env.note_dependency(path)
    drawing = Path(directive.env.srcdir, path).read_text(encoding="utf-8")
    return nodes.raw("", drawing, format="html")


class Count(SphinxRole):
    """How many chapters or lessons the book has."""

    def run(self):
        app = self.env.app
        self.env.note_dependency("lessons.toml")
        counts = {"chapters": len(chapters(app)), "lessons": len(table(app))}
        return [nodes.Text(str(counts[self.text]))], []
