"""What neutron's agents and the switches of a host say: physnet -> bridge -> port, and tunnels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

INTEGRATION_BRIDGES = frozenset({"br-int", "br-tun"})
"""Bridges that are patched to all others: a way through them says nothing."""


@dataclass(frozen=True, slots=True)
class NeutronConfig:
    """The options of neutron's agents on one host.

    ``interfaces``: physnet -> interfaces, from ``physical_interface_mappings`` of the Linux
    bridge agent and ``physical_device_mappings`` of the SR-IOV agent. ``bridges``: physnet ->
    bridge, from ``bridge_mappings``. ``local_ips``: addresses of the tunnel endpoint; OVN may
    have several. ``integration_bridges``: those that guests are plugged into.
    """

    file: str | None = None
    interfaces: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bridges: Mapping[str, str] = field(default_factory=dict)
    local_ips: tuple[str, ...] = ()
    integration_bridges: frozenset[str] = INTEGRATION_BRIDGES


@dataclass(frozen=True, slots=True)
class SwitchPort:
    """An interface of an Open vSwitch bridge. ``kind``: the type column (``""`` is the kernel's
    own). ``peer``: the patch port on the other side. ``pci_address``: of a DPDK port."""

    name: str
    kind: str = ""
    peer: str | None = None
    pci_address: str | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """The Open vSwitch database of one host: bridge -> its ports (members of bonds included),
    and the ``external_ids`` of the host, where OVN keeps its configuration."""

    file: str | None = None
    bridges: Mapping[str, tuple[SwitchPort, ...]] = field(default_factory=dict)
    external_ids: Mapping[str, str] = field(default_factory=dict)
