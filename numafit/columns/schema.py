"""Which columns does a fleet have? The table of numafit.h, as numpy sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit import _header
from numafit.errors import InputError

Arrays = Mapping[str, npt.NDArray[Any]]


def _layout_dtype() -> np.dtype[Any]:
    names, offsets, sizes = zip(*_header.layout_fields(), strict=True)
    return np.dtype(
        {
            "names": names,
            "formats": [f"u{size}" for size in sizes],
            "offsets": offsets,
            "itemsize": offsets[-1] + sizes[-1],
        }
    )


LAYOUT_DTYPE = _layout_dtype()
"""``struct nf_layout``, field by field."""


@dataclass(frozen=True, slots=True)
class Column:
    """One array of ``struct nf_fleet``.

    ``axes``: for each axis the count that says how long it is. ``claimed``: claims change it.
    ``derived``: the engine fills it from the others. ``number``: its type in numafit.h.
    """

    name: str
    dtype: np.dtype[Any]
    axes: tuple[str, ...]
    claimed: bool
    derived: bool
    number: int = _header.IMAGE_BYTES

    def shape(self, counts: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(counts[count] for count in self.axes)

    def axis_of(self, count: str) -> int | None:
        """The axis that has one value for each of these things, if there is one."""
        return self.axes.index(count) if count in self.axes else None

    def check(self, array: npt.NDArray[Any]) -> None:
        """Raises InputError where C could not read the array as this column."""
        if array.dtype != self.dtype:
            raise InputError(None, self.name, str(array.dtype), f"a column of {self.dtype}")
        if array.ndim != len(self.axes):
            raise InputError(None, self.name, array.shape, f"an array of {len(self.axes)} axes")
        if not array.flags.c_contiguous:
            raise InputError(None, self.name, "Fortran order", "an array in C order")


COLUMNS: Mapping[str, Column] = {
    name: Column(
        name, LAYOUT_DTYPE if kind is None else np.dtype(kind), axes, claimed, derived, number
    )
    for name, kind, axes, claimed, derived, number in _header.columns()
}
"""All of them by name, in the order of ``struct nf_fleet``."""

GIVEN: Mapping[str, Column] = {
    name: column for name, column in COLUMNS.items() if not column.derived
}
"""Those that say what the hosts are like; the rest follows from them."""


def counts_of(arrays: Arrays) -> dict[str, int]:
    """How many there are of each thing, by the shapes of columns; 0 where none tells.

    Raises InputError that names the first column whose shape does not go with most others.
    """
    votes: dict[str, Counter[int]] = {}
    for name, array in arrays.items():
        for count, length in zip(COLUMNS[name].axes, array.shape, strict=True):
            votes.setdefault(count, Counter())[length] += 1
    counts = dict.fromkeys(_header.counts(), 0)
    counts.update((count, vote.most_common(1)[0][0]) for count, vote in votes.items())
    for name, array in arrays.items():
        expected = COLUMNS[name].shape(counts)
        if array.shape != expected:
            raise InputError(None, name, array.shape, f"the shape {expected}")
    return counts
