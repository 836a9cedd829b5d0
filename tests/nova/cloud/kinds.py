"""The hosts and flavors of the small cloud: data alone, for nova's side and for numafit's.

Memory is MiB, disks are GiB, ``pages`` are (KiB, pages) of each cell, ``options`` are what stands
in the host's own nova.conf.
"""

from __future__ import annotations

import json
from typing import Any

Kind = dict[str, Any]
_VENDOR, _PRODUCT = "8086", "1533"
_PCI = [json.dumps({"vendor_id": _VENDOR, "product_id": _PRODUCT})]

KINDS: dict[str, Kind] = {
    # no CPU sets: every CPU is shared, and pinned guests are taken for VCPU
    "plain": {"cells": 1, "cores": 6, "threads": 1, "memory": 12288, "disk": 40},
    "ratios": {
        "cells": 1,
        "cores": 4,
        "threads": 2,
        "memory": 10240,
        "disk": 50,
        "options": {
            "DEFAULT.cpu_allocation_ratio": 1.5,
            "DEFAULT.ram_allocation_ratio": 1.25,
            "DEFAULT.disk_allocation_ratio": 0.8,
            "DEFAULT.reserved_host_cpus": 2,
            "DEFAULT.reserved_host_disk_mb": 3000,
        },
    },
    "threads": {
        "cells": 2,
        "cores": 4,
        "threads": 2,
        "memory": 24576,
        "disk": 60,
        "options": {"compute.cpu_shared_set": "0-1,8-9", "compute.cpu_dedicated_set": "2-7,10-15"},
    },
    "cores": {
        "cells": 2,
        "cores": 5,
        "threads": 1,
        "memory": 20480,
        "disk": 60,
        "traits": ["CUSTOM_FAST"],
        "options": {
            "compute.cpu_dedicated_set": "1-9",
            "DEFAULT.reserved_host_memory_mb": 1536,
        },
    },
    "pages": {
        "cells": 2,
        "cores": 4,
        "threads": 1,
        "memory": 16384,
        "disk": 80,
        "traits": ["CUSTOM_FAST"],
        "pages": [[[4, 1048576], [2048, 2048]], [[4, 1572864], [2048, 1024]]],
        "options": {
            "DEFAULT.reserved_huge_pages": [{"node": "0", "size": "2048", "count": "256"}],
            "DEFAULT.ram_allocation_ratio": 1.0,
            "DEFAULT.cpu_allocation_ratio": 2.0,
        },
    },
    "four": {
        "cells": 4,
        "cores": 2,
        "threads": 2,
        "memory": 24576,
        "disk": 45,
        "options": {
            "compute.cpu_shared_set": "0,4,8,12",
            "compute.cpu_dedicated_set": "1-3,5-7,9-11,13-15",
            "DEFAULT.cpu_allocation_ratio": 3.0,
        },
    },
    "devices": {
        "cells": 2,
        "cores": 4,
        "threads": 1,
        "memory": 16384,
        "disk": 50,
        "devices": 3,
        "options": {
            "compute.cpu_shared_set": "0-1,4-5",
            "compute.cpu_dedicated_set": "2-3,6-7",
            "pci.device_spec": _PCI,
        },
    },
    "gold": {
        "cells": 1,
        "cores": 8,
        "threads": 1,
        "memory": 16384,
        "disk": 70,
        "traits": ["CUSTOM_SSD"],
        "resources": {"CUSTOM_GOLD": {"total": 6, "reserved": 1, "max_unit": 4, "step_size": 2}},
    },
}

SEQUENCE = ["threads", "plain", "pages", "gold", "devices", "four", "ratios", "cores"]
"""Every host is of the next kind, round and round."""


QEMU = (6002000, 8002002, 10000001)
"""Versions of hypervisors, round and round too."""


