"""A cloud in three SQLite files: a cell, nova's API and placement, with the columns that count."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.unit.nova_tables import wrapped

TABLES = {
    "cell": {
        "compute_nodes": "id INTEGER PRIMARY KEY, host TEXT, hypervisor_hostname TEXT, "
        "numa_topology TEXT, pci_stats TEXT, cpu_allocation_ratio FLOAT, "
        "ram_allocation_ratio FLOAT, deleted INTEGER, created_at TEXT, updated_at TEXT",
        "services": "host TEXT, binary TEXT, disabled INTEGER, disabled_reason TEXT, "
        "forced_down INTEGER, deleted INTEGER, version INTEGER",
        "instances": "uuid TEXT, host TEXT, node TEXT, vm_state TEXT, task_state TEXT, "
        "deleted INTEGER",
        "instance_extra": "instance_uuid TEXT, numa_topology TEXT, migration_context TEXT, "
        "deleted INTEGER",
    },
    "api": {
        "flavors": "id INTEGER PRIMARY KEY, name TEXT, vcpus INTEGER, memory_mb INTEGER, "
        "root_gb INTEGER, ephemeral_gb INTEGER, swap INTEGER, is_public BOOLEAN",
        "flavor_extra_specs": "id INTEGER PRIMARY KEY, flavor_id INTEGER, key TEXT, value TEXT",
        "aggregates": "id INTEGER PRIMARY KEY, name TEXT",
        "aggregate_hosts": "id INTEGER PRIMARY KEY, aggregate_id INTEGER, host TEXT",
        "aggregate_metadata": "id INTEGER PRIMARY KEY, aggregate_id INTEGER, key TEXT, value TEXT",
    },
    "placement": {
        "resource_providers": "id INTEGER, uuid TEXT, name TEXT, root_provider_id INTEGER",
        "inventories": "id INTEGER PRIMARY KEY, resource_provider_id INTEGER, "
        "resource_class_id INTEGER, total INTEGER, reserved INTEGER, min_unit INTEGER, "
        "max_unit INTEGER, step_size INTEGER, allocation_ratio FLOAT",
        "allocations": "id INTEGER PRIMARY KEY, resource_provider_id INTEGER, "
        "resource_class_id INTEGER, used INTEGER",
        "resource_classes": "id INTEGER, name TEXT",
        "traits": "id INTEGER, name TEXT",
        "resource_provider_traits": "trait_id INTEGER, resource_provider_id INTEGER",
        "resource_provider_aggregates": "resource_provider_id INTEGER, aggregate_id INTEGER",
        "placement_aggregates": "id INTEGER, uuid TEXT",
    },
}
CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB", "PCPU")
AGGREGATES = {
    "az1": ({"availability_zone": "az1"}, ["c1", "c2"]),
    "gold": ({"filter_tenant_id": "p1, p2"}, ["c1"]),
    "silver": ({"filter_tenant_id_1": "p1"}, ["c1", "c3"]),
}
PER_CELL, CELL_MB = 8, 16384


def topology(pinned: int, cells: int = 2) -> str:
    """Cells of 8 dedicated CPUs and 16 GiB; so many CPUs of each pinned, with 1 GiB each."""
    return json.dumps(
        wrapped("NUMATopology", "1.2", {"cells": [_cell(n, pinned) for n in range(cells)]})
    )


def _cell(n: int, pinned: int) -> dict[str, Any]:
    first = PER_CELL * n
    cell = {
        "id": n,
        "cpuset": [],
        "pcpuset": list(range(first, first + PER_CELL)),
        "memory": CELL_MB,
        "cpu_usage": 0,
        "memory_usage": 1024 * pinned,
        "pinned_cpus": list(range(first, first + pinned)),
        "siblings": [[cpu] for cpu in range(first, first + PER_CELL)],
        "mempages": [],
    }
    return wrapped("NUMACell", "1.5", cell)


class Cloud:
    """Services are c1, c2...; their hypervisors c1.example, c2.example...; each row is updated a
    second after the one before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._second = 0
        for name, tables in TABLES.items():
            for table, columns in tables.items():
                self._run(name, f"CREATE TABLE {table} ({columns})")
        self._many("placement", "resource_classes", enumerate(CLASSES))
        for n, (name, (metadata, hosts)) in enumerate(AGGREGATES.items(), 1):
            self._many("api", "aggregates", [(n, name)])
            self._many("api", "aggregate_hosts", [(None, n, host) for host in hosts])
            self._many("api", "aggregate_metadata", [(None, n, *one) for one in metadata.items()])

    def file(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def url(self, name: str) -> str:
        return f"sqlite:///{self.file(name)}"

    def flavor(self, n: int, name: str, vcpus: int, public: bool = True, **specs: str) -> None:
        values = (n, name, vcpus, 1024 * vcpus, 0, 0, 0, int(public))
        self._many("api", "flavors", [values])
        specs = {"hw:cpu_policy": "dedicated", **specs}
        self._many("api", "flavor_extra_specs", [(None, n, *one) for one in specs.items()])

    def hosts(self, numbers: Iterable[int], pinned: int = 0) -> None:
        """New ones, with the inventories that nova-compute would report."""
        some = list(numbers)
        nodes = [
            (n, f"c{n}", f"c{n}.example", topology(pinned), None, 16.0, 1.5, 0, self._now(), None)
            for n in some
        ]
        self._many("cell", "compute_nodes", nodes)
        up = [(f"c{n}", "nova-compute", 0, None, 0, 0, 66) for n in some]
        self._many("cell", "services", up)
        providers = [(n, f"00000000-0000-4000-8000-{n:012d}", f"c{n}.example", n) for n in some]
        self._many("placement", "resource_providers", providers)
        units = {"PCPU": (16, 0, 2 * pinned), "MEMORY_MB": (32768, 512, 2048 * pinned)}
        for name, (total, reserved, used) in units.items():
            at = CLASSES.index(name)
            inventories = [(None, n, at, total, reserved, 1, total, 1, 1.0) for n in some]
            self._many("placement", "inventories", inventories)
            self._many("placement", "allocations", [(None, n, at, used) for n in some])

    def use(self, host: int, pinned: int) -> None:
        """So many CPUs of each cell, from now on."""
        update = "UPDATE compute_nodes SET numa_topology=?, updated_at=? WHERE id=?"
        self._run("cell", update, (topology(pinned), self._now(), host))
        used = "UPDATE allocations SET used=? WHERE resource_provider_id=? AND resource_class_id=?"
        self._run("placement", used, (2 * pinned, host, CLASSES.index("PCPU")))

    def allocate(self, host: int, name: str, used: int) -> None:
        """What placement says alone."""
        change = (
            "UPDATE allocations SET used=? WHERE resource_provider_id=? AND resource_class_id=?"
        )
        self._run("placement", change, (used, host, CLASSES.index(name)))

    def delete(self, host: int) -> None:
        self._run("cell", "UPDATE compute_nodes SET deleted=id WHERE id=?", (host,))

    def _now(self) -> str:
        self._second += 1
        return f"2026-01-01 00:{self._second // 60:02}:{self._second % 60:02}"

    def _run(self, name: str, query: str, values: tuple[Any, ...] = ()) -> None:
        with closing(sqlite3.connect(self.file(name))) as connection, connection:
            connection.execute(query, values)

    def _many(self, name: str, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        rows = list(rows)
        with closing(sqlite3.connect(self.file(name))) as connection, connection:
            marks = ",".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
