"""Some hosts of a fleet, in any order and as often as one likes -> columns of their own."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

from numafit._header import NO_DISTANCES
from numafit.columns.columns import Columns
from numafit.columns.names import Names
from numafit.columns.ranges import Array, edges_from, from_edges, picked, rows
from numafit.columns.schema import COLUMNS

PARTS = ("cell", "pool")


def selected(columns: Columns, hosts: Array) -> Columns:
    """The hosts of these indices, none of them removed, with their usage, one after the other. What
    nobody of them has is left out, so that it is as if they had been gathered alone."""
    hosts = hosts.astype(np.int64)
    members = {"host_room": hosts, "layout_room": np.arange(len(columns.cpu_layouts))}
    edges = {}
    for part in PARTS:
        first, end = getattr(columns, f"host_first_{part}"), getattr(columns, f"host_end_{part}")
        counts = end[hosts].astype(np.int64) - first[hosts]
        members[f"n_{part}s"], edges[part] = rows(first[hosts], counts), edges_from(counts)
    arrays = {
        name: picked(getattr(columns, name), column, members) for name, column in COLUMNS.items()
    }
    for part in PARTS:
        arrays |= from_edges(part, edges[part])
    words = arrays["layouts"]["n_words"][arrays["cell_layout"]].astype(np.int64)
    arrays["pinned"] = columns.pinned[rows(arrays["cell_mask_at"], words)]
    arrays["cell_mask_at"] = edges_from(words)[:-1].astype(COLUMNS["cell_mask_at"].dtype)
    arrays |= _distances(columns.distances, arrays["host_distance_at"], np.diff(edges["cell"]))
    classes = _classes(columns, hosts)
    kinds, arrays["host_class"] = _in_use(arrays["host_class"])
    # 0: unknown, whether or not a pool's is
    numbers, places = _in_use(np.insert(arrays["pool_provider"], 0, 0))
    arrays["pool_provider"] = places[1:]
    which = [columns.resource_classes[name] for name in classes]
    for name, column in COLUMNS.items():
        if "n_resources" in column.axes:
            arrays[name] = picked(getattr(columns, name)[which], column, {"host_room": hosts})
    uuids = {number: name for name, number in columns.providers.items()}
    known: Mapping[str, Any] = {
        **columns.known(),
        "names": _names(columns.names, hosts),
        "resource_classes": {name: n for n, name in enumerate(classes)},
        "host_kinds": [columns.host_kinds[kind] for kind in kinds.tolist()] or columns.host_kinds,
        "providers": {uuids[n]: new for new, n in enumerate(numbers.tolist()) if n},
        "pools": [columns.pools[pool] for pool in members["n_pools"].tolist()],
        "devices_taken": {
            new: columns.devices_taken[old]
            for new, old in enumerate(members["n_pools"].tolist())
            if old in columns.devices_taken
        },
        "providers_of_hosts": {
            new: columns.providers_of_hosts[old]
            for new, old in enumerate(hosts.tolist())
            if old in columns.providers_of_hosts
        },
    }
    return Columns.of(arrays, known)


def _in_use(numbers: Array) -> tuple[Array, Array]:
    """Those that occur, in the order in which they do, and all of them as places among these."""
    found, first, place = np.unique(numbers, return_index=True, return_inverse=True)
    order = np.argsort(first)
    new = np.empty(len(found), numbers.dtype)
    new[order] = np.arange(len(found))
    return found[order], new[place.reshape(-1)]


def _distances(matrices: Array, at: Array, cells: Array) -> dict[str, Array]:
    """The matrices that the hosts have, each once."""
    known = np.flatnonzero(at != NO_DISTANCES)
    found, places = _in_use(at[known])
    sizes = np.zeros(len(found), np.int64)
    sizes[places.astype(np.int64)] = cells[known] ** 2
    new = at.copy()
    new[known] = edges_from(sizes)[places.astype(np.int64)]
    return {"host_distance_at": new, "distances": matrices[rows(found, sizes)]}


def _classes(columns: Columns, hosts: Array) -> list[str]:
    """Resource classes, as they are met."""
    found: dict[str, None] = {}
    for host in hosts.tolist() if columns.providers_of_hosts else ():
        provider = columns.providers_of_hosts.get(host)
        if provider is not None:
            found.update(dict.fromkeys(provider.inventories))
    return list(found)


def _names(names: Names, hosts: Array) -> Names:
    text, ends = names.parts()
    lengths = np.diff(ends).astype(np.int64)[hosts]
    chosen = np.frombuffer(text, np.uint8)[rows(ends[:-1][hosts], lengths)]
    new = edges_from(lengths).astype(np.uint64)
    return Names.of(chosen.tobytes(), array("Q", new.tobytes()))
