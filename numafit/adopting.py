"""Claims that were written down become claims of a fleet again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from numafit._as_one import or_undo
from numafit._engine import HostCopy, ManyHosts
from numafit.claims import Claim, give_back, take_named, write_taken
from numafit.columns.columns import DevicesTaken, Position
from numafit.errors import InputError, MisuseError, StalePlacement, shorten
from numafit.holding import Holding
from numafit.journal import Journal
from numafit.model.placement import Placement, with_native
from numafit.moments import device_lists, writing

IN_USAGE, ON_TOP = "in usage", "on top"
Written = Claim | Holding | str | bytes
"""A claim, what it holds, or ``Claim.to_json()``."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A claim that its host does not have, or has not free: what it holds, and ``why``.
    ``number``: in the journal, which has it until it is adopted or forgotten."""

    holding: Holding
    why: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Adopted:
    """``claims``: held from now on; ``lost``: those that could not be taken."""

    claims: tuple[Claim, ...]
    lost: tuple[Lost, ...]


class Adopting:
    """Of one call. ``find``: name of a host -> its index; raises MisuseError. ``before``: the claim
    whose place all that are made take."""

    def __init__(
        self, engine: ManyHosts, find: Callable[[str], int], before: Claim | None = None
    ) -> None:
        self._engine = engine
        self._find = find
        self._before = before
        self._copies: dict[int, tuple[HostCopy, set[str]]] = {}

    def written(self, claims: Iterable[Written | Lost], counted: bool) -> Adopted:
        """Claims that a caller has."""
        held: list[Claim] = []
        lost: list[Lost] = []
        for n, one in enumerate(claims):
            number = one.number if isinstance(one, Lost) else None
            holding = _holding(n, one)
            found = self._adopt(holding, counted, number)
            if isinstance(found, str):
                lost.append(Lost(holding, found, number))
            else:
                held.append(found)
        return Adopted(tuple(held), tuple(lost))

    def journalled(self, journal: Journal, saved_at: Position | None, counted: bool) -> Adopted:
        """What the journal says is held. Where the fleet was saved with it (``saved_at``), what was
        held then is in the fleet's usage, and what came later is not; else ``counted`` says it of
        all."""
        if saved_at is None:
            saved_at, later = journal.position, counted
        else:
            later, counted = False, True
        held: dict[int, Claim] = {}
        lost: dict[int, Lost] = {}
        for n, event in enumerate(journal.events(saved_at)):
            gone = [held.pop(number) for number in event.give if number in held]
            give_back(self._engine, gone)
            for number in event.give:
                lost.pop(number, None)
            for number, holding in event.take.items():
                found = self._adopt(holding, counted if n == 0 else later)
                if isinstance(found, str):
                    lost[number] = Lost(holding, found, number)
                else:
                    found.number = number
                    held[number] = found
        return Adopted(tuple(held.values()), tuple(lost.values()))

    def _adopt(self, holding: Holding, counted: bool, number: int | None = None) -> Claim | str:
        """The claim, or why the host does not have what it holds."""
        engine = self._engine
        later: DevicesTaken = {}
        instead = () if number is None else (number,)
        try:
            host = self._find(holding.host_name)
            with device_lists(engine), writing(engine) as journal:
                claim = self._placed(host, holding, counted)
                if isinstance(claim, str):
                    return claim
                if why := self._devices(claim, counted, later):
                    return why
                if not counted:
                    take_named(engine, [claim], later, journal, instead)
                elif why := self._in_usage(claim):
                    return why
                else:
                    claim.before = self._before
                    self._hold(claim, journal, instead)
                return claim
        except (MisuseError, StalePlacement) as error:
            return str(error)

    def _hold(self, claim: Claim, journal: Journal | None, instead: Sequence[int]) -> None:
        """It holds what is in use."""
        engine = self._engine
        if journal is None:
            engine.hold([claim])
            return
        before = journal.position

        def hold() -> None:
            engine.hold([claim])
            write_taken(journal, [claim], instead)

        def undo() -> None:
            if journal.position == before and claim.state == "held":
                engine.settle([], [claim])

        or_undo(hold, undo)

    def _placed(self, host: int, holding: Holding, counted: bool) -> Claim | str:
        columns = self._engine.columns
        pools = range(int(columns.host_first_pool[host]), int(columns.host_end_pool[host]))
        allocations = holding.allocations({n: columns.pools[n] for n in pools})
        if isinstance(allocations, str):
            return allocations
        requests = holding.pci_requests if allocations else ()
        units = dict(holding.resources)
        if counted:  # of what the host has no inventory, its usage does not tell
            provider = columns.providers_of_hosts.get(host)
            there = {} if provider is None else provider.inventories
            units = {name: amount for name, amount in units.items() if name in there}
        resources = dict(holding.resources)
        placed = self._engine.place(
            host, holding.cells, requests, allocations, resources, counted=units
        )
        placement = Placement(
            holding.cells, pci_requests=holding.pci_requests, host_name=holding.host_name
        )
        return Claim(with_native(placement, placed, allocations), placed, allocations)

    def _devices(self, claim: Claim, counted: bool, later: DevicesTaken) -> str:
        """Note the claim's devices; why it cannot have them."""
        columns = self._engine.columns
        if not counted and not any(one.devices for one in claim.pci):
            claim.pci = columns.name_devices(claim.pci, later)
            return ""
        for one in claim.pci:
            taken = columns.devices_taken.get(one.pool, set())
            for device in one.devices:
                if (device in taken) != counted:
                    state = "is taken already" if device in taken else "is not in use"
                    return f"{claim.host_name}: device {device} {state}"
            if not counted and one.devices:
                later.setdefault(one.pool, set(taken)).update(one.devices)
                columns.devices_taken.setdefault(one.pool, set())
        return ""

    def _in_usage(self, claim: Claim) -> str:
        """Why what the claim holds is not in use, beside what the host's other claims hold."""
        engine = self._engine
        if claim.host not in self._copies:
            still, named = engine.host_copy(claim.host), set[str]()
            others = [one for one in engine.claims_of(claim.host) if isinstance(one, Claim)]
            for other in others:
                engine.turn_on(still, other.placed, False)
                named.update(device for one in other.pci for device in one.devices)
            self._copies[claim.host] = still, named
        still, named = self._copies[claim.host]
        for device in (device for one in claim.pci for device in one.devices):
            if device in named:
                return f"{claim.host_name}: device {device} is held by another claim"
        why = engine.turn_on(still, claim.placed, False)
        if not why:
            named.update(device for one in claim.pci for device in one.devices)
        return why


def counted(usage: object) -> bool:
    """Are the claims in the usage that the host comes with, or on top of it?"""
    if not isinstance(usage, str) or usage not in (IN_USAGE, ON_TOP):
        raise MisuseError(f"claims={shorten(usage)}: expected '{IN_USAGE}' or '{ON_TOP}'")
    return usage == IN_USAGE


def _holding(n: int, one: Written | Lost) -> Holding:
    if isinstance(one, Lost):
        return one.holding
    if isinstance(one, Claim):
        return one.holding()
    if isinstance(one, Holding):
        return one
    try:
        return Holding.from_json(one)
    except InputError as error:
        raise error.within(key=f"claims[{n}]") from None


def all_or_error(found: Sequence[Lost], path: str) -> None:
    """For who loads a fleet with its claims."""
    if found:
        hint = "Load the fleet without claims; adopt() then says which no longer hold."
        expected = "claims that the fleet's hosts hold"
        raise InputError(
            path, f"claim on {found[0].holding.host_name}", found[0].why, expected, hint
        )
