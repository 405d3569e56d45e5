"""Every task of the project. ``nox -l`` lists them, ``nox -s NAME`` runs one.

Most tasks share one environment, which the session ``dev`` creates in ``.nox/dev`` from
the lock files in ``requirements/``.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nox

sys.path.insert(0, "scripts")
from environments import (
    answers,
    dev_bin,
    install,
    install_locked,
    install_nightlies,
    install_npm,
    install_package,
    install_torch,
    run,
    run_node,
)

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "docs"]
nox.options.reuse_venv = "yes"

HTML = Path("docs", "_build", "html")
FIREFOX = Path("tests", "firefox")
IN_PAGE = Path("benchmarks", "page")
PAGES = ("in_page", "soak", "views")  # the parts that open pages
# Shows whether there is a network; a package index may be local.
OUTSIDE = "https://doi.org"
# Parallel processes, with one thread each; one takes up to 5 GB of memory.
WORKERS = min(2, os.cpu_count() or 1)
PARALLEL = ("-n", str(WORKERS), "--dist", "worksteal")
# The releases of Python in pyproject.toml's classifiers.
PYTHONS = nox.project.python_versions(nox.project.load_toml())
# Tests of robustness that need a browser.
HOSTILE_PAGES = (
    "tests/browser/test_faulty_site.py",
    "tests/browser/test_hostile_page.py",
    "tests/browser/test_policy.py",
)
# What `lint` runs, by name; .pre-commit-config.yaml has a hook for each of them.
SCHEMAS = {
    "citation-file-format": "CITATION.cff",
    "dependabot": ".github/dependabot.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/*.yml",
    "github-workflows": ".github/workflows/*.yml",
    "readthedocs": ".readthedocs.yaml",
}
CHECKS = {
    "style": [("ruff", "check", ".")],
    "formatting": [("ruff", "format", "--check", ".")],
    "spelling": [("codespell",)],
    "imports": [("lint-imports",)],
    "metadata": [
        ("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
        for schema, pattern in SCHEMAS.items()
        if (files := sorted(map(str, Path().glob(pattern))))
    ],
}
# Licences compatible with ours, as packages spell them.
FREE = "Apache;BSD;ISC;MIT;MPL;Mozilla Public License;PSF;Python Software Foundation"


@nox.session
def dev(session):
    """Create the environment in .nox/dev that most sessions share."""
    session.log("The first time, this downloads 0.6 GB, or 3.2 GB with CUDA.")
    install_locked(session, "dev")
    install_package(session)


def in_dev(function=None, **options):
    """Declare a session that runs in the environment of ``dev``."""
    return nox.session(function, venv_backend="none", requires=["dev"], **options)


def parse(session, parser):
    """Parse the arguments after ``--``; an error or ``--help`` ends the session."""
    try:
        return parser.parse_args(session.posargs)
    except SystemExit as end:
        if end.code:
            session.error("see the usage above")
        session.skip("only the help was requested")


def choose(session, description, *, only=False):
    """Parse the arguments after ``--`` and set LMVIZ_MODEL and LMVIZ_ONLY from them."""
    parser = argparse.ArgumentParser(
        prog=f"nox -s {session.name} --", description=description
    )
    parser.add_argument(
        "--model",
        metavar="smollm2|gpt2|toy|PATH|HUB_ID",
        help="run on this model (default: LMVIZ_MODEL, else smollm2)",
    )
    if only:
        parser.add_argument(
            "--only",
            metavar="PART",
            help="run only the lessons and notebooks whose names contain this, such as "
            "04_attention, 04_attention/04 or tour; the others wait for the next build",
        )
        parser.add_argument(
            "--language",
            metavar="CODE",
            help="build the pages in this language, such as es, into "
            "docs/_build/html-es; what has no translation is in English",
        )
    else:
        parser.add_argument("files", nargs="*", type=Path, help="default: every lesson")
    options = parse(session, parser)
    if options.model:
        path = Path(options.model).expanduser()
        # Scripts run in another folder. Names of models take precedence over folders.
        is_path = path.is_dir() and options.model not in ("gpt2", "smollm2", "toy")
        session.env["LMVIZ_MODEL"] = str(path.resolve()) if is_path else options.model
    if only and options.only:
        session.env["LMVIZ_ONLY"] = options.only
    if only and options.language:
        session.env["LMVIZ_LANGUAGE"] = options.language
    return options


@in_dev
def docs(session):
    """Build the book into docs/_build/html [--model] [--only] [--language]."""
    options = choose(session, docs.__doc__, only=True)
    # A part of the book links to pages that have no output yet.
    strict = () if options.only else ("-nW", "--keep-going")
    run(session, "sphinx-build", *strict, "-b", "html", *folders(options))


def folders(options):
    """Return what tells Sphinx where sources are, what it keeps, and the pages."""
    # The results of lessons are those of all languages, and the pages are not.
    language = options.language or os.environ.get("LMVIZ_LANGUAGE") or "en"
    suffix = "" if language == "en" else f"-{language}"
    return "-d", f"docs/_build/doctrees{suffix}", "docs", f"{HTML}{suffix}"


@in_dev
def linkcheck(session):
    """Check the links of the built book; external ones need a network [--inside]."""
    parser = argparse.ArgumentParser(
        prog="nox -s linkcheck --", description=linkcheck.__doc__
    )
    parser.add_argument(
        "--inside", action="store_true", help="check only links inside the book"
    )
    options = parse(session, parser)
    address = os.environ.get("READTHEDOCS_CANONICAL_URL") or os.environ.get(
        "LMVIZ_BASEURL"
    )
    site = [str(HTML), address] if address else [str(HTML)]
    run(session, "python", "scripts/check_links.py", *site)
    if options.inside:
        return
    if not answers(OUTSIDE):
        session.log("No network: links to other sites are not checked.")
        return
    # No page runs again: the results of the build are kept.
    run(session, "sphinx-build", "-b", "linkcheck", "docs", "docs/_build/linkcheck")


@in_dev
def gettext(session):
    """Update the catalogues of translations, or --check them; --help has the rest."""
    run(session, "python", "scripts/catalogues.py", *session.posargs)


@in_dev(name="docs-live")
def docs_live(session):
    """Rebuild the book at every save, and serve it [--model NAME] [--only PART]."""
    options = choose(session, docs_live.__doc__, only=True)
    watched = ("--watch=examples", "--watch=lmviz")
    ignored = ("--ignore=docs/lessons", "--ignore=docs/_build")
    ignored += ("--re-ignore=__pycache__|sg_execution_times",)
    # The policy would refuse the script that reloads a page.
    free = "-Dlmviz_policy=0"
    run(session, "sphinx-autobuild", *watched, *ignored, free, *folders(options))


def run_pytest(session, *arguments):
    """Run pytest with the arguments after ``--``, or else in parallel."""
    if session.posargs:
        run(session, "pytest", *arguments, *session.posargs)
    else:
        one_thread = {"OMP_NUM_THREADS": "1"}
        run(session, "pytest", *arguments, *PARALLEL, env=one_thread)


@in_dev
def tests(session):
    """Run the tests; arguments after -- are passed to pytest."""
    run_pytest(session)


@in_dev
def browser(session):
    """Test views and pages in Chromium; arguments after -- are passed to pytest."""
    others = [f"--ignore={page}" for page in HOSTILE_PAGES]
    run_pytest(session, "tests/browser", *others)


@in_dev
def firefox(session):
    """Open every page of a built book in Firefox, use its views and run the model."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        session.skip("Firefox is not installed: on Debian, it is firefox-esr")
    if not (HTML / "index.html").is_file():
        session.error("the book is not built: nox -s docs")
    if not install_npm(session, FIREFOX):
        session.skip("puppeteer-core is not installed, and npm's registry is not there")
    run_node(session, str(FIREFOX / "pages.js"), str(HTML), program)
    with tempfile.TemporaryDirectory() as site:
        run(session, "python", str(FIREFOX / "write_model_site.py"), site)
        run_node(session, str(FIREFOX / "model.js"), site, program)


