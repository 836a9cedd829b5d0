"""Flavors and images as the tools around nova print them -> Flavor, Image.

Read are the JSON and YAML of ``openstack flavor list --long``, ``openstack flavor show`` and
``openstack image show``, what nova's API answers, and a plain list for people who write one by
hand. The printed forms carry many columns that say nothing about a fit; those are passed over.
In the plain form an unknown key is a typing error and is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from numafit.errors import InputError, NumafitError, printable
from numafit.model.flavor import MAX_VCPUS, Flavor, Image
from numafit.model.hostinfo import MAX_ID
from numafit.readers import bounds, checks
from numafit.readers.textfile import load

_OWN = ("name", "vcpus", "memory_mb", "extra_specs")
_OWN_DISKS = ("disk_gb", "ephemeral_gb", "swap_mb")
_KEY = r"[A-Za-z0-9_:. -]+"
# a value ends at the quote that the next key, or nothing, follows: quotes inside are not escaped
_PROPERTY = re.compile(rf"({_KEY})='(.*?)'(?:, (?={_KEY}=')|$)", re.DOTALL)
_SPEC = "text; extra specs are text"


class _Shape(NamedTuple):
    """The keys of one form of a flavor, and what to do where its extra specs are missing."""

    name: str
    vcpus: str
    memory: str
    specs: str
    disks: tuple[str, str, str]
    public: str
    hint: str


_LISTED = _Shape(
    "Name",
    "VCPUs",
    "RAM",
    "Properties",
    ("Disk", "Ephemeral", "Swap"),
    "Is Public",
    "List the flavors with --long.",
)
_API_DISKS = ("disk", "OS-FLV-EXT-DATA:ephemeral", "swap")
_API_PUBLIC = "os-flavor-access:is_public"
_SHOWN = _Shape("name", "vcpus", "ram", "properties", _API_DISKS, _API_PUBLIC, "")
_API = _Shape(
    "name",
    "vcpus",
    "ram",
    "extra_specs",
    _API_DISKS,
    _API_PUBLIC,
    "Ask nova's API with microversion 2.61 or later, which puts them into the flavor.",
)


@dataclass(frozen=True, slots=True)
class BrokenFlavor:
    """An entry of a list that is no flavor; ``place``: its index there, ``name``: what it is
    called, or its index where it has no name."""

    place: int
    name: str
    error: NumafitError


def read_flavors(
    path: str | os.PathLike[str], broken: list[BrokenFlavor] | None = None
) -> list[Flavor]:
    """The flavors of a JSON or YAML file, in its order; see ``flavors_from`` for the forms. Raises
    ``InputError`` with the file, the entry, the key, the value and what was expected."""
    return flavors_from(load(path), os.fspath(path), broken)


def flavors_from(
    data: object, file: str | None = None, broken: list[BrokenFlavor] | None = None
) -> list[Flavor]:
    """The flavors of decoded JSON or YAML.

    ``data`` is a flavor, a list of flavors, ``{"flavors": [...]}`` or ``{"flavor": {...}}``.
    A flavor has the keys of ``openstack flavor list --long`` (``Name``, ``VCPUs``, ``RAM``,
    ``Properties``), of ``openstack flavor show`` (``name``, ``vcpus``, ``ram``,
    ``properties``), of nova's API (``extra_specs`` instead), or our own: ``name``, ``vcpus``,
    ``memory_mb`` (MiB) and ``extra_specs``.

    Whole numbers among the extra specs become text. Booleans are refused, since YAML reads
    ``yes`` and ``on`` as booleans too and what stood there is lost. ``file``: for messages.
    ``broken``: gets the entries of a list that are wrong; without it the first of them is raised.
    """
    try:
        if isinstance(data, Mapping) and "flavors" in data:
            return _each("flavors", data["flavors"], file, broken)
        if isinstance(data, Mapping) and isinstance(data.get("flavor"), Mapping):
            return [_under("flavor", data["flavor"])]
        if isinstance(data, Mapping):
            return [_flavor(data)]
        return _each("", data, file, broken)
    except InputError as error:
        told = error.within(file)
        if isinstance(data, Mapping) and "cells" in data:
            hint = "This is a host file; beside hosts FLAVORS comes first."
            told = InputError(told.file, told.key, told.value, told.expected, hint)
        raise told from None


def _each(
    key: str, data: object, file: str | None, broken: list[BrokenFlavor] | None
) -> list[Flavor]:
    flavors = checks.sequence(key or None, data, "a list of flavors")
    if len(flavors) > bounds.FLAVORS:
        expected = f"at most {bounds.FLAVORS} flavors"
        raise InputError(None, key or None, len(flavors), expected, "Split the file.")
    if broken is None:
        return checks.each(key, flavors, _flavor)
    found = []
    for n, value in enumerate(flavors):
        try:
            found.append(_flavor(value))
        except InputError as error:
            told = error.within(file, f"{key}[{n}]")
            broken.append(BrokenFlavor(n, _called(value) or f"{key}[{n}]", told))
    return found


def _called(value: object) -> str:
    """The name of an entry that is wrong; empty where it has none."""
    names = (value.get("Name"), value.get("name")) if isinstance(value, Mapping) else ()
    return next((printable(name) for name in names if isinstance(name, str) and name), "")


def _under(key: str, value: object) -> Flavor:
    try:
        return _flavor(value)
    except InputError as error:
        raise error.within(key=key) from None


def _flavor(value: object) -> Flavor:
    data = checks.mapping(None, value, "a flavor")
    shape = _shape_of(data)
    if shape is None:
        return _own_flavor(data)
    if shape.specs not in data:
        raise InputError(
            None,
            shape.specs,
            None,
            "the extra specs; the key is missing",
            shape.hint or checks.nearest(shape.specs, data.keys()),
        )
    public = _public(data, shape.public)
    return _build(data, shape[:4], shape.disks, data[shape.specs], public)


def _shape_of(data: Mapping[str, Any]) -> _Shape | None:
    if any(key in data for key in ("Name", "VCPUs", "RAM")):
        return _LISTED
    if "properties" in data:
        return _SHOWN
    return _API if "ram" in data else None


def _own_flavor(data: Mapping[str, Any]) -> Flavor:
    checks.known_keys(data, (*_OWN, *_OWN_DISKS))
    return _build(data, _OWN, _OWN_DISKS, data.get("extra_specs", {}))


def _build(
    data: Mapping[str, Any],
    keys: tuple[str, str, str, str],
    disks: tuple[str, str, str],
    found: object,
    public: bool | None = None,
) -> Flavor:
    name, vcpus, memory, specs = keys
    try:
        extra_specs = _extra_specs(found)
    except InputError as error:
        raise error.within(key=specs) from None
    count = checks.required(data, vcpus, "the number of vCPUs")
    size = checks.required(data, memory, "the memory in MiB")
    return Flavor(
        name=checks.label(name, checks.required(data, name, "the name of the flavor")),
        vcpus=checks.whole(vcpus, count, 1, MAX_VCPUS),
        memory_mb=checks.whole(memory, size, 1, MAX_ID, "MiB"),
        extra_specs=extra_specs,
        disk_gb=_disk(data, disks[0]),
        ephemeral_gb=_disk(data, disks[1]),
        swap_mb=_disk(data, disks[2]),
        public=public,
    )


def _disk(data: Mapping[str, Any], key: str) -> int:
    """GiB or MiB; tools print no swap as nothing at all, and leave out what they do not know."""
    value = data.get(key)
    return 0 if value in (None, "") else checks.whole(key, value, 0, MAX_ID)


def _public(data: Mapping[str, Any], key: str) -> bool | None:
    value = data.get(key)
    # what tables print, once somebody has made JSON of one
    told = {"True": True, "False": False}.get(value, value) if isinstance(value, str) else value
    return None if told in (None, "") else checks.flag(key, told)


def _extra_specs(found: object) -> dict[str, str]:
    if isinstance(found, str):
        return _properties_of_text(found)
    specs = checks.mapping(None, found, "a mapping of extra specs")
    return {key: _spec(key, value) for key, value in specs.items()}


def _spec(key: str, value: object) -> str:
    if isinstance(value, bool):
        word = "true" if value else "false"
        raise InputError(
            None, key, value, _SPEC, f"Put it in quotes: '{word}', or 'yes' where you wrote that."
        )
    if type(value) is int:
        return str(checks.whole(key, value, -MAX_ID, MAX_ID))
    return checks.text(key, value, _SPEC)


def _properties_of_text(text: str) -> dict[str, str]:
    """``"a='b', c='d'"``, as older clients print properties."""
    specs: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PROPERTY.match(text, at)
        if match is None:
            raise InputError(None, None, text[at:], "properties such as hw:cpu_policy='shared'")
        if match[1] in specs:
            raise InputError(None, match[1], match[2], "each property once")
        specs[match[1]] = match[2]
        at = match.end()
    return specs


def read_image(path: str | os.PathLike[str]) -> Image:
    """The image of a JSON or YAML file; see ``image_from`` for the forms. Raises ``InputError``
    with the file, the key, the value and what was expected."""
    return image_from(load(path), os.fspath(path))


def image_from(data: object, file: str | None = None) -> Image:
    """The image of ``openstack image show -f json``, or a plain ``{name, properties}``.

    Values stay text, numbers or booleans, as the image service holds them. Other values (lists
    of the image's locations and the like) are left out, except under a key that nova reads.
    ``file``: for messages.
    """
    try:
        image = checks.mapping(None, data, "an image")
        found = checks.required(image, "properties", "the properties of the image")
        return Image(
            name=checks.label("name", image.get("name") or ""),
            properties=_image_properties(found),
        )
    except InputError as error:
        raise error.within(file) from None


def _image_properties(found: object) -> dict[str, Any]:
    try:
        if isinstance(found, str):
            return dict(_properties_of_text(found))
        values = checks.mapping(None, found, "a mapping of image properties")
        properties = {}
        for key, value in values.items():
            if isinstance(value, str | int | float):
                properties[key] = value
            elif key.startswith(("hw_", "os_", "trait:")):
                raise InputError(None, key, value, "text, a number, true or false")
        return properties
    except InputError as error:
        raise error.within(key="properties") from None
