"""How much room has each flavor at this moment, and which free CPUs can none of them have?

The figures are those of ``headroom`` and ``stranded``, for dedicated CPUs alone, in a fraction of
their time: a host is filled only where the number of guests does not already say what they take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from numafit.fleet import Fleet
from numafit.model.options import FitOptions
from numafit.model.request import Request
from numafit.planning import behind

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reach:
    """``room``: how many more of each flavor fit, at most ``DEFAULT_CAP`` a host; ``None`` of one
    that asks for nothing that runs out. ``free``: dedicated CPUs. ``stranded``: those that no
    flavor can have, each tried by itself. ``fragmentation``: the part of them that a guest cannot
    have, on average over the flavors that want some; ``None`` where none does."""

    room: tuple[int | None, ...]
    free: int
    stranded: int
    fragmentation: float | None


def reach(
    fleet: Fleet,
    requests: Sequence[Request],
    shares: Sequence[float],
    options: FitOptions | None = None,
) -> Reach:
    """Of each request, which comes in this share of all (0: never)."""
    cells = behind.cells_of(fleet)

    def by_host(cell_free: npt.NDArray[np.integer]) -> Ints:
        return cells.sums(np.maximum(cell_free, 0))

    free = by_host(fleet.columns(copy=False)["cell_free"])
    total, least = int(free.sum()), free
    room: list[int | None] = []
    lost = weight = 0.0
    for request, share in zip(requests, shares, strict=True):
        if not fleet.prepare(request).bounded:
            room.append(None)
            continue
        asks = _cpus(request)
        if asks and _more_than_its_own(request):
            filled = fleet.filled(request, options)
            counts, left = filled.counts, by_host(filled.left["cell_free"])
        else:
            counts = fleet.capacity(request, options)
            left = free - counts.astype(np.int64) * asks
        room.append(int(counts.sum(dtype=np.int64)))
        if asks:
            least = np.minimum(least, left)
            lost += share * int(left.sum())
            weight += share
    part = None if not weight else lost / (weight * total) if total else 0.0
    return Reach(tuple(room), total, int(least.sum()), part)


def _cpus(request: Request) -> int:
    """Dedicated CPUs that its vCPUs have."""
    return 0 if request.guest is None else sum(cell.pinned for cell in request.guest.cells)


def _more_than_its_own(request: Request) -> bool:
    """Whether a guest takes CPUs beside those: siblings that stay empty, emulator threads."""
    guest = request.guest
    return guest is not None and (
        guest.emulator_threads_policy == "isolate"
        or any(cell.cpu_thread_policy == "isolate" for cell in guest.cells)
    )
