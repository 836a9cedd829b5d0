"""A host's inventories as nova-compute would report them, where its source has none.

By ``LibvirtDriver.update_provider_tree`` of nova 34: ``PCPU`` for the CPUs of cpu_dedicated_set,
``VCPU`` for those of cpu_shared_set or vcpu_pin_set (all of them where no set is configured),
``MEMORY_MB``, and ``DISK_GB`` where the source knows the disk. Each says that it is ``derived``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from numafit.model import fields
from numafit.model.guest import Limits
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.model.resources import MAX_UNITS, Inventory, Provider
from numafit.rules.nova_config import (
    DEDICATED,
    DEFAULT_RESERVED_MB,
    PIN_SET,
    SHARED,
    NovaConfig,
)

CPU_CLASSES = frozenset(("VCPU", "PCPU"))
_DEFAULTS = NovaConfig()


INVENTORY_OPTIONS: Mapping[str, dict[str, Any]] = {
    "[DEFAULT] reserved_host_memory_mb": {"reserved_host_memory_mb": None},
    "[DEFAULT] reserved_host_cpus": {"reserved_host_cpus": 0},
    "[DEFAULT] reserved_host_disk_mb": {"reserved_host_disk_mb": 0},
    "[DEFAULT] disk_allocation_ratio": {"disk_allocation_ratio": None},
    "[DEFAULT] initial_disk_allocation_ratio": {"initial_disk_allocation_ratio": 1.0},
}
"""Options that change inventories and nothing else -> the fields of NovaConfig unset."""

SETS_ALONE: Mapping[str, dict[str, Any]] = {
    PIN_SET: {"vcpu_pin_set": None},
    SHARED: {"cpu_shared_set": None},
    DEDICATED: {"cpu_dedicated_set": None},
}
"""The same of options that on a host without NUMA cells change inventories and nothing else."""


@dataclass(frozen=True, slots=True)
class NodeTotals:
    """What a row of ``compute_nodes`` says of a host as a whole, its guests without a topology
    included; ``None``: the row does not hold it. MiB, GiB, vCPUs. What is in use includes what
    is reserved for the host: so much as ``*_reserved``, ``None``: nova's default, or all of it on
    an empty host. ``unsplit``: classes of which that was such a default once before."""

    vcpus: int | None = None
    memory_mb: int | None = None
    local_gb: int | None = None
    vcpus_used: int | None = None
    memory_mb_used: int | None = None
    local_gb_used: int | None = None
    running_vms: int | None = None
    disk_allocation_ratio: float | None = None
    vcpus_reserved: int | None = None
    memory_mb_reserved: int | None = None
    local_gb_reserved: int | None = None
    unsplit: frozenset[str] = frozenset()

    @property
    def empty(self) -> bool:
        """Is it known that the host has no guest, so that all that is in use is reserved?"""
        return self.running_vms == 0


@dataclass(frozen=True, slots=True)
class CellTotals:
    """Sums over a host's cells. ``shared`` and ``dedicated``: CPUs; ``alike``: each CPU is for
    both, as where no set is configured or vcpu_pin_set alone. ``memory_mb``: ``None`` where a
    cell's is not known. ``pinned``: CPUs in use, ``floating``: vCPUs that float,
    ``memory_used``: MiB."""

    shared: int
    dedicated: int
    alike: bool
    memory_mb: int | None
    pinned: int
    floating: int
    memory_used: int


def totals_of(cells: Iterable[HostCell]) -> CellTotals:
    cells = tuple(cells)
    sizes = [cell.memory_mb for cell in cells]
    known = [size for size in sizes if size is not None]
    return CellTotals(
        sum(len(cell.cpuset) for cell in cells),
        sum(len(cell.pcpuset) for cell in cells),
        all(cell.cpuset == cell.pcpuset for cell in cells),
        sum(known) if len(known) == len(sizes) else None,
        sum(len(cell.pinned_cpus) for cell in cells),
        sum(cell.cpu_usage for cell in cells),
        sum(cell.memory_usage for cell in cells),
    )


def with_inventories(
    host: HostInfo, config: NovaConfig | None = None, ratios: Limits | None = None
) -> HostInfo:
    """``host`` with the inventories that nova-compute would report of it; what its source told
    of inventories stays, but for what ``config`` sets.

    ``config``: its nova.conf, for reserved memory, CPUs and disk, and ratios; ``apply_config``
    before puts its CPU sets into the cells. ``ratios``: allocation ratios in place of the
    host's, where inventories are derived. Where nobody tells, nova's defaults count: 512 MiB of
    reserved memory, ratios of 4 (VCPU) and 1.
    """
    fields.instance("host", host, HostInfo)
    fields.instance("config", config, NovaConfig, none=True)
    fields.instance("ratios", ratios, Limits, none=True)
    told = host.provider
    if told is not None and _is_told(told):
        return host if config is None else replace(host, provider=_under(told, host, config))
    totals = totals_of(host.cells)
    node = None if told is None else _node_of(told)
    cpu, ram = host.cpu_allocation_ratio, host.ram_allocation_ratio
    found = derived_provider(totals, node, cpu, ram, config, ratios)
    if told is not None:
        found = replace(found, traits=told.traits, aggregates=told.aggregates)
    return replace(host, provider=found)


def _under(told: Provider, host: HostInfo, config: NovaConfig) -> Provider:
    """What was told, with what nova-compute would overwrite in it under ``config``."""
    new: dict[str, dict[str, Any]] = {
        "VCPU": {
            "reserved": config.reserved_host_cpus or None,
            "allocation_ratio": config.cpu_allocation_ratio,
        },
        "PCPU": {},
        "MEMORY_MB": {
            "reserved": config.reserved_host_memory_mb,
            "allocation_ratio": config.ram_allocation_ratio,
        },
        "DISK_GB": {
            "reserved": config.reserved_host_disk_gb or None,
            "allocation_ratio": config.disk_allocation_ratio,
        },
    }
    if config.cpu_sets_given:
        units = _cpus(totals_of(host.cells), NodeTotals(), config)
        for name, total in zip(("VCPU", "PCPU"), units, strict=True):
            new[name] |= {"total": total, "max_unit": max(total, 1)}
    inventories = dict(told.inventories)
    for name, changed in new.items():
        fields_of = {key: value for key, value in changed.items() if value is not None}
        if name in inventories:
            inventories[name] = replace(inventories[name], **fields_of)
        elif fields_of.get("total"):
            inventories[name] = Inventory(**fields_of, derived=True)
        if fields_of.get("total") == 0:
            inventories.pop(name, None)
    lacking = CPU_CLASSES - inventories.keys() if "total" in new["VCPU"] else frozenset()
    return replace(told, inventories=inventories, absent=told.absent | lacking)


def _is_told(provider: Provider) -> bool:
    """Did the source tell of inventories, if only that there are none?"""
    derived = any(one.derived for one in provider.inventories.values())
    return not derived and (bool(provider.inventories) or provider.elsewhere is not None)


def with_totals(host: HostInfo, node: NodeTotals) -> HostInfo:
    """``host`` with the inventories that follow from it and from its row."""
    cpu, ram = host.cpu_allocation_ratio, host.ram_allocation_ratio
    return replace(host, provider=derived_provider(totals_of(host.cells), node, cpu, ram))


def is_unsplit(name: str, inventory: Inventory) -> bool:
    """Does it matter that nobody told how much of what is in use is reserved? Not where a unit of
    the one counts as one of the other."""
    if inventory.split_known:
        return False
    default = DEFAULT_RESERVED_MB if name == "MEMORY_MB" else 0
    return inventory.allocation_ratio != 1.0 or inventory.reserved != default


def with_ratios(provider: Provider, ratios: Limits) -> Provider:
    """Allocation ratios in place of those of derived inventories; what was told stays."""
    by_class = {"VCPU": ratios.cpu_allocation_ratio, "MEMORY_MB": ratios.ram_allocation_ratio}
    inventories = {
        name: replace(one, allocation_ratio=by_class[name])
        if one.derived and name in by_class
        else one
        for name, one in provider.inventories.items()
    }
    return replace(provider, inventories=inventories)


def derived_provider(
    cells: CellTotals,
    node: NodeTotals | None = None,
    cpu_ratio: float | None = None,
    ram_ratio: float | None = None,
    config: NovaConfig | None = None,
    ratios: Limits | None = None,
) -> Provider:
    """Inventories that follow from a host's cells, and from what ``compute_nodes`` adds."""
    node = node or NodeTotals()
    config = config or _DEFAULTS
    vcpus, pcpus = _cpus(cells, node, config)
    if ratios is not None:
        cpu_ratio, ram_ratio = ratios.cpu_allocation_ratio, ratios.ram_allocation_ratio
    cpu_ratio = cpu_ratio or config.initial_cpu_allocation_ratio
    ram_ratio = ram_ratio or config.initial_ram_allocation_ratio
    kept = _kept(
        config.reserved_host_cpus or None, node.vcpus_used, node.vcpus_reserved, node.empty, 0
    )
    used = (node.vcpus_used or 0) - kept.used
    in_cells = cells.floating + (0 if pcpus else cells.pinned)
    # beside CPU sets nova-compute takes no reserved_host_cpus
    split = not cells.alike or config.cpu_sets_given
    split = split or ("VCPU" not in node.unsplit and kept.known)
    used = max(used - (cells.pinned if pcpus else 0), in_cells)
    found = {
        "VCPU": (vcpus, kept.reserved, cpu_ratio, used, split),
        "PCPU": (pcpus, 0, 1.0, cells.pinned, True),
    }
    memory = node.memory_mb or cells.memory_mb
    if memory is not None:
        kept = _kept(
            config.reserved_host_memory_mb,
            node.memory_mb_used,
            node.memory_mb_reserved,
            node.empty,
            DEFAULT_RESERVED_MB,
        )
        used = (node.memory_mb_used or 0) - kept.used
        used = max(used, cells.memory_used)
        split = "MEMORY_MB" not in node.unsplit and kept.known
        found["MEMORY_MB"] = (memory, kept.reserved, ram_ratio, used, split)
    if node.local_gb:
        kept = _kept(
            config.reserved_host_disk_gb or None,
            node.local_gb_used,
            node.local_gb_reserved,
            node.empty,
            0,
        )
        ratio = (
            config.disk_allocation_ratio
            or node.disk_allocation_ratio
            or config.initial_disk_allocation_ratio
        )
        used = (node.local_gb_used or 0) - kept.used
        split = "DISK_GB" not in node.unsplit and kept.known
        found["DISK_GB"] = (node.local_gb, kept.reserved, ratio, used, split)
    inventories = {name: _inventory(*units) for name, units in found.items() if units[0]}
    # of a host without cells a source may tell nothing, and what is not known is not 0
    known = vcpus or pcpus or node.vcpus is not None
    return Provider(inventories, absent=CPU_CLASSES - inventories.keys() if known else frozenset())


