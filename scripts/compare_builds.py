"""Compare two builds of the book, file by file: only dates and run times may differ.

    python scripts/compare_builds.py FOLDER OTHER

Archives are compared by their contents, images and other files byte by byte.
"""

import io
import re
import sys
import zipfile
from itertools import zip_longest
from pathlib import Path

# Dates and times in pages and in files that are made from them.
MASKS = [
    (rb"Built on \d{1,2} \w+ \d{4}", b"Built on DATE"),
    (rb"\(\d+ minutes [\d.]+ seconds\)", b"(TIME)"),
    (rb"time, measured: [\d.]+ times", b"time, measured: N times"),
]
TEXT = {".html", ".inv", ".ipynb", ".js", ".json", ".py", ".txt", ".xml"}
ARCHIVES = {".whl", ".zip"}


def differences(name, first, second):
    """Yield where two files of the same name differ, if they do."""
    if first == second:
        return
    suffix = Path(name).suffix
    if suffix in ARCHIVES:
        yield from compare(*map(members, (first, second)), f"{name}: ")
    elif suffix not in TEXT:
        yield f"{name}: other bytes"
    else:
        for mask, word in MASKS:
            first, second = (re.sub(mask, word, text) for text in (first, second))
        pairs = zip_longest(*(text.splitlines() for text in (first, second)))
        for line, (one, other) in enumerate(pairs, 1):
            if one != other:
                yield f"{name}, line {line}: {excerpt(one, other)}"
                return


def excerpt(one, other):
    """Return two lines from shortly before their first difference."""
    one, other = (line or b"" for line in (one, other))
    same = next(i for i, (a, b) in enumerate(zip_longest(one, other)) if a != b)
    shown = (
        line[max(0, same - 20) :][:60].decode(errors="replace") for line in (one, other)
    )
    return " / ".join(map(repr, shown))


def members(archive):
    """Return the contents of an archive, by name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def files(folder):
    """Return the files in a folder, by name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def compare(first, second, inside=""):
    """Yield the files that are in only one of two sets, or differ."""
    for name in sorted(first.keys() | second.keys()):
        if name in first and name in second:
            for found in differences(name, first[name], second[name]):
                yield f"{inside}{found}"
        else:
            place = "first" if name in first else "second"
            yield f"{inside}{name}: only in the {place}"


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:]]
    if len(folders) != 2 or not all((f / "index.html").is_file() for f in folders):
        sys.exit("give two folders with a built book: compare_builds.py FOLDER OTHER")
    found = list(compare(*map(files, folders)))
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(files(folders[0]))} files, {len(found)} differences")
    sys.exit(bool(found))
