"""All that a server asks for at once: its guest topology, networks and PCI devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from numafit.errors import InputError, MisuseError, shorten
from numafit.model.flavor import Flavor, Image, guest_topology
from numafit.model.guest import GuestTopology, Networks, PciRequest
from numafit.model.network import Port, networks_of, port_requests
from numafit.model.pci_alias import Alias, parse_aliases, pci_requests
from numafit.model.pci_policy import pci_numa_policy


class Request:
    """What ``fit`` looks for a place for.

    ``guest``: a GuestTopology, or ``None`` for a server that asks for devices and networks alone.
    ``networks``: those that may have NUMA affinity. ``pci``: PciRequests in nova's order, the
    flavor's aliases before the ports. ``provider_mapping``: placement's allocation (request group
    -> resource provider uuids), where the scheduler has one.

    Not to be changed once made: fleets remember by identity what they looked up for it.
    """

    __slots__ = ("__weakref__", "guest", "networks", "pci", "provider_mapping")

    guest: GuestTopology | None
    networks: Networks | None
    pci: tuple[PciRequest, ...]
    provider_mapping: Mapping[str, Sequence[str]] | None

    def __init__(
        self,
        guest: GuestTopology | None,
        networks: Networks | None = None,
        pci: Iterable[PciRequest] = (),
        provider_mapping: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        if guest is not None and not isinstance(guest, GuestTopology):
            raise MisuseError(f"guest={shorten(guest)}: expected a GuestTopology or None")
        if networks is not None and not isinstance(networks, Networks):
            raise MisuseError(f"networks={shorten(networks)}: expected a Networks or None")
        self.guest = guest
        self.networks = networks
        self.pci = tuple(pci)
        self.provider_mapping = provider_mapping
        for n, one in enumerate(self.pci):
            if not isinstance(one, PciRequest):
                raise MisuseError(f"pci[{n}]={shorten(one)}: expected a PciRequest")

    @classmethod
    def for_server(
        cls,
        flavor: Flavor,
        image: Image | None = None,
        ports: Iterable[Port | Mapping[str, Any]] = (),
        aliases: Mapping[str, Alias] | Iterable[str] = (),
        pci_implies_topology: bool = False,
    ) -> Request:
        """All that flavor, image and ports ask for, derived as nova's API derives it.

        ``ports``: Port values, or mappings as ``Port.from_dict`` takes them. ``aliases``: of
        ``parse_aliases``, or the texts of ``[pci] alias``. The port's NUMA policy
        beats that of flavor and image, which beats the alias's. ``pci_implies_topology``: a guest
        that asks for devices and for no topology gets one of one cell, as the networking guide
        has it; nova's code (and the default) looks at its devices alone, wherever they are.

        Raises ``InvalidRequest`` for the first thing that nova would refuse.
        """
        guest = guest_topology(flavor, image)
        policy = pci_numa_policy(flavor, image)
        if not isinstance(aliases, Mapping):
            aliases = parse_aliases(aliases)
        pci = pci_requests(flavor, aliases, policy)
        ports = _ports(ports)
        pci += port_requests(ports, policy)
        if guest is None and pci and pci_implies_topology:
            asked = replace(flavor, extra_specs={**flavor.extra_specs, "hw:numa_nodes": "1"})
            guest = guest_topology(asked, image)
        return cls(guest, networks_of(ports), pci)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((self.guest, self.networks, len(self.pci)))

    def _parts(self) -> tuple[object, ...]:
        return (self.guest, self.networks, self.pci, self.provider_mapping)

    def __repr__(self) -> str:
        return f"Request({self.guest!r}, networks={self.networks!r}, pci={list(self.pci)!r})"


def _ports(found: Iterable[Port | Mapping[str, Any]]) -> list[Port]:
    ports = []
    for n, port in enumerate(found):
        if isinstance(port, Mapping):
            try:
                port = Port.from_dict(port)
            except InputError as error:
                raise error.within(key=f"ports[{n}]") from None
        if not isinstance(port, Port):
            raise MisuseError(f"ports[{n}]={shorten(port)}: expected a Port")
        ports.append(port)
    return ports
