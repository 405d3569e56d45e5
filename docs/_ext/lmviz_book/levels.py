"""The choice of a level above a list of lessons; without scripts, all are shown."""

from html import escape

from docutils import nodes
from sphinx.locale import _
from sphinx.util.docutils import SphinxDirective

from .lessons import LEVELS, table

FORM = """<form class="levels" data-shown="{shown}" hidden>
<fieldset><legend>{legend}</legend>{choices}</fieldset>
<output></output>
</form>"""
CHOICE = (
    '<label><input type="radio" name="level" id="{value}" value="{value}"{checked}> '
    "{name} <small>{count}</small></label>"
)


def register(app):
    app.add_directive("lesson-levels", LessonLevels)


def class_of(level):
    """Return the class of a card, which is also the level's name in an address.

    Examples
    --------
    >>> class_of("first steps")
    'level-first-steps'
    """
    return f"level-{level.replace(' ', '-')}"


class LessonLevels(SphinxDirective):
    """A choice among the levels of the lessons on a page, which levels.js shows."""

    def run(self):
        self.env.note_dependency("lessons.toml")
        folder = self.config.sphinx_gallery_conf["gallery_dirs"]
        chapter = self.env.docname.removeprefix(f"{folder}/").removesuffix("index")
        levels = [
            entry.get("level")
            for name, entry in table(self.env.app).items()
            if name.startswith(chapter)
        ]
        here = [level for level in LEVELS if level in levels]
        if len(here) < 2:
            return []
        choices = [choice(_("all"), "level-all", len(levels), checked=" checked")]
        choices += [
            choice(LEVELS[level], class_of(level), levels.count(level))
            for level in here
        ]
        form = FORM.format(
            legend=escape(_("Level")),
            choices="".join(choices),
            shown=escape(_("{shown} of {all} lessons")),
        )
        return [nodes.raw("", form, format="html")]


def choice(name, value, count, checked=""):
    return CHOICE.format(
        name=escape(str(name)), value=escape(value), count=count, checked=checked
    )
