"""Claims and releases on both sides, and what is in use after each."""

from __future__ import annotations

from numafit import Claim, Fleet, Placement, PlacementCell, Request, StalePlacement

from .agree import DifferenceError, engine_draws, one_fit, same
from .fit import fit
from .state import Fit, HostState
from .worlds import Ask

Held = tuple[Claim, Request, Fit]


def claim_one(fleet: Fleet, host: int, state: HostState, request: Request, ask: Ask) -> Held | None:
    """Fit and claim on both sides. ``None``: it does not fit, or both cannot claim what does."""
    both = one_fit(fleet, host, state, request, ask)
    return None if both is None else take(fleet, host, state, request, *both)


def bring_one(fleet: Fleet, host: int, state: HostState, request: Request, ask: Ask) -> Held | None:
    """The oracle's own placement, brought to the engine in parts: it serves the devices anew."""
    found = None if serves_otherwise(request, ask) else fit(state, request, ask.options)
    if found is None:
        return None
    return take(fleet, host, state, request, in_parts(request, found), found)


def serves_otherwise(request: Request, ask: Ask) -> bool:
    """A placement that is brought does not say how its devices were matched, nor who has them."""
    exact = ask.options.pci_matching == "exact" or request.provider_mapping
    return bool(request.pci and exact)


def in_parts(request: Request, found: Fit) -> Placement:
    guests = request.guest.cells if request.guest else ()
    return Placement(
        [
            PlacementCell(
                host_cell=one.cell.id,
                cpuset=guest.cpuset,
                pcpuset=guest.pcpuset,
                pinning=one.pins,
                pagesize=one.size,
                reserved=one.reserved,
                memory_mb=guest.memory_mb,
                cpu_policy=guest.cpu_policy,
                cpu_thread_policy=guest.cpu_thread_policy,
            )
            for guest, one in zip(guests, found.placed, strict=True)
        ],
        pci_requests=request.pci,
    )


def take(
    fleet: Fleet, host: int, state: HostState, request: Request, placement: Placement, found: Fit
) -> Held | None:
    can = state.claim(request, found)
    try:
        claim = fleet.claim(placement, host if placement.host is None else None)
    except StalePlacement as error:
        if can:
            raise DifferenceError(f"claim: the engine refuses: {error}", host) from None
        return None
    if not can:
        raise DifferenceError("claim: the engine takes what the oracle cannot", host)
    same("claimed draws", engine_draws(claim, state), found.draws, host)
    handed = [state.hand_out(at, count) for _request, at, count in found.draws]
    same("devices", [one.devices for one in claim.pci], handed, host)
    same_state(fleet, host, state, "after a claim")
    return claim, request, found


def give_back(fleet: Fleet, host: int, state: HostState, held: Held) -> None:
    claim, request, found = held
    fleet.release(claim)
    state.release(request, found)
    for one in claim.pci:
        state.take_back(one.pool - state.first_pool, one.devices)
    same_state(fleet, host, state, "after a release")


def same_state(fleet: Fleet, host: int, state: HostState, when: str) -> None:
    same(f"usage {when}", fleet.usage(host), state.usage(), host)
    left = [
        (pool.numa_node, pool.vendor_id, pool.product_id, pool.tags, pool.count, pool.devices)
        for pool in fleet.pools(host)
    ]
    expected = [
        (p.node, p.info.vendor_id, p.info.product_id, p.info.tags, p.count, tuple(p.devices))
        for p in state.open_pools()
    ]
    same(f"pools {when}", left, expected, host)


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


def claims(fleet: Fleet, host: int, state: HostState, ask: Ask) -> int:
    """Guests come and go on one host; in the end all go."""
    held: list[Held] = []
    for what, which in ask.steps:
        if what == "release":
            if held:
                give_back(fleet, host, state, held.pop(which % len(held)))
        else:
            way = claim_one if what == "claim" else bring_one
            taken = way(fleet, host, state, ask.requests[which], ask)
            if taken is not None:
                held.append(taken)
        if (fault := fleet.check()) is not None:
            raise DifferenceError(f"check() after {what}: {fault}", host)
    scanned = fleet.scan(ask.requests[0], ask.options, hosts=[host]).tolist()
    found = one_fit(fleet, host, state, ask.requests[0], ask)
    same("scan after claims", scanned[0], found is not None, host)
    if not any(fit.draws or serves_otherwise(request, ask) for _claim, request, fit in held):
        read_again(fleet, host, held, ask)
    while held:
        give_back(fleet, host, state, held.pop())
    return len(ask.steps) + 1


def read_again(fleet: Fleet, host: int, held: list[Held], ask: Ask) -> None:
    """The host as it is described now, read as one that was in use before: it answers the same,
    and what its guests hold can be given back in parts."""
    info = fleet.hostinfo(host)
    again, state = Fleet([info]), HostState(info)
    same("usage when read again", again.usage(0), fleet.usage(host), host)
    try:
        one_fit(again, 0, state, ask.requests[0], ask)
        for _claim, request, found in reversed(held):
            again.release(in_parts(request, found), 0)
            state.release(request, found)
            same_state(again, 0, state, "after a release in parts")
    except DifferenceError as error:
        raise DifferenceError(f"read again: {error}", host) from None
