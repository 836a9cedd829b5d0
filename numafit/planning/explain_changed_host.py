"""A host with changes made to it: what each key of ``explain_host`` does, and how far it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numafit.model.host_state import HostState
from numafit.model.hostinfo import MAX_PAGE_COUNT, HostCell, HostInfo, PagePool, PciPool
from numafit.model.resources import MAX_UNITS, Inventory, Provider
from numafit.planning.explain_search import Changes, Key

FREE, DEDICATED, SHARED = "cpus", "dedicated", "shared"
PAGES, MEMORY, FLOATING = "pages", "memory", "floating"
NEAR, FAR = "near", "far"
POOL, DEVICE = "pool", "device"
UNITS, TRAIT, NO_TRAIT = "units", "trait", "no trait"
JOIN, LEAVE, METADATA = "join", "leave", "metadata"
ZONE, SERVICE = "zone", "service"
FREED = frozenset((FREE, PAGES, MEMORY, FLOATING))
OF_CELLS = FREED | {DEDICATED, SHARED}
"""What is counted on single cells."""
KIB = 1024
CPU_CLASSES = {"PCPU": DEDICATED, "VCPU": SHARED}
"""Classes of which a host has as many as its cells have CPUs in a set (times the ratio)."""


def threads_of(cell: HostCell) -> int:
    """Of the widest core."""
    return max(map(len, cell.siblings), default=1)


def cores_of(cell: HostCell) -> list[list[int]]:
    """CPUs that stand in some core, core by core."""
    if not cell.siblings:
        return [[cpu] for cpu in sorted(cell.cpuset | cell.pcpuset)]
    return [sorted(core) for core in cell.siblings]


def to_free(cell: HostCell, threads: int) -> list[int]:
    """Pinned dedicated CPUs in the order that brings the most cores with so many free threads
    soonest."""
    free = cell.pcpuset - cell.pinned_cpus
    held = cell.pcpuset & cell.pinned_cpus
    cores = [core for core in cores_of(cell) if held.intersection(core)]
    if threads == 1:
        # any will do: as many whole cores as possible
        cores.sort(key=lambda core: len(held.intersection(core)))
        return [cpu for core in cores for cpu in core if cpu in held]

    def missing(core: list[int]) -> tuple[bool, int]:
        there, more = len(free.intersection(core)), len(held.intersection(core))
        return there + more < threads, max(threads - there, 0)

    first, rest = [], []
    for core in sorted(cores, key=missing):
        hopeless, short = missing(core)
        cpus = [cpu for cpu in core if cpu in held]
        first += [] if hopeless else cpus[:short]
        rest += cpus if hopeless else cpus[short:]
    return first + rest


def to_dedicate(cell: HostCell) -> list[int]:
    """CPUs that could come into the dedicated set, those of no set first."""
    cpus = [cpu for core in cores_of(cell) for cpu in core]
    others = [cpu for cpu in cpus if cpu not in cell.pcpuset and cpu not in cell.pinned_cpus]
    return sorted(others, key=lambda cpu: cpu in cell.cpuset)


def to_share(cell: HostCell) -> list[int]:
    """CPUs that could come into the shared set, those of no set first."""
    cpus = [cpu for core in cores_of(cell) for cpu in core]
    others = [cpu for cpu in cpus if cpu not in cell.cpuset and cpu not in cell.pinned_cpus]
    return sorted(others, key=lambda cpu: cpu in cell.pcpuset)


def pages_of(cell: HostCell, size: int) -> PagePool:
    """The cell's pages of so many KiB; none of them where it has no such size."""
    return next((pool for pool in cell.page_pools if pool.size_kib == size), PagePool(size, 0))


def smallest_pages(cell: HostCell) -> PagePool | None:
    return min(cell.page_pools, key=lambda pool: pool.size_kib, default=None)


def more_pages(cell: HostCell, size: int) -> int:
    """Pages of a size that the cell's smallest pages, as far as they are free, would make; without
    any pages its free memory."""
    small = smallest_pages(cell)
    if small is None:
        return max((cell.memory_mb or 0) - cell.memory_usage, 0) * KIB // size
    if size <= small.size_kib:
        return 0
    return max(small.total - small.used - small.reserved, 0) * small.size_kib // size


