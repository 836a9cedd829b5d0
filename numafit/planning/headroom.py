"""How much room is there for each flavor, what ends it, and what will be lost to fragments?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from numafit.errors import MisuseError, shorten
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.options import FitKeywords, FitOptions, chosen
from numafit.model.request import Request
from numafit.planning import behind, reasons
from numafit.planning.answer import Answer, Glance
from numafit.planning.headroom_most import Question, most
from numafit.planning.tables import frame_of
from numafit.plurals import counted
from numafit.progress import Progress, Shown, checked
from numafit.spans import DEFAULT_CAP

GROUPS: Mapping[str, Callable[[Fleet], list[tuple[str, ...]]]] = {
    "aggregate": behind.aggregates,
    "zone": behind.zones,
    "kind": behind.hardware,
}
"""What hosts can be gathered by: their aggregates (a host may be in several), their availability
zone, and how they are built."""


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts that belong together, by their indices. For each flavor: ``reached`` and ``most``
    guests on them in all, and whether ``most`` is ``exact`` on each of them."""

    name: str
    hosts: npt.NDArray[np.int64]
    reached: npt.NDArray[np.int64]
    most: npt.NDArray[np.int64]
    exact: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Headroom(Answer):
    """Room for each flavor on each host; arrays are [host][flavor]. ``there``: hosts that were not
    removed from their fleet; the others keep their rows, without room, and are counted nowhere.

    ``reached``: guests that the scheduler places one after the other until the host refuses
    (``Fleet.capacity``), each flavor as if it came alone. ``most``: guests that any choice of host
    cells could reach, and ``exact`` where it is that; else it is an upper bound. What ``most`` is
    above ``reached`` is fragmentation to come. Both stop at ``cap``.
    """

    hosts: tuple[str, ...]
    there: npt.NDArray[np.bool_]
    flavors: tuple[str, ...]
    reached: npt.NDArray[np.uint32]
    most: npt.NDArray[np.uint32]
    exact: npt.NDArray[np.bool_]
    cap: int
    _asked: _Asked = field(repr=False, compare=False)

    @property
    def in_all(self) -> npt.NDArray[np.int64]:
        """Guests of each flavor that the scheduler reaches on all hosts."""
        return np.asarray(self.reached.sum(axis=0, dtype=np.int64))

    @property
    def at_most(self) -> npt.NDArray[np.int64]:
        """The same in any order; a bound for flavors that are not ``all_exact``."""
        return np.asarray(self.most.sum(axis=0, dtype=np.int64))

    @property
    def all_exact(self) -> npt.NDArray[np.bool_]:
        """For each flavor: is ``most`` exact on every host?"""
        return np.asarray(self.exact.all(axis=0))

    @property
    def ends(self) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
        """Which quantity refuses the next guest once a host is full: classes of reasons in words,
        and the number of one for each host and flavor.

        Each host is filled for it, which takes about 3 us a host and flavor; done once.
        """
        return self._asked.ends()

    def ended_by(self, flavor: str) -> dict[str, int]:
        """What ends the flavor -> on how many hosts, the most first."""
        words, numbers = self.ends
        mine = numbers[self.there, self._number(flavor)]
        counts = np.bincount(mine, minlength=len(words))
        order = np.argsort(-counts, kind="stable")
        return {words[n]: int(counts[n]) for n in order.tolist() if counts[n]}

    def by(self, what: str) -> list[Group]:
        """Hosts gathered by ``"aggregate"``, ``"zone"`` or ``"kind"`` (hosts built alike), in the
        order in which they are met; hosts of which it is not known are one group, ``""``."""
        if what not in GROUPS:
            raise MisuseError(f"by={shorten(what)}: expected one of {', '.join(GROUPS)}")
        members: dict[str, list[int]] = {}
        host = 0
        for fleet in self._asked.fleets:
            for names in GROUPS[what](fleet):
                for name in (names or ("",)) if self.there[host] else ():
                    members.setdefault(name, []).append(host)
                host += 1
        return [self._group(name, hosts) for name, hosts in members.items()]

    def _group(self, name: str, hosts: list[int]) -> Group:
        at = np.array(hosts, np.int64)
        return Group(
            name,
            at,
            self.reached[at].sum(axis=0, dtype=np.int64),
            self.most[at].sum(axis=0, dtype=np.int64),
            np.asarray(self.exact[at].all(axis=0)),
        )

    def _number(self, flavor: str) -> int:
        try:
            return self.flavors.index(flavor)
        except ValueError:
            raise MisuseError(
                f"flavor={shorten(flavor)}: expected one of {', '.join(self.flavors)}"
            ) from None

    def table(self, ends: bool = True) -> dict[str, npt.NDArray[Any]]:
        """One row for each host and flavor, column by column: ``host``, ``flavor``, ``reached``,
        ``most``, ``exact`` and, with ``ends``, ``ended_by``."""
        n_hosts, n_flavors = self.reached.shape
        columns: dict[str, npt.NDArray[Any]] = {
            "host": np.repeat(np.array(self.hosts, object), n_flavors),
            "flavor": np.tile(np.array(self.flavors, object), n_hosts),
            "reached": self.reached.ravel(),
            "most": self.most.ravel(),
            "exact": self.exact.ravel(),
        }
        if ends:
            words, numbers = self.ends
            columns["ended_by"] = np.array(words, object)[numbers.ravel()]
        return columns

    def frame(self, library: str | None = None, ends: bool = True) -> Any:
        """``table`` as a DataFrame of ``"pandas"`` or ``"polars"``; ``None``: of the one that is
        installed (``numafit[plot]``)."""
        return frame_of(self.table(ends), library)

    def picture(self) -> Any:
        """A matplotlib Figure: a bar for each flavor, and behind it what any order could reach
        (``numafit[plot]``)."""
        from numafit.planning.pictures import headroom_bars

        return headroom_bars(self.flavors, self.in_all, self.at_most, self.all_exact, str(self))

    def _glance(self) -> Glance:
        rows = zip(
            self.flavors,
            self.in_all.tolist(),
            self.at_most.tolist(),
            self.all_exact.tolist(),
            strict=True,
        )
        return ("flavor", "in all", "any order", "exact"), list(rows)

    def __str__(self) -> str:
        """One sentence: where there is no room, and what will be lost to fragments."""
        n = len(self.flavors)
        none = [name for name, count in zip(self.flavors, self.in_all, strict=True) if not count]
        room = "each of them has room"
        if none:
            room = f"{len(none)} of them {'has' if len(none) == 1 else 'have'} no room"
            room += f" ({', '.join(none[:3])}{', ...' if len(none) > 3 else ''})"
        text = f"{counted(n, 'flavor')} on {counted(int(self.there.sum()), 'host')}: {room}"
        lost = self.at_most - self.in_all
        if not lost.any():
            return f"{text}; no other order reaches more."
        worst = int(np.argmax(lost))
        sure = "" if self.all_exact[worst] else "at most "
        return (
            f"{text}; another order reaches more of {counted(int((lost > 0).sum()), 'flavor')}, "
            f"{self.flavors[worst]} above all ({sure}{int(self.at_most[worst]):,} in place of "
            f"{int(self.in_all[worst]):,})."
        )


