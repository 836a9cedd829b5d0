"""Where the columns of a large fleet lie: in one block (a slab), so that a fork copies little."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import IMAGE_ALIGNED, IMAGE_HEAD
from numafit._slab import Slab
from numafit.columns.schema import COLUMNS

FROM = 1 << 20
"""Bytes of columns from which on a slab pays: a page is the least that is copied of it."""


def aligned(n: int) -> int:
    return -(-n // IMAGE_ALIGNED) * IMAGE_ALIGNED


def sizes(counts: Mapping[str, int]) -> dict[str, int]:
    """Bytes of each column."""
    return {
        name: column.dtype.itemsize * math.prod(column.shape(counts))
        for name, column in COLUMNS.items()
    }


def slab_for(counts: Mapping[str, int]) -> Slab | None:
    """Room for all columns; ``None`` for few hosts, or where the system has no file to map."""
    total = sum(map(aligned, sizes(counts).values()))
    if total < FROM:
        return None
    try:
        return Slab.new(IMAGE_HEAD + total)
    except OSError:  # too many open files, or none allowed: the columns stand alone
        return None


def places(slab: Slab, counts: Mapping[str, int]) -> Iterator[npt.NDArray[Any]]:
    """The arrays in a slab of ``slab_for``, in the order of ``COLUMNS``."""
    at, memory = IMAGE_HEAD, memoryview(slab)
    for column in COLUMNS.values():
        shape = column.shape(counts)
        n = math.prod(shape)
        yield np.frombuffer(memory, column.dtype, n, at).reshape(shape)
        at += aligned(n * column.dtype.itemsize)
