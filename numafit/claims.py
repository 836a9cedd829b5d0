"""Claim: what was taken from a host, to be given back once."""

from __future__ import annotations

from collections.abc import Sequence

from numafit._engine import Engine, Placed
from numafit.columns import Columns
from numafit.errors import MisuseError, NumafitError
from numafit.model.placement import PciAllocation, Placement
from numafit.moments import device_lists


class Claim:
    """What a placement took. ``host``: index in the fleet (0 of a Host), ``host_name``: the host's
    name, ``""`` where it has none; ``pci``: the pools and devices it holds. Give it back with
    ``release`` of the Host or Fleet that it was claimed from."""

    __slots__ = ("_columns", "_held", "host", "pci", "placement")

    def __init__(self, placement: Placement, placed: Placed, columns: Columns) -> None:
        if not isinstance(placed, Placed):
            raise MisuseError("Claim: claim() of a Host or a Fleet makes it")
        self.placement = placement
        self.host = placed.host
        self.pci: tuple[PciAllocation, ...] = ()
        if allocations := placed.decode_pci():
            self.pci = columns.take_devices(allocations)
        self._columns = columns
        # popping is atomic, so of two threads that release the same claim one comes too late
        self._held = [placed]

    @property
    def host_name(self) -> str:
        return self._columns.names[self.host]

    def _let_go(self, columns: Columns) -> Placed:
        if columns is not self._columns:
            raise MisuseError("claim: it was taken from another host or fleet")
        try:
            return self._held.pop()
        except IndexError:
            raise MisuseError("claim: it was released before") from None

    def _keep(self, placed: Placed) -> None:
        self._held.append(placed)

    def __repr__(self) -> str:
        state = "held" if self._held else "released"
        return f"Claim({self.placement!r}, {state})"


def take(engine: Engine, placement: Placement, placed: Placed) -> Claim:
    """Claim one placement, or raise StalePlacement."""
    columns = engine.columns
    if not columns.knows_devices:
        engine.claim([placed])
        return Claim(placement, placed, columns)
    return take_all(engine, [placement], [placed])[0]


def take_all(engine: Engine, placements: Sequence[Placement], placed: list[Placed]) -> list[Claim]:
    """Claim all of these or, raising StalePlacement, none."""
    columns = engine.columns
    with device_lists(columns):
        engine.claim(placed)
        return [
            Claim(placement, native, columns)
            for placement, native in zip(placements, placed, strict=True)
        ]


def give_back(engine: Engine, claims: Sequence[Claim]) -> None:
    """Release all of these or, raising, none."""
    columns = engine.columns
    placed: list[Placed] = []
    try:
        placed.extend(claim._let_go(columns) for claim in claims)
        with device_lists(columns):
            engine.release(placed)
            for claim in claims:
                if claim.pci:
                    columns.return_devices(claim.pci)
    except NumafitError:
        for held, native in zip(claims, placed, strict=False):
            held._keep(native)
        raise
