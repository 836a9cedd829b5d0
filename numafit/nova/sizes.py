"""Is a guest larger than a host's cells are, whatever is in use there?

A look at the sizes of two sets per cell answers it, where whether a host is still what it was takes
one at all that it holds. Guests that no host can take are most often of this kind: shared CPUs
where all are dedicated, or more CPUs than a cell has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numafit.model.guest import GuestTopology
from numafit.model.hostinfo import HostInfo


class Sizes(NamedTuple):
    """The most CPUs of a kind that one cell has, or that one cell of a guest wants."""

    shared: int = 0
    dedicated: int = 0

    def beyond(self, has: Sizes) -> bool:
        """Whether a guest of this size has a cell that is larger than each of these."""
        return self.shared > has.shared or self.dedicated > has.dedicated


def of_guest(guest: GuestTopology) -> Sizes:
    """By the rule of ``nova.virt.hardware._numa_fit_instance_cell`` that no guest cell overcommits
    against itself: it looks at shared CPUs but of dedicated guests, at dedicated ones of those
    that pin."""
    cells = guest.cells
    return Sizes(
        max((len(cell.cpuset) for cell in cells if cell.cpu_policy != "dedicated"), default=0),
        max(
            (len(cell.pcpuset) for cell in cells if cell.cpu_policy in ("dedicated", "mixed")),
            default=0,
        ),
    )


def largest(info: HostInfo) -> Sizes:
    """Of the host's cells."""
    return Sizes(
        max(len(cell.cpuset) for cell in info.cells), max(len(cell.pcpuset) for cell in info.cells)
    )


def of_host(topology: Any) -> Sizes | None:
    """Of a ``NUMATopology`` as it is now; ``None`` where that is not told by a look."""
    shared = dedicated = 0
    try:
        cells = topology._obj_cells
        for cell in cells:
            one, other = cell._obj_cpuset, cell._obj_pcpuset
            if not (isinstance(one, set) and isinstance(other, set)):
                return None
            shared = max(shared, len(one))
            dedicated = max(dedicated, len(other))
    except AttributeError:  # from before pcpuset, or no topology at all
        return None
    return Sizes(shared, dedicated) if cells else None
