"""Which of several plans serves these guests best? Each is played through, on as many workers as
there are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from numafit.errors import InvalidValue
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.options import FitOptions
from numafit.planning.changes import Change, changed
from numafit.planning.course import RANDOM, SAMPLES, course
from numafit.planning.trace import HOUR, STAYS, Trace
from numafit.sweeping.answers import Batch, batch_of
from numafit.sweeping.sweep import Progress, sweep

CHOICES = ("first", "spread", "pack", RANDOM)


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to go on. ``choose``: how hosts are chosen (``"first"``, ``"spread"``, ``"pack"``,
    ``"random"``); ``options``: how cells are (``FitOptions``); ``changes`` to the fleet first."""

    name: str
    choose: str = "spread"
    options: FitOptions | None = None
    changes: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        fields.word("choose", self.choose, CHOICES, none=False)
        if self.options is not None:
            fields.instance("options", self.options, FitOptions)
        object.__setattr__(self, "changes", tuple(self.changes))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row per plan and trace, in their order: what the course of each came to."""

    batch: Batch

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.batch.rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.batch.__arrow_c_stream__(requested_schema)

    def best(self) -> str:
        """The plan that places the largest share of guests over all traces; among equals the
        first."""
        shares: dict[str, list[int]] = {}
        for row in self.rows:
            placed, came = shares.setdefault(row["plan"], [0, 0])
            shares[row["plan"]] = [placed + row["placed"], came + row["came"]]
        return max(shares, key=lambda name: shares[name][0] / max(shares[name][1], 1), default="")

    def __str__(self) -> str:
        if not self.rows:
            return "nothing was compared"
        said = [f"{row['plan']} {row['placed'] / max(row['came'], 1):.1%}" for row in self.rows]
        return f"{self.best()} places most: {', '.join(said)}"


def what_if(
    fleet: Fleet,
    traces: Trace | Sequence[Trace],
    plans: Sequence[Plan],
    *,
    seed: int = 0,
    samples: int = SAMPLES,
    executor: Executor | None = None,
    workers: int | None = None,
    to: str | os.PathLike[str] | None = None,
    progress: bool | Progress | None = None,
) -> Comparison:
    """Each plan with each trace, on forks of the fleet, which is left as it is.

    The answer depends on ``seed`` and on nothing else: not on the number of workers. What
    ``executor``, ``workers``, ``to`` and ``progress`` are, ``numafit.sweep`` says. Raises
    InvalidValue for plans of one name.
    """
    fields.instance("fleet", fleet, Fleet)
    given = [traces] if isinstance(traces, Trace) else list(traces)
    names = [plan.name for plan in plans]
    if len(set(names)) != len(names):
        raise InvalidValue("plans", names, "a name of its own for each plan")
    points = [
        {"plan": plan.name, "trace": n, "what": plan, "fleet": fleet, "guests": trace}
        for plan in plans
        for n, trace in enumerate(given)
    ]
    if executor is None and len(points) == 1:
        # not worth the start of a process
        executor, workers = ThreadPoolExecutor(1), None
    question = partial(_played, samples=fields.number("samples", samples, 1, 100_000))
    asked = sweep(question, points, executor, seed=seed, workers=workers, to=to, progress=progress)
    own = ("point", "seed")
    rows = [
        {name: value for name, value in row.items() if name not in own}
        for row in asked.table().rows
    ]
    return Comparison(batch_of(rows))


def _played(
    plan: str, trace: int, what: Plan, fleet: Fleet, guests: Trace, seed: int, samples: int
) -> dict[str, Any]:
    """In a worker: one plan with one trace."""
    there = changed(fleet, what.changes)
    found = course(there, guests, what.choose, what.options, samples, seed)
    full = found.full()
    last = found.samples[-1]
    return {
        "came": int(found.placed.sum() + found.refused.sum()),
        "placed": int(found.placed.sum()),
        "refused": int(found.refused.sum()),
        "full_hours": None if full.seconds == STAYS else full.seconds / HOUR,
        "full_by": full.by or None,
        "full_seen": full.seen,
        "closeness": found.closeness,
        **last.used.row(),
    }
