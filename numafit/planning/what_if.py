"""Which of several plans serves these guests best? Each is played through, on as many workers as
there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from numafit.errors import InvalidValue
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.options import FitOptions
from numafit.planning.answer import Answer, Glance
from numafit.planning.changes import Change, asked_for, changed
from numafit.planning.course import RANDOM, SAMPLES, course
from numafit.planning.frames import columns_of, frame
from numafit.planning.trace import Trace
from numafit.planning.weighers import NOVA, WEIGHERS, multipliers
from numafit.progress import Progress, checked
from numafit.sweeping.answers import Batch, batch_of
from numafit.sweeping.sweep import sweep

CHOICES = ("first", "spread", "pack", RANDOM)
CHOOSERS = f"{', '.join(CHOICES)}, {NOVA}, or some of {', '.join(WEIGHERS)} as in ram=-1,pci=2"
PARTS = ("plans", "flavors", "samples")
_OWN = ("point", "seed", "part")


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to go on. ``choose``: how hosts are chosen (``"first"``, ``"spread"``, ``"pack"``,
    ``"random"``, or nova's weighers: ``"nova"``, ``"ram=-1,pci=2"``); ``options``: how cells are
    (``FitOptions``); ``changes`` to the fleet first, and to what guests ask for."""

    name: str
    choose: str = "spread"
    options: FitOptions | None = None
    changes: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        fields.text("choose", self.choose)
        if self.choose not in CHOICES and multipliers(self.choose) is None:
            raise InvalidValue("choose", self.choose, CHOOSERS)
        if self.options is not None:
            fields.instance("options", self.options, FitOptions)
        object.__setattr__(self, "changes", tuple(self.changes))


@dataclass(frozen=True, slots=True)
class Comparison(Answer):
    """What the course of each plan came to with each trace, in their order. ``batch``: one row per
    plan and trace; ``flavors``: one per flavor of those (``Course.flavors``), ``samples``: one per
    moment (``Course.rows``). pyarrow, polars and pandas take each of the three."""

    batch: Batch
    flavors: Batch
    samples: Batch

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.batch.rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.batch.__arrow_c_stream__(requested_schema)

    def frame(self, library: str | None = None, of: str = "plans") -> Any:
        """The rows of ``"plans"``, ``"flavors"`` or ``"samples"`` as a DataFrame of ``"pandas"`` or
        ``"polars"``; ``None``: of the one that is installed (``numafit[plot]``)."""
        fields.word("of", of, PARTS, none=False)
        rows = {"plans": self.batch, "flavors": self.flavors, "samples": self.samples}[of].rows
        return frame(*columns_of(rows), library)

    def picture(self, of: str = "plans") -> Any:
        """A matplotlib Figure: of ``"plans"`` a bar for each, the part of the guests that it
        places; of ``"samples"`` a line for each, that part over time (``numafit[plot]``)."""
        from numafit.planning import course_picture

        fields.word("of", of, ("plans", "samples"), none=False)
        if of == "plans":
            return course_picture.plans(self.rows, str(self))
        return course_picture.over_time(self.samples.rows, str(self))

    def _glance(self) -> Glance:
        return columns_of(self.rows)

    def shares(self) -> dict[str, float]:
        """The part of all guests that each plan places, over all traces; 1 where none came."""
        sums: dict[str, list[int]] = {}
        for row in self.rows:
            placed, came = sums.setdefault(row["plan"], [0, 0])
            sums[row["plan"]] = [placed + row["placed"], came + row["came"]]
        return {name: placed / came if came else 1.0 for name, (placed, came) in sums.items()}

    def best(self) -> str:
        """The plan that places the largest share of guests over all traces; among equals the
        first."""
        shares = self.shares()
        return max(shares, key=lambda name: shares[name], default="")

    def __str__(self) -> str:
        shares = self.shares()
        if not shares:
            return "nothing was compared"
        most, least = max(shares.values()), min(shares.values())
        if most == least:
            return f"{'each' if len(shares) > 1 else self.best()} places {most:.1%} of the guests"
        first = [name for name, share in shares.items() if share == most]
        last = [name for name, share in shares.items() if share == least]
        return (
            f"{_named(first)} place{'s' * (len(first) == 1)} most, {most:.1%} of the guests; "
            f"{_named(last)} fewest, {least:.1%}"
        )


def _named(plans: Sequence[str]) -> str:
    """``a``, ``a and b``, or ``a and 2 others``."""
    if len(plans) < 3:
        return " and ".join(plans)
    return f"{plans[0]} and {len(plans) - 1} others"


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
    progress: Progress = None,
) -> Comparison:
    """Each plan with each trace, on forks of the fleet, which is left as it is.

    The answer depends on ``seed`` and on nothing else: not on the number of workers. What
    ``executor``, ``workers``, ``to`` and ``progress`` are, ``numafit.sweep`` says; the progress of
    one plan with one trace is that of its guests. Raises InvalidValue for plans of one name.
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
        executor, workers, progress = _Here(checked(progress)), None, False
    question = partial(_played, samples=fields.number("samples", samples, 1, 100_000))
    asked = sweep(question, points, executor, seed=seed, workers=workers, to=to, progress=progress)
    parts: dict[str, list[dict[str, Any]]] = {part: [] for part in PARTS}
    for row in asked.table().rows:
        parts[row["part"]].append({name: row[name] for name in row if name not in _OWN})
    return Comparison(*map(batch_of, parts.values()))


class _Here(ThreadPoolExecutor):
    """Plays a plan in the thread that asks, where somebody may look at its progress."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(1)
        self._progress = progress

    def submit(self, ask: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        question, point = args
        answer: Future[Any] = Future()
        answer.set_result(ask(partial(question, progress=self._progress), point, **kwargs))
        return answer


def _played(
    plan: str,
    trace: int,
    what: Plan,
    fleet: Fleet,
    guests: Trace,
    seed: int,
    samples: int,
    progress: Progress = False,
) -> list[dict[str, Any]]:
    """In a worker: one plan with one trace."""
    there, coming = changed(fleet, what.changes), asked_for(guests, what.changes)
    found = course(there, coming, what.choose, what.options, samples, seed, progress)
    full, last = found.full(), found.samples[-1]
    whole = {
        "came": int(found.placed.sum() + found.refused.sum()),
        "placed": int(found.placed.sum()),
        "refused": int(found.refused.sum()),
        "full_hours": full.hours,
        "full_by": full.by or None,
        "full_seen": full.seen,
        "remaining_hours": full.after(found.seconds),
        "closeness": found.closeness,
        "devices_near": last.devices_near,
        "stranded_cpus": last.reach.stranded,
        "fragmentation": found.fragmentation,
        **last.used.row(),
    }
    parts = zip(PARTS, ([whole], found.flavors(), found.rows()), strict=True)
    return [{"part": part, **row} for part, rows in parts for row in rows]
