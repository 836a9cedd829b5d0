"""Checks of decoded JSON and YAML that every reader asks: is this value what its key promises?

Each function takes the key first and raises ``InputError`` with that key; the callers add the
way that leads there by ``InputError.within``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from numafit.cpuset import MAX_CPU_ID, parse_cpu_list
from numafit.errors import InputError
from numafit.model.hostinfo import MAX_CELL_CPUS, MAX_ID
from numafit.readers import bounds

_T = TypeVar("_T")

_CPU_LIST = "a CPU list such as 0-3,8,^2"


def mapping(key: str | None, value: object, expected: str = "a mapping") -> Mapping[str, Any]:
    """``value`` as a mapping whose keys are all text."""
    if not isinstance(value, Mapping):
        raise InputError(None, key, value, expected)
    for name in value:
        if not isinstance(name, str):
            raise InputError(None, key, name, "a key in text", "Put the key in quotes.")
    return value


def sequence(key: str | None, value: object, expected: str = "a list") -> Sequence[Any]:
    """``value`` as a list; text is not taken for a list of characters."""
    if not isinstance(value, list | tuple):
        raise InputError(None, key, value, expected)
    return value


def each(key: str, values: Sequence[object], read: Callable[[object], _T]) -> list[_T]:
    """``read`` of each value; ``key[n]`` is put in front of the key of an error."""
    results = []
    for n, value in enumerate(values):
        try:
            results.append(read(value))
        except InputError as error:
            raise error.within(key=f"{key}[{n}]") from None
    return results


def known_keys(data: Iterable[str], known: Collection[str]) -> None:
    """Refuse the first key that is not in ``known``, with the nearest one that is."""
    for name in data:
        if name not in known:
            raise InputError(
                None, name, name, f"one of the keys {', '.join(known)}", nearest(name, known)
            )


def nearest(name: str, known: Collection[str]) -> str:
    """``"Did you mean X?"``, or nothing where no known name is like this one."""
    # difflib takes quadratic time; hostile keys are not worth it
    some = [one for one in islice(known, bounds.KEYS_COMPARED) if len(one) <= bounds.KEY_COMPARED]
    close = difflib.get_close_matches(name[: bounds.KEY_COMPARED], some, n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def required(data: Mapping[str, Any], key: str, expected: str) -> Any:
    """``data[key]``; where it is missing, a key of ``data`` that looks like it is the hint."""
    if key not in data:
        like = nearest(key, data.keys())
        raise InputError(None, key, None, f"{expected}; the key is missing", like)
    return data[key]


def whole(key: str | None, value: object, low: int, high: int, unit: str = "") -> int:
    """``value`` as a whole number; ``True`` and ``4.0`` are none."""
    if type(value) is not int or not low <= value <= high:
        of = f" ({unit})" if unit else ""
        raise InputError(None, key, value, f"a whole number from {low} to {high}{of}")
    return value


def number(key: str, value: object) -> float:
    """``value`` as a finite number of 0 or more."""
    good = type(value) is int or type(value) is float
    if good:
        try:
            result = float(value)  # type: ignore[arg-type]
        except OverflowError:
            result = math.inf
        if 0.0 <= result < math.inf:
            return result
    raise InputError(None, key, value, "a number of 0 or more")


def flag(key: str, value: object) -> bool:
    """``value`` as ``True`` or ``False``; 0, 1 and text are refused."""
    if not isinstance(value, bool):
        raise InputError(None, key, value, "true or false")
    return value


def text(key: str | None, value: object, expected: str = "text") -> str:
    """``value`` as text."""
    if not isinstance(value, str):
        hint = "Put it in quotes." if isinstance(value, bool | int | float) else ""
        raise InputError(None, key, value, expected, hint)
    return value


def label(key: str, value: object) -> str:
    """A name that is shown to people: text without control characters or half surrogates."""
    name = text(key, value)
    if not name.isprintable() or len(name) > bounds.LABEL:
        expected = f"a name of at most {bounds.LABEL} printable characters"
        raise InputError(None, key, value, expected)
    return name


def cpu_list(key: str, value: object) -> frozenset[int]:
    """CPU ids from ``"0-3,8,^2"``, from one id, or from a list of ids."""
    if isinstance(value, str):
        try:
            cpus = parse_cpu_list(value)
        except ValueError as error:
            expected = f"{_CPU_LIST} with ids up to {MAX_CPU_ID}"
            raise InputError(None, key, value, expected, f"{error}.") from None
        bounds.name_cpus(key, len(cpus), value)
    elif isinstance(value, list | tuple):
        cpus = frozenset(whole(f"{key}[{n}]", cpu, 0, MAX_ID) for n, cpu in enumerate(value))
    elif type(value) is int:
        cpus = frozenset({whole(key, value, 0, MAX_ID)})
    else:
        raise InputError(None, key, value, _CPU_LIST)
    if len(cpus) > MAX_CELL_CPUS:
        raise InputError(None, key, value, f"at most {MAX_CELL_CPUS} CPUs (got {len(cpus)})")
    return cpus
