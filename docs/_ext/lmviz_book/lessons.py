"""The lessons: their numbers, what stands below their titles, and where they lead."""

import re
import tomllib
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

from sphinx.locale import _

# Those of lessons.toml, in the order in which to read them, and as they are shown.
LEVELS = {"first steps": _("first steps"), "core": _("core"), "deeper": _("deeper")}
WORDS_A_MINUTE, LINES_A_MINUTE = 180, 12
PROSE = re.compile(r"^# ?(?!%%)(.*)$", re.MULTILINE)
# What a page leaves out.
IGNORED = re.compile(
    r"\n# sphinx_gallery_start_ignore\n.*?# sphinx_gallery_end_ignore\n", re.DOTALL
)
TITLE = re.compile(r"^.+\n={3,}\n", re.MULTILINE)
TOY = 'lmviz.load("toy")'
VIEW = re.compile(r"\bviews\.\w+\(")
# What sphinx-gallery writes: the thumbnails of a chapter, and the downloads at the
# bottom of a lesson.
THUMBNAILS = re.compile(
    r'\.\. raw:: html\n\n +<div class="sphx-glr-thumbnails">.*?'
    r"\.\. thumbnail-parent-div-close\n\n\.\. raw:: html\n\n +</div>\n",
    re.DOTALL,
)
# A place for its own tags, which no lesson has: they have levels.
TAGS = re.compile(
    r"\.\. raw:: html\n\n +<div id='sg-tag-list' class='sphx-glr-tag-list'></div>\n"
)
DOWNLOADS = re.compile(r"^\.\. _sphx_glr_download_", re.MULTILINE)
LINE = """
.. lesson-line:: {parts}
"""
BOX = """
.. container:: lesson-next

   {text}

"""


def chapters(app):
    """Return the entries of lessons.toml by the names of chapters and lessons."""
    file = Path(app.srcdir, "lessons.toml")
    return parsed(file.read_text("utf-8")) if file.is_file() else {}


# Each page asks for the entries of lessons.
parsed = cache(tomllib.loads)


def table(app):
    """Return the entries of lessons.toml by the names of the lessons."""
    return {
        f"{chapter}/{lesson}": entry
        for chapter, lessons in chapters(app).items()
        for lesson, entry in lessons.items()
    }


def number(lesson):
    """Return the number of a lesson or chapter in the book.

    The titles of pages get the same number from the order of the pages.

    Examples
    --------
    >>> number("04_attention/04_attention_maps"), number("04_attention")
    ('4.4', '4')
    """
    chapter, *rest = lesson.split("/")
    places = [int(chapter.split("_")[0])]
    places += [int(name.split("_")[0]) for name in rest]
    return ".".join(map(str, places))


def script(app, lesson):
    """Return the script of a lesson."""
    examples = app.config.sphinx_gallery_conf["examples_dirs"]
    return Path(app.srcdir, examples, f"{lesson}.py").read_text(encoding="utf-8")


def minutes(app, lesson):
    """Return the minutes it takes to read a lesson: its prose, and its code slower."""
    _start, lead, body = IGNORED.sub("", script(app, lesson)).split('"""', 2)
    words = len(lead.split()) + sum(len(line.split()) for line in PROSE.findall(body))
    lines = [line for line in body.splitlines() if line and not line.startswith("#")]
    return max(1, round(words / WORDS_A_MINUTE + len(lines) / LINES_A_MINUTE))


def is_interactive(app, lesson):
    return VIEW.search(script(app, lesson)) is not None


