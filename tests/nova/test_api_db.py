"""nova's API database with nova's own tables: numafit reads of aggregates what its scheduler makes
of them, and its flavors. SQLite always; with ``make test-db`` also MariaDB and PostgreSQL.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, HostInfo
from numafit.readers.api_db import read_api_db
from numafit.readers.flavors_db import read_flavors_db
from numafit.rules.aggregates import Aggregates

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "api_oracle.py"
AGGREGATES = [
    {"name": "az1", "metadata": {"availability_zone": "az1"}, "hosts": ["c1", "c2", "c3"]},
    {"name": "fast", "metadata": {"disk": "ssd, nvme", "gpu": "a100,"}, "hosts": ["c1", "c4"]},
    {"name": "mixed", "metadata": {"disk": "hdd", "empty": ""}, "hosts": ["c1", "c2"]},
    {"name": "no metadata", "metadata": {}, "hosts": ["c5"]},
    {"name": "no hosts", "metadata": {"disk": "tape"}, "hosts": []},
]
FLAVORS = [
    {"name": "small", "vcpus": 1, "memory_mb": 512, "root_gb": 0, "ephemeral_gb": 0, "swap": 0,
     "is_public": True, "extra_specs": {}},
    {"name": "pinned", "vcpus": 4, "memory_mb": 8192, "root_gb": 20, "ephemeral_gb": 5,
     "swap": 512, "is_public": False,
     "extra_specs": {"hw:cpu_policy": "dedicated", "trait:CUSTOM_A": "required"}},
]  # fmt: skip


def described(flavor: Flavor) -> dict[str, Any]:
    """As nova's object has it."""
    return {
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "memory_mb": flavor.memory_mb,
        "root_gb": flavor.disk_gb,
        "ephemeral_gb": flavor.ephemeral_gb,
        "swap": flavor.swap_mb,
        "is_public": flavor.public,
        "extra_specs": dict(flavor.extra_specs),
    }


def check(url: str) -> None:
    done = subprocess.run(
        [os.environ["NUMAFIT_NOVA_PYTHON"], "-W", "ignore", str(ORACLE), url],
        input=json.dumps({"aggregates": AGGREGATES, "flavors": FLAVORS}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    assert [one["name"] for one in answer["flavors"]] == ["small", "pinned"]
    assert [described(one) for one in read_flavors_db(url)] == answer["flavors"]
    nova = answer["metadata"]
    assert sorted(nova) == ["c1", "c2", "c3", "c4", "c5"]
    known = Aggregates(read_api_db(url))
    for name, metadata in nova.items():
        host = known.applied(HostInfo((), name=name))
        found = host.state.aggregate_metadata
        assert found is not None
        assert {key: sorted(values) for key, values in found.items()} == metadata
        assert host.zone == ("az1" if name in ("c1", "c2", "c3") else "nova")
    assert known.applied(HostInfo((), name="c6")).state.aggregate_metadata == {}


def test_aggregates_in_sqlite(tmp_path: Path) -> None:
    check(f"sqlite:///{tmp_path / 'api.db'}")


@pytest.mark.db
@pytest.mark.parametrize("server", ["mariadb", "postgresql"])
def test_aggregates_in_a_server(request: pytest.FixtureRequest, server: str) -> None:
    make: Callable[[str], str] = request.getfixturevalue(server)
    check(make("nova_api"))
