"""CPU lists and pinned CPUs of many cells -> layouts, and masks of their slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.columns.arrow_parts import Numbers, Unlike
from numafit.columns.layouts import Layouts
from numafit.errors import InputError
from numafit.model.hostinfo import MAX_CELL_CPUS, HostCell

_WIDEST_ID = 65536
"""CPU ids that have a place in a table."""
_WORDS_AT_ONCE = 1 << 18
_REMEMBERED = 4096

Sets = tuple[frozenset[int], frozenset[int], tuple[frozenset[int], ...]]
ReadSets = Callable[[str, str, str], Sets]


@dataclass(frozen=True, slots=True)
class Masks:
    """Of each cell: its layout, and where the words of its mask of pinned CPUs begin."""

    layouts: Numbers
    at: Numbers
    words: npt.NDArray[np.uint64]


class CpuSets:
    """``read``: CPU sets from the texts of ``cpuset``, ``pcpuset`` and ``siblings``."""

    def __init__(self, layouts: Layouts, read: ReadSets) -> None:
        self._layouts = layouts
        self._read = read
        self._known: dict[tuple[bytes, ...], int] = {}
        self._tables = _Tables(layouts)

    def masks(self, texts: Iterable[Iterator[bytes]], lengths: Numbers, cpus: Numbers) -> Masks:
        """``texts``: of all cells, each of the three apart; ``cpus``: those that are pinned in
        each, ``lengths`` of them."""
        if lengths.max(initial=0) > MAX_CELL_CPUS:
            raise Unlike
        found = np.array(list(map(self._layout, zip(*texts, strict=True))), np.int64)
        cells = np.repeat(np.arange(len(found)), lengths)
        slots = self._tables.slots(found, cells, cpus, dedicated=True)
        outside = np.unique(cells[slots < 0])
        if len(outside):
            edges = np.concatenate(([0], np.cumsum(lengths)))
            for cell in outside.tolist():
                own = frozenset(cpus[edges[cell] : edges[cell + 1]].tolist())
                found[cell] = self._layout_with(int(found[cell]), own)
            slots = self._tables.slots(found, cells, cpus, dedicated=False)
        words = np.array([one.n_words for one in self._layouts.all], np.int64)[found]
        at = np.cumsum(words) - words
        return Masks(found, at, _words(at, words, cells, slots))

    def _layout(self, texts: tuple[bytes, ...]) -> int:
        number = self._known.get(texts)
        if number is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            try:
                sets = self._read(*(text.decode() for text in texts))
                number = self._known[texts] = self._number(*sets, frozenset())
            except (InputError, UnicodeError):
                raise Unlike from None
        return number

    def _layout_with(self, number: int, pinned: frozenset[int]) -> int:
        """That of a cell some of whose pinned CPUs are no dedicated ones."""
        layout = self._layouts.all[number]
        try:
            return self._number(layout.shared, layout.dedicated, layout.siblings, pinned)
        except InputError:
            raise Unlike from None

    def _number(self, cpuset: Any, pcpuset: Any, siblings: Any, pinned: frozenset[int]) -> int:
        cell = HostCell(0, cpuset, pcpuset, 0, pinned_cpus=pinned, siblings=siblings)
        return self._layouts.of(cell)


class _Tables:
    """CPU id -> slot, of all layouts so far: one table after the other."""

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self._at = [0]
        self._slots: list[npt.NDArray[np.int32]] = []
        self._dedicated: list[npt.NDArray[np.bool_]] = []

    def slots(self, layouts: Numbers, cells: Numbers, cpus: Numbers, dedicated: bool) -> Numbers:
        """The slot of each CPU in the layout of its cell; -1 where it has none, or (``dedicated``)
        is no dedicated one."""
        self._grow()
        if not len(cpus):
            return np.zeros(0, np.int64)
        edges = np.array(self._at, np.int64)
        own = layouts[cells]
        at = edges[own] + cpus
        there = at < edges[own + 1]
        at = np.where(there, at, 0)
        table = np.concatenate(self._slots) if self._slots else np.zeros(0, np.int32)
        if not len(table):
            return np.full(len(cpus), -1, np.int64)
        if dedicated:
            there &= np.concatenate(self._dedicated)[at]
        return np.where(there, table[at], -1).astype(np.int64)

    def _grow(self) -> None:
        for layout in self._layouts.all[len(self._slots) :]:
            widest = max(layout.slot_of, default=-1) + 1
            if widest > _WIDEST_ID:
                raise Unlike
            slots = np.full(widest, -1, np.int32)
            slots[list(layout.slot_of)] = list(layout.slot_of.values())
            dedicated = np.zeros(widest, bool)
            dedicated[list(layout.dedicated)] = True
            self._slots.append(slots)
            self._dedicated.append(dedicated)
            self._at.append(self._at[-1] + widest)


def _words(at: Numbers, n_words: Numbers, cells: Numbers, slots: Numbers) -> npt.NDArray[np.uint64]:
    """Masks of all cells. ``at``: where the words of each begin; ``cells`` ascend."""
    total = int(at[-1] + n_words[-1]) if len(at) else 0
    found = np.zeros(total, np.uint64)
    first = 0
    while first < len(at):
        start = int(at[first])
        # as many cells as their bits fit into a few MB, a byte each
        last = max(int(np.searchsorted(at, start + _WORDS_AT_ONCE)), first + 1)
        end = int(at[last]) if last < len(at) else total
        a, b = np.searchsorted(cells, (first, last))
        bits = np.zeros(64 * (end - start), np.uint8)
        bits[64 * (at[cells[a:b]] - start) + slots[a:b]] = 1
        found[start:end] = np.packbits(bits, bitorder="little").view("<u8")
        first = last
    return found
