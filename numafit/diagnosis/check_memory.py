"""Pages and memory that nova.conf keeps from guests, against what the host has."""

from __future__ import annotations

from collections.abc import Iterator

from numafit.cpuset import format_cpu_list
from numafit.diagnosis.finding import ERROR, WARNING, Finding
from numafit.model.hostinfo import HostInfo
from numafit.plurals import counted
from numafit.rules.huge_pages import huge_kib
from numafit.rules.nova_config import NovaConfig

_RESERVED_MEMORY = "[DEFAULT] reserved_host_memory_mb"


def memory_findings(host: HostInfo, config: NovaConfig) -> Iterator[Finding]:
    yield from _reserved(host, config)
    yield from _room(host, config)


def _reserved(host: HostInfo, config: NovaConfig) -> Iterator[Finding]:
    key = "[DEFAULT] reserved_huge_pages"
    cells = {cell.id: cell for cell in host.cells}
    for pages in config.reserved_pages:
        what = f"node:{pages.node},size:{pages.size_kib},count:{pages.count}"
        cell = cells.get(pages.node)
        if cell is None:
            there = format_cpu_list(cells)
            yield Finding(
                WARNING,
                "reserved-pages",
                key,
                f"{what}: the NUMA nodes here are {there}",
                "nova passes over it; correct the node.",
            )
            continue
        pools = {pool.size_kib: pool.total for pool in cell.page_pools}
        if pages.size_kib not in pools:
            sizes = ", ".join(map(str, sorted(pools))) or "none"
            yield Finding(
                WARNING,
                "reserved-pages",
                key,
                f"{what}: the node has pages of {sizes} KiB",
                "nova passes over it; correct the size.",
            )
        elif pages.count > pools[pages.size_kib]:
            yield Finding(
                ERROR,
                "reserved-pages",
                key,
                f"{what}: the node has {counted(pools[pages.size_kib], 'page')} of that size",
                "No guest gets such a page here; reserve fewer, or make more.",
            )


def _room(host: HostInfo, config: NovaConfig) -> Iterator[Finding]:
    """Pages that are set aside as huge ones serve guests alone: the host lives on the rest."""
    huge = total = 0
    for cell in host.cells:
        if cell.memory_mb is None:
            return
        total += cell.memory_mb
        huge += huge_kib(cell)
    huge //= 1024
    wanted = config.kept_memory_mb
    if huge and total - huge < wanted:
        yield Finding(
            WARNING,
            "host-memory",
            _RESERVED_MEMORY,
            f"keeps {wanted} MiB for the host, but huge pages take {huge} of {total} MiB and leave "
            f"it {max(total - huge, 0)} MiB",
            "Make fewer huge pages: only guests are given them, and the host runs out of memory "
            "while nova still counts some as kept.",
        )
