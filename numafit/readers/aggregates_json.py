"""What the ``openstack`` client prints of host aggregates with ``-f json`` -> Aggregates.

``aggregate list --long`` and ``aggregate show``, in one file or several. Older clients leave the
hosts out of the list; they stand in what ``show`` prints of each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numafit.errors import InputError
from numafit.readers import checks
from numafit.readers.textfile import load
from numafit.rules.aggregates import ZONE, Aggregate

_SHAPES = "what 'openstack aggregate list --long' or 'aggregate show' prints with -f json"
_PAIR = re.compile(r"([^=,\s]+)='([^']*)'(?:, |$)")


@dataclass(slots=True)
class _Told:
    """``hosts``: ``None`` as long as no file tells them."""

    file: str
    hosts: set[str] | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def read_aggregates(paths: Iterable[str | os.PathLike[str]]) -> list[Aggregate]:
    """The aggregates of all files, or of the ``*.json`` files of a folder, each once by its name.

    Raises ``InputError`` with the file, the key, the value and what was expected.
    """
    told: dict[str, _Told] = {}
    for path in paths:
        for file in _files(os.fspath(path)):
            try:
                _read(told, load(file), file)
            except InputError as error:
                raise error.within(file) from None
    for name, one in told.items():
        if one.hosts is None:
            hint = f"Add what 'openstack aggregate show {name} -f json' prints."
            expected = "the hosts of each aggregate"
            raise InputError(one.file, f"hosts of {name}", None, expected, hint)
    return [Aggregate(name, frozenset(one.hosts or ()), one.metadata) for name, one in told.items()]


def _files(path: str) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    files = sorted(entry.path for entry in os.scandir(path) if entry.name.endswith(".json"))
    if not files:
        raise InputError(path, None, None, "files that end in .json")
    return files


def _read(told: dict[str, _Told], data: object, file: str) -> None:
    rows = data if isinstance(data, list) else [data]
    for n, row in enumerate(rows):
        try:
            _row(told, checks.mapping(None, row, _SHAPES), file)
        except InputError as error:
            raise error.within(key=f"[{n}]" if isinstance(data, list) else None) from None


def _row(told: dict[str, _Told], row: Mapping[str, Any], file: str) -> None:
    # the list has its heads, 'Availability Zone', and show the names of nova's API
    found = {key.lower().replace(" ", "_"): value for key, value in row.items()}
    name = checks.label("name", checks.required(found, "name", _SHAPES))
    properties = found.get("properties", found.get("metadata"))
    if properties is None:
        raise InputError(None, "properties", None, _SHAPES, "The list needs --long.")
    one = told.setdefault(name, _Told(file))
    one.metadata |= _metadata(properties)
    zone = found.get(ZONE)
    if zone is not None:
        one.metadata[ZONE] = checks.label(ZONE, zone)
    if found.get("hosts") is not None:
        hosts = found["hosts"]
        listed = hosts.split(",") if isinstance(hosts, str) else checks.sequence("hosts", hosts)
        names = (checks.label(f"hosts[{n}]", host).strip() for n, host in enumerate(listed))
        one.hosts = (one.hosts or set()) | set(filter(None, names))


def _metadata(value: object) -> dict[str, str]:
    """A mapping, or ``key='value', key='value'`` of older clients."""
    if isinstance(value, str):
        pairs = _PAIR.findall(value)
        if "".join(f"{key}='{one}'" for key, one in pairs) != value.replace("', ", "'"):
            raise InputError(None, "properties", value, "key='value' behind commas, or a mapping")
        value = dict(pairs)
    given = checks.mapping("properties", value, "a mapping of text to text")
    return {
        checks.label("properties", key): checks.label(f"properties.{key}", one)
        for key, one in given.items()
    }
