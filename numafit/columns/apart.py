"""Each cell as a host of its own: how much fits on it, whatever the rest of its host is like."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt

from numafit._header import NO_DISTANCES
from numafit.columns.columns import Columns
from numafit.columns.names import Names
from numafit.columns.resources import NOTHING_KNOWN
from numafit.columns.schema import COLUMNS, GIVEN


def apart(columns: Columns) -> Columns:
    """Host n of the answer is cell n of ``columns``, with the allocation ratios of its host, and
    without devices, inventories, distances and a name."""
    edges = columns.host_first_cell.astype(np.int64)
    sizes: npt.NDArray[np.int64] = edges[1:] - edges[:-1]
    host_of = np.repeat(np.arange(columns.n_hosts), sizes)
    n_cells = columns.n_cells
    arrays = {}
    for name, given in columns.given().items():
        axis = GIVEN[name].axis_of("n_hosts")
        picked = given if axis is None else np.take(given, host_of, axis)
        arrays[name] = np.ascontiguousarray(picked)
    empty = {
        "resource_limit": (0, n_cells),
        "resource_used": (0, n_cells),
        "host_class": (n_cells,),
        "host_first_pool": (n_cells + 1,),
        "cell_devices": (n_cells,),
        "host_distance_at": (n_cells,),
        "distances": (0,),
    }
    for name, column in GIVEN.items():
        if name in empty:
            arrays[name] = np.zeros(empty[name], column.dtype)
        elif column.axis_of("n_pools") is not None:
            arrays[name] = np.zeros(0, column.dtype)
    arrays["host_distance_at"][:] = NO_DISTANCES
    arrays["host_first_cell"] = np.arange(n_cells + 1, dtype=COLUMNS["host_first_cell"].dtype)
    known = {
        **columns.known(),
        "names": Names.of(b"", array("Q", bytes(8 * (n_cells + 1)))),
        "classes": [],
        "providers": {},
        "pools": [],
        "devices_taken": {},
        "resource_classes": {},
        "providers_of_hosts": {},
        "host_kinds": [NOTHING_KNOWN],
    }
    return Columns.of(arrays, known)
