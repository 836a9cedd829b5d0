"""What becomes of a fleet when guests come and go as a trace says?"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._engine import Prepared
from numafit._header import NO_DISTANCES
from numafit.claims import Claim
from numafit.columns.totals import Totals, totals
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.options import FitOptions
from numafit.planning.trace import HOUR, STAYS, Trace

SAMPLES = 24
"""Looks at the fleet on the way, where nothing else is asked for."""
RANDOM = "random"
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sample:
    """The fleet at one moment: seconds, guests of the trace that run, what is used, and how many
    more of each flavor fit (at most ``DEFAULT_CAP`` a host)."""

    time: float
    running: int
    used: Totals
    room: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Full:
    """When there is no more room: seconds from the trace's first guest. ``by``: the flavor that
    was refused first (``seen``), or the resource whose trend ends first. Infinite: neither."""

    seconds: float
    by: str
    seen: bool

    def __str__(self) -> str:
        if self.seconds == STAYS:
            return "not full, and not filling up"
        said = f"{self.seconds / HOUR:,.1f} hours"
        if self.seen:
            return f"full after {said}, when {self.by} was refused first"
        return f"full after {said} at the trend of {self.by}"


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """How it went. ``placed`` and ``refused``: one number per flavor of ``names``;
    ``first_refusal``: seconds of each flavor's first, infinite where none was refused.
    ``closeness``: for guests of several cells 10 over the mean distance between theirs (1: as near
    as one cell to itself), on average; None where there were none, or distances are not known."""

    names: tuple[str, ...]
    placed: Counts
    refused: Counts
    first_refusal: Floats
    samples: tuple[Sample, ...]
    closeness: float | None
    begins: float

    @property
    def acceptance(self) -> float:
        """Guests placed of those that came; 1 where none came."""
        came = int(self.placed.sum() + self.refused.sum())
        return float(self.placed.sum()) / came if came else 1.0

    def full(self) -> Full:
        """When it is full: as seen, else where the trend of the trace's second half goes."""
        first = float(self.first_refusal.min(initial=STAYS))
        if first < STAYS:
            by = self.names[int(self.first_refusal.argmin())]
            return Full(first - self.begins, by, True)
        when, by = STAYS, ""
        late = self.samples[len(self.samples) // 2 :]
        for name in Totals.LIMITED:
            used = [getattr(sample.used, name) for sample in late]
            ends = _reaches(
                [sample.time for sample in late], used, self.samples[-1].used.limit(name)
            )
            if ends < when:
                when, by = ends, name.replace("_", " ")
        return Full(when - self.begins if by else STAYS, by, False)

    def rows(self) -> list[dict[str, Any]]:
        """One mapping per sample: hours, guests that run, what is used, room by flavor."""
        return [
            {
                "hours": (sample.time - self.begins) / HOUR,
                "running": sample.running,
                **sample.used.row(),
                **{f"room {name}": n for name, n in zip(self.names, sample.room, strict=True)},
            }
            for sample in self.samples
        ]

    def __str__(self) -> str:
        came = int(self.placed.sum() + self.refused.sum())
        return (
            f"{int(self.placed.sum()):,} of {came:,} guests placed ({self.acceptance:.1%}); "
            f"{self.full()}"
        )


def course(
    fleet: Fleet,
    trace: Trace,
    choose: str | Floats = "spread",
    options: FitOptions | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Course:
    """Guests come and go on a fork of the fleet, which itself is left as it is.

    ``choose``: as ``Fleet.schedule`` has it, or ``"random"``: hosts in a random order that ``seed``
    makes, the first that can. One that is refused does not come again. Where guests leave and come
    at the same moment they leave first. Raises InvalidValue and MisuseError for arguments of other
    kinds.
    """
    fields.instance("fleet", fleet, Fleet)
    fields.instance("trace", trace, Trace)
    samples = fields.number("samples", samples, 1, 100_000)
    if isinstance(choose, str) and choose == RANDOM:
        seed = fields.number("seed", seed, 0, 2**64 - 1)
        choose = np.random.default_rng(seed).random(len(fleet))
    return _Run(fleet.fork(), trace, samples).go(choose, options)


class _Run:
    def __init__(self, fleet: Fleet, trace: Trace, samples: int) -> None:
        self._fleet = fleet
        self._trace = trace
        self._requests = [fleet.prepare(request) for request in trace.requests]
        self._wide = [
            request.guest is not None and len(request.guest.cells) > 1 for request in trace.requests
        ]
        self._held: dict[int, Claim] = {}
        self._closeness: list[float] = []
        self._samples: list[Sample] = []
        self._looks = self._moments(samples)
        self._n = len(trace.names)
        going = np.argsort(trace.ends, kind="stable")[: int(np.isfinite(trace.ends).sum())]
        # the next to leave stands last
        self._leaves = list(zip(trace.ends[going].tolist(), going.tolist(), strict=True))[::-1]
        self._next = -STAYS
        self._columns = fleet.columns(copy=False)
        self._distances: dict[int, tuple[tuple[int, ...], ...]] = {}

    def _moments(self, samples: int) -> deque[float]:
        """When to look: at the first guest, and so often until the last has come."""
        if not len(self._trace):
            return deque((0.0,))
        first, last = float(self._trace.starts[0]), float(self._trace.starts[-1])
        return deque(np.linspace(first, last, max(samples, 2)).tolist())

    def go(self, choose: str | Floats, options: FitOptions | None) -> Course:
        trace = self._trace
        kinds = trace.kinds.tolist()
        placed, refused = [0] * self._n, [0] * self._n
        first = [STAYS] * self._n
        coming = self._fleet.schedule(self._arrivals(), choose, options)
        for guest, claim in enumerate(coming):
            kind = kinds[guest]
            if claim is None:
                refused[kind] += 1
                first[kind] = min(first[kind], float(trace.starts[guest]))
                continue
            placed[kind] += 1
            self._held[guest] = claim
            if self._wide[kind]:
                self._near(claim)
        # a fleet that nobody comes to is looked at once
        while self._looks:
            self._look(self._looks.popleft())
        return Course(
            names=trace.names,
            placed=np.array(placed, np.int64),
            refused=np.array(refused, np.int64),
            first_refusal=np.array(first, np.float64),
            samples=tuple(self._samples),
            closeness=_mean(self._closeness),
            begins=float(trace.starts[0]) if len(trace) else 0.0,
        )

    def _arrivals(self) -> Iterator[Prepared]:
        """The next guest's request, once all are gone that leave before it comes."""
        for kind, start in zip(
            self._trace.kinds.tolist(), self._trace.starts.tolist(), strict=True
        ):
            if start >= self._next:
                self._until(start)
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
                claim = self._held.pop(self._leaves.pop()[1], None)
                if claim is not None:
                    self._fleet.release(claim)
            else:
                self._look(looks.popleft())

    def _look(self, time: float) -> None:
        room = tuple(
            int(self._fleet.capacity(request).sum()) if request.bounded else 0
            for request in self._requests
        )
        self._samples.append(
            Sample(time, len(self._held), totals(self._fleet.columns(copy=False)), room)
        )

    def _near(self, claim: Claim) -> None:
        """How close the cells of one guest are to each other, where the host tells."""
        at = int(self._columns["host_distance_at"][claim.host])
        if at == NO_DISTANCES:
            return
        if at not in self._distances:
            self._distances[at] = self._fleet.hostinfo(claim.host).distances
        matrix = self._distances[at]
        first = int(self._columns["host_first_cell"][claim.host])
        ids = self._columns["cell_id"][first : first + len(matrix)].tolist()
        cells = [ids.index(cell.host_cell) for cell in claim.placement.cells]
        far = [matrix[a][b] for n, a in enumerate(cells) for b in cells[:n]]
        self._closeness.append(10 * len(far) / sum(far))


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _reaches(times: Sequence[float], used: Sequence[float], limit: float) -> float:
    """When a straight line through the uses meets the limit. Infinite where it does not rise by
    twice the error of its slope: what goes up and down makes no trend."""
    if len(times) < 3 or times[-1] <= times[0] or limit <= 0:
        return STAYS
    t = np.array(times) - times[0]
    y = np.array(used, np.float64)
    spread = float(((t - t.mean()) ** 2).sum())
    slope = float((t - t.mean()) @ y) / spread
    start = float(y.mean()) - slope * float(t.mean())
    error = math.sqrt(float(((y - start - slope * t) ** 2).sum()) / (len(t) - 2) / spread)
    # the last term: a rise that rounding alone makes is none
    if slope <= 2 * error + 1e-9 * limit / float(t[-1]):
        return STAYS
    return max(times[0] + (limit - start) / slope, times[-1])
