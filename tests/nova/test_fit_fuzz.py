"""Random guests on random hosts: numafit and nova must decide the same.

Runs nova in an environment of its own: NUMAFIT_NOVA_PYTHON is the path of a Python that has nova
34. NUMAFIT_FUZZ_CASES and NUMAFIT_FUZZ_SEED change how many cases there are, and which.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from numafit import Host, InvalidRequest, Placement, StalePlacement

pytestmark = pytest.mark.nova

HERE = Path(__file__).parent
CASES = int(os.environ.get("NUMAFIT_FUZZ_CASES", "3000"))
SEED = int(os.environ.get("NUMAFIT_FUZZ_SEED", "34"))
Case = dict[str, Any]
# with thread policy isolate nova finds placements that it then fails to take: an emulator thread
# on a half-used core, or siblings that are not in the dedicated set
CANNOT_PIN = ("CPUPinningInvalid", "CPUPinningUnknown")

# what the vectors' test knows of cases, so that both read them the same way
_spec = importlib.util.spec_from_file_location("fit_cases", HERE.parent / "vectors/test_fit.py")
assert _spec is not None
assert _spec.loader is not None
vectors = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(vectors)


def primitive(name: str, version: str, data: Case) -> Case:
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
        "nova_object.changes": sorted(data),
    }


KINDS = [("type-VF", "1515"), ("type-VF", "154c"), ("type-PF", "1528"), ("type-PCI", "1533")]


class Dice(random.Random):
    def sometimes(self, chance: float) -> bool:
        return self.random() < chance

    def some(self, values: Any, chance: float = 0.5) -> list[Any]:
        return [value for value in values if self.sometimes(chance)]

    # one host

    def cores(self, first: int, threads: int, count: int) -> list[list[int]]:
        if self.sometimes(0.5):
            cores = [[first + c * threads + t for t in range(threads)] for c in range(count)]
        else:
            cores = [[first + c + t * count for t in range(threads)] for c in range(count)]
        if self.sometimes(0.3):
            self.shuffle(cores)
        if self.sometimes(0.15):  # some threads are offline
            cores = [core[: self.randint(1, len(core))] for core in cores]
        return cores

    def sets(self, cpus: list[int], kind: str) -> tuple[list[int], list[int]]:
        if kind == "pin set":
            chosen = self.some(cpus, 0.9)
            return chosen, chosen
        if kind == "shared":
            return cpus, []
        if kind == "dedicated":
            return [], self.some(cpus, 0.95)
        dedicated = set(self.some(cpus, 0.7))
        return [cpu for cpu in cpus if cpu not in dedicated], sorted(dedicated)

    def pages(self, memory: int, sizes: list[int]) -> list[Case]:
        pools = []
        for size in sizes:
            total = memory * 1024 // size // len(sizes)
            used = self.randint(0, total) if self.sometimes(0.35) else 0
            if self.sometimes(0.03):
                used = total + 5
            reserved = self.randint(0, max(total - used, 0)) if self.sometimes(0.2) else 0
            pools.append({"size_kb": size, "total": total, "used": used, "reserved": reserved})
        if self.sometimes(0.2):
            self.shuffle(pools)
        return [primitive("NUMAPagesTopology", "1.1", pool) for pool in pools]

    def host(self, cells: int) -> Case:
        threads = self.choice([1, 2, 2, 2, 4])
        kind = self.choice(["pin set", "pin set", "shared", "dedicated", "split", "split", "split"])
        sizes = self.choice([[4], [4, 2048], [4, 2048, 1048576], [64, 16384], [2048], []])
        wide = self.choice([4, 8, 12])
        ids = self.sample(range(cells + 2), cells) if self.sometimes(0.1) else list(range(cells))
        found = []
        for number, cell in enumerate(ids):
            cores = self.cores(number * 64, threads, self.randint(2, wide))
            cpus = sorted(cpu for core in cores for cpu in core)
            shared, dedicated = self.sets(cpus, kind)
            memory = self.choice([1024, 4096, 8192, 8193])
            pinned = self.some(dedicated, self.choice([0.0, 0.0, 0.2, 0.5, 0.9]))
            if self.sometimes(0.04):
                pinned += [number * 64 + 60]
            data = {
                "id": cell,
                "cpuset": shared,
                "pcpuset": dedicated,
                "memory": memory,
                "cpu_usage": self.randint(0, 2 * len(shared)) if self.sometimes(0.6) else 0,
                "memory_usage": self.choice(
                    [0, 0, 0, memory // 4, memory // 2, memory - 600, memory + 512]
                ),
                "pinned_cpus": pinned,
                "siblings": cores,
                "mempages": self.pages(memory, sizes),
                "network_metadata": primitive(
                    "NetworkMetadata",
                    "1.0",
                    {
                        "physnets": self.some(["foo", "bar", "baz"], 0.35),
                        "tunneled": self.sometimes(0.4),
                    },
                ),
                "socket": self.choice([None, number // 2, number]),
            }
            found.append(primitive("NUMACell", "1.5", data))
        return primitive("NUMATopology", "1.2", {"cells": found})

    def pci_pools(self, nodes: list[int]) -> Case | None:
        if self.sometimes(0.3):
            return None
        pools = []
        for number in range(self.randint(1, 7)):
            kind, product = self.choice(
                [
                    ("type-VF", "1515"),
                    ("type-VF", "154c"),
                    ("type-PF", "1528"),
                    ("type-PCI", "1533"),
                ]
            )
            tags: Case = {"dev_type": kind, "remote_managed": "false"}
            if kind in ("type-VF", "type-PF"):
                tags["address"] = f"0000:8{number}:00.0"
            if kind == "type-VF":
                tags["parent_ifname"] = f"ens{number}"
                if self.sometimes(0.7):
                    tags["physical_network"] = self.choice(["foo", "bar", None])
                if self.sometimes(0.15):
                    tags["remote_managed"] = "true"
            if self.sometimes(0.3):
                tags["trusted"] = self.choice(["true", "false"])
            data = {
                "vendor_id": "8086",
                "product_id": product,
                "numa_node": self.choice([*nodes, *nodes, *nodes, None, 9]),
                "count": self.randint(0, 8),
                "tags": tags,
            }
            pools.append(primitive("PciDevicePool", "1.1", data))
        return primitive("PciDevicePoolList", "1.1", {"objects": pools})

    # one guest

    def flavor(self, host_cells: int) -> Case:
        nodes = self.choice([1, 1, 2, 2, 3, 4]) if self.sometimes(0.7) else 0
        nodes = min(nodes, host_cells + self.sometimes(0.1))
        each = self.choice([1, 1, 2, 2, 3, 4])
        vcpus = each * max(nodes, 1)
        memory = self.choice([64, 128, 256, 512, 1024]) * max(nodes, 1)
        specs: dict[str, str] = {}
        if nodes:
            specs["hw:numa_nodes"] = str(nodes)
        policy = self.choice(["dedicated", "dedicated", "shared", "mixed", None])
        if policy:
            specs["hw:cpu_policy"] = policy
        if policy == "mixed":
            vcpus = max(vcpus, 2)
            dedicated = self.sample(range(vcpus), self.randint(1, vcpus - 1))
            specs["hw:cpu_dedicated_mask"] = ",".join(map(str, dedicated))
        if policy in ("dedicated", "mixed"):
            if self.sometimes(0.5):
                specs["hw:cpu_thread_policy"] = self.choice(["prefer", "isolate", "require"])
            if self.sometimes(0.3):
                specs["hw:emulator_threads_policy"] = self.choice(["isolate", "share"])
        elif self.sometimes(0.3):
            specs["hw:numa_nodes"] = str(max(nodes, 1))
        if self.sometimes(0.4):
            specs["hw:mem_page_size"] = self.choice(
                ["small", "small", "small", "large", "any", "any", "any", "4", "2048", "64"]
            )
        if nodes > 1 and self.sometimes(0.5):
            specs |= self.uneven(vcpus, memory, nodes)
        if self.sometimes(0.3):
            names = self.sample(["vf", "pf", "dev", "both", "many"], self.randint(1, 2))
            specs["pci_passthrough:alias"] = ",".join(
                f"{name}:{self.choice([0, 1, 1, 1, 2, 3])}" for name in names
            )
            if self.sometimes(0.4):
                specs["hw:pci_numa_affinity_policy"] = self.choice(
                    ["required", "legacy", "preferred", "socket"]
                )
        return {"name": "f", "vcpus": vcpus, "memory_mb": memory, "extra_specs": specs}

    def uneven(self, vcpus: int, memory: int, nodes: int) -> dict[str, str]:
        cpus = list(range(vcpus))
        self.shuffle(cpus)
        cuts = sorted(self.sample(range(1, vcpus), nodes - 1)) if vcpus > nodes else None
        edges = [0, *(cuts or range(1, nodes)), vcpus]
        shares = [memory // nodes] * nodes
        shares[0], shares[-1] = shares[0] + shares[-1] // 2, shares[-1] - shares[-1] // 2
        specs = {}
        for node in range(nodes):
            specs[f"hw:numa_cpus.{node}"] = ",".join(map(str, cpus[edges[node] : edges[node + 1]]))
            specs[f"hw:numa_mem.{node}"] = str(shares[node])
        return specs

    def ports(self) -> list[Case]:
        found = []
        for _ in range(self.choice([0, 0, 0, 0, 1, 2])):
            spec: Case = {"physical_network": self.choice(["foo", "bar", None])}
            if self.sometimes(0.3):
                spec["remote_managed"] = self.choice(["True", "False"])
            if self.sometimes(0.2):
                spec["trusted"] = "true"
            if self.sometimes(0.2):
                spec["dev_type"] = self.choice(["type-PF", "type-VF"])
            policy = self.choice([None, "legacy", "required", "preferred", "socket"])
            found.append({"count": 1, "spec": [spec], "numa_policy": policy})
        return found

    def case(self) -> Case:
        cells = self.choice([1, 2, 2, 3, 4, 4, 5, 6])
        host = self.host(cells)
        ids = [cell["nova_object.data"]["id"] for cell in host["nova_object.data"]["cells"]]
        limits = {"cpu_allocation_ratio": self.choice([1.0, 2.0, 16.0]),
                  "ram_allocation_ratio": self.choice([1.0, 1.5])}  # fmt: skip
        networks = {
            "physnets": self.some(["foo", "bar", "baz", "elsewhere"], 0.25),
            "tunneled": self.sometimes(0.3),
        }
        return {
            "host": host,
            "pci_stats": self.pci_pools(ids),
            "flavor": self.flavor(cells),
            "image": {"name": "i", "properties": {}},
            "limits": limits if self.sometimes(0.8) else None,
            "networks": networks if self.sometimes(0.6) else None,
            "port_requests": self.ports(),
            "conf": {"pack": self.sometimes(0.4), "pci_alias": ALIASES},
        }


def alias(name: str, product: str, **more: str) -> str:
    return json.dumps({"name": name, "vendor_id": "8086", "product_id": product, **more})


ALIASES = [
    alias("vf", "1515", device_type="type-VF", numa_policy="legacy"),
    alias("pf", "1528", device_type="type-PF", numa_policy="preferred"),
    alias("dev", "1533", device_type="type-PCI", numa_policy="required"),
    alias("both", "1515", device_type="type-VF", numa_policy="socket"),
    alias("both", "154c", device_type="type-VF", numa_policy="socket"),
    alias("many", "154c"),
]


def ask_nova(python: str, cases: list[Case]) -> list[Case]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-W", "ignore", str(HERE / "fit_oracle.py")],
        input="".join(json.dumps(case) + "\n" for case in cases),
        capture_output=True,
        text=True,
        env=environment,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected(case: Case, cells: list[Case]) -> Case:
    core_of = vectors.cores_of(case)
    return vectors.expected(
        {
            "cells": cells,
            "core_of_vcpu": {v: core_of[p] for c in cells for v, p in c["pinning"].items()},
            "core_of_reserved": [
                core_of[p] for c in cells for p in c["cpuset_reserved"] or () if p in core_of
            ],
        }
    )  # type: ignore[no-any-return]


def disagreement(case: Case, nova: Case) -> str | None:
    """What is wrong, in a word or two; ``None``: nothing."""
    try:
        request = vectors.request_of(case)
    except InvalidRequest as error:
        return None if nova.get("error") == error.nova_exception else f"error {error}"
    if nova.get("error") == "no topology":
        return None if request.guest is None else "a topology, and nova sees none"
    if "error" in nova:
        return f"nova fails with {nova}"
    host = Host.from_nova(case["host"], case["pci_stats"])
    found = host.fit(request, strategy=vectors.strategy_of(case), limits=vectors.limits_of(case))
    if not isinstance(found, Placement):
        return None if nova["afresh"] is None else f"refused: {found}"
    if nova["afresh"] is None:
        return "fits, and nova says no"
    try:
        mine = vectors.described(found, vectors.cores_of(case))
        theirs = expected(case, nova["afresh"])
    except KeyError as error:  # hosts without sibling sets: a CPU is a core
        return None if not vectors.cores_of(case) else f"CPU {error} stands in no core"
    if mine != theirs:
        return f"placed elsewhere: {mine}"
    return claim_differs(host, found, nova["claim"])


def claim_differs(host: Host, placement: Placement, nova: Case) -> str | None:
    before = host.hostinfo
    try:
        claim = host.claim(placement)
    except StalePlacement:
        # on a host without page pools nova fails before it comes to the CPUs
        return None if nova.get("error") in (*CANNOT_PIN, "IndexError") else "cannot be claimed"
    if "usage" in nova:
        mine = [
            {
                "id": cell["id"],
                "cpu_usage": cell["cpu_usage"],
                "memory_usage": cell["memory_usage"],
                "pinned": len(cell["pinned_cpus"]),
                "pages": sorted(page["used"] for page in cell["mempages"]),
            }
            for cell in host.usage()
        ]
        theirs = [usage | {"pages": sorted(usage["pages"])} for usage in nova["usage"]]
        if mine != theirs:
            return f"claimed {mine}, nova {theirs}"
    elif nova["error"] in CANNOT_PIN:
        return "claimed what nova cannot claim"
    host.release(claim)
    return None if host.hostinfo == before and host.check() is None else "release does not restore"


def test_numafit_places_as_nova_does() -> None:
    python = os.environ.get("NUMAFIT_NOVA_PYTHON")
    if not python:
        pytest.skip("NUMAFIT_NOVA_PYTHON is not set: the path of a Python that has nova 34")
    dice = Dice(SEED)
    cases = [dice.case() for _ in range(CASES)]
    answers = ask_nova(python, cases)
    assert len(answers) == CASES
    wrong = []
    seen: Counter[str] = Counter()
    for case, nova in zip(cases, answers, strict=True):
        seen["fit" if nova.get("afresh") else "error" if "error" in nova else "refused"] += 1
        seen["artefact"] += nova.get("afresh") != nova.get("direct")
        fault = disagreement(case, nova)
        if fault:
            wrong.append(f"{fault}\n  nova: {nova}\n  case: {json.dumps(case)}")
    print(dict(seen))
    assert seen["fit"] > CASES // 10
    assert seen["refused"] > CASES // 10
    assert not wrong, f"{len(wrong)} of {CASES} answers differ\n" + "\n".join(wrong[:5])
