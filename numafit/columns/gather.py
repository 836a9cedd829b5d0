"""Hosts, one after the other -> columns that grow. HostInfo values and rows come in at the top;
what both become is written down in one place."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import MAX_PAGE_SIZES, NO_DISTANCES, TUNNEL_NET
from numafit.columns import ranges
from numafit.columns.layouts import Layouts
from numafit.columns.names import Names
from numafit.columns.pools import Pools
from numafit.columns.resources import NOTHING_TOLD, HostResources, Told, told_of
from numafit.columns.schema import COLUMNS
from numafit.errors import InputError
from numafit.model.hostinfo import UNKNOWN_MEMORY, HostInfo, PciPool

FIRST_PHYSNET = TUNNEL_NET + 1
NAN = float("nan")
NO_SOCKET = -1
WORD_BITS = 64

Pages = Iterable[tuple[int, int, int, int]]
"""Page pools of a cell: KiB, total, used, reserved."""


class Gatherer:
    """Columns of hosts so far. A host is added as a whole or, where it is refused, not at all.

    ``beside``: in whose numbers; it learns those that are new."""

    def __init__(self, beside: Gatherer | None = None) -> None:
        self._grown: dict[str, array[Any]] = {}
        self.names = Names()
        self.layouts: Layouts = beside.layouts if beside else Layouts()
        self.pools: Pools = Pools(beside.pools if beside else None)
        self.resources: HostResources = HostResources(beside.resources if beside else None)
        self.nets: dict[str, int] = beside.nets if beside else {}
        self.cell_edges = array("q", [0])
        self.cpu_ratio = self._grow("host_cpu_ratio")
        self.ram_ratio = self._grow("host_ram_ratio")
        self.distance_at = self._grow("host_distance_at")
        self.distances = self._grow("distances")
        self.known_distances: dict[Any, int] = {}
        if beside:
            self.distances, self.known_distances = beside.distances, beside.known_distances
        self.cell_id = self._grow("cell_id")
        self.socket = self._grow("cell_socket")
        self.layout = self._grow("cell_layout")
        self.mask_at = self._grow("cell_mask_at")
        self.memory = self._grow("cell_memory")
        self.memory_used = self._grow("cell_memory_used")
        self.cpu_used = self._grow("cell_cpu_used")
        self.pinned = bytearray()
        self.page_cell = array("I")
        self.page_numbers = array("q")
        self.net_cell = array("I")
        self.net = array("I")

    def grown(self, name: str) -> array[Any]:
        """A column whose values stand one after the other, as it is now."""
        return self._grown[name]

    def _grow(self, name: str) -> array[Any]:
        """A column that gets its values one after the other."""
        # numpy and array name C's types by the same letters
        grown: array[Any] = array(COLUMNS[name].dtype.char)
        self._grown[name] = grown
        return grown

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Every column that hosts say something of."""
        # copies, so that buffers that grew, and have room to grow, can go
        return {
            **{name: np.array(values, COLUMNS[name].dtype) for name, values in self._grown.items()},
            "pinned": np.frombuffer(self.pinned, "<u8").astype(COLUMNS["pinned"].dtype),
            **ranges.from_edges("cell", np.array(self.cell_edges)),
            "cell_nets": self._nets(),
            "cell_devices": self._devices(),
            **self._pages(),
            **self.layouts.arrays(),
            **self.pools.arrays(),
            **self.resources.arrays(),
        }

    def known(self) -> dict[str, Any]:
        """What stands behind the numbers, by the names of Columns' attributes."""
        return {
            "names": self.names,
            "nets": self.nets,
            "cpu_layouts": self.layouts.all,
            **self.pools.known(),
            **self.resources.known(),
        }

    def add_cell(
        self,
        cell_id: int,
        socket: int | None,
        layout: int,
        pinned: bytes,
        memory: tuple[int, int],
        cpu_used: int,
        pages: Pages,
        physnets: Collection[str],
        tunneled: bool,
    ) -> None:
        """``memory``: MiB in all, MiB used. ``pinned``: words of a mask of slots."""
        n = len(self.cell_id)
        self.cell_id.append(cell_id)
        self.socket.append(NO_SOCKET if socket is None else socket)
        self.layout.append(layout)
        self.mask_at.append(len(self.pinned) // 8)
        self.pinned += pinned
        self.memory.append(memory[0])
        self.memory_used.append(memory[1])
        self.cpu_used.append(cpu_used)
        for pool in pages:
            self.page_cell.append(n)
            self.page_numbers.extend(pool)
        self.near(n, physnets, tunneled)

    def near(self, cell: int, physnets: Collection[str], tunneled: bool) -> None:
        """Networks whose NIC is near a cell of the columns."""
        nets = self.numbers_of(physnets)
        if tunneled:
            nets.append(TUNNEL_NET)
        self.net_cell.extend([cell] * len(nets))
        self.net.extend(nets)

    def numbers_of(self, physnets: Iterable[str]) -> list[int]:
        """Those of networks; new ones get the next."""
        nets = self.nets
        return [nets.setdefault(name, FIRST_PHYSNET + len(nets)) for name in sorted(physnets)]

    def end_host(
        self,
        name: str,
        cpu_ratio: float | None,
        ram_ratio: float | None,
        pools: Iterable[PciPool],
        distances: tuple[tuple[int, ...], ...] = (),
        told: Told = NOTHING_TOLD,
        classes: Iterable[int] | None = None,
    ) -> None:
        """All cells since the last host are this one's. ``told``: what is known of it as a whole.
        ``classes``: of the pools, as ``Pools.add_host`` takes them."""
        first = self.cell_edges[-1]
        self.cell_edges.append(len(self.cell_id))
        self.names.append(name)
        self.cpu_ratio.append(NAN if cpu_ratio is None else cpu_ratio)
        self.ram_ratio.append(NAN if ram_ratio is None else ram_ratio)
        self.distance_at.append(self.distance(distances) if distances else NO_DISTANCES)
        self.pools.add_host(pools, self.cell_id[first:] if pools else (), first, classes)
        self.resources.add(*told)

    def distance(self, matrix: tuple[tuple[int, ...], ...]) -> int:
        """Where a matrix stands among the distances."""
        if matrix not in self.known_distances:
            self.known_distances[matrix] = len(self.distances)
            for row in matrix:
                self.distances.extend(row)
        return self.known_distances[matrix]

    def add_host(self, host: HostInfo) -> None:
        """Raises ``InputError`` for a cell whose memory is not known: it is not 0."""
        for n, cell in enumerate(host.cells):
            memory_mb = cell.memory_mb
            if memory_mb is None:
                raise InputError(
                    host.name or None,
                    f"cells[{n}].memory_mb",
                    None,
                    UNKNOWN_MEMORY,
                    "'numafit show' prints the host and what its source lacks.",
                )
            layout = self.layouts.of(cell)
            shape = self.layouts.all[layout]
            self.add_cell(
                cell.id,
                cell.socket,
                layout,
                shape.words(shape.mask(cell.pinned_cpus)),
                (memory_mb, cell.memory_usage),
                cell.cpu_usage,
                [(p.size_kib, p.total, p.used, p.reserved) for p in cell.page_pools],
                cell.physnets,
                cell.tunneled,
            )
        self.end_host(
            host.name,
            host.cpu_allocation_ratio,
            host.ram_allocation_ratio,
            host.pci_pools or (),
            host.distances,
            told_of(host),
        )

    def _pages(self) -> dict[str, npt.NDArray[Any]]:
        numbers = np.frombuffer(self.page_numbers, np.int64).reshape(-1, 4)
        cells = np.frombuffer(self.page_cell, np.uint32)
        sizes, index = np.unique(numbers[:, 0], return_inverse=True)
        if len(sizes) > MAX_PAGE_SIZES:
            raise InputError(
                None,
                "page_pools",
                sizes.tolist(),
                f"at most {MAX_PAGE_SIZES} page sizes in a fleet",
            )
        present = np.zeros(len(self.cell_id), COLUMNS["cell_page_sizes"].dtype)
        found = {
            name: np.zeros((len(sizes), len(self.cell_id)), COLUMNS[name].dtype)
            for name in ("pages_total", "pages_used", "pages_free")
        }
        for s in range(len(sizes)):
            rows = np.flatnonzero(index == s)
            where = cells[rows]
            total, used, reserved = numbers[rows, 1:].T
            free = total - used - reserved
            if len(free) and int(free.min()) < np.iinfo(found["pages_free"].dtype).min:
                raise InputError(
                    None,
                    "page_pools",
                    int(free.min()),
                    "pages used and reserved at most 2^31 beyond the pages that there are",
                )
            present[where] |= present.dtype.type(1 << s)
            for column, values in zip(found.values(), (total, used, free), strict=True):
                column[s, where] = values
        return {
            "page_kib": sizes.astype(COLUMNS["page_kib"].dtype),
            "cell_page_sizes": present,
            **found,
        }

    def _nets(self) -> npt.NDArray[Any]:
        """Network bits, [cell][word]."""
        column = np.zeros((len(self.cell_id), net_words(len(self.nets))), np.uint64)
        net = np.frombuffer(self.net, np.uint32)
        bits = np.left_shift(np.uint64(1), (net % WORD_BITS).astype(np.uint64))
        np.bitwise_or.at(column, (np.frombuffer(self.net_cell, np.uint32), net // WORD_BITS), bits)
        return column

    def _devices(self) -> npt.NDArray[Any]:
        """Free PCI devices on each cell's node."""
        column = np.zeros(len(self.cell_id), COLUMNS["cell_devices"].dtype)
        for where, pool in zip(self.pools.fleet_cell, self.pools.infos, strict=True):
            if where >= 0:
                column[where] += pool.count
        return column


def net_words(physnets: int) -> int:
    """Words that hold a bit for each of so many physnets, and for the tunnel endpoint."""
    return (FIRST_PHYSNET + physnets + WORD_BITS - 1) // WORD_BITS
