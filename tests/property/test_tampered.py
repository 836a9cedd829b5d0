"""Saved fleets changed at random, with a checksum that fits: refused by a word of the file, or a
fleet that answers every verb."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np

from numafit import Fleet, StalePlacement
from tests.property.worlds import make_host, make_request
from tests.unit.saved_files import loaded, rewrite, rich_fleet, use

TRIES = 150 if os.environ.get("NUMAFIT_FEWER") else 1500
ENDS = [0, 1, 2, 3, 7, 63, 64, 65, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]
REALS = [0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf")]


def random_fleet(rng: random.Random) -> Fleet:
    if rng.random() < 0.3:
        return rich_fleet()
    fleet = Fleet(make_host(rng, rng.random() < 0.3) for _ in range(rng.randint(1, 3)))
    for _ in range(3):
        try:
            fleet.claim(make_request(rng, tied=True), host=rng.randrange(len(fleet)))
        except StalePlacement:
            continue
    return fleet


def other(rng: random.Random, column: np.ndarray[Any, Any], old: Any) -> Any:
    """A value for one that stood there: an end of the type, a neighbor, one of another place."""
    if column.dtype.kind == "f":
        return rng.choice(REALS)
    bounds = np.iinfo(column.dtype)
    span = int(bounds.max) - int(bounds.min) + 1
    value = rng.choice(
        [rng.choice(ENDS), int(old) + 1, int(old) - 1, -int(old), int(rng.choice(column.ravel()))]
    )
    return (value - int(bounds.min)) % span + int(bounds.min)


def change_values(rng: random.Random, arrays: dict[str, Any]) -> None:
    name = rng.choice([name for name in arrays if arrays[name].size])
    column = arrays[name]
    if column.dtype.names:
        column = column[rng.choice(column.dtype.names)]
    if rng.random() < 0.2:
        a, b = (rng.randrange(column.shape[0]) for _ in range(2))
        column[[a, b]] = column[[b, a]]
        return
    for at in rng.sample(range(column.size), min(column.size, rng.choice([1, 1, 2, 5]))):
        where = np.unravel_index(at, column.shape)
        column[where] = other(rng, column, column[where])


def change_length(rng: random.Random, arrays: dict[str, Any]) -> None:
    """The same rows of all columns that are as long as this one go, or come twice."""
    length = len(arrays[rng.choice(list(arrays))])
    rows = list(range(length))
    if rows and rng.random() < 0.5:
        del rows[rng.randrange(length)]
    elif rows:
        rows.insert(rng.randrange(length), rng.randrange(length))
    for name, column in arrays.items():
        if len(column) == length and rng.random() < 0.9:
            arrays[name] = np.ascontiguousarray(column[rows])


def change_words(rng: random.Random, meta: dict[str, Any]) -> None:
    holder: Any = meta
    key: Any = rng.choice(list(meta))
    while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.8:
        holder = holder[key]
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    what = rng.randrange(4)
    if what == 0:
        del holder[key]
    elif what == 1 and isinstance(holder, list):
        holder.insert(key, rng.choice(holder))
    elif what == 2 and isinstance(holder[key], int):
        holder[key] += rng.choice([-1, 1, 2**31])
    else:
        holder[key] = rng.choice([None, 0, -1, "a", "type-PF", [], {}, ["a"], 2**40, True, 1.5])


def test_any_change_is_refused_or_leaves_a_whole_fleet(tmp_path: Path) -> None:
    rng = random.Random(20)
    path = tmp_path / "fleet.npz"
    whole = 0
    fleet = random_fleet(rng)
    for number in range(TRIES):
        if number % 10 == 0:
            fleet = random_fleet(rng)
        fleet.save(path)

        def change(arrays: dict[str, Any], meta: dict[str, Any]) -> None:
            for _ in range(rng.choice([1, 1, 2, 3])):
                kind = rng.random()
                if kind < 0.7:
                    change_values(rng, arrays)
                elif kind < 0.85:
                    change_length(rng, arrays)
                else:
                    change_words(rng, meta)

        rewrite(path, change)
        found = loaded(path)
        if found is not None:
            use(found, tmp_path / "again.npz")
            whole += 1
    assert TRIES // 20 < whole < TRIES
