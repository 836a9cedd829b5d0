"""``python -m tests.mutants.short_oracle CASES``: engine beside oracle in this one process, worlds
of all kinds in turn, up to the first difference; no world is made smaller."""

from __future__ import annotations

import sys
from itertools import count

from tests.oracle.compare import compare
from tests.oracle.dials import KINDS
from tests.oracle.worlds import world

SEED = 34


def main(cases: int) -> None:
    done = 0
    for number in count():
        for kind in KINDS:
            if kind == "fleet" and number % 10:
                continue  # a world of these is as much as fifty others
            made = world(kind, SEED, number)
            done += compare(made.hosts, made.asks)
        if done >= cases:
            return


if __name__ == "__main__":
    main(int(sys.argv[1]))
