"""Which guests of a host would have to leave: a space for ``explain_search``.

A guest is a server of nova's, or a claim on a fleet. What it gives back is taken from the host by
the engine's own release; its units, and its devices where it is clear which pool they came from,
are given back too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from numafit.claims import Claim
from numafit.errors import InvalidRequest, InvalidValue, NumafitError
from numafit.host import Host
from numafit.model.hostinfo import HostInfo, PciPool
from numafit.model.options import FitOptions
from numafit.model.placement import Placement, PlacementCell
from numafit.model.refusal import Refusal
from numafit.model.request import Request
from numafit.model.server import HeldDevice, Server
from numafit.planning.explain_search import Changes, Key
from numafit.planning.explain_words import GUEST, Part, guest_part
from numafit.rules.moved_server import request_of_server


@dataclass(frozen=True, slots=True)
class Guest:
    """One that is on a host. ``cells``: what it holds there; ``units``: by resource class;
    ``devices``: pools of which it has some, each with how many; ``vcpus`` and ``memory_mb`` (MiB):
    its size. ``host``: name of the host, or its index in the fleet."""

    name: str
    host: str | int
    cells: tuple[PlacementCell, ...] = ()
    units: Mapping[str, int] = field(default_factory=dict)
    devices: tuple[HeldDevice, ...] = ()
    pools: tuple[tuple[PciPool, int], ...] = ()
    vcpus: int = 0
    memory_mb: int = 0


def guests_of(given: Iterable[Server | Claim] | Mapping[str, Claim]) -> list[Guest]:
    """Of servers, which have names, or of claims, by the names of a mapping or their numbers."""
    if isinstance(given, Mapping):
        return [_of_claim(name, claim) for name, claim in given.items()]
    found = []
    for n, one in enumerate(given):
        if isinstance(one, Server):
            found.append(_of_server(one))
        else:
            found.append(_of_claim(f"claim {n}", one))
    return found


def guests_on(guests: Iterable[Guest], host: int, name: str) -> list[Guest]:
    """Those of one host: claims by its index, servers by its name."""
    return [one for one in guests if one.host == host or (name and one.host == name)]


def _of_server(server: Server) -> Guest:
    held = server.placement
    try:
        asked = request_of_server(replace(server, pci=())).resources
    except InvalidRequest:
        asked = None  # of an older nova, perhaps; what its cells hold is known all the same
    return Guest(
        server.label,
        server.host,
        () if held is None else held.cells,
        {} if asked is None else asked.amounts,
        server.devices,
        (),
        server.flavor.vcpus,
        server.flavor.memory_mb,
    )


def _of_claim(name: str, claim: object) -> Guest:
    if not isinstance(claim, Claim):
        raise InvalidValue("guests", claim, "Servers or Claims")
    cells = claim.placement.cells
    return Guest(
        name,
        claim.host,
        cells,
        claim.holding().resources,
        (),
        tuple((one.info, one.count) for one in claim.pci),
        sum(len(cell.cpuset | cell.pcpuset) for cell in cells),
        sum(cell.memory_mb for cell in cells),
    )


class GuestSpace:
    """The guests on one host. Their order is that of the keys, so that no set comes twice."""

    def __init__(
        self, info: HostInfo, request: Request, options: FitOptions, guests: Iterable[Guest]
    ) -> None:
        self.info, self.request, self.options = info, request, options
        self.guests = [guest for guest in guests if self._without([guest]) is not None]

    def judge(self, changes: Changes) -> Placement | Refusal | None:
        host = self._without([self.guests[key[1]] for key in changes])
        return None if host is None else host.fit(self.request, self.options)

    def changed(self, changes: Changes) -> tuple[HostInfo, Request]:
        host = self._without([self.guests[key[1]] for key in changes])
        assert host is not None
        return host.hostinfo, self.request

    def units(self, key: Key, amount: int) -> int:
        return self._vcpus(key[1])

    def common(self, changes: Changes) -> Changes:
        return changes

    def twins(self, changes: Changes) -> list[Changes]:
        return [self.common(changes)]

    def part(self, key: Key, changes: Changes) -> Part:
        guest = self.guests[key[1]]
        return guest_part(guest.name, guest.vcpus, guest.memory_mb)

    def all_at_once(self) -> Changes:
        return {(GUEST, n): 1 for n in sorted(range(len(self.guests)), key=self._vcpus)}

    def _vcpus(self, n: int) -> int:
        return self.guests[n].vcpus

    def steps(self, changes: Changes, refusal: Refusal) -> Iterator[tuple[Key, int]]:
        last = max((key[1] for key in changes), default=-1)
        yield from (((GUEST, n), 1) for n in range(last + 1, len(self.guests)))

    def _without(self, leaving: list[Guest]) -> Host | None:
        """``None``: the host and its guests disagree on what is in use."""
        info = self.info
        for guest in leaving:
            info = _given_back(info, guest)
        host = Host(info)
        try:
            for guest in leaving:
                if guest.cells:
                    host.release(Placement(guest.cells))
        except NumafitError:
            return None
        return host


def _given_back(info: HostInfo, guest: Guest) -> HostInfo:
    """Its units and devices; its cells the engine gives back."""
    provider, pools = info.provider, info.pci_pools
    if provider is not None:
        inventories = {
            name: replace(one, used=max(one.used - guest.units.get(name, 0), 0))
            for name, one in provider.inventories.items()
        }
        provider = replace(provider, inventories=inventories)
    if pools is not None:
        for device in guest.devices:
            pools = _returned(pools, device)
        for pool, count in guest.pools:
            pools = _put_back(pools, pool, count)
    return replace(info, provider=provider, pci_pools=pools)


def _returned(pools: tuple[PciPool, ...], device: HeldDevice) -> tuple[PciPool, ...]:
    """To the one pool of its kind on its node; where there is none, or several, it stays taken."""
    alike = [
        pool
        for pool in pools
        if f"{pool.vendor_id}:{pool.product_id}" == device.kind
        and pool.numa_node == device.numa_node
    ]
    return _put_back(pools, alike[0], 1) if len(alike) == 1 else pools


def _put_back(pools: tuple[PciPool, ...], to: PciPool, count: int) -> tuple[PciPool, ...]:
    wanted = {**to.as_dict(), "count": 0}
    for n, pool in enumerate(pools):
        if {**pool.as_dict(), "count": 0} == wanted:
            return (*pools[:n], replace(pool, count=pool.count + count), *pools[n + 1 :])
    return (*pools, replace(to, count=count, devices=()))
