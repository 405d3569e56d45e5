"""Benchmark lmviz against alternatives, and save the table."""

import argparse
import os
from pathlib import Path

# On a shared machine, spinning threads would disturb the other measurements.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from . import (
    book,
    drawing,
    growth,
    in_page,
    measure,
    pairs,
    startup,
    tracing,
    writing,
)

PARTS = {
    "startup": (startup.imports, startup.first_load, startup.later_loads),
    "trace": (tracing.of_one_text,),
    "corpus": (tracing.of_many_texts,),
    "pairs": (pairs.training, pairs.encoding),
    "drawing": (drawing.all_heads,),
    "writing": (writing.with_a_cache,),
    "growth": (growth.with_length, growth.with_size, growth.with_text_before),
    "book": (book.of_the_book,),
    "in_page": (in_page.in_a_page,),
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
        "(default: docs/project/measured.json, which a page of the book shows)",
    )
    options = parser.parse_args()
    for part in options.only or PARTS:
        rows = []
        for benchmark in PARTS[part]:
            results = benchmark(options.runs)
            print(measure.table(results), flush=True)
            rows += results
        if rows:  # else the part says why it was skipped, and keeps its results
            measure.save(part, rows, options.save)
    print(f"results saved in {options.save}")


if __name__ == "__main__":
    main()
