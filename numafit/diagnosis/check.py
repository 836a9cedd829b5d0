"""Contradictions between a machine and its configuration, with what to do about each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from numafit.cpuset import format_cpu_list
from numafit.diagnosis.affinity import Affinities, Affinity
from numafit.diagnosis.check_pci import pci_findings
from numafit.diagnosis.finding import ERROR, NOTE, WARNING, Finding
from numafit.model.hostinfo import HostInfo
from numafit.model.pci_device import PciDevice
from numafit.rules.nova_config import DEDICATED, TUNNEL, NovaConfig, cell_cpus, config_faults

SEVERITIES = (ERROR, WARNING, NOTE)


@dataclass(frozen=True, slots=True)
class Machine:
    """What is known of a compute host: the machine itself with ``host`` as hardware shows it,
    its PCI ``devices`` and network interfaces (``netdevs``: name -> PCI address and whether that
    is a PF), and ``affinities`` of its networks; ``None`` where no source tells."""

    host: HostInfo
    config: NovaConfig
    affinities: Affinities | None = None
    devices: Sequence[PciDevice] | None = None
    netdevs: Mapping[str, tuple[str, bool]] = field(default_factory=dict)


def check_host(machine: Machine) -> list[Finding]:
    """All findings, errors first; the order of the rules otherwise."""
    found = [finding for rule in _RULES for finding in rule(machine)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _refused(machine: Machine) -> Iterator[Finding]:
    for fault in config_faults(machine.host, machine.config):
        what = f"{fault.value!r}: expected {fault.expected}"
        yield Finding(ERROR, "nova-refuses", fault.key or "", what, fault.hint)


def _split_cores(machine: Machine) -> Iterator[Finding]:
    dedicated = machine.config.cpu_dedicated_set or frozenset()
    split = [
        core
        for cell in machine.host.cells
        for core in cell.siblings
        if core & dedicated and not core <= dedicated
    ]
    if split:
        cores = "; ".join(
            f"{format_cpu_list(core & dedicated)} without {format_cpu_list(core - dedicated)}"
            for core in split[:8]
        )
        more = f" and {len(split) - 8} more" if len(split) > 8 else ""
        yield Finding(
            WARNING,
            "split-cores",
            DEDICATED,
            f"has one thread of a core and not the other: {cores}{more}",
            "Put all threads of a core into one set: what runs on the other thread takes its "
            "share of a dedicated CPU, and cpu_thread_policy 'require' does not find the pair.",
        )


def _useless_cells(machine: Machine) -> Iterator[Finding]:
    config = machine.config
    usable = (config.cpu_dedicated_set or frozenset()) | (config.cpu_shared_set or frozenset())
    if config.vcpu_pin_set is not None:
        usable = config.vcpu_pin_set
    if not usable:
        return
    for cell in machine.host.cells:
        if cell_cpus(cell) and not cell_cpus(cell) & usable:
            yield Finding(
                NOTE,
                "cell-without-cpus",
                f"NUMA node {cell.id}",
                "none of its CPUs is in a CPU set, so no guest cell is placed there",
                "Its memory and its devices serve no guest that needs them near.",
            )


def _reserved(machine: Machine) -> Iterator[Finding]:
    key = "[DEFAULT] reserved_huge_pages"
    cells = {cell.id: cell for cell in machine.host.cells}
    for pages in machine.config.reserved_pages:
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
                f"{what}: the node has {pools[pages.size_kib]} pages of that size",
                "No guest gets such a page here; reserve fewer, or make more.",
            )


def _sections(machine: Machine) -> Iterator[Finding]:
    config = machine.config
    for name in config.sections:
        if name not in config.physnet_nodes:
            yield Finding(
                WARNING,
                "physnet-not-listed",
                f"[neutron_physnet_{name}]",
                "nova does not read this section: [neutron] physnets does not list it",
                f"Add {name} to [neutron] physnets, or remove the section.",
            )
    if config.misnamed_tunnel:
        yield Finding(
            ERROR,
            "tunnel-section",
            "[neutron_tunneled]",
            "nova does not read this section, though its guide writes it so",
            "Call it [neutron_tunnel].",
        )


def _networks(machine: Machine) -> Iterator[Finding]:
    found = machine.affinities
    if found is None:
        return
    config = machine.config
    mapped = {one.network: one for one in found.physnets}
    for name, nodes in config.physnet_nodes.items():
        key = f"[neutron_physnet_{name}] numa_nodes"
        if name in mapped:
            yield from _compare(key, f"physnet {name}", nodes, mapped[name])
        else:
            yield Finding(
                WARNING,
                "physnet-unknown",
                key,
                "no mapping of neutron names this physnet",
                "Correct its name, or give the configuration of the agent that maps it.",
            )
    for name, one in mapped.items():
        yield from _unknown(one)
        if name not in config.physnet_nodes and one.nodes:
            yield Finding(
                WARNING,
                "physnet-without-section",
                f"[neutron_physnet_{name}]",
                f"missing, while its NICs are on NUMA node {_listed(one.nodes)}",
                f"Add {name} to [neutron] physnets, and the section with "
                f"numa_nodes = {_listed(one.nodes)}; without it guests may land far from it.",
            )
        yield from _spread(f"physnet {name}", one)
    if found.tunnel is not None:
        yield from _unknown(found.tunnel)
        if config.tunnel_nodes:
            yield from _compare(TUNNEL, "the tunnel endpoint", config.tunnel_nodes, found.tunnel)
        elif found.tunnel.nodes:
            yield Finding(
                WARNING,
                "tunnel-without-section",
                "[neutron_tunnel]",
                f"missing, while the tunnel endpoint is on NUMA node {_listed(found.tunnel.nodes)}",
                f"Add the section with numa_nodes = {_listed(found.tunnel.nodes)}.",
            )
        yield from _spread("the tunnel endpoint", found.tunnel)
    for text in found.unknown:
        yield Finding(NOTE, "not-found-out", "tunnel", text, "")


def _compare(key: str, what: str, nodes: Sequence[int], one: Affinity) -> Iterator[Finding]:
    if not one.nodes:
        return
    cards = ", ".join(f"{nic.name} on node {nic.node}" for nic in one.nics if nic.node is not None)
    wrong = sorted(set(nodes) - set(one.nodes))
    if wrong and not any(nic.node is None for nic in one.nics):
        yield Finding(
            ERROR,
            "wrong-node",
            key,
            f"names node {_listed(wrong)}, but {what} is {cards}",
            f"Write numa_nodes = {_listed(one.nodes)}.",
        )
    missing = sorted(set(one.nodes) - set(nodes))
    if missing and nodes:
        yield Finding(
            WARNING,
            "missing-node",
            key,
            f"does not name node {_listed(missing)}, but {what} is {cards}",
            f"Write numa_nodes = {_listed(one.nodes)}.",
        )


def _unknown(one: Affinity) -> Iterator[Finding]:
    for text in one.unknown:
        yield Finding(NOTE, "not-found-out", one.network, text, "")


def _spread(what: str, one: Affinity) -> Iterator[Finding]:
    if len(one.nodes) > 1:
        yield Finding(NOTE, "spread", one.start, *spread_words(what, one.nodes))


def spread_words(what: str, nodes: Sequence[int]) -> tuple[str, str]:
    """What it means for guests that a network's NICs are on several nodes."""
    count = len(nodes)
    return (
        f"{what} is on NUMA nodes {_listed(nodes)}",
        "A guest with one cell on any of them counts as near. For a guest near all of its NICs "
        f"(the rule of the guide, --physnet-affinity all) set hw:numa_nodes={count} in the flavor.",
    )


def _listed(nodes: Sequence[int]) -> str:
    return ", ".join(map(str, nodes))


def _devices(machine: Machine) -> Iterator[Finding]:
    if machine.devices is not None:
        yield from pci_findings(
            machine.config, machine.devices, machine.netdevs, len(machine.host.cells)
        )


_RULES: tuple[Callable[[Machine], Iterator[Finding]], ...] = (
    _refused,
    _split_cores,
    _reserved,
    _sections,
    _networks,
    _useless_cells,
    _devices,
)
