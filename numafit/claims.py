"""Claim: what was taken from a host, to be given back once."""

from __future__ import annotations

from collections.abc import Sequence

from numafit._as_one import as_one, or_undo
from numafit._engine import Engine, Hold, Placed
from numafit.columns.columns import DevicesTaken
from numafit.errors import StalePlacement
from numafit.holding import Draw, Holding, bare
from numafit.journal import Journal
from numafit.model.placement import PciAllocation, Placement
from numafit.moments import device_lists, unchanged, writing


class Claim(Hold):
    """What a placement took. ``host``: index in the fleet (0 of a Host), ``host_name``: the host's
    name, ``""`` where it has none; ``pci``: the pools and devices it holds; ``state``: ``"held"``,
    ``"released"``, or ``"lost"`` where its host was changed or removed and no longer has what it
    held. Give it back with ``release`` of the Host or Fleet that it was claimed from, which keeps
    it until then: ``Fleet.claims`` finds it by its host."""

    __slots__ = ()

    placement: Placement
    pci: tuple[PciAllocation, ...]
    before: Claim | None
    """That of the fleet that this one is a fork of, whose place it takes here."""

    number: int | None
    """In the fleet's journal."""
    why: str
    """Why it was lost; empty while it is not."""

    @property
    def host_name(self) -> str:
        return self.placement.host_name

    def holding(self) -> Holding:
        """What it holds, in names."""
        return Holding(
            self.host_name,
            self.placement.cells,
            self.placement.pci_requests,
            tuple(Draw(one.request, one.count, bare(one.info), one.devices) for one in self.pci),
            self.placed.amounts(),
        )

    def to_json(self) -> str:
        """What it holds as one line of JSON, which ``Fleet.adopt`` takes: the host by name, cells
        with page size (KiB), memory (MiB) and pins by CPU id, PCI devices by the properties of
        their pool and their addresses, units by resource class."""
        return self.holding().to_json()

    def __repr__(self) -> str:
        return f"Claim({self.placement!r}, {self.state})"


# Ctrl-C and want of memory can end what Python does between any two steps. So all that Python does
# comes first, and the engine then changes everything in one call that nothing interrupts.


def take(engine: Engine, placement: Placement, placed: Placed) -> Claim:
    """Claim one placement, or raise StalePlacement."""
    # nothing but the engine is told of it
    if engine.journal is None and not (engine.columns.knows_devices and placed.n_draws):
        claim = Claim(placement, placed, placed.decode_pci())
        engine.claim([claim])
        return claim
    return take_all(engine, [placement], [placed])[0]


def take_all(engine: Engine, placements: Sequence[Placement], placed: list[Placed]) -> list[Claim]:
    """Claim all of these or, raising StalePlacement, none."""
    columns = engine.columns
    later: dict[int, set[str]] = {}
    with device_lists(engine), writing(engine) as journal:
        claims = [
            Claim(placement, native, columns.name_devices(native.decode_pci(), later))
            for placement, native in zip(placements, placed, strict=True)
        ]
        take_named(engine, claims, later, journal)
        return claims


def take_named(
    engine: Engine,
    claims: list[Claim],
    later: DevicesTaken,
    journal: Journal | None,
    instead: Sequence[int] = (),
) -> None:
    """Claim all of these, whose devices are named, and write it down. The caller holds
    ``device_lists`` and ``writing``."""
    if journal is None:
        engine.claim(claims, later)
        return
    before = journal.position

    def take() -> None:
        engine.claim(claims, later)
        write_taken(journal, claims, instead)

    def undo() -> None:
        if journal.position == before and all(claim.state == "held" for claim in claims):
            named: DevicesTaken = {}
            for claim in claims:
                engine.columns.unname_devices(claim.pci, named)
            engine.give_back(claims, named)

    or_undo(take, undo)


def write_taken(journal: Journal, claims: Sequence[Claim], instead: Sequence[int] = ()) -> None:
    """``instead``: of claims with these numbers."""
    numbers, before = journal.numbers(len(claims)), journal.position
    held = {n: claim.holding() for n, claim in zip(numbers, claims, strict=True)}

    def number_them() -> None:
        for number, claim in zip(numbers, claims, strict=True):
            claim.number = number

    as_one(lambda: journal.write(instead, held), lambda: journal.position != before, number_them)


def give_back(engine: Engine, claims: Sequence[Claim]) -> None:
    """Release all of these or, raising, none."""
    columns = engine.columns
    if engine.journal is None and not (columns.knows_devices and any(one.pci for one in claims)):
        try:
            engine.give_back(list(claims))
        except StalePlacement:
            # a host may have changed just now, and its claims not yet: once they have, it is known
            with unchanged(engine):
                engine.give_back(list(claims))
        return
    later: dict[int, set[str]] = {}
    with device_lists(engine), writing(engine) as journal:
        for claim in claims:
            columns.unname_devices(claim.pci, later)
        if journal is None:
            engine.give_back(list(claims), later)
            return
        # written first: what a kill leaves behind was to be given back
        held = {
            claim.number: claim.holding()
            for claim in claims
            if claim.number is not None and claim.state == "held"
        }
        before = journal.position

        def give() -> None:
            if held:
                journal.write(give=list(held))
            engine.give_back(list(claims), later)

        def undo() -> None:
            given = journal.position.line == before.line + 1
            if given and any(claim.state == "held" for claim in claims):
                journal.write(take=held)

        or_undo(give, undo)
