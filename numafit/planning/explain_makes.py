"""Which hosts of a fleet are of one make: alike in all but what guests have in use there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from numafit._header import NO_DISTANCES
from numafit.fleet import Fleet

_OF_CELL = ("cell_id", "cell_socket", "cell_layout", "cell_memory", "cell_page_sizes")
_OF_POOL = ("pool_class", "pool_cell", "pool_provider", "pool_kind", "pool_count")
"""Devices that guests have are not known: what is free is part of the make."""
_OF_HOST = ("host_class", "host_cpu_ratio", "host_ram_ratio")


def makes(fleet: Fleet, hosts: Sequence[int]) -> list[bytes]:
    """For each of these hosts a value that is the same for hosts of one make."""
    columns = fleet.columns(copy=False)
    cells = _kinds_of_cells(columns)
    ranges = [columns[f"host_{edge}_{of}"] for of in ("cell", "pool") for edge in ("first", "end")]
    return [_make(columns, cells, host, *(int(one[host]) for one in ranges)) for host in hosts]


def _kinds_of_cells(columns: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """A number for each cell, the same for cells that are alike."""
    reserved = columns["pages_total"] - columns["pages_used"] - columns["pages_free"]
    rows = [columns[name].astype(np.int64) for name in _OF_CELL]
    rows += [*columns["pages_total"].astype(np.int64), *reserved.astype(np.int64)]
    rows += list(columns["cell_nets"].T.astype(np.int64))
    _unique, kinds = np.unique(np.stack(rows, axis=1), axis=0, return_inverse=True)
    return kinds.reshape(-1)


def _make(
    columns: dict[str, npt.NDArray[Any]],
    cells: npt.NDArray[Any],
    host: int,
    first_cell: int,
    end_cell: int,
    first_pool: int,
    end_pool: int,
) -> bytes:
    parts = [cells[first_cell:end_cell], columns["resource_limit"][:, host]]
    parts += [columns[name][host : host + 1] for name in _OF_HOST]
    if end_pool > first_pool:
        parts += [columns[name][first_pool:end_pool] for name in _OF_POOL]
    at, n = int(columns["host_distance_at"][host]), end_cell - first_cell
    if at != NO_DISTANCES:
        parts.append(columns["distances"][at : at + n * n])
    # the lengths keep one part apart from the next
    return repr([len(part) for part in parts]).encode() + b"".join(part.tobytes() for part in parts)
