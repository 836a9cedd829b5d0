"""Many worlds in several processes, and what became of them."""

from __future__ import annotations

import multiprocessing
import signal
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from .agree import OUTCOMES, DifferenceError
from .compare import compare
from .worlds import world

CHUNK = 20
"""Worlds a process takes at a time."""
CHUNK_SECONDS, WORLD_SECONDS = 300, 60
"""A world takes milliseconds: a process that has not answered by then hangs, and is ended."""


@dataclass
class Tally:
    cases: int = 0
    worlds: int = 0
    seconds: float = 0.0
    placed: int = 0
    refused: int = 0
    failed: tuple[int, str] | None = None  # number of the world, what is different


def chunk(kind: str, seed: int, first: int) -> Tally:
    """Worlds ``first`` to ``first + CHUNK``, up to the first difference."""
    signal.alarm(CHUNK_SECONDS)
    OUTCOMES.clear()
    tally = Tally()
    for number in range(first, first + CHUNK):
        try:
            made = world(kind, seed, number)
            cases = compare(made.hosts, made.asks)
        except DifferenceError as error:
            tally.failed = number, str(error)
            break
        except Exception as error:
            tally.failed = number, f"{type(error).__name__}: {error}"
            break
        tally.cases += cases
        tally.worlds += 1
    tally.placed, tally.refused = OUTCOMES[True], OUTCOMES[False]
    signal.alarm(0)
    return tally


def run(kind: str, seed: int, cases: int, jobs: int) -> Tally:
    """Worlds 0, 1, 2... until so many answers were compared, or one differs."""
    started = time.monotonic()
    total = Tally()
    first = 0
    waiting: dict[Future[Tally], int] = {}
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("forkserver")) as pool:
        while waiting or (total.cases < cases and total.failed is None):
            while len(waiting) < 2 * jobs and total.cases < cases and total.failed is None:
                waiting[pool.submit(chunk, kind, seed, first)] = first
                first += CHUNK
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            try:
                for future in done:
                    _add(total, future.result())
                    del waiting[future]
            except BrokenProcessPool:
                total.failed = _deadly(kind, seed, sorted(waiting.values()))
                break
    total.seconds = time.monotonic() - started
    return total


def _add(total: Tally, part: Tally) -> None:
    total.cases += part.cases
    total.worlds += part.worlds
    total.placed += part.placed
    total.refused += part.refused
    if part.failed and (total.failed is None or part.failed < total.failed):
        total.failed = part.failed


def _alone(kind: str, seed: int, number: int) -> None:
    signal.alarm(WORLD_SECONDS)
    made = world(kind, seed, number)
    compare(made.hosts, made.asks)


def _deadly(kind: str, seed: int, starts: list[int]) -> tuple[int, str]:
    """Which world ends its process: each alone, in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    for start in starts:
        for number in range(start, start + CHUNK):
            process = context.Process(target=_alone, args=(kind, seed, number))
            process.start()
            process.join()
            if process.exitcode is not None and process.exitcode < 0:
                name = signal.Signals(-process.exitcode).name
                return number, f"the process died ({name})"
    return starts[0], "the process died here or soon after, in none of the worlds alone"
