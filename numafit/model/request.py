"""All that a server asks for at once: its guest topology, networks and PCI devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numafit.errors import InvalidValue, MisuseError, shorten
from numafit.model import fields
from numafit.model.flavor import Flavor, Image
from numafit.model.guest import GuestTopology, Networks, PciRequest
from numafit.model.resources import Resources

if TYPE_CHECKING:
    from numafit.rules.filters import Filters
    from numafit.rules.network import Port
    from numafit.rules.pci_alias import Alias


class Request:
    """What ``fit`` looks for a place for.

    ``guest``: a GuestTopology, or ``None`` for a server that asks for devices and networks alone.
    ``networks``: those that may have NUMA affinity. ``pci``: PciRequests in nova's order, the
    flavor's aliases before the ports; MisuseError where it is not given and the flavor names some.
    ``provider_mapping``: placement's allocation (request group -> resource provider uuids), where
    the scheduler has one. ``resources``: what it asks of placement, ``None`` where that is not to
    be judged. ``for_server`` makes all of it from what a server is started with; a Request of parts
    is for those who have only these.

    Not to be changed once made: fleets remember by identity what they looked up for it.
    """

    __slots__ = ("__weakref__", "guest", "networks", "pci", "provider_mapping", "resources")

    guest: GuestTopology | None
    networks: Networks | None
    pci: tuple[PciRequest, ...]
    provider_mapping: Mapping[str, Sequence[str]] | None
    resources: Resources | None

    def __init__(
        self,
        guest: GuestTopology | None,
        networks: Networks | None = None,
        pci: Iterable[PciRequest] | None = None,
        provider_mapping: Mapping[str, Sequence[str]] | None = None,
        resources: Resources | None = None,
    ) -> None:
        fields.instance("guest", guest, GuestTopology, none=True)
        fields.instance("networks", networks, Networks, none=True)
        fields.instance("resources", resources, Resources, none=True)
        self.resources = resources
        self.guest = guest
        self.networks = networks
        if pci is None and guest is not None and guest.aliases:
            raise MisuseError(
                f"pci: the guest's flavor asks for devices by alias ({shorten(guest.aliases)}), "
                "which its topology does not hold: call "
                "Request.for_server(flavor, image, aliases=...), or pass pci=[] to leave them out"
            )
        if pci is None and guest is None and networks is None and resources is None:
            raise MisuseError(
                "guest=None: a request for nothing, which every host serves; call "
                "Request.for_server(flavor, image, aliases=...), which knows what a flavor without "
                "a topology asks for, or pass pci=[] where nothing is meant"
            )
        self.pci = pci_list("pci", () if pci is None else pci)
        self.provider_mapping = checked_mapping(provider_mapping)

    @classmethod
    def for_server(
        cls,
        flavor: Flavor,
        image: Image | None = None,
        ports: Iterable[Port | Mapping[str, Any]] = (),
        aliases: Mapping[str, Alias] | Iterable[str] = (),
        networks: Networks | None = None,
        resources: Resources | None = None,
        pci_implies_topology: bool = False,
        volume_backed: bool = False,
        zone: str | None = None,
        filters: Filters | None = None,
    ) -> Request:
        """All that flavor, image and ports ask for, derived as nova's API derives it.

        ``ports``: Port values, or mappings as ``Port.from_dict`` takes them. ``aliases``: of
        ``parse_aliases``, or the texts of ``[pci] alias``. The port's NUMA policy
        beats that of flavor and image, which beats the alias's. ``networks``: those beside the
        ports'. ``resources``: what is asked of placement, in place of what follows from flavor and
        image: for those who have it from nova. ``pci_implies_topology``: a guest
        that asks for devices and for no topology gets one of one cell, as the networking guide
        has it; nova's code (and the default) looks at its devices alone, wherever they are.
        ``volume_backed``: its root disk takes nothing of the host's. ``zone``: the availability
        zone that it is to start in. ``filters``: the scheduler's, default: nova's own.

        Raises ``InvalidRequest`` for the first thing that nova would refuse.
        """
        # the one way up from this room: a value that knows how nova's API comes by it
        from numafit.rules.server import asked_of_server, placement_asks

        fields.instance("networks", networks, Networks, none=True)
        guest, near, pci = asked_of_server(flavor, image, ports, aliases, pci_implies_topology)
        if resources is None:
            resources = placement_asks(flavor, image, pci, volume_backed, zone, filters)
        return cls(guest, _both(near, networks), pci, resources=resources)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((self.guest, self.networks, len(self.pci)))

    def _parts(self) -> tuple[object, ...]:
        return (self.guest, self.networks, self.pci, self.provider_mapping, self.resources)

    def __repr__(self) -> str:
        return f"Request({self.guest!r}, networks={self.networks!r}, pci={list(self.pci)!r})"


def _both(one: Networks | None, other: Networks | None) -> Networks | None:
    if one is None or other is None:
        return one or other
    return Networks(one.physnets | other.physnets, one.tunneled or other.tunneled)


def pci_list(key: str, requests: Any) -> tuple[PciRequest, ...]:
    """PciRequests in order."""
    return fields.many(key, requests, PciRequest, "a PciRequest", "a list of PciRequests")


def checked_mapping(mapping: Any) -> Mapping[str, Sequence[str]] | None:
    """Placement's allocation, or ``None``."""
    if mapping is None:
        return None
    expected = "a mapping of request groups to lists of provider uuids"
    if not isinstance(mapping, Mapping):
        raise InvalidValue("provider_mapping", mapping, expected)
    for group, uuids in mapping.items():
        fields.text("provider_mapping", group)
        fields.many(f"provider_mapping[{group!r}]", uuids, str, "a provider uuid", expected)
    found: Mapping[str, Sequence[str]] = mapping
    return found
