"""Names of hosts: one block of text, for a list of a million strings takes 60 MB."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import overload

import numpy as np
import numpy.typing as npt


class Names(Sequence[str]):
    """A sequence of names that can only grow."""

    __slots__ = ("_ends", "_text")

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._text = bytearray()
        self._ends = array("Q", [0])
        for name in names:
            self.append(name)

    @classmethod
    def of(cls, text: bytes | bytearray, ends: array[int]) -> Names:
        """From what ``parts`` gave."""
        names = cls()
        names._text, names._ends = bytearray(text), ends
        return names

    def __copy__(self) -> Names:
        return Names.of(self._text, self._ends[:])

    def parts(self) -> tuple[bytes, npt.NDArray[np.uint64]]:
        """All names as one UTF-8 text, and where each ends in it, 0 before the first."""
        return bytes(self._text), np.array(self._ends, np.uint64)

    def append(self, name: str) -> None:
        self._text += name.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._text))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, n: int) -> str: ...
    @overload
    def __getitem__(self, n: slice) -> list[str]: ...
    def __getitem__(self, n: int | slice) -> str | list[str]:
        if isinstance(n, slice):
            return [self[i] for i in range(*n.indices(len(self)))]
        if n < 0:
            n += len(self)
        if not 0 <= n < len(self):
            raise IndexError(n)
        return self._text[self._ends[n] : self._ends[n + 1]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        text = bytes(self._text)
        return (
            text[first:end].decode("utf-8", "surrogatepass")
            for first, end in pairwise(tuple(self._ends))
        )

    def index(self, name: str, start: int = 0, stop: int | None = None) -> int:
        """As of any sequence; looks through the text, not through a million strings."""
        if not isinstance(name, str) or not name or start or stop is not None:
            return super().index(name, start, len(self) if stop is None else stop)
        wanted = name.encode("utf-8", "surrogatepass")
        at = self._text.find(wanted)
        while at >= 0:
            n = bisect_right(self._ends, at) - 1
            if self._ends[n] == at and self._ends[n + 1] == at + len(wanted):
                return n
            at = self._text.find(wanted, at + 1)
        raise ValueError(f"{name!r} is not in the names")

    @property
    def nbytes(self) -> int:
        return len(self._text) + self._ends.itemsize * len(self._ends)
