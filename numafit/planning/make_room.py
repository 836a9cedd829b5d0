"""The fewest live migrations that make room for guests of one kind, or lower fragmentation."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from numafit._header import PAGES_SMALL
from numafit.columns.totals import totals
from numafit.errors import InvalidValue
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.options import FitOptions
from numafit.model.request import Request
from numafit.planning.answer import Answer, Glance
from numafit.planning.drain import SECONDS
from numafit.planning.exact import NEVER
from numafit.planning.frames import frame
from numafit.planning.move_plan import Step, frame_of_steps, glance_of, moved_mb, moves_words
from numafit.planning.movers import Guests, movers_of
from numafit.planning.moving import Moving
from numafit.planning.room_gains import CAP, emptied
from numafit.planning.room_search import Search
from numafit.plurals import counted
from numafit.progress import Elapsing, Progress, checked
from numafit.rules.filters import Filters


@dataclass(frozen=True, slots=True)
class MadeRoom(Answer):
    """True in a condition where the room that was wanted is there, or, where as much as possible
    was, where a move gains something.

    ``before``, ``after``: guests that fit, of all hosts; ``wanted``: as many, ``None``: as many as
    possible. ``steps``: in this order, each tried with source and destination held at once, with
    its gain. ``bound``: no plan that reaches ``wanted`` has fewer moves, ``None``: none is known;
    ``fewest``: these are the fewest, or what is wanted is out of reach, for certain.
    ``fragments``: the part of the free dedicated CPUs that the guests cannot use, before and after,
    ``None`` where they ask for none. ``counts``: of each flavor, before and after.
    ``most_moves``: no more were allowed.
    """

    before: int
    after: int
    wanted: int | None
    steps: tuple[Step, ...]
    bound: int | None
    fewest: bool
    fragments: tuple[float, float] | None
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    seconds: float = 0.0
    most_moves: int | None = None

    def __bool__(self) -> bool:
        return bool(self.steps) if self.wanted is None else self.after >= self.wanted

    @property
    def moved_mb(self) -> int:
        """MiB that the steps copy."""
        return moved_mb(self.steps)

    def frame(self, library: str | None = None) -> Any:
        """A row for each step; see ``Headroom.frame`` for ``library``."""
        return frame_of_steps(self.steps, library)

    def counts_frame(self, library: str | None = None) -> Any:
        """A row for each flavor of the catalogue: ``flavor``, ``before``, ``after``."""
        rows = [(name, *pair) for name, pair in self.counts.items()]
        return frame(("flavor", "before", "after"), rows, library)

    def picture(self) -> Any:
        """A matplotlib Figure: a column for each host, an arrow for each move, and beside it how
        many guests fit then (``numafit[plot]``)."""
        from numafit.planning.moves_picture import moves_picture

        return moves_picture(self.steps, str(self), self.before)

    def _glance(self) -> Glance:
        return glance_of(self.steps)

    def __str__(self) -> str:
        if self.wanted is not None and self.before >= self.wanted:
            return f"there is room already: {counted(self.before, 'guest')} fit"
        if self.wanted is not None and not self:
            short = f"{self.before:,} fit, {self.after:,} after {moves_words(self.steps)}"
            if self.fewest:
                cap = "" if self.most_moves is None else f", {self.most_moves:,} at most,"
                return f"no moves{cap} make room for {self.wanted:,}: {short}"
            return f"no way to make room for {self.wanted:,} was found, which is no proof: {short}"
        if not self.steps:
            sure = "" if self.fewest else ", as far as was looked"
            return f"nothing to gain{sure}: {counted(self.before, 'guest')} fit"
        text = f"{moves_words(self.steps)}: {self.before:,} fit before, {self.after:,} after"
        if self.wanted is not None:
            text += "; no fewer moves do" if self.fewest else f"; at least {self.bound or 1} needed"
        if self.fragments is not None:
            text += "; fragment rate {:.3f} before, {:.3f} after".format(*self.fragments)
        return text


def make_room(
    fleet: Fleet,
    request: Request,
    wanted: int | None,
    guests: Guests,
    options: FitOptions | None = None,
    *,
    most_moves: int | None = None,
    catalogue: Mapping[str, Request] | None = None,
    stay: Collection[str] = (),
    filters: Filters | None = None,
    seconds: float = SECONDS,
    progress: Progress = None,
) -> MadeRoom:
    """Room for ``wanted`` guests by as few moves as are found, at most ``most_moves``; with
    ``None`` as much room as these reach, which lowers the fragment rate most: moves leave what is
    free as it is. ``guests``: all Servers or Claims that are known; ``catalogue``: flavors to be
    counted before and after; ``stay``: names of guests that must not be moved;
    ``seconds``: how long to look; ``progress``: as ``numafit.progress`` has it, by time.

    Raises InvalidValue and MisuseError for what is none of these.
    """
    fields.instance("fleet", fleet, Fleet)
    fields.instance("request", request, Request)
    if wanted is not None:
        wanted = fields.number("wanted", wanted, 1, CAP, "guests")
    if most_moves is not None:
        most_moves = fields.number("most_moves", most_moves, 0, NEVER, "moves")
    elif wanted is None:
        raise InvalidValue("most_moves", None, "a number of moves where 'wanted' is None")
    started = time.monotonic()
    base = Moving(fleet, movers_of(fleet, guests, stay, filters), options or FitOptions())
    most = emptied(base, request)
    limit = NEVER if most_moves is None else most_moves
    search = Search(base, request, wanted, limit, most, started + seconds)
    known = orderly(request)
    with Elapsing(checked(progress), seconds):
        best = search.run(known)
    before, after = search.room(base), search.room(best)
    sure = search.proven or (known and after == before == int(most.sum()))
    return MadeRoom(
        before,
        after,
        wanted,
        best.steps,
        None if wanted is None else search.bound,
        sure,
        fragments(request, base.fleet, before, after),
        {name: (_count(base, one), _count(best, one)) for name, one in (catalogue or {}).items()},
        time.monotonic() - started,
        most_moves,
    )


def orderly(request: Request) -> bool:
    """Does a host never lose room for it when a guest leaves? nova's order of host cells, of page
    sizes and of devices may see to that otherwise."""
    if request.pci or request.networks is not None:
        return False
    cells = request.guest.cells if request.guest is not None else ()
    alike = {(len(one.cpuset), len(one.pcpuset), one.memory_mb, one.pagesize) for one in cells}
    return len(alike) <= 1 and all(
        one.pagesize is None or one.pagesize >= PAGES_SMALL for one in cells
    )


def fragments(
    request: Request, fleet: Fleet, before: int, after: int
) -> tuple[float, float] | None:
    """Free dedicated CPUs that these guests cannot use, over all that are free."""
    pinned = sum(cell.pinned for cell in request.guest.cells) if request.guest is not None else 0
    now = totals(fleet.columns(copy=False))
    free = now.dedicated_limit - now.dedicated_cpus
    if not pinned or not free:
        return None
    return 1 - before * pinned / free, 1 - after * pinned / free


def _count(moving: Moving, request: Request) -> int:
    counts = moving.fleet.capacity(request, moving.options)
    return int(counts.sum(dtype=np.int64))
