"""Each cell as a host of its own: how much fits on it, whatever the rest of its host is like."""

from __future__ import annotations

from array import array

import numpy as np

from numafit._header import NO_DISTANCES
from numafit.columns.columns import Columns
from numafit.columns.in_order import edges_of, in_order
from numafit.columns.names import Names
from numafit.columns.ranges import from_edges, picked
from numafit.columns.schema import GIVEN
from numafit.rules.candidates import kind_with


def apart(columns: Columns) -> Columns:
    """A host for each cell, in the order of the hosts and of the cells of each: with the allocation
    ratios of its host, and without devices, inventories, distances and a name."""
    columns = in_order(columns)
    cells = np.arange(columns.n_cells)
    edges = edges_of(columns, "cell")
    members = {
        "host_room": np.repeat(np.arange(columns.n_hosts), edges[1:] - edges[:-1]),
        "n_pools": cells[:0],
        "n_resources": cells[:0],
        "n_distances": cells[:0],
    }
    arrays = {name: picked(array, GIVEN[name], members) for name, array in columns.given().items()}
    # an array of units has both axes: classes, of which there are none, and hosts
    for name in ("resource_limit", "resource_used"):
        arrays[name] = np.zeros((0, len(cells)), GIVEN[name].dtype)
    arrays["host_class"] = np.zeros_like(arrays["host_class"])
    arrays["host_distance_at"] = np.full_like(arrays["host_distance_at"], NO_DISTANCES)
    arrays["cell_devices"] = np.zeros_like(arrays["cell_devices"])
    arrays |= from_edges("cell", np.arange(len(cells) + 1))
    arrays |= from_edges("pool", np.zeros(len(cells) + 1, np.int64))
    known = {
        **columns.known(),
        "names": Names.of(b"", array("Q", bytes(8 * (len(cells) + 1)))),
        "classes": [],
        "providers": {},
        "pools": [],
        "devices_taken": {},
        "resource_classes": {},
        "providers_of_hosts": {},
        "host_kinds": [kind_with(None, None, "")],
    }
    return Columns.of(arrays, known)
