"""What the ``openstack`` client prints of placement with ``-f json`` -> PlacementFacts.

Each file is told by its keys: ``resource provider list``, ``resource provider inventory list``,
``resource provider usage show``, ``resource provider trait list``, ``resource provider aggregate
list`` and ``allocation candidate list``. All but the first and the last speak of one provider,
which they do not name: it is given beside the file, or is the file's name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from numafit.errors import InputError
from numafit.model.resources import MAX_UNITS, MAX_USED, Inventory, is_resource_class
from numafit.readers import checks
from numafit.readers.naming import host_name
from numafit.readers.placement_facts import PlacementFacts
from numafit.readers.textfile import load

_CAPACITY = "inventory used/capacity"
_SHAPES = (
    "what 'openstack resource provider list', 'inventory list', 'usage show', 'trait list' or "
    "'aggregate list', or 'openstack allocation candidate list' prints with -f json"
)
_NUMBERS = {"reserved": 0, "min_unit": 1, "max_unit": 1, "step_size": 1, "used": 0}
_WORDS = ("inventory", "inventories", "usage", "usages", "traits", "trait", "aggregates")
Rows = Sequence[Mapping[str, Any]]


def read_placement_file(facts: PlacementFacts, path: str, name: str | None = None) -> None:
    """Adds what a file says. ``name``: the provider that it is about, by name or uuid; ``None``:
    the file's name, without an ending such as ``.inventory.json``.

    Raises ``InputError`` with the file, the key, the value and what was expected.
    """
    try:
        rows = load(path)
        _read(facts, rows, name or _called(path), _word_of(path))
    except InputError as error:
        raise error.within(os.fspath(path)) from None


def read_placement_folder(facts: PlacementFacts, folder: str) -> None:
    """Adds what the ``*.json`` files of a folder say, each by its name."""
    files = sorted(entry.path for entry in os.scandir(folder) if entry.name.endswith(".json"))
    if not files:
        raise InputError(folder, None, None, "files that end in .json")
    for path in files:
        read_placement_file(facts, path)


def _called(path: str) -> str:
    name = host_name(path)
    for word in _WORDS:
        name = name.removesuffix(f".{word}")
    return name


def _word_of(path: str) -> str:
    """``traits`` of ``c1.traits.json``; empty where the name has no such word."""
    return next((word for word in _WORDS if host_name(path).endswith(f".{word}")), "")


def _read(facts: PlacementFacts, data: object, name: str, word: str) -> None:
    if isinstance(data, Mapping):
        raise InputError(None, None, f"the keys {', '.join(map(str, data))}", _SHAPES)
    listed = checks.sequence(None, data, _SHAPES)
    rows = [checks.mapping(f"[{n}]", row, "a row") for n, row in enumerate(listed)]
    if not rows:
        _nothing(facts, name, word)
        return
    keys = rows[0].keys()
    for needed, read in _BY_KEYS:
        if needed <= keys:
            for n, row in enumerate(rows):
                try:
                    checks_of_row(row, needed)
                except InputError as error:
                    raise error.within(key=f"[{n}]") from None
            read(facts, rows, name)
            return
    raise InputError(None, "[0]", f"the keys {', '.join(keys)}", _SHAPES)


def checks_of_row(row: Mapping[str, Any], needed: frozenset[str]) -> None:
    for key in sorted(needed):
        checks.required(row, key, "a value in every row")


def _nothing(facts: PlacementFacts, name: str, word: str) -> None:
    """An empty list says what it is a list of by the file's name alone."""
    found = facts.of(name)
    if word.startswith("inventor"):
        found.inventories = {}
    elif word.startswith("trait"):
        found.traits = frozenset()
    elif word.startswith("aggregate"):
        found.aggregates = frozenset()
    elif not word.startswith("usage"):
        expected = "a row at least, or a file called HOST.inventory.json, HOST.traits.json, ..."
        raise InputError(None, None, [], expected)


