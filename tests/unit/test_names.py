"""The names of a fleet against a plain list."""

from __future__ import annotations

import random
from array import array
from contextlib import suppress
from copy import copy

import pytest

from numafit.columns.names import Names


def some_name(rng: random.Random) -> str:
    return "".join(rng.choice("abü\ud800") for _ in range(rng.randrange(4)))


@pytest.mark.parametrize("seed", range(100))
def test_names_that_change_are_those_of_a_list(seed: int) -> None:
    rng = random.Random(seed)
    expected = [some_name(rng) for _ in range(rng.randrange(12))]
    built = Names(expected)
    if rng.random() < 0.5:
        with suppress(ValueError):
            built.index("a")  # what finds names is made
    before, names = list(expected), copy(built)
    for _ in range(rng.randrange(20)):
        n, name = rng.randrange(len(expected) + 1), some_name(rng)
        expected[n : n + 1] = [name]
        names.put(n, name)
    assert list(names) == expected
    assert len(names) == len(expected)
    for name in {*expected, *before, "a", "q"} - {""}:
        for sequence, plain in ((names, expected), (built, before)):
            if name in plain:
                assert sequence.index(name) == plain.index(name)
            else:
                with pytest.raises(ValueError, match="not in the names"):
                    sequence.index(name)
    assert list(built) == before
    text, ends = names.parts()
    assert list(Names.of(text, array("Q", ends.tobytes()))) == expected


def test_names_that_are_alike_do_not_share_a_place() -> None:
    names = Names(f"compute{n:05d}.dc1" for n in range(20000))
    assert [names.index(f"compute{n:05d}.dc1") for n in range(0, 20000, 997)] == list(
        range(0, 20000, 997)
    )
    assert names._table is not None
    crowded = max(len(names._table.near(names[n].encode())) for n in range(20000))
    assert crowded < 12
