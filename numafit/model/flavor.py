"""Flavors and images, as their services hand them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from numafit.errors import MisuseError, shorten
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.resources import MAX_UNITS

MAX_VCPUS = 65536
"""More than any hypervisor starts; keeps a text of ten digits from asking for billions."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """A nova flavor. ``memory_mb``: MiB. ``extra_specs``: text to text, in the order of the
    flavor; nova looks at the first of several hyperthreading traits, so the order is kept.
    ``disk_gb``: GiB of the root disk; ``ephemeral_gb``: GiB; ``swap_mb``: MiB.

    Raises ``MisuseError`` for wrong types and numbers out of bounds. What the extra specs say
    is read when it is needed.
    """

    name: str = ""
    vcpus: int = 1
    memory_mb: int = 0
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    disk_gb: int = 0
    ephemeral_gb: int = 0
    swap_mb: int = 0

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_number("disk_gb", self.disk_gb, 0, MAX_UNITS, "GiB")
        _check_number("ephemeral_gb", self.ephemeral_gb, 0, MAX_UNITS, "GiB")
        _check_number("swap_mb", self.swap_mb, 0, MAX_UNITS, "MiB")
        _check_number("vcpus", self.vcpus, 1, MAX_VCPUS, "vCPUs")
        _check_number("memory_mb", self.memory_mb, 0, MAX_MEMORY_MB, "MiB")
        specs = _copy_of("extra_specs", self.extra_specs)
        for key, value in specs.items():
            if not isinstance(value, str):
                raise MisuseError(
                    f"extra_specs[{key!r}]={shorten(value)}: expected text. "
                    "Extra specs are text; write numbers in quotes"
                )
        object.__setattr__(self, "extra_specs", specs)


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the image service. ``properties``: text to text, numbers or booleans.

    Raises ``MisuseError`` for values of other types. What the properties say is read when a
    flavor and the image are put together, as nova does it.
    """

    name: str = ""
    properties: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_name(self.name)
        properties = _copy_of("properties", self.properties)
        for key, value in properties.items():
            if not isinstance(value, str | int | float):
                raise MisuseError(
                    f"properties[{key!r}]={shorten(value)}: expected text, a number or a "
                    "boolean. Leave out properties of the image that hold other things"
                )
        object.__setattr__(self, "properties", properties)


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise MisuseError(f"name={shorten(name)}: expected text")


def _check_number(key: str, value: object, low: int, high: int, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise MisuseError(
            f"{key}={shorten(value)}: expected a whole number from {low} to {high} {unit}"
        )


def _copy_of(key: str, value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise MisuseError(f"{key}={shorten(value)}: expected a mapping")
    for name in value:
        if not isinstance(name, str):
            raise MisuseError(f"{key}: the key {shorten(name)} is not text")
    return dict(value)