@in_dev
def faults(session):
    """Test robustness against faults and attacks, and count them."""
    run_pytest(session, "tests/robustness", *HOSTILE_PAGES)


@in_dev
def nightly(session):
    """Run the slow tests: killed builds, guards, mutations, examples, all families."""
    # In one call, pytest would ignore the folders that are inside the first one.
    for folder in ("tests", "tests/robustness", "tests/browser"):
        run(session, "pytest", "-m", "nightly", folder)
    run(session, "python", "scripts/run_examples.py")
    run(session, "python", "scripts/families.py", "--check")
    run(session, "python", "tests/robustness/mutants/run.py")
    run(session, "python", "scripts/mutations.py", "--every", "10")


@in_dev
def guards(session):
    """Remove one check at a time: a test must fail [-- NAME]."""
    run(session, "python", "tests/robustness/mutants/run.py", *session.posargs)


@in_dev
def mutations(session):
    """Change one computation at a time: a test must fail [-- --every N] [PATTERN]."""
    run(session, "python", "scripts/mutations.py", *session.posargs)


@in_dev
def coverage(session):
    """Measure the branch coverage of the tests, including those of robustness."""
    measured = ("pytest", *PARALLEL, "--cov")
    one_thread = {"OMP_NUM_THREADS": "1"}
    run(session, *measured, "--cov-fail-under=0", env=one_thread)
    run(session, *measured, "--cov-append", "tests/robustness", env=one_thread)


@in_dev
def examples(session):
    """Run every lesson as a script, from an empty folder [--model NAME] [FILES]."""
    options = choose(session, examples.__doc__)
    run(session, "python", "scripts/run_examples.py", *map(str, options.files))


@in_dev
def families(session):
    """Check every model family and save the results; -- --check only compares them."""
    run(session, "python", "scripts/families.py", *session.posargs)


