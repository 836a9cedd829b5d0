"""Flavors and images, as their services hand them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from numafit._header import MAX_SLOTS
from numafit.errors import InvalidValue, shorten
from numafit.model import fields
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.resources import MAX_UNITS

MAX_VCPUS = MAX_SLOTS
"""More than any hypervisor starts; keeps a text of ten digits from asking for billions."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """A nova flavor. ``memory_mb``: MiB. ``extra_specs``: text to text, in the order of the
    flavor; nova looks at the first of several hyperthreading traits, so the order is kept.
    ``disk_gb``: GiB of the root disk; ``ephemeral_gb``: GiB; ``swap_mb``: MiB. ``public``: whether
    every project may use it, which no fit looks at; ``None``: not told.

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
    public: bool | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        fields.text("name", self.name)
        fields.keep_number(self, "vcpus", 1, MAX_VCPUS, "vCPUs")
        fields.keep_number(self, "memory_mb", 0, MAX_MEMORY_MB, "MiB")
        fields.keep_number(self, "disk_gb", 0, MAX_UNITS, "GiB")
        fields.keep_number(self, "ephemeral_gb", 0, MAX_UNITS, "GiB")
        fields.keep_number(self, "swap_mb", 0, MAX_UNITS, "MiB")
        if self.public is not None:
            fields.yes_or_no("public", self.public)
        specs = fields.mapping("extra_specs", self.extra_specs)
        for key, value in specs.items():
            if not isinstance(value, str):
                hint = "Extra specs are text; write numbers in quotes."
                raise InvalidValue(f"extra_specs[{shorten(key)}]", value, "text", hint)
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
        fields.text("name", self.name)
        properties = fields.mapping("properties", self.properties)
        for key, value in properties.items():
            if not isinstance(value, str | int | float):
                raise InvalidValue(
                    f"properties[{shorten(key)}]",
                    value,
                    "text, a number or a boolean",
                    "Leave out properties of the image that hold other things.",
                )
        object.__setattr__(self, "properties", properties)
