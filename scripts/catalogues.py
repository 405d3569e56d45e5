"""Extract the messages of the book, and update the catalogues of its translations.

A catalogue has the messages of one page; `sphinx` has the words around all pages. Only
the pages that a language has begun are updated. Nothing is run: the messages are in the
sources.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages import extract, pofile
from same_markup import lost

ROOT = Path(__file__).parents[1]
LOCALES = ROOT / "docs" / "locales"
# The catalogue of the words around the pages, as Sphinx calls it.
WORDS = "sphinx"
SOURCES = ("docs", "examples", "lmviz", "requirements")
MADE = shutil.ignore_patterns("_build", "lessons", "locales", "__pycache__", "*.wasm")
# Where words of the extension are, how they are found, and what marks them.
CODE = [
    ("docs/_ext/lmviz_book/*.py", "python", {"_": None}),
    ("docs/_static/*.js", "javascript", {"translated": None}),
]


def main():
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(prog="nox -s gettext --", description=__doc__)
    parser.add_argument(
        "--language", action="append", default=[], help="begin this one, such as es"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="only say which catalogues are not those of the present sources",
    )
    parser.add_argument(
        "pages",
        nargs="*",
        help="add these pages or folders, such as book/tour or lessons/01_tokenization",
    )
    options = parser.parse_args()
    if (options.pages or options.language) and options.check:
        parser.error("--check takes no language and no page: it reads what is there")
    languages = options.language or begun()
    if options.pages and not languages:
        parser.error("pages are added to a language: --language es book/tour")
    with tempfile.TemporaryDirectory() as folder:
        messages = extract_all(Path(folder))
        if options.check:
            sys.exit("\n".join([*stale(messages), *damaged()]) or None)
        for language in languages:
            update(messages, language, options.pages)


def begun():
    """Return the languages that have a folder."""
    return sorted(path.name for path in LOCALES.glob("*") if path.is_dir())


def extract_all(folder):
    """Write a template of messages for each page, and return their folder."""
    book, made = folder / "book", folder / "messages"
    for name in SOURCES:
        shutil.copytree(ROOT / name, book / name, ignore=MADE)
    files = ("*.cff", "*.md", "*.toml", "LICENSE")
    for path in (path for kind in files for path in ROOT.glob(kind)):
        shutil.copy(path, book)
    none_run = ("-Dplot_gallery=0", "-Dnb_execution_mode=off", "-Dlanguage=en")
    command = [sys.executable, "-m", "sphinx", "-q", "-tmessages", *none_run]
    env = os.environ | {"LMVIZ_MODEL": "toy", "LMVIZ_ONLY": "", "LMVIZ_LANGUAGE": ""}
    subprocess.run(
        [*command, "-b", "gettext", "docs", str(made)], cwd=book, check=True, env=env
    )
    add_words(made / f"{WORDS}.pot")
    return made


def add_words(template):
    """Add the words of the extension and its scripts to those of the templates."""
    with template.open("rb") as file:
        catalogue = pofile.read_po(file)
    for pattern, method, keywords in CODE:
        for path in sorted(ROOT.glob(pattern)):
            with path.open("rb") as file:
                for _, message, *_ in extract.extract(method, file, keywords):
                    catalogue.add(message)
    with template.open("wb") as file:
        pofile.write_po(file, catalogue, width=0)


def path_of(language, page):
    """Return where the catalogue of a page is."""
    return LOCALES / language / "LC_MESSAGES" / f"{page}.po"


def pages_of(language):
    """Return the pages that a language has a catalogue of."""
    folder = path_of(language, ".").parent
    return [
        path.relative_to(folder).with_suffix("").as_posix()
        for path in sorted(folder.rglob("*.po"))
    ]


def update(messages, language, added):
    """Merge the messages into the catalogues of a language, and begin new ones."""
    present = {
        path.relative_to(messages).with_suffix("").as_posix()
        for path in messages.rglob("*.pot")
    }
    chosen = {WORDS, *pages_of(language)}
    for name in added:
        found = {page for page in present if f"{page}/".startswith(f"{name}/")}
        if not found:
            sys.exit(f"no page is called {name!r}; some are {sorted(present)[:5]}")
        chosen |= found
    wanted = messages.with_name(f"for-{language}")
    for page in sorted(chosen & present):
        target = wanted / f"{page}.pot"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(messages / f"{page}.pot", target)
    for page in sorted(chosen - present):
        print(f"{path_of(language, page)}: the page is gone; move or delete it")
    # One line for each message, since another width would wrap all of them.
    command = ("update", "-p", wanted, "-d", LOCALES, "-l", language, "-w", "0")
    subprocess.run(
        [sys.executable, "-m", "sphinx_intl", *map(str, command)], check=True
    )


def stale(messages):
    """Yield what is wrong with each catalogue that is not that of its page."""
    for language in begun():
        for page in pages_of(language):
            template = messages / f"{page}.pot"
            name = path_of(language, page).relative_to(ROOT)
            if not template.is_file():
                yield f"{name}: there is no such page"
                continue
            now, known = ids(template), ids(path_of(language, page))
            if now != known:
                yield (
                    f"{name}: {len(now - known)} messages are new or have changed, "
                    f"{len(known - now)} are gone; run `nox -s gettext`"
                )


def damaged():
    """Yield what translations have lost of the markup of their messages."""
    for language in begun():
        for page in pages_of(language):
            path = path_of(language, page)
            with path.open("rb") as file:
                for message in pofile.read_po(file):
                    if not message.id or not message.string or message.fuzzy:
                        continue
                    for problem in lost(message.id, message.string):
                        name = path.relative_to(ROOT)
                        yield f"{name}: {problem} in {message.string!r:.80}"


def ids(path):
    """Return the messages of a catalogue or a template."""
    with path.open("rb") as file:
        return {message.id for message in pofile.read_po(file) if message.id}


if __name__ == "__main__":
    main()
