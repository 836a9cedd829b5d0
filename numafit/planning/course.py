"""What becomes of a fleet when guests come and go as a trace says?"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._engine import Prepared
from numafit.claims import Claim
from numafit.columns.totals import Totals, totals
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.options import FitOptions
from numafit.planning import reasons
from numafit.planning.answer import Answer, Glance
from numafit.planning.frames import columns_of, frame
from numafit.planning.fullness import Full, reaches, runs_out
from numafit.planning.nearness import Nearness
from numafit.planning.reach import Reach, reach
from numafit.planning.trace import HOUR, STAYS, Trace
from numafit.planning.weighers import Weighing, multipliers
from numafit.plurals import counted
from numafit.progress import Progress, Shown, checked

SAMPLES = 24
"""Looks at the fleet on the way, where nothing else is asked for."""
STEPS = 1000
"""Times at the most that a course says how far it is."""
RANDOM = "random"
_LIMITED = {"dedicated_cpus": reasons.CPUS, "memory_mb": reasons.MEMORY}
"""Totals that have an end, in words."""
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sample:
    """The fleet at one moment: seconds, guests of the trace that run, what is used, the room that
    is left, how near the parts of those guests are (as ``Nearness`` has them), and how many guests
    were placed and refused until then."""

    time: float
    running: int
    used: Totals
    reach: Reach
    closeness: float | None
    devices_near: float | None
    placed: int
    refused: int


@dataclass(frozen=True, slots=True, eq=False)
class Course(Answer):
    """How it went. ``placed`` and ``refused``: one number per flavor of ``names``;
    ``first_refusal``: seconds of each flavor's first, infinite where none was refused.
    ``closeness``: for guests of several cells 10 over the mean distance between theirs (1: as near
    as one cell to itself), on average over all that came; None where there were none, or distances
    are not known. ``seconds``: from the first guest to the last."""

    names: tuple[str, ...]
    placed: Counts
    refused: Counts
    first_refusal: Floats
    samples: tuple[Sample, ...]
    closeness: float | None
    begins: float
    seconds: float

    @property
    def acceptance(self) -> float:
        """Guests placed of those that came; 1 where none came."""
        came = int(self.placed.sum() + self.refused.sum())
        return float(self.placed.sum()) / came if came else 1.0

    @property
    def fragmentation(self) -> float | None:
        """Of the samples, on average: the part of free dedicated CPUs that a guest cannot have."""
        found = [one.reach.fragmentation for one in self.samples]
        known = [one for one in found if one is not None]
        return sum(known) / len(known) if known else None

    def full(self) -> Full:
        """When it is full: as seen, else where the trend of the trace's second half goes."""
        first = float(self.first_refusal.min(initial=STAYS))
        if first < STAYS:
            by = self.names[int(self.first_refusal.argmin())]
            return Full(first - self.begins, by, True)
        when, by = STAYS, ""
        late = self.samples[len(self.samples) // 2 :]
        for name, words in _LIMITED.items():
            used = [getattr(sample.used, name) for sample in late]
            ends = reaches(
                [sample.time for sample in late], used, self.samples[-1].used.limit(name)
            )
            if ends < when:
                when, by = ends, words
        return Full(when - self.begins if by else STAYS, by, False)

    def full_of(self, name: str) -> Full:
        """When there is no more room for this flavor: it was refused, or none would fit any more;
        else where the trend of its room goes in the trace's second half. Infinite seconds for one
        that asks for nothing that runs out."""
        at = self.names.index(name)
        refused = float(self.first_refusal[at])
        looks = [(one.time, one.reach.room[at]) for one in self.samples]
        known = [(time, room) for time, room in looks if room is not None]
        when, seen = runs_out([time for time, _ in known], [room for _, room in known])
        if refused < STAYS and not (seen and when < refused):
            when, seen = refused, True
        return Full(when - self.begins, name, seen)

    def flavors(self) -> list[dict[str, Any]]:
        """One mapping per flavor: how many came, were placed and refused, the room at the end, and
        when it is full. ``full_seen``: within the trace, else at its trend, ``remaining_hours``
        after its last guest; ``full_hours`` of ``None``: it does not fill up."""
        rows = []
        for at, name in enumerate(self.names):
            full = self.full_of(name)
            rows.append(
                {
                    "flavor": name,
                    "came": int(self.placed[at] + self.refused[at]),
                    "placed": int(self.placed[at]),
                    "refused": int(self.refused[at]),
                    "room": self.samples[-1].reach.room[at],
                    "full_hours": full.hours,
                    "full_seen": full.seen,
                    "remaining_hours": full.after(self.seconds),
                }
            )
        return rows

    def rows(self) -> list[dict[str, Any]]:
        """One mapping per sample: hours, guests that run, were placed and refused until then, what
        is used, free dedicated CPUs and those of them that no flavor can have, closeness, room by
        flavor."""
        return [
            {
                "hours": (sample.time - self.begins) / HOUR,
                "running": sample.running,
                "placed": sample.placed,
                "refused": sample.refused,
                **sample.used.row(),
                "free_cpus": sample.reach.free,
                "stranded_cpus": sample.reach.stranded,
                "fragmentation": sample.reach.fragmentation,
                "closeness": sample.closeness,
                "devices_near": sample.devices_near,
                **{
                    f"room {name}": n for name, n in zip(self.names, sample.reach.room, strict=True)
                },
            }
            for sample in self.samples
        ]

    def frame(self, library: str | None = None) -> Any:
        """``rows`` as a DataFrame of ``"pandas"`` or ``"polars"``; ``None``: of the one that is
        installed (``numafit[plot]``)."""
        return frame(*columns_of(self.rows()), library)

    def picture(self) -> Any:
        """A matplotlib Figure: the part of the guests that found a host, and what of the dedicated
        CPUs is used and stranded, over time (``numafit[plot]``)."""
        from numafit.planning.course_picture import over_time

        return over_time(self.rows(), str(self))

    def _glance(self) -> Glance:
        return columns_of(self.rows())

    def __str__(self) -> str:
        came = int(self.placed.sum() + self.refused.sum())
        return (
            f"{int(self.placed.sum()):,} of {counted(came, 'guest')} placed "
            f"({self.acceptance:.1%}); "
            f"{self.full()}"
        )


def course(
    fleet: Fleet,
    trace: Trace,
    choose: str | Floats = "spread",
    options: FitOptions | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
    progress: Progress = None,
) -> Course:
    """Guests come and go on a fork of the fleet, which itself is left as it is.

    ``choose``: as ``Fleet.schedule`` has it; ``"random"``: hosts in a random order that ``seed``
    makes, the first that can; ``"nova"`` or ``"ram=-1,pci=2"``: by nova's weighers, as
    ``weighers.multipliers`` takes them. A guest that is refused does not come again. Where guests
    leave and come at the same moment they leave first. ``progress``: as ``numafit.progress`` has
    it, by guests that came. Raises InvalidValue and MisuseError for
    arguments of other kinds.
    """
    fields.instance("fleet", fleet, Fleet)
    fields.instance("trace", trace, Trace)
    samples = fields.number("samples", samples, 1, 100_000)
    if isinstance(choose, str) and choose == RANDOM:
        seed = fields.number("seed", seed, 0, 2**64 - 1)
        choose = np.random.default_rng(seed).random(len(fleet))
    run = _Run(fleet.fork(), trace, samples, options)
    with Shown(checked(progress), len(trace), "guest") as more:
        if isinstance(choose, str) and multipliers(choose) is not None:
            return run.weighed(choose, more)
        return run.go(choose, more)


class _Run:
    def __init__(
        self, fleet: Fleet, trace: Trace, samples: int, options: FitOptions | None
    ) -> None:
        self._options = options
        self._weighing: Weighing | None = None
        self._fleet = fleet
        self._trace = trace
        self._requests = [fleet.prepare(request) for request in trace.requests]
        self._wide = [
            request.guest is not None and len(request.guest.cells) > 1 for request in trace.requests
        ]
        self._devices = [bool(request.pci) for request in trace.requests]
        self._held: dict[int, Claim] = {}
        self._near = Nearness(fleet)
        came = np.bincount(trace.kinds, minlength=len(trace.names))
        self._shares = (came if len(trace) else came + 1).tolist()
        self._samples: list[Sample] = []
        self._looks = self._moments(samples)
        self._n = len(trace.names)
        self._placed, self._refused = [0] * self._n, [0] * self._n
        going = np.argsort(trace.ends, kind="stable")[: int(np.isfinite(trace.ends).sum())]
        # the next to leave stands last
        self._leaves = list(zip(trace.ends[going].tolist(), going.tolist(), strict=True))[::-1]
        self._next = -STAYS

    def _moments(self, samples: int) -> deque[float]:
        """When to look: at the first guest, and so often until the last has come."""
        if not len(self._trace):
            return deque((0.0,))
        first, last = float(self._trace.starts[0]), float(self._trace.starts[-1])
        return deque(np.linspace(first, last, max(samples, 2)).tolist())

    def weighed(self, choose: str, more: Callable[[int], object]) -> Course:
        self._weighing = Weighing(self._fleet, choose, self._options)
        return self.go(self._weighing.scores, more)

    def go(self, choose: str | Floats, more: Callable[[int], object]) -> Course:
        """``more``: is told how many more guests came, now and then."""
        trace = self._trace
        kinds = trace.kinds.tolist()
        placed, refused = self._placed, self._refused
        first = [STAYS] * self._n
        coming = self._fleet.schedule(self._arrivals(), choose, self._options)
        step = -(-len(trace) // STEPS)
        for guest, claim in enumerate(coming):
            if guest and guest % step == 0:
                more(step)
            kind = kinds[guest]
            if claim is None:
                refused[kind] += 1
                first[kind] = min(first[kind], float(trace.starts[guest]))
                continue
            placed[kind] += 1
            self._held[guest] = claim
            if self._weighing is not None:
                self._weighing.changed(claim.host)
            if self._wide[kind] or self._devices[kind]:
                self._near.came(guest, claim, self._wide[kind], self._devices[kind])
        if len(trace):
            more((len(trace) - 1) % step + 1)
        # a fleet that nobody comes to is looked at once
        while self._looks:
            self._look(self._looks.popleft())
        return Course(
            names=trace.names,
            placed=np.array(placed, np.int64),
            refused=np.array(refused, np.int64),
            first_refusal=np.array(first, np.float64),
            samples=tuple(self._samples),
            closeness=self._near.closeness_of_all,
            begins=float(trace.starts[0]) if len(trace) else 0.0,
            seconds=trace.seconds,
        )

    def _arrivals(self) -> Iterator[Prepared]:
        """The next guest's request, once all are gone that leave before it comes."""
        for kind, start in zip(
            self._trace.kinds.tolist(), self._trace.starts.tolist(), strict=True
        ):
            if start >= self._next:
                self._until(start)
            if self._weighing is not None:
                self._weighing.weigh(kind, self._trace.requests[kind])
            yield self._requests[kind]

    def _until(self, time: float) -> None:
        """All that happens up to this moment; who leaves goes before anybody looks."""
        looks = self._looks
        while True:
            leave = self._leaves[-1][0] if self._leaves else STAYS
            look = looks[0] if looks else STAYS
            self._next = min(leave, look)
            if self._next > time or self._next == STAYS:
                return
            if leave <= look:
                guest = self._leaves.pop()[1]
                claim = self._held.pop(guest, None)
                if claim is not None:
                    self._fleet.release(claim)
                    self._near.left(guest)
                    if self._weighing is not None:
                        self._weighing.changed(claim.host)
            else:
                self._look(looks.popleft())

    def _look(self, time: float) -> None:
        self._samples.append(
            Sample(
                time,
                len(self._held),
                totals(self._fleet.columns(copy=False)),
                reach(self._fleet, self._trace.requests, self._shares, self._options),
                self._near.closeness,
                self._near.devices_near,
                sum(self._placed),
                sum(self._refused),
            )
        )