@dataclass(frozen=True, slots=True)
class _Kept:
    """``reserved``: what the host keeps; ``used``: how much of what is in use is that; ``known``:
    whether the source tells that."""

    reserved: int
    used: int
    known: bool


def _kept(
    configured: int | None, in_use: int | None, held: int | None, empty: bool, default: int
) -> _Kept:
    """``held``: what is known to be reserved of what is in use. A new reservation takes nothing
    from what guests use: nova stored that beside the old one."""
    known = held is not None or not in_use or empty
    if held is None:
        held = in_use if empty and in_use is not None else default
    return _Kept(held if configured is None else configured, min(held, in_use or 0), known)


def _cpus(cells: CellTotals, node: NodeTotals, config: NovaConfig) -> tuple[int, int]:
    """``VCPU`` and ``PCPU`` in all."""
    if not cells.shared and not cells.dedicated and config.cpu_sets_given:
        # without cells the sets themselves: nova-compute counts their CPUs and asks no topology
        floating = config.cpu_shared_set if config.vcpu_pin_set is None else config.vcpu_pin_set
        return len(floating or ()), len(config.cpu_dedicated_set or ())
    if config.cpu_dedicated_set:
        return cells.shared, len(config.cpu_dedicated_set)
    configured = config.cpu_shared_set or config.vcpu_pin_set
    vcpus = cells.shared if configured or node.vcpus is None else node.vcpus
    return vcpus, 0 if cells.alike else cells.dedicated


