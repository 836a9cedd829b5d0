"""What did the points answer? Rows of scalars, and the Arrow columns that they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from numafit.errors import InvalidValue
from numafit.extras import need
from numafit.plurals import counted

Row = dict[str, Any]
_KINDS = {bool: "bool_", int: "int64", float: "float64", str: "string"}
_EXPECTED = "True or False, numbers, text or None"


def rows_of(key: str, answer: Any, names: Iterable[str]) -> list[Row]:
    """An answer as rows: a mapping is one row, a list has several, a scalar is the row ``answer``.

    ``names``: columns that the point itself has. Raises InvalidValue for another kind of value.
    """
    if isinstance(answer, Mapping):
        return [_row(key, answer, names)]
    if isinstance(answer, Sequence) and not isinstance(answer, str | bytes):
        return [_row(f"{key}[{n}]", one, names) for n, one in enumerate(answer)]
    return [_row(key, {"answer": answer}, names)]


def _row(key: str, row: Any, names: Iterable[str]) -> Row:
    if not isinstance(row, Mapping):
        raise InvalidValue(key, row, "a mapping of names to values, or a list of such")
    taken = set(names) & set(row)
    if taken:
        raise InvalidValue(key, sorted(taken)[0], "a name that the point does not have itself")
    return {str(name): _scalar(f"{key}.{name}", value) for name, value in row.items()}


def _scalar(key: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is not None and type(value) not in _KINDS:
        raise InvalidValue(key, value, _EXPECTED)
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise InvalidValue(key, value, "a number of 64 bits; turn it into a float or text")
    return value


class Kinds:
    """The type of each column, by the values so far: whole numbers become fractions where one comes
    along, so the whole has the same types whatever comes first."""

    def __init__(self) -> None:
        self._kinds: dict[str, type | None] = {}

    def see(self, key: str, row: Row) -> None:
        for name, value in row.items():
            known = self._kinds.setdefault(name, None)
            if value is None:
                continue
            if known is None:
                self._kinds[name] = type(value)
            elif {known, type(value)} == {int, float}:
                self._kinds[name] = float
            elif known is not type(value):
                raise InvalidValue(
                    f"{key}.{name}", value, f"{known.__name__}, as other points answered"
                )

    def batch(self, rows: Sequence[Row]) -> Batch:
        return Batch(list(rows), dict(self._kinds))


class Batch:
    """Answers, one row each, as they came.

    ``rows`` are mappings; pyarrow, polars and pandas take the batch through Arrow's PyCapsule
    interface (``pyarrow.table(batch)``, ``polars.DataFrame(batch)``). Needs nanoarrow
    (``numafit[arrow]``) for that.
    """

    def __init__(self, rows: list[Row], kinds: dict[str, type | None]) -> None:
        self.rows = rows
        self._kinds = kinds

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<{counted(len(self), 'row')} of {', '.join(self._kinds)}>"

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        na = need("nanoarrow", "arrow")
        made = need("nanoarrow.c_array_stream", "arrow").CArrayStream
        kinds = {
            name: na.null() if kind is None else getattr(na, _KINDS[kind])()
            for name, kind in self._kinds.items()
        }
        columns = [self._column(na, name, kind) for name, kind in kinds.items()]
        schema = na.struct(kinds)
        array = na.c_array_from_buffers(schema, len(self), [None], children=columns)
        return made.from_c_arrays([array], na.c_schema(schema), move=True).__arrow_c_stream__(None)

    def _column(self, na: Any, name: str, kind: Any) -> Any:
        values = [row.get(name) for row in self.rows]
        if self._kinds[name] is float:
            values = [None if value is None else float(value) for value in values]
        if self._kinds[name] is None:
            return na.c_array_from_buffers(kind, len(values), [], null_count=len(values))
        return na.c_array(values, kind)


def batch_of(rows: Sequence[Row]) -> Batch:
    """Rows that did not come from points."""
    kinds = Kinds()
    for n, row in enumerate(rows):
        kinds.see(f"rows[{n}]", row)
    return kinds.batch(rows)
