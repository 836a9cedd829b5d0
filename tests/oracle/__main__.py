"""``python -m tests.oracle --cases N --seed S --kind KIND``: random worlds, engine beside oracle.

Ends with status 1 at the first difference, after making its world smaller
and printing it as a program, and with status 0 where there was none.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from .dials import KINDS
from .reduce import difference, reduced
from .run import Tally, run
from .show import program
from .worlds import world


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="answers to compare, in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=(*KINDS, "all"), default="all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--world", type=int, help="this one world of the kind, printed")
    asked = parser.parse_args(arguments)
    for name, least in (("cases", 1), ("jobs", 1), ("world", 0)):
        if (getattr(asked, name) or 0) < least:
            parser.error(f"--{name} {getattr(asked, name)}: {least} or more")
    kinds = list(KINDS) if asked.kind == "all" else [asked.kind]
    if asked.world is not None:
        if len(kinds) > 1:
            parser.error("--world: name its --kind too")
        return shown(kinds[0], asked.seed, asked.world)
    started = time.monotonic()
    share = -(-asked.cases // len(kinds))
    total = 0
    for kind in kinds:
        tally = run(kind, asked.seed, share, asked.jobs)
        total += tally.cases
        print(said(kind, tally), flush=True)
        if tally.failed is not None:
            number, words = tally.failed
            print(f"world {number} of kind {kind}, seed {asked.seed}: {words}")
            print(
                f"again: python -m tests.oracle --kind {kind} --seed {asked.seed} --world {number}"
            )
            return 1 if words.startswith("the process died") else shown(kind, asked.seed, number)
    seconds = time.monotonic() - started
    print(f"{total} cases, no difference, {seconds:.0f} s, {total / seconds:.0f} cases a second")
    return 0


def said(kind: str, tally: Tally) -> str:
    rate = tally.cases / tally.seconds
    return (
        f"{kind:12} {tally.cases:>9} cases {tally.worlds:>7} worlds {rate:>8.0f} a second"
        f"  {tally.placed} fit, {tally.refused} do not"
    )


def shown(kind: str, seed: int, number: int) -> int:
    """The world, as small as it shows the difference, as a program."""
    found = world(kind, seed, number)
    if difference(found) is None:
        print(program(found))
        print(f"# {found.name}: no difference")
        return 0
    found = reduced(found)
    print(program(found))
    print(f"# {found.name}, made smaller\n# {difference(found)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
