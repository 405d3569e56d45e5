"""What a cell prints in columns becomes a table on the page.

The rule is narrow: at least three lines in a row with the same number of cells, which
two or more spaces separate. Anything else stays as it was printed.
"""

import re
from itertools import groupby

from docutils import nodes

GAP = re.compile(r" {2,}")
NUMBER = re.compile(r"[-+−]?(?=[.,]*\d)[\d.,]+(e[-+]\d+)?%?( \w+)?")
FEWEST_LINES = 3
ARRAY = re.compile(r"\s*(\[|tensor|array)")


def show(app, doctree):
    """Replace each block of output that has a table, and keep its other lines."""
    for block in list(doctree.findall(nodes.literal_block)):
        parts = parts_of(block.astext()) if is_output(block) else []
        if any(is_table for is_table, _ in parts):
            made = [table(part) if is_table else text(part) for is_table, part in parts]
            block.replace_self(nodes.container("", *made, classes=["printed"]))


def is_output(block):
    classes = [*block["classes"], *block.parent.get("classes", ())]
    return "sphx-glr-script-out" in classes or "cell_output" in classes


def parts_of(printed):
    """Return tables and the lines between them: whether it is one, and its rows."""
    parts = []
    for width, lines in groupby(printed.rstrip().splitlines(), width_of):
        lines = list(lines)
        is_table = width > 1 and len(lines) >= FEWEST_LINES
        # A reader who hears a table needs the name of its first column, too.
        is_table = is_table and all(cells_of(line)[0] for line in lines)
        if parts and not is_table and not parts[-1][0]:
            parts[-1][1].extend(lines)
        else:
            parts.append((is_table, lines))
    return parts


def cells_of(line):
    first, *others = (cell.strip() for cell in GAP.split(line.rstrip()))
    # Numbers at the left may be aligned at their right.
    if not first and others and NUMBER.fullmatch(others[0]):
        return others
    return [first, *others]


def width_of(line):
    # What is printed of an array has gaps, too.
    return 0 if ARRAY.match(line) else len(cells_of(line))


def text(lines):
    block = nodes.literal_block(text="\n".join(lines))
    block["language"] = "none"
    return block


def table(lines):
    rows = list(map(cells_of, lines))
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
