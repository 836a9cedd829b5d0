"""The same hosts elsewhere: ranges in any order, void rows between them that hold what nobody may
follow, and room to grow."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from numafit import Fleet
from numafit._header import NO_HOST
from numafit.columns import Columns
from numafit.columns.schema import COLUMNS

PARTS = ("cell", "pool")
VOID = -1
MOST_VOID = 2  # rows before a range


def moved(fleet: Fleet, rng: random.Random, share: float = 1.0) -> Fleet:
    """A fleet of its own, in which about ``share`` of the hosts stand elsewhere."""
    old = fleet._columns
    movers = [host for host in range(len(fleet)) if rng.random() < share]
    rng.shuffle(movers)
    order = [host for host in range(len(fleet)) if host not in movers] + movers
    places = {part: _places(rng, old, part, order, len(order) - len(movers)) for part in PARTS}
    rows = {
        "host_room": [*range(len(fleet)), *[VOID] * rng.randint(0, 3)],
        "layout_room": [*range(len(old.cpu_layouts)), *[VOID] * rng.randint(0, 2)],
        "n_cells": places["cell"][0],
        "n_pools": places["pool"][0],
    }
    arrays: dict[str, Any] = fleet.columns()
    for name, column in COLUMNS.items():
        for count, members in rows.items():
            axis = column.axis_of(count)
            if axis is not None:
                arrays[name] = _taken(arrays[name], np.array(members, np.int64), axis)
    for part, (_rows, ranges) in places.items():
        arrays[f"{part}_host"][:] = NO_HOST
        for host, own in ranges.items():
            arrays[f"host_first_{part}"][host], arrays[f"host_end_{part}"][host] = own
            arrays[f"{part}_host"][slice(*own)] = host
    _move_masks(rng, arrays, old, rows["n_cells"])
    known = old.known()
    known["pools"] = [old.pools[max(pool, 0)] for pool in rows["n_pools"]]
    known["devices_taken"] = {
        n: set(old.devices_taken[pool])
        for n, pool in enumerate(rows["n_pools"])
        if pool in old.devices_taken
    }
    columns = Columns.of(arrays, known)
    columns.tidy = False
    return Fleet._of(columns)


def _places(
    rng: random.Random, old: Columns, part: str, order: list[int], staying: int
) -> tuple[list[int], dict[int, tuple[int, int]]]:
    """The row that each new one was, or VOID, and the new range of each host."""
    first, end = getattr(old, f"host_first_{part}"), getattr(old, f"host_end_{part}")
    rows: list[int] = []
    ranges = {}
    for n, host in enumerate(order):
        if n >= staying:
            rows += [VOID] * rng.randint(0, MOST_VOID)
        own = range(int(first[host]), int(end[host]))
        ranges[host] = (len(rows), len(rows) + len(own))
        rows += own
    return rows + [VOID] * rng.randint(0, MOST_VOID), ranges


def _taken(array: Any, rows: Any, axis: int) -> Any:
    """These rows; void ones are filled with a number that is no index of anything."""
    shape = (*array.shape[:axis], len(rows), *array.shape[axis + 1 :])
    made = np.empty(shape, array.dtype)
    made.view(np.uint8).fill(0xA5)
    live = (*[slice(None)] * axis, rows != VOID)
    made[live] = np.take(array, rows[rows != VOID], axis)
    return made


def _move_masks(rng: random.Random, arrays: dict[str, Any], old: Columns, rows: list[int]) -> None:
    """Masks in the order of the rows, with words between them that are nobody's."""
    pinned: list[int] = []
    for n, row in enumerate(rows):
        arrays["cell_mask_at"][n] = len(pinned)
        if row == VOID:
            pinned += [0xA5] * rng.randint(0, 1)
            continue
        at = int(old.cell_mask_at[row])
        words = int(old.layouts["n_words"][old.cell_layout[row]])
        pinned += old.pinned[at : at + words].tolist()
    arrays["pinned"] = np.array(pinned, np.uint64)
