"""What a server that exists asks of another host, as it is or with another flavor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from numafit.errors import InvalidRequest
from numafit.model.flavor import Flavor
from numafit.model.guest import PciRequest
from numafit.model.request import Request
from numafit.model.server import Server
from numafit.rules.filters import Filters
from numafit.rules.network import Port
from numafit.rules.pci_alias import KEY, Alias

PROVIDERS = "rp_uuids"
"""Where nova keeps them in a stored request's specs (``compute/utils.py``)."""


def request_of_server(
    server: Server,
    flavor: Flavor | None = None,
    *,
    aliases: Mapping[str, Alias] | Iterable[str] = (),
    ports: Iterable[Port | Mapping[str, Any]] = (),
    volume_backed: bool = False,
    filters: Filters | None = None,
) -> Request:
    """``flavor``: the one it is to be resized to, ``None``: it stays as it is. ``aliases``: as for
    ``Request.for_server``; those of its own flavor are known where the source told its requests.
    ``ports``: of the server, where the source does not tell. ``filters``: the scheduler's, default:
    nova's own.

    A resize asks for the devices of the new flavor and keeps those of ports. Raises
    ``InvalidRequest`` for what nova would refuse.
    """
    asked, known = flavor or server.flavor, server.pci
    if flavor is None and known is not None:
        # what it asked for when it was started stands in the source
        specs = {key: value for key, value in asked.extra_specs.items() if key != KEY}
        asked = replace(asked, extra_specs=specs)
    try:
        found = Request.for_server(
            asked,
            server.image,
            ports,
            aliases,
            networks=server.networks,
            volume_backed=volume_backed,
            filters=filters,
        )
    except InvalidRequest as error:
        raise InvalidRequest(
            f"server {server.label}: {error}",
            nova_exception=error.nova_exception,
            key=error.key,
            value=error.value,
            stage=error.stage,
        ) from None
    if known is None:
        return found
    # a port's device keeps its policy: nova does not ask neutron again
    kept = [_anywhere(one) for one in known if flavor is None or one.alias_name is None]
    return Request(found.guest, found.networks, [*found.pci, *kept], resources=found.resources)


def _anywhere(request: PciRequest) -> PciRequest:
    """Without the resource providers that its devices were allocated from, on the source."""
    spec = ({key: value for key, value in one.items() if key != PROVIDERS} for one in request.spec)
    return replace(request, spec=tuple(spec))
