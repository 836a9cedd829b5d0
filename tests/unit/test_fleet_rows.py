"""Fleets from rows: the same columns as from hosts, one by one; the same errors."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numafit import Fleet, Host, InputError

VECTORS = Path(__file__).parents[1] / "vectors" / "data"
Row = tuple[str, str | None, str | None, float | None, float | None]


def vector_rows(name: str, limit: int) -> list[Row]:
    rows: list[Row] = []
    with gzip.open(VECTORS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for n, line in enumerate(lines):
            if n == limit:
                break
            case = json.loads(line)
            pci = None if case["pci_stats"] is None else json.dumps(case["pci_stats"])
            rows.append((f"host {n}", json.dumps(case["host"]), pci, n % 3 * 8.0, 1.5))
    return rows


def careful(row: Row) -> Any:
    from numafit.readers.nova_rows import host_from_nova

    return host_from_nova(row[1], row[2], row[0], row[3], row[4])


@pytest.mark.parametrize("name", ["fit", "fit_wide"])
def test_same_columns_from_rows_and_from_hosts(name: str) -> None:
    rows = vector_rows(name, 600)
    fast, slow = Fleet.from_nova_rows(rows), Fleet(map(careful, rows))
    ours, theirs = fast.c_columns(), slow.c_columns()
    assert ours.keys() == theirs.keys()
    for field, value in theirs.items():
        np.testing.assert_array_equal(ours[field], value, err_msg=field)
    assert list(fast.names) == list(slow.names)
    assert fast._columns.nets == slow._columns.nets
    assert fast._columns.pools == slow._columns.pools
    assert fast.check() is None


def stored(**changes: Any) -> str:
    text = vector_rows("fit", 1)[0][1]
    assert text is not None
    topology = json.loads(text)
    topology["nova_object.data"]["cells"][0]["nova_object.data"].update(changes)
    return json.dumps(topology)


def older(text: str) -> str:
    """As nova wrote it before cells knew their socket."""
    topology = json.loads(text)
    for cell in topology["nova_object.data"]["cells"]:
        cell["nova_object.version"] = "1.4"
        cell["nova_object.data"].pop("socket")
    return json.dumps(topology)


GOOD = [
    stored(),
    None,
    "",
    older(stored()),
    stored(socket=None),
    stored(siblings=[]),
    stored(pinned_cpus=[0, 1, 77]),
    stored(memory_usage=10**9),
    stored(cpuset=[], pcpuset=[], pinned_cpus=[], siblings=[]),
]


@pytest.mark.parametrize("text", GOOD)
def test_rows_of_other_shapes_are_read_all_the_same(text: str | None) -> None:
    fast = Fleet.from_nova_rows([("a", text, None), ("b", stored(), None)])
    slow = Fleet([careful(("a", text, None, None, None)), careful(("b", stored(), None, 0.0, 0.0))])
    for field, value in slow.c_columns().items():
        np.testing.assert_array_equal(fast.c_columns()[field], value, err_msg=field)


BAD = [
    '{"nova_object.name": "NUMATopology"',
    "[1, 2]",
    stored(memory=-1),
    stored(memory="much"),
    stored(pinned_cpus=[1.5]),
    stored(siblings=[[0, 1], [1, 2]]),
    stored(id=3_000_000_000),
    stored(colour="red"),
    stored(cpuset=None),
    stored(mempages=[{}]),
]


@pytest.mark.parametrize("text", BAD)
def test_bad_rows_are_refused_as_by_the_careful_reader(text: str) -> None:
    with pytest.raises(InputError) as slow:
        careful(("b", text, None, None, None))
    with pytest.raises(InputError) as fast:
        Fleet.from_nova_rows([("a", stored(), None), ("b", text, None)])
    assert str(fast.value) == f"row 1 (b): {slow.value}"


@pytest.mark.parametrize(
    ("row", "key"),
    [
        (("a", stored(), "{"), "pci_stats"),
        (("a\n", stored(), None), "name"),
        (("a", stored(), None, "much", 1.0), "cpu_allocation_ratio"),
        (("a", stored(), None, 1.0, -1.0), "ram_allocation_ratio"),
        ((7, stored(), None), "name"),
        (("a", 7, None), "numa_topology"),
    ],
)
def test_other_bad_columns(row: Any, key: str) -> None:
    with pytest.raises(InputError) as error:
        Fleet.from_nova_rows([row])
    assert (error.value.key or "").startswith(key)


def test_mappings_and_progress() -> None:
    rows = ({"hypervisor_hostname": f"n{n}", "numa_topology": stored()} for n in range(2500))
    seen: list[int] = []
    fleet = Fleet.from_nova_rows(rows, progress=seen.append)
    assert seen == [1000, 2000, 2500]
    assert fleet.names[2499] == "n2499"
    assert Fleet.from_nova_rows([]).names == []


def test_row_with_too_few_columns_is_an_input_error() -> None:
    with pytest.raises(InputError, match="row 0"):
        Fleet.from_nova_rows([("a",)])  # type: ignore[list-item]


def test_one_host_agrees_with_host_from_nova() -> None:
    text = stored()
    fleet = Fleet.from_nova_rows([("a", text, None)])
    assert fleet.usage(0) == Host.from_nova(text).usage()


def rows_of_computes() -> list[dict[str, Any]]:
    """Rows that nova's own functional tests left in their databases."""
    text = (Path(__file__).parent / "data" / "nova_rows.json").read_text("utf-8")
    return [row for dump in json.loads(text).values() for row in dump["compute_nodes"]]


def columns_or_error(make: Any) -> Any:
    try:
        return make().c_columns()
    except InputError as error:
        return str(error).removeprefix("row 0: ")


def bend(value: Any, rng: random.Random) -> Any:
    """One thing in it changed: dropped, doubled, or of another kind."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        if rng.random() < 0.1:
            return {name: one for name, one in value.items() if name != key}
        return {**value, key: bend(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        n = rng.randrange(len(value))
        if rng.random() < 0.1:
            return [*value, value[n]]
        return [*value[:n], bend(value[n], rng), *value[n + 1 :]]
    return rng.choice([None, -1, 0, 1, 3.5, True, "", "x", [], {}, 2**31, 2**70, [1, 1]])


def test_rows_of_nova_bent_in_many_ways() -> None:
    rng = random.Random(11)
    rows = rows_of_computes()
    assert len(rows) == 3
    refused = 0
    for n in range(700):
        row = rows[n % len(rows)]
        text, pci = row["numa_topology"], row["pci_stats"]
        if n >= len(rows) and text:
            text = json.dumps(bend(json.loads(text), rng))
        given = ("", text, pci, row["cpu_allocation_ratio"], row["ram_allocation_ratio"])
        fast = columns_or_error(lambda given=given: Fleet.from_nova_rows([given]))
        slow = columns_or_error(lambda given=given: Fleet([careful(given)]))
        if isinstance(slow, str):
            assert fast == slow, given
            refused += 1
            continue
        assert not isinstance(fast, str), (given, fast)
        for field, value in slow.items():
            np.testing.assert_array_equal(fast[field], value, err_msg=field)
    assert 150 < refused < 650
