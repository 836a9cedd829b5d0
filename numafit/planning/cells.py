"""How full is each host cell of a fleet?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.errors import MisuseError, shorten
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.planning import behind, reasons
from numafit.planning.answer import Answer, Glance
from numafit.planning.tables import Table, frame_of
from numafit.plurals import counted

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cells(Answer):
    """One entry per host cell, host after host: ``host`` is its host's place in ``hosts``, ``cell``
    its id. ``there``: hosts that were not removed from the fleet. ``total`` and ``used`` are
    [kind][cell] in units of each of ``kinds``: CPUs, MiB, pages; reserved pages count as used."""

    hosts: tuple[str, ...]
    there: npt.NDArray[np.bool_]
    host: Ints
    cell: Ints
    kinds: tuple[str, ...]
    total: Ints
    used: Ints

    def part(self, kind: str = reasons.CPUS) -> npt.NDArray[np.float64]:
        """How much of a kind is used in each cell, from 0 to 1 (above where more is used than
        there is); NaN where a cell has none of it."""
        at = self._number(kind)
        total = self.total[at]
        return np.where(total > 0, self.used[at] / np.maximum(total, 1), np.nan)

    def _number(self, kind: str) -> int:
        if kind not in self.kinds:
            raise MisuseError(f"kind={shorten(kind)}: expected one of {', '.join(self.kinds)}")
        return self.kinds.index(kind)

    def table(self) -> Table:
        """One row for each cell and kind: ``host``, ``cell``, ``kind``, ``total``, ``used``."""
        n_kinds, n_cells = self.total.shape
        names = np.array(self.hosts, object)[self.host]
        return {
            "host": np.tile(names, n_kinds),
            "cell": np.tile(self.cell, n_kinds),
            "kind": np.repeat(np.array(self.kinds, object), n_cells),
            "total": self.total.ravel(),
            "used": self.used.ravel(),
        }

    def frame(self, library: str | None = None) -> Any:
        """``table`` as a DataFrame of ``"pandas"`` or ``"polars"``; ``None``: of the one that is
        installed (``numafit[plot]``)."""
        return frame_of(self.table(), library)

    def picture(self, kind: str = reasons.CPUS) -> Any:
        """A matplotlib Figure, a heat map: hosts side by side, their cells below each other
        (``numafit[plot]``)."""
        from numafit.planning.cells_picture import heat_map

        words = str(self) if kind == reasons.CPUS else self._sentence(kind)
        # a host that was removed is no column
        hosts = [name for name, there in zip(self.hosts, self.there, strict=True) if there]
        column = (np.cumsum(self.there) - 1)[self.host]
        return heat_map(hosts, column, self.cell, self.part(kind), kind, words)

    def _glance(self) -> Glance:
        sums = zip(self.kinds, self.total.sum(axis=1), self.used.sum(axis=1), strict=True)
        rows = [(kind, int(total), int(used), _percent(used, total)) for kind, total, used in sums]
        return ("kind", "total", "used", "of it"), rows

    def __str__(self) -> str:
        """One sentence about dedicated CPUs, or about memory where there are none."""
        cpus = self.total[self._number(reasons.CPUS)]
        return self._sentence(reasons.CPUS if cpus.any() else reasons.MEMORY)

    def _sentence(self, kind: str) -> str:
        at, part = self._number(kind), self.part(kind)
        there = ~np.isnan(part)
        total, used = int(self.total[at].sum()), int(self.used[at].sum())
        unit = " MiB of" if kind == reasons.MEMORY else ""
        text = f"{used:,} of {total:,}{unit} {kind} ({_percent(used, total)}) are used on "
        text += counted(int(self.there.sum()), "host")
        if not there.any():
            return f"{text}."
        full = int(np.count_nonzero(part[there] >= 1))
        empty = int(np.count_nonzero(part[there] <= 0))
        cells = counted(int(there.sum()), "cell")
        return f"{text}; of {cells} {full:,} {_are(full)} full and {empty:,} {_are(empty)} empty."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _percent(used: Any, total: Any) -> str:
    return f"{100.0 * float(used) / max(float(total), 1):.0f}%"


def cells(fleet: Fleet) -> Cells:
    """What there is in each host cell of the fleet at this moment, and what of it is used."""
    fields.instance("fleet", fleet, Fleet)
    columns, members = fleet.columns(), behind.cells_of(fleet)
    own = members.members
    layouts = columns["layouts"][columns["cell_layout"][own]]
    dedicated = layouts["n_dedicated"].astype(np.int64)
    found: dict[str, tuple[Ints, Ints]] = {
        reasons.CPUS: (dedicated, dedicated - columns["cell_free"][own]),
        reasons.MEMORY: (columns["cell_memory"][own], columns["cell_memory_used"][own]),
    }
    smallest = behind.smallest_pages(columns)[own]
    for n, kib in enumerate(columns["page_kib"].tolist()):
        has = (columns["cell_page_sizes"][own] >> np.uint32(n) & 1).astype(np.bool_)
        has &= smallest != n
        if has.any():
            total = np.where(has, columns["pages_total"][n][own], 0).astype(np.int64)
            free = np.where(has, columns["pages_free"][n][own], 0).astype(np.int64)
            found[reasons.page_label(kib)] = total, total - free
    return Cells(
        tuple(fleet.names),
        behind.there(fleet),
        members.host_of,
        columns["cell_id"][own].astype(np.int64),
        tuple(found),
        np.array([total for total, _used in found.values()], np.int64),
        np.array([used for _total, used in found.values()], np.int64),
    )
