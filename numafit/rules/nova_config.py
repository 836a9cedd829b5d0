"""What nova.conf says of a compute host, and a HostInfo as nova reports it under that file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from numafit.cpuset import cpu_words, format_cpu_list
from numafit.errors import InputError
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.rules.filters import NOVAS_OWN, Filters
from numafit.rules.offline import with_resting_cpus

CpuSet = frozenset[int] | None
DEDICATED = "[compute] cpu_dedicated_set"
SHARED = "[compute] cpu_shared_set"
PIN_SET = "[DEFAULT] vcpu_pin_set"
TUNNEL = "[neutron_tunnel] numa_nodes"
DEFAULT_RESERVED_MB = 512
"""MiB that nova keeps from guests where ``reserved_host_memory_mb`` is not set."""


@dataclass(frozen=True, slots=True)
class ReservedPages:
    """One value of ``[DEFAULT] reserved_huge_pages``: ``count`` pages of ``size_kib`` KiB on
    NUMA node ``node`` that guests do not get."""

    node: int
    size_kib: int
    count: int


@dataclass(frozen=True, slots=True)
class NovaConfig:
    """The options of nova.conf that decide where guests go, with nova's defaults.

    CPU sets are ``None`` where the option is not set, and so are allocation ratios and
    ``reserved_host_memory_mb`` (MiB). ``filters``: the scheduler's.
    ``physnet_nodes``: physnet of ``[neutron] physnets`` -> nodes of its section, empty where it
    has none. ``sections``: the physnets that have a section, listed or not. ``device_specs`` and
    ``aliases``: JSON texts as the file has them. ``misnamed_tunnel``: whether the file has a
    section ``[neutron_tunneled]``, as nova's guide writes it; nova reads ``[neutron_tunnel]``.
    ``stray_sections``: others whose names begin with ``neutron``, which nova does not read.
    ``file``: for messages. ``given``: what the files set of these options, as ``[section]
    option``. ``assigned``: file, section and option of all lines, whether nova reads them or not.
    """

    file: str | None = None
    given: frozenset[str] = frozenset()
    assigned: tuple[tuple[str, str, str], ...] = ()
    cpu_dedicated_set: CpuSet = None
    cpu_shared_set: CpuSet = None
    vcpu_pin_set: CpuSet = None
    reserved_host_cpus: int = 0
    reserved_host_memory_mb: int | None = None
    reserved_host_disk_mb: int = 0
    reserved_pages: tuple[ReservedPages, ...] = ()
    cpu_allocation_ratio: float | None = None
    ram_allocation_ratio: float | None = None
    disk_allocation_ratio: float | None = None
    initial_cpu_allocation_ratio: float = 4.0
    initial_ram_allocation_ratio: float = 1.0
    initial_disk_allocation_ratio: float = 1.0
    pack_host_cells: bool = False
    physnet_nodes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sections: tuple[str, ...] = ()
    tunnel_nodes: tuple[int, ...] = ()
    misnamed_tunnel: bool = False
    stray_sections: tuple[str, ...] = ()
    device_specs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    report_in_placement: bool = False
    pci_in_placement: bool = False
    max_queues: int | None = None
    cpu_power_management: bool = False
    filters: Filters = NOVAS_OWN
    allow_resize_to_same_host: bool = False

    @property
    def kept_memory_mb(self) -> int:
        """``reserved_host_memory_mb``, or what nova keeps where it is not set."""
        kept = self.reserved_host_memory_mb
        return DEFAULT_RESERVED_MB if kept is None else kept

    @property
    def cpu_sets_given(self) -> bool:
        """Is any set of CPUs for guests configured?"""
        return bool(self.cpu_dedicated_set or self.cpu_shared_set or self.vcpu_pin_set)

    @property
    def reserved_host_disk_gb(self) -> int:
        """GiB, rounded up as nova does."""
        return -(-self.reserved_host_disk_mb // 1024)

    @property
    def strategy(self) -> str:
        """``[compute] packing_host_numa_cells_allocation_strategy`` in the words of ``fit``."""
        return "pack" if self.pack_host_cells else "spread"


def apply_config(host: HostInfo, config: NovaConfig, *, nova_order: bool = True) -> HostInfo:
    """``host`` as nova's libvirt driver reports it under ``config``: shared and dedicated CPUs
    of each cell, reserved pages, physnets, tunnels, allocation ratios. Usage stays.

    The CPUs of a cell are those that any of its sets holds: give a host read from hardware.
    ``nova_order``: put each cell's cores in the order in which nova lists them, which decides
    the core that it takes first; ``False`` keeps the order of ``host``. A host without cells
    gets the ratios alone. With ``cpu_power_management`` dedicated CPUs that are off count;
    ``remarks`` says where the source does not show what nova knows of them.

    Raises ``InputError`` for what nova-compute refuses at its start: sets that overlap, CPUs and
    nodes that are not there, a physnet without nodes.
    """
    for fault in config_faults(host, config):
        raise on_host(fault, host)
    if config.cpu_power_management:
        host = _powered(host, config)
    sets = cpu_sets(host, config)
    cells = tuple(
        replace(
            cell,
            **sets_of_cell(cell, _nova_order(cell) if nova_order else cores_of(cell), *sets),
            **pages_of_cell(cell, config),
            **physnets_of_cell(cell, config),
            **tunnel_of_cell(cell, config),
        )
        for cell in host.cells
    )
    return replace(
        host,
        cells=cells,
        cpu_allocation_ratio=config.cpu_allocation_ratio
        or host.cpu_allocation_ratio
        or config.initial_cpu_allocation_ratio,
        ram_allocation_ratio=config.ram_allocation_ratio
        or host.ram_allocation_ratio
        or config.initial_ram_allocation_ratio,
    )


def sets_of_cell(
    cell: HostCell,
    cores: Iterable[frozenset[int]],
    shared: frozenset[int],
    dedicated: frozenset[int],
) -> dict[str, Any]:
    """Fields of ``cell`` under the host's sets; ``cores`` in the order in which they are taken."""
    here = cell_cpus(cell)
    usable = here & (shared | dedicated)
    return {
        "cpuset": here & shared,
        "pcpuset": here & dedicated,
        "siblings": tuple(core & usable for core in cores if core & usable),
    }


