"""How much that was whole does a guest break up, where it lands on a host?"""

from __future__ import annotations

from numafit.model.hostinfo import HostInfo
from numafit.model.placement import Placement

PCI_CELL = 2.0
"""A free cell near devices counts as this many others for a guest that asks for no devices."""


def breakage(info: HostInfo, placement: Placement, wants_devices: bool) -> float:
    """What a placement breaks up; 0 where it takes nothing that was whole and leaves no holes."""
    near = devices_near(info)
    cost = 0.0
    for taken in placement.cells:
        cell = next(one for one in info.cells if one.id == taken.host_cell)
        if not (cell.pinned_cpus or cell.cpu_usage or cell.memory_usage):
            cost += PCI_CELL if cell.id in near and not wants_devices else 1.0
        if taken.pcpuset:
            used = len(taken.pinning) + len(taken.reserved)
            free, whole = len(cell.pcpuset - cell.pinned_cpus) - used, len(cell.pcpuset)
        else:
            whole = cell.memory_mb or 0
            free = whole - cell.memory_usage - taken.memory_mb
        cost += max(free, 0) / max(whole, 1)
    return cost


def devices_near(info: HostInfo) -> set[int]:
    """Ids of the cells with free PCI devices."""
    return {
        pool.numa_node for pool in info.pci_pools or () if pool.count and pool.numa_node is not None
    }