def most_of(info: HostInfo, key: Key) -> int:
    """How far a change goes on this host as it is."""
    what, *about = key
    if what == UNITS:
        return _in_use(info, about[0]) if about[0] in CPU_CLASSES and info.cells else MAX_UNITS
    if what not in OF_CELLS:
        return 1
    cell = cell_of(info, about[0])
    if what == FREE:
        return len(to_free(cell, about[1]))
    if what == DEDICATED:
        return len(to_dedicate(cell))
    if what == SHARED:
        return len(to_share(cell))
    if what == PAGES:
        pool = pages_of(cell, about[1])
        return pool.used + min(more_pages(cell, about[1]), MAX_PAGE_COUNT - pool.total)
    return cell.memory_usage if what == MEMORY else cell.cpu_usage


def _in_use(info: HostInfo, name: str) -> int:
    inventory = None if info.provider is None else info.provider.inventories.get(name)
    return 0 if inventory is None else inventory.used


def cell_of(info: HostInfo, number: int) -> HostCell:
    return next(cell for cell in info.cells if cell.id == number)


def changed_host(info: HostInfo, changes: Changes, spare: Mapping[Key, PciPool]) -> HostInfo:
    """``spare``: what a DEVICE is like, by its key."""
    if not changes:
        return info
    by_cell: dict[int, dict[Key, int]] = {}
    for key, amount in changes.items():
        if key[0] in OF_CELLS or key[0] in (NEAR, FAR):
            by_cell.setdefault(key[1], {})[key] = amount
    cells = tuple(_cell(cell, by_cell.get(cell.id, {})) for cell in info.cells)
    return replace(
        info,
        cells=cells,
        pci_pools=_pools(info.pci_pools, changes, spare),
        provider=None if info.provider is None else _provider(info, info.provider, cells, changes),
        zone=next((key[1] for key in changes if key[0] == ZONE), info.zone),
        disabled="" if (SERVICE,) in changes else info.disabled,
        state=_state(info.state, changes),
    )


def _state(state: HostState, changes: Changes) -> HostState:
    new = [key[1:] for key in changes if key[0] == METADATA]
    if not new:
        return state
    metadata = dict(state.aggregate_metadata or {})
    for name, value in new:
        metadata[name] = metadata.get(name, frozenset()) | {value}
    return replace(state, aggregate_metadata=metadata)


def _cell(cell: HostCell, changes: Changes) -> HostCell:
    for key, amount in changes.items():
        what = key[0]
        if what == FREE:
            freed = to_free(cell, key[2])[:amount]
            cell = replace(cell, pinned_cpus=cell.pinned_cpus - frozenset(freed))
        elif what == DEDICATED:
            cell = _dedicate(cell, to_dedicate(cell)[:amount])
        elif what == SHARED:
            cell = _share(cell, to_share(cell)[:amount])
        elif what == PAGES:
            cell = replace(cell, page_pools=tuple(_pages(cell, key[2], amount)))
        elif what == MEMORY:
            cell = replace(cell, memory_usage=cell.memory_usage - amount)
        elif what == FLOATING:
            cell = replace(cell, cpu_usage=cell.cpu_usage - amount)
        elif what in (NEAR, FAR):
            cell = _nets(cell, key[2], what == NEAR)
    return cell


def _dedicate(cell: HostCell, cpus: Sequence[int]) -> HostCell:
    return replace(cell, pcpuset=cell.pcpuset | set(cpus), cpuset=cell.cpuset - set(cpus))


def _share(cell: HostCell, cpus: Sequence[int]) -> HostCell:
    return replace(cell, cpuset=cell.cpuset | set(cpus), pcpuset=cell.pcpuset - set(cpus))


