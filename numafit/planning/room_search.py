"""A search for moves that win room: greedily by what each wins, in a small case by trying all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush, nsmallest

import numpy as np

from numafit.model.request import Request
from numafit.planning.exact import NEVER, Exact
from numafit.planning.moving import Moving
from numafit.planning.room_bound import least_moves
from numafit.planning.room_gains import CAP, Gain, Gains, Ints, Together, room


class Search:
    """``wanted``: room in all that ends it, ``None``: as much as there can be; ``limit``: moves;
    ``most``: room of each host once it is empty. ``bound``: no fewer moves reach the goal,
    ``None``: none do. ``proven``: what was found is the best there is."""

    def __init__(
        self,
        base: Moving,
        request: Request,
        wanted: int | None,
        limit: int,
        most: Ints,
        until: float,
    ) -> None:
        self._base, self._request = base, request
        self._all = wanted is None
        self._goal = int(most.sum()) if wanted is None else wanted
        self._limit, self._most, self._until = limit, most, until
        self._best = base
        self._orderly = True
        self._lost: dict[Request, dict[int, int | None]] = {}
        self.bound: int | None = 0
        self.proven = False

    def room(self, moving: Moving) -> int:
        return int(self._rooms(moving).sum())

    def _rooms(self, moving: Moving) -> Ints:
        return room(moving, self._request)

    def run(self, orderly: bool) -> Moving:
        """``orderly``: no host loses room when a guest leaves it, so that counting bounds it."""
        base, now = self._base, self._rooms(self._base)
        wanted = self._goal - int(now.sum())
        if wanted <= 0:
            self.proven = True
            return base
        gains = Gains(self._request, self._until)
        gains.look(base, range(len(base.fleet)), now, self._most)
        self._orderly = orderly
        self.bound = 1
        if orderly:
            self.bound = least_moves(base, self._request, gains, now, self._most, wanted)
        best = self._greedy(gains)
        if self.bound is None:
            self.proven = True
            return best
        reached = self.room(best) >= self._goal
        if reached and self.bound is not None and len(best.steps) <= self.bound:
            self.proven = True
        elif Exact.small(base):
            best = self._fewer(best, reached)
        return best

    def _greedy(self, gains: Gains) -> Moving:
        best, now = self._base, self._rooms(self._base)
        hopeless: set[Together] = set()
        while (missing := self._goal - int(now.sum())) > 0:
            spare = self._limit - len(best.steps)
            found, won = None, 0.0
            for gain, rate in self._promising(best, gains, missing):
                if rate <= won or time.monotonic() >= self._until:
                    break
                if len(gain.guests) > spare or gain.guests in hopeless:
                    continue
                attempt = self._away(best, gain, gains)
                more = 0 if attempt is None else min(self.room(attempt) - int(now.sum()), missing)
                if more <= 0:
                    hopeless.add(gain.guests)
                elif more / len(gain.guests) > won:
                    found, won = attempt, more / len(gain.guests)
            if found is None:
                return best
            new = found.steps[len(best.steps) :]
            touched = {host for step in new for host in (step.source_host, step.target_host)}
            self._forget(touched)
            best, now = found, self._rooms(found)
            gains.look(best, touched, now, self._most)
        return best

    def _promising(
        self, moving: Moving, gains: Gains, missing: int
    ) -> Iterator[tuple[Gain, float]]:
        """What each wins by a move, at best and no more than is missing; most first. Losses are
        asked for where they matter."""
        waiting = [(one.rank, False, one) for one in gains.of_all()]
        heapify(waiting)
        least: dict[Request, list[tuple[int, int]]] = {}
        while waiting:
            rank, judged, gain = heappop(waiting)
            if judged:
                yield gain, -rank[0]
                continue
            net: int | None = gain.amount
            for n in gain.guests:
                request = moving.movers[n].request
                assert request is not None
                if request not in least:
                    losses = self._losses(moving, n, set())
                    least[request] = nsmallest(2, ((loss, host) for host, loss in losses.items()))
                source = moving.claims[n].host
                loss = min((one[0] for one in least[request] if one[1] != source), default=None)
                net = None if net is None or loss is None else net - loss
            if net is not None and net > 0:
                rate = min(net, missing) / len(gain.guests)
                heappush(waiting, ((-rate, *rank[1:]), True, gain))

    def _away(self, moving: Moving, gain: Gain, gains: Gains) -> Moving | None:
        """Each to a host that loses least room, of those to one where moves win least, with least
        left; ``None``: nothing is won."""
        attempt = moving.fork()
        largest = sorted(gain.guests, key=lambda n: (-attempt.movers[n].memory_mb, n))
        changed: set[int] = set()
        for n in largest:
            losses = self._losses(attempt, n, changed)
            costs = {host: (loss, gains.best(host, 1)) for host, loss in losses.items()}
            least = min(costs.values(), default=None)
            if least is None or least[0] >= gain.amount:
                return None
            if not self._step(attempt, n, [host for host in costs if costs[host] == least]):
                return None
            changed |= {attempt.steps[-1].source_host, attempt.steps[-1].target_host}
        return attempt

    def _losses(self, attempt: Moving, n: int, changed: set[int]) -> dict[int, int]:
        """Of each host that takes the guest: room that is lost by that. ``changed``: hosts that are
        not as they were when it was asked last."""
        request = attempt.movers[n].request
        assert request is not None
        known = self._lost.setdefault(request, {})
        asked = [host for host in range(len(attempt.fleet)) if host in changed or host not in known]
        found: dict[int, int | None] = dict.fromkeys(asked)
        takers = attempt.takers(n, asked)
        if takers:
            before = room(attempt, self._request, takers)
            tried = attempt.on_each(n, takers)
            after = tried.capacity(self._request, attempt.options, takers, cap=CAP).astype(np.int64)
            found.update(zip(takers, (before - after).tolist(), strict=True))
        source = attempt.claims[n].host
        found.pop(source, None)
        known.update((host, loss) for host, loss in found.items() if host not in changed)
        both = known | found
        return {host: loss for host, loss in both.items() if loss is not None and host != source}

    def _forget(self, hosts: set[int]) -> None:
        for known in self._lost.values():
            for host in hosts:
                known.pop(host, None)

    def _step(self, moving: Moving, n: int, hosts: Sequence[int]) -> bool:
        before = self.room(moving)
        if not moving.move(n, hosts):
            return False
        *others, last = moving.steps
        moving.steps = (*others, replace(last, gain=self.room(moving) - before))
        return True

    def _fewer(self, best: Moving, reached: bool) -> Moving:
        """All moves are tried. Where the goal is not reached within the limit, the way with most
        room, of those the shortest."""
        self._best = best
        exact = Exact(self._base, self._need, self._until, self._step)
        last = len(best.steps) - 1 if reached else self._limit
        found = exact.run(last, 1 if self._all else self.bound or 1)
        self.proven = exact.ended and exact.sure
        if exact.sure and self.bound is not None:
            self.bound = None if exact.never else exact.bound
        return found or self._best

    def _need(self, moving: Moving) -> int:
        now = self._rooms(moving)
        total = int(now.sum())
        if total >= self._goal:
            return 0
        best = self.room(self._best)
        if (total, -len(moving.steps)) > (best, -len(self._best.steps)):
            self._best, best = moving, total
        if not self._all:
            return self._least(now, self._goal - total)
        # as much room by fewer moves is better, too
        alike = self._least(now, best - total)
        if total < best and len(moving.steps) + alike < len(self._best.steps):
            return alike
        return self._least(now, best + 1 - total)

    def _least(self, now: Ints, missing: int) -> int:
        """So many moves empty so many hosts at most. Where that is no bound: one."""
        if not self._orderly:
            return 1
        chances = np.sort(self._most - now)[::-1]
        reach = np.cumsum(chances[chances > 0])
        least = int(np.searchsorted(reach, missing)) + 1
        return least if least <= len(reach) else NEVER
