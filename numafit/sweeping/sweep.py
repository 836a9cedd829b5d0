"""Many questions on many machines: each point asked once, in whatever process has time."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any

from numafit.errors import InvalidValue, MisuseError, SweepError
from numafit.model import fields
from numafit.progress import Progress, Shown
from numafit.progress import checked as checked_progress
from numafit.sweeping.answers import Batch, Kinds, Row, rows_of
from numafit.sweeping.book import Book
from numafit.sweeping.lent import Lender
from numafit.sweeping.points import Point, Texts, checked, scalar, seed_of
from numafit.sweeping.workers import Failed, Question, Task, Workers, answers, shares_memory

ROWS = 1000
"""Rows of a batch, where nothing else is asked for."""


def sweep(
    question: Question,
    points: Iterable[Point],
    executor: Executor | None = None,
    *,
    seed: int = 0,
    to: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    spool: str | os.PathLike[str] | None = None,
    batch: int = ROWS,
    errors: str = "raise",
    progress: Progress = None,
) -> Sweep:
    """Ask ``question(**point)`` for every point, and hand on the answers as they come.

    ``points``: mappings of names to values, as ``numafit.grid`` makes them; a value is a number,
    text, a Fleet, a Request, or what is made of such. The question gets a fork of each fleet, so
    that what it claims no other point sees. It answers with a mapping (a row), a list of mappings,
    or one value; a question that has a parameter ``seed`` gets 63 bits that follow from the point
    and from ``seed`` alone: the answers are the same on any number of workers, in any order.

    ``executor``: any ``concurrent.futures.Executor``, such as Dask's ``client.get_executor()``; by
    default a pool of ``workers`` processes (as many as there are CPUs). A point whose worker is
    lost is asked again, up to three times. ``spool``: a folder that all workers see, for fleets
    (default: the system's for temporary files). ``to``: a file that keeps what was answered; the
    same call goes on where an interrupted one ended. ``batch``: rows of a batch. ``errors``:
    ``"raise"``, or ``"row"``: a question that fails has its error in the column ``error`` of its
    row. ``progress``: called with points done and points in all; True: a bar, which needs tqdm
    (``numafit[progress]``); None: a bar after two seconds, in a terminal or a notebook, where tqdm
    is there.

    Raises InvalidValue for points and answers of other kinds, InputError for a file of another
    sweep, SweepError where a question fails or a point loses its workers; what was answered before
    stays in ``to``.
    """
    if not callable(question):
        raise InvalidValue("question", question, "a function")
    fields.word("errors", errors, ("raise", "row"), none=False)
    if executor is not None and not hasattr(executor, "submit"):
        raise InvalidValue("executor", executor, "a concurrent.futures.Executor, or None")
    seed = fields.number("seed", seed, 0, 2**64 - 1)
    batch = fields.number("batch", batch, 1, 2**31 - 1, "rows")
    _path("to", to)
    _path("spool", spool)
    if spool is not None and not os.path.isdir(spool):
        raise InvalidValue("spool", spool, "a folder that is there")
    checked_progress(progress)
    if workers is not None:
        workers = fields.number("workers", workers, 1, 4096, "processes")
        if executor is not None:
            raise MisuseError("workers: they are the executor's own; leave one of both out")
    asked = checked(fields.iterable("points", points, "a list of mappings"))
    return Sweep(
        question, asked, executor, seed, to, workers, spool, batch, errors == "row", progress
    )


def _path(key: str, path: object) -> None:
    if path is not None and not isinstance(path, str | os.PathLike):
        raise InvalidValue(key, path, "a path, or None")


class Sweep:
    """A sweep under way: going over it hands out batches of rows as they are answered, once.

    Each row has ``point`` (its number), what of the point is a number or text, ``seed`` where the
    question takes one, and the answer. ``table()`` asks what is left and has all rows in the
    points' order. ``len`` is the number of points.
    """

    def __init__(
        self,
        question: Question,
        points: list[dict[str, Any]],
        executor: Executor | None,
        seed: int,
        to: str | os.PathLike[str] | None,
        workers: int | None,
        spool: str | os.PathLike[str] | None,
        batch: int,
        keep_errors: bool,
        progress: Progress,
    ) -> None:
        self._points = points
        self._rows: dict[int, list[Row]] = {}
        self._kinds = Kinds()
        self._seeded = "seed" in inspect.signature(question).parameters
        self._lender = Lender(spool, shares_memory(executor))
        self._workers = Workers(question, executor, workers)
        self._to = to
        self._batch = batch
        self._keep_errors = keep_errors
        self._progress = progress
        self._texts = self._said(seed)
        self._name = _named(question)
        self._seed = seed
        self._batches: Generator[Batch, None, None] = self._run()

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[Batch]:
        return self._batches

    def _said(self, seed: int) -> list[str]:
        """The points in words, and the seed of each that has none of its own."""
        texts = Texts()
        said = [texts.point(n, point) for n, point in enumerate(self._points)]
        for point, text in zip(self._points, said, strict=True):
            if self._seeded:
                point.setdefault("seed", seed_of(text, seed))
        return said

    def _about(self) -> dict[str, Any]:
        """What an interrupted run and this one have in common, or are not the same sweep."""
        digest = hashlib.blake2b("\n".join(self._texts).encode(), digest_size=16).hexdigest()
        return {
            "format": "numafit sweep",
            "version": 1,
            "question": self._name,
            "seed": self._seed,
            "points": len(self._points),
            "digest": digest,
        }

    def _run(self) -> Generator[Batch, None, None]:
        book = Book(self._to, self._about())
        pending: list[Row] = []
        try:
            with Shown(self._progress, len(self._points), "point") as show:
                for number, rows in sorted(book.known.items()):
                    pending += self._take(number, rows)
                if book.known:
                    show(len(book.known))
                for number, rows, failed in self._asked(set(book.known)):
                    pending += self._take(number, rows)
                    if not failed:  # it is asked again by a call that goes on from here
                        book.add(number, rows)
                    show(1)
                    if len(pending) >= self._batch:
                        yield self._kinds.batch(pending)
                        pending = []
                if pending:
                    yield self._kinds.batch(pending)
        finally:
            book.close()
            self._lender.close()

    def _asked(self, known: set[int]) -> Iterator[tuple[int, list[Row], bool]]:
        tasks = [
            Task(n, self._lender.lend(point), self._texts[n])
            for n, point in enumerate(self._points)
            if n not in known
        ]
        for task, answer in answers(self._workers, tasks):
            where = f"points[{task.number}]"
            if isinstance(answer, Failed):
                if not self._keep_errors:
                    raise SweepError(
                        f"{where} ({task.said}): {answer.kind}: {answer.text}"
                    ) from answer.error
                yield task.number, [{"error": f"{answer.kind}: {answer.text}"}], True
            else:
                names = {"point", *self._points[task.number]}
                rows = rows_of(f"{where}: answer", answer, names)
                if self._keep_errors:
                    rows = [{**row, "error": None} for row in rows]
                yield task.number, rows, False

    def _take(self, number: int, rows: list[Row]) -> list[Row]:
        own = {
            name: value.item() if hasattr(value, "item") else value
            for name, value in self._points[number].items()
            if scalar(value)
        }
        made = [{"point": number, **own, **row} for row in rows]
        for row in made:
            self._kinds.see(f"points[{number}]", row)
        self._rows[number] = made
        return made

    def close(self) -> None:
        """End it: workers go, and so do the files of fleets; what was answered stays in ``to``."""
        self._batches.close()

    def table(self) -> Batch:
        """All rows, in the points' order: what is not answered yet is asked first."""
        for _ in self:
            pass
        return self._kinds.batch([row for n in sorted(self._rows) for row in self._rows[n]])


def _named(question: Question) -> str:
    """What a function is called, with what it was given already: the same in every process."""
    if isinstance(question, partial):
        given: dict[str, Any] = {str(n): value for n, value in enumerate(question.args)}
        given.update(question.keywords)
        return f"{_named(question.func)} with {Texts().point(0, given)}"
    return f"{question.__module__}.{getattr(question, '__qualname__', type(question).__name__)}"
