"""Below each function of the reference stand the lessons and pages that use it.

Their code is read, not run: what counts is a name, like ``positions.rotary``.
"""

from dependencies import dotted, resolve
from freshness import code_of, lesson_files, name, notebook_files

REFERENCE = "reference/"
# What nearly every lesson uses would be followed by a list of nearly every lesson.
SHOWN = 8


def setup(app):
    app.connect("builder-inited", read_scripts)
    app.connect("env-get-outdated", reread)
    # Behind what napoleon makes of a docstring.
    app.connect("autodoc-process-docstring", say_who, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def read_scripts(app):
    """Find for each function and class the pages whose code names it."""
    app.lmviz_users = {}
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]
    lessons = {path: f"/{gallery}/{name(app, path)}" for path in lesson_files(app)}
    notebooks = {path: f"/{name(app, path)}" for path in notebook_files(app)}
    for path, page in (lessons | notebooks).items():
        things = {key(resolve(whole)) for whole in dotted(code_of(path))}
        for thing in things - {None}:
            app.lmviz_users.setdefault(thing, []).append(page)


def key(thing):
    """Return what a function or class is called where it was made."""
    made, called = (getattr(thing, at, None) for at in ("__module__", "__qualname__"))
    return f"{made}.{called}" if made and called else None


def reread(app, env, added, changed, removed):
    """Read the reference anew when other pages use it."""
    before = getattr(env, "lmviz_users", None)
    env.lmviz_users = app.lmviz_users
    if before == app.lmviz_users:
        return []
    return [page for page in env.found_docs if page.startswith(REFERENCE)]


def say_who(app, what, called, thing, options, lines):
    users = app.lmviz_users.get(key(thing), [])
    if not users:
        return
    links = " · ".join(f":doc:`{page}`" for page in users[:SHOWN])
    more = len(users) - SHOWN
    rest = f" · and {more} more" if more > 0 else ""
    lines += ["", f"Used in: {links}{rest}", ""]
