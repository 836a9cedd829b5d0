"""Can a NUMA node's memory hold its huge pages?"""

from __future__ import annotations

from numafit.model.hostinfo import HostCell, HostInfo

BASE_PAGES_KIB = 64
"""The largest pages that a kernel manages all memory in; sources list them beside the huge ones."""


def huge_kib(cell: HostCell) -> int:
    """What the huge pages of a cell take, in use or not. The smallest pages are those that are left
    where they may be a kernel's own."""
    sizes = [pool.size_kib for pool in cell.page_pools if pool.size_kib <= BASE_PAGES_KIB]
    own = min(sizes, default=0)
    return sum(pool.size_kib * pool.total for pool in cell.page_pools if pool.size_kib > own)


def overfull_remarks(host: HostInfo) -> tuple[str, ...]:
    """A sentence for each cell whose memory, which it keeps in whole MiB, cannot hold its pages."""
    return tuple(
        f"node {cell.id} has {huge >> 10} MiB of huge pages and {cell.memory_mb} MiB of memory: "
        "one of the two is wrong, or they are not of one moment, or not of one host"
        for cell in host.cells
        if cell.memory_mb is not None and (huge := huge_kib(cell)) >= (cell.memory_mb + 1) << 10
    )
