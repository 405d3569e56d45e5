"""Keep the exact releases that the book is built with, and the hashes of their files.

`constraints.txt` says which release of each package, and `hashes.txt` has the SHA-256
of all files of each, for every platform. Only files with such a hash are installed.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS, HASHES = ROOT / "constraints.txt", ROOT / "hashes.txt"
GROUPS = ("audit", "bench", "browser", "build", "dev", "docs", "test")
# Installed without what they depend on, which would bring another torch.
PEERS = ("bertviz", "transformer-lens")
# PyTorch's own build without CUDA; package indexes that mirror it serve it first.
CPU_BUILDS = {
    "torch": ["6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"]
}
_BLOCK = re.compile(r"^([\w.-]+)==(\S+)(.*?)\\\n((?:    --hash=.*\n)+)", re.MULTILINE)


def normal(name):
    """Return a package's name as all indexes spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_blocks(text):
    """Return (version, whole block) of each package of a file with hashes."""
    return {normal(block[1]): (block[2], block[0]) for block in _BLOCK.finditer(text)}


def pick(report, blocks):
    """Return the lines that install just the files that pip has chosen.

    Parameters
    ----------
    report : dict
        What ``pip install --dry-run --report`` has written.
    blocks : dict
        From `read_blocks`.

    Raises
    ------
    ValueError
        If a file's hash is not among those of its release.
    """
    lines = []
    for item in report["install"]:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        found = item["download_info"]["archive_info"]["hashes"]["sha256"]
        known, block = blocks.get(normal(name), (None, ""))
        if found not in block:
            raise ValueError(
                f"the file of {name} {version} has a hash that is not in hashes.txt "
                f"(which has those of {known}); run: python -m nox -s lock"
            )
        lines.append(f"{name}=={version} --hash=sha256:{found}\n")
    return "".join(lines)


def compile_locks(upgrade):
    """Resolve for all platforms, and write both files."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header"]
    command += ["--no-annotate", "--generate-hashes"]
    if not upgrade:
        command += ["--constraint", str(CONSTRAINTS)]
    # The oldest Python that all of them work on.
    oldest = re.search(
        r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text()
    )[1]
    groups = [argument for group in GROUPS for argument in ("--group", group)]
    everything = ["--universal", "--python-version", oldest, "pyproject.toml", *groups]
    with tempfile.NamedTemporaryFile("w", suffix=".in") as peers:
        peers.write("\n".join(PEERS))
        peers.flush()
        text = "".join(
            subprocess.run(
                [*command, *arguments],
                cwd=ROOT,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout
            for arguments in (everything, ["--no-deps", peers.name])
        )
    blocks = read_blocks(text)
    for name, hashes in CPU_BUILDS.items():
        version, block = blocks[name]
        extra = "".join(f" \\\n    --hash=sha256:{sha256}" for sha256 in hashes)
        blocks[name] = version, f"{block.rstrip()}{extra}\n"
    HASHES.write_text(
        "# The hashes of all files of these releases; written by: nox -s lock\n"
        + "".join(block for _, (_, block) in sorted(blocks.items())),
        encoding="utf-8",
    )
    CONSTRAINTS.write_text(
        "# The exact versions that the book is built and tested with.\n"
        + "".join(f"{name}=={blocks[name][0]}\n" for name in sorted(blocks)),
        encoding="utf-8",
    )


def main():
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--upgrade",
        action="store_true",
        help="take the newest releases, not those of constraints.txt",
    )
    parser.add_argument(
        "--pick",
        nargs=2,
        type=Path,
        metavar=("REPORT", "FILE"),
        help="write the lines for what pip has chosen in REPORT into FILE",
    )
    options = parser.parse_args()
    if not options.pick:
        compile_locks(options.upgrade)
        return
    report, file = options.pick
    blocks = read_blocks(HASHES.read_text(encoding="utf-8"))
    try:
        chosen = pick(json.loads(report.read_text(encoding="utf-8")), blocks)
    except ValueError as error:
        parser.exit(1, f"{error}\n")
    file.write_text(chosen, encoding="utf-8")


if __name__ == "__main__":
    main()
