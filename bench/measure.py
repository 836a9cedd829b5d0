"""Timing: the things to be compared take turns in one process, and each one's minimum counts.

A shared machine makes the same code 60 % slower from one moment to the next. It never makes it
faster than it is: so the minimum is what the code costs, and turns let a slow spell hit all alike.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from time import perf_counter, thread_time
from typing import Any

Work = Callable[[Any], Any]
Prepare = Callable[[], Any]


def cpu_time(work: Callable[[], Any]) -> float:
    """CPU seconds of one call so long that other processes are bound to come between."""
    start = thread_time()
    work()
    return thread_time() - start


def once(work: Callable[[], Any], times: int = 1) -> float:
    """Seconds for one call, averaged over ``times`` of them in a row."""
    numbers = range(times)
    start = perf_counter()
    for _ in numbers:
        work()
    return (perf_counter() - start) / times


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


def turn_of(work: Callable[[], Any], times: int = 1) -> Callable[[], float]:
    """A turn that calls ``work`` a number of times in a row."""
    return lambda: once(work, times)


def take_turns(turns: Sequence[Callable[[], float]], rounds: int = 30) -> list[float]:
    """The least that each of the turns took, one after the other, round after round."""
    best = [float("inf")] * len(turns)
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for n, turn in enumerate(turns):
                best[n] = min(best[n], turn())
    finally:
        if enabled:
            gc.enable()
    return best