@in_dev
def train(session):
    """Train the toy; -- --evaluate only evaluates it, -- --help lists the options."""
    run(session, "python", "-m", "lmviz.toy", *session.posargs)


@nox.session(requires=["dev"])
def bench(session):
    """Benchmark lmviz against alternatives; -- --only NAME selects a part."""
    install_locked(session, "bench", "peers")
    install_package(session)
    pages = "--only" not in session.posargs or {*PAGES} & {*session.posargs}
    if pages and not install_npm(session, IN_PAGE):
        session.log("No network: the scripts of other projects are not installed.")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def kernel(session):
    """Compile llama.c, which runs a model in a page; -- --check only compares it."""
    install_locked(session, "kernel")
    session.run("python", "scripts/build_kernel.py", *session.posargs)


@nox.session
def lint(session):
    """Check style, formatting, spelling, imports and metadata; -- NAME selects some."""
    unknown = ", ".join(sorted(set(session.posargs) - set(CHECKS)))
    if unknown:
        session.error(f"no check is called {unknown}; choose from {', '.join(CHECKS)}")
    install_locked(session, "lint")
    for name in session.posargs or CHECKS:
        for command in CHECKS[name]:
            session.run(*command, env={"PYTHONPATH": "."})


@nox.session
def release(session):
    """Build the package's sdist and wheel into dist/, and check both [--tag TAG]."""
    install_locked(session, "release")
    session.run("python", "scripts/release.py", *session.posargs)


@nox.session(python=PYTHONS, reuse_venv=False)
def installed(session):
    """Install what `release` built into bare environments, and try it there."""
    built = [*Path("dist").glob("lmviz-*.whl"), *Path("dist").glob("lmviz-*.tar.gz")]
    if len(built) != 2:
        session.error("dist/ has no wheel and sdist of one version: nox -s release")
    wheel, sdist = (str(path.resolve()) for path in built)
    script = str(Path("tests", "try_installed.py").resolve())
    install_torch(session)
    install(session, "--constraint", "requirements/torch.txt", wheel)
    try_in_an_empty_folder(session, script)
    install(session, "--force-reinstall", "--no-deps", sdist)
    try_in_an_empty_folder(session, script)


def try_in_an_empty_folder(session, script):
    """Run a script away from the sources."""
    with tempfile.TemporaryDirectory() as folder, session.chdir(folder):
        session.run("python", "-I", script)


@nox.session
def lock(session):
    """Update the lock files in requirements/; -- --upgrade for the newest releases."""
    install_locked(session, "uv")
    session.run("python", "scripts/lock.py", *session.posargs)


@nox.session(requires=["dev"])
def audit(session):
    """Check workflows, licences and, with a network, for known vulnerabilities."""
    install_locked(session, "audit")
    session.run("zizmor", "--offline", ".github")
    # One package states its licence only in its repository: MIT.
    options = ("--summary", "--partial-match", "--ignore-packages")
    python = f"--python={dev_bin(session) / 'python'}"
    licences = ("axe-playwright-python", f"--allow-only={FREE}")
    session.run("pip-licenses", python, *options, *licences)
    if not answers(OUTSIDE):
        session.log("No network: skipping the check for known vulnerabilities.")
        return
    no_resolving = ("--no-deps", "--disable-pip", "--progress-spinner=off")
    for file in sorted(Path("requirements").glob("*.txt")):
        session.run("pip-audit", "--strict", *no_resolving, "-r", str(file))


def test_resolved(session, resolution, *, nightly=False):
    """Run the tests with another resolution of the package's own dependencies."""
    install_locked(session, "uv")
    release = os.environ.get("LMVIZ_TORCH")
    wanted = ("--torch", release) if release else ()
    wanted += ("--prereleases",) if nightly else ()
    file = str(session.env_dir / "resolved.txt")
    resolving = ("python", "scripts/lock.py", "--resolve", resolution, file, *wanted)
    found = session.run_install(*resolving, silent=True)
    install(session, "--only-binary=:all:", "--no-deps", "-r", file)
    install_package(session, found and found.strip())
    if nightly:
        install_nightlies(session)
    arguments = session.posargs or PARALLEL
    session.run("pytest", *arguments, env={"OMP_NUM_THREADS": "1"})


@nox.session
def lowest(session):
    """Run the tests with the oldest dependencies that pyproject.toml allows.

    torch remains at the locked release, in its CPU build, unless LMVIZ_TORCH names
    another release: old ones may be available only with CUDA.
    """
    test_resolved(session, "lowest-direct")


@nox.session
def newest(session):
    """Run the tests with the newest dependencies that pyproject.toml allows.

    torch remains at the locked release, in its CPU build, unless LMVIZ_TORCH names
    another release or is "newest": LMVIZ_TORCH=2.15.0 nox -s newest.
    """
    test_resolved(session, "highest")


@nox.session
def nightlies(session):
    """Run the tests with pre-releases, and the nightly builds of what matters most.

    These are torch, numpy, scipy, scikit-learn, pandas, matplotlib and transformers.
    """
    test_resolved(session, "highest", nightly=True)
