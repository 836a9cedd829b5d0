"""What planners ask of a fleet: its hosts filled with guests, its cells one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, Unpack

import numpy as np
import numpy.typing as npt

from numafit._engine import ManyHosts, Prepared, fill
from numafit.columns import Columns
from numafit.columns.apart import apart
from numafit.model import fields
from numafit.model.options import FitKeywords, FitOptions, chosen
from numafit.model.request import Request
from numafit.moments import columns_now
from numafit.spans import DEFAULT_CAP, FEW_HOSTS, Hosts, host_indices, in_threads

REASON = np.dtype(
    [("status", np.int32), ("detail", np.int32), ("wanted", np.int64), ("available", np.int64)]
)
"""``struct nf_reason``: a number of ``numafit._engine.reasons()``, and its quantities."""

LEFT = ("cell_free", "cell_memory_used", "pages_free", "pool_count", "resource_used")
"""Columns that say what a full host has left."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Hosts, each filled with guests of one kind until it refuses one.

    ``counts``: how many, as ``capacity`` counts them; ``why``: a REASON for each host, what refuses
    the next guest (status 0: nothing does, ``cap`` ended it). ``left``: columns of the whole fleet
    (LEFT) as they are then, those of hosts that were not asked as they are now; ``cells``: a REASON
    for each cell of the fleet, what keeps the next guest off it, of several guest cells the one
    that comes furthest (status 0: nothing does).
    """

    counts: npt.NDArray[np.uint32]
    why: npt.NDArray[Any]
    left: dict[str, npt.NDArray[Any]]
    cells: npt.NDArray[Any]


class FilledHalf:
    """Part of a Fleet."""

    _columns: Columns
    _engine: ManyHosts

    @classmethod
    def _of(cls, columns: Columns) -> Self:
        raise NotImplementedError

    def filled(
        self,
        request: Request | Prepared,
        options: FitOptions | None = None,
        hosts: Hosts = None,
        threads: int = 1,
        cap: int = DEFAULT_CAP,
        **keywords: Unpack[FitKeywords],
    ) -> Filled:
        """What each host is like once guests like this have filled it, one after the other, at
        most ``cap``: how many, what ends it, what is left. The fleet is left as it is. A request
        for nothing that runs out comes ``cap`` times."""
        if keywords:
            options = chosen(options, keywords)
        cap = fields.number("cap", cap, 0, 0xFFFFFFFF)
        with self._columns.changes_lock:
            return self._filled(request, options, hosts, threads, cap)

    def _filled(
        self,
        request: Request | Prepared,
        options: FitOptions | None,
        hosts: Hosts,
        threads: int,
        cap: int,
    ) -> Filled:
        query = self._engine.query(request, options)
        n_hosts = self._columns.n_hosts
        indices = host_indices(hosts, n_hosts)
        n = n_hosts if indices is None else len(indices)
        counts, why = np.zeros(n, np.uint32), np.zeros(n, REASON)
        now = self._engine.copies()
        left = {name: now[name] for name in LEFT}
        cells = np.zeros(self._columns.n_cells, REASON)

        def part(first: int, last: int) -> None:
            some = None if indices is None else indices[first:last]
            span = (some, first, last - first, cap, counts[first:last], why[first:last])
            fill(self._engine, query, *span, {**left, "pairs": cells})

        in_threads(part, n, threads, step=FEW_HOSTS)
        return Filled(counts, why, left, cells)

    def cell_by_cell(self) -> Self:
        """A fleet in which each cell is a host of its own, in the order of the hosts and of the
        cells of each: it has its CPUs, memory, pages and networks and the allocation ratios of its
        host, and no devices and inventories."""
        return self._of(apart(columns_now(self._engine)))
