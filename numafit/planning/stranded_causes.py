"""What do stranded units wait for, and what would free them?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.filled import Filled
from numafit.fleet import Fleet
from numafit.model.request import Request
from numafit.planning import behind, reasons
from numafit.planning.stranded_units import CELL, HOST

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cause:
    """``units`` of ``kind`` on so many ``hosts`` are stranded, as the next guest of the flavor that
    leaves least is refused for want of ``lacks``. ``least`` to ``most`` more of that, on each cell
    (or host) concerned, are what its first refusal asks for; 0 where no number tells."""

    kind: str
    lacks: str
    units: int
    hosts: int
    least: int
    most: int

    @property
    def in_words(self) -> str:
        """``lack dedicated CPUs beside them``, for a sentence that has named the units."""
        if self.lacks in _IN_WORDS:
            return _IN_WORDS[self.lacks]
        if self.lacks == self.kind:
            return "are too few in one place for one more guest"
        return f"lack {self.lacks}"

    @property
    def freed_by(self) -> str:
        """What would let the next guest in, in words: a number is of what it lacks."""
        if self.lacks in _ADVICE:
            return _ADVICE[self.lacks]
        where = "a host" if self.lacks.endswith("of placement") else "a cell"
        if not self.least:
            return f"more on {where}"
        number = (
            f"{self.least:,}" if self.least == self.most else f"{self.least:,} to {self.most:,}"
        )
        unit = " MiB" if self.lacks == reasons.MEMORY else ""
        return f"{number}{unit} more on {where}"

    @staticmethod
    def merged(causes: Iterable[Cause], kinds: Sequence[str]) -> list[Cause]:
        """Those of several fleets: one for each kind and lack, in the order of kinds."""
        found: dict[tuple[str, str], Cause] = {}
        for cause in causes:
            key = cause.kind, cause.lacks
            known = found.get(key)
            if known is None:
                found[key] = cause
                continue
            some = [n for n in (known.least, cause.least) if n]
            found[key] = replace(
                known,
                units=known.units + cause.units,
                hosts=known.hosts + cause.hosts,
                least=min(some, default=0),
                most=max(known.most, cause.most),
            )
        return sorted(found.values(), key=lambda one: (kinds.index(one.kind), -one.units))


_IN_WORDS = {
    reasons.NOTHING_ASKS: "are asked for by no flavor",
    reasons.AT_CAP: "are beyond the cap, at which filling stopped",
    reasons.UNDECIDED: "are left by a search that ended at its budget",
}
"""Where it is nothing that they lack."""
_ADVICE = {
    reasons.NOTHING_ASKS: "a flavor that asks for it",
    reasons.RULED_OUT: "a host that has them",
    reasons.RESTING: "the service enabled",
    reasons.OTHER_CELL: "a flavor of fewer cells",
    reasons.CPU_RATIO: "a higher cpu_allocation_ratio",
    reasons.RAM_RATIO: "a higher ram_allocation_ratio",
    reasons.NETWORKS: "the networks near those cells",
    reasons.TOGETHER: "networks and devices near the same cells",
    reasons.CELLS: "a host with more NUMA cells",
    reasons.AT_CAP: "a higher cap: the host was filled no further",
    reasons.UNDECIDED: "a larger budget of the search",
}
"""Where no quantity says it."""


class Lacks:
    """What keeps the next guest from each cell, pool and host of a fleet that was filled.

    Where the host itself refuses it, that. Else what keeps it off the cell; and where the cell
    would take it, what the choice of cells fails for.
    """

    def __init__(
        self,
        fleet: Fleet,
        request: Request,
        filled: Filled,
        cells: behind.Members,
        pools: behind.Members,
        words: reasons.Words,
    ) -> None:
        self._fleet, self._request, self._words = fleet, request, words
        self._why, self._cells, self._pools = filled.why, cells, pools
        whole = [reasons.number_of(name) for name in _OF_THE_HOST]
        host_of, members = cells.host_of, cells.members
        found = filled.cells.copy()
        other = np.isin(filled.why["status"], whole)[host_of] | (found["status"][members] == 0)
        found[members[other]] = filled.why[host_of[other]]
        self._of_cells = found

    def of(self, what: str) -> npt.NDArray[Any]:
        """A LACK for each cell, pool or host."""
        found = {CELL: self._of_cells, HOST: self._why}.get(what)
        if found is None:
            found = self._of_pools()
        return behind.lacks(self._fleet, self._request, found, self._words)

    def _of_pools(self) -> npt.NDArray[Any]:
        cell, _unknown = behind.pool_cells(self._fleet)
        found = np.zeros(len(cell), self._why.dtype)
        found[self._pools.members] = self._why[self._pools.host_of]
        found[cell >= 0] = self._of_cells[cell[cell >= 0]]
        return found


_OF_THE_HOST = ("no_topology", "too_few_cells", "host_class", "resource")


def causes_of(
    kind: str,
    left: Ints,
    lacks: npt.NDArray[Any],
    members: tuple[Ints, Ints] | None,
    words: reasons.Words,
) -> list[Cause]:
    """``left`` of each cell, pool or host, and its LACK; ``members``: cells or pools, and the host
    of each."""
    at, host_of = members or (np.arange(len(left)),) * 2
    some = left[at] > 0
    at, host_of = at[some], host_of[some]
    what, short = lacks["what"][at], lacks["short"][at]
    found = []
    for number in np.unique(what).tolist():
        mine = what == number
        told = short[mine & (short > 0)]
        found.append(
            Cause(
                kind,
                words.all[number],
                int(left[at[mine]].sum()),
                len(np.unique(host_of[mine])),
                int(told.min()) if told.size else 0,
                int(told.max(initial=0)),
            )
        )
    return found
