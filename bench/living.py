"""What does it cost to change one host of a large fleet, beside building the fleet anew?"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle

from bench import cases
from bench.measure import once, take_turns, turn_of
from bench.report import Row
from numafit import Fleet, Host

HOSTS = 100_000
MICROSECONDS = 50.0


def measure(hosts: int = HOSTS) -> list[Row]:
    base = Host.from_nova(cases.topology(5, cpus=32, used=0.25)).hostinfo
    infos = [replace(base, name=f"host{n}") for n in range(hosts)]
    anew = once(lambda: Fleet(infos))
    fleet = Fleet(infos)
    busy = [
        replace(one, cells=tuple(replace(cell, cpu_usage=n % 7) for cell in one.cells))
        for n, one in enumerate(infos[:64])
    ]
    smaller = replace(base, name="host9", cells=base.cells[:1])
    usage, shapes = cycle(busy), cycle((smaller, infos[9]))
    fleet.replace("host9", smaller)  # makes room, and finds the first name
    best = take_turns(
        [
            turn_of(lambda: fleet.replace((host := next(usage)).name, host), 64),
            turn_of(lambda: fleet.replace(9, next(shapes)), 64),
            turn_of(lambda: fleet.index("host99"), 1000),
        ],
        60,
    )
    size = f"{hosts:,} hosts"
    return [
        Row(
            f"living: replace one of {size} by name", "host", best[0], ratio=best[0] * 1e6,
            ratio_of="us", at_most=MICROSECONDS,
        ),
        Row(
            "living: the same, of another shape", "host", best[1], ratio=best[1] * 1e6,
            ratio_of="us", at_most=MICROSECONDS,
        ),
        Row(
            "living: the same by building anew", "fleet", anew, ratio=anew / best[0],
            ratio_of="x replace",
        ),
        Row("living: find a host by its name", "name", best[2]),
    ]  # fmt: skip
