"""A fork of a fleet on which guests are moved: the destination is claimed, then the source is
given back."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from numafit.claims import Claim
from numafit.errors import StalePlacement
from numafit.fleet import Fleet
from numafit.model.options import FitOptions
from numafit.model.placement import PlacementCell
from numafit.model.request import Request
from numafit.moves import keeps_its_pages
from numafit.planning import behind
from numafit.planning.move_plan import Step
from numafit.planning.movers import Mover


class Moving:
    """Where the guests are after the ``steps`` so far. ``movers``: all of them; ``claims``: of
    those that can be moved, by their number in that list."""

    def __init__(self, fleet: Fleet, movers: Sequence[Mover], options: FitOptions) -> None:
        self.fleet = fleet.fork()
        self.options = options
        self.steps: tuple[Step, ...] = ()
        # a request that says nothing of placement would fit a host whose service is disabled
        self._open = behind.takes_guests(fleet)
        self.claims: dict[int, Claim] = {}
        self.movers = list(movers)
        written: list[tuple[int, Claim]] = []
        for n, mover in enumerate(movers):
            if mover.stays or mover.held is None:
                continue
            if isinstance(mover.held, Claim):
                written.append((n, mover.held))
                continue
            found = self.fleet.adopt([mover.held])
            if found.lost:
                self.movers[n] = replace(mover, stays=found.lost[0].why)
            else:
                written.append((n, found.claims[0]))
        self.claims = dict(written)
        numbers: dict[Request | None, int] = {}
        self._asks = {
            n: numbers.setdefault(self.movers[n].request, len(numbers)) for n in self.claims
        }

    @property
    def leaves_devices(self) -> bool:
        """Are there guests whose devices stay taken where they leave? Then what was not found may
        be there nonetheless."""
        moved = ((self.movers[n].request, self.movers[n].held) for n in self.claims)
        return any(
            request and request.pci and not isinstance(held, Claim) for request, held in moved
        )

    def fork(self) -> Moving:
        """It goes its own way from here."""
        other = Moving.__new__(Moving)
        other.fleet = self.fleet.fork()
        other.options = self.options
        other.steps = self.steps
        other._open = self._open
        other.claims = dict(self.claims)
        other.movers = self.movers
        other._asks = self._asks
        return other

    def on(self, host: int) -> list[int]:
        """Those that can be moved and are on the host, in their order."""
        return [n for n, claim in self.claims.items() if claim.host == host]

    def takers(self, n: int, hosts: Sequence[int]) -> list[int]:
        """Hosts that fit the guest now, its own aside; its pages are not looked at."""
        request = self.movers[n].request
        assert request is not None
        others = self._others(n, hosts)
        fits = self.fleet.scan(request, self.options, others)
        found: list[int] = np.asarray(others, np.intp)[fits].tolist()
        return found

    def _others(self, n: int, hosts: Sequence[int]) -> list[int]:
        """Those that take guests and do not have this one."""
        return [host for host in hosts if host != self.claims[n].host and self._open[host]]

    def move(self, n: int, hosts: Sequence[int]) -> bool:
        """To the one of these hosts that has least left of those that can, if there is one."""
        request = self.movers[n].request
        assert request is not None
        left = self._others(n, hosts)
        while left:
            (claim,) = self.fleet.schedule([request], "pack", self.options, hosts=left)
            if claim is None:
                return False
            if keeps_its_pages(self.claims[n].placement, claim.placement):
                self._leave(n, claim)
                return True
            self.fleet.release(claim)
            left.remove(claim.host)
        return False

    def _leave(self, n: int, claim: Claim) -> None:
        """The guest holds both at this moment."""
        source, mover = self.claims[n], self.movers[n]
        self.fleet.release(source)
        names = self.fleet.names
        step = Step(
            mover.name,
            names[source.host],
            names[claim.host],
            mover.memory_mb,
            claim.placement,
            n,
            source.host,
            claim.host,
            request=mover.request,
        )
        self.steps = (*self.steps, step)
        self.claims[n] = claim

    def kind(self, n: int) -> tuple[tuple[int, ...], ...]:
        """Guests of one host with the same one leave the same behind, but for which CPUs."""
        return tuple(
            (one.host_cell, len(one.cpuset), len(one.pcpuset), one.memory_mb, one.pagesize or 0)
            for one in self.claims[n].placement.cells
        )

    def state(self) -> Hashable:
        """Who holds what, of guests that ask for the same whichever: alike for ways that end
        alike."""
        return tuple(
            sorted(
                (self._asks[n], claim.host, *map(_held, claim.placement.cells))
                for n, claim in self.claims.items()
            )
        )

    def on_each(self, n: int, hosts: Sequence[int]) -> Fleet:
        """The fleet if each of these hosts had the guest, beside its own."""
        request = self.movers[n].request
        assert request is not None
        fleet = self.fleet.fork()
        for host in hosts:
            with suppress(StalePlacement):  # what it found it may not be able to take
                fleet.claim(request, host, self.options)
        return fleet

    def without(self, leaving: Collection[int]) -> Fleet:
        """The fleet if these guests left."""
        fleet = self.fleet.fork()
        fleet.release([self.claims[n] for n in leaving])
        return fleet


def _held(cell: PlacementCell) -> tuple[int, ...]:
    cpus = (*cell.pinning.values(), *cell.reserved)
    return (cell.host_cell, cell.pagesize or 0, *sorted(cpus))
