"""The most guests that any choice of host cells reaches, by trying all of them."""

from __future__ import annotations

from itertools import permutations

from numafit import FitOptions, Request

from .fit import near, ratios, served
from .pair import judge
from .state import Fit, HostState


def most(host: HostState, request: Request, options: FitOptions, cap: int) -> int:
    """At most ``cap``. Threads, page sizes and devices are those that nova takes on the cells that
    were chosen."""
    return _more(host, request, options, cap, {})


def _more(
    host: HostState,
    request: Request,
    options: FitOptions,
    cap: int,
    known: dict[tuple[object, int], int],
) -> int:
    if not cap:
        return 0
    key = _state(host), cap
    if key not in known:
        best = 0
        for found in choices(host, request, options):
            after = host.copy()
            if after.claim(request, found):
                best = max(best, 1 + _more(after, request, options, cap - 1, known))
            if best == cap:
                break
        known[key] = best
    return known[key]


def choices(host: HostState, request: Request, options: FitOptions) -> list[Fit]:
    """Every placement of one more guest, one for each choice of cells."""
    guest = request.guest
    if not host.serves(request):
        return []
    if guest is None:
        draws = _draws(host, request, None, options)
        return [] if draws is None else [Fit([], draws)]
    isolated = guest.emulator_threads_policy == "isolate"
    limits = ratios(host, options)
    found = []
    for chosen in permutations(host.cells, len(guest.cells)):
        if not near(host, chosen, request.networks, options.physnet_affinity):
            continue
        placed = [
            judge(cell, part, limits, isolated and number == 0)
            for number, (cell, part) in enumerate(zip(chosen, guest.cells, strict=True))
        ]
        if not all(placed):
            continue
        draws = _draws(host, request, [cell.id for cell in chosen], options)
        if draws is not None:
            found.append(Fit([one for one in placed if one is not None], draws))
    return found


def _draws(
    host: HostState, request: Request, cells: list[int] | None, options: FitOptions
) -> list[tuple[int, int, int]] | None:
    if not request.pci:
        return []
    return served(host, request.pci, request.provider_mapping, cells, options)


def _state(host: HostState) -> object:
    cells = tuple(
        (
            frozenset(cell.pinned),
            cell.memory_used,
            cell.shared_used,
            tuple(sorted(cell.pages_used.items())),
        )
        for cell in host.cells
    )
    pools = () if host.pools is None else tuple((p.count, p.taken) for p in host.pools)
    return cells, pools, tuple(host.units.items())
