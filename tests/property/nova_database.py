"""A cell database of nova, and rows of it, written from hosts; what of them a row can tell."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from numafit import HostInfo, PciPool
from numafit.model.hostinfo import HostCell
from tests.unit.nova_tables import TABLES, wrapped

_NODES = f"{TABLES['compute_nodes']}, created_at TEXT, updated_at TEXT"
_PLACE = (
    *("host", "hypervisor_hostname", "numa_topology", "pci_stats", "cpu_allocation_ratio"),
    *("ram_allocation_ratio", "updated_at", "deleted"),
)
Row = tuple[str, str, str, float | None, float | None]


def told_by_rows(info: HostInfo) -> HostInfo:
    """Rows have no addresses of devices, distances, inventories, zones, nor services."""
    pools = tuple(replace(pool, devices=()) for pool in info.pci_pools or ())
    return replace(info, pci_pools=pools, distances=(), provider=None, zone=None, disabled="")


def row_of(info: HostInfo) -> Row:
    cells = [wrapped("NUMACell", "1.5", _cell(cell)) for cell in info.cells]
    topology = wrapped("NUMATopology", "1.2", {"cells": cells})
    pools = [wrapped("PciDevicePool", "1.1", _pool(pool)) for pool in info.pci_pools or ()]
    stats = wrapped("PciDevicePoolList", "1.1", {"objects": pools})
    ratios = info.cpu_allocation_ratio, info.ram_allocation_ratio
    return info.name, json.dumps(topology), json.dumps(stats), *ratios


def _cell(cell: HostCell) -> dict[str, Any]:
    pages = [
        {"size_kb": one.size_kib, "total": one.total, "used": one.used, "reserved": one.reserved}
        for one in cell.page_pools
    ]
    network = {"physnets": sorted(cell.physnets), "tunneled": cell.tunneled}
    return {
        "id": cell.id,
        "cpuset": sorted(cell.cpuset),
        "pcpuset": sorted(cell.pcpuset),
        "memory": cell.memory_mb,
        "cpu_usage": cell.cpu_usage,
        "memory_usage": cell.memory_usage,
        "pinned_cpus": sorted(cell.pinned_cpus),
        "siblings": [sorted(core) for core in cell.siblings],
        "mempages": [wrapped("NUMAPagesTopology", "1.1", one) for one in pages],
        "network_metadata": wrapped("NetworkMetadata", "1.0", network),
        "socket": cell.socket,
    }


def _pool(pool: PciPool) -> dict[str, Any]:
    return {
        "vendor_id": pool.vendor_id,
        "product_id": pool.product_id,
        "numa_node": pool.numa_node,
        "count": pool.count,
        "tags": dict(pool.tags),
    }


class Database:
    """Compute nodes by name, each with when it was updated. ``seen``: what a fleet that follows it
    has put in place; it is told apart by what it says, not by when it was updated."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.url = f"sqlite:///{file}"
        self.nodes: dict[str, HostInfo] = {}
        self.seen: dict[str, HostInfo] = {}
        self._moment = 0
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(f"CREATE TABLE compute_nodes ({_NODES})")

    def put(self, info: HostInfo, later: bool) -> None:
        """``later``: than the last change, and not within the same second."""
        self._moment += later
        name, *row = row_of(info)
        moment = f"2026-01-01 {self._moment // 60:02}:{self._moment % 60:02}:00"
        values = name, name, *row, moment, 0
        place, marks = ", ".join(_PLACE), ", ".join("?" * len(_PLACE))
        with closing(sqlite3.connect(self.file)) as connection, connection:
            if name in self.nodes:
                query = f"UPDATE compute_nodes SET ({place}) = ({marks}) WHERE host=? AND deleted=0"
                connection.execute(query, (*values, name))
            else:
                connection.execute(f"INSERT INTO compute_nodes ({place}) VALUES ({marks})", values)
        self.nodes[name] = info

    def delete(self, name: str) -> None:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute("UPDATE compute_nodes SET deleted=id WHERE host=?", (name,))
        del self.nodes[name]

    def news(self) -> tuple[list[HostInfo], list[str]]:
        """Nodes that say what was not seen yet, and the names of those that are gone."""
        gone = [name for name in self.seen if name not in self.nodes]
        changed = [one for name, one in self.nodes.items() if self.seen.get(name) != one]
        self.seen = dict(self.nodes)
        return changed, gone
