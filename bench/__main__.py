"""``python -m bench [QUESTION...]``: one table, kept as JSON in bench/results/."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from bench import stock
from bench.core import ROOT
from bench.report import Row, machine, save, table

QUESTIONS = (
    "fit", "search", "devices", "scan", "capacity", "resources", "claims", "core", "linked",
    "stream", "rows", "copies", "living", "planning", "moves", "what_if",
    "export",
)  # fmt: skip
RESULTS = ROOT / "bench" / "results" / "latest.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("questions", nargs="*", choices=[*QUESTIONS, []], help="default: all")
    parser.add_argument("--docs", action="store_true", help="draw docs/performance.md anew")
    args = parser.parse_args()
    missing = stock.missing()
    if missing:
        print(f"bench: without nova 34: {missing}", file=sys.stderr)
    rows: list[Row] = []
    for name in args.questions or QUESTIONS:
        print(f"... {name}", file=sys.stderr)
        rows += import_module(f"bench.{name}").measure()
    print(table(rows))
    print(", ".join(f"{key}: {value}" for key, value in machine().items()))
    save(RESULTS, rows, missing)
    if args.docs:
        from bench import charts

        charts.write(rows, missing)
    return int(any(row.verdict == "MISSED" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
