"""One host as described: cells, page pools, PCI pools, and what of them is in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numafit import _header
from numafit.errors import InvalidValue
from numafit.model import fields
from numafit.model.fields import MAX_ID as MAX_ID
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.host_state import NOTHING_KNOWN, HostState
from numafit.model.resources import Provider
from numafit.plurals import counted

MAX_CELLS = _header.MAX_CELLS
"""Linux numbers at most 1024 NUMA nodes (``CONFIG_NODES_SHIFT`` is at most 10)."""
MAX_CELL_CPUS = _header.MAX_CELL_CPUS
"""Linux numbers at most 8192 CPUs (``CONFIG_NR_CPUS``)."""
MAX_THREADS = _header.MAX_THREADS
"""Threads of one core: a core's threads share one word of a CPU mask."""
MAX_CELL_SLOTS = _header.MAX_SLOTS
"""Bits of the engine's mask of a cell: each core has as many as the widest of them needs."""
MAX_PAGES = _header.MAX_PAGES_KIB
"""KiB in all: more than any cell has."""
MAX_PAGE_COUNT = (1 << 31) - 1
"""Pages of one size in a cell that the engine counts: 8 TiB of 4 KiB pages."""
MAX_PAGE_KIB = _header.MAX_PAGE_KIB
MAX_DISTANCE = _header.MAX_DISTANCE
_ADDRESS, _ADDRESSES = "the address of a device", "a list of addresses"
UNKNOWN_MEMORY = "the cell's memory in MiB, which the source of this host does not tell"
"""What is expected where ``HostCell.memory_mb`` is ``None`` and a number is needed."""