def pages_of_cell(cell: HostCell, config: NovaConfig) -> dict[str, Any]:
    reserved = {(pages.node, pages.size_kib): pages.count for pages in config.reserved_pages}
    pools = (
        replace(pool, reserved=reserved.get((cell.id, pool.size_kib), 0))
        for pool in cell.page_pools
    )
    return {"page_pools": tuple(pools)}


def physnets_of_cell(cell: HostCell, config: NovaConfig) -> dict[str, Any]:
    near = (name for name, nodes in config.physnet_nodes.items() if cell.id in nodes)
    return {"physnets": frozenset(near)}


def tunnel_of_cell(cell: HostCell, config: NovaConfig) -> dict[str, Any]:
    return {"tunneled": cell.id in config.tunnel_nodes}


def on_host(fault: InputError, host: HostInfo) -> InputError:
    """The same error, with the host that it was found on."""
    if not host.name:
        return fault
    key = f"{fault.key} on {host.name}"
    return InputError(fault.file, key, fault.value, fault.expected, fault.hint)


def config_faults(host: HostInfo, config: NovaConfig) -> Iterator[InputError]:
    """Everything for which nova-compute would not start, or not report its host."""
    yield from set_faults(config)
    if host.cells:
        yield from absent_cpus(host, config)
        yield from network_faults(host, config)


def _powered(host: HostInfo, config: NovaConfig) -> HostInfo:
    """``host`` with the dedicated CPUs that are off, as far as its source shows them."""
    dedicated = config.cpu_dedicated_set or frozenset()
    host = with_resting_cpus(host, dedicated)
    missing = dedicated.difference(*map(cell_cpus, host.cells)) if host.cells else frozenset()
    if missing:
        remark = (
            f"{cpu_words(missing)} of {DEDICATED} {'stands' if len(missing) == 1 else 'stand'} in "
            "no node: if that was off when the host was described, describe it anew while it is on"
        )
        host = replace(host, remarks=(*host.remarks, remark))
    return host


def cell_cpus(cell: HostCell) -> frozenset[int]:
    """All CPUs of the cell, for guests or not."""
    return cell.cpuset.union(cell.pcpuset, *cell.siblings)


def cpu_sets(host: HostInfo, config: NovaConfig) -> tuple[frozenset[int], frozenset[int]]:
    """Shared and dedicated CPUs of the host, by the rules of nova's upgrade from vcpu_pin_set."""
    none: frozenset[int] = frozenset()
    dedicated = config.cpu_dedicated_set or none
    if config.vcpu_pin_set is not None:
        shared = config.vcpu_pin_set
    elif config.cpu_shared_set is not None:
        shared = config.cpu_shared_set
    else:
        shared = none if dedicated else none.union(*map(cell_cpus, host.cells))
    if not dedicated and (config.cpu_shared_set is None or config.vcpu_pin_set is not None):
        dedicated = shared
    return shared, dedicated


