"""Turns that are not one call after the other: see numafit/benching/turns.py for those."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, thread_time
from typing import Any

from numafit.benching.turns import once as once
from numafit.benching.turns import take_turns as take_turns
from numafit.benching.turns import turn_of as turn_of

Work = Callable[[Any], Any]
Prepare = Callable[[], Any]


def cpu_time(work: Callable[[], Any]) -> float:
    """CPU seconds of one call so long that other processes are bound to come between."""
    start = thread_time()
    work()
    return thread_time() - start


def prepared(work: Work, prepare: Prepare, times: int) -> Callable[[], float]:
    """A turn that times ``work`` alone, each call on something that ``prepare`` made before: the
    least of them, which is fair to calls so long that another process may come between."""

    def turn() -> float:
        best = float("inf")
        for _ in range(times):
            thing = prepare()
            start = perf_counter()
            work(thing)
            best = min(best, perf_counter() - start)
        return best

    return turn
