"""The JSON form of nova's versioned objects: the envelope around an object's fields."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from numafit.errors import InputError
from numafit.readers import checks
from numafit.readers.textfile import parse_json

OBJECT_NAME = "nova_object.name"
_ENVELOPE = frozenset(
    f"nova_object.{part}" for part in ("name", "namespace", "version", "data", "changes")
)
_TEXT_COLUMN = 65535
"""Bytes in a TEXT column of MySQL and MariaDB, which cut longer text outside strict mode."""


def decode(text: str) -> Any:
    """A column's JSON text; where it breaks off, the key is ``[line L, column C]``."""
    try:
        return parse_json(text)
    except InputError as error:
        key = error.key or ""
        # 'numa_topology[line 1, column 7]': a place in the text, not a key of it
        key = f"[{key}]" if key.startswith("line ") else key
        hint = error.hint
        if len(text.encode("utf-8", "replace")) >= _TEXT_COLUMN:
            hint = f"The database cut the text: its TEXT columns hold {_TEXT_COLUMN} bytes."
        raise InputError(None, key, error.value, error.expected, hint) from None


def unwrap(value: object, name: str, newest: int) -> tuple[Mapping[str, Any], int]:
    """The data of the primitive of one versioned object, and its minor version."""
    envelope = checks.mapping(None, value, f"a {name} object")
    found = envelope.get(OBJECT_NAME)
    if found != name:
        raise InputError(None, OBJECT_NAME, found, name)
    if not envelope.keys() <= _ENVELOPE:
        checks.known_keys(envelope, sorted(_ENVELOPE))
    version = envelope.get("nova_object.version")
    minor = _minor(version) if isinstance(version, str) else -1
    if not 0 <= minor <= newest:
        hint = "The row was written by a later nova than 34." if minor > newest else ""
        raise InputError(None, "nova_object.version", version, f"1.0 to 1.{newest}", hint)
    data = envelope.get("nova_object.data")
    return checks.mapping("nova_object.data", data, f"the fields of the {name}"), minor


@lru_cache(maxsize=64)
def _minor(version: str) -> int:
    major, dot, minor = version.partition(".")
    good = major == "1" and dot and minor.isascii() and minor.isdigit() and len(minor) < 6
    return int(minor) if good else -1