def hosts_of(number: int) -> list[Kind]:
    """So many hosts; of those beyond one of each kind, two take no guests."""
    found = []
    for n in range(number):
        kind = SEQUENCE[n % len(SEQUENCE)]
        own = {"name": f"{kind}-{n:02d}", "service": "", "qemu": QEMU[n % len(QEMU)]}
        found.append({**own, **KINDS[kind]})
    rest = found[len(SEQUENCE) :]
    for host, service in zip(rest, ("forced_down", "disabled"), strict=False):
        host["service"] = service
    return found


FILTERS = ["AggregateInstanceExtraSpecsFilter", "NUMATopologyFilter", "PciPassthroughFilter"]
"""Beside nova's own."""


def aggregates_of(hosts: list[Kind]) -> list[Kind]:
    """Every second host has fast disks, some of two kinds; racks of seven hosts."""
    names = [host["name"] for host in hosts]
    racks = [
        {"name": f"rack {n}", "metadata": {"rack": f"r{n}"}, "hosts": names[n * 7 : n * 7 + 7]}
        for n in range(-(-len(names) // 7))
    ]
    disks = [
        {"name": "fast", "metadata": {"disk": "ssd, nvme"}, "hosts": names[::2]},
        {"name": "slow", "metadata": {"disk": "hdd", "pinned": "true"}, "hosts": names[::3]},
    ]
    return [*racks, *disks]


ALIASES = [json.dumps({"vendor_id": _VENDOR, "product_id": _PRODUCT, "name": "card"})]


def _flavor(
    name: str,
    vcpus: int,
    memory: int,
    disk: int,
    specs: dict[str, str],
    image: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "vcpus": vcpus,
        "memory_mb": memory,
        "disk_gb": disk,
        "extra_specs": specs,
        "image": image or {},
    }


_PINNED = {"hw:cpu_policy": "dedicated"}
_METADATA = "aggregate_instance_extra_specs"
_NEW = {"hw_architecture": "x86_64", "img_hv_requested_version": ">=8.2,<10"}
_HALF = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0", "hw:numa_nodes": "1"}
FLAVORS = [
    _flavor("plain", 7, 9000, 8, {}),
    _flavor("memory", 4, 15000, 2, {"trait:CUSTOM_SSD": "forbidden"}),
    _flavor("disk", 1, 1024, 50, {}),
    _flavor("dedicated", 5, 2048, 1, _PINNED),
    _flavor("whole cores", 4, 1024, 1, {**_PINNED, "hw:cpu_thread_policy": "require"}),
    _flavor("isolated", 5, 1024, 1, {**_PINNED, "hw:cpu_thread_policy": "isolate"}),
    _flavor("mixed", 5, 2048, 1, _HALF),
    _flavor("two cells", 4, 14000, 1, {"hw:numa_nodes": "2"}),
    _flavor("huge pages", 1, 2048, 1, {"hw:mem_page_size": "2MB"}),
    _flavor("emulator", 5, 1024, 1, {**_PINNED, "hw:emulator_threads_policy": "isolate"}),
    _flavor("fast", 2, 5000, 2, {"trait:CUSTOM_FAST": "required"}),
    _flavor("card", 1, 1024, 1, {"pci_passthrough:alias": "card:1"}),
    _flavor("card and cell", 1, 1024, 1, {"pci_passthrough:alias": "card:1", "hw:numa_nodes": "1"}),
    _flavor("gold", 1, 1024, 1, {"resources:CUSTOM_GOLD": "2"}),
    _flavor("ssd", 4, 6000, 1, {f"{_METADATA}:disk": "<or> ssd <or> tape"}),
    _flavor(
        "pinned in a rack",
        4,
        2048,
        1,
        {**_PINNED, f"{_METADATA}:rack": "s> r2", f"{_METADATA}:pinned": "true"},
    ),
    _flavor("new hypervisor", 4, 7000, 1, {}, _NEW),
    _flavor("capable", 4, 7000, 1, {"capabilities:hypervisor_version": ">= 8002003"}),
]
