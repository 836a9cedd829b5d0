"""HostInfo values -> the engine's arrays: core-major numbering of CPUs, interning of what repeats.

A layout is what a cell's CPUs look like: cores in the host's own order, T slots each (T the power
of two that holds the widest core), then the CPUs that stand in no sibling set. Slot numbers stand
for CPU ids in every mask; the table ``layout_cpus`` turns them back.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.errors import InputError
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.model.placement import PciAllocation
from numafit.poolcolumns import Pools

MAX_PAGE_SIZES = 32
LOCAL_DISTANCE = 10
"""ACPI SLIT: the distance of a node to itself."""

LAYOUT_DTYPE = np.dtype(
    [
        ("shift", np.uint32),
        ("threads", np.uint32),
        ("n_cores", np.uint32),
        ("n_slots", np.uint32),
        ("n_shared", np.uint32),
        ("n_dedicated", np.uint32),
        ("same_sets", np.uint32),
        ("n_words", np.uint32),
        ("mask_at", np.uint64),
        ("cpu_at", np.uint64),
    ]
)
"""``struct nf_layout`` of numafit.h, field by field."""


@dataclass(slots=True)
class Layout:
    """One interned CPU layout: ``slot_of`` maps a CPU id to its slot, ``cpus`` maps back."""

    shift: int
    threads: int
    n_cores: int
    cpus: list[int]
    dedicated: frozenset[int]
    n_shared: int
    same_sets: bool
    slot_of: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.slot_of = {cpu: slot for slot, cpu in enumerate(self.cpus) if cpu >= 0}

    @property
    def n_words(self) -> int:
        return (len(self.cpus) + 63) // 64

    def mask(self, cpus: Iterable[int]) -> list[int]:
        """CPU ids -> words of a slot mask."""
        words = [0] * self.n_words
        for cpu in cpus:
            slot = self.slot_of[cpu]
            words[slot // 64] |= 1 << (slot % 64)
        return words


def lay_out(cell: HostCell) -> Layout:
    """Number a cell's CPUs core by core."""
    cores = [sorted(core) for core in cell.siblings]
    everything = cell.cpuset | cell.pcpuset | cell.pinned_cpus
    if not cores:
        cores = [[cpu] for cpu in sorted(everything)]
    threads = max(map(len, cores), default=0)
    shift = max(threads - 1, 0).bit_length()
    cpus: list[int] = []
    for core in cores:
        cpus += core + [-1] * ((1 << shift) - len(core))
    listed = {cpu for core in cores for cpu in core}
    cpus += sorted((cell.pcpuset | cell.pinned_cpus) - listed)
    return Layout(
        shift=shift,
        threads=threads,
        n_cores=len(cores),
        cpus=cpus,
        dedicated=cell.pcpuset,
        n_shared=len(cell.cpuset),
        same_sets=cell.cpuset == cell.pcpuset,
    )


