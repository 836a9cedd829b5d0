"""What is there to be stranded: free CPUs, memory, pages and devices, by cell and by pool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import PAGES_ANY, PAGES_LARGE
from numafit.fleet import Fleet
from numafit.model.request import Request
from numafit.planning import behind, reasons

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Columns = Mapping[str, npt.NDArray[Any]]

CELL, POOL, HOST = "cell", "pool", "host"
VCPUS = "shared vCPUs"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing that a fleet has, in units of its own (CPUs, MiB, pages, devices, vCPUs).

    ``of``: what it is counted of, a cell, a pool or a host. ``free``: how much of it each of them
    has in these columns, never below 0. ``asks``: how much of it a guest takes at least, 0 where
    it takes none.
    """

    label: str
    unit: str
    of: str
    free: Callable[[Columns], Ints]
    asks: Callable[[Request], int]


def kinds_of(fleet: Fleet) -> list[Kind]:
    """Those that some host of the fleet has."""
    columns = fleet.columns(copy=False)
    own = behind.cells_of(fleet).owned(len(columns["cell_id"]))
    found = [_cpus(), _memory(columns, own), *_pages(columns, own)]
    found += [*_devices(fleet), *_vcpus(fleet)]
    return [kind for kind in found if kind is not None]


def _positive(values: npt.NDArray[Any]) -> Ints:
    return np.maximum(values.astype(np.int64), 0)


def _cpus() -> Kind:
    def asks(request: Request) -> int:
        if request.guest is None:
            return 0
        return sum(cell.pinned for cell in request.guest.cells)

    return Kind(reasons.CPUS, "CPU", CELL, lambda now: _positive(now["cell_free"]), asks)


def _memory(columns: Columns, own: Flags) -> Kind | None:
    """What is not set aside for large pages: pages of the smallest size, or all of a cell."""
    smallest, kib = behind.smallest_pages(columns), columns["page_kib"]
    if not own.any():
        return None

    def free(now: Columns) -> Ints:
        return behind.free_kib({**columns, **now}) // 1024

    small = {int(kib[n]) for n in np.unique(smallest[own]).tolist() if n >= 0}

    def asks(request: Request) -> int:
        return _memory_in(
            request, lambda size: (size <= 0 and size != PAGES_LARGE) or size in small
        )

    return Kind(reasons.MEMORY, "MiB", CELL, free, asks)


def _memory_in(request: Request, wanted: Callable[[int], bool]) -> int:
    """MiB of the guest's cells whose page size will do; 0: none was asked for."""
    if request.guest is None:
        return 0
    cells = request.guest.cells
    return sum(cell.memory_mb for cell in cells if wanted(cell.pagesize or 0))


def _pages(columns: Columns, own: Flags) -> list[Kind]:
    """Those of each size but the smallest of their cell."""
    smallest = behind.smallest_pages(columns)
    found = []
    for n, kib in enumerate(columns["page_kib"].tolist()):
        has = (columns["cell_page_sizes"] >> np.uint32(n) & 1).astype(np.bool_)
        has &= own & (smallest != n)
        if has.any():
            found.append(_pages_of(n, kib, has))
    return found


def _pages_of(n: int, kib: int, has: Flags) -> Kind:
    def asks(request: Request) -> int:
        mib = _memory_in(request, lambda size: size in (kib, PAGES_LARGE, PAGES_ANY))
        return -(-mib * 1024 // kib)

    def free(now: Columns) -> Ints:
        return np.where(has, _positive(now["pages_free"][n]), 0)

    return Kind(reasons.page_label(kib), "page", CELL, free, asks)


def _devices(fleet: Fleet) -> list[Kind]:
    labels, which = behind.device_labels(fleet)
    return [_devices_of(fleet, label, which == n) for n, label in enumerate(labels)]


def _devices_of(fleet: Fleet, label: str, has: Flags) -> Kind:
    def asks(request: Request) -> int:
        return sum(
            one.count
            for one in request.pci
            if one.count > 0 and (behind.usable(fleet, one) & has).any()
        )

    def free(now: Columns) -> Ints:
        return np.where(has, _positive(now["pool_count"]), 0)

    return Kind(f"devices {label}", "device", POOL, free, asks)


def _vcpus(fleet: Fleet) -> list[Kind]:
    found = behind.vcpus(fleet)
    if found is None:
        return []
    row, limit = found

    def free(now: Columns) -> Ints:
        return _positive(limit - now["resource_used"][row, : len(limit)])

    def asks(request: Request) -> int:
        return 0 if request.resources is None else request.resources.amounts.get("VCPU", 0)

    return [Kind(VCPUS, "vCPU", HOST, free, asks)]
