"""What is every answer of planning? Numbers, a frame, a picture, and one sentence: its ``str``."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import islice
from typing import Any

MOST_ROWS = 12
"""Of a table that a notebook shows."""

Glance = tuple[Sequence[str], Sequence[Sequence[Any]]]
"""Names of columns, and rows."""


class Answer:
    """A notebook shows the sentence and, below it, what there is to see at a glance."""

    __slots__ = ()

    def frame(self, library: str | None = None) -> Any:
        """All of it as a DataFrame of ``"pandas"`` or ``"polars"``; ``None``: of the one that is
        installed (``numafit[plot]``)."""
        raise NotImplementedError

    def picture(self) -> Any:
        """A matplotlib Figure (``numafit[plot]``)."""
        raise NotImplementedError

    def _glance(self) -> Glance:
        """A short table that costs nothing to make."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        names, rows = self._glance()
        return f"<div><p>{escape(str(self))}</p>{_table(names, rows)}</div>"


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(map(_field, row))}</tr>" for row in islice(rows, MOST_ROWS))
    more = len(rows) - MOST_ROWS
    rest = "" if more <= 0 else f"<p>and {more:,} more {'row' if more == 1 else 'rows'}</p>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _field(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    align = "right" if number else "left"
    return f"<td style='text-align: {align}'>{escape(_text(value))}</td>"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
