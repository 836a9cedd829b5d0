"""A cell database of nova, made up: 48 hosts of two kinds and the servers of a busy year.

Tables, columns and objects are nova 34's, those that numafit reads (nova's own tables have more).
``make(path)`` writes an SQLite file; the same ``seed`` makes the same file. One host holds more
than its servers have, as hosts do whose nova-compute was stopped in the middle of a delete.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from numafit import Claim, Flavor, Fleet, Host, HostCell, HostInfo, PciPool, PlacementCell, Request
from numafit.readers.flavors import read_flavors
from numafit.readers.hostfile import read_host_file

EXAMPLES = Path(__file__).resolve().parents[1]
KINDS = {"dual-xeon": 36, "epyc-nps4": 12}
MIX = {
    "c1.pinned4": 5,
    "nfv.small": 6,
    "nfv.large": 4,
    "rt.control": 2,
    "hpc.quad": 1,
    "db.uneven": 2,
}
"""How often each flavor comes."""
CAME, GONE = 1450, 0.52
"""Servers that were started, and how likely one more is deleted when one starts."""
LEAKED = "xeon-07"
RESTING = "epyc-03"
"""The service of this host is disabled."""

TABLES = {
    "compute_nodes": "id INTEGER PRIMARY KEY, host TEXT, hypervisor_hostname TEXT, "
    "numa_topology TEXT, pci_stats TEXT, cpu_allocation_ratio FLOAT, ram_allocation_ratio FLOAT, "
    "disk_allocation_ratio FLOAT, vcpus INTEGER, memory_mb INTEGER, local_gb INTEGER, "
    "vcpus_used INTEGER, memory_mb_used INTEGER, local_gb_used INTEGER, running_vms INTEGER, "
    "created_at TEXT, updated_at TEXT, deleted INTEGER",
    "services": "id INTEGER PRIMARY KEY, host TEXT, binary TEXT, disabled BOOLEAN, "
    "disabled_reason TEXT, forced_down BOOLEAN, version INTEGER, deleted INTEGER",
    "instances": "id INTEGER PRIMARY KEY, uuid TEXT, host TEXT, node TEXT, display_name TEXT, "
    "vm_state TEXT, task_state TEXT, vcpus INTEGER, memory_mb INTEGER, deleted INTEGER",
    "instance_extra": "id INTEGER PRIMARY KEY, instance_uuid TEXT, numa_topology TEXT, "
    "pci_requests TEXT, flavor TEXT, migration_context TEXT, deleted INTEGER",
    "instance_system_metadata": "instance_uuid TEXT, key TEXT, value TEXT, deleted INTEGER",
    "instance_info_caches": "instance_uuid TEXT, network_info TEXT, deleted INTEGER",
    "pci_devices": "instance_uuid TEXT, address TEXT, vendor_id TEXT, product_id TEXT, "
    "numa_node INTEGER, deleted INTEGER",
    "migrations": "source_compute TEXT, source_node TEXT, dest_compute TEXT, dest_node TEXT, "
    "status TEXT, deleted INTEGER",
}
Row = tuple[Any, ...]


def flavors() -> list[Flavor]:
    """The catalogue: those of examples/flavors.json that come."""
    return [flavor for flavor in read_flavors(EXAMPLES / "flavors.json") if flavor.name in MIX]


def make(path: str | Path, seed: int = 34) -> str:
    """Write the database; its URL, as ``--nova-db`` takes it."""
    fleet = Fleet(_hosts())
    running = _a_year(fleet, np.random.default_rng(seed))
    path = Path(path)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for name, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
        _write(connection, "compute_nodes", _nodes(fleet, running))
        _write(connection, "services", _services(fleet))
        _write(connection, "instances", _instances(running))
        _write(connection, "instance_extra", _extra(running))
        connection.commit()
    return f"sqlite:///{path.resolve()}"


def _hosts() -> Iterable[Host]:
    for kind, count in KINDS.items():
        info = read_host_file(next((EXAMPLES / "hosts").glob(f"{kind}.*")))
        for n in range(count):
            yield Host(replace(info, name=f"{kind.split('-')[-1 if 'xeon' in kind else 0]}-{n:02}"))


def _a_year(fleet: Fleet, dice: np.random.Generator) -> list[tuple[str, Flavor, Claim]]:
    """Servers come, and some of them go again at random: name, flavor and where it runs."""
    known = {flavor.name: flavor for flavor in flavors()}
    shares = np.array(list(MIX.values())) / sum(MIX.values())
    came = dice.choice(list(MIX), CAME, p=shares).tolist()
    requests = {name: Request.for_server(flavor) for name, flavor in known.items()}
    running: list[tuple[str, Flavor, Claim]] = []
    for n, claim in enumerate(fleet.schedule(requests[name] for name in came)):
        if claim is None:
            continue
        running.append((f"{came[n]}-{n:04}", known[came[n]], claim))
        if dice.random() < GONE:
            fleet.release(running.pop(int(dice.integers(len(running))))[2])
    return running


def _write(connection: sqlite3.Connection, table: str, rows: Sequence[Row]) -> None:
    marks = ",".join("?" * (TABLES[table].count(",") + 1))
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


# --- rows


def _nodes(fleet: Fleet, running: Sequence[tuple[str, Flavor, Claim]]) -> list[Row]:
    rows = []
    for n, name in enumerate(fleet.names):
        host = fleet.hostinfo(n)
        own = [flavor for _name, flavor, claim in running if claim.host == n]
        vcpus = sum(len(cell.cpuset | cell.pcpuset) for cell in host.cells)
        memory = sum(cell.memory_mb or 0 for cell in host.cells)
        rows.append(
            (
                n + 1,
                name,
                name,
                _topology(host, leaked=name == LEAKED),
                _pools(host.pci_pools or ()),
                host.cpu_allocation_ratio,
                host.ram_allocation_ratio,
                1.0,
                vcpus,
                memory,
                7000,
                sum(flavor.vcpus for flavor in own),
                512 + sum(flavor.memory_mb for flavor in own),
                sum(flavor.disk_gb for flavor in own),
                len(own),
                "2026-01-07 08:00:00",
                "2026-11-23 08:00:00",
                0,
            )
        )
    return rows


def _services(fleet: Fleet) -> list[Row]:
    return [
        (
            n + 1,
            name,
            "nova-compute",
            name == RESTING,
            "memory to be replaced" if name == RESTING else None,
            False,
            71,
            0,
        )
        for n, name in enumerate(fleet.names)
    ]


def _instances(running: Sequence[tuple[str, Flavor, Claim]]) -> list[Row]:
    return [
        (
            n + 1,
            _uuid(n),
            claim.host_name,
            claim.host_name,
            name,
            "active",
            None,
            flavor.vcpus,
            flavor.memory_mb,
            0,
        )
        for n, (name, flavor, claim) in enumerate(running)
    ]


def _extra(running: Sequence[tuple[str, Flavor, Claim]]) -> list[Row]:
    return [
        (n + 1, _uuid(n), _guest(claim.placement.cells, flavor), None, _flavor(flavor), None, 0)
        for n, (_name, flavor, claim) in enumerate(running)
    ]


def _uuid(n: int) -> str:
    return f"5bef079f-acdd-4083-b36e-{n:012x}"


# --- nova's objects as text


def _object(name: str, version: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }


def _topology(host: HostInfo, leaked: bool) -> str:
    cells = [_cell(cell, leaked and n == 1) for n, cell in enumerate(host.cells)]
    return json.dumps(_object("NUMATopology", "1.2", {"cells": cells}))


def _cell(cell: HostCell, leaked: bool) -> dict[str, Any]:
    pinned = set(cell.pinned_cpus)
    if leaked:
        pinned |= set(sorted(cell.pcpuset - pinned)[:4])
    pages = [
        _object(
            "NUMAPagesTopology",
            "1.1",
            {"size_kb": pool.size_kib, "total": pool.total, "used": pool.used, "reserved": 0},
        )
        for pool in cell.page_pools
    ]
    networks = {"physnets": sorted(cell.physnets), "tunneled": cell.tunneled}
    data = {
        "id": cell.id,
        "cpuset": sorted(cell.cpuset),
        "pcpuset": sorted(cell.pcpuset),
        "memory": cell.memory_mb,
        "cpu_usage": cell.cpu_usage,
        "memory_usage": cell.memory_usage,
        "pinned_cpus": sorted(pinned),
        "siblings": [sorted(core) for core in cell.siblings],
        "mempages": pages,
        "network_metadata": _object("NetworkMetadata", "1.0", networks),
        "socket": cell.socket,
    }
    return _object("NUMACell", "1.5", data)


def _pools(pools: Sequence[PciPool]) -> str:
    objects = [_object("PciDevicePool", "1.1", _pool(pool)) for pool in pools]
    return json.dumps(_object("PciDevicePoolList", "1.1", {"objects": objects}))


def _pool(pool: PciPool) -> dict[str, Any]:
    return {
        "product_id": pool.product_id,
        "vendor_id": pool.vendor_id,
        "numa_node": pool.numa_node,
        "tags": dict(pool.tags),
        "count": pool.count,
    }


def _guest(cells: Sequence[PlacementCell], flavor: Flavor) -> str:
    objects = [_object("InstanceNUMACell", "1.6", _guest_cell(cell)) for cell in cells]
    data = {
        "cells": objects,
        "emulator_threads_policy": flavor.extra_specs.get("hw:emulator_threads_policy"),
    }
    return json.dumps(_object("InstanceNUMATopology", "1.3", data))


def _guest_cell(cell: PlacementCell) -> dict[str, Any]:
    return {
        "id": cell.host_cell,
        "cpuset": sorted(cell.cpuset),
        "pcpuset": sorted(cell.pcpuset),
        "memory": cell.memory_mb,
        "pagesize": cell.pagesize,
        "cpu_policy": cell.cpu_policy,
        "cpu_thread_policy": cell.cpu_thread_policy,
        "cpu_pinning_raw": {str(vcpu): cpu for vcpu, cpu in cell.pinning.items()},
        "cpuset_reserved": sorted(cell.reserved) or None,
    }


def _flavor(flavor: Flavor) -> str:
    data = {
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "memory_mb": flavor.memory_mb,
        "root_gb": flavor.disk_gb,
        "ephemeral_gb": 0,
        "swap": 0,
        "extra_specs": dict(flavor.extra_specs),
    }
    return json.dumps({"cur": _object("Flavor", "1.2", data), "old": None, "new": None})
