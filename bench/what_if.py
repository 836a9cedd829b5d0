"""How long does it take to play a million comings and goings through on 10,000 hosts?"""

from __future__ import annotations

from bench.measure import cpu_time
from bench.report import Row
from bench.two_cells import CPUS, FLAVORS, SHARES, host
from numafit import Fleet
from numafit.planning.course import Course, course
from numafit.planning.trace import Trace

HOSTS = 10_000
EVENTS = 1_000_000
SECONDS = 30.0
GUESTS = 600_000
IN_USE = 0.9
"""Of all CPUs, once as many leave as come."""
STAY_HOURS = 100.0
PLANS = ("first", "spread", "pack")


def trace(hosts: int, guests: int) -> Trace:
    """Guests of the flavors of two_cells, who would have IN_USE of the CPUs in the end."""
    mean = sum(vcpus * share for vcpus, share in SHARES.items()) / sum(SHARES.values())
    per_hour = IN_USE * hosts * 2 * CPUS / mean / STAY_HOURS
    mix = {f"v{vcpus}": (request, float(SHARES[vcpus])) for vcpus, request in FLAVORS.items()}
    return Trace.of_mix(mix, guests, per_hour, STAY_HOURS, seed=3)


def measure(hosts: int = HOSTS, guests: int = GUESTS) -> list[Row]:
    fleet = Fleet([host(f"h{n}") for n in range(hosts)])
    coming = trace(hosts, guests)
    rows = []
    for plan in PLANS:
        found: list[Course] = []
        took = cpu_time(lambda plan=plan, found=found: found.append(course(fleet, coming, plan)))  # type: ignore[misc]
        placed = int(found[0].placed.sum())
        events = guests + placed - found[0].samples[-1].running
        assert events >= EVENTS * guests / GUESTS
        words = f"s for 1,000,000 events; {found[0].acceptance:.1%} placed"
        rows.append(
            Row(
                f"what if: {EVENTS:,} events on {hosts:,} hosts, {plan}",
                "event",
                took / events,
                ratio=took / events * EVENTS,
                ratio_of=words,
                at_most=SECONDS,
            )
        )
    return rows
