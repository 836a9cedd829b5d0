"""A question as nova asked it, and its answer, as a case that ``numafit replay`` asks again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from numafit.nova import convert

MARK = "numafit-case:"  # as numafit.replaying.cases reads it
Case = dict[str, Any]


def line(case: Case) -> str:
    return f"{MARK} {json.dumps(case, sort_keys=False)}"


def named(question: str) -> Case:
    return {"id": f"{question}-{uuid.uuid4()}", "question": question}


def fit(
    host: Any,
    guest: Any,
    mapping: Any,
    limits: Any,
    requests: Sequence[Any] | None,
    stats: Any,
    pack: bool,
) -> Case:
    """Before the fit: nova's own changes the guest."""
    network = convert.field(limits, "network_metadata") if limits else None
    return named("fit") | {
        "host": host.obj_to_primitive(),
        "pci_stats": pool_list(stats),
        "flavor": None,
        "instance_numa": instance_numa(guest),
        "pci_requests": pci_requests(requests) if stats is not None else [],
        "provider_mapping": mapping or None,
        "limits": {
            "cpu_allocation_ratio": limits.cpu_allocation_ratio,
            "ram_allocation_ratio": limits.ram_allocation_ratio,
        }
        if limits
        else None,
        "networks": {
            "physnets": sorted(convert.field(network, "physnets", ())),
            "tunneled": bool(convert.field(network, "tunneled", False)),
        }
        if network
        else None,
        "conf": {"pack": pack},
    }


def fit_answer(topology: Any) -> Any:
    """``InstanceNUMATopology`` or ``None`` -> ``expect``."""
    if topology is None:
        return None
    return {
        "cells": [
            {
                "host_cell": cell.id,
                "cpuset": sorted(cell.cpuset),
                "pcpuset": sorted(cell.pcpuset),
                "pinning": {str(vcpu): cpu for vcpu, cpu in (cell.cpu_pinning or {}).items()},
                "pagesize": convert.field(cell, "pagesize"),
                "cpuset_reserved": sorted(convert.field(cell, "cpuset_reserved") or ()) or None,
            }
            for cell in topology.cells
        ]
    }


def instance_numa(topology: Any) -> Any:
    if topology is None:
        return None
    return {
        "cells": [
            {
                "id": n,
                "cpuset": sorted(convert.field(cell, "cpuset", ())),
                "pcpuset": sorted(convert.field(cell, "pcpuset", ())),
                "memory_mb": cell.memory,
                "pagesize": convert.field(cell, "pagesize"),
                "cpu_policy": convert.field(cell, "cpu_policy"),
                "cpu_thread_policy": convert.field(cell, "cpu_thread_policy"),
            }
            for n, cell in enumerate(topology.cells)
        ],
        "emulator_threads_policy": convert.field(topology, "emulator_threads_policy"),
    }


def support(
    stats: Any, requests: Sequence[Any], mapping: Any, numa_cells: Sequence[Any] | None
) -> Case:
    topology = stats.numa_topology
    with_cells = topology is not None and convert.field(topology, "cells")
    return named("support") | {
        "host": topology.obj_to_primitive() if with_cells else None,
        "pci_stats": pool_list(stats),
        "flavor": None,
        "pci_requests": pci_requests(requests),
        "provider_mapping": mapping or None,
        "numa_cells": [cell.id for cell in numa_cells] if numa_cells else None,
        "conf": {},
    }


def flavor_question(question: str, flavor: Any, image: Any, **more: Any) -> Case:
    asked, meta = convert.flavor(flavor), convert.image(image)
    return named(question) | {
        "flavor": {
            "name": asked.name,
            "vcpus": asked.vcpus,
            "memory_mb": asked.memory_mb,
            "extra_specs": dict(asked.extra_specs),
        },
        "image": {"name": meta.name, "properties": dict(meta.properties)},
        **more,
    }


def pci_requests(requests: Sequence[Any] | None) -> list[Case]:
    return [
        {
            "count": one.count,
            "spec": [dict(spec) for spec in one.spec],
            "alias_name": one.alias_name,
            "numa_policy": one.numa_policy,
            "request_id": one.request_id,
        }
        for one in convert.pci_requests(requests)
    ]


def pool_list(stats: Any) -> Any:
    """As ``compute_nodes.pci_stats`` holds pools."""
    return None if stats is None else stats.to_device_pools_obj().obj_to_primitive()
