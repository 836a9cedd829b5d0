"""Contradictions between a machine and its configuration, with what to do about each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from numafit.diagnosis.affinity import Affinities, Affinity
from numafit.diagnosis.check_cpus import cpu_findings, resting_findings, useless_cells
from numafit.diagnosis.check_memory import memory_findings
from numafit.diagnosis.check_pci import pci_findings
from numafit.diagnosis.finding import ERROR, NOTE, WARNING, Finding, refused
from numafit.diagnosis.lint import config_findings
from numafit.model.hostinfo import HostInfo
from numafit.model.pci_device import PciDevice
from numafit.rules.huge_pages import overfull_remarks
from numafit.rules.nova_config import TUNNEL, NovaConfig, config_faults
from numafit.rules.offline import with_resting_cpus

SEVERITIES = (ERROR, WARNING, NOTE)


@dataclass(frozen=True, slots=True)
class Machine:
    """What is known of a compute host: the machine itself with ``host`` as hardware shows it,
    its PCI ``devices`` and network interfaces (``netdevs``: name -> PCI address and whether that
    is a PF), and ``affinities`` of its networks; ``None`` where no source tells. The versions, of
    its libvirt and of all computes, are asked for where devices are remote-managed."""

    host: HostInfo
    config: NovaConfig
    affinities: Affinities | None = None
    devices: Sequence[PciDevice] | None = None
    netdevs: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    libvirt_version: Sequence[int] | None = None
    service_versions: Sequence[int] = ()


def check_host(machine: Machine) -> list[Finding]:
    """All findings, errors first; the order of the rules otherwise."""
    config = machine.config
    found = list(resting_findings(machine.host, config))
    if config.cpu_power_management:
        woken = with_resting_cpus(machine.host, config.cpu_dedicated_set or frozenset())
        machine = replace(machine, host=woken)
    found += [finding for rule in _RULES for finding in rule(machine)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _refused(machine: Machine) -> Iterator[Finding]:
    for fault in config_faults(machine.host, machine.config):
        yield refused(fault)


def _names(machine: Machine) -> Iterator[Finding]:
    yield from config_findings(machine.config)


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
            machine.config,
            machine.devices,
            machine.netdevs,
            len(machine.host.cells),
            machine.libvirt_version,
            machine.service_versions,
        )


def _host(machine: Machine) -> Iterator[Finding]:
    yield from cpu_findings(machine.host, machine.config)
    yield from memory_findings(machine.host, machine.config)


def _cells(machine: Machine) -> Iterator[Finding]:
    yield from useless_cells(machine.host, machine.config)


def _source(machine: Machine) -> Iterator[Finding]:
    for remark in (*machine.host.remarks, *overfull_remarks(machine.host)):
        yield Finding(NOTE, "source", machine.host.name or "host", remark, "")


_RULES: tuple[Callable[[Machine], Iterator[Finding]], ...] = (
    _refused,
    _host,
    _names,
    _networks,
    _cells,
    _devices,
    _source,
)
