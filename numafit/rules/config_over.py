"""nova.conf over a host as nova stored it: what the file sets changes, the rest stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from numafit.cpuset import format_cpu_list
from numafit.errors import InputError
from numafit.model.hostinfo import HostCell, HostInfo
from numafit.rules import nova_config
from numafit.rules.nova_config import DEDICATED, PIN_SET, SHARED, TUNNEL, NovaConfig

PHYSNETS = "[neutron] physnets"
PAGES = "[DEFAULT] reserved_huge_pages"
RATIOS = {
    "[DEFAULT] cpu_allocation_ratio": "cpu_allocation_ratio",
    "[DEFAULT] ram_allocation_ratio": "ram_allocation_ratio",
    "[DEFAULT] initial_cpu_allocation_ratio": "initial_cpu_allocation_ratio",
    "[DEFAULT] initial_ram_allocation_ratio": "initial_ram_allocation_ratio",
}
MAKE_POOLS = ("[pci] device_spec", "[pci] report_in_placement")
"""Options that make pools of devices: nova stores the pools, and not what they were made of."""

_SETS = (PIN_SET, SHARED, DEDICATED)
_NEED_CELLS = (*_SETS, PAGES, PHYSNETS, TUNNEL)
_RESERVED_CPUS = "[DEFAULT] reserved_host_cpus"
ON_HOSTS = frozenset((*_NEED_CELLS, _RESERVED_CPUS, *RATIOS))
"""Options that have a bearing on stored hosts; the others are of requests, or of nova alone."""
_KNOWN = "CPUs that its source knows"
_HARDWARE = "Describe the machine itself (--sysfs, --libvirt or --hwloc) to give it other CPUs."


@dataclass(frozen=True, slots=True)
class Over:
    """``host`` with what the file sets, which options ``changed`` it, and which have no bearing
    on it (``idle``) for want of NUMA cells or pages, as ``[section] option``."""

    host: HostInfo
    changed: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()


def apply_over(host: HostInfo, config: NovaConfig) -> Over:
    """``host``, as nova or a file has it, with the options that ``config`` was given.

    A set of CPUs that is not given stays as it is stored where the host has two sets; one whose
    CPUs are all for both has none, and nova's rules make the other. Usage stays. Raises
    ``InputError`` that names the host, for what nova-compute refuses at its start, for CPUs that
    the source does not know, and for options that no stored host can be given.
    """
    for option in MAKE_POOLS:
        if option in config.given:
            raise nova_config.on_host(_no_devices(config, option), host)
    ratios = _ratios(host, config)
    changed = [option for option, (name, value) in ratios.items() if getattr(host, name) != value]
    fields: dict[str, Any] = dict(ratios.values())
    made = replace(host, **fields)
    if not host.cells:
        for fault in nova_config.set_faults(config):
            raise nova_config.on_host(fault, host)
        return Over(made, tuple(changed), tuple(filter(config.given.__contains__, _NEED_CELLS)))
    for options, step in (
        ((*_SETS, _RESERVED_CPUS), _with_sets),
        ((PAGES,), _with_pages),
        ((PHYSNETS,), _with_physnets),
        ((TUNNEL,), _with_tunnels),
    ):
        given = [option for option in options if option in config.given]
        if given:
            before, made = made, step(made, config)
            changed += given if made != before else []
    return Over(made, tuple(changed), _absent_pages(host, config))


def _absent_pages(host: HostInfo, config: NovaConfig) -> tuple[str, ...]:
    there = {(cell.id, pool.size_kib) for cell in host.cells for pool in cell.page_pools}
    return tuple(
        f"{PAGES} of node {one.node}, {one.size_kib} KiB"
        for one in config.reserved_pages
        if (one.node, one.size_kib) not in there
    )


def _no_devices(config: NovaConfig, option: str) -> InputError:
    return InputError(
        config.file,
        option,
        None,
        "it to be unset over hosts whose devices nova has put into pools already",
        "Give it to the machine itself (--sysfs, or --libvirt with --nodedev), or leave it out.",
    )


def _ratios(host: HostInfo, config: NovaConfig) -> dict[str, tuple[str, float | None]]:
    """Option -> field of HostInfo and its new value; an initial ratio is for hosts without one."""
    found: dict[str, tuple[str, float | None]] = {}
    for option, name in RATIOS.items():
        field = name.removeprefix("initial_")
        value = getattr(config, name)
        if option not in config.given or not value:
            continue
        if name == field or (getattr(host, field) is None and not getattr(config, field)):
            found[option] = (field, value)
    return found


def _with_sets(host: HostInfo, config: NovaConfig) -> HostInfo:
    # what was off when nova stored the host is not in it, and what was on counts
    meant = replace(_beside_stored(host, config), cpu_power_management=False)
    for fault in _set_faults(host, config, meant):
        raise nova_config.on_host(fault, host)
    sets = nova_config.cpu_sets(host, meant)
    return _cells(host, lambda cell: _new_sets(cell, *sets))


def _new_sets(cell: HostCell, shared: frozenset[int], dedicated: frozenset[int]) -> dict[str, Any]:
    # in the stored order of cores, also where the cell says only that each CPU is one
    cores = nova_config.cores_of(cell)
    found = nova_config.sets_of_cell(cell, cores, shared, dedicated)
    same = (found["cpuset"], found["pcpuset"]) == (cell.cpuset, cell.pcpuset)
    return {} if same else found


def _beside_stored(host: HostInfo, config: NovaConfig) -> NovaConfig:
    """``config`` with the stored sets in place of those that it does not give."""
    if config.vcpu_pin_set is not None or all(cell.cpuset == cell.pcpuset for cell in host.cells):
        return config
    stored = {
        "cpu_shared_set": frozenset[int]().union(*(cell.cpuset for cell in host.cells)),
        "cpu_dedicated_set": frozenset[int]().union(*(cell.pcpuset for cell in host.cells)),
    }
    missing: dict[str, Any] = {
        name: cpus for name, cpus in stored.items() if getattr(config, name) is None and cpus
    }
    return replace(config, **missing)


def _set_faults(host: HostInfo, config: NovaConfig, meant: NovaConfig) -> Iterator[InputError]:
    both = (meant.cpu_dedicated_set or frozenset()) & (meant.cpu_shared_set or frozenset())
    if both and (config.cpu_dedicated_set is None or config.cpu_shared_set is None):
        ours, other = (
            (SHARED, DEDICATED) if config.cpu_dedicated_set is None else (DEDICATED, SHARED)
        )
        cpus = config.cpu_shared_set or config.cpu_dedicated_set or frozenset()
        yield InputError(
            config.file,
            ours,
            format_cpu_list(cpus),
            f"no CPU of {other} as it is stored (both have {format_cpu_list(both)})",
            f"Set {other} too.",
        )
    yield from nova_config.set_faults(meant)
    yield from nova_config.absent_cpus(host, meant, _KNOWN, _HARDWARE)


def _with_pages(host: HostInfo, config: NovaConfig) -> HostInfo:
    return _cells(host, lambda cell: nova_config.pages_of_cell(cell, config))


def _with_physnets(host: HostInfo, config: NovaConfig) -> HostInfo:
    for fault in nova_config.network_faults(host, replace(config, tunnel_nodes=())):
        raise nova_config.on_host(fault, host)
    return _cells(host, lambda cell: nova_config.physnets_of_cell(cell, config))


def _with_tunnels(host: HostInfo, config: NovaConfig) -> HostInfo:
    for fault in nova_config.network_faults(host, replace(config, physnet_nodes={})):
        raise nova_config.on_host(fault, host)
    return _cells(host, lambda cell: nova_config.tunnel_of_cell(cell, config))


def _cells(host: HostInfo, fields: Callable[[HostCell], dict[str, Any]]) -> HostInfo:
    return replace(host, cells=tuple(replace(cell, **fields(cell)) for cell in host.cells))
