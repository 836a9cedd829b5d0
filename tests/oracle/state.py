"""What a host has and what of it is in use, as the oracle keeps it: plain lists, sets, dicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numafit import GuestCell, HostCell, HostInfo, PciPool, Request
from numafit.model.hostinfo import MAX_PAGE_COUNT

PF, VF, OTHER = "PF", "VF", "other"
KINDS = {"type-PF": PF, "type-VF": VF, "vdpa": VF}


@dataclass(slots=True)
class Placed:
    """One guest cell on a host cell. ``size``: KiB of a page, ``None`` where none was asked for."""

    cell: Cell
    size: int | None
    pins: dict[int, int]
    reserved: frozenset[int]


@dataclass(slots=True)
class Fit:
    """Where a guest lands. ``draws``: (request, pool by its place in nova's order, count)."""

    placed: list[Placed]
    draws: list[tuple[int, int, int]]


class Cell:
    """A host cell. ``cores``: CPU ids, ascending, in the host's order of cores."""

    def __init__(self, given: HostCell) -> None:
        self.id = given.id
        self.shared = given.cpuset
        self.dedicated = given.pcpuset
        self.memory = given.memory_mb
        self.memory_used = given.memory_usage
        self.shared_used = given.cpu_usage
        self.pinned = set(given.pinned_cpus)
        self.cores = [sorted(core) for core in given.siblings]
        if not self.cores:
            self.cores = [[cpu] for cpu in sorted(given.cpuset | given.pcpuset)]
        self.pages = {p.size_kib: p for p in given.page_pools}
        self.pages_used = {p.size_kib: p.used for p in given.page_pools}
        self.sizes = sorted(self.pages)
        self.physnets = given.physnets
        self.tunneled = given.tunneled
        self.socket = given.socket

    def copy(self) -> Cell:
        twin = Cell.__new__(Cell)
        twin.__dict__.update(self.__dict__)
        twin.pinned = set(self.pinned)
        twin.pages_used = dict(self.pages_used)
        return twin

    @property
    def width(self) -> int:
        """Threads of a core: those of the widest one."""
        return max(map(len, self.cores), default=1)

    @property
    def free(self) -> frozenset[int]:
        return self.dedicated - self.pinned

    @property
    def memory_free(self) -> int:
        return self.memory - self.memory_used

    def pages_kib(self, size: int, free: bool) -> int:
        pool = self.pages[size]
        pages = pool.total
        if free:
            pages -= self.pages_used[size] + pool.reserved
        return pages * size

    def cpus_of(self, guest: GuestCell, placed: Placed) -> frozenset[int]:
        """Host CPUs that the guest cell keeps others from: with thread policy isolate all of each
        core that it touches."""
        if guest.cpu_policy in (None, "shared"):
            return frozenset()
        cpus = frozenset(placed.pins.values()) | placed.reserved
        if guest.cpu_thread_policy != "isolate":
            return cpus
        return frozenset(c for core in self.cores if cpus.intersection(core) for c in core)

    def use(self, guest: GuestCell, placed: Placed, sign: int) -> None:
        self.memory_used += sign * guest.memory_mb
        self.shared_used += sign * len(guest.cpuset)
        cpus = self.cpus_of(guest, placed)
        if sign > 0:
            self.pinned |= cpus
        else:
            self.pinned -= cpus
        size = self.page_of(placed)
        if size is not None:
            self.pages_used[size] += sign * (guest.memory_mb * 1024 // size)

    def page_of(self, placed: Placed) -> int | None:
        return placed.size or (self.sizes[0] if self.sizes else None)

    def can_count(self, guest: GuestCell, placed: Placed) -> bool:
        """A host holds no more pages in use than its description has numbers for, though guests
        that share memory may be many."""
        size = self.page_of(placed)
        if size is None:
            return True
        return self.pages_used[size] + guest.memory_mb * 1024 // size <= MAX_PAGE_COUNT

    def usage(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "cpu_usage": self.shared_used,
            "memory_usage": self.memory_used,
            "pinned_cpus": sorted(self.pinned),
            "mempages": [{"size_kb": s, "used": self.pages_used[s]} for s in self.sizes],
        }


@dataclass(slots=True)
class Pool:
    """Devices that are alike. ``family``: the address that a PF and its VFs share, ``None`` where
    the pool comes without a list of devices. ``taken``: devices that claims hold. ``dropped``:
    nova keeps no pool whose last device was given away."""

    at: int
    info: PciPool
    props: dict[str, Any]
    node: int | None
    count: int
    family: str | None
    kind: str
    taken: int = 0
    dropped: bool = False
    devices: list[str] = field(default_factory=list)

    def copy(self) -> Pool:
        twin = Pool(self.at, self.info, self.props, self.node, self.count, self.family, self.kind)
        twin.taken, twin.dropped, twin.devices = self.taken, self.dropped, list(self.devices)
        return twin


def _pools(given: tuple[PciPool, ...]) -> list[Pool]:
    """In nova's order: those with fewer properties first."""
    flat = sorted(((info, info.as_dict()) for info in given), key=lambda one: len(one[1]))
    return [
        Pool(
            at,
            info,
            props,
            info.numa_node,
            info.count,
            props.get("address") if info.devices else None,
            KINDS.get(props.get("dev_type"), OTHER),
            devices=list(info.devices),
        )
        for at, (info, props) in enumerate(flat)
    ]


class HostState:
    """One host. ``pools``: ``None`` where nothing is known of devices. ``first_pool``: what the
    fleet that it stands in calls its first pool."""

    def __init__(self, info: HostInfo, first_pool: int = 0) -> None:
        self.cells = [Cell(cell) for cell in info.cells]
        self.pools = None if info.pci_pools is None else _pools(info.pci_pools)
        self.ratios = (info.cpu_allocation_ratio, info.ram_allocation_ratio)
        self.distances = info.distances
        self.place = {cell.id: n for n, cell in enumerate(self.cells)}
        self.first_pool = first_pool
        self.disabled = info.disabled
        self.provider = info.provider
        told = {} if info.provider is None else info.provider.inventories
        self.units = {name: one.used for name, one in told.items()}

    def copy(self) -> HostState:
        twin = HostState.__new__(HostState)
        twin.__dict__.update(self.__dict__)
        twin.cells = [cell.copy() for cell in self.cells]
        twin.pools = None if self.pools is None else [pool.copy() for pool in self.pools]
        twin.units = dict(self.units)
        return twin

    def serves(self, request: Request) -> bool:
        """Would placement offer it for the request? It does where no other provider is known, and
        by its traits where they are."""
        asked, provider = request.resources, self.provider
        if asked is not None and self.disabled:
            return False
        if asked is None or provider is None:
            return True
        traits = provider.traits
        if traits is not None and (asked.required - traits or asked.forbidden & traits):
            return False
        for name, amount in self._units_of(request).items():
            one = provider.inventories.get(name)
            if one is None or not one.min_unit <= amount <= one.max_unit or amount % one.step_size:
                return False
            if self.units[name] + amount > int((one.total - one.reserved) * one.allocation_ratio):
                return False
        return True

    def _allocate(self, request: Request, sign: int) -> None:
        for name, amount in self._units_of(request).items():
            if name in self.units:
                self.units[name] += sign * amount

    def _units_of(self, request: Request) -> dict[str, int]:
        """nova's second query, with VCPU for PCPU, finds hosts that have no PCPU at all."""
        asked = request.resources
        if asked is None:
            return {}
        second = asked.second
        old = second is not None and "PCPU" in asked.amounts and "PCPU" not in self.units
        return second.amounts if old and second is not None else asked.amounts

    def hidden(self, pool: Pool) -> bool:
        """Does somebody hold a device of another kind of this pool's family?"""
        return pool.family is not None and any(
            other.taken and other.family == pool.family and other.kind != pool.kind
            for other in self.pools or ()
        )

    def open_pools(self) -> list[Pool]:
        """Pools that nova has, in its order."""
        return [p for p in self.pools or () if not p.dropped and not self.hidden(p)]

    def guest_cells(self, request: Request, fit: Fit) -> list[tuple[Cell, GuestCell, Placed]]:
        cells = request.guest.cells if request.guest else ()
        return [
            (self.cells[self.place[placed.cell.id]], guest, placed)
            for guest, placed in zip(cells, fit.placed, strict=True)
        ]

    def claim(self, request: Request, fit: Fit) -> bool:
        """Take what the placement holds. False, and nothing is changed, where a whole core that
        thread policy isolate wants is not there to be had, or where pages are beyond counting."""
        triples = self.guest_cells(request, fit)
        for cell, guest, placed in triples:
            cpus = cell.cpus_of(guest, placed)
            if cpus - cell.dedicated or cpus & cell.pinned or not cell.can_count(guest, placed):
                return False
        for cell, guest, placed in triples:
            cell.use(guest, placed, 1)
        for _request, at, count in fit.draws:
            self._draw(at, count)
        self._allocate(request, 1)
        return True

    def release(self, request: Request, fit: Fit) -> None:
        for cell, guest, placed in self.guest_cells(request, fit):
            cell.use(guest, placed, -1)
        for _request, at, count in fit.draws:
            self._draw(at, -count)
        self._allocate(request, -1)

    def _draw(self, at: int, count: int) -> None:
        assert self.pools is not None
        pool = self.pools[at]
        pool.count -= count
        pool.taken += count
        pool.dropped = not pool.count and pool.taken > 0

    def hand_out(self, at: int, count: int) -> tuple[str, ...]:
        """A pool with a list gives its last free devices away, the last first."""
        assert self.pools is not None
        free = self.pools[at].devices
        return tuple(free.pop() for _ in range(count)) if free else ()

    def take_back(self, at: int, devices: tuple[str, ...]) -> None:
        assert self.pools is not None
        pool = self.pools[at]
        free = {*pool.devices, *devices}
        pool.devices = [device for device in pool.info.devices if device in free]

    def usage(self) -> list[dict[str, Any]]:
        return [cell.usage() for cell in self.cells]
