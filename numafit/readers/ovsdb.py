"""The database of Open vSwitch, as its tools print it -> Switch.

Read are tables as ``ovs-vsctl --format=json list TABLE`` prints them (``Bridge``, ``Port``,
``Interface``, ``Open_vSwitch``, one after the other in one file or in several), and all of them
at once as ``ovsdb-client dump -f json`` does; what they print for people is read by
``numafit.readers.ovs_text``. A table is told by its columns: only the dump names it. Cells of JSON
have the form of RFC 7047: ``["set", [...]]``, ``["map", [[key, value], ...]]``, ``["uuid", text]``.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numafit.errors import InputError
from numafit.model.neutron_config import Switch, SwitchPort
from numafit.plurals import counted
from numafit.readers import bounds, checks
from numafit.readers.ovs_text import Row, tables_of_text
from numafit.readers.textfile import lines_of, parse_json, read_text

# a column that no other table of the schema has together with 'name', or for the last with itself
_TOLD_BY = {"Bridge": "ports", "Port": "interfaces", "Interface": "ofport_request"}
_ROOT, _ROOT_COLUMNS = "Open_vSwitch", {"bridges", "external_ids"}
_SECONDS = 10
_HOW = (
    "Make it with: for t in Bridge Port Interface Open_vSwitch; "
    "do ovs-vsctl --format=json list $t; done"
)


def read_switch(files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Switch:
    """The bridges with their ports, and the host's ``external_ids``.

    Raises ``InputError`` with the file, the line and the place in it.
    """
    given = [files] if isinstance(files, str | os.PathLike) else list(files)
    tables: dict[str, list[Row]] = {}
    for path in given:
        for name, rows in _tables(os.fspath(path)):
            tables.setdefault(name, []).extend(rows)
    file = os.fspath(given[0]) if given else None
    try:
        return _switch(file, tables)
    except InputError as error:
        raise error.within(file) from None


def live_switch() -> Switch | None:
    """The switch of this host, asked of ``ovs-vsctl``; ``None`` where that does not answer."""
    tables: dict[str, list[Row]] = {}
    for name in (*_TOLD_BY, _ROOT):
        command = ("ovs-vsctl", f"--timeout={_SECONDS}", "--format=json", "list", name)
        try:
            done = subprocess.run(command, capture_output=True, timeout=2 * _SECONDS, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        words = " ".join(command)
        try:
            table = _table(parse_json(done.stdout.decode("utf-8", "replace")))
        except InputError as error:
            raise error.within(words) from None
        if table is not None:
            tables[name] = table[1]
    return _switch("ovs-vsctl", tables)


def _switch(file: str | None, tables: Mapping[str, list[Row]]) -> Switch:
    for name in ("Bridge", "Port", "Interface"):
        if name not in tables and _ROOT not in tables:
            raise InputError(None, name, None, f"the table {name}", _HOW)
    interfaces = {row["_uuid"]: _port(row) for row in tables.get("Interface", ())}
    ports = {
        row["_uuid"]: [interfaces[one] for one in row["interfaces"] if one in interfaces]
        for row in tables.get("Port", ())
    }
    bridges: dict[str, tuple[SwitchPort, ...]] = {}
    left = bounds.SWITCH_PORTS
    for row in tables.get("Bridge", ()):
        # a port that stands on many bridges, each time with all its interfaces, costs few bytes
        left -= sum(len(ports.get(one, ())) for one in row["ports"])
        if left < 0:
            expected = f"at most {bounds.SWITCH_PORTS} ports on all bridges"
            raise InputError(None, f"Bridge {row['name']}", "more", expected)
        bridges[row["name"]] = tuple(port for one in row["ports"] for port in ports.get(one, ()))
    external: dict[str, str] = {}
    for row in tables.get(_ROOT, ()):
        external |= row["external_ids"]
    return Switch(file, bridges, external)


def _port(row: Row) -> SwitchPort:
    options: Mapping[str, str] = row.get("options", {})
    device = options.get("dpdk-devargs", "").partition(",")[0]
    return SwitchPort(
        name=row["name"],
        kind=row.get("type", ""),
        peer=options.get("peer"),
        # devargs may also say class=eth,mac=...: no address in it
        pci_address=device if device and "=" not in device else None,
    )


def _tables(file: str) -> list[tuple[str, list[Row]]]:
    text = read_text(file)
    if text.startswith("OVSDB "):
        raise InputError(
            file,
            "line 1",
            text[:30],
            "a database as JSON, not the file of the server",
            "Dump it with: ovsdb-client dump -f json unix:/run/openvswitch/db.sock Open_vSwitch",
        )
    if text.lstrip()[:1] not in ("{", "["):
        return _of_text(text, file)
    found = []
    for way, value in _values(text, file):
        try:
            table = _table(value)
        except InputError as error:
            raise error.within(file, way) from None
        if table is not None:
            found.append(table)
    return found


def _of_text(text: str, file: str) -> list[tuple[str, list[Row]]]:
    """The tables of what the tools print for people."""
    found = []
    try:
        for line, columns, rows in tables_of_text(text):
            name = _name(columns)
            if name is not None:
                try:
                    made = [_row_of_text(name, row) for row in rows]
                except InputError as error:
                    raise error.within(key=f"line {line}") from None
                found.append((name, made))
    except InputError as error:
        raise InputError(file, error.key, error.value, error.expected, _HOW) from None
    if not found:
        raise InputError(file, None, text, "tables of Open vSwitch", _HOW)
    return found


def _row_of_text(name: str, found: Row) -> Row:
    """The columns that are of use; a set of one is written as its member, none as ``[]``."""
    row: Row = {}
    for column, kind in (_WANTED[name] | _MAYBE.get(name, {})).items():
        if column not in found:
            if column in _WANTED[name]:
                checks.required(found, column, "a column")
            continue
        value = found[column]
        if kind is list and isinstance(value, str):
            value = [value]
        if kind is not list and value == []:
            value = kind()
        if not isinstance(value, kind):
            raise InputError(None, column, value, "what this column of Open vSwitch holds")
        row[column] = value
    return row


def _values(text: str, file: str) -> Iterator[tuple[str, Any]]:
    """One JSON value a line, as the tools write them; or one over many lines."""
    first, _, rest = text.strip().partition("\n")
    if rest and not first.rstrip().endswith("}"):
        yield "", parse_json(text, file)
        return
    for n, line in enumerate(lines_of(text), 1):
        if line.strip():
            try:
                value = parse_json(line)
            except InputError as error:
                raise InputError(file, f"line {n}", error.value, "a table in JSON", _HOW) from None
            yield f"line {n}", value


def _table(value: object) -> tuple[str, list[Row]] | None:
    table = checks.mapping(None, value, "a table with headings and data")
    headings = checks.required(table, "headings", "the columns' names")
    columns = checks.sequence("headings", headings, "the columns' names")
    columns = [checks.text(f"headings[{n}]", name) for n, name in enumerate(columns)]
    name = _name(columns)
    if name is None:
        return None
    rows = checks.required(table, "data", "rows")
    made = checks.each(
        "data", checks.sequence("data", rows, "rows"), lambda row: _row(name, columns, row)
    )
    return name, made


def _name(columns: Sequence[str]) -> str | None:
    if set(columns) >= _ROOT_COLUMNS:
        return _ROOT
    for name, column in _TOLD_BY.items():
        if column in columns and "name" in columns:
            return name
    # 'ovs-vsctl --columns' may leave out all but a few of an interface's
    if "name" in columns and "type" in columns:
        return "Interface"
    return None


_WANTED: dict[str, dict[str, type]] = {
    "Bridge": {"_uuid": str, "name": str, "ports": list},
    "Port": {"_uuid": str, "name": str, "interfaces": list},
    "Interface": {"_uuid": str, "name": str, "type": str},
    _ROOT: {"external_ids": dict},
}
_MAYBE: dict[str, dict[str, type]] = {"Interface": {"options": dict}}


def _row(name: str, columns: Sequence[str], value: object) -> Row:
    cells = checks.sequence(None, value, "a row")
    if len(cells) != len(columns):
        raise InputError(
            None, None, len(cells), f"{counted(len(columns), 'cell')}, as there are headings"
        )
    found = dict(zip(columns, cells, strict=True))
    row: Row = {}
    for column, kind in _WANTED[name].items():
        row[column] = _cell(column, checks.required(found, column, "a column"), kind)
    for column, kind in _MAYBE.get(name, {}).items():
        if column in found:
            row[column] = _cell(column, found[column], kind)
    return row


def _cell(column: str, value: object, kind: type) -> Any:
    if kind is dict:
        parts = checks.sequence(column, _tagged(column, value, "map"), "pairs")
        pairs = [checks.sequence(f"{column}[{n}]", part, "a pair") for n, part in enumerate(parts)]
        if any(len(pair) != 2 for pair in pairs):
            raise InputError(None, column, value, "pairs of key and value")
        return {checks.text(column, key): checks.text(column, one) for key, one in pairs}
    if kind is list:
        # a set of one is written as its member
        if isinstance(value, list) and value[:1] == ["set"]:
            members = checks.sequence(column, _tagged(column, value, "set"), "a set")
        else:
            members = [value]
        return [checks.text(column, _plain(column, one)) for one in members]
    return checks.text(column, _plain(column, value))


def _plain(column: str, value: object) -> object:
    if isinstance(value, list):
        return _tagged(column, value, "uuid")
    return value


def _tagged(column: str, value: object, tag: str) -> object:
    if not isinstance(value, list) or len(value) != 2 or value[0] != tag:
        raise InputError(None, column, value, f'["{tag}", ...] as RFC 7047 has it')
    return value[1]
