"""List, as Markdown, the pages of the book whose own sources have changed.

python scripts/changed_pages.py BASE
"""

import re
import subprocess
import sys


def page(file):
    """Return the page that a file of the repository becomes, or None."""
    if found := re.fullmatch(r"examples/(\w+/\d\w*)\.py", file):
        return f"lessons/{found[1]}.html"
    if found := re.fullmatch(r"examples/(?:(\w+)/)?GALLERY_HEADER\.rst", file):
        return "/".join(filter(None, ("lessons", found[1], "index.html")))
    if found := re.fullmatch(r"docs/((?!_|lessons/).*)\.md", file):
        return f"{found[1]}.html"
    return None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the commit to compare with: changed_pages.py BASE")
    # Deleted files have no page; "..." leaves out what BASE has changed since.
    command = ["git", "diff", "--name-only", "--diff-filter=d", f"{sys.argv[1]}...HEAD"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    files = done.stdout.splitlines()
    pages = [page(file) for file in files if page(file)]
    print("## Changed pages\n")
    print(*[f"- `{page}`" for page in pages] or ["None."], sep="\n")
    if any(file.startswith("lmviz/") for file in files):
        print("\nThe package has changed too, so other pages may show new numbers.")
