"""`python -m tests.bench [--only NAME]`: measure, print a table, write build/bench.json."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
import time
from pathlib import Path

from tests.bench.rows import Row, machine, table, write

# Dearest last: whoever stops early has the most figures.
BENCHES = ("codes", "privacy", "search", "peers", "stores", "workers", "ingest", "contacts", "routes", "real_faces")
OUT = Path(__file__).parents[2] / "build" / "bench.json"
EXAMPLES = "examples:\n  make bench\n  make bench ONLY=search\n  python -m tests.bench --only codes"


def main(arguments: list[str] | None = None) -> int:
    """0 when everything was measured, whether or not a goal was met: a missed goal is a result."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure Cairn beside its peers. A missed goal is reported as missed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", choices=BENCHES, metavar="NAME", help=f"one of: {', '.join(BENCHES)}")
    parser.add_argument("--json", type=Path, default=OUT, metavar="FILE", help="where the rows go (build/bench.json)")
    asked = parser.parse_args(arguments)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # figures say "one core" and mean it
        os.environ.setdefault(name, "1")
    logging.disable(logging.WARNING)
    about, rows, begun = machine(), [], time.monotonic()

    def say(line: str) -> None:
        print(f"» {time.monotonic() - begun:6.1f} s  {line}", file=sys.stderr, flush=True)

    for name in [asked.only] if asked.only else BENCHES:
        say(f"{name} …")
        found: list[Row] = importlib.import_module(f"tests.bench.{name}").measure(say)
        rows += found
        write(asked.json, about, rows)
    print(table(rows))
    for row in rows:
        print(f"  {row.name}: {row.note}")
    missed = [row.name for row in rows if row.met is False]
    print(f"{len(rows)} figures in {asked.json}; " + (f"missed: {', '.join(missed)}" if missed else "no goal missed"))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
