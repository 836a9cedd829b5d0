"""Why does a guest fit so few hosts of a fleet: the causes, and the hosts that miss it least."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, zip_longest
from typing import Any

import numpy as np

from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.options import FitOptions
from numafit.model.refusal import Refusal
from numafit.model.request import Request
from numafit.planning.answer import Answer, Glance
from numafit.planning.explain import KINDS, Explanation, Guests, explained
from numafit.planning.explain_empty import NEVER, Verdicts
from numafit.planning.explain_guests import Guest, guests_of, guests_on
from numafit.planning.frames import frame
from numafit.plurals import counted
from numafit.spans import Hosts, host_indices
from numafit.views.refused import Reason, by_reason

NEAREST = 5
"""Hosts that miss the guest least, each with the smallest changes."""
CANDIDATES = 2
"""So many times more hosts are looked at closely, those of each cause that lack least of it."""
FEWER = 250
"""Sets of changes that are tried for each host and kind."""
WANTED = 3

Parts = Sequence[tuple[Fleet, Hosts]]


@dataclass(frozen=True, slots=True)
class Cause:
    """``reason``: what refuses ``reason.hosts`` hosts, in words, and the one that lacks least of
    it; ``never``: those of them that could not take the guest were they empty."""

    reason: Reason
    never: int


@dataclass(frozen=True, slots=True)
class FleetExplanation(Answer):
    """``hosts`` were asked, ``fitting`` of them take the guest. ``causes``: why the others do not,
    by the first reason of each, those of most hosts first. ``nearest``: hosts that refuse it, the
    one with the smallest change to the host first, then those that no change of theirs helps."""

    hosts: int
    fitting: int
    causes: tuple[Cause, ...]
    nearest: tuple[Explanation, ...]

    @property
    def never(self) -> int:
        """Hosts that could not take the guest were they empty."""
        return sum(cause.never for cause in self.causes)

    def frame(self, library: str | None = None) -> Any:
        """One row per cause: ``reason``, ``words``, ``hosts``, ``never``, ``short`` (of what, and
        how much) and ``nearest``, the host that lacks least of it."""
        reasons = [(one.reason, one.never) for one in self.causes]
        rows = [
            (one.code, one.words, one.hosts, never, one.short, one.nearest)
            for one, never in reasons
        ]
        names = ("reason", "words", "hosts", "never", "short", "nearest")
        return frame(names, rows, library)

    def nearest_frame(self, library: str | None = None) -> Any:
        """One row per host of ``nearest``: ``host``, ``verdict``, ``reason``, and the smallest
        change of each kind in words (``request_change``, ``host_change``, ``guest_change``)."""
        rows = [
            (one.host_name, one.verdict, str(one.answer), *map(one.smallest_words, KINDS))
            for one in self.nearest
        ]
        names = ("host", "verdict", "reason", *(f"{kind}_change" for kind in KINDS))
        return frame(names, rows, library)

    def picture(self) -> Any:
        """matplotlib's Figure: a bar for each cause, as long as it has hosts."""
        from numafit.planning.explain_picture import causes_picture

        return causes_picture(self)

    def _glance(self) -> Glance:
        rows = [(one.reason.hosts, one.never, one.reason.words) for one in self.causes]
        return ("hosts", "never", "why not"), rows

    def __bool__(self) -> bool:
        return self.fitting > 0

    def __str__(self) -> str:
        words = f"fits on {self.fitting:,} of {counted(self.hosts, 'host')}"
        refused = self.hosts - self.fitting
        if not refused:
            return words
        empty = f"were {'it' if self.never == 1 else 'they'} empty"
        if self.never == refused and self.fitting:
            words += f"; the {'other' if refused == 1 else 'others'} could not, {empty}"
        elif self.never == refused:
            words += f"; {'it could not' if refused == 1 else 'none of them could'}, {empty}"
        elif self.never:
            words += f"; {self.never:,} could not, {empty}"
        nearest = next((one for one in self.nearest if one.of("host")), None)
        if nearest is not None:
            words += f"; the nearest is {nearest.known_as}, with: {nearest.of('host')[0]}"
        return words


