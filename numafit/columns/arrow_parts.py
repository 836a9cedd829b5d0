"""Arrays of Arrow's -> numpy's, without a Python object for each value.

Plain types are read: whole numbers, doubles, booleans, text, lists and structs of these, which is
what Arrow libraries make of a fleet. All else raises ``Unlike``, and so do values that are missing
where there has to be one: ``from_arrow`` reads such data row by row, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]

_WHOLE = frozenset("cCsSiIlL")
_TEXT = {"u": np.int32, "U": np.int64}
_LIST = {"+l": np.int32, "+L": np.int64}
_INLINE = 12
"""Bytes of text that stand in the view itself."""
_VIEW = 16


class Unlike(Exception):
    """Data that have to be read row by row."""


class Part:
    """Values ``first`` .. ``first + n - 1`` of an array; ``schema`` says their type."""

    __slots__ = ("_first", "_schema", "_view", "n")

    def __init__(self, view: Any, schema: Any, first: int, n: int) -> None:
        if view.dictionary is not None or "ARROW:extension:name" in _keys(schema):
            raise Unlike
        self._view, self._schema = view, schema
        self._first, self.n = first + view.offset, n

    @classmethod
    def of(cls, array: Any) -> Part:
        return cls(array.view(), array.schema, 0, array.length)

    def fields(self) -> dict[str, Part]:
        """Of a struct, none of which is missing."""
        self._need("+s")
        self.need_all()
        children = list(zip(self._view.children, self._schema.children, strict=True))
        try:
            names = [schema.name for _view, schema in children]
        except UnicodeDecodeError:
            raise Unlike from None
        found = {
            name: Part(view, schema, self._first, self.n)
            for name, (view, schema) in zip(names, children, strict=True)
        }
        if len(found) != len(children):
            raise Unlike
        return found

    def valid(self) -> Bits | None:
        """Which values are there; ``None``: all."""
        # none at all: nothing but missing values; a union's first says of which type each one is
        if not self._view.n_buffers or self._schema.format.startswith("+u"):
            raise Unlike
        bits = np.asarray(self._view.buffer(0))
        return self._bits(bits) if len(bits) else None

    def need_all(self) -> None:
        valid = self.valid()
        if valid is not None and not valid.all():
            raise Unlike

    def whole(self, low: int, high: int) -> Numbers:
        """Whole numbers within bounds."""
        self.need_all()
        found = self._numbers()
        if len(found) and not low <= int(found.min()) <= int(found.max()) <= high:
            raise Unlike
        return found

    def whole_or_none(self, low: int, high: int, none: int) -> Numbers:
        """The same, with ``none`` for those that are missing."""
        valid = self.valid()
        if valid is None:
            return self.whole(low, high)
        found = np.where(valid, self._numbers(), none)
        there = found[valid]
        if len(there) and not low <= int(there.min()) <= int(there.max()) <= high:
            raise Unlike
        return found

    def reals_or_nan(self) -> npt.NDArray[np.float64]:
        """Numbers from 0 on; NaN where one is missing."""
        self._need("g")
        found = self._slice(1)
        valid = self.valid()
        there = found if valid is None else found[valid]
        if not (np.isfinite(there) & (there >= 0)).all():
            raise Unlike
        return found if valid is None else np.where(valid, found, np.nan)

    def flags(self) -> Bits:
        self._need("b")
        self.need_all()
        return self._bits(np.asarray(self._view.buffer(1)))

    def lists(self) -> tuple[Numbers, Part]:
        """The length of each list, and the values of all, one after the other."""
        offset = _LIST.get(self._schema.format)
        if offset is None:
            raise Unlike
        self.need_all()
        view, schema = self._view.child(0), self._schema.child(0)
        if not self.n:
            return np.zeros(0, np.int64), Part(view, schema, 0, 0)
        edges = self._slice(1, 1).astype(np.int64)
        lengths = np.diff(edges)
        if edges[0] < 0 or lengths.min() < 0 or edges[-1] > view.length:
            raise Unlike
        return lengths, Part(view, schema, int(edges[0]), int(edges[-1] - edges[0]))

    def texts(self) -> Iterator[bytes]:
        """Text in UTF-8, none of which is missing."""
        self.need_all()
        if not self.n:
            return iter(())
        if self._schema.format == "vu":
            return self._viewed()
        if self._schema.format not in _TEXT:
            raise Unlike
        edges = self._slice(1, 1).astype(np.int64)
        # asarray() reads the format in Python, and makes a ValueError of Ctrl-C there
        data = np.frombuffer(self._view.buffer(2), np.uint8)
        if edges[0] < 0 or np.diff(edges).min() < 0 or edges[-1] > len(data):
            raise Unlike
        first = int(edges[0])
        text = data[first : edges[-1]].tobytes()
        places = (edges - first).tolist()
        return (text[a:b] for a, b in pairwise(places))

    def _viewed(self) -> Iterator[bytes]:
        views = self._slice(1)
        # bytes of text, its first four, and where it stands: in which buffer, from where on
        sizes, _starts, buffers, places = (
            column.tolist() for column in views.view(np.int32).reshape(-1, 4).T
        )
        raw = views.tobytes()
        # the last buffer holds the lengths of those before it
        pieces = [
            np.asarray(self._view.buffer(n)).tobytes() for n in range(2, self._view.n_buffers - 1)
        ]
        return (
            raw[_VIEW * n + 4 : _VIEW * n + 4 + size]
            if size <= _INLINE
            else pieces[piece][at : at + size]
            for n, size, piece, at in zip(range(self.n), sizes, buffers, places, strict=True)
        )

    def _need(self, wanted: str) -> None:
        if self._schema.format != wanted:
            raise Unlike

    def _numbers(self) -> Numbers:
        if self._schema.format not in _WHOLE:
            raise Unlike
        found = self._slice(1)
        if found.dtype == np.uint64 and len(found) and int(found.max()) > np.iinfo(np.int64).max:
            raise Unlike
        return found.astype(np.int64)

    def _slice(self, buffer: int, beyond: int = 0) -> npt.NDArray[Any]:
        found = np.asarray(self._view.buffer(buffer))[self._first : self._first + self.n + beyond]
        if len(found) != self.n + beyond:
            raise Unlike
        return found

    def _bits(self, packed: npt.NDArray[np.uint8]) -> Bits:
        start = self._first // 8
        count = self._first % 8 + self.n
        found = np.unpackbits(packed[start : start + (count + 7) // 8], bitorder="little")
        return found[self._first % 8 : count].astype(bool)


def _keys(schema: Any) -> set[str]:
    """Of the metadata of a type."""
    found = schema.metadata
    return set() if found is None else {bytes(key).decode("utf-8", "replace") for key in found}
