"""The engine's arrays, and what stands behind their numbers: names, CPU ids, pools, devices."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.columns.gather import Gatherer
from numafit.columns.pools import Pools
from numafit.columns.resources import NOTHING_KNOWN, HostResources
from numafit.model.hostinfo import HostInfo
from numafit.model.placement import PciAllocation
from numafit.model.resources import Resources
from numafit.rules.candidates import why_not


class Columns:
    """The arrays of ``struct nf_fleet``, and the names behind its numbers.

    ``nets`` maps a physnet to its network id (0 is the tunnel endpoint); ``page_kib`` lists the
    page sizes in KiB, ascending; ``cpu_layouts`` holds the interned CPU layouts.
    """

    def __init__(self, hosts: Iterable[HostInfo] | Gatherer) -> None:
        if isinstance(hosts, Gatherer):
            self._fill(hosts)
            return
        gatherer = Gatherer()
        for host in hosts:
            gatherer.add_host(host)
        self._fill(gatherer)

    def _fill(self, g: Gatherer) -> None:
        self.names = g.names
        self.nets = g.nets
        self.cpu_layouts = g.layouts.all
        self.n_hosts, self.n_cells = len(g.names), len(g.cell_id)
        self.host_first_cell = _own(g.first_cell, np.uint32)
        self.host_cpu_ratio = _own(g.cpu_ratio, np.float64)
        self.host_ram_ratio = _own(g.ram_ratio, np.float64)
        self.host_distance_at = _own(g.distance_at, np.uint64)
        self.host_generation = np.zeros(self.n_hosts, np.uint64)
        self._fill_resources(g.resources)
        self.distances = _own(g.distances, np.int32)
        self.cell_id = _own(g.cell_id, np.int32)
        self.cell_socket = _own(g.socket, np.int32)
        self.cell_layout = _own(g.layout, np.uint32)
        self.cell_mask_at = _own(g.mask_at, np.uint64)
        self.cell_memory = _own(g.memory, np.int64)
        self.cell_memory_used = _own(g.memory_used, np.int64)
        self.cell_cpu_used = _own(g.cpu_used, np.int64)
        self.pinned = _own(g.pinned, np.uint64)
        self.page_kib, self.cell_page_sizes, pages = g.page_columns()
        self.pages_total, self.pages_used, self.pages_free = (column.copy() for column in pages)
        self.cell_nets = g.net_column()
        self.layouts, self.layout_words, self.layout_cpus = g.layouts.tables()
        self._fill_pools(g.pools)
        self._count()
        self._make_room()

    def adopt(self, arrays: Mapping[str, npt.NDArray[Any]], **known: Any) -> None:
        """Take arrays that were saved, and what stands behind their numbers."""
        for name, value in {**arrays, **known}.items():
            setattr(self, name, value)
        self.n_hosts, self.n_cells = len(self.host_cpu_ratio), len(self.cell_id)
        self._count()
        self._make_room()

    def _fill_resources(self, resources: HostResources) -> None:
        self.resource_classes = resources.classes
        self.providers_of_hosts = resources.providers
        self.host_kinds = resources.kinds or [NOTHING_KNOWN]
        self.host_class = _own(resources.kind, np.uint32)
        self.resource_limit, self.resource_used = resources.columns()

    def _make_room(self) -> None:
        """Columns that the engine derives from the others."""
        if not hasattr(self, "host_class"):  # a file of before there were resources
            unknown = HostResources()
            for _host in range(self.n_hosts):
                unknown.add_host(None)
            self._fill_resources(unknown)
        self.resource_room = np.zeros(self.resource_limit.shape, np.int32)
        self.cell_free = np.zeros(self.n_cells, np.int32)
        self.cell_cpu_room = np.zeros(self.n_cells, np.int32)
        self.cell_memory_room = np.zeros(self.n_cells, np.int32)
        self.cell_cores = np.zeros((self.max_threads, self.n_cells), np.int32)

    def _count(self) -> None:
        self.devices_lock = threading.Lock()
        self.knows_devices = any(pool.devices for pool in self.pools)
        self.max_cells = int(np.diff(self.host_first_cell).max(initial=0))
        self.max_pools = int(np.diff(self.host_first_pool).max(initial=0))
        self.net_words = self.cell_nets.shape[1]
        self.max_words = max((layout.n_words for layout in self.cpu_layouts), default=0)
        self.max_threads = max((layout.threads for layout in self.cpu_layouts), default=0)

    def host_refusal(
        self,
        host: int,
        units: bool,
        number: int,
        wanted: int,
        available: int,
        asked: Resources,
    ) -> str:
        """In words: what rules a host out, or (``units``) what it has too little of."""
        if not units:
            return why_not(self.host_kinds[number], asked)
        name = next(name for name, n in self.resource_classes.items() if n == number)
        limit = int(self.resource_limit[number, host])
        return f"{name}: {wanted} wanted, {max(available, 0)} free of {limit}"

    def counts(self) -> dict[str, int]:
        """The numbers of ``struct nf_fleet`` by their names."""
        return {
            "n_hosts": self.n_hosts,
            "n_cells": self.n_cells,
            "n_layouts": len(self.layouts),
            "n_page_sizes": len(self.page_kib),
            "max_threads": self.max_threads,
            "max_cells": self.max_cells,
            "max_words": self.max_words,
            "net_words": self.net_words,
            "n_pools": len(self.pool_count),
            "max_pools": self.max_pools,
            "n_classes": len(self.classes),
            "n_resources": len(self.resource_limit),
            "n_host_classes": len(self.host_kinds),
            "n_mask_words": len(self.pinned),
            "n_layout_words": len(self.layout_words),
            "n_layout_cpus": len(self.layout_cpus),
            "n_distances": len(self.distances),
        }

    def _fill_pools(self, pools: Pools) -> None:
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
        self.cell_devices = np.zeros(self.n_cells, np.int64)
        for where, pool in zip(pools.fleet_cell, pools.infos, strict=True):
            if where >= 0:
                self.cell_devices[where] += pool.count

    def frozen(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Columns:
        """The same with these arrays, which no claim changes. The caller holds
        ``devices_lock``."""
        still = copy(self)
        for name, value in arrays.items():
            setattr(still, name, value)
        still.devices_taken = {pool: set(taken) for pool, taken in self.devices_taken.items()}
        return still

    def free_devices(self, pool: int) -> list[str]:
        """Addresses of a pool's free devices, the one that goes next first; empty: not known.

        nova hands out the last of its list first.
        """
        taken: Collection[str] = self.devices_taken.get(pool, ())
        return [device for device in reversed(self.pools[pool].devices) if device not in taken]

    def take_devices(self, allocations: Sequence[PciAllocation]) -> tuple[PciAllocation, ...]:
        """Devices of a claim are no longer free; they are named now, as others may have gone
        since the placement was made. The caller holds ``devices_lock``."""
        if not any(self.pools[found.pool].devices for found in allocations):
            return tuple(allocations)
        named = []
        for found in allocations:
            devices = tuple(self.free_devices(found.pool)[: found.count])
            self.devices_taken.setdefault(found.pool, set()).update(devices)
            named.append(replace(found, devices=devices))
        return tuple(named)

    def return_devices(self, allocations: Iterable[PciAllocation]) -> None:
        """Devices of a claim are free again. The caller holds ``devices_lock``."""
        for found in allocations:
            if found.devices:
                self.devices_taken[found.pool].difference_update(found.devices)


def _own(values: array[Any] | bytearray, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """A copy, so that the buffer that grew (and has room to grow) can go."""
    return np.frombuffer(values, dtype).copy()