@dataclass
class _Asked:
    """What an answer came from, for what is worked out when it is read."""

    fleets: Sequence[Fleet]
    requests: Sequence[Request]
    options: FitOptions | None
    reached: npt.NDArray[np.uint32]
    cap: int
    threads: int
    _ends: tuple[tuple[str, ...], npt.NDArray[np.int64]] | None = None

    def ends(self) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
        if self._ends is None:
            words, columns = reasons.Words(), []
            with Shown(None, len(self.requests), "flavor") as show:
                for n, request in enumerate(self.requests):
                    columns.append(self._of_one(request, self.reached[:, n], words))
                    show(1)
            self._ends = words.all, np.column_stack(columns)
        return self._ends

    def _of_one(
        self, request: Request, counts: npt.NDArray[np.uint32], words: reasons.Words
    ) -> npt.NDArray[np.int64]:
        numbers = np.full(len(counts), words.number(reasons.AT_CAP), np.int64)
        first = 0
        for fleet in self.fleets:
            mine = numbers[first : first + len(fleet)]
            ended = np.flatnonzero(counts[first : first + len(fleet)] < self.cap)
            found = refused(fleet, request, self.options, ended, self.cap, self.threads)
            mine[ended] = behind.lacks(fleet, request, found, words)["what"]
            first += len(fleet)
        return numbers


