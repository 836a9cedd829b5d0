"""A fleet whose hosts have moved -> the same hosts, one after the other, as when it was built."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from numafit._header import NO_DISTANCES, REMOVED_CLASS
from numafit.columns.columns import Columns
from numafit.columns.layouts import Layouts
from numafit.columns.names import Names
from numafit.columns.ranges import Array, edges_from, from_edges, picked, rows
from numafit.columns.resources import NO_KIND, REMOVED_KIND
from numafit.columns.schema import COLUMNS
from numafit.rules.candidates import UNLIMITED

PARTS = ("cell", "pool")


def edges_of(columns: Columns, part: str) -> npt.NDArray[np.int64]:
    """Where the cells or pools of each host would begin and end if one host followed the other."""
    return edges_from(_ranges(columns, part)[1])


def in_order(columns: Columns) -> Columns:
    """The same hosts, one after the other, without void rows and without room to grow: these
    columns where they are so already. One that was removed is a host without cells whose kind says
    so."""
    known = columns.known()
    members = {
        "host_room": np.arange(columns.n_hosts),
        "layout_room": np.arange(len(columns.cpu_layouts)),
    }
    for part in PARTS:
        members[f"n_{part}s"] = rows(*_ranges(columns, part))
    counts = columns.counts()
    still = not np.any(columns.host_class[: columns.n_hosts] == REMOVED_CLASS)
    if still and all(
        np.array_equal(some, np.arange(counts[count])) for count, some in members.items()
    ):
        return columns
    arrays = {
        name: picked(getattr(columns, name), column, members) for name, column in COLUMNS.items()
    }
    for part in PARTS:
        arrays |= from_edges(part, edges_of(columns, part))
    words = arrays["layouts"]["n_words"][arrays["cell_layout"]].astype(np.int64)
    arrays["pinned"] = columns.pinned[rows(arrays["cell_mask_at"], words)]
    arrays["cell_mask_at"] = edges_from(words)[:-1].astype(COLUMNS["cell_mask_at"].dtype)
    removed = arrays["host_class"] == REMOVED_CLASS
    if removed.any():
        arrays["host_class"][removed] = len(columns.host_kinds)
        arrays["resource_limit"][:, removed] = UNLIMITED
        known["host_kinds"] = [*columns.host_kinds, REMOVED_KIND]
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


def tidy(columns: Columns) -> Columns:
    """The hosts that are there, as if they had been gathered in this order: without those that were
    removed, and numbered as they come. These columns where nothing has changed since."""
    if columns.tidy:
        return columns
    there = np.flatnonzero(columns.host_class[: columns.n_hosts] != REMOVED_CLASS)
    now = in_order(columns)
    known = now.known()
    arrays = {
        name: picked(getattr(now, name), column, {"host_room": there})
        for name, column in COLUMNS.items()
    }
    for part in PARTS:
        own = arrays[f"host_end_{part}"] - arrays[f"host_first_{part}"]
        arrays |= from_edges(part, edges_from(own))
    known["names"] = Names(columns.names[host] for host in there.tolist())
    told = columns.providers_of_hosts
    known["providers_of_hosts"] = {
        n: told[host] for n, host in enumerate(there.tolist()) if host in told
    }
    kinds, arrays["host_class"] = _as_met(arrays["host_class"])
    known["host_kinds"] = [columns.host_kinds[kind] for kind in kinds] or [NO_KIND]
    classes = dict.fromkeys(
        name for provider in known["providers_of_hosts"].values() for name in provider.inventories
    )
    rows = [columns.resource_classes[name] for name in classes]
    known["resource_classes"] = {name: n for n, name in enumerate(classes)}
    for name, column in COLUMNS.items():
        if column.axis_of("n_resources") == 0:
            arrays[name] = np.ascontiguousarray(arrays[name][rows])
    names = {number: name for name, number in columns.providers.items()}
    used, arrays["pool_provider"] = _as_met(arrays["pool_provider"], first=1)
    known["providers"] = {names[old]: n for n, old in enumerate(used, 1)}
    used, arrays["pool_class"] = _as_met(arrays["pool_class"])
    known["classes"] = [columns.classes[number] for number in used]
    used, arrays["cell_layout"] = _as_met(arrays["cell_layout"])
    layouts = Layouts([columns.cpu_layouts[number] for number in used])
    known["cpu_layouts"] = layouts.all
    arrays |= layouts.arrays()
    threads = max((one.threads for one in layouts.all), default=0)
    arrays["cell_cores"] = np.ascontiguousarray(arrays["cell_cores"][:threads])
    _renumber_distances(arrays)
    made = Columns.of(arrays, known)
    made.saved_at = columns.saved_at
    return made


def _as_met(numbers: Array, first: int = 0) -> tuple[list[int], Array]:
    """The numbers from ``first`` on in the order in which they come, and those that they have
    then: from ``first`` on. Smaller ones stay."""
    old, at = np.unique(numbers[numbers >= first], return_index=True)
    order = np.argsort(at, kind="stable")
    becomes = np.arange(int(numbers.max(initial=0)) + 1)
    becomes[old[order]] = np.arange(first, first + len(old))
    return old[order].tolist(), becomes[numbers].astype(numbers.dtype)


def _renumber_distances(arrays: dict[str, Array]) -> None:
    at = arrays["host_distance_at"]
    there = at != NO_DISTANCES
    starts, hosts, which = np.unique(at[there], return_index=True, return_inverse=True)
    cells = (arrays["host_end_cell"] - arrays["host_first_cell"])[there][hosts].astype(np.int64)
    sizes = cells * cells
    arrays["distances"] = arrays["distances"][rows(starts.astype(np.int64), sizes)]
    arrays["host_distance_at"] = at.copy()
    arrays["host_distance_at"][there] = edges_from(sizes)[:-1][which].astype(at.dtype)