def explain_fleet(
    where: Fleet | Parts,
    request: Request,
    options: FitOptions | None = None,
    *,
    hosts: Hosts = None,
    guests: Guests = (),
    nearest: int = NEAREST,
    kinds: Sequence[str] = KINDS,
) -> FleetExplanation:
    """Why the guest does not fit the hosts of a fleet that refuse it.

    ``where``: a Fleet, of which ``hosts`` are asked (indices, default: all), or several, each with
    such indices. ``guests``: as ``explain`` takes them, of one fleet where they are claims.
    ``nearest``: hosts that get suggestions; of each cause those that lack least of it are looked
    at, as ``explain`` would.
    """
    fields.instance("request", request, Request)
    options = FitOptions() if options is None else options
    nearest = fields.number("nearest", nearest, 0, 1 << 20)
    parts: Parts = [(where, hosts)] if isinstance(where, Fleet) else where
    there = guests_of(guests)
    refused: list[_Refused] = []
    fitting = 0
    for fleet, some in parts:
        indices = host_indices(some, len(fleet))
        everything = np.arange(len(fleet)) if indices is None else indices
        fits = fleet.scan(request, options, hosts=everything)
        fitting += int(np.count_nonzero(fits))
        refused += _refusals(fleet, request, options, everything[~fits].tolist())
    never = _never(refused, request, options)
    groups = by_reason(refused, lambda one: one.refusal)
    causes = tuple(
        Cause(reason, sum((id(one.fleet), one.host) in never for one in some))
        for reason, some in groups
    )
    chosen = islice(_in_turn(some for _reason, some in groups), nearest * CANDIDATES)
    close = [_closely(one, request, options, there, kinds) for one in chosen]
    close.sort(key=_distance)
    return FleetExplanation(fitting + len(refused), fitting, causes, tuple(close[:nearest]))


@dataclass(frozen=True, slots=True)
class _Refused:
    fleet: Fleet
    host: int
    refusal: Refusal


def _refusals(
    fleet: Fleet, request: Request, options: FitOptions, hosts: Iterable[int]
) -> Iterator[_Refused]:
    for host in hosts:
        answer = fleet.fit_on(request, host, options)
        # else another thread has made room since, or the host is one that was removed
        if isinstance(answer, Refusal) and answer.reason != "removed":
            yield _Refused(fleet, host, answer)


def _never(
    refused: Sequence[_Refused], request: Request, options: FitOptions
) -> set[tuple[int, int]]:
    """Those (by fleet and host) that could not take the guest were they empty."""
    found = set()
    for fleet, some in groupby(refused, key=lambda one: one.fleet):
        hosts = [one.host for one in some]
        verdicts = Verdicts(fleet, hosts).of(request, options)
        found |= {
            (id(fleet), host)
            for host, verdict in zip(hosts, verdicts, strict=True)
            if verdict == NEVER
        }
    return found


def _in_turn(groups: Iterable[list[_Refused]]) -> Iterator[_Refused]:
    """The nearest of each cause, then the next of each."""
    for row in zip_longest(*groups):
        yield from (one for one in row if one is not None)


def _closely(
    one: _Refused,
    request: Request,
    options: FitOptions,
    guests: Sequence[Guest],
    kinds: Sequence[str],
) -> Explanation:
    info = one.fleet.hostinfo(one.host)
    there = guests_on(guests, one.host, info.name)
    return explained(info, one.host, request, options, there, kinds, WANTED, FEWER)


def _distance(one: Explanation) -> tuple[object, ...]:
    found = one.of("host")
    far = (1 << 30, 0)
    nearest = one.nearest
    return found[0].size if found else far, nearest.size if nearest else far, one.host_name
