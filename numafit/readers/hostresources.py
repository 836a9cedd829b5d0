"""What a host file says of placement's side of a host <-> Provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numafit.errors import InputError
from numafit.model.resources import (
    MAX_UNITS,
    MAX_USED,
    STANDARD_CLASSES,
    Inventory,
    Provider,
    is_resource_class,
)
from numafit.readers import checks

KEYS = ("resources", "traits", "aggregates", "other_classes")
_WHOLE = {"reserved": 0, "min_unit": 1, "max_unit": 1, "step_size": 1, "used": 0}
_EVERYWHERE = frozenset(("MEMORY_MB", "DISK_GB"))
"""Classes that every host of nova's has, of its own or shared: who leaves one out does not say that
there is none of it."""
_INVENTORY = ("total", *_WHOLE, "allocation_ratio")


def read_provider(data: Mapping[str, Any]) -> Provider | None:
    """``None`` where the file says nothing of resources, traits or aggregates."""
    if not any(key in data for key in KEYS):
        return None
    listed = checks.mapping("resources", data.get("resources", {}), "a mapping of inventories")
    inventories = {}
    for name, value in listed.items():
        try:
            inventories[_class(name)] = _inventory(value)
        except InputError as error:
            raise error.within(key=f"resources.{name}") from None
    names = {key: _names(key, data) for key in KEYS[1:]}
    # what a person lists is all that there is, unless other classes are named
    elsewhere = names["other_classes"]
    if elsewhere is None:
        elsewhere = frozenset(_EVERYWHERE - inventories.keys())
    if "resources" not in data:
        return Provider({}, names["traits"], names["aggregates"], None)
    return Provider(inventories, names["traits"], names["aggregates"], elsewhere)


def _class(name: str) -> str:
    if is_resource_class(name):
        return name
    hint = checks.nearest(name, STANDARD_CLASSES)
    expected = "a standard resource class, or one that begins with CUSTOM_"
    raise InputError(None, None, name, expected, hint)


def _inventory(value: object) -> Inventory:
    if type(value) is int:
        return Inventory(checks.whole(None, value, 0, MAX_UNITS))
    data = checks.mapping(None, value, "a number of units, or a mapping with total")
    checks.known_keys(data, _INVENTORY)
    total = checks.whole(
        "total", checks.required(data, "total", "the number of units"), 0, MAX_UNITS
    )
    numbers: dict[str, Any] = {
        key: checks.whole(key, data[key], low, MAX_USED if key == "used" else MAX_UNITS)
        for key, low in _WHOLE.items()
        if key in data
    }
    ratio = checks.number("allocation_ratio", data.get("allocation_ratio", 1.0))
    return replace(Inventory(total, allocation_ratio=ratio), **numbers)


def _names(key: str, data: Mapping[str, Any]) -> frozenset[str] | None:
    if key not in data:
        return None
    listed = checks.sequence(key, data[key], "a list of names")
    return frozenset(checks.label(f"{key}[{n}]", name) for n, name in enumerate(listed))


def write_provider(provider: Provider) -> dict[str, Any]:
    """The keys that ``read_provider`` makes the same of."""
    data: dict[str, Any] = {}
    if provider.elsewhere is not None:
        data["resources"] = {
            name: {key: getattr(inventory, key) for key in _INVENTORY}
            for name, inventory in provider.inventories.items()
        }
        if provider.elsewhere != _EVERYWHERE - provider.inventories.keys():
            data["other_classes"] = sorted(provider.elsewhere)
    for key in ("traits", "aggregates"):
        names = getattr(provider, key)
        if names is not None:
            data[key] = sorted(names)
    return data
