"""What a field or an argument may hold: numbers, sets, words, lists of values.

Each function gives the value in the form that is kept, or raises InvalidValue.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import os
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, TypeVar

from numafit.errors import InvalidValue

MAX_ID = (1 << 31) - 1
MOST_IDS = 1 << 20
MOST_VALUES = 1 << 22
"""Generators may have no end, and a range may name more than memory holds."""

_T = TypeVar("_T")
_NO_LIST = (str, bytes, Mapping)
_LISTS = frozenset((list, tuple, range, set, frozenset))
"""What is certainly none of those, at one look."""
_IN_MEMORY = _LISTS - {range}


def whole(key: str, value: Any, expected: str = "a whole number", hint: str = "") -> int:
    """A whole number of any size; numpy's are turned into Python's, booleans are none."""
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise InvalidValue(key, value, expected, hint)


def number(key: str, value: Any, low: int, high: int, unit: str = "", hint: str = "") -> int:
    """A whole number within bounds."""
    if type(value) is int and low <= value <= high:
        return value
    expected = f"a whole number from {low} to {high}{unit and ' ' + unit}"
    found = whole(key, value, expected, hint)
    if not low <= found <= high:
        raise InvalidValue(key, value, expected, hint)
    return found


def keep_number(of: object, key: str, low: int, high: int, unit: str = "") -> None:
    """Check a field of a frozen value, and keep it as Python's number."""
    value = getattr(of, key)
    if type(value) is not int or not low <= value <= high:
        object.__setattr__(of, key, number(key, value, low, high, unit))


def real(key: str, value: Any) -> float:
    """A number of 0 or more."""
    if type(value) is float and 0.0 <= value < float("inf"):
        return value
    found = -1.0
    if not isinstance(value, bool) and isinstance(value, Real):
        with contextlib.suppress(OverflowError):
            found = float(value)
    if not 0.0 <= found < float("inf"):
        raise InvalidValue(key, value, "a number of 0 or more")
    return found


def yes_or_no(key: str, value: Any) -> bool:
    """True or False; 1 and 0 will do, numpy's too, text will not."""
    if not isinstance(value, int) and not type(value).__name__.startswith("bool"):
        raise InvalidValue(key, value, "True or False")
    if value not in (0, 1):
        raise InvalidValue(key, value, "True or False")
    return bool(value)


def text(key: str, value: Any, none: bool = False) -> None:
    """Text, or ``None`` where ``none`` says so."""
    if not isinstance(value, str) and not (none and value is None):
        raise InvalidValue(key, value, "text or None" if none else "text")


def word(key: str, value: Any, allowed: tuple[str, ...], none: bool = True) -> None:
    """One of these words, or ``None``."""
    if not (isinstance(value, str) and value in allowed) and not (none and value is None):
        also = ", or None" if none else ""
        raise InvalidValue(key, value, f"one of {', '.join(allowed)}{also}")


def ids(key: str, values: Any, what: str = "CPU ids") -> frozenset[int]:
    """A set of ids."""
    expected = f"a set of {what}"
    given = values if type(values) in _IN_MEMORY else _all(key, values, expected, MOST_IDS)
    try:
        found = frozenset(given)
    except TypeError:  # not even hashable
        raise InvalidValue(key, values, expected) from None
    return found if are_ids(found) else frozenset(number(key, one, 0, MAX_ID) for one in found)


def are_ids(numbers: frozenset[Any]) -> bool:
    """At one look; a host has hundreds of them."""
    return not numbers or (
        set(map(type, numbers)) == {int} and min(numbers) >= 0 and max(numbers) <= MAX_ID
    )


def names(key: str, values: Any) -> frozenset[str]:
    """A set of names; one name alone is none."""
    if type(values) is frozenset and not values:
        return values
    return frozenset(many(key, values, str, "a name", "a set of names"))


def many(
    key: str, values: Any, kind: type[_T] | tuple[type[_T], ...], one: str, all_of: str
) -> tuple[_T, ...]:
    """Values of a kind, in order. ``one`` and ``all_of`` are the words for what was expected."""
    found = listed(key, values, all_of)
    for n, value in enumerate(found):
        if not isinstance(value, kind):
            raise InvalidValue(f"{key}[{n}]", value, one)
    return found


def listed(key: str, values: Any, expected: str) -> tuple[Any, ...]:
    """What can be gone through, and is neither text nor a mapping."""
    if type(values) not in _IN_MEMORY:
        values = _all(key, values, expected, MOST_VALUES)
    return tuple(values)


def iterable(key: str, values: Any, expected: str) -> Iterable[Any]:
    """The same, not gone through yet."""
    if type(values) not in _LISTS and isinstance(values, _NO_LIST):
        raise InvalidValue(key, values, expected)
    try:
        found: Iterable[Any] = iter(values)
    except TypeError:
        raise InvalidValue(key, values, expected) from None
    return found


def _all(key: str, values: Any, expected: str, most: int) -> Iterable[Any]:
    """All of them, where there are not too many: for what is not in memory yet."""
    found = list(itertools.islice(iterable(key, values, expected), most + 1))
    if len(found) > most:
        raise InvalidValue(key, values, f"{expected}, at most {most}")
    return found


def mapping(key: str, value: Any, expected: str = "a mapping with text as keys") -> dict[str, Any]:
    """A mapping whose keys are text, copied."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise InvalidValue(key, value, expected)
    return dict(value)


def path(key: str, value: Any) -> str:
    """A path in text, which the system can be asked for."""
    try:
        found = os.fsdecode(value)
        if b"\0" not in os.fsencode(found):
            return found
    except (TypeError, UnicodeError):
        pass
    raise InvalidValue(key, value, "the path of a file")


def instance(key: str, value: Any, kind: type[Any], none: bool = False) -> None:
    """A value of a kind."""
    if not isinstance(value, kind) and not (none and value is None):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        also = " or None" if none else ""
        raise InvalidValue(key, value, f"{article} {kind.__name__}{also}")
