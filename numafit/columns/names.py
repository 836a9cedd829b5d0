"""Names of hosts: one block of text, for a list of a million strings takes 60 MB."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise, repeat
from typing import Any, overload

import numpy as np
import numpy.typing as npt

_PRIME = 2860486313  # no power of 256 is near it: letters of unlike places weigh unlike
_SPREAD = 0x9E3779B97F4A7C15
"""Odd, its bits as if by chance: the upper half of a product with it spreads similar names."""
_STEP = 1 << 16
"""Names that are hashed at a time."""


class Names(Sequence[str]):
    """A sequence of names. The block of text only grows, while the fleet is built; what changes
    later stands beside it, so that copies share the block and what finds names in it."""

    __slots__ = ("_ends", "_late_places", "_length", "_table", "_text", "late")

    late: dict[int, str]
    """Names that were put since the fleet was built, by their places."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._text = bytearray()
        self._ends = array("Q", [0])
        self.late = {}
        self._late_places: dict[str, dict[int, None]] = {}
        self._length = 0
        self._table: _Table | None = None
        for name in names:
            self.append(name)

    @classmethod
    def of(cls, text: bytes | bytearray, ends: array[int]) -> Names:
        """From what ``parts`` gave."""
        names = cls()
        names._text, names._ends = bytearray(text), ends
        names._length = len(ends) - 1
        return names

    def parts(self) -> tuple[bytes, npt.NDArray[np.uint64]]:
        """All names as one UTF-8 text, and where each ends in it, 0 before the first."""
        whole = Names(self) if self.late else self
        return bytes(whole._text), np.array(whole._ends, np.uint64)

    def __copy__(self) -> Names:
        """One that changes for itself; the work does not grow with the block of text."""
        names = Names()
        names._text, names._ends, names._table = self._text, self._ends, self._table
        names._length, names.late = self._length, dict(self.late)
        names._late_places = {name: dict(places) for name, places in self._late_places.items()}
        return names

    def append(self, name: str) -> None:
        """While the fleet is built."""
        self._text += _bytes(name)
        self._ends.append(len(self._text))
        self._length += 1

    def put(self, n: int, name: str) -> None:
        """The n-th name is this from now on; the one behind the last is added. Where Ctrl-C ends
        it, it can be called again."""
        if n < len(self) and self[n] == name:
            return
        old = self.late.get(n)
        places = {} if old is None else self._late_places.get(old, {})
        places.pop(n, None)
        if old is not None and not places:
            self._late_places.pop(old, None)
        self._late_places.setdefault(name, {})[n] = None
        self.late[n] = name
        self._length = max(self._length, n + 1)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, n: int) -> str: ...
    @overload
    def __getitem__(self, n: slice) -> list[str]: ...
    def __getitem__(self, n: int | slice) -> str | list[str]:
        if isinstance(n, slice):
            return [self[i] for i in range(*n.indices(len(self)))]
        if n < 0:
            n += self._length
        late = self.late.get(n)
        if late is not None:
            return late
        if not 0 <= n < self._length:
            raise IndexError(n)
        return self.built(n)

    def built(self, n: int) -> str:
        """The n-th name as the fleet was built with it, which no change alters."""
        return self._text[self._ends[n] : self._ends[n + 1]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        text, late = bytes(self._text), self.late
        built = (
            text[first:end].decode("utf-8", "surrogatepass")
            for first, end in pairwise(tuple(self._ends))
        )
        if not late:
            return built
        whole = chain(built, repeat("", self._length - (len(self._ends) - 1)))
        return (late.get(n, name) for n, name in enumerate(whole))

    def index(self, name: str, start: int = 0, stop: int | None = None) -> int:
        """As of any sequence, and in a time that does not grow with it, once the first name was
        looked for."""
        if not isinstance(name, str) or not name or start or stop is not None:
            return super().index(name, start, len(self) if stop is None else stop)
        if self._table is None:
            self._table = _Table(self._text, self._ends)
        wanted, text, ends, late = _bytes(name), self._text, self._ends, self.late
        places = [
            n
            for n in self._table.near(wanted)
            if text[ends[n] : ends[n + 1]] == wanted and n not in late
        ]
        places += self._late_places.get(name, ())
        if not places:
            raise ValueError(f"{name!r} is not in the names")
        return min(places)

    @property
    def nbytes(self) -> int:
        return len(self._text) + self._ends.itemsize * len(self._ends)


class _Table:
    """Names by a hash: their bytes as one number, modulo a prime."""

    __slots__ = ("_first", "_order")

    def __init__(self, text: bytearray, ends: array[int]) -> None:
        n = len(ends) - 1
        hashes = np.concatenate([np.zeros(0, np.uint64), *_hashes(text, ends)])
        buckets = (hashes * np.uint64(_SPREAD) >> np.uint64(32)) % np.uint64(max(n, 1))
        self._order = np.argsort(buckets, kind="stable").astype(np.uint32)
        self._first = np.zeros(max(n, 1) + 1, np.uint32)
        np.cumsum(np.bincount(buckets.astype(np.int64), minlength=max(n, 1)), out=self._first[1:])

    def near(self, name: bytes) -> list[int]:
        """Indices among which are those of the name, ascending."""
        spread = int.from_bytes(name, "little") % _PRIME * _SPREAD & (1 << 64) - 1
        bucket = (spread >> 32) % (len(self._first) - 1)
        found: list[int] = self._order[self._first[bucket] : self._first[bucket + 1]].tolist()
        return found


def _hashes(text: bytearray, ends: array[int]) -> Iterator[npt.NDArray[np.uint64]]:
    edges = np.frombuffer(ends, np.uint64).astype(np.int64)
    widest = int(np.diff(edges).max(initial=0))
    powers = np.empty(widest + 1, np.uint64)
    power = 1
    for place in range(widest + 1):
        powers[place] = power
        power = power * 256 % _PRIME
    letters = np.frombuffer(text, np.uint8)
    for first in range(0, len(edges) - 1, _STEP):
        own: npt.NDArray[Any] = edges[first : first + _STEP + 1]
        lengths = np.diff(own)
        place = np.arange(own[0], own[-1]) - np.repeat(own[:-1], lengths)
        sums = np.zeros(own[-1] - own[0] + 1, np.uint64)
        np.cumsum(letters[own[0] : own[-1]] * powers[place], out=sums[1:])
        yield (sums[own[1:] - own[0]] - sums[own[:-1] - own[0]]) % np.uint64(_PRIME)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