def max_pages(size_kib: int) -> int:
    """The most pages of a size (KiB) that a cell may have."""
    return min(MAX_PAGES // size_kib, MAX_PAGE_COUNT)


@dataclass(frozen=True, slots=True)
class PagePool:
    """Memory pages of one size in one cell. ``size_kib``: KiB; the rest: numbers of pages.

    ``total - used - reserved`` may be negative: a real row can be overcommitted.
    """

    size_kib: int
    total: int
    used: int = 0
    reserved: int = 0

    def __post_init__(self) -> None:
        keep = fields.keep_number
        keep(self, "size_kib", 1, MAX_PAGE_KIB)
        bound = max_pages(self.size_kib)
        keep(self, "total", 0, bound)
        keep(self, "used", 0, bound)
        # what is free, below zero where overcommitted, is one of the engine's 32-bit numbers too
        keep(self, "reserved", 0, min(bound, MAX_PAGE_COUNT - self.used + self.total))


@dataclass(frozen=True, slots=True)
class HostCell:
    """One NUMA cell of a host.

    ``cpuset``: CPU ids that shared guests float over. ``pcpuset``: CPU ids for dedicated vCPUs.
    On hosts configured by the old ``vcpu_pin_set`` both are the same set. ``siblings``: one set
    of CPU ids per core, in the host's own order, which decides the core that is taken first;
    empty means that each CPU is a core of its own. ``memory_mb``, ``memory_usage``: MiB;
    ``memory_mb`` is ``None`` where the source does not tell it: such a host can be shown and
    checked, and no guest can be fitted to it. ``cpu_usage``: floating vCPUs placed here.
    ``socket``: id, or ``None`` if unknown.
    ``physnets``, ``tunneled``: networks whose NIC is near this cell.
    """

    id: int
    cpuset: frozenset[int]
    pcpuset: frozenset[int]
    memory_mb: int | None
    cpu_usage: int = 0
    memory_usage: int = 0
    pinned_cpus: frozenset[int] = frozenset()
    siblings: tuple[frozenset[int], ...] = ()
    page_pools: tuple[PagePool, ...] = ()
    physnets: frozenset[str] = frozenset()
    tunneled: bool = False
    socket: int | None = None

    def __post_init__(self) -> None:
        put, keep = object.__setattr__, fields.keep_number
        keep(self, "id", 0, MAX_ID)
        for name in ("cpuset", "pcpuset", "pinned_cpus"):
            put(self, name, fields.ids(name, getattr(self, name)))
        siblings, seen = _cores(self.siblings)
        put(self, "siblings", siblings)
        if len(seen | self.cpuset | self.pcpuset | self.pinned_cpus) > MAX_CELL_CPUS:
            raise InvalidValue("cpuset", len(seen), f"at most {MAX_CELL_CPUS} CPUs in one cell")
        widest = max(map(len, siblings), default=0)
        if len(siblings) << max(widest - 1, 0).bit_length() > MAX_CELL_SLOTS - MAX_CELL_CPUS:
            expected = f"fewer cores beside one of {widest} threads"
            raise InvalidValue("siblings", f"{len(siblings)} cores", expected)
        if self.memory_mb is not None:
            keep(self, "memory_mb", 0, MAX_MEMORY_MB)
        keep(self, "memory_usage", 0, MAX_MEMORY_MB)
        keep(self, "cpu_usage", 0, MAX_ID)
        if self.socket is not None:
            keep(self, "socket", -1, MAX_ID)
        pools = fields.many(
            "page_pools", self.page_pools, PagePool, "a PagePool", "a list of PagePools"
        )
        put(self, "page_pools", pools)
        sizes = [pool.size_kib for pool in pools]
        if len(set(sizes)) != len(sizes):
            raise InvalidValue("page_pools", sizes, "each page size once")
        put(self, "physnets", fields.names("physnets", self.physnets))
        put(self, "tunneled", fields.yes_or_no("tunneled", self.tunneled))


@dataclass(frozen=True, slots=True)
class OfflineCpus:
    """CPUs of NUMA node ``cell`` that are there and off, or shown as if they were: their own
    topology is gone meanwhile. ``siblings``: those of their cores that the source tells all the
    same, CPUs that are on included."""

    cell: int
    cpus: frozenset[int]
    siblings: tuple[frozenset[int], ...] = ()


@dataclass(frozen=True, slots=True)
class PciPool:
    """Free PCI devices that are alike: ``count`` of them, on ``numa_node`` (``None``: unknown).

    ``tags`` holds all other properties as nova's pools do (``dev_type``, ``physical_network``,
    ``address`` of the device or of its PF, ``remote_managed``, ``rp_uuid``...). ``devices`` are
    the addresses, where the host came with a device list.
    """

    vendor_id: str
    product_id: str
    numa_node: int | None
    count: int
    tags: Mapping[str, Any] = field(default_factory=dict)
    devices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put, keep = object.__setattr__, fields.keep_number
        fields.text("vendor_id", self.vendor_id)
        fields.text("product_id", self.product_id)
        keep(self, "count", 0, MAX_ID)
        if self.numa_node is not None:
            keep(self, "numa_node", -1, MAX_ID)
        put(self, "tags", fields.mapping("tags", self.tags))
        put(self, "devices", fields.many("devices", self.devices, str, _ADDRESS, _ADDRESSES))

    def now(self, count: int, tags: dict[str, Any]) -> PciPool:
        """The same kind of pool with so many devices, whose addresses are not known. Number and
        tags are checked already: large fleets are read so."""
        made = object.__new__(PciPool)
        put = object.__setattr__
        put(made, "vendor_id", self.vendor_id)
        put(made, "product_id", self.product_id)
        put(made, "numa_node", self.numa_node)
        put(made, "count", count)
        put(made, "tags", tags)
        put(made, "devices", ())
        return made

    def as_dict(self) -> dict[str, Any]:
        """Flat, as nova's ``PciDevicePool.to_dict`` has it: tags beside the other properties."""
        return {
            "vendor_id": self.vendor_id,
            "product_id": self.product_id,
            "numa_node": self.numa_node,
            "count": self.count,
            **self.tags,
        }


@dataclass(frozen=True, slots=True)
class HostInfo:
    """One host with its current usage.

    ``pci_pools`` is ``None`` where nothing is known of devices. Ratios are ``None`` where the
    source does not hold them: then no limits apply. ``distances[i][j]`` is the NUMA distance
    from ``cells[i]`` to ``cells[j]`` (ACPI SLIT: 10 is local), empty if unknown. ``provider``:
    what placement knows of the host, ``None`` where the source does not tell; ``zone``: its
    availability zone; ``disabled``: why the compute service takes no guests, or that placement
    has no provider of the host; empty where it takes them. ``state``: what nova's scheduler
    filters look at besides.

    What a source says beside the host is not part of its value: ``offline``, CPUs that are off,
    ``remarks``, sentences on what the source left open and what that means here, and ``service``,
    the name of its nova-compute, by which aggregates have it; empty where that is not told.
    """

    cells: tuple[HostCell, ...]
    name: str = ""
    pci_pools: tuple[PciPool, ...] | None = None
    cpu_allocation_ratio: float | None = None
    ram_allocation_ratio: float | None = None
    distances: tuple[tuple[int, ...], ...] = ()
    provider: Provider | None = None
    zone: str | None = None
    disabled: str = ""
    state: HostState = NOTHING_KNOWN
    offline: tuple[OfflineCpus, ...] = field(default=(), compare=False)
    remarks: tuple[str, ...] = field(default=(), compare=False)
    service: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        put, many = object.__setattr__, fields.many
        fields.text("name", self.name)
        fields.text("zone", self.zone, none=True)
        fields.text("disabled", self.disabled)
        fields.text("service", self.service)
        fields.instance("state", self.state, HostState)
        fields.instance("provider", self.provider, Provider, none=True)
        put(self, "cells", many("cells", self.cells, HostCell, "a HostCell", "a list of HostCells"))
        if len(self.cells) > MAX_CELLS:
            raise InvalidValue("cells", len(self.cells), f"at most {MAX_CELLS} cells")
        ids = [cell.id for cell in self.cells]
        for n, cell_id in enumerate(ids):
            if cell_id in ids[:n]:
                raise InvalidValue(f"cells[{n}].id", cell_id, "an id that no other cell has")
        if self.pci_pools is not None:
            pools = many("pci_pools", self.pci_pools, PciPool, "a PciPool", "a list of PciPools")
            put(self, "pci_pools", pools)
            check_devices_once(pools)
        for name in ("cpu_allocation_ratio", "ram_allocation_ratio"):
            if getattr(self, name) is not None:
                put(self, name, fields.real(name, getattr(self, name)))
        put(self, "distances", _matrix(self.distances, len(self.cells)))
        offline = many("offline", self.offline, OfflineCpus, "OfflineCpus", "a list of OfflineCpus")
        put(self, "offline", offline)
        put(self, "remarks", many("remarks", self.remarks, str, "text", "a list of sentences"))


def check_devices_once(pools: Iterable[PciPool]) -> None:
    """No address stands twice in a host's pools."""
    seen: set[str] = set()
    for n, pool in enumerate(pools):
        for device in pool.devices:
            if device in seen:
                expected = "an address that no other device of the host has"
                raise InvalidValue(f"pci_pools[{n}].devices", device, expected)
            seen.add(device)


def _matrix(distances: Any, size: int) -> tuple[tuple[int, ...], ...]:
    """Rows of distances, or none at all."""
    expected = f"{counted(size, 'row')} of {counted(size, 'number')}"
    rows = tuple(
        fields.listed("distances", row, expected)
        for row in fields.listed("distances", distances, expected)
    )
    if not rows:
        return ()
    if len(rows) != size or any(len(row) != size for row in rows):
        raise InvalidValue("distances", distances, expected)
    return tuple(
        tuple(
            fields.number(f"distances[{n}][{m}]", value, 0, MAX_DISTANCE)
            for m, value in enumerate(row)
        )
        for n, row in enumerate(rows)
    )


def _cores(siblings: Iterable[Iterable[int]]) -> tuple[tuple[frozenset[int], ...], frozenset[int]]:
    """Sets of CPU ids that share none, and what stands in them."""
    try:
        cores = tuple(filter(None, map(frozenset, siblings)))
    except TypeError:
        raise InvalidValue("siblings", siblings, "a list of sets of CPU ids") from None
    everything: frozenset[int] = frozenset().union(*cores)
    sizes = list(map(len, cores))
    alike = len(everything) == sum(sizes) and max(sizes, default=0) <= MAX_THREADS
    if alike and fields.are_ids(everything):
        return cores, everything
    seen: set[int] = set()
    found: list[frozenset[int]] = []
    for n, core in enumerate(cores):
        core = fields.ids(f"siblings[{n}]", core)
        if len(core) > MAX_THREADS:
            raise InvalidValue(
                f"siblings[{n}]", sorted(core), f"at most {MAX_THREADS} threads a core"
            )
        if seen & core:
            raise InvalidValue(
                f"siblings[{n}]",
                sorted(core),
                f"sets that share no CPU (CPU {min(seen & core)} stands in two)",
                "List each core's threads once.",
            )
        seen |= core
        found.append(core)
    return tuple(found), frozenset(seen)