def introduce(app, docname, source):
    """Complete what sphinx-gallery wrote of a lesson, a chapter or all chapters."""
    folder = app.config.sphinx_gallery_conf["gallery_dirs"]
    lesson = docname.removeprefix(f"{folder}/")
    if lesson == docname:
        return
    if Path(app.srcdir, "lessons.toml").is_file():
        app.env.note_dependency("lessons.toml", docname=docname)
    if lesson.endswith("index"):
        source[0] = THUMBNAILS.sub(lambda found: cards(folder, found[0]), source[0])
        source[0] = TAGS.sub("\n.. lesson-levels::\n", source[0], count=1)
        source[0] = TAGS.sub("", source[0])
        chapter = lesson.removesuffix("index").strip("/")
        if chapter in chapters(app):
            source[0] += f"\n{footer(app, docname, chapter)}"
            source[0] += f"\n{BOX.format(text=practise(chapter))}"
    else:
        entry = table(app).get(lesson, {})
        line = LINE.format(parts=" · ".join(facts(app, lesson, entry)))
        boxes = "".join(BOX.format(text=text) for text in leads(app, lesson, entry))
        source[0] = TITLE.sub(lambda title: title[0] + line, source[0], count=1)
        source[0] = DOWNLOADS.sub(lambda label: boxes + label[0], source[0], count=1)


def cards(folder, thumbnails):
    """Return the list of lessons that replaces their thumbnails."""
    lessons = re.findall(rf":doc:`/{folder}/(.+)`", thumbnails)
    return "\n".join([".. lesson-cards::", "", *(f"   {name}" for name in lessons), ""])


def footer(app, docname, chapter):
    """Return what ends a chapter: its results in short, and further reading."""
    examples = app.config.sphinx_gallery_conf["examples_dirs"]
    file = Path(app.srcdir, examples, chapter, "GALLERY_FOOTER.rst")
    app.env.note_dependency(str(file), docname=docname)
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def facts(app, lesson, entry):
    """Yield the parts of the line below a lesson's title."""
    folder = app.config.sphinx_gallery_conf["gallery_dirs"]
    if level := entry.get("level"):
        yield f":ref:`{_(level)} <levels>`"
    yield _("{minutes} min").format(minutes=minutes(app, lesson))
    needed = [
        f"{number(name)} :doc:`/{folder}/{name}`" for name in entry.get("after", [])
    ]
    if needed:
        yield _("after {lessons}").format(lessons=_(" and ").join(needed))
    name = lesson.split("/")[1]
    # Messages within an f-string would not be found.
    script, notebook = _("script"), _("notebook")
    yield f":download:`{script} <{name}.py>`"
    yield f":download:`{notebook} <{name}.ipynb>`"


def leads(app, lesson, entry):
    """Yield what comes after a lesson: a model in the page, the chapter's exercises."""
    if "try" in entry:
        yield try_it(app, lesson, **entry["try"])
    if TOY in script(app, lesson):
        yield (
            "**Open the toy.** The toy of this lesson runs in your browser: write a "
            "story, choose a head, ablate it. :doc:`/book/explorer`"
        )
    chapter, name = lesson.split("/")
    if entry and name == list(chapters(app)[chapter])[-1]:
        yield practise(chapter)


def try_it(app, lesson, ask, **state):
    """Return a link to the model with the lesson's text and heads filled in."""
    return (
        f"**Try it in the model.** {ask} `Open the model with this text "
        f"<{model_address(app, lesson, **state)}>`__"
    )


def model_address(app, lesson, text, **state):
    """Return the relative address of the page with the model in a state."""
    fragment = urlencode({"model": "smollm2", "text": text, **state}, quote_via=quote)
    folder = app.config.sphinx_gallery_conf["gallery_dirs"]
    up = "../" * f"{folder}/{lesson}".count("/")
    return f"{up}book/inside.html#{fragment}"


def in_the_page(app, lesson):
    """Return where a page runs the model of a lesson without installing, or nothing."""
    state = table(app).get(lesson, {}).get("try")
    if state:
        state = {name: value for name, value in state.items() if name != "ask"}
        return model_address(app, lesson, **state)
    return "../../book/explorer.html" if TOY in script(app, lesson) else ""


def practise(chapter):
    return (
        f"**Practise.** The exercises of chapter {number(chapter)} ask for one-line "
        "predictions and for code, both checked against the model. "
        f":doc:`Go to the exercises </exercises/{chapter}>`"
    )
