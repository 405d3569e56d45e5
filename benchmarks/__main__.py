"""Benchmark lmviz against alternatives, and save the table or compare it."""

import argparse
import functools
import json
import os
import sys
from pathlib import Path

# On a shared machine, spinning threads would disturb the other measurements.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from . import (
    book,
    drawing,
    growth,
    in_page,
    many_texts,
    measure,
    pairs,
    regression,
    soak,
    startup,
    tracing,
    views,
    writing,
)

PARTS = {
    "startup": (startup.imports, startup.first_load, startup.later_loads),
    "trace": (
        tracing.of_one_text,
        tracing.of_a_long_text,
        tracing.of_several_texts,
    ),
    "corpus": (
        many_texts.throughput,
        many_texts.in_processes,
        many_texts.memory,
        many_texts.serial,
    ),
    "pairs": (pairs.training, pairs.encoding),
    "drawing": (drawing.all_heads,),
    "views": (views.of_attention,),
    "writing": (writing.with_a_cache,),
    "growth": (growth.with_length, growth.with_size, growth.with_text_before),
    "book": (book.of_the_book,),
    "in_page": (in_page.in_a_page,),
    "soak": (soak.of_a_page,),
}
SAVED = Path(__file__).parents[1] / "docs" / "project" / "measured.json"


def main():
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="default: %(default)s")
    parser.add_argument(
        "--only", choices=PARTS, action="append", help="run only this part; repeatable"
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        default=SAVED,
        help="JSON file for the results; parts that are not run keep theirs "
        "(default: docs/project/measured.json, which pages of the book show)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="save nothing; fail if a ratio is more than 10 %% worse than in the file, "
        "in two measurements",
    )
    options = parser.parse_args()
    parts = options.only or PARTS
    if options.check:
        sys.exit(check(parts, options))
    for part in parts:
        # A part without rows says why it was skipped, and keeps its results.
        if rows := run(part, options.runs):
            measure.save(part, rows, options.save)
    print(f"results saved in {options.save}")


def run(part, runs):
    """Run the benchmarks of a part and print their tables."""
    rows = []
    for benchmark in PARTS[part]:
        results = benchmark(runs)
        print(measure.table(results), flush=True)
        rows += results
    return rows


def check(parts, options):
    """Return what is worse than the saved results as text, None if nothing is."""
    saved = json.loads(options.save.read_text(encoding="utf-8"))
    lines = []
    for part in parts:
        before = saved.get(part, {"rows": []})["rows"]
        measure_again = functools.partial(run, part, options.runs)
        lines += regression.check(part, before, measure_again)
    return "\n".join(["Worse than the saved results:", *lines]) if lines else None


if __name__ == "__main__":
    main()
