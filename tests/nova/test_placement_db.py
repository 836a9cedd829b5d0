"""Placement's own tables: numafit reads from them what was put into placement through its API.

SQLite always; with ``make test-db`` also a MariaDB and a PostgreSQL server.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit.model.resources import Inventory
from numafit.readers.placement_db import read_placement_db
from numafit.readers.placement_facts import SHARES

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "placement_oracle.py"
CLASSES = ("VCPU", "PCPU", "MEMORY_MB", "DISK_GB", "CUSTOM_GOLD")
TRAITS = ("CUSTOM_SSD", "HW_CPU_HYPERTHREADING")
NEAR, FAR = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("near", "far"))


def host(rng: random.Random, n: int) -> dict[str, Any]:
    inventories = {}
    for name in rng.sample(CLASSES, rng.randint(1, len(CLASSES))):
        total = rng.randint(1, 64)
        inventories[name] = {
            "total": total,
            "reserved": rng.randint(0, total),
            "allocation_ratio": rng.choice([1.0, 1.5, 16.0]),
            "min_unit": 1,
            "max_unit": rng.randint(1, 100),
            "step_size": rng.choice([1, 2]),
            "used": rng.choice([0, rng.randint(1, 200)]),
        }
    traits = rng.sample(TRAITS, rng.randint(0, 2))
    aggregates = rng.sample([NEAR, FAR], rng.randint(0, 2))
    return {"name": f"h{n}", "inventories": inventories, "traits": traits, "aggregates": aggregates}


def unit(total: int) -> dict[str, Any]:
    return {"total": total, "max_unit": total, "used": 0}


def world() -> dict[str, Any]:
    rng = random.Random(34)
    hosts = [host(rng, n) for n in range(30)]
    nested = {"name": "gpu", "parent": "h0", "inventories": {"VGPU": unit(2)}}
    pool = {"name": "nfs", "inventories": {"DISK_GB": unit(900)}, "traits": [SHARES]}
    for one, aggregates in ((nested, []), (pool, [NEAR])):
        one.setdefault("traits", ["CUSTOM_SLICED"])
        hosts.append({**one, "aggregates": aggregates})
    traits = [trait for trait in (*TRAITS, "CUSTOM_SLICED") if trait.startswith("CUSTOM_")]
    return {"classes": ["CUSTOM_GOLD"], "traits": traits, "hosts": hosts, "questions": []}


def check(url: str) -> None:
    made = world()
    done = subprocess.run(
        [os.environ["NUMAFIT_NOVA_PYTHON"], "-W", "ignore", str(ORACLE), url],
        input=json.dumps(made) + "\n",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = read_placement_db(url)
    assert len(found) == 31  # the nested provider is no host
    for one in made["hosts"]:
        if one["name"] in ("gpu", "nfs"):
            continue
        provider = found[str(uuid.uuid5(uuid.NAMESPACE_DNS, f"0-{one['name']}"))]
        wanted = {name: Inventory(**units) for name, units in one["inventories"].items()}
        assert dict(provider.inventories) == wanted
        assert provider.traits == set(one["traits"])
        assert provider.aggregates == set(one["aggregates"])
        elsewhere = {"VGPU"} if one["name"] == "h0" else set()
        assert provider.elsewhere == elsewhere | ({"DISK_GB"} & nfs_of(one))
        assert provider.traits_elsewhere == ({"CUSTOM_SLICED"} if elsewhere else set())


def nfs_of(one: dict[str, Any]) -> set[str]:
    return {"DISK_GB"} if NEAR in one["aggregates"] else set()


def test_placements_own_tables_in_sqlite(tmp_path: Path) -> None:
    check(f"sqlite:///{tmp_path / 'placement.db'}")


@pytest.mark.db
@pytest.mark.parametrize("server", ["mariadb", "postgresql"])
def test_placements_own_tables_in_a_server(request: pytest.FixtureRequest, server: str) -> None:
    make: Callable[[str], str] = request.getfixturevalue(server)
    check(make("placement"))
