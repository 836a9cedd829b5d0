"""Is a guest surely too large for a host, by one quantity?

Whether a host is still what it was takes a look at all that it holds, but guests that no host can
take are most often refused by one quantity. What a look refuses is refused whatever else there is,
by the rule of ``nova.virt.hardware._numa_fit_instance_cell`` for its quantity; all others are
judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from numafit.model.guest import GuestTopology

_SAMPLE = 16
"""Hosts by which it is told whether a look is worth it."""


class Pages(Protocol):
    """A ``NUMAPagesTopology``."""

    _obj_size_kb: int
    _obj_total: int
    _obj_used: int
    _obj_reserved: int


class Cell(Protocol):
    """A ``NUMACell``."""

    _obj_cpuset: set[int]
    _obj_pcpuset: set[int]
    _obj_pinned_cpus: set[int]
    _obj_memory: int
    _obj_memory_usage: int
    _obj_mempages: list[Pages]


Room = Callable[[Cell, int], int]
"""What a cell has of a quantity; exact where that may be as much as is wanted."""


class Look(NamedTuple):
    """The ``cells`` of the guest that want any of it want ``least`` to ``most``; no two go into one
    cell of a host."""

    room: Room
    least: int
    most: int
    cells: int

    def refuses(self, topology: Any) -> bool:
        """Whether the guest is too large for this ``NUMATopology``."""
        room, least, largest, cells = self.room, self.least, 0, 0
        try:
            for cell in topology._obj_cells:
                has = room(cell, least)
                if has >= least:
                    cells += 1
                    largest = max(largest, has)
        except (AttributeError, TypeError):  # none, from before a field, of odd values: not told
            return False
        return cells < self.cells or largest < self.most


def best_look(guest: GuestTopology, hosts: Sequence[Any]) -> Look | None:
    """The one that refuses most of these ``HostState`` objects, where it refuses half of them or
    more, as far as a few of them tell."""
    few = [host.numa_topology for host in hosts[:: max(1, len(hosts) // _SAMPLE)]]
    refused = {look: sum(map(look.refuses, few)) for look in looks(guest)}
    best = max(refused, key=refused.__getitem__, default=None)
    return best if best and 2 * refused[best] >= max(len(few), 1) else None


def looks(guest: GuestTopology) -> Iterator[Look]:
    """One for each quantity that the guest asks for."""
    wanted: dict[Room, list[int]] = defaultdict(list)
    sizes = {cell.pagesize for cell in guest.cells if cell.pagesize is not None}
    pages = {kib: partial(_free_pages, kib) for kib in sizes}
    for cell in guest.cells:
        if cell.cpu_policy != "dedicated":
            wanted[_shared_cpus].append(len(cell.cpuset))
        wanted[_free_dedicated_cpus].append(cell.pinned)
        kib = cell.memory_mb * 1024
        if cell.pagesize is None:
            wanted[_free_memory if cell.pinned else _memory].append(kib)
        elif cell.pagesize > 0:
            wanted[pages[cell.pagesize]].append(-(-kib // cell.pagesize))
    for room, amounts in wanted.items():
        if some := [amount for amount in amounts if amount]:
            yield Look(room, min(some), max(some), len(some))


def _shared_cpus(cell: Cell, _least: int) -> int:
    return len(cell._obj_cpuset)


def _free_dedicated_cpus(cell: Cell, least: int) -> int:
    there, pinned = cell._obj_pcpuset, cell._obj_pinned_cpus
    free = len(there) - len(pinned)
    if free < least <= len(there) and not pinned <= there:
        return len(there - pinned)
    return free


def _free_pages(kib: int, cell: Cell, _least: int) -> int:
    for pool in cell._obj_mempages:
        if pool._obj_size_kb == kib:
            return pool._obj_total - pool._obj_used - pool._obj_reserved
    return 0


def _memory(cell: Cell, _least: int) -> int:
    """KiB that one guest may have: pages of the smallest size, where there are pages."""
    pages = _smallest(cell)
    if pages is None:
        return cell._obj_memory * 1024
    return pages._obj_total * pages._obj_size_kb


def _free_memory(cell: Cell, _least: int) -> int:
    """The same of a guest that pins, which overcommits no memory."""
    pages = _smallest(cell)
    if pages is None:
        return (cell._obj_memory - cell._obj_memory_usage) * 1024
    return (pages._obj_total - pages._obj_used - pages._obj_reserved) * pages._obj_size_kb


def _smallest(cell: Cell) -> Pages | None:
    return min(cell._obj_mempages, key=_SIZE, default=None)


_SIZE = attrgetter("_obj_size_kb")
