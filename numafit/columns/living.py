"""How do a fleet's columns change once it lives? The tables that its numbers stand for learn what
is new, and ranges of cells and pools are given out and taken back."""

from __future__ import annotations

from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from numafit._header import MAX_PAGE_SIZES, NO_DISTANCES
from numafit.columns.columns import Columns
from numafit.columns.gather import Gatherer, net_words
from numafit.columns.layouts import Layout
from numafit.columns.pools import class_key
from numafit.columns.resources import MAX_CLASSES
from numafit.errors import InputError

_SLACK = 64
_SHARE = 8
"""A column that has to grow gets room for one in so many more, and for ``_SLACK``."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host stands: its first cell, pool and word of masks."""

    cell: int
    pool: int
    word: int


class Full(Exception):
    """There is no range of this size; the columns have to grow."""


class Living:
    """Of one Columns; whoever calls holds its ``changes_lock``. ``told``: ``size`` of the tables of
    which the columns have all."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.tables = _tables(columns)
        self.told = self.size()
        self._free_cells: defaultdict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
        self._free_pools: defaultdict[int, deque[int]] = defaultdict(deque)
        counts = columns.counts()
        hosts = slice(0, columns.n_hosts)
        self.tail_cell = int(columns.host_end_cell[hosts].max(initial=0))
        self.tail_pool = max(int(columns.host_end_pool[hosts].max(initial=0)), len(columns.pools))
        last = self.tail_cell - 1
        self.tail_word = 0
        if last >= 0:
            layout = columns.cpu_layouts[int(columns.cell_layout[last])]
            self.tail_word = int(columns.cell_mask_at[last]) + layout.n_words
        columns.cell_mask_at[self.tail_cell :] = counts["n_mask_words"]

    def as_known(self) -> Callable[[], None]:
        """What leaves in the tables what they have now, as often as it is called."""
        tables = self.tables
        sizes = [(known, len(known)) for known in _grown_by_hosts(tables)]
        layouts = len(tables.layouts.all)

        def cut() -> None:
            tables.layouts.cut(layouts)
            for known, size in sizes:
                if isinstance(known, dict):
                    while len(known) > size:
                        known.popitem()
                else:
                    del known[size:]

        return cut

    def take(self, cells: int, words: int, pools: int) -> Place:
        """Ranges that no host has; raises ``Full``."""
        counts = self._columns.counts()
        found = self._free_cells.get((cells, words))
        free_pools = self._free_pools.get(pools)
        new_cell = cells and not found
        new_pool = pools and not free_pools
        if new_cell and (
            self.tail_cell + cells > counts["n_cells"]
            or self.tail_word + words > counts["n_mask_words"]
        ):
            raise Full
        if new_pool and self.tail_pool + pools > counts["n_pools"]:
            raise Full
        cell = word = pool = 0
        if new_cell:
            cell, word = self.tail_cell, self.tail_word
            self.tail_cell += cells
            self.tail_word += words
        elif found:
            cell, word = found.popleft()
        if new_pool:
            pool = self.tail_pool
            self.tail_pool += pools
        elif free_pools:
            pool = free_pools.popleft()
        return Place(cell, pool, word)

    def give_back(self, place: Place, cells: int, words: int, pools: int) -> None:
        """What a host had. It is used last of its size: who still looks for the host by the numbers
        of its cells is not to find another there."""
        if cells:
            self._free_cells[cells, words].append((place.cell, place.word))
        if pools:
            self._free_pools[pools].append(place.pool)

    def wanted(
        self, gathered: Gatherer, apart: list[tuple[int, int, int]], new_hosts: int
    ) -> dict[str, int]:
        """The counts of columns that have all that was gathered, with room for more. ``apart``:
        numbers of cells, words and pools of each host that cannot stand where it stood."""
        columns, tables = self._columns, self.tables
        counts = dict(columns.counts())
        cells = words = pools = 0
        free_cells = {key: len(ranges) for key, ranges in self._free_cells.items()}
        free_pools = {key: len(ranges) for key, ranges in self._free_pools.items()}
        for own_cells, own_words, own_pools in apart:
            if free_cells.get((own_cells, own_words)):
                free_cells[own_cells, own_words] -= 1
            else:
                cells, words = cells + own_cells, words + own_words
            if free_pools.get(own_pools):
                free_pools[own_pools] -= 1
            else:
                pools += own_pools
        for used, more, count in (
            (self.tail_cell, cells, "n_cells"),
            (self.tail_pool, pools, "n_pools"),
            (self.tail_word, words, "n_mask_words"),
            (columns.n_hosts, new_hosts, "host_room"),
            (len(tables.layouts.all), 0, "layout_room"),
        ):
            if used + more > counts[count]:
                counts[count] = used + more + _SLACK + (used + more) // _SHARE
        layouts = tables.layouts.all
        if len(layouts) > counts["n_layouts"]:
            fresh = layouts[counts["n_layouts"] :]
            counts["n_layouts"] = len(layouts)
            counts["n_layout_words"] += sum(layout.n_words for layout in fresh)
            counts["n_layout_cpus"] += sum(len(layout.cpus) for layout in fresh)
            counts["max_words"] = max(counts["max_words"], *(one.n_words for one in fresh))
            counts["max_threads"] = max(counts["max_threads"], *(one.threads for one in fresh))
        edges = gathered.cell_edges
        counts["max_cells"] = max(counts["max_cells"], *np.diff(np.array(edges)).tolist())
        counts["max_pools"] = max(counts["max_pools"], *np.diff(gathered.pools.edges).tolist())
        counts["n_page_sizes"] = len(self.page_sizes(gathered))
        counts["net_words"] = net_words(len(tables.nets))
        counts["n_resources"] = len(tables.resources.classes)
        counts["n_classes"] = len(tables.pools.classes)
        counts["n_host_classes"] = max(len(tables.resources.kinds), 1)
        counts["n_distances"] = len(tables.distances)
        return counts

    def page_sizes(self, gathered: Gatherer) -> list[int]:
        """KiB, ascending. Raises InputError where there are too many of them, or of resource
        classes."""
        known = set(self._columns.page_kib.tolist())
        sizes = sorted(known.union(gathered.page_numbers[::4]))
        if len(sizes) > MAX_PAGE_SIZES:
            expected = f"at most {MAX_PAGE_SIZES} page sizes in a fleet"
            raise InputError(None, "page_pools", sizes, expected)
        if len(self.tables.resources.classes) > MAX_CLASSES:
            expected = f"at most {MAX_CLASSES} resource classes in a fleet"
            raise InputError(None, "resources", len(self.tables.resources.classes), expected)
        return sizes

    def known(self) -> dict[str, Any]:
        """What the columns' numbers stand for once they have what the tables know: their
        attributes."""
        tables = self.tables
        return {
            "nets": dict(tables.nets),
            "cpu_layouts": list(tables.layouts.all),
            "classes": list(tables.pools.classes),
            "resource_classes": dict(tables.resources.classes),
            "host_kinds": list(tables.resources.kinds),
        }

    def size(self) -> tuple[int, ...]:
        """Others, once the tables have learned something."""
        return tuple(
            len(known) for known in (*_grown_by_hosts(self.tables), self.tables.layouts.all)
        )


def _grown_by_hosts(tables: Gatherer) -> tuple[Any, ...]:
    """Layouts aside, which are cut by themselves."""
    return (
        tables.nets,
        tables.pools.classes,
        tables.pools.class_ids,
        tables.pools.providers,
        tables.resources.classes,
        tables.resources.kinds,
        tables.resources.numbers,
        tables.distances,
        tables.known_distances,
    )


def _tables(columns: Columns) -> Gatherer:
    """What gathers hosts in the numbers of these columns."""
    tables = Gatherer()
    tables.layouts.all = list(columns.cpu_layouts)
    tables.layouts.ids = {
        key: n for n, one in enumerate(columns.cpu_layouts) for key in _layout_keys(one)
    }
    tables.pools.classes = list(columns.classes)
    tables.pools.class_ids = {class_key(one): n for n, one in enumerate(columns.classes)}
    tables.pools.providers = columns.own("providers")
    tables.resources.classes = dict(columns.resource_classes)
    tables.resources.kinds = list(columns.host_kinds)
    tables.resources.numbers = {kind: n for n, kind in enumerate(columns.host_kinds)}
    tables.nets = dict(columns.nets)
    tables.distances = array(columns.distances.dtype.char, columns.distances.tolist())
    tables.known_distances = dict(_matrices(columns))
    return tables


def _layout_keys(layout: Layout) -> Iterator[Any]:
    """As ``Layouts.of`` makes them of cells that are numbered so."""
    listed = frozenset[int]().union(*layout.siblings)
    cpus = [cpu for cpu in layout.cpus if cpu >= 0]
    extra = frozenset(cpus) - listed - layout.dedicated
    yield layout.siblings, layout.shared, layout.dedicated, extra
    plain = layout.shared | layout.dedicated
    if layout.threads == 1 and cpus == sorted(plain):  # a cell without siblings, perhaps
        yield (), layout.shared, layout.dedicated, frozenset[int]()


def _matrices(columns: Columns) -> Iterator[tuple[Any, int]]:
    first, end, at = (
        getattr(columns, name)[: columns.n_hosts].astype(np.uint64)
        for name in ("host_first_cell", "host_end_cell", "host_distance_at")
    )
    there = at != NO_DISTANCES
    starts, hosts = np.unique(at[there], return_index=True)
    cells = (end - first)[there][hosts]
    for start, size in zip(starts.tolist(), cells.tolist(), strict=True):
        matrix = columns.distances[start : start + size * size].reshape(size, size)
        yield tuple(map(tuple, matrix.tolist())), start
