"""The Sphinx extension of the book; `handlers` has what it does, in order.

Processes that run lessons and notebooks import single modules of this package, and not
Sphinx.
"""


def setup(app):
    from . import handlers

    return handlers.connect(app)
