"""Why does a guest not fit this host, and what is the least that would have to change?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numafit.claims import Claim
from numafit.errors import InvalidValue
from numafit.fleet import Fleet
from numafit.host import Host
from numafit.model import fields
from numafit.model.hostinfo import HostInfo
from numafit.model.options import FitOptions
from numafit.model.placement import Placement
from numafit.model.refusal import CellRefusal, Refusal
from numafit.model.request import Request
from numafit.model.server import Server
from numafit.planning import behind
from numafit.planning.answer import Answer, Glance
from numafit.planning.explain_empty import FITS, NEVER, NOT_NOW, verdict_of
from numafit.planning.explain_guests import Guest, GuestSpace, guests_of, guests_on
from numafit.planning.explain_host import HostSpace
from numafit.planning.explain_request import RequestSpace
from numafit.planning.explain_search import BUDGET, Found, size_of, smallest
from numafit.planning.explain_words import Part
from numafit.planning.frames import frame

KINDS = ("request", "host", "guest")
"""What may change: the request, the host, or the guests on it, of whom some leave."""
WANTED = 5
"""Suggestions of each kind."""

Guests = Iterable[Server | Claim] | Mapping[str, Claim]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One set of changes of one kind by which the guest fits, tried on the engine.

    ``host`` and ``request``: both as they are then, with the change, and ``placement``: where the
    guest lands. ``units``: of all parts together, the second measure of its
    size. ``smallest``: that no set smaller than the first of its kind would do is proven; false
    where the search was given up before, and each part is only as small as it can be beside the
    others.
    """

    kind: str
    parts: tuple[Part, ...]
    units: int
    host: HostInfo = field(repr=False)
    request: Request = field(repr=False)
    placement: Placement = field(repr=False)
    smallest: bool = True

    @property
    def size(self) -> tuple[int, int]:
        """Parts, then units: what suggestions are ranked by."""
        return len(self.parts), self.units

    def picture(self) -> Any:
        """matplotlib's Figure of where the guest lands then (``numafit[plot]``)."""
        from numafit.planning.placement_picture import placement_picture

        return placement_picture(self.host, self.placement)

    def __str__(self) -> str:
        return "; ".join(map(str, self.parts))


@dataclass(frozen=True, slots=True)
class Explanation(Answer):
    """Why a guest does not fit a host, and what would have to change; false in a condition, where
    it fits true.

    ``host``: index in the fleet (0 of a Host), ``host_name``: its name. ``answer``: the engine's,
    with quantities for each guest cell and host cell (``pairs``). ``verdict``: ``"fits"``; ``"not
    now"``: the empty host could; ``"never"``: it could not either; ``"open"``: devices are missing,
    and the source does not tell of those that guests have. ``empty``: what the empty host answers.
    ``suggestions``: by kind, the smallest first. ``ended``: kinds of which all that could help was
    tried, so that where there is no suggestion, none of that kind helps. ``info``: the host.
    """

    host: int
    host_name: str
    answer: Placement | Refusal
    verdict: str
    empty: Placement | Refusal
    suggestions: tuple[Suggestion, ...] = ()
    ended: frozenset[str] = frozenset()
    info: HostInfo = field(default=HostInfo(()), repr=False, compare=False)

    @property
    def known_as(self) -> str:
        """The host's name, or its number where it has none."""
        return self.host_name or f"host {self.host}"

    @property
    def fits(self) -> bool:
        return isinstance(self.answer, Placement)

    @property
    def pairs(self) -> tuple[CellRefusal, ...]:
        """The first thing in the way for each pair of guest and host cell."""
        return self.answer.cells if isinstance(self.answer, Refusal) else ()

    def of(self, kind: str) -> tuple[Suggestion, ...]:
        """The suggestions of a kind (``KINDS``), the smallest first."""
        fields.word("kind", kind, KINDS, none=False)
        return tuple(one for one in self.suggestions if one.kind == kind)

    def smallest_words(self, kind: str) -> str | None:
        """The smallest suggestion of a kind in words; ``None``: there is none."""
        found = self.of(kind)
        return str(found[0]) if found else None

    @property
    def nearest(self) -> Suggestion | None:
        """The smallest of all kinds; among equals in the order of ``KINDS``."""
        return min(self.suggestions, key=lambda one: one.size, default=None)

    def frame(self, library: str | None = None) -> Any:
        """One row per part of a suggestion: ``kind``, ``rank`` (0 is the smallest of its kind),
        ``what``, ``amount``, ``cell``, ``subject``, ``text``, ``smallest``. ``library``: as
        ``numafit.planning.frames.frame`` takes it."""
        rows = [
            (kind, rank, part.what, part.amount, part.cell, part.subject, part.text, one.smallest)
            for kind in KINDS
            for rank, one in enumerate(self.of(kind))
            for part in one.parts
        ]
        names = ("kind", "rank", "what", "amount", "cell", "subject", "text", "smallest")
        return frame(names, rows, library)

    def pairs_frame(self, library: str | None = None) -> Any:
        """One row per guest cell and host cell: ``guest_cell``, ``host_cell``, ``reason``,
        ``wanted``, ``available``, ``message``."""
        names = ("guest_cell", "host_cell", "reason", "wanted", "available", "message")
        rows = [[getattr(pair, name) for name in names] for pair in self.pairs]
        return frame(names, rows, library)

    def picture(self) -> Any:
        """matplotlib's Figure: guest cells by host cells, what is in the way, and below it what
        would do; of a guest that fits the CPUs it lands on (``numafit[plot]``)."""
        if isinstance(self.answer, Placement):
            from numafit.planning.placement_picture import placement_picture

            return placement_picture(self.info, self.answer)
        from numafit.planning.explain_picture import pairs_picture

        return pairs_picture(self)

    def _glance(self) -> Glance:
        rows = [(f"the {one.kind}", str(one)) for one in self.suggestions]
        return ("change", "it would fit with"), rows

    def __bool__(self) -> bool:
        return self.fits

    def __str__(self) -> str:
        where, nearest = self.known_as, self.nearest
        if self.fits:
            return f"fits on {where}"
        if self.verdict == NEVER:
            words = f"never fits on {where}, were it empty: {self.empty}"
        else:
            now = " now" if self.verdict == NOT_NOW else ""
            words = f"does not fit on {where}{now}: {self.answer}"
        return words if nearest is None else f"{words}; it would with: {nearest}"