def _providers(facts: PlacementFacts, rows: Rows, name: str) -> None:
    facts.listed = True
    for n, row in enumerate(rows):
        root = row.get("root_provider_uuid")
        facts.list(
            checks.label(f"[{n}].uuid", row["uuid"]),
            checks.label(f"[{n}].name", row["name"] or ""),
            None if root is None else checks.label(f"[{n}].root_provider_uuid", root),
        )


def _inventories(facts: PlacementFacts, rows: Rows, name: str) -> None:
    found = dict(_inventory_rows(rows))
    facts.of(name).inventories = found


def _inventory_rows(rows: Rows) -> Iterator[tuple[str, Inventory]]:
    for n, row in enumerate(rows):
        try:
            numbers: dict[str, Any] = {
                key: checks.whole(key, row[key], low, MAX_UNITS)
                for key, low in _NUMBERS.items()
                if row.get(key) is not None
            }
            ratio = checks.number("allocation_ratio", row.get("allocation_ratio", 1.0))
            total = checks.whole("total", row["total"], 0, MAX_UNITS)
            yield _class(row["resource_class"]), Inventory(total, allocation_ratio=ratio, **numbers)
        except InputError as error:
            raise error.within(key=f"[{n}]") from None


def _usages(facts: PlacementFacts, rows: Rows, name: str) -> None:
    facts.of(name).usages = {
        _class(row["resource_class"]): checks.whole(f"[{n}].usage", row["usage"], 0, MAX_USED)
        for n, row in enumerate(rows)
    }


def _traits(facts: PlacementFacts, rows: Rows, name: str) -> None:
    facts.of(name).traits = _labels(rows, "name")


def _aggregates(facts: PlacementFacts, rows: Rows, name: str) -> None:
    facts.of(name).aggregates = _labels(rows, "uuid")


def _labels(rows: Rows, key: str) -> frozenset[str]:
    return frozenset(checks.label(f"[{n}].{key}", row[key]) for n, row in enumerate(rows))


def _candidates(facts: PlacementFacts, rows: Rows, name: str) -> None:
    """Of each provider what is in use and how much may be, of the classes that were asked for."""
    for n, row in enumerate(rows):
        found = facts.of(checks.label(f"[{n}].resource provider", row["resource provider"]))
        units = dict(_capacity(f"[{n}].{_CAPACITY}", row[_CAPACITY]))
        found.inventories = {**units, **(found.inventories or {})}
        traits = row.get("traits")
        if traits is not None and found.traits is None:
            text = checks.text(f"[{n}].traits", traits, "names behind commas")
            found.traits = frozenset(filter(None, text.split(",")))


def _capacity(key: str, value: object) -> Iterator[tuple[str, Inventory]]:
    """``"VCPU=0/128,MEMORY_MB=512/16384"``."""
    expected = "CLASS=USED/CAPACITY behind commas"
    for part in checks.text(key, value, expected).split(","):
        name, equals, units = part.partition("=")
        used, slash, capacity = units.partition("/")
        digits = used.isascii() and capacity.isascii() and used.isdigit() and capacity.isdigit()
        if not equals or not slash or not digits or max(len(used), len(capacity)) > 10:
            raise InputError(None, key, value, expected)
        yield _class(name), Inventory(min(int(capacity), MAX_UNITS), used=min(int(used), MAX_UNITS))


def _class(value: object) -> str:
    name = checks.label("resource_class", value)
    if not is_resource_class(name):
        expected = "a standard resource class, or one that begins with CUSTOM_"
        raise InputError(None, "resource_class", name, expected)
    return name


_Read = Callable[[PlacementFacts, Rows, str], None]
_BY_KEYS: tuple[tuple[frozenset[str], _Read], ...] = (
    (frozenset((_CAPACITY, "resource provider")), _candidates),
    (frozenset(("resource_class", "total")), _inventories),
    (frozenset(("resource_class", "usage")), _usages),
    (frozenset(("uuid", "name")), _providers),
    (frozenset(("name",)), _traits),
    (frozenset(("uuid",)), _aggregates),
)
"""Keys that a row has -> what the file holds; the first that fits."""
