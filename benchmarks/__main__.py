"""Measure lmviz beside what people would use instead, and keep the table."""

import argparse
import os
from pathlib import Path

# On a shared machine spinning threads would measure the others.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import book
import drawing
import growth
import measure
import pairs
import startup
import tracing
import writing

PARTS = {
    "startup": (startup.imports, startup.first_load, startup.later_loads),
    "trace": (tracing.of_one_text,),
    "corpus": (tracing.of_many_texts,),
    "pairs": (pairs.learning, pairs.using),
    "drawing": (drawing.all_heads,),
    "writing": (writing.with_a_cache,),
    "growth": (growth.with_length, growth.with_size, growth.with_text_before),
    "book": (book.of_the_book,),
}
SAVED = Path(__file__).parents[1] / "docs" / "measured.json"


def main():
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="default: %(default)s")
    parser.add_argument(
        "--only", choices=PARTS, action="append", help="measure this part; repeatable"
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        default=SAVED,
        help="keep it here as JSON, parts not measured as they are "
        "(default: docs/measured.json, which a page of the book shows)",
    )
    options = parser.parse_args()
    for part in options.only or PARTS:
        rows = []
        for benchmark in PARTS[part]:
            found = benchmark(options.runs)
            print(measure.table(found), flush=True)
            rows += found
        measure.save(part, rows, options.save)
    print(f"saved in {options.save}")


if __name__ == "__main__":
    main()
