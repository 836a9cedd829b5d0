"""How near to each other are the parts of the guests that run?"""

from __future__ import annotations

from numafit._header import NO_DISTANCES
from numafit.claims import Claim
from numafit.fleet import Fleet

Distances = tuple[tuple[int, ...], ...]


class Nearness:
    """Of guests as they come and go. ``closeness``: for guests of several cells 10 over the mean
    distance between theirs (1: as near as a cell to itself), on average over those that run;
    ``devices_near``: the part of their devices that are on a cell of the guest. ``None``: there are
    none, or where they are is not known."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._columns = fleet.columns(copy=False)
        self._distances: dict[int, Distances] = {}
        self._told = bool((self._columns["host_distance_at"] != NO_DISTANCES).any())
        self._close: dict[int, float] = {}
        self._devices: dict[int, tuple[int, int]] = {}
        self._ever = [0, 0.0]

    def came(self, guest: int, claim: Claim, wide: bool, with_devices: bool) -> None:
        """``wide``: it has several cells."""
        if wide and self._told:
            found = self._closeness(claim)
            if found is not None:
                self._close[guest] = found
                self._ever[0] += 1
                self._ever[1] += found
        if with_devices:
            nodes = {cell.host_cell for cell in claim.placement.cells}
            # -1 is the kernel's word for a node that it does not know
            known = [one for one in claim.pci if nodes and one.numa_node not in (None, -1)]
            near = sum(one.count for one in known if one.numa_node in nodes)
            self._devices[guest] = near, sum(one.count for one in known)

    def left(self, guest: int) -> None:
        self._close.pop(guest, None)
        self._devices.pop(guest, None)

    @property
    def closeness(self) -> float | None:
        return sum(self._close.values()) / len(self._close) if self._close else None

    @property
    def closeness_of_all(self) -> float | None:
        """On average over all guests that ever came."""
        return self._ever[1] / self._ever[0] if self._ever[0] else None

    @property
    def devices_near(self) -> float | None:
        near = sum(near for near, _known in self._devices.values())
        known = sum(known for _near, known in self._devices.values())
        return near / known if known else None

    def _closeness(self, claim: Claim) -> float | None:
        at = int(self._columns["host_distance_at"][claim.host])
        if at == NO_DISTANCES:
            return None
        if at not in self._distances:
            self._distances[at] = self._fleet.hostinfo(claim.host).distances
        matrix = self._distances[at]
        first = int(self._columns["host_first_cell"][claim.host])
        ids = self._columns["cell_id"][first : first + len(matrix)].tolist()
        cells = [ids.index(cell.host_cell) for cell in claim.placement.cells]
        far: list[int] = [matrix[a][b] for n, a in enumerate(cells) for b in cells[:n]]
        return 10.0 * len(far) / sum(far)
