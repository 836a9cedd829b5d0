"""Fleets as Arrow data: what other libraries read, and the same fleet back from them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from numafit import (
    Flavor,
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    InputError,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "data"
REQUEST = Request(
    GuestTopology([GuestCell((), range(2), 256, 4, "dedicated")]),
    pci=[PciRequest(1, [{"vendor_id": "8086"}])],
)


def from_vectors(name: str, limit: int) -> Fleet:
    rows = []
    with gzip.open(VECTORS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for n, line in zip(range(limit), lines, strict=False):
            case = json.loads(line)
            pci = None if case["pci_stats"] is None else json.dumps(case["pci_stats"])
            rows.append((f"höst {n}", json.dumps(case["host"]), pci, n % 3 * 8.0, None))
    return Fleet.from_nova_rows(rows)


def odd() -> Fleet:
    """What nova's rows do not hold, or seldom."""
    cells = [
        HostCell(
            id=7 - n,
            cpuset={0, 1} if n else (),
            pcpuset=range(2 + 300 * n, 302 + 300 * n),
            memory_mb=1 << 30,
            memory_usage=1 << 31,
            cpu_usage=9,
            pinned_cpus={*range(2 + 300 * n, 302 + 300 * n, 7), 5000 + n},
            page_pools=[PagePool(4, 1 << 20, 1 << 21), PagePool(2048, 9, 1, 2)],
            physnets=[f"net{net}" for net in range(n, 100, 3)],
            tunneled=bool(n),
            socket=None,
        )
        for n in range(2)
    ]
    pool = PciPool("8086", "1572", 7, 2, {"dev_type": "type-PF", "rp_uuid": "x", "é": None},
                   devices=("0000:01:00.0", "0000:01:00.1"))  # fmt: skip
    lone = PciPool("10de", "1eb8", None, 0)
    hosts = [
        HostInfo((), "no topology", [lone]),
        HostInfo(cells, "two", [pool, lone], 16.0, 1.5, ((10, 40), (41, 10))),
        HostInfo(cells[:1], "", ()),
    ]
    return Fleet(hosts * 3)


FLEETS = {
    "fit": lambda: from_vectors("fit", 200),
    "fit_wide": lambda: from_vectors("fit_wide", 120),
    "odd": odd,
    "empty": lambda: Fleet([]),
}


@pytest.fixture(params=FLEETS)
def fleet(request: pytest.FixtureRequest) -> Fleet:
    made: Fleet = FLEETS[request.param]()
    for host in np.flatnonzero(made.scan(REQUEST)).tolist():
        made.claim(REQUEST, host=host)
    return made


def same(a: Fleet, b: Fleet) -> None:
    """Equal in all but the numbers that stand for names, and what claims of pools have left
    behind: a snapshot holds free devices, as nova's rows do."""
    again = [Fleet(f.hostinfos()).c_columns() for f in (a, b)]
    for field, value in again[0].items():
        np.testing.assert_array_equal(again[1][field], value, err_msg=field)
    assert list(a.names) == list(b.names)
    generations = [f.columns()["host_generation"] for f in (a, b)]
    np.testing.assert_array_equal(*generations)
    assert a.scan(REQUEST).tolist() == b.scan(REQUEST).tolist()


def test_round_trip_by_pyarrow(fleet: Fleet) -> None:
    table = pa.table(fleet)
    table.validate(full=True)
    assert table.num_rows == len(fleet)
    same(fleet, Fleet.from_arrow(table))
    same(fleet, Fleet.from_arrow(fleet))


def test_hosts_that_take_no_guests_take_none_after_arrow() -> None:
    """One is disabled, one was removed: a row stands for it, and its answer beside the row."""
    infos = [HostInfo((HostCell(0, {0, 1}, (), 1024),), name) for name in "abc"]
    infos[1] = replace(infos[1], disabled="disabled, broken fan")
    fleet = Fleet(infos)
    fleet.remove("c")
    table = pa.table(fleet)
    anything = Request.for_server(Flavor("one", 1, 512))
    for source in (table, table.set_column(0, "name", pa.array(["a", None, ""]))):
        again = Fleet.from_arrow(source)
        assert [one.disabled for one in again.hostinfos()][:2] == ["", "disabled, broken fan"]
        assert again.scan(anything).tolist() == fleet.scan(anything).tolist()
        assert again.scan(anything).tolist() == [True, False, False]
        assert again.scan(Request(None, pci=[])).tolist() == [True, True, False]
        assert again.check() is None
        again.replace(2, infos[0])
        assert again.compact().tolist() == [0, 1, 2]
    again.remove(0)
    assert Fleet.from_arrow(again).compact().tolist() == [-1, 0, 1]