class Columns:
    """The arrays of ``struct nf_fleet``, and the names behind its numbers.

    ``nets`` maps a physnet to its network id (0 is the tunnel endpoint); ``page_kib`` lists the
    page sizes in KiB, ascending; ``layouts`` holds the interned CPU layouts.
    """

    def __init__(self, hosts: Sequence[HostInfo]) -> None:
        self._devices_lock = threading.Lock()
        self.names = [host.name for host in hosts]
        self.layouts: list[Layout] = []
        self.nets: dict[str, int] = {}
        self._layout_ids: dict[Any, int] = {}
        self._intern(hosts)
        self._fill(hosts)

    def _intern(self, hosts: Sequence[HostInfo]) -> None:
        sizes: set[int] = set()
        for host in hosts:
            for cell in host.cells:
                sizes.update(pool.size_kib for pool in cell.page_pools)
                for physnet in cell.physnets:
                    self.nets.setdefault(physnet, len(self.nets) + 1)
        if len(sizes) > MAX_PAGE_SIZES:
            raise InputError(
                None, "page_pools", sorted(sizes), f"at most {MAX_PAGE_SIZES} page sizes in a fleet"
            )
        self.page_kib = np.array(sorted(sizes), dtype=np.uint32)

    def _layout_of(self, cell: HostCell) -> int:
        extra = cell.pinned_cpus - cell.pcpuset
        key = (cell.siblings, cell.cpuset, cell.pcpuset, extra)
        found = self._layout_ids.get(key)
        if found is None:
            found = self._layout_ids[key] = len(self.layouts)
            self.layouts.append(lay_out(cell))
        return found

    def _fill(self, hosts: Sequence[HostInfo]) -> None:
        cells = [cell for host in hosts for cell in host.cells]
        n_cells, n_sizes = len(cells), len(self.page_kib)
        counts = [len(host.cells) for host in hosts]
        self.n_hosts, self.n_cells = len(hosts), n_cells
        self.max_cells = max(counts, default=0)
        self.host_first_cell = np.zeros(len(hosts) + 1, np.uint32)
        np.cumsum(counts, out=self.host_first_cell[1:])
        self.host_cpu_ratio = _ratios(host.cpu_allocation_ratio for host in hosts)
        self.host_ram_ratio = _ratios(host.ram_allocation_ratio for host in hosts)
        self.host_generation = np.zeros(len(hosts), np.uint64)
        self._fill_distances(hosts)

        self.cell_id = np.array([cell.id for cell in cells], np.int32)
        self.cell_socket = np.array(
            [-1 if cell.socket is None else cell.socket for cell in cells], np.int32
        )
        self.cell_layout = np.array([self._layout_of(cell) for cell in cells], np.uint32)
        self.cell_memory = np.array([cell.memory_mb for cell in cells], np.int64)
        self.cell_memory_used = np.array([cell.memory_usage for cell in cells], np.int64)
        self.cell_cpu_used = np.array([cell.cpu_usage for cell in cells], np.int64)
        self._fill_pages(cells, n_sizes)
        self._fill_nets(cells)
        self._fill_layouts()
        self._fill_masks(cells)
        self._fill_pools(hosts)
        self.cell_free = np.zeros(n_cells, np.int32)
        self.cell_cores = np.zeros((max(self.max_threads, 1), n_cells), np.int32)

    def _fill_distances(self, hosts: Sequence[HostInfo]) -> None:
        self.host_distance_at = np.full(len(hosts), np.iinfo(np.uint64).max, np.uint64)
        known: dict[Any, int] = {}
        flat: list[int] = []
        for n, host in enumerate(hosts):
            if not host.distances:
                continue
            if host.distances not in known:
                known[host.distances] = len(flat)
                for row in host.distances:
                    flat += row
            self.host_distance_at[n] = known[host.distances]
        self.distances = np.array(flat, np.int32)

    def _fill_pages(self, cells: Sequence[HostCell], n_sizes: int) -> None:
        self.cell_page_sizes = np.zeros(len(cells), np.uint32)
        self.pages_total = np.zeros((n_sizes, len(cells)), np.int64)
        self.pages_used = np.zeros((n_sizes, len(cells)), np.int64)
        self.pages_free = np.zeros((n_sizes, len(cells)), np.int64)
        index = {int(size): s for s, size in enumerate(self.page_kib)}
        for n, cell in enumerate(cells):
            for pool in cell.page_pools:
                s = index[pool.size_kib]
                self.cell_page_sizes[n] |= np.uint32(1 << s)
                self.pages_total[s, n] = pool.total
                self.pages_used[s, n] = pool.used
                self.pages_free[s, n] = pool.total - pool.used - pool.reserved

    def _fill_nets(self, cells: Sequence[HostCell]) -> None:
        self.net_words = (len(self.nets) + 1 + 63) // 64
        self.cell_nets = np.zeros((len(cells), self.net_words), np.uint64)
        for n, cell in enumerate(cells):
            ids = [self.nets[physnet] for physnet in cell.physnets]
            if cell.tunneled:
                ids.append(0)
            for net in ids:
                self.cell_nets[n, net // 64] |= np.uint64(1 << (net % 64))

    def _fill_layouts(self) -> None:
        self.layout_table = np.zeros(len(self.layouts), LAYOUT_DTYPE)
        words: list[int] = []
        cpus: list[int] = []
        for row, layout in zip(self.layout_table, self.layouts, strict=True):
            row["shift"] = layout.shift
            row["threads"] = layout.threads
            row["n_cores"] = layout.n_cores
            row["n_slots"] = len(layout.cpus)
            row["n_shared"] = layout.n_shared
            row["n_dedicated"] = len(layout.dedicated)
            row["same_sets"] = layout.same_sets
            row["n_words"] = layout.n_words
            row["mask_at"] = len(words)
            row["cpu_at"] = len(cpus)
            words += layout.mask(layout.dedicated)
            cpus += layout.cpus
        self.layout_words = np.array(words, np.uint64)
        self.layout_cpus = np.array(cpus, np.int32)
        self.max_words = max((layout.n_words for layout in self.layouts), default=0)
        self.max_threads = max((layout.threads for layout in self.layouts), default=0)

    def _fill_masks(self, cells: Sequence[HostCell]) -> None:
        self.cell_mask_at = np.zeros(len(cells), np.uint64)
        words: list[int] = []
        for n, cell in enumerate(cells):
            self.cell_mask_at[n] = len(words)
            words += self.layouts[self.cell_layout[n]].mask(cell.pinned_cpus)
        self.pinned = np.array(words, np.uint64)

    def _fill_pools(self, hosts: Sequence[HostInfo]) -> None:
        pools = Pools()
        for n, host in enumerate(hosts):
            pools.add_host(host, int(self.host_first_cell[n]))
        self.classes = pools.classes
        self.providers = pools.providers
        self.pools = pools.infos
        self.host_first_pool = np.array(pools.first, np.uint32)
        self.pool_class = np.array(pools.class_of, np.uint32)
        self.pool_cell = np.array(pools.cell, np.int32)
        self.pool_provider = np.array(pools.provider, np.uint32)
        self.pool_family = np.array(pools.family, np.uint32)
        self.pool_kind = np.array(pools.kind, np.uint32)
        self.pool_count = np.array([pool.count for pool in pools.infos], np.int32)
        self.pool_taken = np.zeros(len(pools.infos), np.int32)
        self.devices_taken: dict[int, set[str]] = {}
        self.pool_hidden = np.zeros(len(pools.infos), np.int32)
        self.max_pools = max(map(int, np.diff(self.host_first_pool)), default=0)
        self.cell_devices = np.zeros(self.n_cells, np.int64)
        for where, pool in zip(pools.fleet_cell, pools.infos, strict=True):
            if where >= 0:
                self.cell_devices[where] += pool.count

    def free_devices(self, pool: int) -> list[str]:
        """Addresses of a pool's free devices, the one that goes next first; empty: not known.

        nova hands out the last of its list first.
        """
        taken: Collection[str] = self.devices_taken.get(pool, ())
        return [device for device in reversed(self.pools[pool].devices) if device not in taken]

    def take_devices(self, allocations: Sequence[PciAllocation]) -> tuple[PciAllocation, ...]:
        """Devices of a claim are no longer free; they are named now, as others may have gone
        since the placement was made."""
        if not any(self.pools[found.pool].devices for found in allocations):
            return tuple(allocations)
        named = []
        with self._devices_lock:
            for found in allocations:
                devices = tuple(self.free_devices(found.pool)[: found.count])
                self.devices_taken.setdefault(found.pool, set()).update(devices)
                named.append(replace(found, devices=devices))
        return tuple(named)

    def return_devices(self, allocations: Iterable[PciAllocation]) -> None:
        """Devices of a claim are free again."""
        with self._devices_lock:
            for found in allocations:
                if found.devices:
                    self.devices_taken[found.pool].difference_update(found.devices)

    def device_distance(self, host: int, cells: Sequence[int], pool: int) -> int | None:
        """NUMA distance from the nearest of these cells (indices in the fleet) to a pool."""
        node = int(self.pool_cell[pool])
        first, last = (int(at) for at in self.host_first_cell[host : host + 2])
        places = [cell - first for cell in cells]
        if node < 0 or not places:
            return None
        at = int(self.host_distance_at[host])
        if at == np.iinfo(np.uint64).max:
            return LOCAL_DISTANCE if node in places else None
        return min(int(self.distances[at + place * (last - first) + node]) for place in places)

    def pinned_cpus(self, cell: int) -> list[int]:
        """CPU ids pinned in a cell, ascending."""
        layout = self.layouts[self.cell_layout[cell]]
        first = int(self.cell_mask_at[cell])
        words = self.pinned[first : first + layout.n_words].tolist()
        return sorted(
            cpu
            for slot, cpu in enumerate(layout.cpus)
            if cpu >= 0 and words[slot // 64] >> (slot % 64) & 1
        )

    def usage(self, host: int) -> list[dict[str, Any]]:
        """What is in use in each cell of a host."""
        first, last = (int(at) for at in self.host_first_cell[host : host + 2])
        return [
            {
                "id": int(self.cell_id[n]),
                "cpu_usage": int(self.cell_cpu_used[n]),
                "memory_usage": int(self.cell_memory_used[n]),
                "pinned_cpus": self.pinned_cpus(n),
                "mempages": [
                    {"size_kb": size, "used": used} for size, used in self.pages_in_use(n)
                ],
            }
            for n in range(first, last)
        ]

    def pages_in_use(self, cell: int) -> list[tuple[int, int]]:
        """(KiB, pages used) for each size that the cell has, ascending."""
        return [
            (int(size), int(self.pages_used[s, cell]))
            for s, size in enumerate(self.page_kib)
            if self.cell_page_sizes[cell] >> np.uint32(s) & 1
        ]


def _ratios(values: Iterable[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)
