"""Plans of moves on 300 two-cell hosts: how long they take, what they win, and how near they are to
what CP-SAT finds in 5 seconds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from time import thread_time

from bench import cp_sat
from bench.report import Row
from bench.two_cells import FLAVORS, OFTEN, scattered
from numafit import Claim, Fleet
from numafit.planning.drain import drain
from numafit.planning.make_room import MadeRoom, make_room

HOSTS = 300
SECONDS = 5.0
"""Of CPU time for a plan, and for CP-SAT to do better."""
ENOUGH = 60.0
"""For a plan on a machine that others use, and for CP-SAT to prove a bound."""
MOVES = (25, 50, 100)
MORE = 50
"""Places for guests of OFTEN vCPUs that are wanted beside those that are there."""
DRAINS = range(0, HOSTS, 15)
SMALL = {"hosts": 6, "cpus": 20, "kept": 0.7}
CASES = 50


def measure() -> list[Row]:
    why = cp_sat.missing()
    if why:
        print(f"bench: moves without CP-SAT: {why}", file=sys.stderr)
    fleet, claims = scattered(HOSTS)
    rows = []
    for moves in MOVES:
        rows += by_moves(fleet, claims, moves, why is None)
    rows += room(fleet, claims, why is None)
    rows += [emptied(fleet, claims)]
    return rows + (small_cases() if why is None else [])


def by_moves(fleet: Fleet, claims: Mapping[str, Claim], moves: int, beside: bool) -> list[Row]:
    asked = FLAVORS[OFTEN]
    started = thread_time()
    found = make_room(fleet, asked, None, claims, most_moves=moves, seconds=ENOUGH)
    took = thread_time() - started
    assert found.fragments is not None
    name = f"moves: lower the fragment rate of {HOSTS} hosts by {moves} moves"
    rates = "s; rate {:.3f} before, {:.3f} after".format(*found.fragments)
    rows = [timed(name, "plan", took, rates)]
    if beside:
        best = cp_sat.most_room(fleet, claims, moves, SECONDS)
        bound = cp_sat.most_room(fleet, claims, moves, ENOUGH).bound
        won, most = found.after - found.before, bound - found.before
        theirs = "none" if best.found is None else best.found - found.before
        words = f"of the bound; {won} places won, CP-SAT {theirs}, at most {most}"
        rows.append(
            Row(f"{name}, beside CP-SAT", "plan", took, ratio=won / most, ratio_of=words,
                at_least=0.9)
        )  # fmt: skip
    return rows


def room(fleet: Fleet, claims: Mapping[str, Claim], beside: bool) -> list[Row]:
    started = thread_time()
    found = wider(fleet, claims, MORE, ENOUGH)
    took = thread_time() - started
    assert found
    name = f"moves: room for {MORE} more on {HOSTS} hosts"
    rows = [timed(name, "plan", took, f"s; {len(found.steps)} moves, at least {found.bound}")]
    if beside:
        best = cp_sat.fewest_moves(fleet, claims, found.wanted or 0, SECONDS)
        theirs = "none" if best.found is None else f"{best.found}"
        ratio = None if best.found is None else len(found.steps) / best.found
        words = f"of CP-SAT's moves; {len(found.steps)}, CP-SAT {theirs}, at least {best.bound}"
        rows.append(
            Row(f"{name}, beside CP-SAT", "plan", took, ratio=ratio, ratio_of=words,
                at_most=1.1)
        )  # fmt: skip
    return rows


def wider(fleet: Fleet, claims: Mapping[str, Claim], more: int, seconds: float) -> MadeRoom:
    asked = FLAVORS[OFTEN]
    wanted = int(fleet.capacity(asked).sum()) + more
    return make_room(fleet, asked, wanted, claims, seconds=seconds)


def emptied(fleet: Fleet, claims: Mapping[str, Claim]) -> Row:
    longest, moves, done = 0.0, 0, 0
    for host in DRAINS:
        started = thread_time()
        found = drain(fleet, host, claims, seconds=ENOUGH)
        longest = max(longest, thread_time() - started)
        moves += len(found.steps)
        done += bool(found)
    words = f"s; {done} of {len(DRAINS)} hosts emptied, {moves} moves"
    return timed(f"moves: drain a host of {HOSTS}, the slowest", "plan", longest, words)


def timed(name: str, unit: str, seconds: float, words: str) -> Row:
    return Row(name, unit, seconds, ratio=seconds, ratio_of=words, at_most=SECONDS)


def small_cases() -> list[Row]:
    """One place more, where one can be had at all."""
    alike = cases = seed = 0
    took = 0.0
    while cases < CASES:
        seed += 1
        fleet, claims = scattered(SMALL["hosts"], seed, SMALL["kept"], SMALL["cpus"])
        found = wider(fleet, claims, 1, SECONDS)
        best = cp_sat.fewest_moves(fleet, claims, found.before + 1, SECONDS)
        if best.found is None:
            assert not found
            continue
        cases += 1
        took += found.seconds
        alike += bool(found) and len(found.steps) == best.bound
    words = f"of {CASES} have CP-SAT's fewest moves"
    return [Row("moves: small cases, beside CP-SAT", "plan", took / CASES, ratio=alike / CASES,
                ratio_of=words, at_least=0.9)]  # fmt: skip
