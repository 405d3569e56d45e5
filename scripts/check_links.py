"""Check every link inside a built site: the file is there, and so is the anchor.

Sphinx warns of broken references of its own, but checks neither the links that
templates, extensions and raw HTML contain nor their anchors.

    python scripts/check_links.py docs/_build/html [address of the site]
"""

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

# The address of a site whose real address is not known.
NOWHERE = "https://site.invalid/"


class Page(HTMLParser):
    """The links of a page, and the anchors that can be linked to."""

    def __init__(self, file):
        super().__init__()
        self.links, self.anchors = [], {"", "top"}
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Record the links and the anchor of one element."""
        if ("rel", "alternate") in attrs:
            return  # another edition's page, which is published beside this one
        for name, value in attrs:
            if not value:
                continue
            if name in ("href", "src", "poster"):
                self.links.append(value)
            elif name == "srcset":
                self.links += [part.split()[0] for part in value.split(",")]
            elif name == "id" or (tag, name) == ("a", "name"):
                self.anchors.add(value)


def check(folder, address=NOWHERE):
    """Return the number of links inside the site, and a line for each broken one."""
    read = cache(Page)
    n, wrong = 0, []
    for file in sorted(folder.rglob("*.html")):
        if "_static" in file.parts:
            continue  # the theme's own templates
        here = urljoin(address, file.relative_to(folder).as_posix())
        for link in dict.fromkeys(read(file).links):
            target, _, anchor = urljoin(here, link).partition("#")
            if not target.startswith(address):
                if urlsplit(target).netloc == urlsplit(address).netloc:
                    wrong.append(f"{file.relative_to(folder)}: {link} leaves the site")
                continue
            n += 1
            path = folder / unquote(urlsplit(target.removeprefix(address)).path)
            if path.is_dir():
                path /= "index.html"
            if not path.is_file():
                wrong.append(f"{file.relative_to(folder)}: {link} is not there")
            elif path.suffix != ".html" or "=" in anchor:
                continue  # a fragment with the state of a page is no anchor
            elif unquote(anchor) not in read(path).anchors:
                wrong.append(f"{file.relative_to(folder)}: {link} has no such anchor")
    return n, wrong


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    if not (folder / "index.html").is_file():
        sys.exit(f"there is no site in {folder}; build it first: nox -s docs")
    address = sys.argv[2].rstrip("/") + "/" if sys.argv[2:] else NOWHERE
    n, wrong = check(folder, address)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{n} links inside the site, {len(wrong)} of them broken")
    sys.exit(bool(wrong))
