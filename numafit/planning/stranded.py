"""What is free and yet of no use: units that stay free whichever flavor fills their host.

Fill a host with guests of one flavor, as the scheduler places them, until it refuses one: what is
free then, that flavor cannot reach. What no flavor of the catalogue can reach, each tried by
itself, is stranded: of each kind of thing, on each host, the least that any of them leaves. Of a
mix it is what is free when guests have come in turns until none of its flavors fits any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from numafit.errors import MisuseError, shorten
from numafit.filled import Filled
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.options import FitKeywords, FitOptions, chosen
from numafit.model.request import Request
from numafit.planning import behind, reasons
from numafit.planning.answer import Answer, Glance
from numafit.planning.headroom import catalogue_of, fleets_of
from numafit.planning.stranded_causes import Cause, Lacks, causes_of
from numafit.planning.stranded_units import CELL, HOST, Kind, kinds_of
from numafit.planning.tables import frame_of
from numafit.plurals import counted
from numafit.progress import Progress, Shown, checked
from numafit.spans import DEFAULT_CAP

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stranded(Answer):
    """Arrays are [kind][host], of ``kinds`` of things (``"dedicated CPUs"``, ``"pages of 1 GiB"``,
    ``"devices 8086:1889 type-VF physnet0"``...), each counted in its ``units``. ``there``: hosts
    that were not removed from their fleet; the others keep their columns, with nothing in them.

    ``free``: what is free now. ``stranded``: what of it stays free whichever flavor fills the host.
    ``best``: the flavor that leaves least, -1 where no flavor asks for the kind. ``causes``: what
    the stranded units wait for, the most of a kind first. ``unreached``: [kind][flavor], what a
    flavor leaves of all that is free, in units; -1 where it does not ask for the kind. ``index``:
    for each kind, its fragmentation, from 0 to 1.

    The index is the part of what is free that a guest cannot reach, on average over the flavors
    that ask for the kind, by their ``shares``. 0: each of them can use all; 1: none can use any of
    it. With one flavor it is the fragment rate of the literature.
    """

    hosts: tuple[str, ...]
    there: npt.NDArray[np.bool_]
    flavors: tuple[str, ...]
    kinds: tuple[str, ...]
    units: tuple[str, ...]
    free: Ints
    stranded: Ints
    best: Ints
    causes: tuple[Cause, ...]
    unreached: Ints
    index: npt.NDArray[np.float64]

    @property
    def in_all(self) -> Ints:
        """Stranded units of each kind on all hosts."""
        return np.asarray(self.stranded.sum(axis=1))

    @property
    def free_in_all(self) -> Ints:
        return np.asarray(self.free.sum(axis=1))

    def index_of(self, kind: str = reasons.CPUS) -> float:
        """Fragmentation of this kind; 0 where the hosts have none of it."""
        return float(self.index[self.kinds.index(kind)]) if kind in self.kinds else 0.0

    def table(self) -> dict[str, npt.NDArray[Any]]:
        """One row for each kind and host, column by column: ``kind``, ``unit``, ``host``,
        ``free``, ``stranded`` and ``best`` (the flavor that leaves least, or ``None``)."""
        n_kinds, n_hosts = self.free.shape
        names = np.array([*self.flavors, None], object)
        return {
            "kind": np.repeat(np.array(self.kinds, object), n_hosts),
            "unit": np.repeat(np.array(self.units, object), n_hosts),
            "host": np.tile(np.array(self.hosts, object), n_kinds),
            "free": self.free.ravel(),
            "stranded": self.stranded.ravel(),
            "best": names[self.best.ravel()],
        }

    def frame(self, library: str | None = None) -> Any:
        """``table`` as a DataFrame of ``"pandas"`` or ``"polars"``; ``None``: of the one that is
        installed (``numafit[plot]``)."""
        return frame_of(self.table(), library)

    def picture(self) -> Any:
        """A matplotlib Figure: for each kind the part of what is free that is stranded, by cause
        (``numafit[plot]``)."""
        from numafit.planning.pictures import stranded_bars

        return stranded_bars(self.kinds, self.units, self.free_in_all, self.causes, str(self))

    def _glance(self) -> Glance:
        rows = zip(
            self.kinds,
            self.units,
            self.free_in_all.tolist(),
            self.in_all.tolist(),
            self.index.tolist(),
            strict=True,
        )
        return ("kind", "unit", "free", "stranded", "fragmentation"), list(rows)

    def __str__(self) -> str:
        """One sentence: how many CPUs, or of what most, and what they wait for."""
        lost = self.in_all
        if not lost.any():
            return f"Nothing is stranded on {counted(int(self.there.sum()), 'host')}."
        main = self.causes[0]
        if main.kind != reasons.CPUS:
            # what no flavor asks for says more about the catalogue than about the hosts
            asked = [one for one in self.causes if one.lacks != reasons.NOTHING_ASKS]
            main = max(asked or self.causes, key=self._part)
        at = self.kinds.index(main.kind)
        hosts = counted(int((self.stranded[at] > 0).sum()), "host")
        unit = " MiB of" if self.units[at] == "MiB" else ""
        them = "all of them" if main.units == lost[at] else f"{main.units:,}"
        return (
            f"{int(lost[at]):,} of {int(self.free_in_all[at]):,} free{unit} {main.kind} are "
            f"stranded on {hosts}: {them} {main.in_words}."
        )

    def _part(self, cause: Cause) -> float:
        """Of what is free."""
        return cause.units / int(self.free_in_all[self.kinds.index(cause.kind)])


def stranded(
    fleets: Fleet | Sequence[Fleet],
    catalogue: Mapping[str, Request],
    options: FitOptions | None = None,
    *,
    shares: Mapping[str, float] | None = None,
    mixed: bool = False,
    cap: int = DEFAULT_CAP,
    threads: int = 1,
    progress: Progress = None,
    **keywords: Unpack[FitKeywords],
) -> Stranded:
    """What of the fleets no flavor of the catalogue (name -> Request) can reach, and why.

    ``shares``: of the flavors in the index (default: equal ones). ``mixed``: they arrive in turns,
    in these shares, as in ``Fleet.capacity`` of a mix, and stranded is what all of them together
    leave; ``best`` is then the flavor that asks for least. A host that takes ``cap`` guests of a
    flavor is filled no further with it. Each host is filled with each flavor, which takes about
    3 us. ``progress``: as ``numafit.progress`` has it, by flavor and fleet.
    """
    if keywords:
        options = chosen(options, keywords)
    cap = fields.number("cap", cap, 1, 0xFFFFFFFF)
    several, requests = fleets_of(fleets), catalogue_of(catalogue)
    weights = _weights(shares, requests)
    words = reasons.Words()
    mixed = fields.yes_or_no("mixed", mixed)
    how = _How(list(requests.values()), options, cap, threads, weights if mixed else None)
    with Shown(checked(progress), len(several) * len(requests), "flavor") as show:
        parts = [_of_fleet(fleet, how, words, show) for fleet in several]
    return _together(several, tuple(requests), weights, parts, words)


@dataclass(frozen=True, slots=True)
class _How:
    """How hosts are filled. ``weights``: of a mix, ``None``: with each flavor by itself."""

    requests: Sequence[Request]
    options: FitOptions | None
    cap: int
    threads: int
    weights: Sequence[float] | None

    def filled(self, fleet: Fleet, wanted: Sequence[bool]) -> Iterator[Filled | None]:
        """One answer for each request that is ``wanted``."""
        if self.weights is not None:
            yield from fleet.filled_mix(
                self.requests, self.options, self.threads, self.cap, self.weights
            )
            return
        for request, asked in zip(self.requests, wanted, strict=True):
            yield (
                fleet.filled(request, self.options, None, self.threads, self.cap) if asked else None
            )


def _weights(shares: Mapping[str, float] | None, requests: Mapping[str, Request]) -> list[float]:
    if shares is None:
        return [1.0] * len(requests)
    expected = f"a share above 0 for each of {', '.join(requests)}"
    if not isinstance(shares, Mapping) or shares.keys() != requests.keys():
        raise MisuseError(f"shares={shorten(shares)}: expected {expected}")
    weights = [fields.real("shares", shares[name]) for name in requests]
    if not all(weights):
        raise MisuseError(f"shares={shorten(shares)}: expected {expected}")
    return weights


@dataclass
class _Best:
    """Of one kind on one fleet: what the flavor that leaves least leaves, host by host."""

    kind: Kind
    of: behind.Members | None  # of its cells or pools; None: it is counted by host
    free: Ints
    left: Ints
    asks: Ints
    flavor: Ints
    unit_left: Ints
    unit_lacks: npt.NDArray[Any]
    unreached: Ints

    def by_host(self, values: Ints) -> Ints:
        return values if self.of is None else self.of.sums(values)

    def to_units(self, hosts: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which units are of these hosts."""
        if self.of is None:
            return hosts
        units = np.zeros(len(self.unit_left), np.bool_)
        units[self.of.members] = hosts[self.of.host_of]
        return units

    def try_flavor(self, number: int, asks: int, filled: Filled, lacks: npt.NDArray[Any]) -> None:
        """``lacks``: a LACK for each unit, what keeps the next guest from it."""
        units = self.kind.free(filled.left)
        left = self.by_host(units)
        self.unreached[number] = left.sum()
        # of those that leave the same, the smallest says most about what is missing
        better = (left < self.left) | ((left == self.left) & (asks < self.asks))
        self.left[better], self.asks[better], self.flavor[better] = left[better], asks, number
        which = self.to_units(better)
        self.unit_left[which], self.unit_lacks[which] = units[which], lacks[which]


