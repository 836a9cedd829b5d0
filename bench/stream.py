"""A scheduler's day: a stream of mixed requests with lifetimes, over 1,000 hosts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from heapq import heappop, heappush
from time import thread_time

from bench import cases
from bench.core import NOVA_FILTER_STEP
from bench.report import Row
from bench.wide import wide
from numafit import Fleet, Request
from numafit.claims import Claim

HOSTS = 1000
REQUESTS = 100_000


def run(fleet: Fleet, choose: str, count: int, seed: int = 1) -> tuple[float, int]:
    """Seconds a request, and how many were placed. Each guest leaves after some 5,000 requests."""
    rng = random.Random(seed)
    kinds = [cases.request(flavor) for flavor in cases.MIX]
    picks = rng.choices(kinds, k=count)
    lifetimes = [int(rng.expovariate(1 / 5000)) + 1 for _ in range(count)]
    leaving: list[tuple[int, int, Claim]] = []
    placed = 0

    def stream() -> Iterator[Request]:
        for now, request in enumerate(picks):
            while leaving and leaving[0][0] <= now:
                fleet.release(heappop(leaving)[2])
            yield request

    start = thread_time()
    for now, claim in enumerate(fleet.schedule(stream(), choose=choose)):
        if claim is not None:
            placed += 1
            heappush(leaving, (now + lifetimes[now], now, claim))
    spent = thread_time() - start
    for _when, _number, claim in leaving:
        fleet.release(claim)
    assert fleet.check() is None
    return spent / count, placed


def measure(count: int = REQUESTS) -> list[Row]:
    rows = []
    for choose, words, target in (
        ("spread", "full scan, most room", 20_000.0),
        ("first", "first fit", None),
    ):
        fleet = wide(HOSTS, seed=3, used=0.3).fleet
        each, placed = run(fleet, choose, count)
        assert placed > count // 2, placed
        nova = NOVA_FILTER_STEP * HOSTS
        rows.append(
            Row(
                f"stream: {count:,} requests, {HOSTS:,} hosts, {words}",
                "decision",
                each,
                nova,
                None,
                nova / each,
                "nova / numafit",
                target,
            )
        )
    return rows
