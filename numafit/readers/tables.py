"""Tables as the clients of databases print them -> rows of text.

Read are ``mysql -B`` (tabs) and ``mysql -t`` (boxes), ``psql`` as it prints by itself, with ``-A``
and with ``--csv``, each with the line that names the columns; and those that print a column a line
(``numafit.readers.records``).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from numafit.errors import InputError
from numafit.plurals import counted
from numafit.readers import bounds
from numafit.readers.records import read_records
from numafit.readers.textfile import lines_of

Row = dict[str, str | None]

_BOX = re.compile(r"\+(?:-+\+)+")
_RULE = re.compile(r"-+(?:\+-+)+|-{2,}")
_FOOTER = re.compile(r"\([0-9]+ rows?\)")
_ESCAPES = {"n": "\n", "t": "\t", "0": "\0"}
_NULL = ("NULL", "\\N")
_FIELD_CHARACTERS = 16 << 20
"""Of one field of CSV: a LONGTEXT, though nova's TEXT columns hold 64 KiB."""


def read_table(text: str, wanted: str) -> list[tuple[str, Row]] | None:
    """The rows of a table that has the column ``wanted``, each behind its line; ``None`` where
    the text is not such a table.

    Raises ``InputError`` with the line where a row has not the columns of the header.
    """
    lines = [(n, line.rstrip("\r")) for n, line in enumerate(lines_of(text), 1) if line.strip()]
    if not lines:
        return None
    records = read_records(text, wanted)
    if records is not None:
        return [(f"line {n}", _row(n, list(one), list(one.values()))) for n, one in records]
    _n, first = lines[0]
    if _BOX.fullmatch(first.strip()):
        return _boxed(lines[1:], wanted)
    if len(lines) > 1 and _RULE.fullmatch(lines[1][1].strip()) and wanted in first:
        return _ruled(lines)
    for mark in "\t|":
        columns = [name.strip() for name in first.split(mark)]
        if wanted in columns:
            most = bounds.rows(len(text))
            if len(lines) > most:
                expected = f"at most {most} rows in such a table"
                raise InputError(None, None, f"{len(lines)} lines", expected)
            return [
                (f"line {n}", _row(n, columns, [_unescaped(x, mark) for x in line.split(mark)]))
                for n, line in lines[1:]
                if not _FOOTER.fullmatch(line)
            ]
    return _comma_separated(text, wanted)


def _boxed(lines: list[tuple[int, str]], wanted: str) -> list[tuple[str, Row]] | None:
    """``mysql -t``; it pads a column up to some width alone, so that bars do not stand in line."""
    rows: list[tuple[int, list[str]]] = []
    for n, line in lines:
        text = line.strip()
        if _BOX.fullmatch(text):
            continue
        if len(text) < 4 or not text.startswith("| ") or not text.endswith(" |"):
            # behind the table stands how many rows it has
            break
        rows.append((n, [cell.strip() for cell in text[2:-2].split(" | ")]))
    if not rows or wanted not in rows[0][1]:
        return None
    return [(f"line {n}", _row(n, rows[0][1], cells)) for n, cells in rows[1:]]


def _ruled(lines: list[tuple[int, str]]) -> list[tuple[str, Row]]:
    """``psql``; the second line, ``---+---``, says where each column is."""
    bars = [n for n, char in enumerate(lines[1][1]) if char == "+"]
    rows: list[tuple[int, list[str]]] = []
    for n, line in (lines[0], *lines[2:]):
        if _FOOTER.fullmatch(line.strip()):
            break
        if any(line[bar : bar + 1] != "|" for bar in bars):
            hint = "Values of several lines break such a table: print it with --csv."
            raise InputError(None, f"line {n}", line, "the columns of the header", hint)
        spans = zip([-1, *bars], [*bars, len(line)], strict=True)
        rows.append((n, [line[start + 1 : end].strip() for start, end in spans]))
    return [(f"line {n}", _row(n, rows[0][1], cells)) for n, cells in rows[1:]]


def _comma_separated(text: str, wanted: str) -> list[tuple[str, Row]] | None:
    if wanted not in text.partition("\n")[0].strip().replace('"', "").split(","):
        return None
    before = csv.field_size_limit(_FIELD_CHARACTERS)
    try:
        return list(_csv_rows(text))
    finally:
        csv.field_size_limit(before)


def _csv_rows(text: str) -> Iterator[tuple[str, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] = []
    while True:
        n = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(None, f"line {n}", str(error), "comma-separated values") from None
        if cells is None:
            return
        if not columns:
            columns = [name.strip() for name in cells]
        elif cells:
            yield f"line {n}", _row(n, columns, cells)


def _row(n: int, columns: list[str], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        expected = f"{counted(len(columns), 'column')}, as the header has"
        raise InputError(None, f"line {n}", counted(len(cells), "column"), expected)
    # psql prints nothing at all
    return {
        name: None if not cell or cell in _NULL else cell
        for name, cell in zip(columns, cells, strict=True)
    }


def _unescaped(cell: str, mark: str) -> str:
    r"""``mysql -B`` writes \n, \t, \0 and \\."""
    if mark != "\t" or "\\" not in cell or cell == "\\N":
        return cell
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), cell)
