"""Is a host a candidate by what placement and the scheduler know of it, whatever is in use there?

By placement's rules for allocation candidates of one provider, and nova's for services, zones and
the filters that look at nothing that a guest takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from numafit._header import MAX_AMOUNT
from numafit.model.host_state import NOTHING_KNOWN, HostState
from numafit.model.hostinfo import HostInfo
from numafit.model.resources import Provider, Resources
from numafit.rules.filters import not_known, why_filtered
from numafit.rules.inventories import is_unsplit

STATUS_DISABLED = "COMPUTE_STATUS_DISABLED"
"""What nova-compute's provider says while the service is disabled; other sources say so apart."""
NO_PROVIDER = "placement has no resource provider of this name"
"""How ``HostInfo.disabled`` begins where it is placement that leaves the host out, and not its
compute service."""


class HostKind(NamedTuple):
    """What requests choose hosts by; hosts of a fleet share a few of these. ``None``: not known,
    and so not judged.

    ``units``: resource class -> (min_unit, max_unit, step_size) of the host's own inventories.
    ``elsewhere``: classes that other providers of the host have, nested or shared; ``absent``:
    those that none of them has; ``derived``: those whose inventories were worked out.
    ``traits_elsewhere``: those of the other providers. ``state``: what filters look at.
    ``unsplit``: classes of which it is not known how much of what is in use is reserved.
    """

    units: tuple[tuple[str, tuple[int, int, int]], ...] | None
    elsewhere: frozenset[str] | None
    traits: frozenset[str] | None
    aggregates: frozenset[str] | None
    zone: str | None
    disabled: str
    absent: frozenset[str] = frozenset()
    derived: frozenset[str] = frozenset()
    traits_elsewhere: frozenset[str] = frozenset()
    state: HostState = NOTHING_KNOWN
    unsplit: frozenset[str] = frozenset()


def kind_of(host: HostInfo) -> HostKind:
    return kind_with(host.provider, host.zone, host.disabled, host.state)


def kind_with(
    provider: Provider | None,
    zone: str | None,
    disabled: str,
    state: HostState = NOTHING_KNOWN,
) -> HostKind:
    if provider is None:
        return HostKind(None, None, None, None, zone, disabled, state=state)
    units = tuple(
        sorted(
            (name, (inventory.min_unit, inventory.max_unit, inventory.step_size))
            for name, inventory in provider.inventories.items()
        )
    )
    return HostKind(
        units,
        provider.elsewhere,
        provider.traits,
        provider.aggregates,
        zone,
        disabled,
        provider.absent,
        frozenset(name for name, one in provider.inventories.items() if one.derived),
        provider.traits_elsewhere,
        state,
        frozenset(name for name, one in provider.inventories.items() if is_unsplit(name, one)),
    )


def refused_query(asked: Resources) -> str:
    """Why placement refuses to look for candidates at all, in words; empty: it looks."""
    for group in asked.numbered:
        if not group.resources:
            return (
                f"group {group.suffix} asks for traits and for no resources: placement refuses it"
            )
    if len(asked.numbered) > 1 and asked.group_policy is None:
        suffixes = ", ".join(group.suffix for group in asked.numbered)
        return f"groups {suffixes} without a group_policy: placement refuses that"
    return ""


def second_finds(kind: HostKind, asked: Resources) -> bool:
    """Is the host one that only nova's second query finds? The second is for hosts of before
    Train: where one with PCPU comes back, its cells decide as they did."""
    second = asked.second
    if second is None or not _without_pcpu(kind):
        return False
    return bool(why_not(kind, asked)) and not why_not(kind, second)


def why_neither(kind: HostKind, asked: Resources) -> str:
    """As ``why_not``, of both queries."""
    why = why_not(kind, asked)
    if why and asked.second is not None and _without_pcpu(kind):
        return why_not(kind, asked.second)
    return why


def _without_pcpu(kind: HostKind) -> bool:
    if "PCPU" in kind.absent:
        return True
    return kind.units is not None and all(name != "PCPU" for name, _units in kind.units)


