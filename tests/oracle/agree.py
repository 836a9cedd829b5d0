"""One fit: the engine's answer and the oracle's, and whether they are the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

from numafit import Claim, Fleet, Placement, Refusal, Request
from numafit._engine import Prepared

from . import devices
from .fit import fit, judged_pairs, ratios
from .reasons import false_pair, false_whole
from .state import Fit, HostState
from .worlds import Ask

OUTCOMES: Counter[bool] = Counter()
"""How many guests fitted and how many did not: a generator of hopeless guests would show."""


class DifferenceError(Exception):
    """Engine and oracle do not agree."""

    def __init__(self, words: str, host: int | None = None, ask: int | None = None) -> None:
        super().__init__(words)
        self.host, self.ask = host, ask


def same(what: str, engine: Any, oracle: Any, host: int | None = None) -> None:
    if engine != oracle:
        raise DifferenceError(f"{what}: engine {engine!r}, oracle {oracle!r}", host)


def asked(fleet: Fleet, request: Request, ask: Ask) -> Request | Prepared:
    return fleet.prepare(request) if ask.prepared else request


def one_fit(
    fleet: Fleet, host: int, state: HostState, request: Request, ask: Ask
) -> tuple[Placement, Fit] | None:
    """Both answers where they are the same."""
    engine = fleet.fit_on(asked(fleet, request, ask), host, ask.options)
    oracle = fit(state, request, ask.options)
    OUTCOMES[oracle is not None] += 1
    if isinstance(engine, Refusal):
        if engine.reason == "undecided":
            raise DifferenceError("fit: the engine gave up", host)
        if oracle is not None:
            words = f"fit: engine refuses ({engine.reason}: {engine}), oracle {described(oracle)}"
            raise DifferenceError(words, host)
        same_pairs(engine, state, request, ask, host)
        return None
    if oracle is None:
        words = f"fit: engine {engine.cells}, {drawn(engine)}, oracle refuses"
        raise DifferenceError(words, host)
    same_cells(engine, oracle, request, host)
    if ask.options.pci_matching == "exact":
        fault = devices.wrong(state, request, engine_draws(engine, state), cells_of(oracle))
        if fault:
            raise DifferenceError(f"fit: engine draws {drawn(engine)}: {fault}", host)
        oracle.draws = engine_draws(engine, state)
    else:
        same("draws", engine_draws(engine, state), oracle.draws, host)
    for one in engine.pci:
        same("distance", one.distance, nearest(state, oracle, one.numa_node), host)
    return engine, oracle


def same_pairs(engine: Refusal, state: HostState, request: Request, ask: Ask, host: int) -> None:
    """A refusal names each pair of cells that could be, and no other; what it says is true."""
    fault = false_whole(state, request, ask.options, engine)
    if engine.cells:
        could = {(c.guest_cell, c.host_cell): c.reason == "fits" for c in engine.cells}
        same("pairs of cells", could, judged_pairs(state, request, ask.options), host)
        limits = ratios(state, ask.options)
        for pair in engine.cells:
            fault = fault or false_pair(state, request, limits, pair)
    if fault:
        raise DifferenceError(f"reason: not true: {fault}", host)


def same_cells(engine: Placement, oracle: Fit, request: Request, host: int) -> None:
    found = [
        (
            cell.host_cell,
            dict(cell.pinning),
            cell.pagesize,
            cell.reserved,
            (cell.cpuset, cell.pcpuset, cell.memory_mb, cell.cpu_policy, cell.cpu_thread_policy),
        )
        for cell in engine.cells
    ]
    asked = request.guest.cells if request.guest else ()
    expected = [
        (
            one.cell.id,
            one.pins,
            one.size,
            one.reserved,
            (cell.cpuset, cell.pcpuset, cell.memory_mb, cell.cpu_policy, cell.cpu_thread_policy),
        )
        for one, cell in zip(oracle.placed, asked, strict=True)
    ]
    same("placement", found, expected, host)


def cells_of(found: Fit) -> list[int]:
    return [one.cell.id for one in found.placed]


def described(found: Fit) -> str:
    cells = [(one.cell.id, one.size, one.pins, sorted(one.reserved)) for one in found.placed]
    return f"{cells}, draws {found.draws}"


def drawn(engine: Placement) -> str:
    return str([(one.request, one.pool, one.count) for one in engine.pci])


def engine_draws(engine: Placement | Claim, state: HostState) -> list[tuple[int, int, int]]:
    """Draws by the pools' places on the host; the engine numbers them through the fleet."""
    pools = state.pools or []
    places = []
    for one in engine.pci:
        like = [p.at for p in pools if p.info.as_dict() | {"count": 0} == one.info.as_dict()
                | {"count": 0} and set(one.devices) <= set(p.info.devices)]  # fmt: skip
        at = one.pool - state.first_pool
        places.append((one.request, at if at in like else -1, one.count))
    return places


def nearest(state: HostState, found: Fit, node: int | None) -> int | None:
    """Distance of a node from the nearest of the guest's cells; a cell is local to itself."""
    if not state.distances:
        return 10 if node in cells_of(found) else None
    if node not in state.place:
        return None
    to = state.place[node]
    return min((state.distances[state.place[cell]][to] for cell in cells_of(found)), default=None)
