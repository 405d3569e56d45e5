"""An executed notebook comes out the same in every build."""

import json
from functools import partialmethod
from pathlib import Path

from nbclient import NotebookClient


def setup(app):
    # A kernel sends what a cell prints in pieces, cut where its clock says.
    begin = NotebookClient.__init__
    NotebookClient.__init__ = partialmethod(begin, coalesce_streams=True)
    app.connect("doctree-read", number_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def number_cells(app, doctree):
    """Name cells by their place; they come with random names."""
    file = Path(app.srcdir, "_build", "jupyter_execute", f"{app.env.docname}.ipynb")
    if file.is_file():
        notebook = json.loads(file.read_text(encoding="utf-8"))
        for number, cell in enumerate(notebook["cells"], 1):
            cell["id"] = f"cell-{number}"
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        file.write_text(f"{text}\n", encoding="utf-8")