def _pages(cell: HostCell, size: int, amount: int) -> list[PagePool]:
    """So many pages of a size more are free: used ones first, then new ones, which the smallest
    pages are made into."""
    pool, small = pages_of(cell, size), smallest_pages(cell)
    freed = min(pool.used, amount)
    more = amount - freed
    rest = [one for one in cell.page_pools if one.size_kib != size]
    if small is not None and more:
        gone = -(-more * size // small.size_kib)
        rest = [
            replace(one, total=max(one.total - gone, 0)) if one is small else one for one in rest
        ]
    return [*rest, replace(pool, used=pool.used - freed, total=pool.total + more)]


def _nets(cell: HostCell, name: str, near: bool) -> HostCell:
    """``name``: a physical network's, empty for tunnels."""
    if not name:
        return replace(cell, tunneled=near)
    nets = cell.physnets | {name} if near else cell.physnets - {name}
    return replace(cell, physnets=nets)


def _pools(
    pools: tuple[PciPool, ...] | None, changes: Changes, spare: Mapping[Key, PciPool]
) -> tuple[PciPool, ...] | None:
    if not any(key[0] in (POOL, DEVICE) for key in changes):
        return pools
    found = [
        replace(pool, count=pool.count + changes.get((POOL, n), 0))
        for n, pool in enumerate(pools or ())
    ]
    new = [replace(spare[key], count=n) for key, n in changes.items() if key[0] == DEVICE]
    return (*found, *new)


def _provider(
    info: HostInfo, provider: Provider, cells: Sequence[HostCell], changes: Changes
) -> Provider:
    """What the cells' changes give back and add counts in the inventories too."""
    returned: dict[str, int] = {}
    added = dict.fromkeys(CPU_CLASSES, 0)

    def note(sums: dict[str, int], name: str, amount: int) -> None:
        sums[name] = sums.get(name, 0) + amount

    for key, amount in changes.items():
        if key[0] == FREE:
            note(returned, "PCPU", amount)
        elif key[0] == FLOATING:
            note(returned, "VCPU", amount)
        elif key[0] == MEMORY:
            note(returned, "MEMORY_MB", amount)
        elif key[0] == PAGES:
            freed = min(amount, pages_of(cell_of(info, key[1]), key[2]).used)
            note(returned, "MEMORY_MB", freed * key[2] // KIB)
    for before, after in zip(info.cells, cells, strict=True):
        note(added, "PCPU", len(after.pcpuset) - len(before.pcpuset))
        note(added, "VCPU", len(after.cpuset) - len(before.cpuset))
    new = {name for name in CPU_CLASSES if added[name] > 0} - set(provider.inventories)
    inventories = dict(provider.inventories) | {name: Inventory(0, max_unit=1) for name in new}
    for name, one in inventories.items():
        total = max(one.total + added.get(name, 0), 0)
        most = max(total, 1) if one.max_unit == max(one.total, 1) else one.max_unit
        used = max(one.used - returned.get(name, 0), 0)
        inventories[name] = replace(one, total=total, max_unit=most, used=used)
    for key, amount in changes.items():
        if key[0] == UNITS:
            inventories[key[1]] = _with_units(inventories.get(key[1]), amount)
    traits, aggregates = provider.traits, provider.aggregates
    return replace(
        provider,
        inventories=inventories,
        absent=provider.absent - inventories.keys(),
        traits=_with(traits, changes, TRAIT, NO_TRAIT),
        aggregates=_with(aggregates, changes, JOIN, LEAVE),
    )


def _with_units(inventory: Inventory | None, amount: int) -> Inventory:
    """So many units more may be had: those in use first, then more than there are."""
    if inventory is None:
        return Inventory(amount)
    if amount <= inventory.used:
        return replace(inventory, used=inventory.used - amount)
    limit = min(inventory.limit + amount - inventory.used, MAX_UNITS)
    most = max(inventory.max_unit, limit)
    return replace(inventory, used=0, total=limit, reserved=0, allocation_ratio=1.0, max_unit=most)


def _with(
    names: frozenset[str] | None, changes: Changes, more: str, fewer: str
) -> frozenset[str] | None:
    if names is None:
        return None
    kept: Any = names - {key[1] for key in changes if key[0] == fewer}
    return frozenset(kept | {key[1] for key in changes if key[0] == more})
