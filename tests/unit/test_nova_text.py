"""Ordinary rows: what nova wrote is such, and the careful reader reads them alike."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numafit import Fleet, InputError
from numafit.columns._nova_text import NovaPools
from numafit.columns.nova_rows import RowGatherer
from numafit.readers.nova_rows import host_from_nova

VECTORS = Path(__file__).parents[1] / "vectors" / "data"


def stored(name: str, limit: int) -> list[tuple[str, str | None]]:
    """Topologies and pools that nova wrote."""
    found = []
    with gzip.open(VECTORS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for _n, line in zip(range(limit), lines, strict=False):
            case = json.loads(line)
            pci = None if case["pci_stats"] is None else json.dumps(case["pci_stats"])
            found.append((json.dumps(case["host"]), pci))
    return found


def wrap(name: str, version: str, data: Any, *changes: str) -> dict[str, Any]:
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
        **({"nova_object.changes": changes} if changes else {}),
    }


def cell(number: int = 0, **fields: Any) -> dict[str, Any]:
    """Two cores of two threads, CPUs 10 to 13 in the first cell, 20 to 23 in the second..."""
    first = 10 * number + 10
    data = {
        "id": number,
        "cpuset": [],
        "pcpuset": [first, first + 1, first + 2, first + 3],
        "memory": 4096,
        "cpu_usage": 0,
        "memory_usage": 1024,
        "pinned_cpus": [first + 1],
        "siblings": [[first, first + 2], [first + 1, first + 3]],
        "mempages": [
            wrap("NUMAPagesTopology", "1.1", {"size_kb": 4, "total": 9, "used": 2, "reserved": 1})
        ],
        "network_metadata": wrap(
            "NetworkMetadata", "1.0", {"physnets": ["north"], "tunneled": False}
        ),
        "socket": number,
    }
    return wrap("NUMACell", "1.5", {**data, **fields}, "id", "socket")


def topology(*cells: dict[str, Any], **dumping: Any) -> str:
    return json.dumps(wrap("NUMATopology", "1.2", {"cells": cells}, "cells"), **dumping)


def pool(count: int = 4, **tags: str | None) -> dict[str, Any]:
    data = {"product_id": "154c", "vendor_id": "8086", "numa_node": 1, "tags": tags, "count": count}
    return wrap("PciDevicePool", "1.1", data, "count")


def pools(*some: dict[str, Any], **dumping: Any) -> str:
    return json.dumps(wrap("PciDevicePoolList", "1.1", {"objects": some}), **dumping)


def ordinary(text: str | bytes | None) -> bool:
    return RowGatherer()._text.read(text)  # type: ignore[arg-type]


def ordinary_pools(text: str) -> bool:
    return NovaPools().read(text) is not None


def test_what_nova_wrote_is_ordinary() -> None:
    rows = stored("fit", 500)
    assert all(ordinary(text) for text, _pci in rows)
    found = [pci for _text, pci in rows if pci is not None]
    assert len(found) > 100
    assert all(map(ordinary_pools, found))


def test_columns_of_two_hosts_by_hand() -> None:
    second = cell(1, pinned_cpus=[20, 23], memory_usage=7, cpu_usage=3, socket=None)
    fleet = Fleet.from_nova_rows(
        [
            ("a", topology(cell(), second), None),
            ("b", topology(cell(pinned_cpus=[])), pools(pool(3), pool(9, rp_uuid="x"))),
        ]
    )
    columns = fleet.columns()
    assert columns["cell_id"].tolist() == [0, 1, 0]
    assert columns["cell_socket"].tolist() == [0, -1, 0]
    assert columns["cell_layout"].tolist() == [0, 1, 0]
    # core by core: 20, 22, 21, 23
    assert columns["pinned"].tolist() == [0b0100, 0b1001, 0]
    assert columns["cell_memory_used"].tolist() == [1024, 7, 1024]
    assert columns["cell_cpu_used"].tolist() == [0, 3, 0]
    assert columns["pages_free"].tolist() == [[6, 6, 6]]
    assert columns["pool_count"].tolist() == [3, 9]
    assert [found.tags for found in fleet.pools(1)] == [{}, {"rp_uuid": "x"}]
    assert fleet.hostinfo(0).cells[1].physnets == {"north"}


def test_pools_that_differ_in_counts_and_providers_share_what_they_are() -> None:
    rows = [
        (str(n), "", pools(pool(n, dev_type="type-VF", rp_uuid=f"rp{n}"), pool(2 * n, a="b")))
        for n in range(3)
    ]
    fleet = Fleet.from_nova_rows(rows)
    assert fleet.columns()["pool_class"].tolist() == [0, 1] * 3
    assert fleet.columns()["pool_count"].tolist() == [0, 0, 2, 1, 4, 2]
    # fewer properties come first
    assert [found.tags.get("rp_uuid") for found in fleet.pools(2)] == [None, "rp2"]
    assert [found.count for found in fleet.pools(2)] == [4, 2]


@pytest.mark.parametrize(
    "dumping", [{"indent": 1}, {"separators": (",", ":")}, {"indent": "\t"}, {}]
)
def test_blanks_change_nothing(dumping: dict[str, Any]) -> None:
    assert ordinary(topology(cell(), cell(1), **dumping))
    assert ordinary(topology(cell(), **dumping).encode())
    assert ordinary_pools(pools(pool(1, a="b", rp_uuid="x"), **dumping))


def test_more_pages_may_be_in_use_than_there_are() -> None:
    text = topology(cell()).replace('"used": 2', '"used": 10')
    assert ordinary(text)
    fleet = Fleet.from_nova_rows([("a", text, None)])
    assert fleet.columns()["pages_free"].tolist() == [[9 - 10 - 1]]


def test_fields_may_stand_in_any_order() -> None:
    one = cell()
    one["nova_object.data"] = dict(reversed(one["nova_object.data"].items()))
    assert ordinary(topology(one))
    without = cell()
    del without["nova_object.data"]["socket"], without["nova_object.data"]["network_metadata"]
    assert ordinary(topology(without))


ODD = {
    "another version": topology(cell() | {"nova_object.version": "1.4"}),
    "a field too few": topology(cell()).replace('"memory": 4096, ', ""),
    "a field twice": topology(cell()).replace('"memory": 4096', '"memory": 4096, "memory": 1'),
    "an unknown field": topology(cell(colour=1)),
    "two cells of one id": topology(cell(), cell()),
    "a page size twice": topology(cell(mempages=cell()["nova_object.data"]["mempages"] * 2)),
    "a number with a sign": topology(cell(memory=-1)),
    "a number with a fraction": topology(cell(memory=1.0)),
    "a zero before a number": topology(cell()).replace("4096", "04096"),
    "a number that is too large": topology(cell(memory=1 << 62)),
    "a number of many digits": topology(cell(memory=10**30)),
    "more pages in use than are counted": topology(cell()).replace('"used": 2', f'"used": {2**40}'),
    "more pages kept than can be": topology(cell())
    .replace('"used": 2', f'"used": {2**31 - 1}')
    .replace('"reserved": 1', '"reserved": 10'),
    "an escape": topology(cell()).replace("north", "n\\u006frth"),
    "another alphabet": topology(cell()).replace("north", "nörth"),
    "a CPU that is not dedicated": topology(cell(pinned_cpus=[9])),
    "a CPU that is pinned twice": topology(cell(pinned_cpus=[11, 11])),
    "a CPU far away": topology(cell(pinned_cpus=[1 << 40])),
    "text behind it": topology(cell()) + " x",
    "a NUL behind it": topology(cell()) + "\0",
    "half of it": topology(cell())[:-1],
    "a comma too many": topology(cell(pinned_cpus=[])).replace("[]", "[,]"),
    "cores that share a CPU": topology(cell(siblings=[[10, 11], [11, 12]])),
    "half a surrogate": topology(cell()).replace("north", "\udc80"),
    "nothing": "",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_what_is_odd_is_left_to_the_careful_reader(text: str) -> None:
    assert not ordinary(text)


@pytest.mark.parametrize(
    "text",
    [
        pools(pool()).replace('"count": 4', '"count": -4'),
        pools(pool()).replace('"count": 4', '"count": 4, "count": 5'),
        pools(pool(rp_uuid="x")).replace('"rp_uuid"', '"rp_uuid": "y", "rp_uuid"'),
        pools(pool(a="\\")),
        pools(pool(a=7)),  # type: ignore[arg-type]
        pools(pool() | {"nova_object.version": "1.2"}),
        pools(pool())[:-2],
        "[]",
    ],
)
def test_odd_pools_are_left_to_the_careful_reader(text: str) -> None:
    assert not ordinary_pools(text)


def outcome(make: Any) -> Any:
    try:
        return make()
    except InputError as error:
        return str(error).removeprefix("row 1 (h): ")


def torn(text: str, rng: random.Random) -> str:
    """A few characters of it changed, left out, doubled, or moved."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(text))
        size = rng.choice((1, 1, 2, 7, 40))
        signs = ("", *'0123456789-.,:[]{}" \n\\te', "null", "true", "-1", "00")
        piece = rng.choice((text[at : at + size] * 2, *signs))
        text = text[:at] + piece + text[at + rng.choice((0, size)) :]
    return text


