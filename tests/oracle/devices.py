"""PCI requests on the pools of a host: which pools match, which are near, who gets what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from numafit import PciRequest, Request

from .state import HostState, Pool

PASSED_OVER = {"resource_class", "traits", "rp_uuid", "rp_uuids"}
"""Keys of a spec that placement has matched already."""
YES = {"1", "t", "true", "on", "y", "yes"}
Draws = list[tuple[int, int, int]]
Mapped = Mapping[str, Sequence[str]] | None


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _yes(value: Any) -> bool:
    return str(value).strip().lower() in YES


def matches(pool: Pool, request: PciRequest) -> bool:
    """Does one of the specs match? Case aside; a null matches what is missing."""
    return any(
        all(
            _lower(pool.props.get(key)) == _lower(value)
            for key, value in spec.items()
            if key not in PASSED_OVER
        )
        for spec in request.spec
    )


def asked_for(pool: Pool, request: PciRequest) -> bool:
    """No PF, no vDPA and no remote-managed device for those who did not ask for it."""
    dev_type = pool.props.get("dev_type")
    if dev_type in ("type-PF", "vdpa"):
        return any(spec.get("dev_type") == dev_type for spec in request.spec)
    return True


def asked_to_be_remote(pool: Pool, request: PciRequest) -> bool:
    if not _yes(pool.props.get("remote_managed")):
        return True
    return any(_yes(spec.get("remote_managed")) for spec in request.spec)


def migrates_as_asked(pool: Pool, request: PciRequest) -> bool:
    for word in ("true", "false"):
        if all(spec.get("live_migratable") == word for spec in request.spec):
            return bool(pool.props.get("live_migratable") == word)
    return True


def providers(request: PciRequest, mapping: Mapped) -> Counter[str]:
    """Devices by resource provider, as placement allocated them; none: any pool will do.

    The prefilter names a request's groups ``{request id}-{number}``. nova takes every group whose
    name starts with the id; here a group belongs to the request of that very id.
    """
    if request.alias_name is None:
        return Counter()  # a port's
    if not mapping:
        text = request.spec[0].get("rp_uuids") if request.spec else None
        return Counter(text.split(",") if text else ())
    return Counter(
        uuids[0]
        for group, uuids in mapping.items()
        if request.request_id is not None and _request_of(group) == request.request_id
    )


def _request_of(group: str) -> str:
    start, _dash, number = group.rpartition("-")
    return start if number.isdecimal() else ""


def nodes(host: HostState, cells: Sequence[int], widest: bool, policy: str) -> list[Any]:
    """Nodes that are near: those of the guest; with ``widest`` those that the policy still takes
    when these do not suffice (not for preferred, which takes any)."""
    near: list[Any] = list(cells)
    if not widest or policy == "required":
        return near
    if policy == "socket":
        sockets = {cell.socket for cell in host.cells if cell.id in cells}
        if any(cell.socket is None for cell in host.cells):
            return []
        return [cell.id for cell in host.cells if cell.socket in sockets]
    return [*near, None]


def near_enough(
    host: HostState, pools: list[Pool], request: PciRequest, cells: Sequence[int] | None
) -> list[Pool]:
    """nova's filter: the strictest nearness with which there are enough devices."""
    if not cells:
        return pools
    policy = request.numa_policy or "legacy"

    def enough(some: list[Pool]) -> bool:
        return sum(pool.count for pool in some) >= request.count

    local = [pool for pool in pools if pool.node in cells]
    if policy == "required" or enough(local):
        return local
    wider = nodes(host, cells, True, policy)
    wide = [pool for pool in pools if pool.node in wider]
    if policy != "preferred" or enough(wide):
        return wide
    return sorted(pools, key=lambda pool: pool.node not in wider)


def candidates(
    host: HostState, pools: list[Pool], request: PciRequest, cells: Sequence[int] | None
) -> list[Pool]:
    found = [pool for pool in pools if matches(pool, request)]
    if sum(pool.count for pool in found) < request.count:
        return []
    found = near_enough(host, found, request, cells)
    return [
        pool
        for pool in found
        if asked_for(pool, request)
        and asked_to_be_remote(pool, request)
        and migrates_as_asked(pool, request)
    ]


def serve(
    host: HostState, requests: Sequence[PciRequest], mapping: Mapped, cells: Sequence[int] | None
) -> Draws | None:
    """nova's way: request after request, pool after pool, nothing is taken back.

    The scheduler takes a PF and its VFs for free beside each other, the compute node does not: the
    guest has to pass both, and gets what the compute node gives it.
    """
    draws = _greedy(host, requests, mapping, cells, exclude=False)
    if draws is not None and any(pool.family for pool in host.pools or ()):
        draws = _greedy(host, requests, mapping, cells, exclude=True)
    return draws


