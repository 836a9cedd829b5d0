"""What is a point of a sweep? Named values; a text that tells it from every other; a seed."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from enum import Enum
from typing import Any

import numpy as np

from numafit._engine import Prepared
from numafit.columns import npz
from numafit.errors import InvalidValue
from numafit.fleet import Fleet
from numafit.model import fields
from numafit.model.request import Request
from numafit.moments import columns_now

Point = Mapping[str, Any]
_REQUEST = ("guest", "networks", "pci", "provider_mapping", "resources")
"""What a Request is made of."""


def grid(**axes: Iterable[Any]) -> list[dict[str, Any]]:
    """Points of every combination of the axes' values, the last axis changing first:
    ``grid(fleet=[now, after], flavor=flavors, repeat=range(10))``. Raises InvalidValue for an axis
    that is no list."""
    values = [fields.listed(name, axis, "a list of values") for name, axis in axes.items()]
    return [dict(zip(axes, one, strict=True)) for one in itertools.product(*values)]


def checked(points: Iterable[Point]) -> list[dict[str, Any]]:
    """The points as a list. Raises InvalidValue for one that has no names."""
    found = []
    for n, point in enumerate(points):
        if not isinstance(point, Mapping) or not all(isinstance(name, str) for name in point):
            raise InvalidValue(
                f"points[{n}]", point, "a mapping of names to values, as numafit.grid makes them"
            )
        found.append(dict(point))
    return found


def seed_of(text: str, seed: int) -> int:
    """63 bits that depend on the point's text and on the sweep's seed, and on nothing else."""
    digest = hashlib.blake2b(f"{seed}\n{text}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def scalar(value: object) -> bool:
    """Can a column of the answers hold it?"""
    return value is None or isinstance(value, bool | int | float | str | np.generic)


class Texts:
    """The text of a point, and of what it holds: the same in every process and on every day.

    Raises InvalidValue for a value that has no such text.
    """

    def __init__(self) -> None:
        # a fleet stands in many points, and its text takes a pass over all of it
        self._fleets: dict[int, tuple[Fleet, str]] = {}

    def point(self, number: int, point: Point) -> str:
        named = (
            f"{name}={self._of(f'points[{number}].{name}', point[name])}" for name in sorted(point)
        )
        return ", ".join(named)

    def fleet(self, fleet: Fleet) -> str:
        """A digest of what the fleet holds."""
        known = self._fleets.get(id(fleet))
        if known is None:
            known = self._fleets[id(fleet)] = (fleet, npz.digest(columns_now(fleet._engine)))
        return known[1]

    def _of(self, key: str, value: Any) -> str:
        match value:
            case Enum():
                return f"{type(value).__name__}.{value.name}"
            case None | bool() | int() | str():
                return json.dumps(value)
            case np.generic():
                return self._of(key, value.item())
            case float():
                return repr(value) if math.isfinite(value) else f"float {value}"
            case Fleet():
                return f"Fleet({self.fleet(value)})"
            case Prepared():
                return self._of(key, value.request)
            case Request():
                held = ((name, getattr(value, name)) for name in _REQUEST)
                said = (f"{name}={self._of(f'{key}.{name}', one)}" for name, one in held)
                return f"Request({', '.join(said)})"
            case np.ndarray() if value.dtype != object:
                data = hashlib.blake2b(np.ascontiguousarray(value).tobytes(), digest_size=8)
                return f"array({value.dtype}, {value.shape}, {data.hexdigest()})"
            case os.PathLike():
                return self._of(key, os.fspath(value))
            case Mapping():
                inner = (f"{self._of(key, k)}: {self._of(key, v)}" for k, v in value.items())
                return "{" + ", ".join(sorted(inner)) + "}"
            case Set():
                return "set(" + ", ".join(sorted(self._of(key, one) for one in value)) + ")"
            case bytes():
                return f"bytes({value.hex()})"
            case Sequence():
                return "[" + ", ".join(self._of(key, one) for one in value) + "]"
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            parts = (
                f"{f.name}={self._of(f'{key}.{f.name}', getattr(value, f.name))}"
                for f in dataclasses.fields(value)
                if f.compare
            )
            return f"{type(value).__name__}({', '.join(parts)})"
        raise InvalidValue(
            key,
            value,
            "numbers, text, fleets, requests, dataclasses, or lists and mappings of them",
        )
