"""A server's ports -> the networks that may have NUMA affinity, and the PCI devices asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numafit.errors import InputError, InvalidValue
from numafit.model import fields
from numafit.model.guest import PCI_NUMA_POLICIES, Networks, PciRequest
from numafit.model.values import flag, refuse, strict_flag

TUNNELS = ("vxlan", "gre", "geneve")
"""Types of networks that are carried in tunnels; flat and VLAN networks have a physnet."""

NETWORK_TYPES = ("flat", "vlan", *TUNNELS)

PORT_KEYS = (
    "vnic_type",
    "physnet",
    "network_type",
    "tunneled",
    "trusted",
    "numa_affinity_policy",
)

SRIOV_TYPES = (
    "direct",
    "macvtap",
    "direct-physical",
    "virtio-forwarder",
    "vdpa",
    "remote-managed",
)
"""vNIC types that a PCI device is behind."""
PLAIN_TYPES = ("normal", "baremetal", "smart-nic")
ACCELERATOR_TYPES = ("accelerator-direct", "accelerator-direct-physical")
"""Types whose device comes from Cyborg, by a device profile that only Cyborg knows."""

_DEVICE_TYPE = {"direct-physical": "type-PF", "vdpa": "vdpa"}


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a server, with what of its network matters for the fit.

    ``vnic_type``: Neutron's ``binding:vnic_type``. ``physnet``: physical network of a flat or
    VLAN network. ``tunneled``: its network is VXLAN, GRE or Geneve. ``trusted``: what the binding
    profile says, ``None`` where it says nothing; it counts for SR-IOV ports only.
    ``numa_affinity_policy``: of the port; it beats those of flavor and image.

    Raises ``InputError`` for a type that Neutron has not, ``InvalidRequest`` for accelerator
    types (``DeviceProfileError``) and for other policies of SR-IOV ports (``ValueError``).
    """

    vnic_type: str = "normal"
    physnet: str | None = None
    tunneled: bool = False
    trusted: bool | None = None
    numa_affinity_policy: str | None = None

    def __post_init__(self) -> None:
        fields.text("vnic_type", self.vnic_type)
        if self.vnic_type in ACCELERATOR_TYPES:
            raise refuse(
                "DeviceProfileError",
                "vnic_type",
                self.vnic_type,
                f"one of {', '.join(SRIOV_TYPES + PLAIN_TYPES)}",
                "Devices of accelerator ports come from Cyborg, which numafit does not ask; "
                "leave the port out to fit the rest of the server.",
            )
        if self.vnic_type not in SRIOV_TYPES + PLAIN_TYPES:
            expected = f"one of {', '.join(SRIOV_TYPES + PLAIN_TYPES)}"
            raise InvalidValue("vnic_type", self.vnic_type, expected)
        fields.text("physnet", self.physnet, none=True)
        fields.text("numa_affinity_policy", self.numa_affinity_policy, none=True)
        keep = object.__setattr__
        keep(self, "tunneled", fields.yes_or_no("tunneled", self.tunneled))
        if self.trusted is not None:
            keep(self, "trusted", fields.yes_or_no("trusted", self.trusted))
        policy = self.numa_affinity_policy
        if policy and policy not in PCI_NUMA_POLICIES and self.vnic_type in SRIOV_TYPES:
            raise refuse(
                "ValueError",
                "numa_affinity_policy",
                policy,
                f"one of {', '.join(PCI_NUMA_POLICIES)}",
            )

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Port:
        """From a mapping of PORT_KEYS: the fields by name, and ``network_type`` (``flat``,
        ``vlan``, ``vxlan``, ``gre``, ``geneve``) in place of ``tunneled``.

        Raises ``InputError`` with the key at fault, and what the fields themselves raise.
        """
        if not isinstance(found, Mapping):
            raise InvalidValue("port", found, "a mapping")
        for key in found:
            if key not in PORT_KEYS:
                raise InputError(None, str(key), found[key], f"one of {', '.join(PORT_KEYS)}")
        kind, physnet = found.get("network_type"), found.get("physnet")
        if kind is not None and kind not in NETWORK_TYPES:
            raise InputError(None, "network_type", kind, f"one of {', '.join(NETWORK_TYPES)}")
        if kind in TUNNELS and physnet is not None:
            raise InputError(
                None,
                "physnet",
                physnet,
                f"no physnet beside network_type={kind}",
                "Only flat and VLAN networks have one.",
            )
        trusted = found.get("trusted")
        if trusted is not None:
            try:
                trusted = strict_flag(trusted)
            except ValueError as error:
                raise InputError(None, "trusted", trusted, str(error)) from None
        return cls(
            found.get("vnic_type", "normal"),
            physnet,
            kind in TUNNELS or found.get("tunneled") is True,
            trusted,
            found.get("numa_affinity_policy"),
        )

    @classmethod
    def from_neutron(cls, port: Mapping[str, Any], network: Mapping[str, Any]) -> Port:
        """From Neutron's port and its network, as their APIs show them to an administrator.

        Read are ``binding:vnic_type``, ``binding:profile`` and ``numa_affinity_policy`` of the
        port, ``provider:physical_network``, ``provider:network_type`` and ``segments`` of the
        network; of several segments the first with a physical network counts.
        """
        fields.mapping("port", port)
        fields.mapping("network", network)
        profile = port.get("binding:profile") or {}
        if not isinstance(profile, Mapping):
            raise InputError(None, "binding:profile", profile, "a mapping")
        trusted = profile.get("trusted")
        physnet, tunneled = _carrier(network)
        return cls(
            port.get("binding:vnic_type", "normal"),
            physnet,
            tunneled,
            None if trusted is None else flag(trusted),
            port.get("numa_affinity_policy"),
        )

    def pci_request(self, numa_policy: str | None = None) -> PciRequest | None:
        """The device behind the port, or ``None`` for types that have none. ``numa_policy``: that
        of flavor and image."""
        if self.vnic_type not in SRIOV_TYPES:
            return None
        # text, as tags are compared as text
        spec: dict[str, Any] = {
            "physical_network": self.physnet,
            "remote_managed": str(self.vnic_type == "remote-managed"),
        }
        if self.vnic_type in _DEVICE_TYPE:
            spec["dev_type"] = _DEVICE_TYPE[self.vnic_type]
        if self.trusted is not None:
            spec["trusted"] = str(self.trusted)
        return PciRequest(1, [spec], self.numa_affinity_policy or numa_policy or None)


def networks_of(ports: Sequence[Port]) -> Networks | None:
    """The physnets and tunnels of all ports together; ``None`` without any port."""
    if not ports:
        return None
    physnets = frozenset(port.physnet for port in ports if port.physnet)
    return Networks(physnets, any(port.tunneled for port in ports))


def port_requests(ports: Iterable[Port], numa_policy: str | None = None) -> list[PciRequest]:
    """The devices behind the ports, in their order."""
    found = (port.pci_request(numa_policy) for port in ports)
    return [request for request in found if request is not None]


def _carrier(network: Mapping[str, Any]) -> tuple[str | None, bool]:
    segments = network.get("segments") or ()
    for segment in fields.many("segments", segments, Mapping, "a mapping", "a list of mappings"):
        physnet = segment.get("provider:physical_network")
        if physnet:
            return physnet, False
    if segments:
        raise refuse(
            "NovaException",
            "segments",
            segments,
            "a segment with provider:physical_network",
            "Nova cannot use a network whose segments are all tunnels.",
        )
    kind = network.get("provider:network_type")
    return network.get("provider:physical_network"), kind in TUNNELS
