"""Guests that run on hosts and are moved one after the other: is each step one that breaks nobody,
and how few would do?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from numafit import FitOptions, Request
from numafit.planning.move_plan import Step

from .agree import same_cells
from .fit import capacity, fit
from .state import Cell, Fit, HostState

CAP = 100


@dataclass(slots=True)
class Guest:
    """``held`` on ``host``."""

    request: Request
    host: int
    held: Fit


class Running:
    """``guests`` by their names, those of them that may go elsewhere in ``free``."""

    def __init__(
        self,
        hosts: Sequence[HostState],
        guests: dict[str, Guest],
        options: FitOptions,
        free: Collection[str],
    ) -> None:
        self.hosts, self.guests, self.options = list(hosts), dict(guests), options
        self.free = [name for name in guests if name in free]

    def copy(self) -> Running:
        return Running(self.hosts, self.guests, self.options, self.free)

    def move(self, name: str, target: int) -> Fit | None:
        """It holds what it gets there beside what it has; then only what it got. ``None``, and
        nothing is changed: it is not taken, or its pages would have another size."""
        guest = self.guests[name]
        if target == guest.host:
            return None
        found = fit(self.hosts[target], guest.request, self.options)
        if found is None or _first_page(found) != _first_page(guest.held):
            return None
        there, source = self.hosts[target].copy(), self.hosts[guest.host].copy()
        if not there.claim(guest.request, found):
            return None
        source.release(guest.request, guest.held)
        self.hosts[target], self.hosts[guest.host] = there, source
        self.guests[name] = Guest(guest.request, target, found)
        return found

    def room(self, request: Request) -> int:
        return sum(capacity(host, request, self.options, CAP) for host in self.hosts)

    def walk(self, steps: Sequence[Step]) -> None:
        """The steps of a plan; AssertionError for one that breaks a guest, or is not what the
        oracle would do."""
        for step in steps:
            assert step.guest in self.free, step
            assert step.source_host == self.guests[step.guest].host, step
            found = self.move(step.guest, step.target_host)
            assert found is not None, step
            same_cells(step.placement, found, self.guests[step.guest].request, step.target_host)
            self.check()

    def check(self) -> None:
        """No host CPU is given to two guests."""
        for at, host in enumerate(self.hosts):
            for cell in host.cells:
                taken: set[int] = set()
                for cpus in self._cpus(at, cell):
                    assert not taken & cpus, (at, cell.id)
                    taken |= cpus
                assert taken <= cell.pinned, (at, cell.id)

    def _cpus(self, at: int, cell: Cell) -> Iterator[set[int]]:
        for guest in self.guests.values():
            for placed in guest.held.placed:
                if guest.host == at and placed.cell.id == cell.id:
                    yield set(placed.pins.values()) | placed.reserved

    def state(self) -> tuple[object, ...]:
        return tuple(
            (
                guest.host,
                *((p.cell.id, p.size, tuple(sorted(p.pins.items()))) for p in guest.held.placed),
            )
            for guest in self.guests.values()
        )


def _first_page(held: Fit) -> int | None:
    return held.placed[0].size if held.placed else None


def layers(start: Running, moves: int, taking: Collection[int]) -> Iterator[list[Running]]:
    """All that can be after 0, 1, ... ``moves`` of any guest to any of the hosts ``taking``, each
    once; none where more moves lead nowhere else."""
    seen, layer = {start.state()}, [start]
    for number in range(moves + 1):
        if not layer:
            return
        yield layer
        after = []
        for one in layer if number < moves else ():
            for name in one.free:
                for target in taking:
                    other = one.copy()
                    if other.move(name, target) is not None and other.state() not in seen:
                        seen.add(other.state())
                        after.append(other)
        layer = after


def most_room(start: Running, request: Request, moves: int) -> list[int]:
    """The most room that so many moves reach, for 0, 1, ... ``moves``."""
    rooms: list[int] = []
    for layer in layers(start, moves, range(len(start.hosts))):
        rooms.append(max([one.room(request) for one in layer] + rooms[-1:]))
    return rooms


def fewest_to_empty(start: Running, host: int) -> int | None:
    """Moves until the host has no guest that may go elsewhere; ``None``: no moves do."""
    others = [n for n in range(len(start.hosts)) if n != host]
    for moves, layer in enumerate(layers(start, len(start.guests) ** 2, others)):
        if any(all(one.guests[name].host != host for name in one.free) for one in layer):
            return moves
    return None
