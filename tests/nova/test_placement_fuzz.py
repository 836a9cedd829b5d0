"""Random hosts and requests: the candidates are those of real placement.

NUMAFIT_NOVA_PYTHON is the path of a Python that has nova 34 and openstack-placement 16;
NUMAFIT_FUZZ_CASES and NUMAFIT_FUZZ_SEED change how many hosts are judged, and which.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.nova.recording import record
from tests.vectors.test_placement import candidates

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "placement_oracle.py"
CASES = int(os.environ.get("NUMAFIT_FUZZ_CASES", "20000"))
SEED = int(os.environ.get("NUMAFIT_FUZZ_SEED", "34"))
HOSTS, QUESTIONS = 40, 25

CLASSES = ["VCPU", "PCPU", "MEMORY_MB", "DISK_GB", "CUSTOM_GOLD", "VGPU"]
TRAITS = ["CUSTOM_SSD", "CUSTOM_FAST", "HW_CPU_HYPERTHREADING", "COMPUTE_SOCKET_PCI_NUMA_AFFINITY"]
AGGREGATES = [str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in "abcd"]
TOTALS = {"VCPU": 32, "PCPU": 32, "MEMORY_MB": 32768, "DISK_GB": 200, "CUSTOM_GOLD": 9, "VGPU": 4}


def inventory_of(rng: random.Random, name: str) -> dict[str, Any]:
    total = rng.randint(1, TOTALS[name])
    if rng.random() < 0.85:  # nothing odd about it
        used = rng.choice([0, 0, rng.randint(0, total)])
        return {"total": TOTALS[name], "allocation_ratio": 1.0, "used": used}
    low = rng.choice([1, 1, 1, 2])
    ratio = rng.choice([1.0, 1.0, 1.5, 0.5, 16.0, 0.3333])
    return {
        "total": total,
        "reserved": rng.choice([0, 0, 1, total // 2, total]),
        "allocation_ratio": ratio,
        "min_unit": low,
        "max_unit": rng.choice([low, low + total, 2 * total + 1, 2**31 - 1]),
        "step_size": rng.choice([1, 1, 1, 2, 3]),
        "used": rng.choice([0, 0, rng.randint(0, total), total, 3 * total]),
    }


def world_of(rng: random.Random) -> dict[str, Any]:
    hosts = []
    for n in range(HOSTS):
        has = [name for name in CLASSES if rng.random() < (0.9 if name in CLASSES[:4] else 0.4)]
        hosts.append(
            {
                "name": f"h{n}",
                "inventories": {name: inventory_of(rng, name) for name in has},
                "traits": rng.sample(TRAITS, rng.randint(0, 4)),
                "aggregates": rng.sample(AGGREGATES, rng.randint(0, 3)),
            }
        )
    return {
        "classes": ["CUSTOM_GOLD"],
        "traits": [trait for trait in TRAITS if trait.startswith("CUSTOM_")],
        "hosts": hosts,
        "questions": [question_of(rng) for _ in range(QUESTIONS)],
    }


def question_of(rng: random.Random) -> dict[str, Any]:
    specs = {}
    policy = rng.choice([None, None, "dedicated", "mixed"])
    vcpus = rng.choice([2, 2, 4, 7, 16])
    if policy:
        specs["hw:cpu_policy"] = policy
        if policy == "mixed":
            specs["hw:cpu_dedicated_mask"] = "^0"
        if rng.random() < 0.3:
            specs["hw:cpu_thread_policy"] = rng.choice(["isolate", "require", "prefer"])
        if rng.random() < 0.3:
            specs["hw:emulator_threads_policy"] = "isolate"
    for name in rng.sample(["CUSTOM_GOLD", "VGPU", "DISK_GB"], rng.choice([0, 0, 0, 1, 2])):
        suffix = rng.choice(["", "", "1", "_A"])
        specs[f"resources{suffix}:{name}"] = str(rng.choice([0, 1, 1, 2, 3, 4, 6]))
        if suffix and rng.random() < 0.3:
            specs[f"trait{suffix}:{rng.choice(TRAITS[:2])}"] = "required"
    if len({key.split(":")[0] for key in specs if key.startswith("resources")}) > 1:
        specs["group_policy"] = rng.choice(["none", "none", "none", "isolated"])
    for trait in rng.sample(TRAITS[:2], rng.choice([0, 0, 0, 0, 1, 2])):
        specs[f"trait:{trait}"] = rng.choice(["required", "forbidden"])
    if rng.random() < 0.1:
        specs["hw:pci_numa_affinity_policy"] = "socket"
    return {
        "flavor": {
            "name": "f",
            "vcpus": vcpus,
            "memory_mb": rng.choice([512, 512, 1000, 4096, 20000]),
            "root_gb": rng.choice([0, 0, 1, 20, 100]),
            "ephemeral_gb": rng.choice([0, 0, 5]),
            "swap": rng.choice([0, 0, 1025]),
            "extra_specs": specs,
        },
        "image": {"name": "i", "properties": {}},
        "volume_backed": rng.random() < 0.2,
        "member_of": [
            rng.sample(AGGREGATES, rng.randint(1, 2)) for _ in range(rng.choice([0, 0, 0, 1, 2]))
        ],
        "forbidden_aggregates": rng.sample(AGGREGATES, rng.choice([0, 0, 0, 1])),
    }


def test_the_candidates_are_those_of_placement() -> None:
    python = os.environ.get("NUMAFIT_NOVA_PYTHON")
    if not python:
        pytest.skip("NUMAFIT_NOVA_PYTHON is not set: the path of a Python that has nova 34")
    rng = random.Random(SEED)
    worlds = [world_of(rng) for _ in range(max(1, CASES // (HOSTS * QUESTIONS)))]
    done = subprocess.run(
        [python, "-W", "ignore", str(ORACLE)],
        input="".join(json.dumps(world) + "\n" for world in worlds),
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    record(
        "placement",
        ({**world, "candidates": found} for world, found in zip(worlds, answers, strict=True)),
    )
    wrong, yes, no = [], 0, 0
    for world, placement in zip(worlds, answers, strict=True):
        for question, theirs, ours in zip(
            world["questions"], placement, candidates(world), strict=True
        ):
            yes += len(theirs or ())
            no += HOSTS - len(theirs or ())
            odd = set(theirs or ()) ^ set(ours)
            hosts = [host for host in world["hosts"] if host["name"] in odd][:1]
            if hosts:
                wrong.append(f"placement {theirs}, numafit {ours}, for {question} on {hosts}")
    assert not wrong, f"{len(wrong)} questions:\n" + "\n\n".join(wrong[:3])
    assert min(yes, no) > CASES // 50
