"""The smallest sets of changes that turn a no into a yes: a search from the smallest set up.

It knows nothing of hosts and guests. A ``Space`` says what a set of changes leads to, and which
steps could mend what a refusal names; the search asks for the sets in the order of their size.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

from numafit.model.placement import Placement
from numafit.model.refusal import Refusal

Key = tuple[Any, ...]
"""What is changed: a word, then what it is about."""
Changes = Mapping[Key, int]
"""Key -> by how much, in units of its own, 1 and more."""

BUDGET = 2000
"""Sets that are tried before a search ends without a proof that nothing smaller would do."""


class Space(Protocol):
    """All that may be changed of one thing (a request, a host, the guests on it)."""

    def judge(self, changes: Changes) -> Placement | Refusal | None:
        """The answer once all of these are made; ``None``: they make no sense together."""
        ...

    def steps(self, changes: Changes, refusal: Refusal) -> Iterable[tuple[Key, int]]:
        """Keys with the amounts that they would be raised to. At least one of them is in each
        set that is larger than ``changes`` and does, or in another one of its size."""
        ...

    def units(self, key: Key, amount: int) -> int:
        """How large a change is, beside others of as many parts."""
        ...

    def all_at_once(self) -> Changes:
        """A set that does where any does, or nothing, where none is known."""
        ...

    def common(self, changes: Changes) -> Changes:
        """The same for two ways to make the same changes."""
        ...

    def twins(self, changes: Changes) -> Iterable[Changes]:
        """What is common to these changes, and to those that differ in nothing that matters."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A set of changes, what it leads to, and whether no smaller one of its kind would do."""

    changes: Changes
    placement: Placement
    smallest: bool = True


def size_of(space: Space, changes: Changes) -> tuple[int, int]:
    """Parts, then units."""
    return len(changes), sum(space.units(key, amount) for key, amount in changes.items())


def smallest(space: Space, wanted: int, budget: int = BUDGET) -> tuple[list[Found], bool]:
    """Up to ``wanted`` sets by which it fits, the smallest first: each as small as it can be in
    every part, none with all parts of another; and whether the search came to its end, so that
    there is no other, or ``wanted`` of them were found."""
    found: list[Found] = []
    upward = _Upward(space)
    for tried, changes in enumerate(upward):
        if tried == budget:
            return _checked(space, found) or _hurried(space, budget), False
        answer = space.judge(changes)
        if isinstance(answer, Placement):
            found.append(Found(changes, answer))
            upward.leave_out(changes)
            if len(found) == wanted:
                break
        elif answer is not None:
            upward.go_on(changes, space.steps(changes, answer))
    return _checked(space, found), True


class _Upward:
    """Sets by their size, none twice, none with all parts of one that was left out."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._order = count()
        self._heap: list[tuple[tuple[int, int], int, Changes]] = [((0, 0), next(self._order), {})]
        self._seen: set[frozenset[tuple[Key, int]]] = {frozenset()}
        self._out: list[Changes] = []

    def __iter__(self) -> Iterator[Changes]:
        while self._heap:
            _size, _n, changes = heapq.heappop(self._heap)
            common = self._space.common(changes)
            if not any(all(common.get(k, 0) >= n for k, n in one.items()) for one in self._out):
                yield changes

    def leave_out(self, changes: Changes) -> None:
        self._out += self._space.twins(changes)

    def go_on(self, changes: Changes, steps: Iterable[tuple[Key, int]]) -> None:
        for key, amount in steps:
            larger = {**changes, key: amount}
            mark = frozenset(larger.items())
            if mark not in self._seen:
                self._seen.add(mark)
                size = size_of(self._space, larger)
                heapq.heappush(self._heap, (size, next(self._order), larger))


def _checked(space: Space, found: Iterable[Found]) -> list[Found]:
    """Each with one unit less of each part, which must not do."""
    sure = [_trimmed(space, one) for one in found]
    alone = {frozenset(one.changes.items()): one for one in sure}
    return sorted(alone.values(), key=lambda one: size_of(space, one.changes))


def less(changes: Changes, key: Key, by: int = 1) -> Changes:
    """The same with so much less of one part."""
    rest = {**changes, key: changes[key] - by}
    return {one: amount for one, amount in rest.items() if amount > 0}


def _trimmed(space: Space, one: Found) -> Found:
    """Devices are served greedily, as nova serves them: there more can be less, and what the
    search came to need not be the end."""
    again = True
    while again:
        again = False
        for key in one.changes:
            fewer = less(one.changes, key)
            answer = space.judge(fewer)
            if isinstance(answer, Placement):
                one = Found(fewer, answer, one.smallest)
                again = True
                break
    return one


def _hurried(space: Space, budget: int) -> list[Found]:
    """One set that does, as small as it can be in each part, where the search was too long."""
    state = space.all_at_once()
    for _round in range(budget):
        answer = space.judge(state)
        if isinstance(answer, Placement):
            break
        steps = [] if answer is None else list(space.steps(state, answer))
        if not steps:
            return []
        costs = [_cost(space, state, step) for step in steps]
        key, amount = steps[costs.index(min(costs))]
        state = {**state, key: amount}
    for key in list(state):
        state = _least_of(space, state, key)
    answer = space.judge(state)
    return [_trimmed(space, Found(state, answer, False))] if isinstance(answer, Placement) else []


def _cost(space: Space, state: Changes, step: tuple[Key, int]) -> tuple[bool, int]:
    key, amount = step
    return key not in state, space.units(key, amount) - space.units(key, state.get(key, 0))


def _least_of(space: Space, state: Changes, key: Key) -> Changes:
    """By halving, as if more were never less."""
    low, high = 0, state[key]
    while low < high:
        middle = (low + high) // 2
        if isinstance(space.judge(less(state, key, state[key] - middle)), Placement):
            high = middle
        else:
            low = middle + 1
    return less(state, key, state[key] - high)
