"""Tables with a column a line -> rows of text: ``mysql -E``, ``psql -x`` and ``psql -x -A``."""

from __future__ import annotations

import re

from numafit.errors import InputError
from numafit.readers import bounds
from numafit.readers.textfile import lines_of

Record = tuple[int, dict[str, str]]
"""The line that it begins on, and its columns."""

_MYSQL = re.compile(r"\*{5,} [0-9]+\. row \*{5,}")
_PSQL = re.compile(r"[-─]\[ RECORD [0-9]+ \][-─┬+]*")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


def read_records(text: str, wanted: str) -> list[Record] | None:
    """``None`` where the text holds no such records of the column ``wanted``.

    Raises ``InputError`` with the line that is of no column.
    """
    lines = [line.rstrip("\r") for line in lines_of(text)]
    first = next((line.strip() for line in lines if line.strip()), "")
    if _MYSQL.fullmatch(first):
        found = _mysql(lines)
    elif _PSQL.fullmatch(first):
        found = _psql(lines)
    elif any(line.startswith(f"{wanted}|") for line in lines):
        found = _unaligned(lines)
    else:
        return None
    most = bounds.rows(len(text))
    if len(found) > most:
        expected = f"at most {most} rows in such a table"
        raise InputError(None, None, f"{len(found)} records", expected)
    return found if any(wanted in columns for _n, columns in found) else None


def _mysql(lines: list[str]) -> list[Record]:
    """Names stand to the right, so that all their colons are below each other; a line without
    one there belongs to the value above."""
    found: list[Record] = []
    name = ""
    colon = 0
    for n, line in enumerate(lines, 1):
        if _MYSQL.fullmatch(line.strip()):
            found.append((n, {}))
            name = ""
            continue
        columns = found[-1][1] if found else {}
        if not columns:
            colon = line.find(":")
        if line[colon : colon + 1] == ":" and _COLUMN.fullmatch(line[:colon].lstrip()):
            name = line[:colon].lstrip()
            columns[name] = line[colon + 1 :].removeprefix(" ")
        elif name and line:
            columns[name] += f"\n{line}"
        elif line.strip():
            raise InputError(None, f"line {n}", line, "a column of 'mysql -E', such as host: cmp-1")
    return found


def _psql(lines: list[str]) -> list[Record]:
    found: list[Record] = []
    for n, line in enumerate(lines, 1):
        if _PSQL.fullmatch(line.strip()):
            found.append((n, {}))
        elif line.strip() and found:
            name, value = _column(n, line, "|│")
            found[-1][1][name] = value.strip()
    return found


def _unaligned(lines: list[str]) -> list[Record]:
    """Records stand apart by an empty line."""
    found: list[Record] = []
    apart = True
    for n, line in enumerate(lines, 1):
        if not line:
            apart = True
            continue
        if apart:
            found.append((n, {}))
            apart = False
        name, value = _column(n, line, "|")
        found[-1][1][name] = value
    return found


def _column(n: int, line: str, bars: str) -> tuple[str, str]:
    bar = next((char for char in line if char in bars), "|")
    name, bar, value = line.partition(bar)
    if not bar or not _COLUMN.fullmatch(name.strip()):
        hint = "Values of several lines break such a table: print it with --csv."
        raise InputError(None, f"line {n}", line, "a column and its value", hint)
    return name.strip(), value
