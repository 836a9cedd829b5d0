"""Where a guest lands on a host: every choice of host cells in nova's order; the first that
serves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from numafit import FitOptions, Limits, Networks, PciRequest, Request

from . import devices
from .pair import Ratios, judge
from .state import Cell, Fit, HostState, Placed


def ratios(host: HostState, options: FitOptions) -> Ratios:
    limits = options.limits
    if isinstance(limits, Limits):
        return limits.cpu_allocation_ratio, limits.ram_allocation_ratio
    if limits != "host":
        return None, None
    return host.ratios


def fit(host: HostState, request: Request, options: FitOptions) -> Fit | None:
    guest = request.guest
    if not host.serves(request):
        return None
    if guest is None:
        draws = _drawn(host, request, None, options)
        return None if draws is None else Fit([], draws)
    if len(host.cells) < len(guest.cells):
        return None
    limits = ratios(host, options)
    isolated = guest.emulator_threads_policy == "isolate"
    pairs: dict[tuple[int, int], Placed | None] = {}
    best: tuple[int, Fit] | None = None
    for chosen in permutations(_ordered(host, request, options.strategy), len(guest.cells)):
        placed: list[Placed] = []
        for number, (cell, part) in enumerate(zip(chosen, guest.cells, strict=True)):
            key = number, cell.id
            if key not in pairs:
                pairs[key] = judge(cell, part, limits, isolated and number == 0)
            one = pairs[key]
            if one is None:
                break
            placed.append(one)
        if len(placed) < len(chosen):
            continue
        far = _apart(host, chosen) if options.strategy == "closest" else 0
        if best is not None and far >= best[0]:
            continue
        if not near(host, chosen, request.networks, options.physnet_affinity):
            continue
        draws = _drawn(host, request, [cell.id for cell in chosen], options)
        if draws is None:
            continue
        best = far, Fit(placed, draws)
        if options.strategy != "closest":
            break
    return None if best is None else best[1]


def _drawn(
    host: HostState, request: Request, cells: list[int] | None, options: FitOptions
) -> devices.Draws | None:
    if not request.pci:
        return []
    return served(host, request.pci, request.provider_mapping, cells, options)


def served(
    host: HostState,
    pci: Sequence[PciRequest],
    mapping: devices.Mapped,
    cells: Sequence[int] | None,
    options: FitOptions,
) -> devices.Draws | None:
    serve = devices.exact if options.pci_matching == "exact" else devices.serve
    return serve(host, pci, mapping, cells)


def _ordered(host: HostState, request: Request, strategy: str) -> list[Cell]:
    """Host cells in the order in which nova tries them: memory, then CPUs, then devices. Among
    choices of cells that are equally close, the first as nova packs them is taken."""
    assert request.guest is not None
    cells = list(host.cells)
    if len(cells) <= len(request.guest.cells):
        return cells
    pack = strategy != "spread"
    cells.sort(key=lambda cell: cell.memory_free, reverse=not pack)
    if request.guest.cells[0].cpu_policy in (None, "shared"):
        cells.sort(key=lambda cell: cell.shared_used, reverse=pack)
    else:
        cells.sort(key=lambda cell: len(cell.free), reverse=not pack)
    if host.pools is not None:
        there = {cell.id: 0 for cell in cells}
        for pool in host.open_pools():
            if pool.node in there:
                there[pool.node] += pool.count
        cells.sort(key=lambda cell: there[cell.id], reverse=bool(request.pci))
    return cells


def _apart(host: HostState, chosen: Sequence[Cell]) -> int:
    """Sum of the distances between these cells, both ways."""
    if not host.distances:
        return 0
    at = [host.place[cell.id] for cell in chosen]
    return sum(host.distances[a][b] for a in at for b in at if a != b)


def near(host: HostState, chosen: Sequence[Cell], networks: Networks | None, affinity: str) -> bool:
    """Where a network is near some cell of the host, the guest must be on one such cell, or, with
    affinity ``all``, on each of them."""
    if networks is None:
        return True
    homes = [{cell.id for cell in host.cells if net in cell.physnets} for net in networks.physnets]
    if networks.tunneled:
        homes.append({cell.id for cell in host.cells if cell.tunneled})
    there = {cell.id for cell in chosen}
    if affinity == "all":
        return all(home <= there for home in homes)
    return all(not home or home & there for home in homes)


def capacity(host: HostState, request: Request, options: FitOptions, cap: int) -> int:
    """How many fit, one after the other; the host is left as it is."""
    trial = host.copy()
    count = 0
    while count < cap:
        found = fit(trial, request, options)
        if found is None or not trial.claim(request, found):
            break
        count += 1
    return count


def mix(
    host: HostState,
    requests: Sequence[Request],
    weights: Sequence[float],
    options: FitOptions,
    cap: int,
) -> list[int]:
    """How many of each fit when they arrive in turns."""
    trial = host.copy()
    arrived = [0] * len(requests)
    coming = [number for number in range(len(requests)) if cap]
    while coming:
        next_one = min(coming, key=lambda number: (arrived[number] + 1) / weights[number])
        found = fit(trial, requests[next_one], options)
        if found is None or not trial.claim(requests[next_one], found):
            coming.remove(next_one)
            continue
        arrived[next_one] += 1
        if arrived[next_one] == cap:
            coming.remove(next_one)
    return arrived


def judged_pairs(
    host: HostState, request: Request, options: FitOptions
) -> dict[tuple[int, int], bool]:
    """Which guest cell, by number, could be on which host cell, by id."""
    assert request.guest is not None
    limits = ratios(host, options)
    isolated = request.guest.emulator_threads_policy == "isolate"
    return {
        (number, cell.id): judge(cell, guest, limits, isolated and number == 0) is not None
        for number, guest in enumerate(request.guest.cells)
        for cell in host.cells
    }
