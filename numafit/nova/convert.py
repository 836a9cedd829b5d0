"""Nova's objects -> numafit's values, straight from their fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numafit.model.flavor import Flavor, Image
from numafit.model.guest import GuestCell, GuestTopology, Limits, Networks, PciRequest
from numafit.model.hostinfo import HostCell, HostInfo, PagePool, PciPool

Pool = dict[str, Any]
_POOL_KEYS = ("vendor_id", "product_id", "numa_node", "count", "devices")


def field(obj: Any, name: str, default: Any = None) -> Any:
    """A field of a versioned object; ``default`` where it is not set.

    Past the object's property, which would try to load a field that is missing: oslo keeps each
    field's value in the attribute ``_obj_NAME``.
    """
    return getattr(obj, "_obj_" + name, default)


def host_cell(cell: Any, socket: int | None) -> HostCell:
    """``nova.objects.NUMACell`` -> HostCell. A cell from before ``pcpuset`` had one set of CPUs."""
    cpuset = frozenset(field(cell, "cpuset", ()))
    network = field(cell, "network_metadata")
    return HostCell(
        id=field(cell, "id"),
        cpuset=cpuset,
        pcpuset=frozenset(field(cell, "pcpuset", cpuset)),
        memory_mb=field(cell, "memory", 0),
        cpu_usage=field(cell, "cpu_usage", 0),
        memory_usage=field(cell, "memory_usage", 0),
        pinned_cpus=frozenset(field(cell, "pinned_cpus", ())),
        siblings=field(cell, "siblings", ()),
        page_pools=tuple(map(page_pool, field(cell, "mempages", ()))),
        physnets=frozenset(field(network, "physnets", ()) if network else ()),
        tunneled=bool(network and field(network, "tunneled", False)),
        socket=socket,
    )


def page_pool(pages: Any) -> PagePool:
    """``nova.objects.NUMAPagesTopology`` -> PagePool."""
    used, reserved = field(pages, "used", 0), field(pages, "reserved", 0)
    return PagePool(field(pages, "size_kb"), field(pages, "total"), used, reserved)


def host_info(
    topology: Any,
    pci_stats: Any = None,
    name: str = "",
    cpu_ratio: float | None = None,
    ram_ratio: float | None = None,
) -> HostInfo:
    """``NUMATopology`` and ``PciDeviceStats`` -> HostInfo. Raises InputError.

    Sockets come from the topology that the pools were made with: nova looks there too.
    """
    known = sockets(topology if pci_stats is None else pci_stats.numa_topology)
    own = sockets(topology)
    return HostInfo(
        cells=tuple(
            host_cell(cell, known.get(cell.id, own.get(cell.id))) for cell in topology.cells
        ),
        name=name,
        pci_pools=None if pci_stats is None else pci_pools(pci_stats.pools),
        cpu_allocation_ratio=cpu_ratio,
        ram_allocation_ratio=ram_ratio,
    )


def sockets(topology: Any) -> dict[int, int | None]:
    """Cell id -> socket."""
    if topology is None:
        return {}
    return {cell.id: field(cell, "socket") for cell in field(topology, "cells", ())}


def pci_pools(pools: Iterable[Pool], devices: bool = False) -> tuple[PciPool, ...]:
    """The pools of a ``PciDeviceStats``, in its order. ``devices``: with the addresses of the
    devices, where the pools hold them.

    The engine sorts pools by the number of their properties, as nova does when it makes them; a
    property that nova adds later moves nothing there. Empty properties keep that order here.
    """
    flat = list(pools)
    sizes = [sum(key not in _POOL_KEYS for key in pool) for pool in flat]
    padding = max(sizes, default=0) if sizes != sorted(sizes) else 0
    found = []
    for pool, size in zip(flat, sizes, strict=True):
        tags = {key: value for key, value in pool.items() if key not in _POOL_KEYS}
        tags.update((f"numafit_{n}", None) for n in range(size, padding))
        found.append(
            PciPool(
                vendor_id=pool.get("vendor_id", ""),
                product_id=pool.get("product_id", ""),
                numa_node=pool.get("numa_node"),
                count=pool["count"],
                tags=tags,
                devices=tuple(d.address for d in pool.get("devices", ())) if devices else (),
            )
        )
    return tuple(found)


def guest_topology(topology: Any) -> GuestTopology:
    """``InstanceNUMATopology`` -> GuestTopology."""
    return GuestTopology(
        tuple(
            GuestCell(
                cpuset=frozenset(field(cell, "cpuset", ())),
                pcpuset=frozenset(field(cell, "pcpuset", ())),
                memory_mb=cell.memory,
                pagesize=field(cell, "pagesize"),
                cpu_policy=field(cell, "cpu_policy"),
                cpu_thread_policy=field(cell, "cpu_thread_policy"),
            )
            for cell in topology.cells
        ),
        field(topology, "emulator_threads_policy"),
    )


def networks(metadata: Any) -> Networks | None:
    """``NetworkMetadata`` -> Networks."""
    if not metadata:
        return None
    return Networks(
        frozenset(field(metadata, "physnets", ())), bool(field(metadata, "tunneled", False))
    )


def limits(given: Any) -> Limits | None:
    """``NUMATopologyLimits`` -> Limits."""
    if not given:
        return None
    return Limits(given.cpu_allocation_ratio, given.ram_allocation_ratio)


def pci_requests(requests: Sequence[Any] | None) -> tuple[PciRequest, ...]:
    """``InstancePCIRequest`` objects -> PciRequests."""
    return tuple(
        PciRequest(
            count=request.count,
            spec=request.spec,
            numa_policy=field(request, "numa_policy"),
            alias_name=request.alias_name,
            request_id=field(request, "request_id"),
        )
        for request in requests or ()
    )


def flavor(given: Any) -> Flavor:
    """``nova.objects.Flavor`` -> Flavor."""
    specs: Mapping[str, Any] = given.get("extra_specs", {}) or {}
    return Flavor(
        name=str(field(given, "name", "")),
        vcpus=given.vcpus,
        memory_mb=field(given, "memory_mb", 0),
        extra_specs={str(key): str(value) for key, value in specs.items()},
    )


def image(meta: Any) -> Image:
    """``nova.objects.ImageMeta`` -> Image, its typed properties as text, numbers and booleans."""
    found: dict[str, str | int | float | bool] = {}
    properties = meta.properties
    for name in properties.fields:
        value = field(properties, name)
        if isinstance(value, str | int | float):
            found[name] = value
    for n, cpus in enumerate(field(properties, "hw_numa_cpus", ())):
        found[f"hw_numa_cpus.{n}"] = ",".join(map(str, sorted(cpus)))
    for n, memory in enumerate(field(properties, "hw_numa_mem", ())):
        found[f"hw_numa_mem.{n}"] = memory
    for trait in field(properties, "traits_required", ()):
        found[f"trait:{trait}"] = "required"
    return Image(name=str(field(meta, "name", "")), properties=found)
