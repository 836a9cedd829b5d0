"""Answers as data frames: pandas' where it is installed, else polars'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numafit.errors import InvalidValue, MissingExtra
from numafit.extras import need

LIBRARIES = ("pandas", "polars")


def frame(names: Sequence[str], rows: Iterable[Sequence[Any]], library: str | None = None) -> Any:
    """A ``DataFrame`` with columns of these names. ``library``: ``"pandas"`` or ``"polars"``,
    ``None``: the first of them that is installed. Raises MissingExtra where there is none."""
    if library is not None and library not in LIBRARIES:
        raise InvalidValue("library", library, f"one of {', '.join(LIBRARIES)}, or None")
    given = list(rows)
    columns = {name: [row[n] for row in given] for n, name in enumerate(names)}
    return _first_installed(LIBRARIES if library is None else (library,)).DataFrame(columns)


def columns_of(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Rows as mappings -> names of columns, and rows as lists; ``None`` of what a row lacks."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return names, [[row.get(name) for name in names] for row in rows]


def _first_installed(names: Sequence[str]) -> Any:
    *others, last = names
    for name in others:
        try:
            return need(name, "plot")
        except MissingExtra:
            continue
    return need(last, "plot")
