"""Random hosts and multipliers: what-if weighs hosts as nova's own weighers do.

NUMAFIT_NOVA_PYTHON is the path of a Python that has nova 34; NUMAFIT_FUZZ_CASES and
NUMAFIT_FUZZ_SEED change how many cases there are, and which.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Fleet, HostCell, HostInfo, PciPool, Request
from numafit.model.resources import Inventory, Provider
from numafit.planning.weighers import Weighing

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "weighers_oracle.py"
CASES = int(os.environ.get("NUMAFIT_FUZZ_CASES", "2000"))
SEED = int(os.environ.get("NUMAFIT_FUZZ_SEED", "34"))
MULTIPLIERS = [1.0, 1.0, 1.0, -1.0, 2.0, 0.5, -3.0, 0.0]


def case_of(dice: random.Random) -> dict[str, Any]:
    few = dice.random() < 0.3  # hosts that are alike in something

    def number(most: int) -> int:
        return dice.choice([0, most]) if few else dice.randrange(most + 1)

    hosts = [
        {
            "memory_mb": 4096 + number(4096),
            "memory_used": number(9000),
            "vcpus": number(32),
            "cpu_allocation_ratio": dice.choice([1.0, 4.0, 1.5]),
            "vcpu_used": number(20),
            "pcpu_used": number(8),
            "disk_gb": number(100),
            "disk_used": number(40),
            "devices": [number(60) for _ in range(dice.randrange(4))],
        }
        for _ in range(dice.randrange(2, 7))
    ]
    names = dice.sample(["ram", "cpu", "disk", "pci"], dice.randrange(1, 5))
    multipliers = {name: dice.choice(MULTIPLIERS) for name in names}
    if "pci" in multipliers:  # nova takes none below 0
        multipliers["pci"] = abs(multipliers["pci"])
    return {"hosts": hosts, "multipliers": multipliers}


def as_nova_has_it(case: dict[str, Any]) -> dict[str, Any]:
    """nova's compute node: what is free of memory and disk, and vCPUs used of both kinds."""
    hosts = [
        {
            "free_ram_mb": one["memory_mb"] - 512 - one["memory_used"],
            "free_disk_gb": one["disk_gb"] - one["disk_used"],
            "vcpus": one["vcpus"],
            "vcpus_used": one["vcpu_used"] + one["pcpu_used"],
            "cpu_allocation_ratio": one["cpu_allocation_ratio"],
            "devices": one["devices"],
        }
        for one in case["hosts"]
    ]
    return {"hosts": hosts, "multipliers": case["multipliers"]}


def host_of(number: int, facts: dict[str, Any]) -> HostInfo:
    ratio = facts["cpu_allocation_ratio"]
    return HostInfo(
        cells=(HostCell(id=0, cpuset=range(1), pcpuset=(), memory_mb=65536),),
        name=f"h{number}",
        pci_pools=tuple(
            PciPool("8086", f"{n:04x}", 0, count) for n, count in enumerate(facts["devices"], 1)
        ),
        provider=Provider(
            {
                "MEMORY_MB": Inventory(facts["memory_mb"], reserved=512, used=facts["memory_used"]),
                "VCPU": Inventory(facts["vcpus"], allocation_ratio=ratio, used=facts["vcpu_used"]),
                "PCPU": Inventory(64, used=facts["pcpu_used"]),
                "DISK_GB": Inventory(facts["disk_gb"], used=facts["disk_used"]),
            }
        ),
    )


def test_hosts_weigh_what_they_weigh_in_nova() -> None:
    python = os.environ.get("NUMAFIT_NOVA_PYTHON")
    if not python:
        pytest.skip("NUMAFIT_NOVA_PYTHON is not set: the path of a Python that has nova 34")
    dice = random.Random(SEED)
    cases = [case_of(dice) for _ in range(CASES)]
    done = subprocess.run(
        [python, "-W", "ignore", str(ORACLE)],
        input="".join(json.dumps(as_nova_has_it(case)) + "\n" for case in cases),
        capture_output=True,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    # asks for nothing that could be short: every host can take it
    flavor = Flavor("f", 1, 0, {"hw:numa_nodes": "1"})
    anything = Request(Request.for_server(flavor).guest, pci=[])
    several = 0
    for case, nova in zip(cases, answers, strict=True):
        fleet = Fleet([host_of(n, one) for n, one in enumerate(case["hosts"])])
        given = ",".join(f"{name}={by}" for name, by in case["multipliers"].items())
        weighing = Weighing(fleet, given)
        weighing.weigh(0, anything)
        if len(case["multipliers"]) > 1:
            several += 1
            assert weighing.scores.tolist() == pytest.approx(nova), case
        else:
            # one alone is not brought to 0..1: the order is what counts
            assert _order(weighing.scores.tolist()) == _order(nova), case
    assert several > CASES // 3


def _order(sums: list[float]) -> list[int]:
    return sorted(range(len(sums)), key=lambda host: -sums[host])
