"""How many more guests fit on each of 10,000 hosts? Nova counts by fitting and consuming."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

from bench import cases, stock
from bench.measure import take_turns, turn_of
from bench.report import Row, faster
from bench.wide import Wide, wide
from numafit import Limits

HOSTS = 10_000
SAMPLE = 12
CAP = 500
LIMITS = Limits(16.0, 1.5)


def by_nova(text: str, flavor: Any) -> tuple[int, float]:
    """Nova's count and the seconds it takes."""
    nova = stock.Stock(text)
    limits = nova.limits(LIMITS.cpu_allocation_ratio, LIMITS.ram_allocation_ratio)
    fresh = [nova.instance(flavor) for _ in range(CAP)]
    count = 0
    start = perf_counter()
    while count < CAP:
        found = nova.fit(fresh[count], limits)
        if found is None:
            break
        nova.host = nova.usage(nova.host, found)
        count += 1
    return count, perf_counter() - start


def theirs(many: Wide, flavor: Any, counts: Any) -> float | None:
    if stock.missing() is not None:
        return None
    total = 0.0
    for host in np.linspace(0, len(many.fleet) - 1, SAMPLE).astype(int).tolist():
        (count, spent), (_, again) = (by_nova(many.row(host), flavor) for _ in range(2))
        assert count == counts[host], f"host {host}: nova counts {count}, numafit {counts[host]}"
        total += min(spent, again)
    return total / SAMPLE


def measure(hosts: int = HOSTS) -> list[Row]:
    rows = []
    many = wide(hosts, seed=2)
    for name, flavor in cases.CAPACITY.items():
        request = cases.request(flavor)
        counts = many.fleet.capacity(request, limits=LIMITS)
        least = take_turns([turn_of(lambda r=request: many.fleet.capacity(r, limits=LIMITS))], 9)[0]
        nova = theirs(many, flavor, counts)
        target = 10_000.0 if name != "two cells, unlike" else None
        rows.append(faster(f"capacity: {name}", "host", least / hosts, nova, target))
    return rows