def refused(
    fleet: Fleet,
    request: Request,
    options: FitOptions | None,
    hosts: npt.NDArray[np.int64],
    cap: int,
    threads: int,
) -> npt.NDArray[Any]:
    """A REASON for each of these hosts: what refuses the next guest once it is full. Where its
    cells cannot all be placed at the same time, what keeps them off the other cells."""
    filled = fleet.filled(request, options, hosts, threads, cap)
    cells = behind.cells_of(fleet)
    kept_off = reasons.furthest(filled.cells[cells.members], cells.sizes)[hosts]
    other = filled.why["status"] == reasons.number_of("assignment")
    return np.where(other & (kept_off["status"] > 0), kept_off, filled.why)


def headroom(
    fleets: Fleet | Sequence[Fleet],
    catalogue: Mapping[str, Request],
    options: FitOptions | None = None,
    *,
    cap: int = DEFAULT_CAP,
    threads: int = 1,
    progress: Progress = None,
    **keywords: Unpack[FitKeywords],
) -> Headroom:
    """Room for each flavor of the catalogue (name -> Request), on each host of the fleets.

    ``progress``: as ``numafit.progress`` has it, by flavor and fleet.
    """
    if keywords:
        options = chosen(options, keywords)
    cap = fields.number("cap", cap, 1, 0xFFFFFFFF)
    several = fleets_of(fleets)
    requests = catalogue_of(catalogue)
    shape = (sum(map(len, several)), len(requests))
    reached, best = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
    exact = np.zeros(shape, np.bool_)
    first = 0
    with Shown(checked(progress), len(several) * len(requests), "flavor") as show:
        for fleet in several:
            question = Question(fleet, options, cap, threads)
            rows = slice(first, first + len(fleet))
            for n, request in enumerate(requests.values()):
                found = reached_by(fleet, request, options, cap, threads)
                upper, sure = most(question, request, found.astype(np.int64))
                reached[rows, n], best[rows, n], exact[rows, n] = found, upper, sure
                show(1)
            first += len(fleet)
    names = tuple(name for fleet in several for name in fleet.names)
    asked = _Asked(several, list(requests.values()), options, reached, cap, threads)
    there = behind.there(*several)
    return Headroom(names, there, tuple(requests), reached, best, exact, cap, asked)


def reached_by(
    fleet: Fleet, request: Request, options: FitOptions | None, cap: int, threads: int
) -> npt.NDArray[np.uint32]:
    """``capacity``; of what nothing ends, ``cap`` where one fits."""
    ready = fleet.prepare(request)
    if ready.bounded:
        return fleet.capacity(ready, options, cap=cap, threads=threads)
    fits = fleet.scan(ready, options, threads=threads)
    return np.where(fits, cap, 0).astype(np.uint32)


def fleets_of(fleets: Fleet | Sequence[Fleet]) -> list[Fleet]:
    if isinstance(fleets, Fleet):
        return [fleets]
    return list(fields.many("fleets", fleets, Fleet, "a Fleet", "a Fleet or a list of Fleets"))


def catalogue_of(catalogue: Any) -> dict[str, Request]:
    """Name -> Request, at least one."""
    expected = "a mapping of names to Requests, at least one"
    if not isinstance(catalogue, Mapping) or not catalogue:
        raise MisuseError(f"catalogue={shorten(catalogue)}: expected {expected}")
    for name, request in catalogue.items():
        fields.text("catalogue", name)
        fields.instance(f"catalogue[{name!r}]", request, Request)
    return dict(catalogue)
