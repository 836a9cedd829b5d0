"""An image's properties, typed and checked as nova does it before it looks at any of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeVar

from numafit.model.values import bad_cpu_list, refuse
from numafit.rules.cpurules import CpuRules, read_cpu_rules
from numafit.rules.image_fields import FIELDS, NUMBER, OLDER_NAMES, Kind

NUMA_NODES_MAX = 128
"""nova looks for ``hw:numa_cpus.N`` and the like with N up to 127."""

_JSON_NAMES = ("block_device_mapping", "mappings")

T = TypeVar("T")


class ImageProperties:
    """The properties of one image under their current names.

    ``numa_cpus`` and ``numa_mem`` (MiB) are ``None`` where the image has none. ``traits`` are
    the names of the traits that the image requires.
    """

    __slots__ = ("_values", "numa_cpus", "numa_mem", "traits")

    def __init__(self, properties: Mapping[str, object]) -> None:
        """Raises ``InvalidRequest`` with stage ``"image"``; where several properties are
        wrong, about the one that nova reads first."""
        self._values: dict[str, object] = {}
        self.numa_cpus: tuple[CpuRules, ...] | None = None
        self.numa_mem: tuple[int, ...] | None = None
        if properties:
            self._read_older_names(properties)
            self._read_current_names(properties)
        self.traits = frozenset(
            key.removeprefix("trait:")
            for key, value in properties.items()
            if key.startswith("trait:") and value == "required"
        )

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        return value if isinstance(value, str) else None

    def flag(self, name: str) -> bool | None:
        value = self._values.get(name)
        return value if isinstance(value, bool) else None

    def number(self, name: str) -> int | None:
        value = self._values.get(name)
        return value if isinstance(value, int) else None

    def _read_older_names(self, properties: Mapping[str, object]) -> None:
        # the image service keeps lists as JSON text; nova decodes them before anything else
        listed = [key for key in _JSON_NAMES if key in properties]
        decoded = {key: _from_json(key, properties[key]) for key in listed}
        for older, name in OLDER_NAMES.items():
            if older in properties:
                value = decoded.get(older, properties[older])
                self._values[name] = _read(older, value, FIELDS[name])
        adapter = properties.get("vmware_adaptertype")
        if adapter == "ide":
            self._values["hw_disk_bus"] = "ide"
        elif adapter:
            self._values["hw_disk_bus"] = "scsi"
            scsi = _read("vmware_adaptertype", adapter, FIELDS["hw_scsi_model"])
            self._values["hw_scsi_model"] = scsi

    def _read_current_names(self, properties: Mapping[str, object]) -> None:
        for name, kind in FIELDS.items():
            if name in properties:
                self._values[name] = _read(name, properties[name], kind)
            if name == "hw_numa_nodes":
                self._read_numa_lists(properties)

    def _read_numa_lists(self, properties: Mapping[str, object]) -> None:
        cpus = [_cpu_list(key, value) for key, value in numbered(properties, "hw_numa_cpus")]
        memory = [_read(key, value, NUMBER) for key, value in numbered(properties, "hw_numa_mem")]
        self.numa_cpus = tuple(cpus) or None
        self.numa_mem = tuple(memory) or None


def numbered(values: Mapping[str, T], key: str) -> Iterator[tuple[str, T]]:
    """``key.0``, ``key.1`` and so on with their values; the first gap ends the list."""
    for node in range(NUMA_NODES_MAX):
        name = f"{key}.{node}"
        if name not in values:
            return
        yield name, values[name]


def _read(key: str, value: object, kind: Kind[T]) -> T:
    try:
        return kind.read(value)
    except (AttributeError, OverflowError, TypeError) as error:
        raise refuse(type(error).__name__, key, value, kind.expected, stage="image") from None
    except ValueError:
        raise refuse("ValueError", key, value, kind.expected, stage="image") from None


def _cpu_list(key: str, value: object) -> CpuRules:
    if not isinstance(value, str):
        # nova splits the value at its commas without asking whether it is text
        raise refuse("AttributeError", key, value, "a CPU list as text", stage="image")
    try:
        return read_cpu_rules(value)
    except ValueError as fault:
        raise bad_cpu_list(key, value, fault, stage="image") from None


def _from_json(key: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise refuse("ValueError", key, value, "a JSON list of mappings", stage="image") from None
