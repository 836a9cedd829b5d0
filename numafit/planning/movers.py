"""Which guests of a fleet could be moved live, and why the others stay."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from numafit.claims import Claim
from numafit.errors import InvalidRequest, InvalidValue, MisuseError
from numafit.fleet import Fleet
from numafit.holding import Holding
from numafit.model import fields
from numafit.model.guest import GuestCell, GuestTopology
from numafit.model.request import Request
from numafit.model.resources import ResourceGroup, Resources
from numafit.model.server import Server
from numafit.rules.filters import Filters
from numafit.rules.live_migration import DEVICES, stays_because
from numafit.rules.moved_server import request_of_server

BY_POLICY = "named as one that stays"
NO_CELLS = "its source does not tell what it holds"
NOTHING = "nothing that it holds is known"
NOT_TOLD = "traits, aggregates, zone and networks: a claim does not tell what its guest asks for"


@dataclass(frozen=True, slots=True)
class Mover:
    """A guest on a host. ``host``: its index in the fleet; ``memory_mb``: what a migration copies
    (MiB); ``request``: what it asks of another host; ``stays``: why it cannot be moved, ``""``
    where it can; ``held``: what it holds, once for each guest. The devices of a server stay taken
    where it leaves: which pool they are of its source does not tell."""

    name: str
    host: int
    memory_mb: int
    request: Request | None
    held: Claim | Holding | None
    stays: str = ""


Guest = Server | Claim | Holding
Guests = Iterable[Guest] | Mapping[str, Guest]


def movers_of(
    fleet: Fleet, guests: Guests, stay: Collection[str] = (), filters: Filters | None = None
) -> list[Mover]:
    """``guests``: servers, which have names; claims on the fleet, or what claims hold whose usage
    the hosts come with, by the names of a mapping or their numbers. Those on hosts that the fleet
    does not have are left out. ``stay``: names, or uuids, of those that must not be moved. Raises
    InvalidValue for a name that no guest has."""
    found: list[Mover] = []
    left = set(stay)
    if isinstance(guests, Mapping):
        named = list(guests.items())
    else:
        given = fields.iterable("guests", guests, "a list of Servers or Claims")
        named = [(getattr(one, "label", f"claim {n}"), one) for n, one in enumerate(given)]
    for name, one in named:
        if not isinstance(one, Guest):
            raise InvalidValue("guests", one, "Servers or Claims")
        names = {name, one.uuid} if isinstance(one, Server) else {name}
        stays = BY_POLICY if names & set(stay) else ""
        left -= names
        if isinstance(one, Claim):
            found.append(_of_claim(name, one, stays))
            continue
        host_name = one.host if isinstance(one, Server) else one.host_name
        try:
            host = fleet.index(host_name)
        except MisuseError:
            continue
        if isinstance(one, Server):
            found.append(_of_server(host, one, stays, filters))
        else:
            found.append(_of_holding(name, host, one, stays))
    if left:
        raise InvalidValue("stay", min(left), "the name of one of the guests")
    return found


def _of_server(host: int, server: Server, stays: str, filters: Filters | None) -> Mover:
    request: Request | None = None
    stays = stays or stays_because(server)
    try:
        request = request_of_server(server, filters=filters)
    except InvalidRequest as error:
        stays = stays or str(error)
    held = None
    if server.placement is None:
        stays = stays or NO_CELLS
    elif request is not None:
        units = {} if request.resources is None else dict(request.resources.amounts)
        held = Holding(server.host, server.placement.cells, resources=units)
    return Mover(server.label, host, server.flavor.memory_mb, request, held, stays)


def _of_claim(name: str, claim: Claim, stays: str) -> Mover:
    found = _of_holding(name, claim.host, claim.holding(), stays)
    return replace(found, request=claim.placement.asked or found.request, held=claim)


def _of_holding(name: str, host: int, held: Holding, stays: str) -> Mover:
    """It asks for what it holds: pages of this size, as many CPUs in as many cells. What else it
    was asked for is not told."""
    cells = [
        GuestCell(
            one.cpuset,
            one.pcpuset,
            one.memory_mb,
            one.pagesize,
            one.cpu_policy,
            one.cpu_thread_policy,
        )
        for one in held.cells
    ]
    emulator = "isolate" if any(one.reserved for one in held.cells) else None
    guest = GuestTopology(tuple(cells), emulator) if cells else None
    request = None
    if guest is not None or held.resources:
        groups = (ResourceGroup(resources=held.resources),) if held.resources else ()
        request = Request(guest, resources=Resources(groups, left_open=(NOT_TOLD,)))
    if held.draws:
        stays = stays or DEVICES
    elif request is None:
        stays = stays or NOTHING
    memory = sum(one.memory_mb for one in held.cells) or held.resources.get("MEMORY_MB", 0)
    return Mover(name, host, memory, request, held, stays)
