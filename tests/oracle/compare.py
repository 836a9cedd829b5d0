"""Engine and oracle asked the same; the first difference in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from numafit import Claim, Fleet, HostInfo, MisuseError, Placement, Refusal, Request, StalePlacement

from numafit._engine import Prepared

from . import devices
from .fit import capacity, fit, judged_pairs, mix
from .known import known
from .state import Fit, HostState
from .worlds import Ask, World


OUTCOMES: Counter[bool] = Counter()
"""How many guests fitted and how many did not: a generator of hopeless guests would show."""


class DifferenceError(Exception):
    """Engine and oracle do not agree."""

    def __init__(self, words: str, host: int | None = None, ask: int | None = None) -> None:
        super().__init__(words)
        self.host, self.ask = host, ask


def compare(hosts: Sequence[HostInfo], asks: Sequence[Ask]) -> int:
    """Every question to every host: how many answers were compared. Raises DifferenceError."""
    fleet = Fleet(hosts)
    states = []
    pools = 0
    for host in hosts:
        states.append(HostState(host, pools))
        pools += len(host.pci_pools or ())
    count = 0
    for number, ask in enumerate(asks):
        try:
            count += VERBS[ask.verb](fleet, states, ask)
        except DifferenceError as error:
            error.ask = number
            raise
    if (fault := fleet.check()) is not None:
        raise DifferenceError(f"check() after all questions: {fault}")
    return count


def same(what: str, engine: Any, oracle: Any, host: int | None = None) -> None:
    if engine != oracle:
        raise DifferenceError(f"{what}: engine {engine!r}, oracle {oracle!r}", host)


def _fits(fleet: Fleet, states: list[HostState], ask: Ask) -> int:
    request = ask.requests[0]
    scanned = fleet.scan(asked(fleet, request, ask), ask.options).tolist()
    for host, state in enumerate(states):
        found = one_fit(fleet, host, state, request, ask)
        same("scan", scanned[host], found is not None, host)
    return len(states)


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
    """A refusal names each pair of cells that could be, and no other."""
    if engine.cells:
        could = {(c.guest_cell, c.host_cell): c.reason == "fits" for c in engine.cells}
        same("pairs of cells", could, judged_pairs(state, request, ask.options), host)


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


def engine_draws(engine: Placement, state: HostState) -> list[tuple[int, int, int]]:
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


def _capacities(fleet: Fleet, states: list[HostState], ask: Ask) -> int:
    count = _fits(fleet, states, ask)
    request = ask.requests[0]
    try:
        counts = fleet.capacity(request, ask.options, cap=ask.cap).tolist()
    except MisuseError:
        if bounded(request):
            raise
        return count
    for host, state in enumerate(states):
        if depends_on_choice(ask):
            expected = len(claimed_in_turn(fleet, host, state, ask))
        else:
            expected = capacity(state, request, ask.options, ask.cap)
        same("capacity", counts[host], expected, host)
    return count + len(states)


def bounded(request: Request) -> bool:
    return request.guest is not None or any(one.count > 0 for one in request.pci)


def depends_on_choice(ask: Ask) -> bool:
    """Which devices ``exact`` chooses is its own affair, and may decide how many guests follow."""
    return ask.options.pci_matching == "exact" and any(one.pci for one in ask.requests)


def claimed_in_turn(fleet: Fleet, host: int, state: HostState, ask: Ask) -> list[int]:
    """Guests that engine and oracle place together until both refuse: the number of the request of
    each. The host is left as it was."""
    trial = state.copy()
    arrived = [0] * len(ask.requests)
    weights = ask.weights or [1.0] * len(arrived)
    coming = list(range(len(arrived))) if ask.cap else []
    held: list[Claim] = []
    order = []
    while coming:
        turn = min(coming, key=lambda number: (arrived[number] + 1) / weights[number])
        taken = claim_one(fleet, host, trial, ask.requests[turn], ask)
        if taken is None:
            coming.remove(turn)
            continue
        held.append(taken[0])
        order.append(turn)
        arrived[turn] += 1
        if arrived[turn] == ask.cap:
            coming.remove(turn)
    fleet.release(held)
    return order


def _fleets(fleet: Fleet, states: list[HostState], ask: Ask) -> int:
    """Scan, fit and capacity of many hosts in one call."""
    request, options, hosts, threads = ask.requests[0], ask.options, ask.hosts, ask.threads
    order = range(len(states)) if hosts is None else hosts
    found = [fit(state, request, options) for state in states]
    scanned = fleet.scan(asked(fleet, request, ask), options, hosts=hosts, threads=threads)
    placed = [one.host for one in fleet.fit(request, options, hosts=hosts, threads=threads)]
    fits = [found[host] is not None for host in order]
    for host, engine, oracle in zip(order, scanned.tolist(), fits, strict=True):
        same("scan of a fleet", engine, oracle, host)
    same("fit of a fleet", placed, [h for h, can in zip(order, fits, strict=True) if can])
    if depends_on_choice(ask) or not bounded(request):
        return len(order)
    counts = fleet.capacity(
        asked(fleet, request, ask), options, hosts=hosts, threads=threads, cap=ask.cap
    )
    known: dict[int, int] = {}
    for host, engine in zip(order, counts.tolist(), strict=True):
        if host not in known:
            known[host] = capacity(states[host], request, options, ask.cap)
        same("capacity of a fleet", engine, known[host], host)
    return 2 * len(order)


def asked(fleet: Fleet, request: Request, ask: Ask) -> Request | Prepared:
    return fleet.prepare(request) if ask.prepared else request


def _mixes(fleet: Fleet, states: list[HostState], ask: Ask) -> int:
    if not all(map(bounded, ask.requests)):
        return 0
    counts = fleet.capacity(
        ask.requests, ask.options, cap=ask.cap, weights=ask.weights
    ).tolist()
    weights = ask.weights or [1.0] * len(ask.requests)
    for host, state in enumerate(states):
        if depends_on_choice(ask):
            order = Counter(claimed_in_turn(fleet, host, state, ask))
            expected = [order[number] for number in range(len(weights))]
        else:
            expected = mix(state, ask.requests, weights, ask.options, ask.cap)
        same("mix", counts[host], expected, host)
    return len(states)


def claim_one(
    fleet: Fleet, host: int, state: HostState, request: Request, ask: Ask
) -> tuple[Claim, Fit] | None:
    """Fit and claim on both sides. ``None``: it does not fit, or both cannot claim what does."""
    both = one_fit(fleet, host, state, request, ask)
    if both is None:
        return None
    placement, found = both
    can = state.claim(request, found)
    try:
        claim = fleet.claim(placement)
    except StalePlacement as error:
        if can:
            raise DifferenceError(f"claim: the engine refuses: {error}", host) from None
        return None
    if not can:
        raise DifferenceError("claim: the engine takes what the oracle cannot", host)
    same_devices(claim, state, host)
    same_state(fleet, host, state, "after a claim")
    return claim, found


def same_devices(claim: Claim, state: HostState, host: int) -> None:
    """A pool with a list gives its last free devices away."""
    for one in claim.pci:
        if one.info.devices:
            same("number of devices", len(set(one.devices)), one.count, host)
            state.hand_out(one.pool - state.first_pool, one.devices)


def same_state(fleet: Fleet, host: int, state: HostState, when: str) -> None:
    same(f"usage {when}", fleet.usage(host), state.usage(), host)
    left = [
        (pool.numa_node, pool.vendor_id, pool.product_id, pool.tags, pool.count, pool.devices)
        for pool in fleet.pools(host)
        if pool.count
    ]
    expected = [
        (p.node, p.info.vendor_id, p.info.product_id, p.info.tags, p.count, tuple(p.devices))
        for p in state.open_pools()
        if p.count
    ]
    same(f"pools {when}", left, expected, host)


def _claims(fleet: Fleet, states: list[HostState], ask: Ask) -> int:
    count = 0
    for host, state in enumerate(states):
        held: list[tuple[Claim, Request, Fit]] = []
        for what, which in ask.steps:
            count += 1
            if what == "claim":
                request = ask.requests[which]
                taken = claim_one(fleet, host, state, request, ask)
                if taken is not None:
                    held.append((taken[0], request, taken[1]))
            elif held:
                give_back(fleet, host, state, held.pop(which % len(held)))
            if (fault := fleet.check()) is not None:
                raise DifferenceError(f"check() after {what}: {fault}", host)
        scanned = fleet.scan(ask.requests[0], ask.options, hosts=[host]).tolist()
        found = one_fit(fleet, host, state, ask.requests[0], ask)
        same("scan after claims", scanned[0], found is not None, host)
        while held:
            give_back(fleet, host, state, held.pop())
    return count


def give_back(
    fleet: Fleet, host: int, state: HostState, one: tuple[Claim, Request, Fit]
) -> None:
    claim, request, found = one
    fleet.release(claim)
    state.release(request, found)
    for allocation in claim.pci:
        state.take_back(allocation.pool - state.first_pool, allocation.devices)
    same_state(fleet, host, state, "after a release")


VERBS: dict[str, Callable[[Fleet, list[HostState], Ask], int]] = {
    "fit": _fits,
    "capacity": _capacities,
    "mix": _mixes,
    "claims": _claims,
    "fleet": _fleets,
}


NOTHING = HostInfo(())


def compare_but_known(world: World) -> tuple[int, Counter[str]]:
    """As ``compare``, past what is known: answers compared, and how often each fault was met."""
    hosts = list(world.hosts)
    met: Counter[str] = Counter()
    while True:
        try:
            return compare(hosts, world.asks), met
        except DifferenceError as error:
            if error.host is None or error.ask is None:
                raise
            fault = known(hosts[error.host], world.asks[error.ask])
            if fault is None:
                raise
            met[fault] += 1
            hosts[error.host] = NOTHING