def _of_fleet(
    fleet: Fleet, how: _How, words: reasons.Words, show: Callable[[int], None]
) -> list[_Best]:
    cells, pools = behind.cells_of(fleet), behind.pools_of(fleet)
    members = {CELL: cells, HOST: None}
    now = fleet.columns()
    found = []
    for kind in kinds_of(fleet):
        units, of = kind.free(now), members.get(kind.of, pools)
        left = units if of is None else of.sums(units)
        none, many = np.full(len(fleet), -1), np.full(len(fleet), np.iinfo(np.int64).max)
        lacks = np.zeros(len(units), reasons.LACK)
        lacks["what"] = words.number(reasons.NOTHING_ASKS)
        unreached = np.full(len(how.requests), -1)
        found.append(
            _Best(kind, of, left.copy(), left.copy(), many, none, units.copy(), lacks, unreached)
        )
    asked = [[best.kind.asks(request) for best in found] for request in how.requests]
    for number, filled in enumerate(how.filled(fleet, [any(amounts) for amounts in asked])):
        show(1)
        if filled is None:
            continue
        refused = Lacks(fleet, how.requests[number], filled, cells, pools, words)
        for best, amount in zip(found, asked[number], strict=True):
            if amount:
                best.try_flavor(number, amount, filled, refused.of(best.kind.of))
    return found


