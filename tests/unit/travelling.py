"""Fleets with something of everything, and what other processes are asked about them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    Networks,
    PagePool,
    PciPool,
    PciRequest,
    Request,
    shared,
)
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources

ROOT = str(Path(__file__).parents[2])
"""For other processes, which are to find this module."""


def make_host(n: int) -> HostInfo:
    cells = [
        HostCell(
            id=node,
            cpuset=range(node * 8, node * 8 + 2),
            pcpuset=range(node * 8 + 2, node * 8 + 8 - n % 2),
            memory_mb=4096 + n,
            siblings=[{node * 8 + core, node * 8 + core + 4} for core in range(4)],
            page_pools=[PagePool(4, 1 << 20), PagePool(2048, 600 + n)],
            physnets={f"net{n % 2}", "net"} if node else (),
            tunneled=not node,
            socket=node,
        )
        for node in (0, 1)
    ]
    pools = [
        PciPool("8086", "1515", 1, 2, {"dev_type": "type-VF", "address": f"0000:{n % 99:02}:00.0",
                                       "rp_uuid": f"provider {n}"},
                devices=(f"0000:{n % 99:02}:01.0", f"0000:{n % 99:02}:01.1")),
        PciPool("8086", "1528", None, 3, {"dev_type": "type-PCI", "physical_network": None}),
    ]  # fmt: skip
    provider = Provider(
        {"VCPU": Inventory(64, used=n % 5), "PCPU": Inventory(16), "MEMORY_MB": Inventory(1 << 20)},
        traits=frozenset({"HW_CPU_X86_AVX2"} if n % 3 else ()),
        aggregates=frozenset({f"aggregate {n % 2}"}),
        absent=frozenset({"DISK_GB"}),
    )
    return HostInfo(cells, f"höst {n}", pools, 16.0, None, ((10, 21), (21, 10)),
                    provider=provider if n % 7 else None, zone=f"zone {n % 2}")  # fmt: skip


def make_fleet(n: int) -> Fleet:
    return Fleet([make_host(h) for h in range(n)])


REQUEST = Request(
    GuestTopology([GuestCell((), range(2), 512, 2048, "dedicated")]),
    Networks({"net"}),
    [PciRequest(1, [{"vendor_id": "8086", "product_id": "1515"}])],
    resources=Resources((ResourceGroup("", {"PCPU": 2, "MEMORY_MB": 512}),)),
)
"""Two of six or five dedicated CPUs of the second cell, one of the two devices there."""


def same(one: Fleet, other: Fleet) -> bool:
    ours, theirs = one.columns(), other.columns()
    return one.names == other.names and all(
        np.array_equal(ours[name], theirs[name], equal_nan=ours[name].dtype.kind == "f")
        for name in ours
    )


def capacities(source: str | os.PathLike[str] | shared.Shared) -> list[int]:
    found: list[int] = shared.open(source).capacity(REQUEST).tolist()
    return found


def sums(fleet: Fleet, hosts: Any) -> int:
    return int(fleet.capacity(REQUEST, hosts=hosts).sum())


def asked(given: tuple[Fleet, Any]) -> tuple[list[int], Fleet]:
    """What a worker does with its own."""
    fleet, ready = given
    found: list[int] = fleet.capacity(ready).tolist()
    fleet.claim(ready, 0)
    return found, fleet
