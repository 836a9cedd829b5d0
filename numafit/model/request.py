"""All that a server asks for at once: its guest topology, networks and PCI devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from numafit.errors import MisuseError, shorten
from numafit.model.guest import GuestTopology, Networks, PciRequest


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