def set_faults(config: NovaConfig) -> Iterator[InputError]:
    """What contradicts itself, whatever the host."""
    dedicated, shared = config.cpu_dedicated_set, config.cpu_shared_set
    for key, cpus in ((DEDICATED, dedicated), (SHARED, shared), (PIN_SET, config.vcpu_pin_set)):
        if cpus is not None and not cpus:
            yield InputError(config.file, key, "", "a CPU list that leaves at least one CPU")
    if config.vcpu_pin_set is not None:
        if dedicated:
            yield InputError(
                config.file,
                PIN_SET,
                format_cpu_list(config.vcpu_pin_set),
                "no vcpu_pin_set beside [compute] cpu_dedicated_set",
                "Unset vcpu_pin_set; put its CPUs for shared guests into [compute] cpu_shared_set.",
            )
        return
    both = (dedicated or frozenset()) & (shared or frozenset())
    if both:
        yield InputError(
            config.file,
            DEDICATED,
            format_cpu_list(dedicated or ()),
            f"no CPU of cpu_shared_set (both have {format_cpu_list(both)})",
            "Give each CPU to one of the two.",
        )
    if (dedicated or shared) and config.reserved_host_cpus:
        yield InputError(
            config.file,
            "[DEFAULT] reserved_host_cpus",
            config.reserved_host_cpus,
            "0 beside cpu_shared_set or cpu_dedicated_set",
            "Unset it; CPUs in neither set are left to the host.",
        )


def absent_cpus(
    host: HostInfo, config: NovaConfig, there: str = "CPUs that are online here", hint: str = ""
) -> Iterator[InputError]:
    """CPUs of sets that the host has not; ``there``: what its source shows, in words."""
    online = frozenset().union(*map(cell_cpus, host.cells))
    # nova reads cpu_shared_set only where vcpu_pin_set is not set
    floating = (
        (PIN_SET, config.vcpu_pin_set)
        if config.vcpu_pin_set is not None
        else (SHARED, config.cpu_shared_set)
    )
    # with power management nova asks for CPUs that are there, not for those that are on; what is
    # off may be missing in the source, and apply_config says so
    dedicated = None if config.cpu_power_management else config.cpu_dedicated_set
    for key, cpus in (floating, (DEDICATED, dedicated)):
        absent = (cpus or frozenset()) - online
        if absent:
            yield InputError(
                config.file,
                key,
                format_cpu_list(cpus or ()),
                f"{there}, {format_cpu_list(online)} ({format_cpu_list(absent)} not among them)",
                hint,
            )


def unlisted_sections(config: NovaConfig) -> list[str]:
    """Physnets that have a section and are not listed; oslo.config does not tell the sections of
    ``A`` and ``a`` from each other."""
    listed = {name.casefold() for name in config.physnet_nodes}
    return [name for name in config.sections if name.casefold() not in listed]


def meant_section(config: NovaConfig, physnet: str) -> str:
    """A section that nova does not read, and that looks like that of ``physnet``; empty where
    there is none."""
    there = {
        *config.stray_sections,
        *(f"neutron_physnet_{name}" for name in unlisted_sections(config)),
    }
    name = f"neutron_physnet_{physnet}"
    near = difflib.get_close_matches(name, sorted(there), n=1, cutoff=0.8)
    return near[0] if near else ""


def network_faults(host: HostInfo, config: NovaConfig) -> Iterator[InputError]:
    """Physnets without nodes, and nodes that the host has not."""
    there = frozenset(cell.id for cell in host.cells)
    for name, nodes in config.physnet_nodes.items():
        key = f"[neutron_physnet_{name}] numa_nodes"
        if not nodes:
            meant = meant_section(config, name)
            hint = (
                f"nova does not read [{meant}]: call it [neutron_physnet_{name}]."
                if meant
                else "'numafit discover' finds them; a physnet without any is not listed."
            )
            yield InputError(
                config.file,
                key,
                None,
                "the NUMA nodes of this physnet, which [neutron] physnets lists",
                hint,
            )
        yield from _absent_nodes(config, key, nodes, there)
    yield from _absent_nodes(config, TUNNEL, config.tunnel_nodes, there)


def _absent_nodes(
    config: NovaConfig, key: str, nodes: Iterable[int], there: frozenset[int]
) -> Iterator[InputError]:
    for node in nodes:
        if node not in there:
            yield InputError(
                config.file, key, node, f"a NUMA node of this host ({format_cpu_list(there)})"
            )


def cores_of(cell: HostCell) -> tuple[frozenset[int], ...]:
    """Every core, also where the cell says only that each CPU is one."""
    listed = frozenset().union(*cell.siblings)
    alone = (frozenset((cpu,)) for cpu in sorted(cell_cpus(cell) - listed))
    return (*cell.siblings, *alone)


def _nova_order(cell: HostCell) -> tuple[frozenset[int], ...]:
    """Cores as nova lists them: it puts tuples of sibling ids into a set and sorts the result by
    inclusion, which for cores changes nothing. So the order is that of a Python set."""
    core_of = {cpu: tuple(_as_read(core)) for core in cores_of(cell) for cpu in core}
    return tuple(frozenset(core) for core in {core_of[cpu] for cpu in sorted(core_of)})


def _as_read(core: frozenset[int]) -> set[int]:
    """The set that nova reads from libvirt's CPU list: built the same way, so that it has the
    same order inside, on which the hash of the tuple depends."""
    cpus: set[int] = set()
    for part in format_cpu_list(core).split(","):
        first, dash, last = part.partition("-")
        if dash:
            cpus |= set(range(int(first), int(last) + 1))
        else:
            cpus.add(int(first))
    return cpus
