"""What stands under a lesson's title, and the cards of the front page."""

import re
import tomllib
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

WORDS_A_MINUTE = 180
LINES_A_MINUTE = 12
PROSE = re.compile(r"^# ?(?!%%)(.*)$", re.MULTILINE)


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


def minutes(script):
    """Return the minutes it takes to read a lesson: its prose, and its code slower."""
    text = Path(script).read_text(encoding="utf-8")
    _, lead, body = text.split('"""', 2)
    words = len(lead.split()) + sum(len(line.split()) for line in PROSE.findall(body))
    lines = [line for line in body.splitlines() if line and not line.startswith("#")]
    return max(1, round(words / WORDS_A_MINUTE + len(lines) / LINES_A_MINUTE))


def script_of(app, lesson):
    return Path(
        app.srcdir, app.config.sphinx_gallery_conf["examples_dirs"], f"{lesson}.py"
    )


def introduce(app, doctree):
    """Say under the title how long a lesson takes, how far it goes, what it needs."""
    folder = app.config.sphinx_gallery_conf["gallery_dirs"]
    lesson = app.env.docname.removeprefix(f"{folder}/")
    entry = table(app).get(lesson)
    if entry is None or lesson == app.env.docname:
        return
    line = nodes.paragraph(classes=["lesson-line"])
    line += nodes.inline(text=entry["level"], classes=["lesson-level"])
    line += nodes.Text(f" · {minutes(script_of(app, lesson))} min to read")
    for i, other in enumerate(entry.get("after", [])):
        line += nodes.Text(" · after " if i == 0 else " and ")
        line += to(app.env.docname, "doc", f"/{folder}/{other}")
    line += nodes.Text(" · ")
    label = f"sphx_glr_download_{app.env.docname.replace('/', '_')}.py"
    line += to(app.env.docname, "ref", label, "download")
    title = next(doctree.findall(nodes.title))
    title.parent.insert(title.parent.index(title) + 1, line)


def to(here, kind, target, text=None):
    """Return a link to a page (doc) or a label (ref) that Sphinx checks."""
    return addnodes.pending_xref(
        "",
        nodes.inline(text=text or ""),
        refdomain="std",
        reftype=kind,
        reftarget=target,
        refdoc=here,
        refexplicit=text is not None,
        refwarn=True,
    )


class ChapterCards(SphinxDirective):
    """A card for each chapter: its picture, its title, how long it takes."""

    def run(self):
        app, config = self.env.app, self.config.sphinx_gallery_conf
        folder = config["gallery_dirs"]
        cards = nodes.container(classes=["cards"])
        chapters = {}
        for lesson in table(app):
            chapters.setdefault(lesson.split("/")[0], []).append(lesson)
        for chapter, lessons in chapters.items():
            header = script_of(app, f"{chapter}/x").with_name("GALLERY_HEADER.rst")
            title, _, *about = header.read_text(encoding="utf-8").splitlines()
            time = sum(minutes(script_of(app, lesson)) for lesson in lessons)
            card = nodes.container(classes=["card-of-chapter"])
            picture = PICTURES[chapter]
            card += nodes.image(
                uri=f"/{folder}/{chapter}/images/thumb/sphx_glr_{picture}_thumb.png",
                alt="",
                loading="lazy",
            )
            heading = nodes.paragraph(classes=["card-title"])
            heading += to(self.env.docname, "doc", f"/{folder}/{chapter}/index", title)
            card += heading
            card += nodes.paragraph(text=" ".join(about).strip())
            card += nodes.paragraph(
                text=f"{len(lessons)} lessons, {time} min", classes=["card-note"]
            )
            cards += card
        return [cards]


# The lesson whose thumbnail stands for its chapter.
PICTURES = {
    "01_tokenization": "50_trained_vocabularies",
    "02_embeddings": "70_word_classes",
    "03_positions": "20_sinusoidal",
    "04_attention": "20_one_head",
    "05_prediction": "40_logit_lens",
}
