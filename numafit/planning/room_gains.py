"""How much room for a request is won on a host when guests leave it?"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import numpy.typing as npt

from numafit.model.request import Request
from numafit.planning.moving import Moving

MOST_TOGETHER = 3
CAP = 100_000
Ints = npt.NDArray[np.int64]
Together = tuple[int, ...]


def room(moving: Moving, request: Request, hosts: Sequence[int] | None = None) -> Ints:
    """Of each host, as ``Fleet.capacity`` counts it."""
    return moving.fleet.capacity(request, moving.options, hosts, cap=CAP).astype(np.int64)


def emptied(moving: Moving, request: Request) -> Ints:
    """Room of each host, were all guests gone that can be moved."""
    fleet = moving.without(moving.claims)
    return fleet.capacity(request, moving.options, cap=CAP).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Gain:
    """Of these guests, which leave one host together."""

    guests: Together
    amount: int
    memory_mb: int

    @property
    def rank(self) -> tuple[float, int, Together]:
        return (-self.amount / len(self.guests), self.memory_mb, self.guests)


class Gains:
    """Up to date after ``look``, which asks many hosts at once: one set of guests of each."""

    def __init__(self, request: Request, until: float) -> None:
        self._request = request
        self._until = until
        self._of: dict[int, list[Gain]] = {}
        guest = request.guest
        policies = {cell.cpu_thread_policy for cell in guest.cells} if guest is not None else set()
        self.whole = policies <= {None, "prefer"}
        """No set of one or two guests was left out that may win more: it does not matter which of
        a cell's CPUs are free, and there was time."""

    def of_all(self) -> Iterator[Gain]:
        return chain.from_iterable(self._of.values())

    def best(self, host: int, together: int) -> int:
        """The most that so many guests of the host win."""
        amounts = [g.amount for g in self._of.get(host, ()) if len(g.guests) <= together]
        return max(amounts, default=0)

    def look(self, moving: Moving, hosts: Collection[int], now: Ints, most: Ints) -> None:
        """``now``: room of each host; ``most``: once it is emptied."""
        for host in hosts:
            self._of[host] = []
        there: dict[int, list[int]] = {host: [] for host in hosts if most[host] > now[host]}
        for n, claim in moving.claims.items():
            if claim.host in there:
                there[claim.host].append(n)
        for together in range(1, MOST_TOGETHER + 1):
            queues = {
                host: self._sets(moving, host, guests, together) for host, guests in there.items()
            }
            while queues:
                if time.monotonic() >= self._until:
                    self.whole = self.whole and together > 2
                    return
                asked = {}
                for host in list(queues):
                    found = next(queues[host], None)
                    if found is None:
                        del queues[host]
                    else:
                        asked[host] = found
                self._ask(moving, asked, now)

    def _sets(
        self, moving: Moving, host: int, guests: Sequence[int], together: int
    ) -> Iterator[Together]:
        """Alike ones once; of three none where fewer win something."""
        seen = set()
        kinds = {n: moving.kind(n) for n in guests}
        for found in combinations(guests, together):
            if together > 2 and self._of[host]:
                return
            kind = tuple(sorted(kinds[n] for n in found))
            if kind not in seen:
                seen.add(kind)
                yield found

    def _ask(self, moving: Moving, asked: dict[int, Together], now: Ints) -> None:
        if not asked:
            return
        fleet = moving.without([n for guests in asked.values() for n in guests])
        counts = fleet.capacity(self._request, moving.options, list(asked), cap=CAP)
        for (host, guests), count in zip(asked.items(), counts.tolist(), strict=True):
            amount = count - int(now[host])
            if amount > 0:
                memory = sum(moving.movers[n].memory_mb for n in guests)
                self._of[host].append(Gain(guests, amount, memory))
