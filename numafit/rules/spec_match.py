"""Does a value satisfy an extra spec with an operator, such as ``>= 4`` or ``<or> a <or> b``?

By nova 34's ``scheduler/filters/extra_specs_ops.py``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.ge,  # for a long time now
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
}
_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
    "<in>": operator.contains,
}
_ALL, _ANY = "<all-in>", "<or>"


def matches(value: str, wanted: str) -> bool:
    """``value``: the host's; ``wanted``: the flavor's. Without an operator both must be equal.

    Raises ``ValueError`` where nova's filter fails: numbers that are none, an ``<or>`` of nothing.
    """
    words = wanted.split()
    sign, rest = (words[0], words[1:]) if words else ("", words)
    if sign == _ANY:
        if not rest:
            raise ValueError(f"{_ANY} of nothing")
        # what stands between the choices is passed over, whatever it is
        return value in rest[::2]
    if sign not in _NUMBERS and sign not in _TEXTS and sign != _ALL:
        return value == wanted
    if not rest:
        return False
    if sign == _ALL:
        return all(word in value for word in rest)
    if sign in _TEXTS:
        return _TEXTS[sign](value, rest[0])
    return _NUMBERS[sign](float(value), float(rest[0]))
