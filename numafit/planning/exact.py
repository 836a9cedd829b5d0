"""Is there a way by fewer moves? All of them are tried, by one, by two, ..., where the case is
small."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence

from numafit.planning.moving import Moving

NEVER = 1 << 30
SMALL = 4000
"""Guests times hosts up to which all moves are tried."""
Need = Callable[[Moving], int]
"""Moves that are needed yet, at least; 0: none, NEVER: no number of them does."""
Go = Callable[[Moving, int, Sequence[int]], bool]
"""Moves a guest to one of these hosts, as ``Moving.move`` does."""


class Exact:
    """``bound``: no fewer moves do. ``never``: no number of them does. Both are proven, but where
    guests leave devices behind, of which nothing is known then: ``sure``."""

    def __init__(
        self,
        base: Moving,
        need: Need,
        until: float,
        go: Go = Moving.move,
        hosts: Sequence[int] | None = None,
    ) -> None:
        """``hosts``: those that guests may go to, ``None``: all."""
        self._base, self._need, self._until, self._go = base, need, until, go
        self._hosts = range(len(base.fleet)) if hosts is None else hosts
        self._tried: dict[Hashable, int] = {}
        self._cut: set[Hashable] = set()
        self.sure = not base.leaves_devices
        self.bound = 0
        self.never = False
        self.ended = False
        """All was tried that was to be."""

    @staticmethod
    def small(base: Moving) -> bool:
        return len(base.claims) * len(base.fleet) <= SMALL

    def run(self, most: int, least: int = 0) -> Moving | None:
        """The first way that has fewest moves, of ``least`` to ``most``; ``None``: none was
        found."""
        self.bound = max(least, self._need(self._base))
        while self.bound <= most and self.bound < NEVER:
            self._tried, self._cut = {}, set()
            found = self._try(self._base, self.bound)
            if found is not None:
                self.ended = True
                return found
            if time.monotonic() >= self._until:
                return None
            if self._cut <= self._tried.keys():
                # more moves lead nowhere else
                self.never = self.ended = True
                return None
            self.bound += 1
        self.never = self.bound >= NEVER
        self.ended = True
        return None

    def _try(self, moving: Moving, left: int) -> Moving | None:
        need = self._need(moving)
        if not need:
            return moving
        if need >= NEVER or time.monotonic() >= self._until:
            return None
        state = moving.state()
        if need > left:
            self._cut.add(state)
            return None
        if self._tried.get(state, 0) >= left:
            return None
        self._tried[state] = left
        for n in moving.claims:
            for host in moving.takers(n, self._hosts):
                child = moving.fork()
                if self._go(child, n, [host]):
                    found = self._try(child, left - 1)
                    if found is not None:
                        return found
        return None
