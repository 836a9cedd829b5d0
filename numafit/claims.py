"""Claim: what was taken from a host, to be given back once."""

from __future__ import annotations

from collections.abc import Sequence

from numafit._engine import Engine, Placed
from numafit.columns import Columns
from numafit.errors import MisuseError
from numafit.model.placement import PciAllocation, Placement
from numafit.moments import device_lists


class Claim:
    """What a placement took. ``host``: index in the fleet (0 of a Host), ``host_name``: the host's
    name, ``""`` where it has none; ``pci``: the pools and devices it holds. Give it back with
    ``release`` of the Host or Fleet that it was claimed from."""

    __slots__ = ("_columns", "_held", "host", "pci", "placement")

    def __init__(
        self,
        placement: Placement,
        placed: Placed,
        columns: Columns,
        later: dict[int, set[str]] | None = None,
    ) -> None:
        if not isinstance(placed, Placed):
            raise MisuseError("Claim: claim() of a Host or a Fleet makes it")
        self.placement = placement
        self.host = placed.host
        self.pci: tuple[PciAllocation, ...] = ()
        if allocations := placed.decode_pci():
            self.pci = columns.name_devices(allocations, {} if later is None else later)
        self._columns = columns
        # the engine empties it, so that of two threads that release the same claim one is too late
        self._held = [placed]

    @property
    def host_name(self) -> str:
        return self._columns.names[self.host]

    def __repr__(self) -> str:
        state = "held" if self._held else "released"
        return f"Claim({self.placement!r}, {state})"


# Ctrl-C and want of memory can end what Python does between any two steps. So all that Python does
# comes first, and the engine then changes everything in one call that nothing interrupts.


def take(engine: Engine, placement: Placement, placed: Placed) -> Claim:
    """Claim one placement, or raise StalePlacement."""
    columns = engine.columns
    if not columns.knows_devices:
        claim = Claim(placement, placed, columns)
        engine.claim([placed])
        return claim
    return take_all(engine, [placement], [placed])[0]


def take_all(engine: Engine, placements: Sequence[Placement], placed: list[Placed]) -> list[Claim]:
    """Claim all of these or, raising StalePlacement, none."""
    columns = engine.columns
    later: dict[int, set[str]] = {}
    with device_lists(columns):
        claims = [
            Claim(placement, native, columns, later)
            for placement, native in zip(placements, placed, strict=True)
        ]
        engine.claim(placed, later)
        return claims


def give_back(engine: Engine, claims: Sequence[Claim]) -> None:
    """Release all of these or, raising, none."""
    columns = engine.columns
    if any(claim._columns is not columns for claim in claims):
        raise MisuseError("claim: it was taken from another host or fleet")
    later: dict[int, set[str]] = {}
    with device_lists(columns):
        for claim in claims:
            columns.unname_devices(claim.pci, later)
        engine.give_back([claim._held for claim in claims], later)
