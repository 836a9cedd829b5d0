"""What is asked of which hosts: a fleet of 16 kinds of hosts, alike in shape and not in usage."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from numafit.benching.figures import Figure, Measured
from numafit.benching.turns import take_turns, turn_of
from numafit.fleet import Fleet
from numafit.model.flavor import Flavor
from numafit.model.hostinfo import HostCell, HostInfo, PagePool
from numafit.model.placement import Placement
from numafit.model.request import Request
from numafit.rules.guest_topology import guest_topology

KINDS = 16
CELLS = 2
CORES = 24
"""Of a cell, each of two threads."""
PAGES = 96
"""Of 1 GiB in each cell."""
LINE = 64
"""Bytes that the memory pass reads for a cell."""
PASSED = 64 << 20
"""Bytes of the memory pass: more than fits into a cache of most machines."""
ROUNDS = 3
"""At the least, however short the time is."""

SPECS = {"hw:cpu_policy": "dedicated", "hw:mem_page_size": "1GB"}
FITS = Flavor("bench", 8, 8192, extra_specs=SPECS)
TOO_LARGE = Flavor("bench-large", 2 * CORES, 8192, extra_specs=SPECS)
"""As many vCPUs as a cell has CPUs, of which one is pinned everywhere."""

QUESTIONS = ("scan", "capacity", "fit", "refusal", "claim")


def host(kind: int) -> HostInfo:
    """Two cells, of which a share of CPUs and pages is taken that grows with the kind."""
    rng = random.Random(kind)
    used = (kind + 0.5) / KINDS
    cells = []
    for n in range(CELLS):
        first = n * CORES
        cores = [frozenset({core, core + CELLS * CORES}) for core in range(first, first + CORES)]
        cpus = frozenset[int]().union(*cores)
        pinned = frozenset(cpu for cpu in sorted(cpus) if rng.random() < used) | {max(cpus)}
        taken = int(PAGES * used)
        cells.append(
            HostCell(
                id=n,
                cpuset=frozenset(),
                pcpuset=cpus,
                memory_mb=PAGES * 1024,
                memory_usage=taken * 1024,
                pinned_cpus=pinned,
                siblings=tuple(cores),
                page_pools=(PagePool(1 << 20, PAGES, taken),),
            )
        )
    return HostInfo(tuple(cells), name=f"kind-{kind}")


def fleet_of(hosts: int) -> Fleet:
    """As many of each kind as of the others, or one more; hosts of a kind side by side."""
    numbers = [hosts // KINDS + (kind < hosts % KINDS) for kind in range(KINDS)]
    made = Fleet.of(host(0), numbers[0])
    for kind in range(1, KINDS):
        if numbers[kind]:
            made = made.with_hosts(host(kind), numbers[kind])
    return made


def measure(hosts: int, seconds: float, at_most: Mapping[str, float] | None = None) -> Measured:
    """``hosts``: 1 or more; ``seconds``: for all of it, once the fleet is there. ``at_most``:
    question -> ratio beyond which its Figure has a fault."""
    limits = {} if at_most is None else at_most
    fleet = fleet_of(hosts)
    request, large = (Request(guest_topology(flavor)) for flavor in (FITS, TOO_LARGE))
    placement = fleet.fit_on(request, 0)
    if not isinstance(placement, Placement) or fleet.fit_on(large, 0):
        raise AssertionError(f"the first host is none for this: {placement!r}")
    numbers = np.ones(PASSED // 8)
    whole: dict[str, Callable[[], Any]] = {
        "scan": lambda: fleet.scan(request),
        "capacity": lambda: fleet.capacity(request),
    }
    single: dict[str, Callable[[], Any]] = {
        "fit": lambda: fleet.fit_on(request, 0),
        "refusal": lambda: fleet.fit_on(large, 0),
        "claim": lambda: fleet.release(fleet.claim(placement)),
    }
    turns = [turn_of(numbers.sum)]
    turns += [turn_of(work, max(1, 1000 // hosts)) for work in whole.values()]
    turns += [turn_of(work, 100) for work in single.values()]
    passed, *times = take_turns(turns, ROUNDS, seconds)
    a_host = passed / PASSED * LINE * CELLS
    units = [("host", hosts)] * 2 + [("call", 1)] * 2 + [("claim and release", 1)]
    figures = [
        Figure(name, unit, time / n, time / n / a_host, limits.get(name))
        for name, (unit, n), time in zip(QUESTIONS, units, times, strict=True)
    ]
    return Measured(hosts, CELLS, a_host, tuple(figures))
