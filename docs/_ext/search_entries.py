"""The search keeps the index entries of pages that a build does not write anew.

Sphinx loads all else of the last build's index again, and forgets these:
https://github.com/sphinx-doc/sphinx/issues/12599
"""

from pathlib import Path

from sphinx.search import js_index


def setup(app):
    # Between the writing of the pages and that of the index.
    app.connect("html-collect-pages", restore_entries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def restore_entries(app):
    last = Path(app.outdir, app.builder.searchindex_filename)
    if last.is_file():
        frozen = js_index.loads(last.read_text(encoding="utf-8"))
        known = app.builder.indexer._index_entries
        left = app.env.found_docs - known.keys()
        for entry, places in frozen["indexentries"].items():
            for number, anchor, is_main in places:
                if (page := frozen["docnames"][number]) in left:
                    found = (entry, anchor, "main" if is_main else "")
                    known.setdefault(page, []).append(found)
        # As they stand when all pages are written.
        app.builder.indexer._index_entries = dict(sorted(known.items()))
    return []
