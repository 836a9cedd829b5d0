"""Columns -> HostInfo: one host as it is now."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from numafit.columns.columns import Columns
from numafit.model.hostinfo import HostCell, HostInfo, PagePool, PciPool
from numafit.model.resources import Provider

_UNKNOWN = np.iinfo(np.uint64).max


def host_info(columns: Columns, host: int) -> HostInfo:
    """What the columns know of a host, all of one moment.

    Page sizes stand in ascending order, PCI pools in nova's; a cell that came without siblings
    has a core of its own for each CPU. Pools that claims have used up are left out, as nova
    leaves them out.
    """
    while True:
        generation = columns.host_generation[host]
        info = _host(columns, host)
        if columns.host_generation[host] == generation:
            return info


def _host(columns: Columns, host: int) -> HostInfo:
    first, last = (int(at) for at in columns.host_first_cell[host : host + 2])
    return HostInfo(
        cells=tuple(_cell(columns, cell) for cell in range(first, last)),
        name=columns.names[host],
        pci_pools=free_pools(columns, host),
        cpu_allocation_ratio=_known(columns.host_cpu_ratio[host]),
        ram_allocation_ratio=_known(columns.host_ram_ratio[host]),
        distances=_distances(columns, host, last - first),
        provider=provider_now(columns, host),
        zone=columns.host_kinds[columns.host_class[host]].zone,
        disabled=columns.host_kinds[columns.host_class[host]].disabled,
    )


def provider_now(columns: Columns, host: int) -> Provider | None:
    """What placement knows of a host, with the units that are in use now."""
    given = columns.providers_of_hosts.get(host)
    if given is None:
        return None
    now = {
        name: replace(
            inventory, used=int(columns.resource_used[columns.resource_classes[name], host])
        )
        for name, inventory in given.inventories.items()
    }
    return replace(given, inventories=now)


def _known(ratio: float) -> float | None:
    return None if np.isnan(ratio) else float(ratio)


def _distances(columns: Columns, host: int, cells: int) -> tuple[tuple[int, ...], ...]:
    at = int(columns.host_distance_at[host])
    if at == _UNKNOWN:
        return ()
    matrix = columns.distances[at : at + cells * cells].reshape(cells, cells)
    return tuple(tuple(row) for row in matrix.tolist())


def _cell(columns: Columns, cell: int) -> HostCell:
    layout = columns.cpu_layouts[columns.cell_layout[cell]]
    socket = int(columns.cell_socket[cell])
    return HostCell(
        id=int(columns.cell_id[cell]),
        cpuset=layout.shared,
        pcpuset=layout.dedicated,
        memory_mb=int(columns.cell_memory[cell]),
        cpu_usage=int(columns.cell_cpu_used[cell]),
        memory_usage=int(columns.cell_memory_used[cell]),
        pinned_cpus=frozenset(columns.pinned_cpus(cell)),
        siblings=layout.siblings,
        page_pools=_page_pools(columns, cell),
        physnets=frozenset(name for name, n in columns.nets.items() if _near(columns, cell, n)),
        tunneled=_near(columns, cell, 0),
        socket=None if socket < 0 else socket,
    )


def _near(columns: Columns, cell: int, net: int) -> bool:
    return bool(int(columns.cell_nets[cell, net // 64]) >> net % 64 & 1)


def _page_pools(columns: Columns, cell: int) -> tuple[PagePool, ...]:
    pools = []
    for s, size in enumerate(columns.page_kib.tolist()):
        if int(columns.cell_page_sizes[cell]) >> s & 1:
            total, used, free = (
                int(column[s, cell])
                for column in (columns.pages_total, columns.pages_used, columns.pages_free)
            )
            pools.append(PagePool(size, total, used, total - used - free))
    return tuple(pools)


def free_pools(columns: Columns, host: int) -> tuple[PciPool, ...]:
    """PCI pools with what is free in them; those that nova has dropped are left out."""
    first, last = (int(at) for at in columns.host_first_pool[host : host + 2])
    return tuple(
        replace(columns.pools[n], count=count, devices=tuple(reversed(columns.free_devices(n))))
        for n, count in enumerate(columns.pool_count[first:last].tolist(), first)
        if count >= 0
    )