def test_torn_rows_are_read_or_refused_as_by_the_careful_reader() -> None:
    rng = random.Random(5)
    rows = stored("fit", 40)
    taken = refused = 0
    for n in range(3000):
        text, pci = rows[n % len(rows)]
        good, good_pci = text, pci
        if n % 3 or pci is None:
            text = torn(text, rng)
        else:
            pci = torn(pci, rng)
        slow = outcome(lambda row=(text, pci): host_from_nova(row[0], row[1], "h"))
        rows_of_two = [("good", good, good_pci), ("h", text, pci)]
        fast = outcome(lambda two=rows_of_two: Fleet.from_nova_rows(two))
        if isinstance(slow, str):
            assert fast == slow, text
            refused += 1
            continue
        assert not isinstance(fast, str), (text, fast)
        expected = Fleet([host_from_nova(good, good_pci, "good"), slow]).c_columns()
        for field, value in expected.items():
            np.testing.assert_array_equal(fast.c_columns()[field], value, err_msg=field)
        taken += ordinary(text)
    assert refused > 1500
    assert taken > 150


def test_layouts_of_a_refused_row_are_forgotten() -> None:
    gatherer = RowGatherer()
    assert not gatherer._reads(topology(cell(), cell(1, pinned_cpus=[99])))
    assert gatherer.layouts.all == []
    gatherer.add_any(("b", topology(cell(1)), None))
    assert gatherer.layout.tolist() == [0]
    assert gatherer.layouts.all[0].dedicated == {20, 21, 22, 23}
