"""A cell database with nova's own tables and rows: numafit reads what nova's objects read back.

SQLite always; with ``make test-db`` also MariaDB and PostgreSQL of Debian's packages, which
conftest.py starts. NUMAFIT_NOVA_PYTHON is the path of a Python that has nova 34.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet, Image, Networks, Placement
from numafit.errors import InputError
from numafit.model.hostinfo import HostCell
from numafit.readers.nova_db import NovaDb, read_nova_db
from numafit.readers.nova_db_servers import read_servers

pytestmark = pytest.mark.nova

ORACLE = Path(__file__).parent / "db_oracle.py"


def fill(url: str) -> dict[str, Any]:
    done = subprocess.run(
        [os.environ["NUMAFIT_NOVA_PYTHON"], "-W", "ignore", str(ORACLE), url],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


SERVERS = [pytest.param(name, marks=pytest.mark.db) for name in ("mariadb", "postgresql")]


@pytest.fixture(scope="module", params=["sqlite", *SERVERS])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Any]]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'nova.db'}"
    else:
        url = request.getfixturevalue(request.param)("nova_cell1")
    return url, fill(url)


def as_nova(cell: HostCell) -> dict[str, Any]:
    return {
        "id": cell.id,
        "cpuset": sorted(cell.cpuset),
        "pcpuset": sorted(cell.pcpuset),
        "memory": cell.memory_mb,
        "cpu_usage": cell.cpu_usage,
        "memory_usage": cell.memory_usage,
        "pinned_cpus": sorted(cell.pinned_cpus),
        "siblings": [sorted(core) for core in cell.siblings],
        "pages": [[p.size_kib, p.total, p.used, p.reserved] for p in cell.page_pools],
        "physnets": sorted(cell.physnets),
        "tunneled": cell.tunneled,
        "socket": cell.socket,
    }


def test_hosts_are_what_nova_reads_back(database: tuple[str, dict[str, Any]]) -> None:
    url, nova = database
    hosts = read_nova_db(url)
    assert [host.name for host in hosts] == [node["name"] for node in nova["nodes"]]
    assert len(hosts) == 7
    for host, node in zip(hosts, nova["nodes"], strict=True):
        assert [as_nova(cell) for cell in host.cells] == node["cells"]
        assert host.cpu_allocation_ratio == node["cpu_allocation_ratio"]
        assert host.ram_allocation_ratio == node["ram_allocation_ratio"]
        pools = [
            {key: value for key, value in pool.as_dict().items() if value is not None}
            for pool in host.pci_pools or ()
        ]
        assert pools == node["pools"]


def test_instances_are_what_nova_reads_back(database: tuple[str, dict[str, Any]]) -> None:
    url, nova = database
    with NovaDb(url) as opened:
        found = sorted(
            [one.uuid, sorted(cpu for cell in one.cells for cpu in cell.pinned)]
            for one in opened.instances()
            if one.cells
        )
    # nova's list holds what is pinned to vCPUs; numafit counts reserved CPUs too
    assert [uuid for uuid, _ in found] == [uuid for uuid, _ in nova["instances"]]
    for (_, ours), (_, pinned) in zip(found, nova["instances"], strict=True):
        assert set(pinned) <= set(ours)
        assert len(ours) - len(pinned) in (0, 1)


def test_servers_are_what_nova_reads_back(database: tuple[str, dict[str, Any]]) -> None:
    url, nova = database
    with NovaDb(url) as opened:
        found = list(read_servers(opened))
    assert len(found) > 10
    ours = [
        [
            one.uuid,
            one.name,
            one.host,
            [one.flavor.name, one.flavor.vcpus, one.flavor.disk_gb, one.flavor.extra_specs],
            [
                [
                    cell.host_cell,
                    cell.memory_mb,
                    cell.pagesize,
                    sorted(cell.cpuset),
                    [list(pair) for pair in sorted(cell.pinning.items())],
                    sorted(cell.reserved),
                ]
                for cell in (one.placement.cells if one.placement else ())
            ],
            [
                [request.count, list(request.spec), request.alias_name, request.request_id]
                for request in one.pci or ()
            ],
        ]
        for one in found
    ]
    assert sorted(ours) == nova["servers"]
    for one in found:
        assert one.image == Image("", {"hw_cpu_policy": "dedicated"})
        assert one.networks == Networks(frozenset({"foo"}), tunneled=True)


def test_what_servers_hold_can_be_given_back(database: tuple[str, dict[str, Any]]) -> None:
    with NovaDb(database[0]) as opened:
        fleet, found = Fleet(opened.hosts()), list(read_servers(opened))
    for one in found:
        # two of node-8 stand on the same CPUs
        if one.placement and one.placement.cells and one.host != "node-8.example":
            fleet.release(Placement(one.placement.cells), fleet.index(one.host))
    for n, name in enumerate(fleet.names):
        if name != "node-8.example":
            used = fleet.usage(n)
            assert not any(cell["memory_usage"] or cell["pinned_cpus"] for cell in used)
            assert not any(pages["used"] for cell in used for pages in cell["mempages"])


def test_the_sum_of_instances_is_the_usage_that_nova_stored(
    database: tuple[str, dict[str, Any]],
) -> None:
    with NovaDb(database[0]) as opened:
        found = opened.differences()
    assert [(one.host, one.cell, one.what, one.stored, one.summed) for one in found] == [
        ("node-8.example", 0, "memory_usage", "512", "1024"),
        ("node-8.example", 0, "pages of 4 KiB", "131072", "262144"),
        ("node-8.example", 0, "CPUs pinned twice", "", "4-5,36-37"),
    ]


def test_a_fleet_from_the_rows_is_the_fleet_of_the_hosts(
    database: tuple[str, dict[str, Any]],
) -> None:
    with NovaDb(database[0]) as opened:
        fleet = Fleet.from_nova_rows(opened.rows())
        other = Fleet(opened.hosts())
    assert [fleet.usage(n) for n in range(7)] == [other.usage(n) for n in range(7)]


def test_nothing_can_be_written(database: tuple[str, dict[str, Any]]) -> None:
    import sqlalchemy

    with NovaDb(database[0]) as opened:
        # an OperationalError, or an InternalError of PostgreSQL
        with pytest.raises(sqlalchemy.exc.DBAPIError) as error:
            opened._connection.execute(sqlalchemy.text("UPDATE instances SET host = 'x'"))
        assert "read" in str(error.value).lower()


@pytest.mark.db
def test_a_server_that_refuses_says_so_without_the_password(
    mariadb: Callable[[str], str],
) -> None:
    socket = mariadb("nova_cell2").partition("unix_socket=")[2]
    for url, words in [
        (f"mysql://nobody:geheim@localhost/nova_cell1?unix_socket={socket}", "denied"),
        (f"mysql+pymysql://root@localhost/absent?unix_socket={socket}", "absent"),
        (f"mysql+pymysql://root@localhost/mysql?unix_socket={socket}", "nova_cell1"),
        ("mysql://nobody:geheim@127.0.0.1:1/x", "connect"),
    ]:
        with pytest.raises(InputError, match=words) as error:
            read_nova_db(url)
        assert "geheim" not in str(error.value)
