"""The version of the book, and the way to its other versions.

A page cannot know the versions that are published after it. So each page names the
site's own list of them, `versions.json`, and a script fills in the links.
"""

from packaging.version import Version

import lmviz


def book_version(version=None):
    """Return the version of the book, which is the package's.

    All development builds before a release have one: what is kept of the pages and of
    the notebooks, which name the wheel, holds from one commit to the next.

    Examples
    --------
    >>> book_version("1.2.3"), book_version("1.2.4.dev56"), book_version("0+unknown")
    ('1.2.3', '1.2.4.dev0', '0.dev0')
    """
    found = Version(version or lmviz.__version__)
    is_release = not (found.is_devrelease or found.local)
    return str(found) if is_release else f"{found.base_version}.dev0"


def show(app, pagename, templatename, context, doctree):
    """Tell the pages of a site that has several versions which one this is."""
    if app.config.lmviz_versions and doctree is not None:
        context["version_list"] = app.config.lmviz_versions
        context["is_development"] = Version(app.config.release).is_devrelease
        context["page_address"] = app.builder.get_target_uri(pagename)