def explain(
    where: Fleet | Host | HostInfo,
    request: Request,
    host: int = 0,
    options: FitOptions | None = None,
    *,
    guests: Guests = (),
    kinds: Sequence[str] = KINDS,
    wanted: int = WANTED,
    budget: int = BUDGET,
) -> Explanation:
    """Why the guest does not fit the host, and the smallest changes by which it would.

    ``host``: index in a Fleet, 0 of others. ``guests``: the servers on the hosts, or claims on the
    fleet, of which some may leave; those of other hosts are passed over. ``kinds``: of KINDS, what
    may change. ``wanted``: suggestions of each. ``budget``: sets of changes to try for each kind,
    before a search ends with what is small in each part and may not be the smallest.

    A set is smaller than another by its number of parts, then by the sum of their units: CPUs,
    vCPUs, pages, MiB, devices, units of a resource class, 1 of what is or is not; of guests that
    leave by their number, then by their vCPUs. Nothing is changed, everything is tried on copies.
    """
    fields.instance("request", request, Request)
    options = FitOptions() if options is None else options
    fields.instance("options", options, FitOptions)
    for kind in fields.listed("kinds", kinds, f"some of {', '.join(KINDS)}"):
        fields.word("kinds", kind, KINDS, none=False)
    wanted = fields.number("wanted", wanted, 1, 1 << 20)
    budget = fields.number("budget", budget, 1, 1 << 32)
    host, info = _host(where, host)
    there = guests_on(guests_of(guests), host, info.name)
    return explained(info, host, request, options, there, kinds, wanted, budget)


def _host(where: Any, host: int) -> tuple[int, HostInfo]:
    if isinstance(where, Fleet):
        host = behind.host_there(where, host)
        return host, where.hostinfo(host)
    if isinstance(where, Host):
        return 0, where.hostinfo
    if isinstance(where, HostInfo):
        return 0, where
    raise InvalidValue("where", where, "a Fleet, a Host or a HostInfo")


def explained(
    info: HostInfo,
    host: int,
    request: Request,
    options: FitOptions,
    guests: Sequence[Guest] = (),
    kinds: Sequence[str] = KINDS,
    wanted: int = WANTED,
    budget: int = BUDGET,
) -> Explanation:
    """As ``explain``, of a host with the guests that are on it."""
    answer = Host(info).fit(request, options)
    if isinstance(answer, Placement):
        return Explanation(host, info.name, answer, FITS, answer, info=info)
    verdict, empty = verdict_of(info, request, options)
    found: list[Suggestion] = []
    ended = set()
    for kind in KINDS:
        if kind in kinds and not (kind == "guest" and not guests):
            space = _space(kind, info, request, options, guests)
            sets, end = smallest(space, wanted, budget)
            found += [_said(kind, space, one) for one in sets]
            ended |= {kind} if end else set()
    return Explanation(
        host, info.name, answer, verdict, empty, tuple(found), frozenset(ended), info
    )


def _space(
    kind: str, info: HostInfo, request: Request, options: FitOptions, guests: Sequence[Guest]
) -> RequestSpace | HostSpace | GuestSpace:
    if kind == "request":
        return RequestSpace(info, request, options)
    if kind == "host":
        return HostSpace(info, request, options)
    return GuestSpace(info, request, options, guests)


def _said(kind: str, space: RequestSpace | HostSpace | GuestSpace, found: Found) -> Suggestion:
    parts = [space.part(key, found.changes) for key in found.changes]
    parts.sort(key=lambda part: -1 if part.cell is None else part.cell)
    _parts, units = size_of(space, found.changes)
    host, request = space.changed(found.changes)
    return Suggestion(kind, tuple(parts), units, host, request, found.placement, found.smallest)
