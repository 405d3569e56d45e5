"""Compile the kernel that runs a model in a page: llama.c to llama.wasm.

    python scripts/build_kernel.py [--check]

The compiler is clang from the wheel `ziglang`. Its output depends only on the source
and on its release, which is locked.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

STATIC = Path(__file__).resolve().parents[1] / "lmviz" / "views" / "static"
SOURCE, KERNEL = STATIC / "llama.c", STATIC / "llama.wasm"
FLAGS = ["-target", "wasm32-freestanding", "-O3", "-msimd128", "-nostdlib"]
FLAGS += ["-fno-builtin", "-Wl,--no-entry", "-Wl,--strip-all"]


def source_section(source):
    """Return a custom section of WebAssembly with the SHA-256 of the source.

    It shows without a compiler that the kernel was not compiled since the source
    changed. An engine ignores it.

    References
    ----------
    https://webassembly.github.io/spec/core/binary/modules.html#custom-section
    """
    text = source.read_text(encoding="utf-8")  # the same with any kind of line breaks
    content = b"\x06source" + hashlib.sha256(text.encode()).hexdigest().encode()
    return bytes([0, len(content)]) + content


def compile_kernel(source):
    """Return the compiled kernel."""
    with tempfile.TemporaryDirectory() as folder:
        kernel = Path(folder, "llama.wasm")
        command = ["-m", "ziglang", "cc", *FLAGS, str(source), "-o", str(kernel)]
        subprocess.run([sys.executable, *command], check=True)
        return kernel.read_bytes() + source_section(source)


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if it would change"
    )
    options = parser.parse_args()
    kernel = compile_kernel(SOURCE)
    if not options.check:
        KERNEL.write_bytes(kernel)
    elif kernel != KERNEL.read_bytes():
        sys.exit("llama.wasm is not what llama.c compiles to: run nox -s kernel.")


if __name__ == "__main__":
    main()
