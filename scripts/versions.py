"""Write the list of the versions of the book that a site has.

    python scripts/versions.py SITE ADDRESS

The book in the folder SITE is listed as the newest development version or release, and
with it each book in a folder named after its tag, such as SITE/v1.2.3. The list,
SITE/versions.json, has the form of the PyData theme's.
"""

import argparse
import json
import re
from pathlib import Path

from packaging.version import Version


def version_of(book):
    """Return the version that a built book states in its inventory."""
    header = (book / "objects.inv").read_bytes().split(b"\n", 4)[:3]
    return Version(re.search(r"# Version: (\S+)", b"\n".join(header).decode())[1])


def versions(site, address):
    """Return an entry for each version, the newest first."""
    address = address.rstrip("/")
    found = {version_of(site): f"{address}/"}
    for book in site.glob("v[0-9]*/objects.inv"):
        name = book.parent.name
        found.setdefault(version_of(book.parent), f"{address}/{name}/")
    releases = [version for version in found if not version.is_prerelease]
    stable = max(releases, default=None)
    return [
        {
            "name": "dev" if version.is_devrelease else str(version),
            "version": str(version),
            "url": found[version],
            "preferred": version == stable,
        }
        for version in sorted(found, reverse=True)
    ]


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("site", type=Path, help="the folder of the site")
    parser.add_argument("address", help="where the site will stand")
    options = parser.parse_args()
    text = json.dumps(versions(options.site, options.address), indent=1)
    (options.site / "versions.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
