"""Claims of the fleet that a fork was made of: the fork holds what they held at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakSet

from numafit._as_one import as_one, or_undo
from numafit._engine import ManyHosts
from numafit.adopting import Adopting
from numafit.claims import Claim, give_back
from numafit.errors import MisuseError, StalePlacement
from numafit.moments import unchanged


def release(engine: ManyHosts, claims: Sequence[Claim]) -> None:
    """Give all of these back or, raising, none: claims of this fleet, and those that were held when
    it was forked, which are given back here alone."""
    if engine.took(claims):
        give_back(engine, claims)
        return
    columns = engine.columns
    with columns.changes_lock, unchanged(engine):
        gone: WeakSet[Claim] = WeakSet() if columns.gone is None else columns.gone.copy()

        def give() -> None:
            own = [_own(engine, claim) for claim in claims]
            gone.update(claim.before for claim in own if claim.before is not None)

            def forget() -> None:
                columns.gone = gone
                for claim in own:
                    claim.before = None

            as_one(
                lambda: give_back(engine, own),
                lambda: all(claim.state == "released" for claim in own),
                forget,
            )

        def undo() -> None:
            left = [
                own
                for host in engine.claimed_hosts()
                for own in engine.claims_of(host)
                if isinstance(own, Claim) and own.before in claims
            ]
            engine.settle([], left)

        or_undo(give, undo)


def _own(engine: ManyHosts, claim: Claim) -> Claim:
    """The fork's own claim of what a claim held."""
    if claim.placed.engine is engine:
        return claim
    columns = engine.columns
    origin = columns.ancestors
    while origin is not None and origin[0] != claim.placed.engine.number:
        origin = origin[2]
    if origin is None:
        raise MisuseError("claim: it was taken from another host or fleet")
    if columns.gone is not None and claim in columns.gone:
        raise MisuseError("claim: it was released before")
    there = claim.in_fork(origin[1])
    if not there:
        when = "" if there is None else "not "
        raise MisuseError(
            "claim: it was taken or given back while the fork was made, which may have it or not"
            if not when
            else "claim: it was not held when the fork was made"
        )
    for own in engine.claims_of(claim.host):
        if isinstance(own, Claim) and own.before is claim:
            return own
    adopting = Adopting(engine, lambda name: _host(engine, claim, name), before=claim)
    found = adopting.written([claim], True)
    if found.lost:
        raise StalePlacement(f"claim: {found.lost[0].why}")
    return found.claims[0]


def _host(engine: ManyHosts, claim: Claim, name: str) -> int:
    """Its index; one of the two fleets may have been compacted."""
    names = engine.columns.names
    if claim.host < len(names) and names[claim.host] == name:
        return claim.host
    try:
        return names.index(name)
    except ValueError:
        raise MisuseError(f"{name}: the fork has no such host any more") from None
