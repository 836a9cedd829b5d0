"""Where each host's cells and pools stand in their columns.

In memory they are ranges that may lie anywhere, with void rows between them; in a file, and where
hosts are gathered, one host follows the other, and edges say where each begins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from numafit.columns.schema import COLUMNS, Column

Array = npt.NDArray[Any]


def from_edges(part: str, edges: Array) -> dict[str, Array]:
    """The columns that say where cells or pools stand (``part``: ``"cell"`` or ``"pool"``).
    ``edges``: one more than there are hosts."""
    first, end = edges[:-1], edges[1:]
    owner = np.repeat(np.arange(len(first)), end.astype(np.int64) - first)
    found = {f"host_first_{part}": first, f"host_end_{part}": end, f"{part}_host": owner}
    return {name: values.astype(COLUMNS[name].dtype) for name, values in found.items()}


def edges_from(counts: Array) -> npt.NDArray[np.int64]:
    """0, and where each of so many things ends."""
    return np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))


def rows(starts: Array, counts: Array) -> npt.NDArray[np.int64]:
    """start, start + 1 ... of each range, one after the other."""
    ends = np.cumsum(counts, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    within: npt.NDArray[np.int64] = np.arange(total, dtype=np.int64)
    within += np.repeat(np.asarray(starts, np.int64) - (ends - counts), counts)
    return within


def picked(array: Array, column: Column, members: dict[str, Array]) -> Array:
    """Values of these members: by the count that they are members of, such as ``n_cells``, their
    indices. Columns of anything else stay as they are."""
    for count, indices in members.items():
        axis = column.axis_of(count)
        if axis is not None:
            return np.ascontiguousarray(np.take(array, indices, axis))
    return array
