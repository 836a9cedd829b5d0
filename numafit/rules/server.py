"""What flavor, image and ports of a server ask for together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from numafit.errors import InputError, InvalidValue
from numafit.model import fields
from numafit.model.flavor import Flavor, Image
from numafit.model.guest import GuestTopology, Networks, PciRequest
from numafit.model.resources import Resources
from numafit.rules.filters import (
    NOVAS_OWN,
    Filters,
    conditions_of,
    cyborg_not_judged,
    filters_not_judged,
)
from numafit.rules.guest_topology import guest_topology
from numafit.rules.network import Port, networks_of, port_requests
from numafit.rules.pci_alias import Alias, parse_aliases, pci_requests
from numafit.rules.pci_policy import pci_numa_policy
from numafit.rules.request_filters import filtered
from numafit.rules.resources import resources_of


def asked_of_server(
    flavor: Flavor,
    image: Image | None,
    ports: Iterable[Port | Mapping[str, Any]],
    aliases: Mapping[str, Alias] | Iterable[str],
    pci_implies_topology: bool,
) -> tuple[GuestTopology | None, Networks | None, list[PciRequest]]:
    """Guest, networks and devices, as ``Request.for_server`` has them."""
    pci_implies_topology = fields.yes_or_no("pci_implies_topology", pci_implies_topology)
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
    return guest, networks_of(ports), pci


def placement_asks(
    flavor: Flavor,
    image: Image | None,
    pci: Iterable[PciRequest],
    volume_backed: bool,
    zone: str | None,
    filters: Filters | None,
) -> Resources:
    """What placement is asked for, as ``Request.for_server`` has it."""
    fields.text("zone", zone, none=True)
    volume_backed = fields.yes_or_no("volume_backed", volume_backed)
    fields.instance("filters", filters, Filters, none=True)
    filters = filters or NOVAS_OWN
    left_open = (*cyborg_not_judged(flavor), *filters_not_judged(flavor, image, filters))
    conditions = conditions_of(flavor, image, filters)
    found = resources_of(flavor, image, volume_backed=volume_backed)
    found = filtered(found, flavor, image, pci)
    if not filters.second_query:
        found = replace(found, fallback=None)
    return replace(found, zone=zone, conditions=conditions, left_open=left_open)


def _ports(found: Iterable[Port | Mapping[str, Any]]) -> list[Port]:
    ports = []
    for n, port in enumerate(fields.iterable("ports", found, "a list of Ports")):
        if isinstance(port, Mapping):
            try:
                port = Port.from_dict(port)
            except InputError as error:
                raise error.within(key=f"ports[{n}]") from None
        if not isinstance(port, Port):
            raise InvalidValue(f"ports[{n}]", port, "a Port, or a mapping of its fields")
        ports.append(port)
    return ports
