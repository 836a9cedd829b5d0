"""Can a host be emptied by live migrations, where do its guests go, and in which order?"""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.options import FitOptions
from numafit.model.refusal import Refusal
from numafit.planning import behind
from numafit.planning.answer import Answer, Glance
from numafit.planning.exact import NEVER, Exact
from numafit.planning.frames import frame
from numafit.planning.move_plan import Step, frame_of_steps, glance_of, moved_mb, moves_words
from numafit.planning.movers import Guests, Mover, movers_of
from numafit.planning.moving import Moving
from numafit.plurals import counted
from numafit.progress import Elapsing, Progress, checked
from numafit.rules.filters import Filters
from numafit.spans import Hosts, host_indices

SECONDS = 5.0
NOWHERE = "it fits on no other host, were these without the guests that can be moved"
NOT_FOUND = "no place was found for it"
TRIED = "no order of moves brings it away with all others"
DEVICE_REASONS = ("pci_devices", "pci_numa", "pci_together")


@dataclass(frozen=True, slots=True)
class Left:
    """A guest that would stay on the host, and ``why``. ``proven``: no order of moves helps it, or
    brings it away with all others."""

    guest: str
    why: str
    proven: bool


@dataclass(frozen=True, slots=True)
class Drain(Answer):
    """True in a condition where the host can be emptied. ``steps``: in this order, each tried with
    source and destination held at once; those of other hosts' guests make room first. Where
    it cannot, they are as many of its guests as were brought away; ``left``: those that were not.
    ``bound``: no plan that brings as many away has fewer moves.
    """

    host: int
    host_name: str
    guests: int
    steps: tuple[Step, ...]
    left: tuple[Left, ...]
    bound: int
    seconds: float

    def __bool__(self) -> bool:
        return not self.left

    @property
    def proven(self) -> bool:
        """That it cannot be emptied, of one guest at least."""
        return any(one.proven for one in self.left)

    @property
    def moved_mb(self) -> int:
        """MiB that the steps copy."""
        return moved_mb(self.steps)

    def frame(self, library: str | None = None) -> Any:
        """A row for each step; see ``Headroom.frame`` for ``library``."""
        return frame_of_steps(self.steps, library)

    def left_frame(self, library: str | None = None) -> Any:
        """A row for each guest that would stay: ``guest``, ``why``, ``proven``."""
        rows = [(one.guest, one.why, one.proven) for one in self.left]
        return frame(("guest", "why", "proven"), rows, library)

    def picture(self) -> Any:
        """A matplotlib Figure: a column for each host, an arrow for each move
        (``numafit[plot]``)."""
        from numafit.planning.moves_picture import moves_picture

        return moves_picture(self.steps, str(self), emptied=self.host)

    def _glance(self) -> Glance:
        return glance_of(self.steps)

    def __str__(self) -> str:
        name = self.host_name or f"host {self.host}"
        if not self.guests:
            return f"{name} is empty already"
        if self:
            return f"{name} can be emptied: {moves_words(self.steps)}"
        names = ", ".join(one.guest for one in self.left[:3])
        more = f" and {counted(len(self.left) - 3, 'other guest')}" * (len(self.left) > 3)
        if self.proven:
            return f"{name} cannot be emptied: {names}{more} would stay"
        return f"no way to empty {name} was found, which is no proof: {names}{more} would stay"


