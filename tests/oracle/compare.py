"""Engine and oracle asked the same; the first difference in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from numafit import Fleet, HostInfo, MisuseError, Request

from .agree import OUTCOMES, DifferenceError, asked, one_fit, same
from .claims import claimed_in_turn, claims
from .fit import capacity, fit, mix
from .state import HostState
from .worlds import Ask


def compare(
    hosts: Sequence[HostInfo],
    asks: Sequence[Ask],
    made: Callable[[Sequence[HostInfo]], Fleet] = Fleet,
) -> int:
    """Every question to every host: how many answers were compared. ``made``: the fleet of the
    hosts. Raises DifferenceError."""
    fleet = made(hosts)
    pools = fleet.columns()["host_first_pool"].tolist()
    states = [HostState(host, pools[n]) for n, host in enumerate(hosts)]
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


def _fits(fleet: Fleet, states: list[HostState], ask: Ask) -> int:
    request = ask.requests[0]
    scanned = fleet.scan(asked(fleet, request, ask), ask.options).tolist()
    for host, state in enumerate(states):
        found = one_fit(fleet, host, state, request, ask)
        same("scan", scanned[host], found is not None, host)
    return len(states)


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


def _fleets(fleet: Fleet, states: list[HostState], ask: Ask) -> int:
    """Scan, fit and capacity of many hosts in one call."""
    request, options, hosts, threads = ask.requests[0], ask.options, ask.hosts, ask.threads
    order = range(len(states)) if hosts is None else hosts
    found = [fit(state, request, options) for state in states]
    scanned = fleet.scan(asked(fleet, request, ask), options, hosts=hosts, threads=threads)
    placed = [one.host for one in fleet.fit(request, options, hosts=hosts, threads=threads)]
    fits = [found[host] is not None for host in order]
    OUTCOMES.update(fits)
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


def _mixes(fleet: Fleet, states: list[HostState], ask: Ask) -> int:
    if not all(map(bounded, ask.requests)):
        return 0
    counts = fleet.capacity(ask.requests, ask.options, cap=ask.cap, weights=ask.weights).tolist()
    weights = ask.weights or [1.0] * len(ask.requests)
    for host, state in enumerate(states):
        if depends_on_choice(ask):
            order = Counter(claimed_in_turn(fleet, host, state, ask))
            expected = [order[number] for number in range(len(weights))]
        else:
            expected = mix(state, ask.requests, weights, ask.options, ask.cap)
        same("mix", counts[host], expected, host)
    return len(states)


def _claims(fleet: Fleet, states: list[HostState], ask: Ask) -> int:
    return sum(claims(fleet, host, state, ask) for host, state in enumerate(states))


VERBS: dict[str, Callable[[Fleet, list[HostState], Ask], int]] = {
    "fit": _fits,
    "capacity": _capacities,
    "mix": _mixes,
    "claims": _claims,
    "fleet": _fleets,
}