def _together(
    fleets: Sequence[Fleet],
    flavors: tuple[str, ...],
    weights: Sequence[float],
    parts: Sequence[Sequence[_Best]],
    words: reasons.Words,
) -> Stranded:
    """One answer about all fleets: a kind that one of them lacks is 0 there."""
    units = {best.kind.label: best.kind.unit for part in parts for best in part}
    kinds = tuple(units)
    n_hosts = sum(map(len, fleets))
    free = np.zeros((len(kinds), n_hosts), np.int64)
    lost, best_of = free.copy(), np.full_like(free, -1)
    unreached = np.zeros((len(kinds), len(flavors)), np.int64)
    asked = np.zeros((len(kinds), len(flavors)), np.bool_)
    causes: list[Cause] = []
    first = 0
    for fleet, part in zip(fleets, parts, strict=True):
        hosts = slice(first, first + len(fleet))
        for best in part:
            at = kinds.index(best.kind.label)
            free[at, hosts], lost[at, hosts], best_of[at, hosts] = best.free, best.left, best.flavor
            unreached[at] += np.where(best.unreached < 0, best.free.sum(), best.unreached)
            asked[at] |= best.unreached >= 0
            hosts_of = None if best.of is None else (best.of.members, best.of.host_of)
            causes += causes_of(best.kind.label, best.unit_left, best.unit_lacks, hosts_of, words)
        first += len(fleet)
    # brought to 1 at the most, for the sum of large ones goes beyond what floats hold
    share = np.where(asked, np.array(weights) / max(weights), 0.0)
    total = share.sum(axis=1) * free.sum(axis=1)
    average = (share * unreached).sum(axis=1) / np.maximum(total, 1e-300)
    index = np.where(total > 0, average, (free.sum(axis=1) > 0).astype(float))
    return Stranded(
        tuple(name for fleet in fleets for name in fleet.names),
        behind.there(*fleets),
        flavors,
        kinds,
        tuple(units.values()),
        free,
        lost,
        best_of,
        tuple(Cause.merged(causes, kinds)),
        np.where(asked, unreached, -1),
        index,
    )
