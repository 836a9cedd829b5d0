"""Rows of ``compute_nodes``: real ones that nova wrote load, broken ones name their fault."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from numafit import Host, HostInfo, InputError, PagePool
from numafit.readers.nova_rows import host_from_nova, read_nova_rows

ROWS = Path(__file__).parent / "data" / "nova_rows.json"
"""What nova 34 wrote to its database in three of its own functional tests."""


def rows() -> list[dict[str, Any]]:
    return [row for dump in json.loads(ROWS.read_text()).values() for row in dump["compute_nodes"]]


def topology(row: dict[str, Any]) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(row["numa_topology"])
    return decoded


def test_real_rows_load() -> None:
    hosts = read_nova_rows(ROWS)
    assert len(hosts) == len(rows()) == 3
    for host, row in zip(hosts, rows(), strict=True):
        assert host.name == row["hypervisor_hostname"]
        assert host.cpu_allocation_ratio == row["cpu_allocation_ratio"]
        stored = [cell["nova_object.data"] for cell in topology(row)["nova_object.data"]["cells"]]
        assert [cell.id for cell in host.cells] == [cell["id"] for cell in stored]
        for cell, data in zip(host.cells, stored, strict=True):
            assert sorted(cell.pcpuset) == data["pcpuset"]
            assert cell.memory_mb == data["memory"]
            assert [sorted(core) for core in cell.siblings] == list(map(sorted, data["siblings"]))
        assert Host(host).check() is None


def test_used_pages_of_a_real_row() -> None:
    (cell, *_rest) = read_nova_rows(ROWS)[0].cells
    assert cell.page_pools == (PagePool(4, 3670712), PagePool(2048, 1024, used=1024))


@pytest.mark.parametrize("form", ["list", "one", "table"])
def test_forms_of_a_dump(form: str, tmp_path: Path) -> None:
    found = rows()
    data = {"list": found, "one": found[0], "table": {"compute_nodes": found}}[form]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(data))
    assert read_nova_rows(path) == read_nova_rows(ROWS)[: 1 if form == "one" else 3]


def test_soft_deleted_rows_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([rows()[0] | {"deleted": 7}, rows()[1]]))
    assert len(read_nova_rows(path)) == 1


def test_a_host_without_numa_topology() -> None:
    assert host_from_nova(None, name="a") == HostInfo(cells=(), name="a")
    assert host_from_nova("").cells == ()


def wrong_cell(**changes: object) -> dict[str, Any]:
    data = topology(rows()[0])
    data["nova_object.data"]["cells"][1]["nova_object.data"].update(changes)
    return data


def wrong_envelope(place: str, **changes: object) -> dict[str, Any]:
    data = topology(rows()[0])
    holder = data if place == "topology" else data["nova_object.data"]["cells"][1]
    holder.update({f"nova_object.{key}": value for key, value in changes.items()})
    return data


def wrong_pages(**changes: object) -> dict[str, Any]:
    data = wrong_cell()
    pages = data["nova_object.data"]["cells"][1]["nova_object.data"]["mempages"]
    pages[0]["nova_object.data"].update(changes)
    return data


CELL = "numa_topology.cells[1]"


@pytest.mark.parametrize(
    ("stored", "key", "words"),
    [
        (wrong_cell(memory=-1), f"{CELL}.memory", "a whole number from 0"),
        (wrong_cell(memory="1"), f"{CELL}.memory", "a whole number from 0"),
        (wrong_cell(cpuset="4-7"), f"{CELL}.cpuset", "a list of CPU ids"),
        (wrong_cell(cpuset=[4, 1 << 31]), f"{CELL}.cpuset", "2147483647"),
        (wrong_cell(pcpuset=[4, -1]), f"{CELL}.pcpuset", "a whole number from 0"),
        (wrong_cell(pcpuset=[4, True]), f"{CELL}.pcpuset[1]", "a CPU id"),
        (wrong_cell(pinned_cpus=[4, [5]]), f"{CELL}.pinned_cpus[1]", "a CPU id"),
        (wrong_cell(siblings=[[4, 5], [5, 6]]), f"{CELL}.siblings[1]", "CPU 5 stands in two"),
        (wrong_cell(siblings=[4, 5]), f"{CELL}.siblings[0]", "a list of CPU ids"),
        (wrong_cell(id=0), f"{CELL}.id", "no other cell has"),
        (wrong_cell(id=None), f"{CELL}.id", "a whole number"),
        (wrong_cell(socket="a"), f"{CELL}.socket", "a whole number"),
        (wrong_cell(hugepages=[]), f"{CELL}.hugepages", "one of the keys id"),
        (wrong_cell(network_metadata=3), f"{CELL}.network_metadata", "a NetworkMetadata object"),
        (wrong_pages(total=-1), f"{CELL}.mempages[0].total", "(pages)"),
        (wrong_pages(size_kb=0), f"{CELL}.mempages[0].size_kb", "(KiB)"),
        (wrong_pages(size_kb=2048), f"{CELL}.mempages[1].size_kb", "each page size once"),
        (wrong_envelope("cell", version="1.6"), f"{CELL}.nova_object.version", "a later nova"),
        (wrong_envelope("cell", version="2.0"), f"{CELL}.nova_object.version", "1.0 to 1.5"),
        (wrong_envelope("cell", name="NUMACel"), f"{CELL}.nova_object.name", "NUMACell"),
        (wrong_envelope("cell", data=None), f"{CELL}.nova_object.data", "the fields"),
        (wrong_envelope("topology", name="Foo"), "numa_topology.nova_object.name", "NUMATopology"),
        (wrong_envelope("topology", x=1), "numa_topology.nova_object.x", "one of the keys"),
        (wrong_envelope("topology", data={"cells": [{}] * 10_000}), "numa_topology.cells", "1024"),
        ({"cells": [{"id": 0, "cpus": "3-1"}]}, "numa_topology.cells[0].cpus", "runs backwards"),
        ({"cells": [{"id": 0, "cpu": "3"}]}, "numa_topology.cells[0].cpu", "Did you mean 'cpus'?"),
        ([], "numa_topology", "NUMATopology"),
        (3, "numa_topology", "NUMATopology"),
    ],
)
def test_fault_is_named(stored: Any, key: str, words: str) -> None:
    for given in (copy.deepcopy(stored), json.dumps(stored)):
        with pytest.raises(InputError) as caught:
            host_from_nova(given, name="a", file="rows.json")
        assert caught.value.file == "rows.json"
        assert (caught.value.key or "").startswith(key)
        assert words in str(caught.value)


def test_text_that_the_database_cut() -> None:
    whole = rows()[0]["numa_topology"]
    with pytest.raises(InputError, match="was the file cut") as caught:
        host_from_nova(whole[:900])
    assert (caught.value.key or "").startswith("numa_topology[line 1, column")
    long = json.dumps(topology(rows()[0]) | {"x": "y" * 70_000})[:65535]
    with pytest.raises(InputError, match="its TEXT columns hold 65535 bytes"):
        host_from_nova(long)


@pytest.mark.parametrize(
    ("pools", "key"),
    [
        ([{"product_id": "1", "count": 1}], "pci_stats[0].vendor_id"),
        ([{"vendor_id": "8086", "product_id": "1", "count": -1}], "pci_stats[0].count"),
        ([{"vendor_id": "8086", "product_id": "1", "count": 1, "a": 1}], "pci_stats[0].a"),
        ([3], "pci_stats[0]"),
        ("[", "pci_stats[line 1"),
        ({"nova_object.name": "PciDevicePool"}, "pci_stats.nova_object.name"),
    ],
)
def test_fault_of_the_pools_is_named(pools: Any, key: str) -> None:
    with pytest.raises(InputError) as caught:
        host_from_nova(None, pools)
    assert (caught.value.key or "").startswith(key)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ([{"host": "a"}], "[0].numa_topology"),
        ([{"numa_topology": None, "cpu_allocation_ratio": "x"}], "[0].cpu_allocation_ratio"),
        ([{"numa_topology": None, "deleted": "x"}], "[0].deleted"),
        ([{"numa_topology": None, "host": "a\nb"}], "[0].host"),
        ([3], "[0]"),
        ({"a": {"compute_nodes": [3]}}, "a.compute_nodes[0]"),
        ({"a": []}, ""),
        (3, ""),
    ],
)
def test_fault_of_a_dump_is_named(data: Any, key: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError) as caught:
        read_nova_rows(path)
    assert (caught.value.file, caught.value.key or "") == (str(path), key)
