"""What planners ask of a fleet: its hosts filled with guests, its cells one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, Unpack

import numpy as np
import numpy.typing as npt

from numafit._engine import ManyHosts, Prepared, fill, fill_mix
from numafit.columns import Columns
from numafit.columns.apart import apart
from numafit.model import fields
from numafit.model.options import FitKeywords, FitOptions, chosen
from numafit.model.request import Request
from numafit.moments import columns_now
from numafit.spans import (
    DEFAULT_CAP,
    FEW_HOSTS,
    Hosts,
    host_indices,
    in_threads,
    mix_shares,
)

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


def _turns(counts: npt.NDArray[np.uint32], shares: Sequence[float]) -> npt.NDArray[np.uint32]:
    """In which order guests of a mix arrive: [turn][kind, which of its guests]. The next is the one
    with the smallest (arrived + 1) / weight, among equals the first kind."""
    turns = [
        ((number + 1) / share, kind, number)
        for kind, share in enumerate(shares)
        for number in range(int(counts[:, kind].max(initial=0)))
    ]
    order = [(kind, number) for _when, kind, number in sorted(turns)]
    return np.array(order, np.uint32).reshape(-1, 2)


class FilledHalf:
    """Part of a Fleet."""

    _columns: Columns
    _engine: ManyHosts

    capacity: Callable[..., npt.NDArray[np.uint32]]

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
        indices = host_indices(hosts, self._columns.n_hosts)
        n = self._columns.n_hosts if indices is None else len(indices)
        counts = np.zeros(n, np.uint32)
        (found,) = self._answers([counts])
        left = {**found.left, "pairs": found.cells}

        def part(first: int, last: int) -> None:
            some = None if indices is None else indices[first:last]
            span = (some, first, last - first, cap, counts[first:last], found.why[first:last])
            fill(self._engine, query, *span, left)

        in_threads(part, n, threads, step=FEW_HOSTS)
        return found

    def filled_mix(
        self,
        requests: Sequence[Request | Prepared],
        options: FitOptions | None = None,
        threads: int = 1,
        cap: int = DEFAULT_CAP,
        weights: Sequence[float] | None = None,
        **keywords: Unpack[FitKeywords],
    ) -> list[Filled]:
        """The same once guests of several kinds have filled it, in turns as ``capacity`` of a mix
        counts them: one answer for each kind, alike in what is left."""
        if keywords:
            options = chosen(options, keywords)
        asked = fields.listed("requests", requests, "a list of Requests")
        with self._columns.changes_lock:
            return self._filled_mix(asked, options, threads, cap, weights)

    def _filled_mix(
        self,
        asked: Sequence[Request | Prepared],
        options: FitOptions | None,
        threads: int,
        cap: int,
        weights: Sequence[float] | None,
    ) -> list[Filled]:
        counts = self.capacity(asked, options, threads=threads, cap=cap, weights=weights)
        queries = [self._engine.query(one, options) for one in asked]
        order = _turns(counts, mix_shares(weights, len(queries), True))
        columns = [np.ascontiguousarray(column) for column in counts.T]
        found = self._answers(columns)
        left = [{**one.left, "pairs": one.cells} for one in found]

        def part(first: int, last: int) -> None:
            whys = [one.why[first:last] for one in found]
            span = (None, first, last - first, counts[first:last], whys)
            fill_mix(self._engine, queries, order, *span, left)

        in_threads(part, len(counts), threads, step=FEW_HOSTS)
        return found

    def _answers(self, counts: Sequence[npt.NDArray[np.uint32]]) -> list[Filled]:
        """Room for what is found, with the columns as they are now."""
        now = self._engine.copies()
        return [
            Filled(
                one,
                np.zeros(len(one), REASON),
                {name: now[name] if n == 0 else now[name].copy() for name in LEFT},
                np.zeros(self._columns.n_cells, REASON),
            )
            for n, one in enumerate(counts)
        ]

    def cell_by_cell(self) -> Self:
        """A fleet in which each cell is a host of its own, in the order of the hosts and of the
        cells of each: it has its CPUs, memory, pages and networks and the allocation ratios of its
        host, and no devices and inventories."""
        return self._of(apart(columns_now(self._engine)))
