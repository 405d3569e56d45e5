"""Resolve the project's dependencies into requirements/*.txt, with all hashes.

    python scripts/lock.py [--upgrade]

Each file is complete, for all platforms and for every Python that the project supports.
Only torch is left out, with the packages that its CUDA builds depend on: which build is
right depends on the machine. `requirements/torch.txt` holds its release, and
`noxfile.py` chooses the build.
"""

import argparse
import itertools
import os
import re
import subprocess
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "requirements"
TORCH = FOLDER / "torch.txt"
HEADER = "# Written by: python -m nox -s lock\n"
# What each file is resolved from: the package with all extras, dependency groups.
FILES = {
    "audit": "--group audit",
    "kernel": "--group kernel",
    "lint": "--group lint",
    "release": "--group release",
    "uv": "--group uv",
    "dev": "pyproject.toml --all-extras --group docs --group test --group browser",
    "bench": "pyproject.toml --all-extras --group docs --group browser --group bench",
    # Without their dependencies, which include packages that have no wheel.
    "peers": "--no-deps --group peers",
}
# What contributors install, and where; uv's names of platforms.
CHECKED = ("dev", "lint", "torch")
PLATFORMS = (
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
_LEFT_OUT = re.compile(r"(torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==([^\s;]+)")


def split_torch(text):
    r"""Return a lock file's text without torch, and torch's release or None.

    Parameters
    ----------
    text : str
        As ``uv pip compile`` writes it: a line for each package, followed by indented
        ones with its hashes and with the packages that need it.

    Examples
    --------
    >>> split_torch("numpy==2.4.6\n    # via lmviz\ntorch==2.13.0\n    # via lmviz\n")
    ('numpy==2.4.6\n    # via lmviz\n', '2.13.0')
    """
    kept, release, keep = [], None, True
    for line in text.splitlines(keepends=True):
        if not line.startswith(" "):
            left_out = _LEFT_OUT.match(line)
            keep = left_out is None
            if left_out and left_out[1] == "torch":
                release = left_out[2]
        if keep:
            kept.append(line)
    return "".join(kept), release


def compile_requirements(file, arguments, *options):
    """Resolve into a file, keeping its releases; return torch's release or None."""
    command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-build"]
    command += [*options, "--output-file", str(file), *arguments.split()]
    subprocess.run(command, cwd=ROOT, check=True)
    text, release = split_torch(file.read_text(encoding="utf-8"))
    file.write_text(HEADER + text.removeprefix(HEADER), encoding="utf-8")
    return release


def lock(upgrade):
    """Write all files, keeping their releases unless `upgrade` is true."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    oldest = project["project"]["requires-python"].removeprefix(">=")
    options = ["--universal", "--python-version", oldest, "--generate-hashes"]
    options += ["--upgrade"] if upgrade else ["--constraint", str(TORCH)]
    for name, arguments in FILES.items():
        file = FOLDER / f"{name}.txt"
        if release := compile_requirements(file, arguments, *options):
            TORCH.write_text(f"{HEADER}torch=={release}\n", encoding="utf-8")
    check_wheels(project["project"])


def without_wheels(name, platform, python):
    """Return why a lock file cannot be installed somewhere, "" if it can.

    Nothing is installed: uv looks up the wheels, which must have the locked hashes.
    """
    command = [
        "uv",
        "pip",
        "install",
        "--dry-run",
        "--quiet",
        "--no-deps",
        "--no-build",
    ]
    command += ["--python-platform", platform, "--python-version", python]
    command += ["-r", str(FOLDER / f"{name}.txt")]
    command += [] if name == "torch" else ["--require-hashes"]
    env = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"}  # as torch needs
    with tempfile.TemporaryDirectory() as folder:
        command += ["--target", folder]
        done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8")
    return done.stderr if done.returncode else ""


def check_wheels(project):
    """End with an error unless each platform has wheels, on the outermost Pythons."""
    oldest = project["requires-python"].removeprefix(">=")
    newest = [name for name in project["classifiers"] if ":: Python :: 3." in name][-1]
    pythons = oldest, newest.rpartition(" ")[2]
    cases = list(itertools.product(CHECKED, PLATFORMS, pythons))
    with ThreadPoolExecutor(4) as pool:
        reasons = pool.map(lambda case: without_wheels(*case), cases)
    found = zip(cases, reasons, strict=True)
    wrong = [f"{' '.join(case)}: {reason}" for case, reason in found if reason]
    if wrong:
        raise SystemExit("\n".join(["these have no locked wheels:", *wrong]))


def resolve(resolution, file, torch, *options):
    """Resolve the package for this Python, then what its tests need in addition.

    Returns torch's release: the locked one unless `torch` is another or "newest".
    """
    with tempfile.TemporaryDirectory() as name:
        release, package = Path(name, "torch.txt"), Path(name, "package.txt")
        limit = f"torch=={torch}\n" if torch else TORCH.read_text(encoding="utf-8")
        limit = "" if torch == "newest" else limit
        release.write_text(limit, encoding="utf-8")
        options += ("--upgrade", "--constraint", str(release))
        own = "pyproject.toml --all-extras"
        found = compile_requirements(package, own, *options, "--resolution", resolution)
        options += ("--constraint", str(package))
        compile_requirements(file, FILES["dev"], *options)
        return found


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--upgrade", action="store_true", help="upgrade to the newest releases"
    )
    parser.add_argument(
        "--resolve",
        nargs=2,
        metavar=("RESOLUTION", "FILE"),
        help="write only FILE, resolved for this Python; RESOLUTION is lowest-direct "
        "or highest",
    )
    parser.add_argument(
        "--torch", help='the release of torch to resolve with, or "newest"'
    )
    parser.add_argument(
        "--prereleases", action="store_true", help="resolve to pre-releases, too"
    )
    options = parser.parse_args()
    if options.resolve:
        resolution, file = options.resolve
        more = ("--prerelease", "allow") if options.prereleases else ()
        print(resolve(resolution, Path(file), options.torch, *more))
    else:
        lock(options.upgrade)


if __name__ == "__main__":
    main()
