"""A small fleet with devices, a guest that takes some, and all that claims change."""

from __future__ import annotations

import json
from typing import Any

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    PciPool,
    PciRequest,
    Request,
)

ADDRESSES = tuple(f"0000:81:00.{n}" for n in range(6))


def make_fleet(devices: bool = True) -> Fleet:
    cell = HostCell(0, frozenset(), frozenset(range(16)), 8192)
    pool = PciPool("8086", "154c", 0, 6, {}, devices=ADDRESSES if devices else ())
    return Fleet(HostInfo((cell,), f"h{n}", pci_pools=(pool,)) for n in range(2))


def make_request(vcpus: int = 2) -> Request:
    guest = GuestTopology((GuestCell((), set(range(vcpus)), 512, None, "dedicated"),))
    return Request(guest, pci=[PciRequest(2, [{"vendor_id": "8086"}], "required")])


def nova_row(n: int) -> tuple[str, str, None]:
    cell = {"id": 0, "cpuset": [], "pcpuset": list(range(40)), "memory": 65536 + n}
    cell |= {"cpu_usage": 0, "memory_usage": 0, "pinned_cpus": [], "siblings": [], "mempages": []}
    about = {"nova_object.namespace": "nova"}
    wrapped = about | {"nova_object.name": "NUMACell", "nova_object.version": "1.4"}
    wrapped["nova_object.data"] = cell  # type: ignore[assignment]
    whole = about | {"nova_object.name": "NUMATopology", "nova_object.version": "1.2"}
    whole["nova_object.data"] = {"cells": [wrapped]}  # type: ignore[assignment]
    return f"h{n}", json.dumps(whole), None


def state(fleet: Fleet) -> dict[str, Any]:
    """What claims change: the engine's columns, and which devices have a name."""
    columns = {
        name: column.tobytes()
        for name, column in fleet.columns().items()
        if name != "host_generation"
    }
    taken = fleet._columns.devices_taken
    return columns | {"devices": {pool: set(names) for pool, names in taken.items() if names}}
