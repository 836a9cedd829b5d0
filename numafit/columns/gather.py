"""Hosts, one after the other -> columns that grow. HostInfo values and rows come in at the top;
what both become is written down in one place."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.columns.layouts import Layouts
from numafit.columns.names import Names
from numafit.columns.pools import Pools
from numafit.columns.resources import HostResources
from numafit.errors import InputError
from numafit.model.hostinfo import UNKNOWN_MEMORY, HostInfo, PciPool

MAX_PAGE_SIZES = 32
UNKNOWN = 2**64 - 1
NAN = float("nan")

Pages = Iterable[tuple[int, int, int, int]]
"""Page pools of a cell: KiB, total, used, reserved."""


class Gatherer:
    """Columns of hosts so far. A host is added as a whole or, where it is refused, not at all."""

    def __init__(self) -> None:
        self.names = Names()
        self.layouts = Layouts()
        self.pools = Pools()
        self.resources = HostResources()
        self.nets: dict[str, int] = {}
        self.first_cell = array("I", [0])
        self.cpu_ratio = array("d")
        self.ram_ratio = array("d")
        self.distance_at = array("Q")
        self.distances = array("i")
        self._known_distances: dict[Any, int] = {}
        self.cell_id = array("i")
        self.socket = array("i")
        self.layout = array("I")
        self.mask_at = array("Q")
        self.memory = array("q")
        self.memory_used = array("q")
        self.cpu_used = array("q")
        self.pinned = bytearray()
        self.page_cell = array("I")
        self.page_numbers = array("q")
        self.net_cell = array("I")
        self.net = array("I")

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
        self.socket.append(-1 if socket is None else socket)
        self.layout.append(layout)
        self.mask_at.append(len(self.pinned) // 8)
        self.pinned += pinned
        self.memory.append(memory[0])
        self.memory_used.append(memory[1])
        self.cpu_used.append(cpu_used)
        for pool in pages:
            self.page_cell.append(n)
            self.page_numbers.extend(pool)
        if tunneled:
            self._near(n, 0)
        if physnets:
            for physnet in sorted(physnets):
                self._near(n, self.nets.setdefault(physnet, len(self.nets) + 1))

    def _near(self, cell: int, net: int) -> None:
        self.net_cell.append(cell)
        self.net.append(net)

    def end_host(
        self,
        name: str,
        cpu_ratio: float | None,
        ram_ratio: float | None,
        pools: Iterable[PciPool],
        distances: tuple[tuple[int, ...], ...] = (),
        known: HostInfo | None = None,
    ) -> None:
        """All cells since the last host are this one's. ``known``: holds what placement knows."""
        first = self.first_cell[-1]
        self.first_cell.append(len(self.cell_id))
        self.names.append(name)
        self.cpu_ratio.append(NAN if cpu_ratio is None else cpu_ratio)
        self.ram_ratio.append(NAN if ram_ratio is None else ram_ratio)
        self.distance_at.append(self._distance(distances) if distances else UNKNOWN)
        self.pools.add_host(pools, self.cell_id[first:], first)
        self.resources.add_host(known)

    def _distance(self, matrix: tuple[tuple[int, ...], ...]) -> int:
        if matrix not in self._known_distances:
            self._known_distances[matrix] = len(self.distances)
            for row in matrix:
                self.distances.extend(row)
        return self._known_distances[matrix]

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
            host,
        )

    def page_columns(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], Any]:
        """Page sizes in KiB, ascending; bits of sizes a cell; [total, used, free][size][cell]."""
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
        present = np.zeros(len(self.cell_id), np.uint32)
        columns = np.zeros((3, len(sizes), len(self.cell_id)), np.int32)
        for s in range(len(sizes)):
            rows = np.flatnonzero(index == s)
            where = cells[rows]
            total, used, reserved = numbers[rows, 1:].T
            present[where] |= np.uint32(1 << s)
            columns[0, s, where] = total
            columns[1, s, where] = used
            columns[2, s, where] = free = total - used - reserved
            if len(free) and int(free.min()) < np.iinfo(np.int32).min:
                raise InputError(
                    None,
                    "page_pools",
                    int(free.min()),
                    "pages used and reserved at most 2^31 beyond the pages that there are",
                )
        return sizes.astype(np.uint32), present, columns

    def net_column(self) -> npt.NDArray[np.uint64]:
        """Network bits, [cell][word]."""
        words = (len(self.nets) + 1 + 63) // 64
        column = np.zeros((len(self.cell_id), words), np.uint64)
        net = np.frombuffer(self.net, np.uint32)
        bits = np.left_shift(np.uint64(1), (net % 64).astype(np.uint64))
        np.bitwise_or.at(column, (np.frombuffer(self.net_cell, np.uint32), net // 64), bits)
        return column
