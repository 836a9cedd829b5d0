"""Physical networks and tunnels of a host -> the NICs beneath them -> their NUMA nodes.

nova wants to be told (``[neutron_physnet_X] numa_nodes``); neutron's configuration names a bridge
or an interface; the kernel knows what lies beneath. This module walks down from one to the other:
bridge -> port, VLAN -> its link, bond -> its members, until a device with a place on the bus.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from numafit.model.neutron_config import NeutronConfig, Switch, SwitchPort

MAX_DEPTH = 32
"""Bridges over VLANs over bonds are three deep; what is deeper is a loop."""

# Open vSwitch ports that lead to a network device of the kernel, or to a DPDK one
_PHYSICAL = frozenset({"", "system", "dpdk", "afxdp", "netdev"})


class Interface(Protocol):
    """A network interface as the kernel shows it. ``lower``: the interfaces that it stands on
    (link of a VLAN, members of a bond or bridge). ``pci_address``: ``None`` for what is not a PCI
    device; ``numa_node``: ``None`` or -1 where the platform does not say."""

    @property
    def name(self) -> str: ...
    @property
    def pci_address(self) -> str | None: ...
    @property
    def numa_node(self) -> int | None: ...
    @property
    def lower(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Nic:
    """The end of a way down: a device on the bus. ``node``: ``None`` where nobody says."""

    name: str
    pci_address: str | None
    node: int | None


@dataclass(frozen=True, slots=True)
class Affinity:
    """Where a network is near. ``start``: what the configuration names; ``via``: each step
    of the way down, in words; ``unknown``: what could not be found out, and how to."""

    network: str
    start: str
    nics: tuple[Nic, ...] = ()
    via: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[int, ...]:
        """The NUMA nodes of the NICs, ascending."""
        return tuple(sorted({nic.node for nic in self.nics if nic.node is not None}))


@dataclass(frozen=True, slots=True)
class Affinities:
    """Of one host: its physnets in the order of the configuration, and its tunnel endpoint."""

    physnets: tuple[Affinity, ...] = ()
    tunnel: Affinity | None = None
    unknown: tuple[str, ...] = ()

    @property
    def open_questions(self) -> tuple[str, ...]:
        """All that could not be found out, with the command that would tell."""
        tunnel = self.tunnel.unknown if self.tunnel is not None else ()
        return (*self.unknown, *(text for one in self.physnets for text in one.unknown), *tunnel)


@dataclass(slots=True)
class _Way:
    """What is found on the way down from one interface."""

    nics: dict[str, Nic] = field(default_factory=dict)
    via: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


class HostNetwork:
    """The interfaces of a host with its switch: ``affinity`` walks down from a name.

    ``cells``: ids of the host's NUMA cells; with one cell alone, every NIC is on it.
    ``nodes_by_address``: PCI address -> node, for NICs that DPDK took from the kernel.
    """

    def __init__(
        self,
        interfaces: Iterable[Interface],
        cells: Sequence[int] = (),
        switch: Switch | None = None,
        nodes_by_address: Mapping[str, int | None] | None = None,
        integration_bridges: frozenset[str] = frozenset(),
    ) -> None:
        self._interfaces = {one.name: one for one in interfaces}
        self._cells = cells
        self._bridges = dict(switch.bridges) if switch is not None else {}
        self._nodes = dict(nodes_by_address or {})
        self._inner = integration_bridges
        self._bridge_of = {
            port.name: bridge for bridge, ports in self._bridges.items() for port in ports
        }

    def affinity(self, network: str, starts: Sequence[str]) -> Affinity:
        """The NICs beneath the interfaces or bridges that ``network`` is mapped to."""
        way = _Way()
        for start in starts:
            self._down(start, way, 0)
        if not way.nics and not way.unknown:
            names = ", ".join(starts)
            way.unknown.append(
                f"no network card found beneath {names}; 'ip -d link show {starts[0]}' "
                "tells what it stands on"
            )
        nics = tuple(way.nics.values())
        return Affinity(network, ", ".join(starts), nics, tuple(way.via), tuple(way.unknown))

    def _down(self, name: str, way: _Way, depth: int) -> None:
        if name in way.seen or depth > MAX_DEPTH:
            return
        way.seen.add(name)
        bridge = name if name in self._bridges else None
        # a port that Open vSwitch itself made, such as the bridge's own, stands on its bridge
        if bridge is None and self._is_internal(name):
            bridge = self._bridge_of[name]
            way.via.append(f"{name} is a port of Open vSwitch bridge {bridge}")
        if bridge is not None:
            self._through_switch(bridge, way, depth)
            return
        found = self._interfaces.get(name)
        if found is None:
            way.unknown.append(
                f"{name} is neither an interface of this host nor a bridge of a given switch; "
                f"'ip link show {name}' or 'ovs-vsctl list-ports {name}' tells"
            )
        elif found.lower:
            way.via.append(f"{name} stands on {', '.join(found.lower)}")
            for lower in found.lower:
                self._down(lower, way, depth + 1)
        elif found.pci_address is not None or _known(found.numa_node) is not None:
            self._arrive(Nic(name, found.pci_address, _known(found.numa_node)), way)

    def _is_internal(self, name: str) -> bool:
        bridge = self._bridge_of.get(name)
        ports = self._bridges.get(bridge or "", ())
        return any(port.name == name and port.kind == "internal" for port in ports)

    def _through_switch(self, bridge: str, way: _Way, depth: int) -> None:
        way.seen.add(bridge)
        ports = list(self._uplinks(bridge, way.seen))
        if ports:
            names = ", ".join(port.name for port in ports)
            way.via.append(f"Open vSwitch bridge {bridge} has {names}")
        for port in ports:
            if port.pci_address is not None:
                address = port.pci_address
                node = _known(self._nodes.get(address.lower()))
                self._arrive(Nic(port.name, address, node), way)
            elif port.peer is not None:
                self._down(self._bridge_of[port.peer], way, depth + 1)
            else:
                self._down(port.name, way, depth + 1)

    def _uplinks(self, bridge: str, seen: set[str]) -> Iterator[SwitchPort]:
        """Ports that may lead to a card: not the bridge's own, not tunnels, not guests."""
        for port in self._bridges[bridge]:
            if port.kind == "patch":
                beyond = self._bridge_of.get(port.peer or "")
                if beyond is not None and beyond not in seen and beyond not in self._inner:
                    yield port
            elif port.pci_address is not None or (
                port.kind in _PHYSICAL and self._leads_to_card(port.name)
            ):
                yield port

    def _leads_to_card(self, name: str) -> bool:
        todo, seen = [name], {name}
        while todo:
            found = self._interfaces.get(todo.pop())
            # one that is not there stays in: it is said to be missing, not passed over
            if found is None or found.pci_address is not None:
                return True
            if _known(found.numa_node) is not None:
                return True
            todo += [lower for lower in found.lower if lower not in seen]
            seen.update(found.lower)
        return False

    def _arrive(self, nic: Nic, way: _Way) -> None:
        if nic.node is None and len(self._cells) == 1:
            nic = Nic(nic.name, nic.pci_address, self._cells[0])
            way.via.append(f"the host has one NUMA node, so {nic.name} is on it")
        if nic.node is None:
            where = (
                f"/sys/bus/pci/devices/{nic.pci_address}/numa_node"
                if nic.pci_address
                else f"/sys/class/net/{nic.name}/device/numa_node"
            )
            way.unknown.append(
                f"the platform does not say on which NUMA node {nic.name} is; 'cat {where}' on "
                "the host, or the manual of the mainboard, tells"
            )
        way.nics[nic.pci_address or nic.name] = nic


