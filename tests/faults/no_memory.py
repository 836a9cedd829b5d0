"""Each verb, with its n-th allocation failing: what test_no_memory.py runs under no_memory.c.

Prints one line a verb (default: all): its name, how many of its allocations
failed, and what did not hold.
"""

from __future__ import annotations

import ctypes
import gc
import random
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numafit import Fleet, InputError, MisuseError, Request, _engine
from tests.faults.fleets import make_fleet, make_request
from tests.faults.worlds import WORLDS, World, fault, state

SHIM = ctypes.CDLL(None)
FOLDER = Path(sys.argv[1])
MOST = int(sys.argv[2])
"""Allocations of a verb that are tried, at random where there are more."""
Verb = Callable[[Fleet, Request, list[Any]], object]


SAVED = str(FOLDER / "saved.npz")
make_fleet().save(SAVED)
INFOS = list(make_fleet().hostinfos())

VERBS: dict[str, Verb] = {
    "prepare": lambda fleet, _r, _h: fleet.prepare(make_request()),
    "scan": lambda fleet, request, _h: fleet.scan(request, hosts=[0, 1]),
    "capacity": lambda fleet, request, _h: fleet.capacity(request),
    "mix": lambda fleet, request, _h: fleet.capacity([request, make_request(3)]),
    "fit": lambda fleet, request, _h: [(p.cells, p.pci) for p in fleet.fit(request)],
    "explain": lambda fleet, _r, _h: str(fleet.explain(make_request(17), 0)),
    "claim": lambda fleet, request, _h: fleet.claim(request, host=1),
    "claim_all": lambda fleet, request, _h: fleet.claim_all(fleet.fit(request)),
    "release": lambda fleet, _r, held: fleet.release(held),
    "schedule": lambda fleet, request, _h: next(fleet.schedule([request], choose="pack")),
    "supports_pci": lambda fleet, request, _h: fleet.supports_pci(request.pci, 0, [0]),
    "hostinfo": lambda fleet, _r, _h: fleet.hostinfo(0),
    "usage": lambda fleet, _r, _h: (fleet.usage(0), fleet.pools(0)),
    "columns": lambda fleet, _r, _h: (fleet.columns(), fleet.c_columns()),
    "check": lambda fleet, _r, _h: fleet.check(),
    "build": lambda _f, _r, _h: Fleet(INFOS),
    "save": lambda fleet, _r, _h: fleet.save(FOLDER / "again.npz"),
    "load": lambda _f, _r, _h: Fleet.load(SAVED),
}

# of numpy and of Python itself, which the fleet must outlive as well
OTHERS = (
    "can't allocate lock", "NULL", "error return without exception set", "without setting",
    "with an exception set",
)  # fmt: skip
# the same, which a reader takes for what it read
READ = ("entry not a 2- or 3- tuple", "Bad file descriptor")


def world_of(name: str) -> World:
    if name in WORLDS:
        return WORLDS[name](FOLDER)
    fleet, request = make_fleet(), make_request()
    held = fleet.claim_all(fleet.fit(request))
    verb = VERBS[name]
    return World(fleet, lambda: verb(fleet, request, held), held)


class Run:
    """A verb with a fleet of its own, whose n-th allocation fails."""

    def __init__(self, name: str, n: int) -> None:
        self.world = world_of(name)
        self.before = state(self.world)
        self.wrong, self.of_the_binding = "", False
        verb = self.world.verb
        try:
            SHIM.fail_at(n)
            verb()
        except MemoryError as error:
            where = traceback.extract_tb(error.__traceback__)[-1].filename
            self.of_the_binding = where.endswith((".pyx", ".pxi"))
        except BaseException as error:
            others = type(error) in (SystemError, RuntimeError)
            found = others and any(words in str(error) for words in OTHERS)
            read = isinstance(error, InputError) and str(error.__context__)
            if not found and not (read and any(words in read for words in READ)):
                self.wrong = f"{type(error).__name__}: {error}"
        finally:
            self.reached = SHIM.fail_at(0) == 0

    def judge(self, after: Any) -> str:
        """What does not hold, or nothing."""
        now = state(self.world)
        if self.wrong:
            return self.wrong
        if wrong := fault(self.world):
            return wrong
        if now not in (self.before, after):
            return "half a change"
        if now == self.before != after:
            self.world.verb()
            return "" if state(self.world) == after else "another change when asked again"
        return ""


def watch_the_binding() -> None:
    fleet = make_fleet()
    claim = fleet.claim(make_request(), host=0)
    fleet.release(claim)
    with suppress(MisuseError):  # Cython keeps what it notes of the first error's traceback
        fleet.release(claim)
    with open("/proc/self/maps") as maps:
        spans = [line.split("-", 1) for line in maps if line.rstrip().endswith(_engine.__file__)]
    ends = [int(rest.split()[0], 16) for _start, rest in spans]
    SHIM.watch(ctypes.c_size_t(int(spans[0][0], 16)), ctypes.c_size_t(max(ends)))


def held_by_the_binding() -> int:
    gc.collect()
    return int(SHIM.blocks_held())


def wrong_with(name: str, n: int, after: Any) -> str | None:
    """``None``: the verb ended before its n-th allocation."""
    held = held_by_the_binding()
    run = Run(name, n)
    if not run.reached:
        return None
    found, ours = run.judge(after), run.of_the_binding
    del run
    # Python 3.11 keeps the arguments of a call for which it finds no memory
    if ours and held_by_the_binding() != held:
        return f"leaks {held_by_the_binding() - held} blocks"
    return found


def main() -> None:
    watch_the_binding()
    rng = random.Random(3)
    for name in sys.argv[3:] or (*VERBS, *WORLDS):
        wrong_with(name, 0, None)  # whatever it keeps for the next time
        after = state(Run(name, 0).world)
        last = 1
        while wrong_with(name, last, after) is not None:
            last *= 2
        numbers = range(1, last)
        failed, wrong = 0, []
        for n in numbers if last <= MOST else sorted(rng.sample(numbers, MOST)):
            found = wrong_with(name, n, after)
            if found is None:
                break
            failed += 1
            if found:
                wrong.append(f"{n}: {found}")
        print(name, failed, *wrong, sep="\t", flush=True)


main()