def why_not(kind: HostKind, asked: Resources) -> str:
    """The first thing that rules the host out, in words; empty: nothing does."""
    if refused := refused_query(asked):
        return refused
    if kind.disabled.startswith(NO_PROVIDER):
        return kind.disabled
    if kind.disabled:
        return f"the compute service takes no guests: {kind.disabled}"
    if asked.zone is not None and kind.zone is not None and asked.zone != kind.zone:
        return f"availability zone {asked.zone} wanted, the host is in {kind.zone}"
    if kind.traits is not None:
        for trait in sorted(asked.required - kind.traits - kind.traits_elsewhere):
            return f"trait {trait} wanted, the host does not have it"
        for trait in sorted(asked.forbidden & kind.traits):
            return f"trait {trait} forbidden, the host has it"
    if kind.aggregates is not None:
        for one_of in asked.member_of:
            if not one_of & kind.aggregates:
                names = " or ".join(sorted(one_of))
                return f"aggregate {names} wanted, the host is in none of them"
        for name in sorted(asked.forbidden_aggregates & kind.aggregates):
            return f"aggregate {name} forbidden, the host is in it"
    short = _short_of(kind, asked)
    if short is not None:
        return f"{short.name}: {short.wanted} wanted, {short.words}"
    return why_filtered(kind.state, asked.conditions)


class Short(NamedTuple):
    """A class that a host cannot give so many units of at once, whatever is free; ``available``:
    the most that it can."""

    name: str
    wanted: int
    available: int
    words: str


def short_of(kind: HostKind, asked: Resources) -> Short | None:
    """The class for which a host is ruled out; ``None`` where that is something else."""
    if asked.second is not None and _without_pcpu(kind):
        asked = asked.second
    found = _short_of(kind, asked)
    named = found is not None and why_not(kind, asked).startswith(f"{found.name}: ")
    return found if named else None


def _short_of(kind: HostKind, asked: Resources) -> Short | None:
    units = dict(kind.units or ())
    for name, amount in asked.amounts.items():
        nowhere = kind.elsewhere is not None and name not in kind.elsewhere
        if name in kind.absent or (name not in units and nowhere and kind.units is not None):
            return Short(name, amount, 0, "the host has no inventory of it")
        if name not in units:
            continue
        low, high, step = units[name]
        if not low <= amount <= high:
            return Short(name, amount, high, f"one guest may have {low} to {high} at once")
        if amount % step:
            return Short(name, amount, high, f"given out in steps of {step}")
    return None


def not_judged(kind: HostKind, asked: Resources) -> Iterator[str]:
    """What an answer for this host leaves open, in words."""
    yield from asked.left_open
    if asked.second is not None and second_finds(kind, asked):
        asked = asked.second
    units = dict(kind.units or ())
    for name in asked.amounts:
        if name not in units:
            where = "the host's inventories are not known"
            if kind.elsewhere is not None:
                where = "another provider of the host may have it"
            elif kind.units is not None:
                where = "the source of the host does not say"
            yield f"{name}: {where}"
    for name in sorted(kind.unsplit & asked.amounts.keys()):
        yield f"{name}: how much of what is in use the host reserves is not known"
    traits = asked.required | asked.forbidden - {STATUS_DISABLED}
    if kind.traits is None and traits:
        yield f"traits {', '.join(sorted(traits))}: the host's are not known"
    if kind.traits is not None:
        others = asked.required & (kind.traits_elsewhere - kind.traits)
        if others:
            yield f"traits {', '.join(sorted(others))}: another provider of the host has them"
    if kind.aggregates is None and (asked.member_of or asked.forbidden_aggregates):
        yield "aggregates: the host's are not known"
    if kind.zone is None and asked.zone is not None:
        yield f"availability zone {asked.zone}: the host's is not known"
    yield from not_known(kind.state, asked.conditions)
    with_units = [group for group in asked.numbered if group.resources]
    if asked.group_policy == "isolate" and len(with_units) > 1:
        suffixes = ", ".join(group.suffix for group in with_units)
        yield f"groups {suffixes}: each wants a provider of its own, one was looked at"


NO_RESOURCES = "the request does not say what it asks of placement"
UNLIMITED = MAX_AMOUNT
"""More units than any host has: what is not judged ends nothing."""
