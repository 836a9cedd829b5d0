"""Columns with room for more: the same hosts in arrays of other shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import NO_HOST
from numafit.columns.columns import Columns
from numafit.columns.gather import Gatherer
from numafit.columns.schema import COLUMNS
from numafit.columns.slabs import places, slab_for
from numafit.rules.candidates import UNLIMITED

Array = npt.NDArray[Any]

_VOID = {
    "cell_host": NO_HOST,
    "pool_host": NO_HOST,
    # of resource classes that no host had: nothing ends there
    "resource_limit": UNLIMITED,
    "resource_room": np.iinfo(COLUMNS["resource_room"].dtype).max,
    "resource_few": np.iinfo(COLUMNS["resource_few"].dtype).max,
}
"""What stands where nothing stood; 0 in other columns."""


def grown(
    columns: Columns,
    counts: Mapping[str, int],
    tables: Gatherer,
    page_kib: list[int],
    tail_cell: int,
) -> tuple[dict[str, Any], list[int]]:
    """Attributes of the columns with arrays for these ``counts`` and page sizes; those that claims
    change are as long and empty. And where each page size of before stands from now on.
    ``tail_cell``: the first row of cells that no host has ever had."""
    page_rows = [page_kib.index(size) for size in columns.page_kib.tolist()]
    made: dict[str, Any] = dict(_tables(tables, counts["layout_room"]))
    made["page_kib"] = np.array(page_kib, COLUMNS["page_kib"].dtype)
    old = {name: getattr(columns, name) for name in COLUMNS if name not in made}
    moved = page_rows != list(range(len(page_rows))) or any(
        array.shape != COLUMNS[name].shape(counts) for name, array in old.items()
    )
    made |= {"_counts": counts, "n_cells": counts["n_cells"]}
    if not moved:
        return made, page_rows
    slab = slab_for(counts)
    arrays = (
        {name: np.zeros(COLUMNS[name].shape(counts), COLUMNS[name].dtype) for name in old}
        if slab is None
        else dict(zip(COLUMNS, places(slab, counts), strict=True))
    )
    for name, array in arrays.items():
        if name in made:
            array[...] = made[name]
            continue
        if name in _VOID:
            array.fill(_VOID[name])
        if not COLUMNS[name].claimed:
            _fill(name, array, old[name], page_rows)
        if name == "cell_mask_at":  # rows that were never given out end where the masks end now
            array[tail_cell:] = counts["n_mask_words"]
    return {**made, **arrays, "slab": slab}, page_rows


def _fill(name: str, array: Array, old: Array, page_rows: list[int]) -> None:
    if name == "cell_page_sizes":
        one = array.dtype.type(1)
        for bit, row in enumerate(page_rows):
            array[: len(old)] |= (old >> array.dtype.type(bit) & one) << array.dtype.type(row)
    elif COLUMNS[name].axis_of("n_page_sizes") == 0:
        array[page_rows, : old.shape[1]] = old
    else:
        array[tuple(map(slice, old.shape))] = old


def _tables(tables: Gatherer, layout_room: int) -> dict[str, Array]:
    found = tables.layouts.arrays()
    layouts = np.zeros(layout_room, found["layouts"].dtype)
    layouts[: len(found["layouts"])] = found["layouts"]
    distances = np.array(tables.distances, COLUMNS["distances"].dtype)
    return {**found, "layouts": layouts, "distances": distances}
