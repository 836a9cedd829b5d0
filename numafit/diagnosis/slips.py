"""Which known name does a wrong one stand for? One that is a slip away, or the one most like it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from functools import cached_property

_LONGEST = 100
"""Characters; longer names are like no known one."""
_LIKE = 0.8
"""difflib's ratio from which on a name is like another."""


class Names:
    """Known names, to find those that others are like."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(names)

    @cached_property
    def _by_rest(self) -> dict[str, list[str]]:
        """What is left of a name without one of its letters, and the name itself -> names."""
        found: dict[str, list[str]] = {}
        for name in self._names:
            for rest in _rests(name):
                found.setdefault(rest, []).append(name)
        return found

    @cached_property
    def _folded(self) -> dict[str, str]:
        return {name.casefold(): name for name in self._names}

    def slips(self, name: str) -> list[str]:
        """The names that differ by case alone, or else by one letter that was dropped, added,
        replaced or swapped with its neighbour."""
        if len(name) > _LONGEST:
            return []
        if name.casefold() in self._folded:
            return [self._folded[name.casefold()]]
        near = {one: None for rest in _rests(name) for one in self._by_rest.get(rest, ())}
        return sorted(one for one in near if _one_slip(name, one))

    def like(self, name: str) -> list[str]:
        """The name that difflib finds most like this one, if any is; takes milliseconds."""
        if len(name) > _LONGEST:
            return []
        return difflib.get_close_matches(name, self._names, n=1, cutoff=_LIKE)


def _rests(name: str) -> Iterator[str]:
    yield name
    yield from {name[:n] + name[n + 1 :] for n in range(len(name))}


def _one_slip(one: str, other: str) -> bool:
    if len(one) != len(other):
        short, long = sorted((one, other), key=len)
        return short in _rests(long)
    apart = [n for n in range(len(one)) if one[n] != other[n]]
    if len(apart) == 2:
        first, second = apart
        swapped = one[first] == other[second] and one[second] == other[first]
        return second == first + 1 and swapped
    return len(apart) == 1
