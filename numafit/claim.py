"""Claim: what was taken from a host, to be given back once."""

from __future__ import annotations

from numafit._engine import Engine, Placed
from numafit.columns import Columns
from numafit.errors import MisuseError, StalePlacement
from numafit.model.placement import PciAllocation, Placement


class Claim:
    """What a placement took; ``host``: index in the fleet; ``pci``: the pools and devices it
    holds. Give it back with ``release`` of the Host or Fleet that it was claimed from."""

    __slots__ = ("_columns", "_held", "host", "pci", "placement")

    def __init__(self, placement: Placement, placed: Placed, columns: Columns) -> None:
        self.placement = placement
        self.host = placed.host
        self.pci: tuple[PciAllocation, ...] = ()
        if allocations := placed.decode_pci():
            self.pci = columns.take_devices(allocations)
        self._columns = columns
        # popping is atomic, so of two threads that release the same claim one comes too late
        self._held = [placed]

    def _let_go(self, columns: Columns) -> Placed:
        if columns is not self._columns:
            raise MisuseError("claim: it was taken from another host or fleet")
        try:
            return self._held.pop()
        except IndexError:
            raise MisuseError("claim: it was released before") from None

    def _give_back(self, engine: Engine, columns: Columns) -> None:
        placed = self._let_go(columns)
        try:
            engine.release([placed])
        except StalePlacement:
            self._keep(placed)
            raise
        if self.pci:
            columns.return_devices(self.pci)

    def _keep(self, placed: Placed) -> None:
        self._held.append(placed)

    def __repr__(self) -> str:
        state = "held" if self._held else "released"
        return f"Claim({self.placement!r}, {state})"
