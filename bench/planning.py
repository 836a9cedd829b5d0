"""Headroom and stranded units of 10,000 hosts and 50 flavors, beside reading those hosts."""

from __future__ import annotations

from typing import Any

from bench import cases
from bench.measure import cpu_time
from bench.report import Row
from bench.wide import wide
from numafit import Fleet, Limits, Request
from numafit.planning.headroom import headroom
from numafit.planning.stranded import stranded

HOSTS = 10_000
FLAVORS = 50
LIMITS = Limits(16.0, 1.5)


def catalogue(count: int = FLAVORS) -> dict[str, Request]:
    """Flavors of several sizes of each kind that the other questions ask about; the one of unlike
    cells, whose extra specs say its sizes, is there once."""
    once = cases.CAPACITY["two cells, unlike"]
    kinds: list[Any] = [one for one in [*cases.CAPACITY.values(), *cases.MIX] if one is not once]
    found = {once["name"]: cases.request(once)}
    for number in range(count - 1):
        made = dict(kinds[number % len(kinds)])
        made["memory_mb"] += 2048 * (number // len(kinds))
        found[f"{made['name']} {number}"] = cases.request(made)
    return found


def least(call: Any, turns: int = 3) -> float:
    return min(cpu_time(call) for _ in range(turns))


def measure(hosts: int = HOSTS) -> list[Row]:
    many = wide(hosts, seed=2)
    flavors = catalogue()
    rows = [(f"host{n}", many.row(n), None) for n in range(hosts)]
    reading = least(lambda: Fleet.from_nova_rows(rows))
    room = least(lambda: headroom(many.fleet, flavors, limits=LIMITS))
    found = headroom(many.fleet, flavors, limits=LIMITS)
    assert found.all_exact.all()
    ends = cpu_time(lambda: found.ends)
    lost = cpu_time(lambda: stranded(many.fleet, flavors, limits=LIMITS))
    what = f"{hosts:,} hosts x {len(flavors)} flavors"
    reads = "x reading them"
    return [
        Row(f"headroom: {what}", "all", room, ratio=room / reading, ratio_of=reads, at_most=1.0),
        Row(f"headroom: what ends each, {what}", "all", ends, ratio=ends / reading, ratio_of=reads),
        Row(f"stranded: {what}", "all", lost, ratio=lost / reading, ratio_of=reads),
    ]
