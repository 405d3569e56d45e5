"""The styles and scripts that only some pages need."""

# Sphinx gives those of conf.py 800.
AFTER_THE_BOOK = 900


def add_files(app, pagename, templatename, context, doctree):
    """Add the script of the front page's figure, and the styles of some pages."""
    if pagename == app.config.root_doc:
        # The name of its tab says what the book is.
        context["docstitle"] = app.config.ogp_site_name
        app.add_css_file("front.css", priority=AFTER_THE_BOOK)
        # Not a module: those are refused when a page is opened from a disk.
        app.add_js_file("front.js", loading_method="defer", priority=AFTER_THE_BOOK)
    elif pagename == "book/inside":
        app.add_css_file("inside.css", priority=AFTER_THE_BOOK)
    elif pagename.startswith(f"{app.config.sphinx_gallery_conf['gallery_dirs']}/"):
        app.add_css_file("lessons.css", priority=AFTER_THE_BOOK)
