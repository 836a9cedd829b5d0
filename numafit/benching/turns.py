"""Timing: the things to be compared take turns in one process, and each one's minimum counts.

A shared machine makes the same code 60 % slower from one moment to the next. It never makes it
faster than it is: so the minimum is what the code costs, and turns let a slow spell hit all alike.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

Turn = Callable[[], float]


def once(work: Callable[[], Any], times: int = 1) -> float:
    """Seconds for one call, averaged over ``times`` of them in a row."""
    numbers = range(times)
    start = perf_counter()
    for _ in numbers:
        work()
    return (perf_counter() - start) / times


def turn_of(work: Callable[[], Any], times: int = 1) -> Turn:
    """A turn that calls ``work`` a number of times in a row."""
    return lambda: once(work, times)


def take_turns(turns: Sequence[Turn], rounds: int = 30, seconds: float = 0.0) -> list[float]:
    """The least that each of the turns took, one after the other, round after round: so many of
    them, and on until so many seconds are over."""
    best = [float("inf")] * len(turns)
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    end, taken = perf_counter() + seconds, 0
    try:
        while taken < rounds or perf_counter() < end:
            taken += 1
            for n, turn in enumerate(turns):
                best[n] = min(best[n], turn())
    finally:
        if enabled:
            gc.enable()
    return best
