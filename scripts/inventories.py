"""Look up where other projects document the types that the reference links.

    python scripts/inventories.py

This needs a network, and updates the files in docs/_ext/lmviz_book/inventories. Sites
that Sphinx has not built are asked for each page instead.
"""

import sys
import urllib.request
from pathlib import Path

from sphinx.util.inventory import InventoryFile

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))

from lmviz_book.inventories import FOLDER, SITES  # noqa: E402

# Their sites have no inventory.
WITHOUT = ("tokenizers", "transformers")
HEADING_LINES = 3


def fetch(address):
    """Return what is at an address."""
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310
        return answer.read()


def updated(line, project, inventory):
    """Return a line of a file with the page on which the name is documented now."""
    name, kind, page = line.split()
    if inventory is None:
        if name.encode() not in fetch(SITES[project] + page):
            sys.exit(f"{SITES[project]}{page} does not document {name}")
        return line
    found = inventory.get(f"py:{kind}", {}).get(name)
    if found is None:
        sys.exit(f"the inventory of {project} has no {kind} {name}")
    page, _, anchor = found.uri.removeprefix(SITES[project]).partition("#")
    if anchor != name:
        sys.exit(
            f"{name} is at #{anchor}, and an inventory of version 1 has no anchors"
        )
    return f"{name} {kind} {page}"


def main():
    """Update the files."""
    for project, site in SITES.items():
        file = FOLDER / f"{project}.txt"
        lines = file.read_text(encoding="utf-8").splitlines()
        inventory = None
        if project not in WITHOUT:
            content = fetch(f"{site}objects.inv")
            inventory = InventoryFile.loads(content, uri=site).data
        lines[HEADING_LINES:] = [
            updated(line, project, inventory) for line in lines[HEADING_LINES:]
        ]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
