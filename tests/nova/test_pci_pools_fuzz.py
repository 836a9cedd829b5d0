"""Random pools, devices and requests: numafit and nova must serve the same.

See ``pci_questions.py`` for how many, and for the nova that is asked.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import (
    Flavor,
    Host,
    HostCell,
    HostInfo,
    PciPool,
    Placement,
    PlacementCell,
    Request,
    guest_topology,
    parse_device_specs,
    pools_from_devices,
)

_SPEC = importlib.util.spec_from_file_location(
    "pci_questions", Path(__file__).parent / "pci_questions.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
q = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(q)

pytestmark = pytest.mark.nova
Question = dict[str, Any]


# --- what the pools can serve


def random_pools(dice: Any, cells: int) -> list[Question]:
    found = []
    for number in range(dice.randint(1, 7)):
        pool = {
            "vendor_id": dice.choice(q.IDS[:2]),
            "product_id": dice.choice(q.IDS[2:4]),
            "numa_node": dice.choice(
                [None, *range(cells), cells + 5] if dice.sometimes(0.2) else list(range(cells))
            ),
            "count": dice.choice([0, 1, 1, 2, 3, 4]),
            "dev_type": dice.choice(
                ["type-VF", "type-VF", "type-VF", "type-PF", "type-PCI", "vdpa"]
            ),
        }
        for key, chance, values in [
            ("physical_network", 0.5, ["foo", "FOO", "bar", None]),
            ("trusted", 0.2, ["true", "false"]),
            ("remote_managed", 0.4, ["true", "false", "yes", "False"]),
            ("live_migratable", 0.3, ["true", "false"]),
            ("address", 0.3, [f"0000:0{number}:00.0"]),
            ("rp_uuid", 0.5, [f"rp{number}", "rp0"]),
            ("resource_class", 0.1, ["A"]),
        ]:
            if dice.sometimes(chance):
                pool[key] = dice.choice(values)
        found.append(pool)
    return found


def random_requests(dice: Any) -> list[Question]:
    found = []
    for _ in range(dice.choice([1, 1, 2, 2, 3, 4])):
        spec = []
        for _ in range(dice.choice([1, 1, 1, 2])):
            one = {
                key: dice.choice(values)
                for key, chance, values in [
                    ("vendor_id", 0.6, q.IDS[:2]),
                    ("product_id", 0.5, q.IDS[2:4]),
                    ("physical_network", 0.3, ["foo", "Foo", "bar", None]),
                    ("dev_type", 0.4, ["type-VF", "type-PF", "vdpa", "TYPE-vf"]),
                    ("trusted", 0.1, ["True", "false", None]),
                    ("remote_managed", 0.4, ["True", "False", "false", "true"]),
                    ("live_migratable", 0.15, ["true", "false", "True", None]),
                    ("resource_class", 0.1, ["B"]),
                    ("traits", 0.1, ["B"]),
                ]
                if dice.sometimes(chance)
            }
            spec.append(one)
        request = {
            "count": dice.choice([0, 1, 1, 1, 2, 2, 3]),
            "spec": spec,
            "numa_policy": dice.choice([None, *q.POLICIES]),
            "alias_name": dice.choice([None, "a"]),
        }
        if request["alias_name"] and dice.sometimes(0.15):
            picked = dice.choices(
                ["rp0", "rp1", "rp2", "rp9"], k=max(1, request["count"]) + dice.choice([0, 0, 0, 4])
            )
            spec[0]["rp_uuids"] = ",".join(picked)
        found.append(request)
    return found


def a_support(dice: Any) -> Question:
    cells = dice.randint(1, 5)
    sockets = [None if dice.sometimes(0.03) else n // dice.choice([1, 2]) for n in range(cells)]
    requests = random_requests(dice)
    question = {
        "cells": list(enumerate(sockets)),
        "pools": random_pools(dice, cells),
        "requests": requests,
        "chosen": dice.choice([None, *[dice.sample(range(cells), dice.randint(1, cells))] * 8]),
    }
    if dice.sometimes(0.2):
        extra = dice.choice([0, 0, 0, 4])  # more than the request counts
        question["mapping"] = {
            f"00000000-0000-0000-0000-{n:012d}-{k}": [dice.choice(["rp0", "rp1", "rp2", "rp3"])]
            for n, request in enumerate(requests)
            for k in range(request["count"] + extra)
        }
    return question


def host_with(question: Question) -> Host:
    pools = []
    for pool in question["pools"]:
        tags = dict(pool)
        fixed = [tags.pop(key) for key in ("vendor_id", "product_id", "numa_node", "count")]
        pools.append(PciPool(*fixed, tags))
    cells = [
        HostCell(number, frozenset(), frozenset(), 1, socket=socket)
        for number, socket in question["cells"]
    ]
    return Host(HostInfo(tuple(cells), pci_pools=tuple(pools)))


def support(question: Question) -> Any:
    found = host_with(question).supports_pci(
        q.request_values(question["requests"]),
        question["chosen"],
        provider_mapping=question.get("mapping"),
    )
    return [pool.as_dict() for pool in found.pools_after if pool.count] if found else None


def a_fit(dice: Any) -> Question:
    cells = dice.randint(2, 6)
    guest = dice.randint(1, min(cells, 4))
    host = []
    for n in range(cells):
        cpus = list(range(4 * n, 4 * n + 4))
        used = dice.sample(cpus, dice.choice([0, 0, 0, 1, 2, 3]))
        host.append(host_cell(n, cpus, used, n // 2, 4096, dice.choice([0, 0, 512])))
    specs = {"hw:numa_nodes": str(guest), "hw:cpu_policy": "dedicated"}
    return {
        "host": {
            "nova_object.name": "NUMATopology", "nova_object.namespace": "nova",
            "nova_object.version": "1.2", "nova_object.data": {"cells": host},
        },
        "flavor": {"name": "f", "vcpus": guest * dice.choice([1, 2, 3]), "memory_mb": guest * 512,
                   "extra_specs": specs},
        "pools": random_pools(dice, cells),
        "requests": random_requests(dice),
    }  # fmt: skip


def host_cell(
    number: int, cpus: list[int], used: list[int], socket: int, memory: int, taken: int
) -> Question:
    pages = {
        "nova_object.name": "NUMAPagesTopology", "nova_object.namespace": "nova",
        "nova_object.version": "1.1",
        "nova_object.data": {"size_kb": 4, "total": memory * 256, "used": taken * 256,
                             "reserved": 0},
    }  # fmt: skip
    return {
        "nova_object.name": "NUMACell", "nova_object.namespace": "nova",
        "nova_object.version": "1.5",
        "nova_object.data": {
            "id": number, "cpuset": [], "pcpuset": cpus, "memory": memory, "cpu_usage": 0,
            "memory_usage": taken, "pinned_cpus": used, "siblings": [[c] for c in cpus],
            "mempages": [pages], "network_metadata": {
                "nova_object.name": "NetworkMetadata", "nova_object.namespace": "nova",
                "nova_object.version": "1.0",
                "nova_object.data": {"physnets": [], "tunneled": False}},
            "socket": socket,
        },
    }  # fmt: skip


def fit(question: Question) -> Any:
    pools = [{**pool, "numa_node": pool["numa_node"]} for pool in question["pools"]]
    host = Host.from_nova(question["host"], json.dumps(pools))
    request = Request(
        guest_topology(Flavor(**question["flavor"])), pci=q.request_values(question["requests"])
    )
    found = host.fit(request)
    return [cell.host_cell for cell in found.cells] if isinstance(found, Placement) else None


# --- devices that are claimed one guest after the other


def some_claims(dice: Any) -> Question:
    specs = [json.dumps({"vendor_id": "8086", "physical_network": dice.choice(["foo", None])}),
             json.dumps({"vendor_id": "15b3"}), "{}"]  # fmt: skip
    steps = []
    for _ in range(dice.randint(1, 4)):
        requests = []
        for _ in range(dice.randint(1, 2)):
            spec = {
                key: dice.choice(values)
                for key, chance, values in [
                    ("vendor_id", 0.7, ["8086", "15b3", "10de"]),
                    ("dev_type", 0.5, ["type-VF", "type-PF", "vdpa", "type-PCI"]),
                    ("physical_network", 0.2, ["foo", None]),
                ]
                if dice.sometimes(chance)
            }
            requests.append(
                {
                    "count": dice.choice([1, 1, 2]),
                    "spec": [spec],
                    "numa_policy": dice.choice(q.POLICIES),
                    "alias_name": "a",
                }
            )
        steps.append([requests, dice.choice([None, [0], [1], [0, 1]])])
    return {
        "cells": [[0, 0], [1, 0]],
        "specs": specs,
        "devices": q.devices_of(dice, odd=False),
        "steps": steps,
    }


def claims(question: Question) -> Any:
    cells = tuple(
        HostCell(number, frozenset(), frozenset(), 1 << 20, socket=socket)
        for number, socket in question["cells"]
    )
    pools = pools_from_devices(question["devices"], parse_device_specs(question["specs"]))
    host = Host(HostInfo(cells, pci_pools=tuple(pools)))
    answers: list[Any] = []
    for found, chosen in question["steps"]:
        requests = q.request_values(found)
        if not host.supports_pci(requests, chosen):
            answers.append(None)
            continue
        placement = Placement(
            [PlacementCell(number) for number in chosen or ()], pci_requests=requests
        )
        held = host.claim(placement)
        answers.append([address for drawn in held.pci for address in drawn.devices])
    assert host.check() is None
    return answers


KINDS: dict[str, tuple[Callable[[Any], Question], Callable[[Question], Any]]] = {
    "support": (a_support, support),
    "fit": (a_fit, fit),
    "claims": (some_claims, claims),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pci_requests_are_served_as_nova_serves_them(kind: str) -> None:
    q.compare(kind, *KINDS[kind])
