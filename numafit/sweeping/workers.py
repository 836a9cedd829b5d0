"""Which worker answers which point, and what when a worker is lost?

The default is a pool of processes of our own. One that a signal or the kernel ends breaks the whole
pool: it is made anew, and the points that were under way are asked one at a time until they are
through, so that the one which ends its worker is found and no other is blamed.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numafit.errors import SweepError
from numafit.sweeping.lent import borrowed

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

Question = Callable[..., Any]
ATTEMPTS = 3
"""Workers that a point may lose."""
AHEAD = 2
"""Points handed out for each worker, so that none waits for the next."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What the question raised."""

    kind: str
    text: str
    error: BaseException | None


@dataclass(slots=True)
class Task:
    number: int
    point: dict[str, Any]
    said: str
    """The point in words."""
    lost: int = 0


def ask(question: Question, point: dict[str, Any]) -> Any:
    """In the worker: the question's answer to one point, or how it failed."""
    import pickle

    try:
        return question(**{name: borrowed(value) for name, value in point.items()})
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return Failed(type(error).__name__, str(error), None)
        return Failed(type(error).__name__, str(error), error)


def _pool(question: Question, workers: int) -> ProcessPoolExecutor:
    """Processes that start afresh; but where the question stands in a notebook, which those cannot
    import, they are forks of this one."""
    # ten milliseconds of imports that nobody else needs
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    main = sys.modules["__main__"]
    typed_in = getattr(question, "__module__", None) == "__main__" and not hasattr(main, "__file__")
    context = multiprocessing.get_context("fork" if typed_in else "spawn")
    return ProcessPoolExecutor(workers, mp_context=context)


def shares_memory(executor: Executor | None) -> bool:
    from concurrent.futures import ThreadPoolExecutor

    return isinstance(executor, ThreadPoolExecutor)


class Workers:
    """An executor that was given, or a pool of our own that is made anew where it breaks."""

    def __init__(self, question: Question, executor: Executor | None, workers: int | None) -> None:
        self._question = question
        self._given = executor
        self._n = workers or os.cpu_count() or 1
        self._own: ProcessPoolExecutor | None = None

    @property
    def ahead(self) -> int:
        return AHEAD * self._n

    def submit(self, task: Task) -> Future[Any]:
        executor = self._given
        if executor is None:
            if self._own is None:
                self._own = _pool(self._question, self._n)
            executor = self._own
        return executor.submit(ask, self._question, task.point)

    def broken(self, error: BaseException) -> None:
        """A new pool in place of the broken one. Raises SweepError for one that was given."""
        if self._given is not None:
            raise SweepError(
                "the executor has lost its workers and takes no more points; what was answered is "
                "in the file of to=, and the same call with a new executor goes on from there"
            ) from error
        if self._own is not None:
            self._own.shutdown(wait=False, cancel_futures=True)
            self._own = None

    def close(self) -> None:
        if self._own is not None:
            self._own.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _ended(workers: Workers, waiting: dict[Future[Any], Task]) -> Iterator[None]:
    try:
        yield
    finally:
        for future in waiting:
            future.cancel()
        workers.close()


def _hand_out(workers: Workers, tasks: deque[Task], waiting: dict[Future[Any], Task]) -> None:
    # a pool that is broken takes no task, which then stays where it is
    future = workers.submit(tasks[0])
    waiting[future] = tasks.popleft()


def answers(workers: Workers, tasks: list[Task]) -> Iterator[tuple[Task, Any]]:
    """Each task with its answer, or with a ``Failed``, as they come. Raises SweepError for a point
    that has lost ``ATTEMPTS`` workers."""
    queue = deque(tasks)
    suspects: deque[Task] = deque()
    waiting: dict[Future[Any], Task] = {}
    with _ended(workers, waiting):
        alone = False
        while queue or suspects or waiting:
            try:
                if suspects and not waiting:
                    _hand_out(workers, suspects, waiting)
                    alone = True
                while queue and not suspects and not alone and len(waiting) < workers.ahead:
                    _hand_out(workers, queue, waiting)
            except BrokenExecutor as broken:
                workers.broken(broken)
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            gone: BaseException | None = None
            for future in sorted(done, key=lambda one: waiting[one].number):
                task = waiting.pop(future)
                error = CancelledError("cancelled") if future.cancelled() else future.exception()
                if error is None:
                    yield task, future.result()
                elif isinstance(error, BrokenExecutor):
                    gone = error
                    _lost(task, error, alone)
                    suspects.append(task)
                else:
                    _lost(task, error, True)
                    queue.append(task)
            if gone is not None:
                suspects.extend(waiting.values())
                waiting.clear()
                workers.broken(gone)
            alone = alone and bool(waiting)


def _lost(task: Task, error: BaseException, guilty: bool) -> None:
    """``guilty``: nothing else was under way, so it is this point that ended the worker."""
    task.lost += guilty
    if task.lost >= ATTEMPTS:
        raise SweepError(
            f"points[{task.number}] ({task.said}): no answer after {ATTEMPTS} tries "
            f"({type(error).__name__}: {error})"
        ) from error
