"""Types of other projects lead to their documentation.

The folder `inventories` lists the names that the reference links, in the first form of
Sphinx's own inventories, which is plain text: a build asks no other site. When a type
is new in the reference, add it there; `scripts/inventories.py` looks up its page.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.ext.intersphinx import missing_reference
from sphinx.util import logging

FOLDER = Path(__file__).with_suffix("")
# Where the pages of each project are.
SITES = {
    "matplotlib": "https://matplotlib.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "python": "https://docs.python.org/3/",
    "tokenizers": "https://huggingface.co/docs/tokenizers/",
    "torch": "https://docs.pytorch.org/docs/stable/",
    "transformers": "https://huggingface.co/docs/transformers/",
}
# torch.Tensor, but not torch alone.
NAME = re.compile(r"\b(?:pathlib|{})(?:\.\w+)+".format("|".join(SITES)))

logger = logging.getLogger(__name__)


def mapping():
    """Return the setting of `sphinx.ext.intersphinx`."""
    return {
        project: (site, str(FOLDER / f"{project}.txt"))
        for project, site in SITES.items()
    }


def link_names(app, italics):
    """Link each name of another project in a type, such as "list of torch.Tensor"."""
    text, parts, end = italics.astext(), [], 0
    for found in NAME.finditer(text):
        parts += [nodes.Text(text[end : found.start()]), link(app, italics, found[0])]
        end = found.end()
    if parts:
        italics.children = []
        italics.extend([part for part in [*parts, nodes.Text(text[end:])] if part])


def link(app, italics, name):
    """Return a link to a name's documentation; warn if no inventory has it."""
    wanted = addnodes.pending_xref("", refdomain="py", reftype="class", reftarget=name)
    found = missing_reference(app, app.env, wanted, nodes.Text(name))
    if found is None:
        logger.warning(
            "%s has no page: add it to a file in %s",
            name,
            FOLDER.name,
            location=italics,
        )
    return found or nodes.Text(name)
