"""What a cell prints in columns becomes a table on the page.

The rule is narrow: at least three lines, all with the same number of cells, which two
or more spaces separate. Anything else stays as it was printed.
"""

import re

from docutils import nodes

GAP = re.compile(r" {2,}")
NUMBER = re.compile(r"[-+−]?[\d.,]+(e[-+]\d+)?%?( \w+)?")
FEWEST_LINES = 3


def show(app, doctree):
    """Replace each block of output that is a table."""
    for block in list(doctree.findall(nodes.literal_block)):
        if is_output(block) and (rows := rows_of(block.astext())):
            block.replace_self(nodes.container("", table(rows), classes=["printed"]))


def is_output(block):
    classes = [*block["classes"], *block.parent.get("classes", ())]
    return "sphx-glr-script-out" in classes or "cell_output" in classes


def rows_of(text):
    """Return the cells of a text that is a table, else nothing."""
    lines = text.rstrip().splitlines()
    rows = [[cell.strip() for cell in GAP.split(line.rstrip())] for line in lines]
    widths = {len(row) for row in rows}
    if len(rows) < FEWEST_LINES or len(widths) != 1 or widths == {1}:
        return []
    # What is printed of an array has gaps, too.
    if any(line.startswith((" ", "[", "tensor", "array")) for line in lines[1:]):
        return []
    return rows


def table(rows):
    columns = len(rows[0])
    group = nodes.tgroup("", cols=columns)
    group += [nodes.colspec(colwidth=1) for _ in range(columns)]
    if has_header(rows):
        group += nodes.thead("", row(rows[0]))
        rows = rows[1:]
    group += nodes.tbody("", *map(row, rows))
    return nodes.table("", group)


def has_header(rows):
    first, *others = rows
    numbers = [
        all(map(NUMBER.fullmatch, column)) for column in zip(*others, strict=True)
    ]
    return any(numbers) and not any(map(NUMBER.fullmatch, first))


def row(cells):
    return nodes.row("", *map(entry, cells))


def entry(cell):
    classes = ["number"] if NUMBER.fullmatch(cell) else []
    return nodes.entry("", nodes.paragraph(text=cell), classes=classes)
