"""Answers as tables: one array for each column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy.typing as npt

from numafit.planning.frames import frame

Table = Mapping[str, npt.NDArray[Any]]
"""Name of a column -> its values, as many in each."""


def rows_of(table: Table) -> Iterator[tuple[Any, ...]]:
    """Row after row, in Python's values."""
    return zip(*(column.tolist() for column in table.values()), strict=True)


def frame_of(table: Table, library: str | None) -> Any:
    """A data frame of the library; ``None``: of the first that is installed."""
    return frame(list(table), rows_of(table), library)
