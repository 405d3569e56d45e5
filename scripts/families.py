"""Check lmviz on every family of causal model of this transformers release.

    python scripts/families.py [--check] [--tenth N] [FAMILIES]

A tiny random model of each family is saved, loaded with lmviz, and compared with
transformers. The result is docs/project/families.json, from which a page is made.
"""

import argparse
import json
import multiprocessing
import re
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
FILE = ROOT / "docs" / "project" / "families.json"
SECONDS = 300  # on a busy machine; alone, a family takes one or two
# How a family whose default config attends to later tokens becomes a decoder.
DECODERS = {"is_decoder": True}, {"causal": True}


def versions():
    """Return the releases that a result depends on."""
    import torch
    import transformers

    # The results do not depend on the build, such as "+cpu".
    release = torch.__version__.partition("+")[0]
    return {"transformers": transformers.__version__, "torch": release}


def check_family(family, changes):
    """Return what lmviz does with a tiny model of a family.

    Returns
    -------
    dict of str to (str or None)
        For each ability None (right), or what lmviz says in refusing it. A key
        ``"wrong"`` or ``"crash"`` says what should not be.
    """
    import any_family
    import family_checks

    config = any_family.tiny_config(family, **changes)
    module = any_family.build_any(config, norm=1.0)
    found = {}
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, family)
        family_checks.save(config, module, folder)
        pair = family_checks.Pair(folder)
        for ability, check in family_checks.CHECKS.items():
            try:
                check(pair)
                found[ability] = None
            except family_checks.Wrong as error:
                return {**found, "wrong": f"{ability}: {error}"}
            except Exception as error:
                if not is_refusal(error):
                    return {**found, "crash": f"{ability}: {traceback.format_exc()}"}
                found[ability] = str(error).partition("; ")[0]  # without advice
                if ability == "load":
                    return found
    return found


def is_refusal(error):
    """Whether lmviz itself refuses something, in a sentence."""
    import lmviz

    last = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    ours = last.is_relative_to(Path(lmviz.__file__).parent)
    foreign = re.search(r"\(\w+Error: ", str(error))  # an error as the reason
    kinds = ValueError, lmviz.ModelError
    return ours and isinstance(error, kinds) and not foreign and "\n" not in str(error)


def work(connection):
    """Check the families that come through a connection."""
    from transformers.utils import logging

    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for family, changes in iter(connection.recv, None):
        try:
            connection.send(check_family(family, changes))
        except Exception:
            connection.send({"crash": f"no model: {traceback.format_exc()}"})


class Worker:
    """A process that checks one family at a time, replaced if it dies or hangs."""

    def __init__(self):
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=work, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def check(self, family, changes):
        """Return the result of `check_family`."""
        try:
            self.connection.send((family, changes))
            if self.connection.poll(SECONDS):
                return self.connection.recv()
            reason = f"no result within {SECONDS} seconds"
        except (EOFError, OSError):
            self.process.join()
            reason = f"its process ended with exit code {self.process.exitcode}"
        self.process.kill()
        self.__init__()
        return {"crash": reason}


def check_all(families):
    """Check families and print each; return the result of each."""
    import any_family

    worker, results = Worker(), {}

    def add(family, changes):
        began = time.perf_counter()
        name = ", ".join([family, *(f"{k}={v}" for k, v in changes.items())])
        found = results[name] = worker.check(family, changes)
        refused = [ability for ability, reason in found.items() if reason]
        took = time.perf_counter() - began
        print(f"{took:5.1f} s  {name}: {', '.join(refused) or 'all'}", flush=True)
        return found

    for family in families:
        if family in any_family.NOT_BUILT:
            results[family] = {"build": any_family.NOT_BUILT[family]}
            continue
        found = add(family, {})
        options = any_family.CONFIG_MAPPING[family]().to_dict()
        if "later tokens" in (found.get("load") or ""):
            for changes in DECODERS:
                if changes.keys() <= options.keys():
                    add(family, changes)
    worker.connection.send(None)
    return results


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("families", nargs="*", help="default: every family")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if it would change"
    )
    parser.add_argument("--tenth", type=int, help="only every tenth, from 0 to 9")
    options = parser.parse_args()
    import any_family

    known = any_family.causal_families()
    if unknown := sorted({*options.families} - {*known}):
        parser.error(f"no such family: {', '.join(unknown)}")
    chosen = options.families or known
    if options.tenth is not None:
        chosen = chosen[options.tenth % 10 :: 10]
    results = check_all(chosen)
    faults = [
        f"{name}: {kind} {found[kind]}"
        for name, found in results.items()
        for kind in ("wrong", "crash")
        if kind in found
    ]
    if faults:
        sys.exit("\n".join(faults))
    if options.check:
        compare(results, complete=chosen == known)
    elif chosen == known:
        saved = {"versions": versions(), "families": results}
        FILE.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")


def compare(results, *, complete):
    """Exit with an error if results differ from the saved ones."""
    saved = json.loads(FILE.read_text(encoding="utf-8"))
    if saved["versions"] != versions():
        sys.exit(f"{FILE.name} is of {saved['versions']}, this is {versions()}")
    old = saved["families"]
    names = results.keys() | (old.keys() if complete else set())
    changed = sorted(name for name in names if old.get(name) != results.get(name))
    if changed:
        sys.exit(f"{FILE.name} has other results: run nox -s families: {changed}")


if __name__ == "__main__":
    main()
