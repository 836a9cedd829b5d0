"""A cell database of nova in SQLite: its tables, and the texts that nova keeps in them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

TABLES = {
    "compute_nodes": "id INTEGER PRIMARY KEY, host TEXT, hypervisor_hostname TEXT, "
    "numa_topology TEXT, pci_stats TEXT, cpu_allocation_ratio FLOAT, ram_allocation_ratio FLOAT, "
    "deleted INTEGER",
    "instances": "uuid TEXT, host TEXT, node TEXT, display_name TEXT, vm_state TEXT, "
    "task_state TEXT, deleted INTEGER",
    "instance_extra": "instance_uuid TEXT, numa_topology TEXT, pci_requests TEXT, flavor TEXT, "
    "migration_context TEXT, deleted INTEGER",
    "instance_system_metadata": "instance_uuid TEXT, key TEXT, value TEXT, deleted INTEGER",
    "instance_info_caches": "instance_uuid TEXT, network_info TEXT, deleted INTEGER",
    "pci_devices": "instance_uuid TEXT, address TEXT, vendor_id TEXT, product_id TEXT, "
    "numa_node INTEGER, deleted INTEGER",
}


def wrapped(name: str, version: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }


def host_row(n: int, pinned: Sequence[int], page_kib: int = 2048) -> tuple[Any, ...]:
    """One cell with CPUs 0-7, 16 GiB, of which 8 GiB are pages of ``page_kib``; a server with
    2 GiB in such pages where CPUs are pinned."""
    pages = [
        {"size_kb": 4, "total": 2097152, "used": 0, "reserved": 0},
        {
            "size_kb": page_kib,
            "total": (8 << 20) // page_kib,
            "used": (2 << 20) // page_kib if pinned else 0,
            "reserved": 0,
        },
    ]
    cell = {
        "id": 0,
        "cpuset": [],
        "pcpuset": list(range(8)),
        "memory": 16384,
        "cpu_usage": 0,
        "memory_usage": 2048 if pinned else 0,
        "pinned_cpus": list(pinned),
        "siblings": [],
        "mempages": [wrapped("NUMAPagesTopology", "1.1", one) for one in pages],
        "network_metadata": wrapped(
            "NetworkMetadata", "1.0", {"physnets": ["left"], "tunneled": False}
        ),
        "socket": 0,
    }
    text = json.dumps(wrapped("NUMATopology", "1.2", {"cells": [wrapped("NUMACell", "1.5", cell)]}))
    return n, f"xeon-{n}", f"xeon-{n}", text, None, 16.0, 1.0, 0


SPECS = {"hw:cpu_policy": "dedicated", "hw:mem_page_size": "large"}


def flavor_text(**more: Any) -> str:
    data = {
        "id": 1,
        "name": "p4",
        "vcpus": 4,
        "memory_mb": 2048,
        "root_gb": 10,
        "ephemeral_gb": 0,
        "swap": 0,
        "extra_specs": SPECS,
    }
    return json.dumps({"cur": wrapped("Flavor", "1.2", data | more), "old": None, "new": None})


def cells_text(cpus: Sequence[int], reserved: Sequence[int] = (), **more: Any) -> str:
    cell = {
        "id": 0,
        "cpuset": [],
        "pcpuset": list(range(len(cpus))),
        "memory": 2048,
        "pagesize": 2048,
        "cpu_policy": "dedicated",
        "cpu_thread_policy": None,
        "cpu_pinning_raw": {str(n): cpu for n, cpu in enumerate(cpus)},
        "cpuset_reserved": list(reserved),
    }
    data = {"cells": [wrapped("InstanceNUMACell", "1.6", cell | more)]}
    return json.dumps(wrapped("InstanceNUMATopology", "1.3", data))


def write_db(file: Path, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> str:
    """Its URL. ``rows``: of some of the tables, values in the order of their columns."""
    with closing(sqlite3.connect(file)) as connection:
        for name, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
            marks = ",".join("?" * (columns.count(",") + 1))
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows.get(name, ()))
        connection.commit()
    return f"sqlite:///{file}"
