"""The line under a lesson's title, and the cards of the front page."""

import re
import tomllib
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

WORDS_A_MINUTE, LINES_A_MINUTE = 180, 12
PROSE = re.compile(r"^# ?(?!%%)(.*)$", re.MULTILINE)
TITLE = re.compile(r"^.+\n={3,}\n", re.MULTILINE)
LINE = """
.. role:: lesson-level

.. rst-class:: lesson-line

:lesson-level:`{level}` · {minutes} min to read{after} · :ref:`download <{label}>`
"""


def register(app):
    app.add_directive("chapter-cards", ChapterCards)


def table(app):
    """Return the entries of lessons.toml by the names of the lessons."""
    file = Path(app.srcdir, "lessons.toml")
    chapters = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    return {
        f"{chapter}/{lesson}": entry
        for chapter, lessons in chapters.items()
        for lesson, entry in lessons.items()
    }


def minutes(app, lesson):
    """Return the minutes it takes to read a lesson: its prose, and its code slower."""
    examples = app.config.sphinx_gallery_conf["examples_dirs"]
    text = Path(app.srcdir, examples, f"{lesson}.py").read_text(encoding="utf-8")
    _, lead, body = text.split('"""', 2)
    words = len(lead.split()) + sum(len(line.split()) for line in PROSE.findall(body))
    lines = [line for line in body.splitlines() if line and not line.startswith("#")]
    return max(1, round(words / WORDS_A_MINUTE + len(lines) / LINES_A_MINUTE))


def introduce(app, docname, source):
    """Say under the title how long a lesson takes, how far it goes, what it needs."""
    folder = app.config.sphinx_gallery_conf["gallery_dirs"]
    lesson = docname.removeprefix(f"{folder}/")
    if lesson == docname or not (entry := table(app).get(lesson)):
        return
    needed = [f":doc:`/{folder}/{other}`" for other in entry.get("after", [])]
    line = LINE.format(
        level=entry["level"],
        minutes=minutes(app, lesson),
        after=" · after " + " and ".join(needed) if needed else "",
        label=f"sphx_glr_download_{docname.replace('/', '_')}.py",
    )
    source[0] = TITLE.sub(lambda title: title[0] + line, source[0], count=1)


class ChapterCards(SphinxDirective):
    """A card for each chapter: its picture, its title, how long it takes."""

    def run(self):
        cards = nodes.container(classes=["cards"])
        chapters = {}
        for lesson, entry in table(self.env.app).items():
            chapters.setdefault(lesson.split("/")[0], {})[lesson] = entry
        for chapter, lessons in chapters.items():
            cards += self.card(chapter, lessons)
        return [cards]

    def card(self, chapter, lessons):
        config, app = self.config.sphinx_gallery_conf, self.env.app
        header = Path(config["examples_dirs"], chapter, "GALLERY_HEADER.rst")
        title, _, *about = Path(app.srcdir, header).read_text("utf-8").splitlines()
        place = f"/{config['gallery_dirs']}/{chapter}"
        link = addnodes.pending_xref(
            "",
            nodes.inline(text=title),
            refdomain="std",
            reftype="doc",
            reftarget=f"{place}/index",
            refdoc=self.env.docname,
            refexplicit=True,
            refwarn=True,
        )
        (pictured,) = (name for name, entry in lessons.items() if "picture" in entry)
        picture = f"sphx_glr_{pictured.split('/')[1]}_thumb.png"
        time = sum(minutes(app, lesson) for lesson in lessons)
        note = f"{len(lessons)} lessons, {time} min"
        return nodes.container(
            "",
            nodes.image(uri=f"{place}/images/thumb/{picture}", alt="", loading="lazy"),
            nodes.paragraph("", "", link, classes=["card-title"]),
            nodes.paragraph(text=" ".join(about).strip()),
            nodes.paragraph(text=note, classes=["card-note"]),
            classes=["card-of-chapter"],
        )