def test_round_trip_by_polars(fleet: Fleet) -> None:
    frame = pl.DataFrame(fleet)
    assert frame.height == len(fleet)
    same(fleet, Fleet.from_arrow(frame))
    same(fleet, Fleet.from_arrow(pl.from_arrow(fleet)))


def test_values_are_those_of_the_hosts(fleet: Fleet) -> None:
    assert pa.schema(fleet) == pa.table(fleet).schema
    for row, info in zip(pa.table(fleet).to_pylist(), fleet.hostinfos(), strict=True):
        assert row["name"] == info.name
        assert row["cpu_allocation_ratio"] == info.cpu_allocation_ratio
        assert [tuple(r) for r in row["distances"]] == list(info.distances)
        for found, cell in zip(row["cells"], info.cells, strict=True):
            assert found["id"] == cell.id
            assert found["socket"] == cell.socket
            assert found["pinned_cpus"] == sorted(cell.pinned_cpus)
            assert found["free_cpus"] == len(cell.pcpuset - cell.pinned_cpus)
            assert found["memory_usage"] == cell.memory_usage
            assert set(found["physnets"]) == cell.physnets
            assert found["tunneled"] == cell.tunneled
            assert [p["used"] for p in found["page_pools"]] == [p.used for p in cell.page_pools]
        for found, pool in zip(row["pci_pools"], info.pci_pools or (), strict=True):
            assert (found["count"], found["numa_node"]) == (pool.count, pool.numa_node)
            assert json.loads(found["tags"]) == pool.tags
            assert tuple(found["devices"]) == pool.devices


def test_arrow_data_are_snapshots() -> None:
    fleet = from_vectors("fit", 20)
    request = Request(REQUEST.guest)
    host = int(np.flatnonzero(fleet.scan(request))[0])
    table, before = pa.table(fleet), pa.table(fleet).to_pylist()
    views = fleet.columns(copy=False)
    copies = fleet.columns()
    claim = fleet.claim(request, host=host)
    assert table.to_pylist() == before
    assert pa.table(fleet).to_pylist() != before
    assert views["host_generation"][host] == 1
    assert copies["host_generation"][host] == 0
    for array in (*views.values(), *copies.values()):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    fleet.release(claim)
    assert fleet.check() is None


def test_answers_stand_beside_the_rows() -> None:
    fleet = from_vectors("fit", 50)
    request = Request(REQUEST.guest)
    frame = pl.DataFrame(fleet).with_columns(more=fleet.capacity(request))
    rows = frame.filter(pl.col("more") > 0)["name"].to_list()
    assert rows == [placement.host_name for placement in fleet.fit(request)]


def changed(**changes: Any) -> pa.Table:
    """A table whose second host's last cell, or that host itself, holds something else."""
    rows = pa.table(odd()).to_pylist()[:2]
    for key, value in changes.items():
        (rows[1] if key in rows[1] else rows[1]["cells"][-1])[key] = value
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"memory_mb": -1}, "cells[1].memory_mb"),
        ({"memory_mb": None}, "cells[1].memory_mb"),
        ({"cpuset": "3-1"}, "cells[1].cpuset"),
        ({"cpuset": "0-9999999999"}, "cells[1].cpuset"),
        ({"siblings": "0,1 1,2"}, "cells[1].siblings[1]"),
        ({"siblings": None}, "cells[1].siblings"),
        ({"pinned_cpus": [-4]}, "cells[1].pinned_cpus[0]"),
        ({"id": 7}, "cells[1].id"),
        ({"tunneled": None}, "cells[1].tunneled"),
        ({"cells": None}, "cells"),
        ({"distances": [[1]]}, "distances"),
        ({"generation": -1}, "generation"),
        ({"name": "a\nb"}, "name"),
        ({"cpu_allocation_ratio": float("nan")}, "cpu_allocation_ratio"),
    ],
)
def test_bad_rows_are_refused_by_name(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError) as error:
        Fleet.from_arrow(changed(**changes))
    assert (error.value.file, error.value.key) == ("row 1", key)


def test_other_data_are_refused() -> None:
    for source in (7, {"cells": []}, None):
        with pytest.raises(InputError, match="__arrow_c_stream__"):
            Fleet.from_arrow(source)
    with pytest.raises(InputError, match="cells"):
        Fleet.from_arrow(pa.table({"a": [1]}))
    with pytest.raises(InputError):
        Fleet.from_arrow(pa.chunked_array([[1, 2]]))


def test_without_nanoarrow_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['nanoarrow'] = None\n"
        "from numafit import Fleet, NumafitError\n"
        "try:\n    Fleet([]).__arrow_c_stream__()\n"
        "except NumafitError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'numafit[arrow]'" in done.stdout
