"""A batch of Arrow rows -> a Gatherer's columns, by numpy and not host by host.

Numbers are checked and moved as whole columns; pieces that hosts share are read once, by the
reader of rows. ``Unlike`` is raised for all that is wrong or unusual: ``from_arrow`` then reads all
of the data row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import NO_DISTANCES, TUNNEL_NET
from numafit.columns.arrow_cpus import CpuSets, Masks, ReadSets
from numafit.columns.arrow_parts import Numbers, Part, Unlike
from numafit.columns.arrow_pools import PoolKinds, ReadPool
from numafit.columns.gather import NO_SOCKET, Gatherer
from numafit.errors import InputError, InvalidValue
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import (
    MAX_CELLS,
    MAX_DISTANCE,
    MAX_ID,
    MAX_PAGE_COUNT,
    MAX_PAGE_KIB,
    PagePool,
    max_pages,
)
from numafit.readers import bounds, checks


class Batches:
    """Adds batches to one gatherer. ``read_sets`` and ``read_pool`` are those of the reader of
    rows: CPU sets from their texts, a pool from its fields."""

    def __init__(self, gatherer: Gatherer, read_sets: ReadSets, read_pool: ReadPool) -> None:
        self._gatherer = gatherer
        self._cpus = CpuSets(gatherer.layouts, read_sets)
        self._pools = PoolKinds(gatherer.pools, read_pool)
        self._nets: dict[tuple[bytes, ...], list[int]] = {}
        self._empty = 0

    def add(self, rows: Part) -> Numbers:
        """All hosts of a batch; the generation of each."""
        fields = rows.fields()
        names = _labels(fields, "name", rows.n)
        lengths, cells = _field(fields, "cells").lists()
        self._empty += int(np.count_nonzero(lengths == 0)) and sum(
            not name and not n for name, n in zip(names, lengths.tolist(), strict=True)
        )
        if lengths.max(initial=0) > MAX_CELLS or self._empty > bounds.ARROW_EMPTY_HOSTS:
            raise Unlike
        hosts = np.repeat(np.arange(rows.n), lengths)
        ids = self._cells(cells, hosts)
        gatherer = self._gatherer
        self._pools.add(fields.get("pci_pools"), rows.n, hosts, ids, gatherer.cell_edges[-1])
        _extend(gatherer.cell_edges, gatherer.cell_edges[-1] + np.cumsum(lengths))
        for name in names:
            gatherer.names.append(name)
        for column, key in (
            (gatherer.cpu_ratio, "cpu_allocation_ratio"),
            (gatherer.ram_ratio, "ram_allocation_ratio"),
        ):
            there = key in fields
            _extend(column, fields[key].reals_or_nan() if there else np.full(rows.n, np.nan))
        self._distances(fields.get("distances"), lengths)
        for why in _labels(fields, "disabled", rows.n):
            gatherer.resources.add(None, disabled=why)
        if "generation" not in fields:
            return np.zeros(rows.n, np.int64)
        return fields["generation"].whole(0, np.iinfo(np.int64).max)

    def _cells(self, cells: Part, hosts: Numbers) -> Numbers:
        """Their ids. ``hosts``: whose each of them is."""
        bounds.grant_cpus(bounds.CPUS_A_CELL * cells.n)
        fields = cells.fields()
        ids = _field(fields, "id").whole(0, MAX_ID)
        _need_distinct(hosts, ids)
        masks = self._masks(fields)
        gatherer = self._gatherer
        first = len(gatherer.cell_id)
        self._pages(_field(fields, "page_pools"), first)
        self._networks(fields, first)
        sockets = np.full(cells.n, NO_SOCKET)
        if "socket" in fields:
            sockets = fields["socket"].whole_or_none(NO_SOCKET, MAX_ID, NO_SOCKET)
        _extend(gatherer.cell_id, ids)
        _extend(gatherer.socket, sockets)
        _extend(gatherer.layout, masks.layouts)
        _extend(gatherer.mask_at, len(gatherer.pinned) // 8 + masks.at)
        gatherer.pinned += masks.words.astype("<u8").tobytes()
        for column, key, high in (
            (gatherer.memory, "memory_mb", MAX_MEMORY_MB),
            (gatherer.memory_used, "memory_usage", MAX_MEMORY_MB),
            (gatherer.cpu_used, "cpu_usage", MAX_ID),
        ):
            _extend(column, _field(fields, key).whole(0, high))
        return ids

    def _masks(self, fields: Mapping[str, Part]) -> Masks:
        texts = (_field(fields, name).texts() for name in ("cpuset", "pcpuset", "siblings"))
        lengths, cpus = _field(fields, "pinned_cpus").lists()
        return self._cpus.masks(texts, lengths, cpus.whole(0, MAX_ID))

    def _pages(self, pools: Part, first: int) -> None:
        lengths, values = pools.lists()
        fields = values.fields()
        size = _field(fields, "size_kib").whole(1, MAX_PAGE_KIB)
        total, used, reserved = (
            _field(fields, name).whole(0, MAX_PAGE_COUNT) for name in ("total", "used", "reserved")
        )
        cells = np.repeat(np.arange(len(lengths)), lengths)
        _need_distinct(cells, size)
        sizes, which = np.unique(size, return_inverse=True)
        bound = np.array([max_pages(one) for one in sizes.tolist()], np.int64)[which]
        if (total > bound).any():
            raise Unlike
        numbers = np.column_stack((size, total, used, reserved))
        # more in use than there are
        for row in numbers[(used > total) | (reserved > total)].tolist():
            try:
                PagePool(*row)
            except InvalidValue:
                raise Unlike from None
        _extend(self._gatherer.page_cell, first + cells)
        _extend(self._gatherer.page_numbers, numbers.reshape(-1))

    def _networks(self, fields: Mapping[str, Part], first: int) -> None:
        gatherer = self._gatherer
        tunneled = first + np.flatnonzero(_field(fields, "tunneled").flags())
        _extend(gatherer.net_cell, tunneled)
        _extend(gatherer.net, np.full(len(tunneled), TUNNEL_NET))
        lengths, names = _field(fields, "physnets").lists()
        if not names.n:
            return
        texts = list(names.texts())
        at = 0
        for cell, n in enumerate(lengths.tolist(), first):
            if n:
                some = tuple(texts[at : at + n])
                at += n
                nets = self._nets.get(some)
                if nets is None:
                    nets = self._nets[some] = gatherer.numbers_of(map(_decoded, some))
                gatherer.net_cell.extend([cell] * len(nets))
                gatherer.net.extend(nets)

    def _distances(self, matrices: Part | None, cells: Numbers) -> None:
        at = np.full(len(cells), NO_DISTANCES, np.uint64)
        if matrices is not None:
            rows, inner = matrices.lists()
            widths, values = inner.lists()
            self._known_distances(at, cells, rows, widths, values)
        _extend(self._gatherer.distance_at, at)

    def _known_distances(
        self,
        at: npt.NDArray[np.uint64],
        cells: Numbers,
        rows: Numbers,
        widths: Numbers,
        values: Part,
    ) -> None:
        """Fills in where the matrices of hosts that have some stand."""
        if not len(widths):
            return
        there = np.flatnonzero(rows)
        if (rows[there] != cells[there]).any() or (widths != np.repeat(rows, rows)).any():
            raise Unlike
        numbers = values.whole(0, MAX_DISTANCE)
        edge = 0
        known: dict[bytes, int] = {}
        for host, n in zip(there.tolist(), rows[there].tolist(), strict=True):
            matrix = numbers[edge : edge + n * n]
            edge += n * n
            text = matrix.tobytes()
            if text not in known:
                square = matrix.reshape(n, n).tolist()
                known[text] = self._gatherer.distance(tuple(map(tuple, square)))
            at[host] = known[text]


def _labels(fields: Mapping[str, Part], key: str, n: int) -> list[str]:
    part = fields.get(key)
    if part is None:
        return [""] * n
    try:
        return [checks.label(key, _decoded(text)) for text in part.texts()]
    except InputError:
        raise Unlike from None


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeError:
        raise Unlike from None


def _field(fields: Mapping[str, Part], name: str) -> Part:
    if name not in fields:
        raise Unlike
    return fields[name]


def _need_distinct(groups: Numbers, values: Numbers) -> None:
    """No value stands twice in a group; groups ascend."""
    ascends = (np.diff(groups) > 0) | (np.diff(values) > 0)
    if not ascends.all() and len(np.unique(np.column_stack((groups, values)), axis=0)) < len(
        groups
    ):
        raise Unlike


def _extend(column: Any, values: npt.NDArray[Any]) -> None:
    """Of an array that grows."""
    column.frombytes(values.astype(column.typecode).tobytes())
