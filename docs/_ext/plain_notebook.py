"""A page's notebook as Jupyter can show it alone: no roles, and links that lead on."""

import re
from urllib.parse import urljoin

import nbformat

OFFER = re.compile(r"^.*\{nb-download\}.*\n+", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\(([^):]+)\.(?:md|rst)\)")
ROLE = re.compile(r"\{[\w:-]+\}`[^`]*`|```\{.*")


def plain(text, page, base, install):
    """Rewrite a notebook that MyST-NB made.

    Parameters
    ----------
    text : str
        The notebook.
    page : str
        The name of its page, like "exercises/04_attention".
    base : str
        Where the book stands. If it is not known ("") a link becomes its text, in
        quotation marks.
    install : str
        What stands in the cell that installs the package.

    Raises
    ------
    ValueError
        If a role or a directive is left that Jupyter would show as it is.
    """

    def lead(link):
        title, target = link.groups()
        place = urljoin(f"/{page}", target).lstrip("/")
        return f"[{title}]({base}{place}.html)" if base else f"“{title}”"

    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lead, OFFER.sub("", cell.source))
            if left := ROLE.search(cell.source):
                raise ValueError(f"{page}: Jupyter does not know {left.group()}")
        elif cell.source.startswith("# %pip install "):
            cell.source = install
    return nbformat.writes(notebook) + "\n"
