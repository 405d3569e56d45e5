"""What lessons print can be read: also what would hide, or turn its neighbours round.

On the way to the page some control characters get lost, and what follows them too.
"""

import re

from docutils import nodes

from lmviz._text import visible

# All but the ends of lines, tabs, and colours, which the pages of notebooks show.
CONTROLS = re.compile(
    r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\x1b(?!\[[\d;]*m)"
)


def setup(app):
    app.connect("doctree-read", show_controls)
    return {
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }


def show_controls(app, doctree):
    """Write control characters of code and output as the package writes them."""
    for block in doctree.findall(nodes.literal_block):
        readable = CONTROLS.sub(lambda control: visible(control[0]), block.rawsource)
        if readable != block.rawsource:
            block.rawsource = readable
            block[:] = [nodes.Text(readable)]