def _greedy(
    host: HostState,
    requests: Sequence[PciRequest],
    mapping: Mapped,
    cells: Sequence[int] | None,
    exclude: bool,
) -> Draws | None:
    trial = host.copy()
    draws: Draws = []
    for number, request in enumerate(requests):
        pools = trial.open_pools() if exclude else _unhidden(host, trial)
        wanted = providers(request, mapping)
        usable = candidates(trial, pools, request, cells)
        if wanted:
            usable = [p for p in usable if p.count >= wanted.get(p.props.get("rp_uuid"), 1 << 40)]
        if not usable or sum(pool.count for pool in usable) < request.count:
            return None
        if wanted and not one_pool_each(pools):
            return None
        left = max(request.count, 0)
        for pool in usable:
            if exclude and trial.hidden(pool):
                return None  # what this request has taken so far shuts the pool
            count = wanted[pool.props["rp_uuid"]] if wanted else min(left, pool.count)
            left -= count
            pool.count -= count
            pool.taken += count
            pool.dropped = not pool.count  # also where none was wanted of an empty pool
            if count:
                draws.append((number, pool.at, count))
            if not wanted and not left:
                break
        if exclude and not wanted and left:
            return None
    return draws


def _unhidden(host: HostState, trial: HostState) -> list[Pool]:
    """As the scheduler sees it: what the guest itself has taken hides nothing."""
    return [
        pool
        for pool, before in zip(trial.pools or (), host.pools or (), strict=True)
        if not pool.dropped and not host.hidden(before)
    ]


def may_be_used(pool: Pool, request: PciRequest) -> bool:
    return (
        matches(pool, request)
        and asked_for(pool, request)
        and asked_to_be_remote(pool, request)
        and migrates_as_asked(pool, request)
    )


def reachable(
    host: HostState, pool: Pool, request: PciRequest, cells: Sequence[int] | None
) -> bool:
    """May the request take of this pool at all, whatever else is free?"""
    policy = request.numa_policy or "legacy"
    if not cells or policy == "preferred" or pool.node in cells:
        return True
    return pool.node in nodes(host, cells, True, policy)


def exact(
    host: HostState, requests: Sequence[PciRequest], mapping: Mapped, cells: Sequence[int] | None
) -> Draws | None:
    """Any allocation at all, by trying them all. A request gets its count of devices, and no more
    from a provider than placement allocated."""
    pools = host.open_pools()
    demands: list[Demand] = []
    free: dict[Any, int] = {pool.at: pool.count for pool in pools}
    for number, request in enumerate(requests):
        if request.count <= 0:
            continue
        wanted = providers(request, mapping)
        if wanted and not one_pool_each(pools):
            return None
        usable = [
            p for p in pools if may_be_used(p, request) and reachable(host, p, request, cells)
        ]
        if wanted:
            usable = [pool for pool in usable if pool.props.get("rp_uuid") in wanted]
            free |= {(number, uuid): count for uuid, count in wanted.items()}
        ways = [
            (pool, (pool.at, (number, pool.props["rp_uuid"])) if wanted else (pool.at,))
            for pool in usable
        ]
        demands.append((number, request.count, ways))
    return _search(demands, free, {}, [])


def one_pool_each(pools: list[Pool]) -> bool:
    """Nova knows no provider of two pools, and refuses what placement allocated on such a host."""
    known = [pool.props["rp_uuid"] for pool in pools if "rp_uuid" in pool.props]
    return len(known) == len(set(known))


Demand = tuple[int, int, list[tuple[Pool, tuple[Any, ...]]]]
"""A request, its devices, and the pools that may give them, each with what bounds it."""


def _search(
    demands: list[Demand], free: dict[Any, int], families: dict[str, str], draws: Draws
) -> Draws | None:
    """Serve the first demand from its first pool with every possible number of devices, and go on.
    ``families``: the kind of device that is taken of each."""
    if not demands:
        return draws
    number, count, ways = demands[0]
    if not count:
        return _search(demands[1:], free, families, draws)
    if sum(min(free[bound] for bound in bounds) for _pool, bounds in ways) < count:
        return None
    (pool, bounds), rest = ways[0], ways[1:]
    shut = pool.family is not None and families.get(pool.family, pool.kind) != pool.kind
    most = 0 if shut else min(count, *(free[bound] for bound in bounds))
    for take in range(most, -1, -1):
        after, kinds, drawn = free, families, draws
        if take:
            after = {**free, **{bound: free[bound] - take for bound in bounds}}
            drawn = [*draws, (number, pool.at, take)]
            if pool.family is not None:
                kinds = {**families, pool.family: pool.kind}
        found = _search([(number, count - take, rest), *demands[1:]], after, kinds, drawn)
        if found is not None:
            return found
    return None


def wrong(host: HostState, request: Request, draws: Draws, cells: Sequence[int]) -> str | None:
    """What is wrong with an allocation that ``exact`` found."""
    pools = {pool.at: pool for pool in host.open_pools()}
    left = {at: pool.count for at, pool in pools.items()}
    kinds: dict[str, str] = {}
    got = [0] * len(request.pci)
    for number, at, count in draws:
        asked, pool = request.pci[number], pools.get(at)
        if pool is None:
            return f"pool {at} is not there"
        left[at] -= count
        if count < 1 or left[at] < 0:
            return f"{count} devices of pool {at}"
        if not may_be_used(pool, asked) or not reachable(host, pool, asked, cells):
            return f"pool {at} is not for request {number}"
        if pool.family is not None and kinds.setdefault(pool.family, pool.kind) != pool.kind:
            return f"pool {at} excludes another that was drawn on"
        wanted = providers(asked, request.provider_mapping)
        if wanted and count > wanted[pool.props.get("rp_uuid", "")]:
            return f"{count} devices of pool {at}, placement allocated others"
        got[number] += count
    counts = [max(asked.count, 0) for asked in request.pci]
    return None if got == counts else f"{got} devices, wanted {counts}"