def drain(
    fleet: Fleet,
    host: int,
    guests: Guests,
    options: FitOptions | None = None,
    *,
    hosts: Hosts = None,
    stay: Collection[str] = (),
    filters: Filters | None = None,
    seconds: float = SECONDS,
    progress: Progress = None,
) -> Drain:
    """Empty ``host`` (an index). ``guests``: all Servers or Claims that are known, those of other
    hosts too: they may make room. ``hosts``: indices of those that may take guests (default: all
    others); ``stay``: names of guests that must not be moved; ``seconds``: how long to try other
    moves and orders where the first ones fail; ``progress``: as ``numafit.progress`` has it, by
    time. Raises InvalidValue and MisuseError for what is none of these.
    """
    fields.instance("fleet", fleet, Fleet)
    started = time.monotonic()
    host = behind.host_there(fleet, host)
    given = host_indices(hosts, len(fleet))
    taking = np.flatnonzero(behind.takes_guests(fleet)) if given is None else given
    others = [n for n in taking.tolist() if n != host]
    base = Moving(fleet, movers_of(fleet, guests, stay, filters), options or FitOptions())
    there = [one for one in base.movers if one.host == host]
    left = [Left(one.name, one.stays, True) for one in there if one.stays]
    missing = base.on(host)
    lost = set(_nowhere(base, missing, others))
    left += [Left(base.movers[n].name, NOWHERE, True) for n in missing if n in lost]
    wanted = [n for n in missing if n not in lost]
    with Elapsing(checked(progress), seconds):
        plan = _planned(base, wanted, others, started + seconds)
    why = TRIED if plan.never else NOT_FOUND
    left += [Left(base.movers[n].name, why, plan.never) for n in plan.missing]
    return Drain(
        host,
        fleet.names[host],
        len(there),
        plan.found.steps,
        tuple(left),
        plan.bound,
        time.monotonic() - started,
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """``missing``: guests that stay; ``bound``: no fewer moves bring the others away; ``never``: no
    moves bring away all of them."""

    found: Moving
    missing: Sequence[int]
    bound: int
    never: bool = False


def _planned(base: Moving, wanted: Sequence[int], others: Sequence[int], until: float) -> _Plan:
    """Two orders, then all moves where the case is small, then other orders."""
    orders = _orders(base, wanted, others)
    best, missing = _best(base, wanted, islice(orders, 2), others, until)
    bound, never = len(wanted) - len(missing), False
    if Exact.small(base) and (missing or len(best.steps) > bound):
        now = time.monotonic()
        exact = Exact(base, partial(_on_host, wanted), now + (until - now) / 2, hosts=others)
        found = exact.run(NEVER if missing else len(best.steps) - 1)
        if found is not None:
            best, missing, bound = found, (), len(wanted)
        if exact.sure and not missing:
            bound = exact.bound
        never = exact.never and exact.sure
    if missing and not never:
        again, failed = _best(base, wanted, orders, others, until)
        if len(failed) < len(missing):
            best, missing, bound = again, failed, len(wanted) - len(failed)
    return _Plan(best, missing, bound, never)


def _on_host(wanted: Sequence[int], moving: Moving) -> int:
    """Each of them has to move once at least."""
    return sum(moving.claims[n].host == moving.movers[n].host for n in wanted)


def _best(
    base: Moving,
    wanted: Sequence[int],
    orders: Iterable[Sequence[int]],
    others: Sequence[int],
    until: float,
) -> tuple[Moving, Sequence[int]]:
    """The order after which fewest are left, and those."""
    best, missing = base, wanted
    for order in orders:
        attempt, failed = _in_order(base, order, others, until)
        if len(failed) < len(missing):
            best, missing = attempt, failed
        if not missing or time.monotonic() >= until:
            break
    return best, missing


def _nowhere(base: Moving, guests: Sequence[int], others: Sequence[int]) -> Iterator[int]:
    """Those that no other host could take, were all movable guests gone from it."""
    emptied = base.without([n for n, claim in base.claims.items() if claim.host in set(others)])
    for n in guests:
        request = base.movers[n].request
        assert request is not None
        if not any(_may(emptied, base, n, host) for host in others):
            yield n


def _may(emptied: Fleet, base: Moving, n: int, host: int) -> bool:
    """Of its pages nothing is said: what it gets depends on what else is there; nor of devices
    that guests leave."""
    request = base.movers[n].request
    assert request is not None
    found = emptied.fit_on(request, host, base.options)
    if not isinstance(found, Refusal) or found.reason == "undecided":
        return True
    return base.leaves_devices and found.reason in DEVICE_REASONS


def _orders(base: Moving, guests: Sequence[int], others: Sequence[int]) -> Iterator[list[int]]:
    """The hardest first: whom fewest hosts take, and the larger of those; then at random."""
    takers = {n: len(base.takers(n, others)) for n in guests}
    first = sorted(guests, key=lambda n: (takers[n], -_size(base.movers[n]), n))
    yield first
    yield sorted(guests, key=lambda n: (-_size(base.movers[n]), n))
    dice = random.Random(0)
    # a guest alone has one order; the search of two or more ends by its time
    while len(guests) > 1:
        dice.shuffle(first)
        yield list(first)


def _size(mover: Mover) -> int:
    guest = mover.request.guest if mover.request is not None else None
    cpus = sum(len(cell.cpuset | cell.pcpuset) for cell in guest.cells) if guest else 0
    return cpus * 4096 + mover.memory_mb


def _in_order(
    base: Moving, order: Sequence[int], others: Sequence[int], until: float
) -> tuple[Moving, list[int]]:
    """One after the other; the guests that found no place."""
    attempt, failed = base.fork(), []
    for n in order:
        if attempt.move(n, others):
            continue
        ejected = _eject(attempt, n, others, until)
        if ejected is None:
            failed.append(n)
        else:
            attempt = ejected
    return attempt, failed


def _eject(attempt: Moving, n: int, others: Sequence[int], until: float) -> Moving | None:
    """Another guest goes first, the smallest that makes room: the moves until then and both."""
    allowed = set(others)
    request = attempt.movers[n].request
    assert request is not None
    rest = [k for k, claim in attempt.claims.items() if claim.host in allowed]
    for k in sorted(rest, key=lambda k: (_size(attempt.movers[k]), k)):
        if time.monotonic() >= until:
            return None
        host = attempt.claims[k].host
        if not attempt.takers(k, others):
            continue
        if not attempt.without([k]).scan(request, attempt.options, [host])[0]:
            continue
        other = attempt.fork()
        if other.move(k, others) and other.move(n, [host]):
            return other
    return None
