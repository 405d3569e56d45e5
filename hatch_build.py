"""The metadata that depends on where the project is published.

The sources do not know these addresses. A build takes them from LMVIZ_REPOSITORY and
LMVIZ_BASEURL, as the book does; without them, nothing leads anywhere.
"""

import os
import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

# A link or a picture whose target is a file of the repository.
TO_FILE = re.compile(r"(!?)\[([^\]]+)\]\((?!\w+:|#)([^)\s]+)\)")
LEAD = "A textbook that runs"


class Addresses(MetadataHookInterface):
    """Fill in the project's addresses, and the README with links that lead there."""

    def update(self, metadata):
        """Set the fields that pyproject.toml leaves to the build."""
        repository, book = map(address, ("LMVIZ_REPOSITORY", "LMVIZ_BASEURL"))
        metadata["urls"] = urls(repository, book)
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_addresses(text, repository, book),
        }


def address(variable):
    """Return the address in an environment variable, without a slash at its end."""
    return os.environ.get(variable, "").rstrip("/")


def urls(repository, book):
    """Return the links that a package index shows beside the README."""
    found = {}
    if book:
        found |= {"Documentation": f"{book}/"}
        found |= {"Changelog": f"{book}/project/changelog.html"}
    if repository:
        found |= {"Source": repository, "Issues": f"{repository}/issues"}
    return found


def with_addresses(readme, repository, book):
    """Return the README with links that work outside the repository, too."""
    if book:
        readme = readme.replace(LEAD, f"[{LEAD}]({book}/)", 1)
    if repository:
        readme = TO_FILE.sub(lambda link: absolute(repository, *link.groups()), readme)
    return readme


def absolute(repository, picture, text, path):
    """Return a Markdown link to a file of the repository, or to a picture in it."""
    kind = "raw" if picture else "blob"
    return f"{picture}[{text}]({repository}/{kind}/HEAD/{path})"
