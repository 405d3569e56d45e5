"""What notebooks bring to a page besides prose, in the language of the page.

The tour's puts phrases into its sentences, according to what the model is like, and a
folded cell has a line to open it. They are translated as the page is written, with the
other words of the site.
"""

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.locale import get_translation
from sphinx.transforms.post_transforms import SphinxPostTransform

translated = get_translation("sphinx")


def _(message):
    """Return a message as it is; its name adds it to the catalogues."""
    return message


# The model of the tour.
NO_BOS = _("this model is used without one")
ROTARY = _(
    "leaves the embeddings as they are and uses rotary positions: each layer rotates "
    "the vectors that attention compares, by angles proportional to their positions"
)
LARGEST_DROP = _("the largest drop of any head")
SMALLER_DROP = _("not the largest drop")
TIED = _("the embedding matrix once more, transposed; this is called weight tying")
UNTIED = _("with a column for each token")
# Other texts of a notebook may be the same as words of the site, such as a token.
ALL = {NO_BOS, ROTARY, LARGEST_DROP, SMALLER_DROP, TIED, UNTIED}
# Of the settings, and of single cells of exercises.
PROMPTS = {
    *(_("Show the code"), _("Hide the code")),
    *(_("Show the check"), _("Hide the check")),
    *(_("Show the solution"), _("Hide the solution")),
}


def register(app):
    app.add_post_transform(Phrases)
    app.add_post_transform(Prompts)


class Phrases(SphinxPostTransform):
    """Translate what notebooks have put into sentences."""

    # After MyST-NB's own, which puts it there.
    default_priority = 6

    def run(self, **kwargs):
        for inline in list(self.document.findall(nodes.inline)):
            text = inline.astext()
            if "pasted-text" in inline.get("classes", ()) and text in ALL:
                inline[:] = [nodes.Text(translated(text))]


class Prompts(SphinxPostTransform):
    """Translate the lines that open and close a cell."""

    # After MyST-NB's own, which folds it.
    default_priority = 200

    def run(self, **kwargs):
        for cell in self.document.findall(HideCodeCellNode):
            for name in ("prompt_show", "prompt_hide"):
                if cell[name] in PROMPTS:
                    cell[name] = translated(cell[name])
