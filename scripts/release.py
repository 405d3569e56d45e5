"""Build the package into dist/ and check what will be published.

    python scripts/release.py [--tag v1.2.3 --notes FILE]

With a tag, the version must be the tag's, and CHANGELOG.md must have a section for it,
which is written to the file for the notes.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
sys.path.insert(0, str(ROOT))

import hatch_build  # noqa: E402


def section(changelog, version):
    r"""Return what the changelog says of a version.

    Examples
    --------
    >>> text = "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2030-01-31\n\nMuch.\n"
    >>> section(text, "1.2.3")
    'Much.'
    """
    heading = rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n"
    found = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    if not found or not found[1].strip():
        sys.exit(
            f"CHANGELOG.md must describe {version} below a heading with its date, like "
            f"'## {version} - 2030-01-31'; rename 'Unreleased'."
        )
    return found[1].strip()


def notes(tag):
    """Return the changelog's section on a tag, with links that work anywhere."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    repository = hatch_build.address("LMVIZ_REPOSITORY")
    text = section(changelog, tag.removeprefix("v"))
    return hatch_build.with_addresses(text, repository, "") + "\n"


def build():
    """Build the sdist, and the wheel from it; return their paths."""
    shutil.rmtree(DIST, ignore_errors=True)
    # The build's own requirements are locked and installed.
    command = ["-m", "build", "--no-isolation", "--outdir", str(DIST)]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    return sorted(DIST.iterdir())


def check(paths):
    """Let the usual tools check both files."""
    wheels = [str(path) for path in paths if path.suffix == ".whl"]
    subprocess.run(["check-wheel-contents", *wheels], cwd=ROOT, check=True)
    subprocess.run(["twine", "check", "--strict", *map(str, paths)], check=True)


def check_version(paths, tag):
    """End if a file's version is not that of the tag."""
    version = tag.removeprefix("v")
    expected = {f"lmviz-{version}.tar.gz", f"lmviz-{version}-py3-none-any.whl"}
    if wrong := {path.name for path in paths} - expected:
        sys.exit(
            f"The build of {tag} gave {', '.join(sorted(wrong))}: check out that tag, "
            "without changes, in a clone that has its tags."
        )


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tag", help="the tag that is released, such as v1.2.3")
    parser.add_argument("--notes", type=Path, help="the file for the release's notes")
    options = parser.parse_args()
    if options.notes and not options.tag:
        parser.error("--notes needs --tag")
    text = notes(options.tag) if options.tag else ""
    paths = build()
    check(paths)
    if options.tag:
        check_version(paths, options.tag)
    if options.notes:
        options.notes.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
