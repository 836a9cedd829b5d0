"""Hosts and flavors of the benchmarks: rows as nova stores them, half used at random."""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from typing import Any

from numafit import Flavor, Image, Networks, PciRequest, Request, guest_topology

Json = dict[str, Any]
GIB_PAGES = 1048576


def _object(name: str, version: str, data: Json) -> Json:
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
        "nova_object.changes": sorted(data),
    }


def _cell(
    rng: random.Random, number: int, first: int, far: int, cpus: int, used: float, nets: list[str]
) -> Json:
    """A cell of ``cpus`` CPUs: two threads a core, siblings ``far`` apart, an eighth of the cores
    for shared guests, the rest dedicated; ``used`` of CPUs and memory is taken at random."""
    cores = [[first + c, first + c + far] for c in range(cpus // 2)]
    shared = max(1, len(cores) // 8)
    dedicated = [cpu for core in cores[shared:] for cpu in core]
    small, huge, giant = 16 * cpus // 4 * 262144 // 8, 4 * 1024 * cpus // 8, 2 * cpus
    share = [min(1.0, max(0.0, rng.gauss(used, used / 2))) if used else 0.0 for _ in range(3)]
    memory = small // 256 + huge * 2 + giant * 1024
    return _object(
        "NUMACell",
        "1.5",
        {
            "id": number,
            "cpuset": [cpu for core in cores[:shared] for cpu in core],
            "pcpuset": dedicated,
            "memory": memory,
            "cpu_usage": rng.randrange(shared * 2 * 8) if used else 0,
            "memory_usage": int(memory * share[0]),
            "pinned_cpus": [cpu for cpu in dedicated if rng.random() < used],
            "siblings": cores,
            "mempages": [
                _object(
                    "NUMAPagesTopology",
                    "1.1",
                    {"size_kb": kib, "total": n, "used": int(n * part), "reserved": 0},
                )
                for kib, n, part in zip(
                    (4, 2048, 1048576), (small, huge, giant), share, strict=True
                )
            ],
            "network_metadata": _object(
                "NetworkMetadata", "1.0", {"physnets": nets, "tunneled": False}
            ),
            "socket": number,
        },
    )


def topology(
    seed: int,
    cells: int = 2,
    cpus: int | tuple[int, ...] = (48, 64, 80, 96),
    used: float = 0.5,
    nets: dict[int, list[str]] | None = None,
    full: Collection[int] = (),
) -> str:
    """``compute_nodes.numa_topology`` of one host; all CPUs of the cells in ``full`` are taken."""
    rng = random.Random(seed)
    size = cpus if isinstance(cpus, int) else rng.choice(cpus)
    far = cells * size // 2
    return json.dumps(
        _object(
            "NUMATopology",
            "1.2",
            {
                "cells": [
                    _cell(
                        rng,
                        n,
                        n * size // 2,
                        far,
                        size,
                        1.0 if n in full else used,
                        (nets or {}).get(n, []),
                    )
                    for n in range(cells)
                ]
            },
        )
    )


def pools(
    seed: int, cells: int = 2, count: int = 4, vendor: str = "8086", provider: str | None = None
) -> str:
    """``compute_nodes.pci_stats``: ``count`` pools of VFs, spread over the cells. ``provider``:
    begins the names of their resource providers."""
    rng = random.Random(seed)
    own = [{} if provider is None else {"rp_uuid": f"{provider}-{n}"} for n in range(count)]
    return json.dumps(
        _object(
            "PciDevicePoolList",
            "1.1",
            {
                "objects": [
                    _object(
                        "PciDevicePool",
                        "1.1",
                        {
                            "vendor_id": vendor,
                            "product_id": f"15{n % 4:02}",
                            "numa_node": n % cells,
                            "count": rng.randint(1, 8),
                            "tags": {
                                "dev_type": "type-VF",
                                "physical_network": f"net{n % 2}",
                                **own[n],
                            },
                        },
                    )
                    for n in range(count)
                ]
            },
        )
    )


def flavor(name: str, vcpus: int, memory_mb: int, **specs: str) -> Json:
    """A flavor as nova has it; ``cpu_policy`` stands for ``hw:cpu_policy`` and so on, two
    underscores for a dot."""
    return {
        "name": name,
        "vcpus": vcpus,
        "memory_mb": memory_mb,
        "extra_specs": {f"hw:{key.replace('__', '.')}": value for key, value in specs.items()},
    }


PINNED_4 = flavor("pinned-4", 4, 4096, cpu_policy="dedicated")
TWO_16 = flavor("two-16", 16, 16384, cpu_policy="dedicated", numa_nodes="2")
TOO_LARGE = flavor("large", 30, 4096, cpu_policy="dedicated", cpu_thread_policy="require")
PINNED_8_GIANT = flavor("pinned-8-1g", 8, 8192, cpu_policy="dedicated", mem_page_size="1048576")
CAPACITY = {
    "pinned": flavor("pinned", 4, 4096, cpu_policy="dedicated"),
    "shared": flavor("shared", 4, 4096, numa_nodes="1"),
    "huge pages": flavor("huge", 4, 4096, mem_page_size="2048"),
    "two cells": flavor("two", 8, 8192, cpu_policy="dedicated", numa_nodes="2"),
    "two cells, unlike": flavor(
        "unlike",
        6,
        6144,
        cpu_policy="dedicated",
        numa_nodes="2",
        numa_cpus__0="0,1",
        numa_cpus__1="2-5",
        numa_mem__0="2048",
        numa_mem__1="4096",
    ),
}
MIX = [
    flavor("p2", 2, 2048, cpu_policy="dedicated"),
    flavor("p4-2m", 4, 4096, cpu_policy="dedicated", mem_page_size="2048"),
    flavor("p8-1g", 8, 8192, cpu_policy="dedicated", mem_page_size="1048576"),
    flavor("p4-isolate", 4, 4096, cpu_policy="dedicated", cpu_thread_policy="isolate"),
    flavor("p6-require", 6, 4096, cpu_policy="dedicated", cpu_thread_policy="require"),
    flavor("s2", 2, 2048, numa_nodes="1"),
    flavor("s4-2m", 4, 4096, mem_page_size="2048"),
    flavor("m4", 4, 4096, cpu_policy="mixed", cpu_dedicated_mask="2-3"),
    flavor("two-p8", 8, 8192, cpu_policy="dedicated", numa_nodes="2"),
    flavor("two-s8", 8, 8192, numa_nodes="2", mem_page_size="large"),
]


def request(made: Json, physnets: tuple[str, ...] = (), pci: list[Json] | None = None) -> Request:
    """The same flavor as numafit asks for it."""
    guest = guest_topology(Flavor(**made), Image(name="", properties={}))
    return Request(
        guest,
        networks=Networks(physnets=frozenset(physnets)) if physnets else None,
        pci=[PciRequest(r["count"], r["spec"], r["numa_policy"]) for r in pci or ()],
    )
