"""Addresses of PCI functions, and the patterns of addresses that a ``device_spec`` may hold."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from numafit.errors import InvalidRequest
from numafit.model.effort import MAX_EFFORT, effort
from numafit.model.fields import keep_number
from numafit.model.values import refuse

MAX_DOMAIN = 0xFFFF
MAX_BUS = 0xFF
MAX_SLOT = 0x1F
MAX_FUNCTION = 0x7

ANY = "*"

Fields = tuple[str, str, str, str]
"""Domain, bus, slot and function in lower-case hexadecimal digits of full length."""

# the dot is not escaped in nova's pattern either, so that any character may stand there
_ADDRESS = re.compile(r"^([\da-fA-F]{4}):([\da-fA-F]{2}):([\da-fA-F]{2}).([0-7]{1})$")
_NAMES = ("domain", "bus", "slot", "function")
_LIMITS = (MAX_DOMAIN, MAX_BUS, MAX_SLOT, MAX_FUNCTION)
_WIDTHS = (4, 2, 2, 1)
_MOST = 0xFFFFFFFF
"""Linux numbers domains in 32 bits; what is beyond nova's limits is still an address."""
_EXAMPLE = "an address such as 0000:3b:00.1"


@dataclass(frozen=True, slots=True, order=True)
class PciAddress:
    """Where a PCI function is: domain, bus, slot (device) and function, as numbers.

    ``fields`` holds them as they were written. Text is domain:bus:slot.function in hexadecimal.
    """

    domain: int
    bus: int
    slot: int
    function: int
    fields: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in _NAMES:
            keep_number(self, name, 0, _MOST)

    @classmethod
    def parse(cls, text: str) -> PciAddress:
        """From ``"0000:3b:00.1"``, four, two, two and one digits, as nova's ``parse_address``.

        Raises ``InvalidRequest`` (``PciDeviceWrongAddressFormat``).
        """
        found = _ADDRESS.match(text) if isinstance(text, str) else None
        if found is None:
            raise refuse("PciDeviceWrongAddressFormat", "address", text, _EXAMPLE)
        domain, bus, slot, function = (int(digits, 16) for digits in found.groups())
        return cls(domain, bus, slot, function, found.groups())

    @property
    def within_limits(self) -> bool:
        """Whether nova can name the device in a ``device_spec``: domain to FFFF, bus to FF, slot
        to 1F, function to 7."""
        numbers = (self.domain, self.bus, self.slot, self.function)
        return all(0 <= n <= limit for n, limit in zip(numbers, _LIMITS, strict=True))

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:x}"


class Pattern(Protocol):
    """What the address of a ``device_spec`` entry matches."""

    def matches(self, address: Fields) -> bool: ...


@dataclass(frozen=True, slots=True)
class Exact:
    """One address."""

    fields: Fields

    def matches(self, address: Fields) -> bool:
        return self.fields == address

    def __str__(self) -> str:
        return "{}:{}:{}.{}".format(*self.fields)


@dataclass(frozen=True, slots=True)
class Glob:
    """Fields with ``*`` for any, left off from the front: ``"*:0a:00.*"``, ``"00.1"``, ``".2"``."""

    fields: Fields

    def matches(self, address: Fields) -> bool:
        return all(mine in (ANY, its) for mine, its in zip(self.fields, address, strict=True))


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression a field, for the beginning of its lower-case digits."""

    fields: Fields
    compiled: tuple[re.Pattern[str], ...]

    def matches(self, address: Fields) -> bool:
        pairs = zip(self.compiled, address, strict=True)
        return all(pattern.match(digits) is not None for pattern, digits in pairs)


def device_fields(text: Any, key: str = "address") -> Fields:
    """The fields of a device's own address, checked as nova checks a physical address.

    Raises ``InvalidRequest``: ``PciDeviceWrongAddressFormat`` where it does not have three colons'
    worth of parts, ``PciConfigInvalidSpec`` where a part is not a number within nova's limits.
    """
    parts = text.partition(".")[0].split(":") if isinstance(text, str) else []
    if len(parts) != 3:
        raise refuse("PciDeviceWrongAddressFormat", key, text, _EXAMPLE)
    return _checked((*parts, text.partition(".")[2]), key, text)


def glob(text: str, key: str = "address") -> Glob:
    """A glob from its text. Raises ``InvalidRequest`` as ``device_fields`` does."""
    dbs, _dot, function = text.partition(".")
    function = function.strip() if function else ANY
    # nova looks at the function before anything else, so that its complaint wins
    function = _field(3, function, key, text)
    parts = dbs.split(":") if dbs else []
    if len(parts) > 3:
        raise refuse(
            "PciDeviceWrongAddressFormat",
            key,
            text,
            "at most domain:bus:slot.function, with * for any",
        )
    full = [ANY] * (3 - len(parts)) + [part.strip() or ANY for part in parts]
    return Glob(_checked((*full, function), key, text))


def regex(parts: Mapping[str, Any], key: str = "address") -> Regex:
    """A pattern from the dict of its fields; a field that is missing matches everything.

    Raises ``InvalidRequest``: ``PciDeviceWrongAddressFormat`` for what is not a regular expression,
    ``TypeError`` for a field that is not text.
    """
    found = [parts.get(name, ".*") for name in _NAMES]
    compiled = []
    for name, text in zip(_NAMES, found, strict=True):
        if not isinstance(text, str):
            raise refuse(
                "TypeError", f"{key}.{name}", text, "a regular expression", "Put it in quotes."
            )
        if effort(text) > MAX_EFFORT:
            raise refuse(
                "PciDeviceWrongAddressFormat",
                f"{key}.{name}",
                text,
                "a regular expression without repeats inside of repeats and other long ways",
            )
        try:
            compiled.append(re.compile(text))
        except (re.error, OverflowError, RecursionError) as error:
            raise refuse(
                "PciDeviceWrongAddressFormat",
                f"{key}.{name}",
                text,
                f"a regular expression ({error})",
            ) from None
    return Regex((found[0], found[1], found[2], found[3]), tuple(compiled))


def single(pattern: Glob | Regex) -> str | None:
    """The one address that a pattern spells out in plain digits, else ``None``."""
    if any(digit not in string.hexdigits for text in pattern.fields for digit in text):
        return None
    return "{}:{}:{}.{}".format(*pattern.fields)


def _checked(parts: tuple[str, ...], key: str, text: str) -> Fields:
    function = _field(3, parts[3], key, text)
    domain, bus, slot = (_field(n, parts[n], key, text) for n in range(3))
    return domain, bus, slot, function


def _field(n: int, digits: str, key: str, text: str) -> str:
    return hex_field(digits, _LIMITS[n], _WIDTHS[n], f"{key} {_NAMES[n]}", text)


def hex_field(digits: str, limit: int, width: int, key: str, text: object) -> str:
    """One field in its normal form; ``*`` stays. Raises ``PciConfigInvalidSpec``."""
    if digits == ANY:
        return digits
    try:
        value = int(digits, 16)
    except ValueError:
        raise _bad(key, text, f"hexadecimal digits or * ({digits!r} is neither)") from None
    if value > limit:
        raise _bad(key, text, f"at most {limit:X}")
    return f"{value:0{width}x}"


def _bad(key: str, text: object, expected: str) -> InvalidRequest:
    return refuse("PciConfigInvalidSpec", key, text, expected)
