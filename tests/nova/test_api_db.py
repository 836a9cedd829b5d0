"""nova's API database with nova's own tables: numafit reads of aggregates what its scheduler makes
of them. SQLite always; with ``make test-db`` also MariaDB and PostgreSQL.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from numafit import HostInfo
from numafit.readers.api_db import read_api_db
from numafit.rules.aggregates import Aggregates

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "aggregates_oracle.py"
AGGREGATES = [
    {"name": "az1", "metadata": {"availability_zone": "az1"}, "hosts": ["c1", "c2", "c3"]},
    {"name": "fast", "metadata": {"disk": "ssd, nvme", "gpu": "a100,"}, "hosts": ["c1", "c4"]},
    {"name": "mixed", "metadata": {"disk": "hdd", "empty": ""}, "hosts": ["c1", "c2"]},
    {"name": "no metadata", "metadata": {}, "hosts": ["c5"]},
    {"name": "no hosts", "metadata": {"disk": "tape"}, "hosts": []},
]


def check(url: str) -> None:
    done = subprocess.run(
        [os.environ["NUMAFIT_NOVA_PYTHON"], "-W", "ignore", str(ORACLE), url],
        input=json.dumps(AGGREGATES),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    nova = json.loads(done.stdout)
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
