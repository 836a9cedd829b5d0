"""Which claims does a host hold after it has changed? What is physical decides: CPUs, pages,
memory, devices, units of resource classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from numafit._engine import HostDraft, ManyHosts
from numafit.claims import Claim
from numafit.errors import MisuseError, StalePlacement
from numafit.holding import Holding, bare, same_pool
from numafit.model.hostinfo import HostInfo, PciPool
from numafit.model.placement import PciAllocation


@dataclass(slots=True)
class Judged:
    """``draft``: the host with the claims that it holds; ``pools``: what it came with. ``kept``:
    each with what it draws, pools by their number in the host, and its units; ``lost``: each with
    the reason."""

    draft: HostDraft
    pools: Sequence[PciPool]
    kept: list[tuple[Claim, Holding, tuple[PciAllocation, ...], dict[str, int]]] = field(
        default_factory=list
    )
    lost: list[tuple[Claim, str]] = field(default_factory=list)
    taken: dict[int, set[str]] = field(default_factory=dict)
    """Pool, by its number in the host -> devices that claims hold."""


def on_top(
    engine: ManyHosts, draft: HostDraft, pools: Sequence[PciPool], claims: Sequence[Claim]
) -> Judged:
    """Claims that the host's usage does not have: each is taken from it in the same way as it was
    before."""
    judged = Judged(draft, pools)
    if claims:
        engine.derive(draft)
    for claim in claims:
        holding = claim.holding()
        drawn = _drawn(judged, holding)
        units = dict(holding.resources)
        why = drawn if isinstance(drawn, str) else _turn(engine, draft, holding, drawn, units, True)
        if why or isinstance(drawn, str):
            judged.lost.append((claim, why))
        else:
            _note(judged, claim, holding, drawn, units)
    return judged


def in_usage(
    engine: ManyHosts,
    draft: Callable[[], tuple[HostDraft, Sequence[PciPool]]],
    info: Callable[[], HostInfo],
    again: Callable[[HostInfo], tuple[HostDraft, Sequence[PciPool]]],
    claims: Sequence[Claim],
    classes: Callable[[], frozenset[str]],
) -> Judged:
    """Claims that the host's usage has: each must be in use there, beside the others. Its pools
    have what is free, so devices that claims hold are added to them (``again`` makes the host so).
    ``classes``: those of which the host has an inventory: its usage tells of no others."""
    made, pools = draft()
    judged = Judged(made, pools)
    if not claims:
        return judged
    known = classes()
    scratch, _same = draft()
    engine.derive(scratch)
    found: list[tuple[Claim, Holding, dict[str, int]]] = []
    for claim in claims:
        holding = claim.holding()
        units = {name: n for name, n in holding.resources.items() if name in known}
        why = _free(pools, holding) or _turn(engine, scratch, holding, (), units, False)
        if why:
            judged.lost.append((claim, why))
        else:
            found.append((claim, holding, units))
    if any(holding.draws for _claim, holding, _units in found):
        made, pools = again(_with_devices(info(), [holding for _claim, holding, _units in found]))
        judged.draft, judged.pools = made, pools
        engine.derive(made)
    for claim, holding, units in found:
        drawn = _drawn(judged, holding)
        if isinstance(drawn, str):  # its pools are there: they were added
            raise AssertionError(drawn)
        alone = replace(holding, cells=(), resources={})
        if drawn and (why := _turn(engine, judged.draft, alone, drawn, {}, True)):
            judged.lost.append((claim, why))
        else:
            _note(judged, claim, holding, drawn, units)
    return judged


def _turn(
    engine: ManyHosts,
    draft: HostDraft,
    holding: Holding,
    drawn: tuple[PciAllocation, ...],
    units: dict[str, int],
    take: bool,
) -> str:
    """Take it from the draft, or give it back there: "", or in words why that cannot be."""
    requests = holding.pci_requests if drawn else ()
    try:
        placed = engine.place_on(draft, holding.cells, requests, drawn, units)
    except (MisuseError, StalePlacement) as error:
        return str(error)
    return engine.turn_on(draft, placed, take)


def _drawn(judged: Judged, holding: Holding) -> tuple[PciAllocation, ...] | str:
    """Pools and devices that serve it, or why none do."""
    allocations = holding.allocations(dict(enumerate(judged.pools)))
    if isinstance(allocations, str):
        return allocations
    drawn = []
    for one in allocations:
        taken = judged.taken.get(one.pool, set())
        if gone := taken & set(one.devices):
            return f"device {min(gone)} is held by another claim"
        if one.info.devices and not one.devices:
            free = [device for device in reversed(one.info.devices) if device not in taken]
            one = replace(one, devices=tuple(free[: one.count]))
        drawn.append(one)
    return tuple(drawn)


def _note(
    judged: Judged,
    claim: Claim,
    holding: Holding,
    drawn: tuple[PciAllocation, ...],
    units: dict[str, int],
) -> None:
    judged.kept.append((claim, holding, drawn, units))
    for one in drawn:
        if one.devices:
            judged.taken.setdefault(one.pool, set()).update(one.devices)


def _free(pools: Sequence[PciPool], holding: Holding) -> str:
    """A device that the claim holds and the host says is free, in words."""
    free = {device for pool in pools for device in pool.devices}
    for draw in holding.draws:
        for device in draw.devices:
            if device in free:
                return f"device {device} is free"
    return ""


def _with_devices(info: HostInfo, holdings: Sequence[Holding]) -> HostInfo:
    """The host with the devices that these hold beside those that are free."""
    pools = list(info.pci_pools or ())
    for draw in (draw for holding in holdings for draw in holding.draws):
        n = next((n for n, pool in enumerate(pools) if same_pool(pool, draw.pool)), len(pools))
        if n == len(pools):
            pools.append(bare(draw.pool))
        pool = pools[n]
        devices = pool.devices
        if devices or not pool.count:
            devices += tuple(device for device in draw.devices if device not in devices)
        pools[n] = replace(pool, count=pool.count + draw.count, devices=devices)
    return replace(info, pci_pools=tuple(pools))
