"""What Open vSwitch's tools print for people -> rows of tables.

Read are ``ovs-vsctl list TABLE``, ``ovs-vsctl show``, and ``ovsdb-client dump`` as a table and with
``-f list``: what reports of a host keep. Values have the form of ovs-vsctl(8): ``[a, b]``,
``{key=value}``, names in quotes where they need them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from numafit.errors import InputError
from numafit.readers import bounds
from numafit.readers.textfile import lines_of

Row = dict[str, Any]
Table = tuple[int, list[str], list[Row]]
"""The line it begins at, its columns, and its rows: text, lists of text, maps of text."""

_RULE = re.compile(r"-+(?: -+)*")
_TITLE = re.compile(r"\w+ table")
_RECORD = re.compile(r"(\w+) *: (.*)")
# possessive, so that nothing is remembered of each character
_ATOM = re.compile(r'"(?:[^"\\]|\\.)*+"|[^\s,=\[\]{}"]+')
_SHOWN = re.compile(r" +(Bridge|Port|Interface) (.+)")


def tables_of_text(text: str) -> list[Table]:
    """The tables; empty where the text is none of these. Raises ``InputError`` with the line."""
    lines = [(n, line.rstrip()) for n, line in enumerate(lines_of(text), 1)]
    if any(_SHOWN.fullmatch(line) for _n, line in lines):
        return list(_shown(lines))
    tables: list[Table] = []
    for part in _parts(lines):
        if len(part) > 1 and _RULE.fullmatch(part[1][1]):
            tables.append(_drawn(part))
        elif _RECORD.fullmatch(part[0][1]):
            row = _record(part)
            columns = list(row)
            # the records of a table follow each other
            if tables and tables[-1][1] == columns:
                tables[-1][2].append(row)
            else:
                tables.append((part[0][0], columns, [row]))
        else:
            n, line = part[0]
            raise InputError(None, f"line {n}", line, "a table of Open vSwitch")
    return tables


def _parts(lines: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Lines between empty lines and titles."""
    part: list[tuple[int, str]] = []
    for n, line in lines:
        if line and not _TITLE.fullmatch(line):
            part.append((n, line))
        elif part:
            yield part
            part = []
    if part:
        yield part


def _record(part: Sequence[tuple[int, str]]) -> Row:
    row: Row = {}
    for n, line in part:
        found = _RECORD.fullmatch(line)
        if found is None:
            raise InputError(None, f"line {n}", line, "a column, a colon, and its value")
        row[found[1]] = _value(n, found[2])
    return row


def _drawn(part: Sequence[tuple[int, str]]) -> Table:
    """A table whose second line has a dash below each character of a column."""
    spans = [found.span() for found in re.finditer("-+", part[1][1])]
    # the last column is as wide as it needs to be
    spans[-1] = (spans[-1][0], len(part[1][1]) + (1 << 30))
    columns = [part[0][1][start:end].strip() for start, end in spans]
    # short lines have all columns too
    if len(columns) * len(part) > bounds.TABLE_CELLS:
        what = f"{len(columns)} columns of {len(part)} rows"
        expected = f"at most {bounds.TABLE_CELLS} cells"
        raise InputError(None, f"line {part[0][0]}", what, expected)
    rows = [
        {
            name: _value(n, line[start:end].strip())
            for name, (start, end) in zip(columns, spans, strict=True)
        }
        for n, line in part[2:]
    ]
    return part[0][0], columns, rows


def _value(n: int, text: str) -> Any:
    if text.startswith("{") and text.endswith("}"):
        atoms = _atoms(n, text[1:-1], 2)
        return dict(zip(atoms[::2], atoms[1::2], strict=True))
    if text.startswith("[") and text.endswith("]"):
        return _atoms(n, text[1:-1], 1)
    atoms = _atoms(n, text, 1) or [""]
    if len(atoms) > 1:
        raise InputError(None, f"line {n}", text, "several values to stand in brackets")
    return atoms[0]


def _atoms(n: int, text: str, together: int) -> list[str]:
    """Values behind commas; with ``together`` of 2, pairs around ``=``."""
    found: list[str] = []
    at = 0
    while at < len(text):
        match = _ATOM.match(text, at)
        if match is None:
            raise InputError(None, f"line {n}", text, "values as ovs-vsctl prints them")
        try:
            found.append(json.loads(match[0]) if match[0].startswith('"') else match[0])
        except ValueError:
            raise InputError(None, f"line {n}", match[0], "text in quotes") from None
        at = match.end()
        mark = "=" if together == 2 and len(found) % 2 else ", "
        if at < len(text) and not text.startswith(mark, at):
            raise InputError(None, f"line {n}", text, "values as ovs-vsctl prints them")
        at += len(mark)
    if len(found) % together:
        raise InputError(None, f"line {n}", text, "pairs of key and value")
    return found


def _shown(lines: Sequence[tuple[int, str]]) -> Iterator[Table]:
    """``ovs-vsctl show``: each object stands below what it belongs to; ids are made up."""
    found: dict[str, list[Row]] = {"Bridge": [], "Port": [], "Interface": []}
    inner = {"Bridge": "ports", "Port": "interfaces"}
    above = {"Port": "Bridge", "Interface": "Port"}
    for n, line in lines:
        match = _SHOWN.fullmatch(line)
        if match is not None:
            kind = match[1]
            name = str(n)
            row: Row = {"_uuid": name, "name": _value(n, match[2])}
            if kind in inner:
                row[inner[kind]] = []
            else:
                row |= {"type": "", "ofport_request": ""}
            if kind in above:
                holders = found[above[kind]]
                if not holders:
                    raise InputError(None, f"line {n}", line, f"a {kind} inside a {above[kind]}")
                holders[-1][inner[above[kind]]].append(name)
            found[kind].append(row)
            if len(found[kind]) > bounds.SWITCH_ROWS:
                expected = f"at most {bounds.SWITCH_ROWS} of a kind"
                raise InputError(None, f"line {n}", f"one more {kind}", expected)
            continue
        key, colon, value = line.strip().partition(": ")
        if colon and key in ("type", "options") and found["Interface"]:
            found["Interface"][-1][key] = _value(n, value)
    for rows in found.values():
        yield 1, list(rows[0]) if rows else [], rows
