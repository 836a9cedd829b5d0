"""A fleet whose hosts have moved -> the same hosts, one after the other, as when it was built."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from numafit.columns.columns import Columns
from numafit.columns.ranges import Array, edges_from, from_edges, picked, rows
from numafit.columns.schema import COLUMNS

PARTS = ("cell", "pool")


def edges_of(columns: Columns, part: str) -> npt.NDArray[np.int64]:
    """Where the cells or pools of each host would begin and end if one host followed the other."""
    return edges_from(_ranges(columns, part)[1])


def in_order(columns: Columns) -> Columns:
    """The same hosts, one after the other, without void rows and without room to grow: these
    columns where they are so already."""
    known = columns.known()
    members = {
        "host_room": np.arange(columns.n_hosts),
        "layout_room": np.arange(len(columns.cpu_layouts)),
    }
    for part in PARTS:
        members[f"n_{part}s"] = rows(*_ranges(columns, part))
    counts = columns.counts()
    if all(np.array_equal(some, np.arange(counts[count])) for count, some in members.items()):
        return columns
    arrays = {
        name: picked(getattr(columns, name), column, members) for name, column in COLUMNS.items()
    }
    for part in PARTS:
        arrays |= from_edges(part, edges_of(columns, part))
    words = arrays["layouts"]["n_words"][arrays["cell_layout"]].astype(np.int64)
    arrays["pinned"] = columns.pinned[rows(arrays["cell_mask_at"], words)]
    arrays["cell_mask_at"] = edges_from(words)[:-1].astype(COLUMNS["cell_mask_at"].dtype)
    new = {old: n for n, old in enumerate(members["n_pools"].tolist())}
    known["pools"] = [columns.pools[pool] for pool in new]
    known["devices_taken"] = {
        new[pool]: taken for pool, taken in columns.devices_taken.items() if pool in new
    }
    return Columns.of(arrays, known)


def _ranges(columns: Columns, part: str) -> tuple[Array, Array]:
    """The first row of each host, and how many it has."""
    first, end = getattr(columns, f"host_first_{part}"), getattr(columns, f"host_end_{part}")
    return first[: columns.n_hosts], (end - first)[: columns.n_hosts].astype(np.int64)
