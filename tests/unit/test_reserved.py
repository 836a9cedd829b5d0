"""What a row has in use: how much of that is reserved, and what is said where nobody tells."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Fleet, Host, Request, with_inventories
from numafit.readers.nova_db import NovaDb, read_nova_db
from numafit.readers.nova_rows import host_from_nova
from numafit.rules.nova_config import NovaConfig
from tests.unit.test_inventories import units


def test_what_an_empty_host_has_in_use_is_reserved() -> None:
    node = {"vcpus": 8, "memory_mb": 8192, "memory_mb_used": 3000, "running_vms": 0}
    info = host_from_nova(None, name="h", node={**node, "local_gb": 50, "local_gb_used": 7})
    assert units(info) == {
        "VCPU": (8, 0, 4.0, 0),
        "MEMORY_MB": (8192, 3000, 1.0, 0),
        "DISK_GB": (50, 7, 1.0, 0),
    }
    on_top = with_inventories(info, NovaConfig(reserved_host_disk_mb=10241))
    assert units(on_top)["DISK_GB"] == (50, 11, 1.0, 0)
    assert units(on_top)["MEMORY_MB"] == (8192, 3000, 1.0, 0)


def test_a_new_reservation_takes_nothing_from_guests() -> None:
    # a guest of 6 vCPUs, 8192 MiB and 60 GiB; nova stored its 512 MiB with the guest's
    node = {
        "vcpus": 8, "vcpus_used": 6, "memory_mb": 16384, "memory_mb_used": 8704, "running_vms": 1,
        "local_gb": 100, "local_gb_used": 60,
    }  # fmt: skip
    info = host_from_nova(None, name="h", node=node)
    config = NovaConfig(
        reserved_host_memory_mb=4096, reserved_host_cpus=1, reserved_host_disk_mb=10 * 1024
    )
    found = with_inventories(info, config)
    assert units(found) == {
        "VCPU": (8, 1, 4.0, 6),
        "MEMORY_MB": (16384, 4096, 1.0, 8192),
        "DISK_GB": (100, 10, 1.0, 60),
    }
    # 16384 - 4096 - 8192 MiB are free, and 100 - 10 - 60 GiB
    assert Host(found).scan(Request.for_server(Flavor("f", 1, 4096, {}, disk_gb=30)))
    refused = Host(found).explain(Request.for_server(Flavor("f", 1, 4097)))
    assert str(refused) == "MEMORY_MB: 4097 wanted, 4096 free of 12288"
    less = with_inventories(info, NovaConfig(reserved_host_memory_mb=0))
    assert units(less)["MEMORY_MB"] == (16384, 0, 1.0, 8192)
    assert with_inventories(found, config).provider == found.provider


def in_use(**more: Any) -> dict[str, Any]:
    """nova.conf reserves 2 CPUs and 2048 MiB; a guest has 4 vCPUs and 4096 MiB."""
    return {
        "vcpus": 8, "vcpus_used": 6, "memory_mb": 16384, "memory_mb_used": 6144, "running_vms": 1,
        "ram_allocation_ratio": 1.5, **more,
    }  # fmt: skip


def test_what_is_reserved_and_not_told_is_said_where_it_matters() -> None:
    asked = Request.for_server(Flavor("f", 1, 64))

    def said(ratio: float | None, **more: Any) -> list[str]:
        info = host_from_nova(None, name="h", ram_allocation_ratio=ratio, node=in_use(**more))
        return [one.partition(":")[0] for one in Host(info).not_judged(asked) if "reserve" in one]

    assert said(1.5) == ["MEMORY_MB", "VCPU"]
    # a unit that is reserved counts as one that is in use where the ratio is 1
    assert said(None) == ["VCPU"]
    assert said(1.5, vcpus_used=0, memory_mb_used=0) == []
    assert said(1.5, running_vms=0) == []
    assert said(1.5, vcpus_reserved=2, memory_mb_reserved=2048) == []
    info = host_from_nova(None, name="h", node=in_use())
    config = with_inventories(info, NovaConfig(reserved_host_memory_mb=1024))
    assert any(one.startswith("MEMORY_MB: how much") for one in Host(config).not_judged(asked))


@pytest.mark.parametrize(
    ("moves", "vcpus", "memory"),
    [
        ([], (8, 2, 4.0, 4), (16384, 2048, 1.5, 4096)),
        # a guest that has come: its migration is over, its row is here
        ([("c9", "c1", "confirmed")], (8, 2, 4.0, 4), (16384, 2048, 1.5, 4096)),
        # what a migration holds here is no instance's: how much is not known
        ([("c1", "c9", "finished")], (8, 0, 4.0, 6), (16384, 512, 1.5, 5632)),
        ([("c9", "c1", "running")], (8, 0, 4.0, 6), (16384, 512, 1.5, 5632)),
    ],
)
def test_a_database_tells_what_is_reserved_from_what_its_instances_have(
    tmp_path: Path, moves: list[tuple[str, str, str]], vcpus: Any, memory: Any
) -> None:
    pytest.importorskip("sqlalchemy")
    path = tmp_path / "cell.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            CREATE TABLE compute_nodes(id INTEGER, host TEXT, hypervisor_hostname TEXT,
              numa_topology TEXT, pci_stats TEXT, cpu_allocation_ratio FLOAT,
              ram_allocation_ratio FLOAT, vcpus INTEGER, vcpus_used INTEGER, memory_mb INTEGER,
              memory_mb_used INTEGER, running_vms INTEGER, deleted INTEGER);
            CREATE TABLE instances(host TEXT, node TEXT, vm_state TEXT, vcpus INTEGER,
              memory_mb INTEGER, deleted INTEGER);
            CREATE TABLE migrations(source_compute TEXT, source_node TEXT, dest_compute TEXT,
              dest_node TEXT, status TEXT, deleted INTEGER);
            INSERT INTO compute_nodes VALUES
              (1, 'c1', 'c1.x', NULL, NULL, 4.0, 1.5, 8, 6, 16384, 6144, 1, 0);
            INSERT INTO instances VALUES ('c1', 'c1.x', 'active', 4, 4096, 0),
              ('c1', 'c1.x', 'shelved_offloaded', 4, 4096, 0), ('c1', 'c1.x', 'active', 2, 9, 7),
              ('c9', 'c9.x', 'active', 2, 9, 0);
        """)
        for source, target, status in moves:
            row = (source, f"{source}.x", target, f"{target}.x", status, 0)
            connection.execute("INSERT INTO migrations VALUES (?, ?, ?, ?, ?, ?)", row)
        connection.commit()
    (info,) = read_nova_db(f"sqlite:///{path}")
    assert units(info) == {"VCPU": vcpus, "MEMORY_MB": memory}
    fleet = Fleet.from_nova_rows(rows_of(f"sqlite:///{path}"))
    assert units(next(iter(fleet.hostinfos()))) == units(info)


def rows_of(url: str) -> list[Any]:
    with NovaDb(url) as database:
        return list(database.rows())
