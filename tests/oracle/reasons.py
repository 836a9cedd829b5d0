"""Is what a refusal says true? Each reason with its quantities, against the oracle's own host.

Which of several reasons is named is the engine's affair; that it holds is judged here. Quantities
as numafit.h states them: CPUs, cores, MiB, and KiB where pages are spoken of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from math import floor

from numafit import (
    CellRefusal,
    FitOptions,
    GuestCell,
    Networks,
    PciRequest,
    Refusal,
    Request,
)

from .devices import may_be_used
from .fit import judged_pairs, near, served
from .pair import Ratios, threads_of
from .state import Cell, HostState

Judge = Callable[[Cell, GuestCell, Ratios, bool, CellRefusal], bool]
MOST = (1 << 31) - 1
"""Room within a limit is one of 32 bits: beyond it there is always some."""


def _sizes(cell: Cell, guest: GuestCell) -> list[int]:
    """Those that would do for the guest."""
    wanted = guest.pagesize or -1
    if wanted == -2:
        return cell.sizes[1:]
    if wanted == -1:
        return cell.sizes[:1]
    return [size for size in cell.sizes if wanted in (-3, size)]


def _kib(guest: GuestCell) -> int:
    return guest.memory_mb * 1024


def _need(guest: GuestCell, emulator: bool) -> int:
    return len(guest.pcpuset) + emulator


def _free_cores(cell: Cell) -> list[int]:
    return [len(cell.free.intersection(core)) for core in cell.cores]


def _more(said: CellRefusal, wanted: int, available: int) -> bool:
    """More is wanted than there is, and both are what is said."""
    return (said.wanted, said.available) == (wanted, available) and wanted > available


def _pages(cell: Cell, guest: GuestCell, said: CellRefusal, free: bool) -> bool:
    return any(_more(said, _kib(guest), cell.pages_kib(s, free)) for s in _sizes(cell, guest))


def _page_multiple(cell: Cell, guest: GuestCell, said: CellRefusal) -> bool:
    size = said.available
    return said.wanted == _kib(guest) and size in _sizes(cell, guest) and said.wanted % size > 0


def _limit(said: CellRefusal, wanted: int, limit: float) -> bool:
    return said.wanted == wanted and said.available == floor(limit) and wanted > limit


def _on_cores(cell: Cell) -> int:
    """vCPUs that require puts on cores with siblings free, as many of each core as of another."""
    cores = _free_cores(cell)
    return max((k * sum(c >= k for c in cores) for k in range(2, cell.width + 1)), default=0)


def _emulator_cpu(cell: Cell, guest: GuestCell) -> bool:
    """Without the emulator threads the CPUs would do."""
    return threads_of(cell, guest, True) is None and threads_of(cell, guest, False) is not None


REASONS: dict[str, Judge] = {
    "page_size": lambda c, g, r, e, s: bool(g.pagesize) and not _sizes(c, g),
    "page_multiple": lambda c, g, r, e, s: _page_multiple(c, g, s),
    "pages": lambda c, g, r, e, s: _pages(c, g, s, True),
    "pages_total": lambda c, g, r, e, s: not g.pagesize and _pages(c, g, s, False),
    "memory": lambda c, g, r, e, s: not c.sizes and _more(s, g.memory_mb, c.memory_free),
    "memory_total": lambda c, g, r, e, s: not c.sizes and _more(s, g.memory_mb, c.memory),
    "dedicated_total": lambda c, g, r, e, s: _more(s, _need(g, e), len(c.dedicated)),
    "shared_total": lambda c, g, r, e, s: _more(s, len(g.cpuset), len(c.shared)),
    "free_cpus": lambda c, g, r, e, s: _more(s, _need(g, e), len(c.free)),
    "unlisted_cpus": lambda c, g, r, e, s: _more(s, _need(g, e), sum(_free_cores(c))),
    "isolate_shared": lambda c, g, r, e, s: c.width > 1 and c.shared != c.dedicated,
    "pinned_empty": lambda c, g, r, e, s: not g.cpuset | g.pcpuset,
    "isolate_cores": lambda c, g, r, e, s: _more(s, len(g.pcpuset), _free_cores(c).count(c.width)),
    "isolate_empty": lambda c, g, r, e, s: not g.pcpuset,
    "require_no_smt": lambda c, g, r, e, s: c.width == 1,
    "require_cores": lambda c, g, r, e, s: _more(s, max(len(g.pcpuset), 1), _on_cores(c)),
    "emulator_cpu": lambda c, g, r, e, s: e and _emulator_cpu(c, g),
    "emulator_empty": lambda c, g, r, e, s: e and not g.pcpuset,
    "cpu_limit": lambda c, g, r, e, s: _limit(
        s, c.shared_used + len(g.cpuset), len(c.shared) * (r[0] or 0)
    ),
    "memory_limit": lambda c, g, r, e, s: _limit(
        s, c.memory_used + g.memory_mb, c.memory * (r[1] or 0)
    ),
}


def false_pair(host: HostState, request: Request, ratios: Ratios, said: CellRefusal) -> str | None:
    """What is not true of what is said of a pair of cells."""
    if said.reason == "fits":
        return None
    assert request.guest is not None
    guest = request.guest.cells[said.guest_cell]
    cell = host.cells[host.place[said.host_cell]]
    emulator = request.guest.emulator_threads_policy == "isolate" and said.guest_cell == 0
    if REASONS[said.reason](cell, guest, ratios, emulator, said):
        return None
    return f"guest cell {said.guest_cell} on host cell {said.host_cell}: {said}"


def false_whole(
    host: HostState, request: Request, options: FitOptions, said: Refusal
) -> str | None:
    """The same of what is said of the host as a whole. What is said of several networks or
    requests together is not judged."""
    true = WHOLE.get(said.reason)
    if true is None or true(Asked(host, request, options), said):
        return None
    return f"{said.reason} (detail {said.detail}): {said}"


class Asked:
    """A host, a request, and the choices of host cells that do for each guest cell."""

    def __init__(self, host: HostState, request: Request, options: FitOptions) -> None:
        self.host, self.request, self.options = host, request, options
        self.guests = len(request.guest.cells) if request.guest else 0
        self.pairs = judged_pairs(host, request, options) if self.guests else {}

    def at_once(self) -> int:
        """The most guest cells that find a host cell each."""
        return max(
            sum(self.pairs[number, cell.id] for number, cell in enumerate(chosen))
            for chosen in permutations(self.host.cells, self.guests)
        )

    def choices(self) -> Iterator[tuple[Cell, ...]]:
        for chosen in permutations(self.host.cells, self.guests):
            if all(self.pairs[number, cell.id] for number, cell in enumerate(chosen)):
                yield chosen

    def can(self, networks: Networks | None, pci: Sequence[PciRequest]) -> bool:
        """Is there a choice of cells for this part of what is asked?"""
        mapping, affinity = self.request.provider_mapping, self.options.physnet_affinity
        for chosen in self.choices():
            ids = [cell.id for cell in chosen] or None
            if near(self.host, chosen, networks, affinity) and (
                not pci or served(self.host, pci, mapping, ids, self.options) is not None
            ):
                return True
        return False


def _physnet(asked: Asked, said: Refusal) -> bool:
    name = str(said).rpartition(" ")[2]
    nets = asked.request.networks
    assert nets is not None
    return name in nets.physnets and not asked.can(Networks(frozenset({name})), ())


def _pci_devices(asked: Asked, said: Refusal) -> bool:
    one = asked.request.pci[said.detail]
    there = [pool for pool in asked.host.open_pools() if may_be_used(pool, one)]
    count = sum(pool.count for pool in there)
    if one.count <= 0:
        return True  # nova wants a pool for no devices too; which request that stops is not said
    return (said.wanted, said.available) == (one.count, count) and one.count > count


def _pci_numa(asked: Asked, said: Refusal) -> bool:
    one = asked.request.pci[said.detail]
    return said.wanted == one.count and not asked.can(None, [one])


WHOLE: dict[str, Callable[[Asked, Refusal], bool]] = {
    "no_topology": lambda a, s: not a.host.cells and a.guests > 0,
    "too_few_cells": lambda a, s: (
        (s.wanted, s.available) == (a.guests, len(a.host.cells)) and a.guests > s.available > 0
    ),
    "assignment": lambda a, s: (
        (s.wanted, s.available) == (a.guests, a.at_once()) and a.guests > s.available
    ),
    "physnet": _physnet,
    "tunnel": lambda a, s: not a.can(Networks(tunneled=True), ()),
    "pci_devices": _pci_devices,
    "pci_numa": _pci_numa,
}