def _known(node: int | None) -> int | None:
    return node if node is not None and node >= 0 else None


def find_affinities(
    network: HostNetwork,
    configs: Sequence[NeutronConfig],
    addresses: Mapping[str, Sequence[str]],
) -> Affinities:
    """Physnets and the tunnel endpoint of all configurations together.

    ``addresses``: interface -> its IP addresses. Where two files map one physnet, it is near the
    NICs of both (a Linux bridge and SR-IOV devices, say).
    """
    starts: dict[str, dict[str, None]] = {}
    for config in configs:
        for physnet, names in config.interfaces.items():
            starts.setdefault(physnet, {}).update(dict.fromkeys(names))
        for physnet, bridge in config.bridges.items():
            starts.setdefault(physnet, {})[bridge] = None
    physnets = tuple(network.affinity(name, list(names)) for name, names in starts.items())
    endpoints = list(dict.fromkeys(one for config in configs for one in config.local_ips))
    unknown: list[str] = []
    holders: list[str] = []
    for endpoint in endpoints:
        holder = _holder(endpoint, addresses)
        if holder is None:
            unknown.append(
                f"no interface is known to have the tunnel address {endpoint}; 'ip -j addr' on "
                "the host tells (give its output with --addresses)"
            )
        else:
            holders.append(holder)
    tunnel = network.affinity("tunnel", holders) if holders else None
    return Affinities(physnets, tunnel, tuple(unknown))


def _holder(endpoint: str, addresses: Mapping[str, Sequence[str]]) -> str | None:
    wanted = ipaddress.ip_address(endpoint)
    for name, found in addresses.items():
        if any(ipaddress.ip_address(address) == wanted for address in found):
            return name
    return None


def nova_conf_text(found: Affinities) -> str:
    """The sections of nova.conf that say the same, ready to paste; what is unknown stands in
    comments, and a network whose nodes are not known is left out."""
    known = [one for one in found.physnets if one.nodes]
    lines = [f"# not found out: {text}" for text in found.unknown]
    if known:
        # a dollar would name another option
        names = ", ".join(one.network.replace("$", "$$") for one in known)
        lines += ["[neutron]", f"physnets = {names}", ""]
    for one in found.physnets:
        lines += _comments(one)
        if one.nodes:
            lines += [f"[neutron_physnet_{one.network}]", _nodes(one)]
        lines.append("")
    if found.tunnel is not None:
        lines += _comments(found.tunnel)
        if found.tunnel.nodes:
            lines += ["[neutron_tunnel]", _nodes(found.tunnel)]
    return "\n".join(lines).strip() + "\n"


def _nodes(one: Affinity) -> str:
    return f"numa_nodes = {', '.join(map(str, one.nodes))}"


def _comments(one: Affinity) -> list[str]:
    cards = ", ".join(
        f"{nic.name} on node {'?' if nic.node is None else nic.node}" for nic in one.nics
    )
    label = "tunnels" if one.network == "tunnel" else one.network
    lines = [f"# {label}: {one.start}" + (f" -> {cards}" if cards else "")]
    return lines + [f"# not found out: {text}" for text in one.unknown]