@lru_cache(maxsize=4096)
def _inventory(total: int, reserved: int, ratio: float, used: int, split: bool) -> Inventory:
    total = min(total, MAX_UNITS)
    return Inventory(
        total,
        min(reserved, MAX_UNITS),
        ratio,
        max_unit=total,
        used=min(max(used, 0), MAX_UNITS),
        derived=True,
        split_known=split,
    )


def _node_of(told: Provider) -> NodeTotals:
    """What ``compute_nodes`` said of a host whose inventories were derived from it."""
    there: Mapping[str, Inventory] = told.inventories
    vcpu, pcpu = there.get("VCPU"), there.get("PCPU")
    memory, disk = there.get("MEMORY_MB"), there.get("DISK_GB")
    units = [one for one in (vcpu, pcpu) if one is not None]
    cpus_reserved = sum(one.reserved for one in units)
    return NodeTotals(
        vcpus=vcpu.total if vcpu is not None else 0 if "VCPU" in told.absent else None,
        memory_mb=None if memory is None else memory.total,
        local_gb=None if disk is None else disk.total,
        vcpus_used=sum(one.used for one in units) + cpus_reserved if units else None,
        memory_mb_used=None if memory is None else memory.used + memory.reserved,
        local_gb_used=None if disk is None else disk.used + disk.reserved,
        disk_allocation_ratio=None if disk is None else disk.allocation_ratio,
        vcpus_reserved=cpus_reserved if units else None,
        memory_mb_reserved=None if memory is None else memory.reserved,
        local_gb_reserved=None if disk is None else disk.reserved,
        unsplit=frozenset(name for name, one in there.items() if not one.split_known),
    )
