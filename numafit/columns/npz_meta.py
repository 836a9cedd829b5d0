"""What stands behind a saved fleet's numbers <-> JSON: networks, pools, devices, inventories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from numafit.columns.columns import Columns, Position
from numafit.errors import InputError
from numafit.model.host_state import NOTHING_KNOWN, HostState
from numafit.model.hostinfo import HostInfo, PciPool
from numafit.model.resources import Inventory, Provider
from numafit.readers import checks

_INVENTORY = tuple(field.name for field in fields(Inventory))
_STATE = tuple(field.name for field in fields(HostState))
_NAMES = ("traits", "aggregates", "elsewhere", "absent", "traits_elsewhere")


@dataclass(frozen=True, slots=True)
class Meta:
    """Lists are in the order of the numbers that columns use; ``hosts``: what placement knows,
    of those hosts of which it knows something."""

    nets: list[str]
    providers: list[Any]
    classes: list[dict[str, Any]]
    pools: list[PciPool]
    devices_taken: dict[int, set[str]]
    resource_classes: list[str]
    hosts: dict[int, HostInfo]
    saved_at: Position | None


def write(columns: Columns) -> dict[str, Any]:
    at = columns.saved_at
    return {
        **({} if at is None else {"journal": {"id": at.id, "line": at.line}}),
        "nets": list(columns.nets),
        "providers": list(columns.providers),
        "classes": columns.classes,
        "pools": [{**pool.as_dict(), "devices": pool.devices} for pool in columns.pools],
        "devices_taken": {
            pool: sorted(taken) for pool, taken in columns.devices_taken.items() if taken
        },
        "resource_classes": list(columns.resource_classes),
        "states": [_write_state(state) for state in _states(columns)],
        "hosts": dict(_known_hosts(columns)),
    }


def _states(columns: Columns) -> dict[HostState, int]:
    """Distinct states of hosts -> their place in the file; none for what nothing is known of."""
    found = dict.fromkeys(kind.state for kind in columns.host_kinds)
    found.pop(NOTHING_KNOWN, None)
    return {state: n for n, state in enumerate(found)}


def _known_hosts(columns: Columns) -> Any:
    states = _states(columns)
    telling = [
        kind.zone is not None or bool(kind.disabled) or kind.state in states
        for kind in columns.host_kinds
    ]
    for host, number in enumerate(columns.host_class.tolist()):
        if columns.providers_of_hosts.get(host) is not None or telling[number]:
            yield host, _known_host(columns, host, states)


def _known_host(columns: Columns, host: int, states: Mapping[HostState, int]) -> dict[str, Any]:
    provider = columns.providers_of_hosts.get(host)
    kind = columns.host_kinds[columns.host_class[host]]
    known = None if provider is None else _write_provider(provider)
    told = {"provider": known, "zone": kind.zone, "disabled": kind.disabled}
    if kind.state in states:
        told["state"] = states[kind.state]
    return told


def write_kinds(columns: Columns) -> dict[int, Any]:
    """For each kind of hosts that there are one of them, as ``hosts`` has it."""
    states = _states(columns)
    numbers, examples = np.unique(columns.host_class[: columns.n_hosts], return_index=True)
    return {
        number: _known_host(columns, host, states)
        for number, host in zip(numbers.tolist(), examples.tolist(), strict=True)
        if number < len(columns.host_kinds)
    }


def _write_state(state: HostState) -> dict[str, Any]:
    metadata = state.aggregate_metadata
    return {
        **{name: getattr(state, name) for name in _STATE},
        "aggregate_metadata": metadata
        and {key: sorted(values) for key, values in metadata.items()},
    }


def _write_provider(provider: Provider) -> dict[str, Any]:
    names = {name: getattr(provider, name) for name in _NAMES}
    return {
        "inventories": {
            name: {key: getattr(inventory, key) for key in _INVENTORY}
            for name, inventory in provider.inventories.items()
        },
        **{name: None if found is None else sorted(found) for name, found in names.items()},
    }


def read(data: Mapping[str, Any]) -> Meta:
    """Raises InputError that names the key at fault."""

    def part(key: str, reader: Callable[[str, Any], Any], *missing: Any) -> Any:
        if key not in data and missing:
            return missing[0]
        return reader(key, checks.required(data, key, "what save() writes"))

    return Meta(
        nets=part("nets", _names),
        providers=part("providers", checks.sequence),
        classes=part("classes", _classes),
        pools=part("pools", _pools),
        devices_taken=part("devices_taken", _devices_taken),
        # what files of before there were resources do not have
        resource_classes=part("resource_classes", _names, []),
        hosts=_hosts(data.get("hosts", {}), part("states", _read_states, [])),
        saved_at=part("journal", _position, None),
    )


def _position(key: str, value: Any) -> Position:
    data = checks.mapping(key, value)
    checks.known_keys(data, ("id", "line"))
    line = checks.whole(f"{key}.line", data.get("line"), 0, 1 << 62)
    return Position(checks.text(f"{key}.id", data.get("id")), line)


def _names(key: str, value: Any) -> list[str]:
    return [checks.text(f"{key}[{n}]", one) for n, one in enumerate(checks.sequence(key, value))]


def _classes(key: str, value: Any) -> list[dict[str, Any]]:
    return [
        dict(checks.mapping(f"{key}[{n}]", one))
        for n, one in enumerate(checks.sequence(key, value))
    ]


def _pools(key: str, value: Any) -> list[PciPool]:
    return checks.each(key, checks.sequence(key, value), _pool)


def _pool(value: Any) -> PciPool:
    data = dict(checks.mapping(None, value, "a PCI pool"))
    vendor, product, node, count, devices = (
        checks.required(data, key, "what save() writes")
        for key in ("vendor_id", "product_id", "numa_node", "count", "devices")
    )
    for key in ("vendor_id", "product_id", "numa_node", "count", "devices"):
        del data[key]
    return PciPool(
        checks.text("vendor_id", vendor),
        checks.text("product_id", product),
        node,
        count,
        devices=tuple(_names("devices", devices)),
        tags=data,
    )


def _devices_taken(key: str, value: Any) -> dict[int, set[str]]:
    found = {}
    for pool, devices in checks.mapping(key, value).items():
        names = _names(f"{key}.{pool}", devices)
        if len(set(names)) != len(names):
            raise InputError(None, f"{key}.{pool}", names, "each device once")
        found[_index(key, pool)] = set(names)
    return found


def _index(key: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or str(int(text)) != text:
        raise InputError(None, key, text, "an index")
    return int(text)


def _read_states(key: str, value: Any) -> list[HostState]:
    return checks.each(key, checks.sequence(key, value), _read_state)


def _read_state(value: Any) -> HostState:
    data = checks.mapping(None, value, "facts of a host")
    checks.known_keys(data, _STATE)
    return HostState(**data)


def _hosts(value: Any, states: Sequence[HostState]) -> dict[int, HostInfo]:
    found = {}
    for host, known in checks.mapping("hosts", value).items():
        try:
            found[_index("", host)] = _host(checks.mapping(None, known), states)
        except InputError as error:
            raise error.within(key=f"hosts.{host}") from None
    return found


def _host(data: Mapping[str, Any], states: Sequence[HostState]) -> HostInfo:
    checks.known_keys(data, ("provider", "zone", "disabled", "state"))
    zone, provider, state = data.get("zone"), data.get("provider"), data.get("state")
    return HostInfo(
        (),
        zone=None if zone is None else checks.text("zone", zone),
        disabled=checks.text("disabled", data.get("disabled")),
        state=NOTHING_KNOWN
        if state is None
        else states[checks.whole("state", state, 0, len(states) - 1)],
        provider=None if provider is None else _provider(checks.mapping("provider", provider)),
    )


def _provider(data: Mapping[str, Any]) -> Provider:
    checks.known_keys(data, ("inventories", *_NAMES))
    inventories = {}
    listed = checks.mapping("inventories", data.get("inventories"))
    for name, value in listed.items():
        try:
            inventory = checks.mapping(None, value)
            checks.known_keys(inventory, _INVENTORY)
            checks.flag("derived", inventory.get("derived"))
            checks.flag("split_known", inventory.get("split_known", True))
            inventories[name] = Inventory(**inventory)
        except TypeError:
            raise InputError(None, f"inventories.{name}", value, "an inventory") from None
        except InputError as error:
            raise error.within(key=f"inventories.{name}") from None
    names = {
        name: frozenset(_names(name, data[name])) for name in _NAMES if data.get(name) is not None
    }
    return Provider(inventories, **names)
