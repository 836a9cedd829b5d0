"""One host as it is at one moment: what its columns hold, and the HostInfo that says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from numafit._header import NO_DISTANCES, POOL_GONE, REMOVED_CLASS, TUNNEL_NET
from numafit.columns.columns import Columns
from numafit.columns.gather import WORD_BITS
from numafit.columns.layouts import Layout
from numafit.columns.resources import REMOVED_KIND
from numafit.model.hostinfo import HostCell, HostInfo, PagePool, PciPool
from numafit.model.resources import Provider


class Values(Protocol):
    """Columns of one host by their names."""

    def __getitem__(self, name: str, /) -> npt.NDArray[Any]: ...


class HostNow:
    """A host's part of the columns, of one moment.

    ``now``: copies of the columns, the host's part alone, as the engine makes them under the host's
    lock (``Engine.host_copy``). ``released``: devices that claims hold which were given back in
    them. Who makes it holds ``devices_lock`` from before that copy on, so that addresses and counts
    of devices agree.
    """

    def __init__(
        self,
        columns: Columns,
        host: int,
        now: Values,
        released: frozenset[str] = frozenset(),
    ) -> None:
        self._columns = columns
        self._host = host
        self._now = now
        self._n = len(now["cell_id"])
        first = int(columns.host_first_pool[host])
        counts = now["pool_count"].tolist()
        self._pools = range(first, first + len(counts))
        self._devices = [
            tuple(columns.devices_left(pool, count, released))
            for pool, count in zip(self._pools, counts, strict=True)
        ]
        self._layouts: list[Layout] = [
            columns.cpu_layouts[layout] for layout in now["cell_layout"].tolist()
        ]
        self._masks = self._pinned_masks()

    def _pinned_masks(self) -> list[int]:
        """A mask of slots for each cell."""
        words = self._now["pinned"].tobytes()
        masks, at = [], 0
        for layout in self._layouts:
            size = 8 * layout.n_words
            masks.append(int.from_bytes(words[at : at + size], "little"))
            at += size
        return masks

    def pinned_cpus(self, cell: int) -> list[int]:
        """CPU ids pinned in the host's n-th cell, ascending."""
        mask = self._masks[cell]
        cpus = self._layouts[cell].cpus
        return sorted(cpu for slot, cpu in enumerate(cpus) if cpu >= 0 and mask >> slot & 1)

    def _page_sizes(self, cell: int) -> list[tuple[int, int]]:
        """(row of the page columns, KiB) of the sizes that the cell has, ascending."""
        present = int(self._now["cell_page_sizes"][cell])
        sizes = enumerate(self._columns.page_kib.tolist())
        return [(s, size) for s, size in sizes if present >> s & 1]

    def usage(self) -> list[dict[str, Any]]:
        """What is in use in each cell, as ``Host.usage`` says it."""
        used = self._now["pages_used"]
        return [
            {
                "id": int(self._now["cell_id"][n]),
                "cpu_usage": int(self._now["cell_cpu_used"][n]),
                "memory_usage": int(self._now["cell_memory_used"][n]),
                "pinned_cpus": self.pinned_cpus(n),
                "mempages": [
                    {"size_kb": size, "used": int(used[s, n])} for s, size in self._page_sizes(n)
                ],
            }
            for n in range(self._n)
        ]

    def free_pools(self, draws: Iterable[tuple[int, int, int]] = ()) -> tuple[PciPool, ...]:
        """PCI pools with what is free in them, in nova's order, once ``draws`` (request, pool,
        count) are taken too. Those that nova has dropped are left out."""
        counts = self._now["pool_count"].tolist()
        for _request, pool, count in draws:
            n = pool - self._pools.start
            counts[n] = counts[n] - count if counts[n] > count else POOL_GONE
        found = zip(self._pools, counts, self._devices, strict=True)
        return tuple(
            replace(self._columns.pools[pool], count=count, devices=devices[:count])
            for pool, count, devices in found
            if count != POOL_GONE
        )

    def provider(self) -> Provider | None:
        """What placement knows of the host, with the units that are in use now."""
        given = self._columns.providers_of_hosts.get(self._host)
        if given is None:
            return None
        used = self._now["resource_used"][:, 0].tolist()
        classes = self._columns.resource_classes
        now = {
            name: replace(inventory, used=used[classes[name]])
            for name, inventory in given.inventories.items()
        }
        return replace(given, inventories=now)

    def hostinfo(self) -> HostInfo:
        """All that the columns know of the host.

        Page sizes stand in ascending order, PCI pools in nova's; a cell that came without
        siblings has a core of its own for each CPU.
        """
        columns, host, now = self._columns, self._host, self._now
        number = now["host_class"][0]
        kind = REMOVED_KIND if number == REMOVED_CLASS else columns.host_kinds[number]
        return HostInfo(
            cells=tuple(map(self._cell, range(self._n))),
            name=columns.names[host],
            pci_pools=self.free_pools(),
            cpu_allocation_ratio=_known(now["host_cpu_ratio"][0]),
            ram_allocation_ratio=_known(now["host_ram_ratio"][0]),
            distances=self._distances(),
            provider=self.provider(),
            zone=kind.zone,
            disabled=kind.disabled,
            state=kind.state,
        )

    def _distances(self) -> tuple[tuple[int, ...], ...]:
        at, cells = int(self._now["host_distance_at"][0]), self._n
        if at == NO_DISTANCES:
            return ()
        matrix = self._columns.distances[at : at + cells * cells].reshape(cells, cells)
        return tuple(tuple(row) for row in matrix.tolist())

    def _cell(self, n: int) -> HostCell:
        columns, now = self._columns, self._now
        layout = self._layouts[n]
        socket = int(now["cell_socket"][n])
        return HostCell(
            id=int(now["cell_id"][n]),
            cpuset=layout.shared,
            pcpuset=layout.dedicated,
            memory_mb=int(now["cell_memory"][n]),
            cpu_usage=int(self._now["cell_cpu_used"][n]),
            memory_usage=int(self._now["cell_memory_used"][n]),
            pinned_cpus=frozenset(self.pinned_cpus(n)),
            siblings=layout.siblings,
            page_pools=tuple(self._page_pools(n)),
            physnets=frozenset(name for name, net in columns.nets.items() if self._near(n, net)),
            tunneled=self._near(n, TUNNEL_NET),
            socket=None if socket < 0 else socket,
        )

    def _near(self, cell: int, net: int) -> bool:
        word = int(self._now["cell_nets"][cell, net // WORD_BITS])
        return bool(word >> net % WORD_BITS & 1)

    def _page_pools(self, n: int) -> list[PagePool]:
        pools = []
        for s, size in self._page_sizes(n):
            total = int(self._now["pages_total"][s, n])
            used, free = int(self._now["pages_used"][s, n]), int(self._now["pages_free"][s, n])
            pools.append(PagePool(size, total, used, total - used - free))
        return pools


def _known(ratio: float) -> float | None:
    return None if np.isnan(ratio) else float(ratio)
