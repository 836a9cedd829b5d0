"""Files of ``compute_nodes`` rows, as dumps and the tools of operators write them -> rows.

JSON and YAML: a list of rows, one row, ``{"compute_nodes": [rows]}``, a mapping of names to such
mappings, or to rows, which are called so where they name no host; one row per line; results of
Ansible's ``mysql_query`` and ``postgresql_query``, and of a command that printed rows
(``stdout``), also as Ansible reports them (``numafit.readers.ansible``); a bare
``numa_topology``. Tables are those of ``numafit.readers.tables``. Numbers may be text, as tables
and some drivers have them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from numafit.errors import InputError
from numafit.readers import ansible, bounds, checks
from numafit.readers.naming import host_name
from numafit.readers.node_totals import NODE_COLUMNS, SERVICE, TEXT_COLUMNS
from numafit.readers.nova_objects import OBJECT_NAME
from numafit.readers.tables import read_table
from numafit.readers.textfile import lines_of, parse_json, parse_text, read_text

StoredRow = tuple[Any, Any, str, Any, Any, dict[str, Any]]
"""numa_topology, pci_stats, name, cpu_allocation_ratio, ram_allocation_ratio, and the columns that
speak of the host as a whole: not yet read."""

_TOPOLOGY = "numa_topology"
_ROWS = "rows of compute_nodes with the column numa_topology"
_HOW = (
    "Dump the table compute_nodes of the cell's database; the commands are in docs/guide/hosts.md."
)
_NAMES = ("hypervisor_hostname", "host")
"""What names a row, the first that is there."""
_RESULTS = ("query_result", "query_all_results", "results")
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?")
_DEPTH = 6
"""Ansible: a name, results, one of them, query_result, a query, a row."""


def stored_rows(path: str | os.PathLike[str]) -> Iterator[tuple[str, StoredRow]]:
    """The rows of such a file as they are stored, each behind the way that leads to it; rows that
    nova deleted softly are left out.

    A row holds what ``host_from_nova`` takes, in its order. Raises ``InputError`` with the file,
    the way, the value and what was expected.
    """
    file = os.fspath(path)
    try:
        text = read_text(path, limit=bounds.DUMP_BYTES)
        most = bounds.rows(len(text))
        for n, (way, row) in enumerate(_found(text, file)):
            if n >= most:
                raise InputError(None, way, "one more", f"at most {most} rows in such a file")
            try:
                columns = checks.mapping(None, row, "a row of compute_nodes")
                if not _deleted(columns):
                    yield way, _stored(columns)
            except InputError as error:
                raise error.within(key=way) from None
    except InputError as error:
        raise error.within(file) from None


def _found(text: str, file: str, way: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """Each row with the way that leads to it; ``way`` leads to the text."""
    colon = f"{way}: " if way else ""
    ansible.refuse_one_line(text)
    try:
        table = read_table(text, _TOPOLOGY) if text.lstrip()[:1] not in ("{", "[") else None
    except InputError as error:
        key = f"{colon}{error.key}" if error.key else way
        raise InputError(None, key, error.value, error.expected, error.hint) from None
    if table is not None:
        yield from ((f"{colon}{line}", row) for line, row in table)
        return
    found = ansible.reports(text) if depth == 0 else None
    if found is not None:
        for name, result in found:
            yield from _found(result, file, name, depth + 1)
        return
    lines = _lines(text)
    if lines is None:
        yield from _rows(parse_text(text, file), way, file, depth)
    for n, line in lines or ():
        try:
            value = parse_json(line)
        except InputError as error:
            # 'mysql -B' writes each backslash twice
            hint = "Print it with -r (--raw)." if '\\\\"' in line else error.hint
            key = f"{colon}line {n}"
            raise InputError(None, key, error.value, error.expected, hint) from None
        yield from _rows(value, f"{colon}line {n}", file, depth)


def _lines(text: str) -> list[tuple[int, str]] | None:
    """The lines of a file with an object on each; ``None`` where it is not such a file."""
    if not text.lstrip().startswith("{"):
        return None
    lines = [(n, line) for n, line in enumerate(lines_of(text), 1) if line.strip()]
    if len(lines) < 2 or not all(
        line.lstrip().startswith("{") and line.rstrip().endswith("}") for _n, line in lines[:2]
    ):
        return None
    return lines


def _rows(data: object, way: str, file: str, depth: int) -> Iterator[tuple[str, object]]:
    """Each row with the way that leads to it."""
    dot = f"{way}." if way else ""
    if isinstance(data, list) and depth < _DEPTH:
        for n, row in enumerate(data):
            if isinstance(row, list) or (isinstance(row, dict) and _holds_rows(row)):
                yield from _rows(row, f"{way}[{n}]", file, depth + 1)
            else:
                yield f"{way}[{n}]", row
        return
    if not isinstance(data, dict) or depth >= _DEPTH:
        raise InputError(None, way, data, _ROWS, _HOW)
    if _TOPOLOGY in data or isinstance(data.get("host"), str):
        yield way, data
    elif data.get(OBJECT_NAME) == "NUMATopology":
        yield way, {"host": host_name(file), _TOPOLOGY: data}
    elif "plays" in data:
        for place, result in ansible.play_results(data):
            if _holds_rows(result):
                yield from _rows(result, f"{dot}{place}", file, depth + 1)
    elif key := _holder(data):
        if not isinstance(data[key], list):
            raise InputError(None, f"{dot}{key}", data[key], f"a list of {_ROWS}", _HOW)
        yield from _rows(data[key], f"{dot}{key}", file, depth + 1)
    elif isinstance(data.get("stdout"), str):
        yield from _found(data["stdout"], file, f"{dot}stdout", depth + 1)
    else:
        for name, inner in data.items():
            if not isinstance(inner, dict):
                what = f"{name!r} alone" if len(data) == 1 else f"the keys {', '.join(data)}"
                raise InputError(None, way, what, _ROWS, _HOW)
            if _TOPOLOGY in inner and not inner.keys() & set(_NAMES):
                inner = {"host": name, **inner}
            yield from _rows(inner, f"{dot}{name}", file, depth + 1)


def _holder(data: Mapping[str, Any]) -> str:
    """The key under which a mapping holds rows; empty where it has none."""
    return next((key for key in ("compute_nodes", *_RESULTS) if key in data), "")


def _holds_rows(data: Mapping[str, Any]) -> bool:
    return bool(_holder(data)) or isinstance(data.get("stdout"), str)


def _stored(row: Mapping[str, Any]) -> StoredRow:
    expected = "JSON text, or null where the host has no NUMA topology"
    return (
        checks.required(row, _TOPOLOGY, expected),
        row.get("pci_stats"),
        _name(row),
        _number(row.get("cpu_allocation_ratio")),
        _number(row.get("ram_allocation_ratio")),
        {
            name: row[name] if name in TEXT_COLUMNS else _whole(row[name])
            for name in (*NODE_COLUMNS, SERVICE)
            if row.get(name) is not None
        },
    )


def _name(row: Mapping[str, Any]) -> str:
    for column in _NAMES:
        if row.get(column) is not None:
            return checks.label(column, row[column])
    return ""


def _whole(value: object) -> object:
    """As ``_number``; whole numbers stay whole."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return _number(value)


def _number(value: object) -> object:
    """``"16.0"`` -> ``16.0``; other text stays, for the reader of the row to judge."""
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _deleted(row: Mapping[str, Any]) -> bool:
    # nova writes the row's id here when it deletes the row softly
    value = _number(row.get("deleted"))
    if value is not None and not isinstance(value, int | float):
        raise InputError(None, "deleted", value, "0, or the id of a deleted row")
    return bool(value)
