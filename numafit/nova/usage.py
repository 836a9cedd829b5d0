"""In the place of ``nova.virt.hardware.numa_usage_from_instance_numa``."""

from __future__ import annotations

from typing import Any

from nova import objects

from numafit.nova.convert import field

_CARRIED = (
    "id",
    "cpuset",
    "pcpuset",
    "memory",
    "mempages",
    "pinned_cpus",
    "siblings",
    "network_metadata",
    "socket",
)


def numa_usage_from_instance_numa(
    host_topology: Any, instance_topology: Any, free: bool = False
) -> Any:
    """A new ``NUMATopology`` with the guest's usage added, or with ``free`` taken away.

    Raises ``CPUPinningInvalid`` and the like of nova where CPUs are not free, or not in use.
    """
    if not host_topology or not instance_topology:
        return host_topology
    return objects.NUMATopology(
        cells=[
            _used(cell, [one for one in instance_topology.cells if one.id == cell.id], free)
            for cell in host_topology.cells
        ]
    )


def _used(cell: Any, guest_cells: list[Any], free: bool) -> Any:
    sign = -1 if free else 1
    memory, cpus = cell.memory_usage, cell.cpu_usage
    held = {name: field(cell, name) for name in _CARRIED if cell.obj_attr_is_set(name)}
    held.setdefault("socket", None)
    new = objects.NUMACell(cpu_usage=0, memory_usage=0, **held)
    for guest in guest_cells:
        new.mempages = _pages(new.mempages, guest, sign)
        memory += sign * guest.memory
        cpus += sign * len(guest.cpuset)
        if field(guest, "cpu_policy") in ("dedicated", "mixed"):
            _pin(new, guest, free)
    new.memory_usage = max(0, memory)
    new.cpu_usage = max(0, cpus)
    return new


def _pin(cell: Any, guest: Any, free: bool) -> None:
    cpus = set((guest.cpu_pinning or {}).values()) | set(field(guest, "cpuset_reserved") or ())
    if field(guest, "cpu_thread_policy") == "isolate":
        (cell.unpin_cpus_with_siblings if free else cell.pin_cpus_with_siblings)(cpus)
    else:
        (cell.unpin_cpus if free else cell.pin_cpus)(cpus)


def _pages(pools: list[Any], guest: Any, sign: int) -> list[Any]:
    """Whole pages both ways, so that what was taken can be given back."""
    size = field(guest, "pagesize") or min((pool.size_kb for pool in pools), default=None)
    return [
        objects.NUMAPagesTopology(
            size_kb=pool.size_kb,
            total=pool.total,
            used=max(0, pool.used + sign * (guest.memory * 1024 // pool.size_kb)),
            reserved=field(pool, "reserved", 0),
        )
        if pool.size_kb == size
        else pool
        for pool in pools
    ]
