"""A cell database in SQLite, made here from rows that nova wrote: what is read and what is refused.

Nova's own tables, in SQLite and MariaDB, are in tests/nova/test_nova_db.py.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from numafit import Fleet
from numafit.cli import main
from numafit.errors import InputError
from numafit.model.host_state import HostState
from numafit.readers.nova_db import NovaDb, database_url, read_nova_db
from numafit.readers.nova_instances import instance_cells
from numafit.readers.nova_rows import read_nova_rows

ROWS = Path(__file__).parent / "data" / "nova_rows.json"
NODES = (
    "id INTEGER PRIMARY KEY, host TEXT, hypervisor_hostname TEXT, numa_topology TEXT, "
    "pci_stats TEXT, cpu_allocation_ratio FLOAT, ram_allocation_ratio FLOAT, deleted INTEGER"
)
INSTANCES = "uuid TEXT, host TEXT, node TEXT, vm_state TEXT, task_state TEXT, deleted INTEGER"
EXTRA = "instance_uuid TEXT, numa_topology TEXT, migration_context TEXT, deleted INTEGER"
Make = Callable[..., str]


def nova_rows() -> list[dict[str, Any]]:
    data = json.loads(ROWS.read_text())
    return [row for case in data.values() for row in case["compute_nodes"]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def database(
        nodes: list[tuple[Any, ...]], instances: list[tuple[Any, ...]] = (), name: str = "cell.db"
    ) -> str:
        file = tmp_path / name
        with closing(sqlite3.connect(file)) as connection:
            for table, columns in (
                ("compute_nodes", NODES),
                ("instances", INSTANCES),
                ("instance_extra", EXTRA),
            ):
                connection.execute(f"CREATE TABLE {table} ({columns})")
            connection.executemany("INSERT INTO compute_nodes VALUES (?,?,?,?,?,?,?,?)", nodes)
            for uuid, host, state, topology, moving, deleted in instances:
                values = (uuid, host, host, state, None, deleted)
                connection.execute("INSERT INTO instances VALUES (?,?,?,?,?,?)", values)
                extra = (uuid, topology, moving, deleted)
                connection.execute("INSERT INTO instance_extra VALUES (?,?,?,?)", extra)
            connection.commit()
        return f"sqlite:///{file}"

    return database


def node(
    n: int, topology: str | None, pools: str | None = None, deleted: int = 0
) -> tuple[Any, ...]:
    return (n, f"h{n}", f"h{n}", topology, pools, 16.0, 1.5, deleted)


def guest(**fields: Any) -> str:
    cell = {"id": 0, "cpuset": [], "pcpuset": [], "memory": 512} | fields
    wrapped = {
        "nova_object.name": "InstanceNUMACell",
        "nova_object.namespace": "nova",
        "nova_object.version": "1.6",
        "nova_object.data": cell,
    }
    return json.dumps(
        {
            "nova_object.name": "InstanceNUMATopology",
            "nova_object.namespace": "nova",
            "nova_object.version": "1.3",
            "nova_object.data": {"cells": [wrapped]},
        }
    )


def test_the_rows_of_a_database_are_those_of_a_dump(make: Make) -> None:
    rows = nova_rows()
    url = make(
        [
            (
                n,
                row["host"],
                row["hypervisor_hostname"],
                row["numa_topology"],
                row["pci_stats"],
                row["cpu_allocation_ratio"],
                row["ram_allocation_ratio"],
                0,
            )
            for n, row in enumerate(rows)
        ]
    )
    # the table here has no columns that speak of hosts as a whole
    rows_alone = (replace(one, provider=None, state=HostState()) for one in read_nova_rows(ROWS))
    assert read_nova_db(url) == list(rows_alone)
    with NovaDb(url) as database:
        assert len(Fleet.from_nova_rows(database.rows())) == len(rows)


def test_deleted_rows_and_old_ones(make: Make) -> None:
    old = json.dumps({"cells": [{"id": 0, "cpus": "0-3", "mem": {"total": 1024, "used": 0}}]})
    url = make([node(1, old), node(2, old, deleted=2), node(3, None)])
    first, second = read_nova_db(url)
    assert [first.name, second.name] == ["h1", "h3"]
    assert first.cells[0].cpuset == {0, 1, 2, 3}
    assert second.cells == ()


def test_usage_beside_the_sum_of_the_instances(
    make: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    old = json.dumps({"cells": [{"id": 0, "cpus": "0-3", "mem": {"total": 4096, "used": 512}}]})
    floating = guest(cpuset=[0, 1])
    pinned = guest(pcpuset=[0], cpu_policy="dedicated", cpu_pinning_raw={"0": 2})
    url = make(
        [node(1, old)],
        [
            ("a", "h1", "active", floating, None, 0),
            ("b", "h1", "active", pinned, "{}", 0),
            ("c", "h1", "active", floating, None, 7),
            ("d", "h1", "shelved_offloaded", floating, None, 0),
            ("e", "h1", "active", None, None, 0),
            ("f", None, "error", floating, None, 0),
        ],
    )
    with NovaDb(url) as database:
        found = database.differences()
    assert [(one.what, one.stored, one.summed, one.migrating) for one in found] == [
        ("memory_usage", "512", "1024", 1),
        ("cpu_usage", "0", "2", 1),
        ("pinned_cpus", "", "2", 1),
    ]
    main(["fit", str(ROWS.parents[3] / "examples" / "flavors.json"), "--nova-db", url])
    errors = capsys.readouterr().err
    # one for each difference, and that no service is known
    assert errors.count("\n") == 4
    assert "h1: cell 0: cpu_usage: stored 0, its instances sum up to 2 (1 of them on" in errors


def test_instances_that_pin_one_cpu_are_named(
    make: Make, numafit: Callable, tmp_path: Path
) -> None:
    old = json.dumps({"cells": [{"id": 0, "cpus": "0-3", "mem": {"total": 4096, "used": 1536}}]})

    def pinned(*cpus: int) -> str:
        pins = {str(n): cpu for n, cpu in enumerate(cpus)}
        return guest(cpu_policy="dedicated", cpu_pinning_raw=pins)

    url = make(
        [node(1, old)],
        [
            ("aaaa", "h1", "active", pinned(1, 2), None, 0),
            ("bbbb", "h1", "active", pinned(2, 3), None, 0),
            ("cccc", "h1", "active", pinned(2), None, 0),
        ],
    )
    with NovaDb(url) as database:
        (found,) = [one for one in database.differences() if one.what == "CPUs pinned twice"]
    assert found.instances == ("aaaa", "bbbb", "cccc")
    assert str(found) == ("h1: cell 0: CPU 2 is pinned by several instances: aaaa, bbbb, cccc")
    (tmp_path / "nova.conf").write_text("[DEFAULT]\n")
    sysfs = Path(__file__).parents[2] / "examples" / "networking" / "sys.tar.xz"
    done = numafit("check", "--sysfs", sysfs, "--config", tmp_path / "nova.conf", "--nova-db", url)
    assert done.status == 0
    warned = "warning: h1: cell 0: CPU 2 is pinned by several instances: aaaa, bbbb, cccc\n"
    assert warned in done.out
    assert "not-as-stored" not in done.out
    # without another source its hosts are checked
    (tmp_path / "nova.conf").write_text("[compute]\ncpu_dedicated_set = 9\n")
    done = numafit("check", "--config", tmp_path / "nova.conf", "--nova-db", url)
    assert done.status == 1
    assert warned in done.out
    assert "error: [compute] cpu_dedicated_set on h1: " in done.out


def test_the_url_may_stand_in_a_file_or_the_environment(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numafit: Callable
) -> None:
    url = make([node(1, None)])
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[DEFAULT]\ndebug = true\n[database]\nconnection = {url}\n")
    monkeypatch.setenv("CELL1", url)
    for source in (url, str(conf), "env:CELL1"):
        assert database_url(source) == url
        assert numafit("show", "--nova-db", source).out.startswith("h1\n")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[DEFAULT]\n", "nova-conductor"),
        ("[database]\nconnection = mysql://u:geheim$x@h/db\n", "written $$"),
        ("[database]\n= mysql://u:geheim@h/db\n", "option = value"),
        ("[database]\nconnection = oracle://u:geheim@h/db\n", "mysql"),
    ],
)
def test_no_password_of_a_file_is_shown(
    text: str, word: str, tmp_path: Path, numafit: Callable
) -> None:
    conf = tmp_path / "nova.conf"
    conf.write_text(text)
    for source in (conf, "env:NOBODY_SETS_THIS", "u:geheim@h/db"):
        done = numafit("show", "--nova-db", source)
        assert (done.status, done.err.count("\n")) == (2, 1)
        assert "geheim" not in done.err
    assert word in numafit("show", "--nova-db", conf).err


def test_instances_of_older_nova() -> None:
    legacy = json.dumps({"cells": [{"id": 1, "cpus": "0-1", "mem": {"total": 64}, "pagesize": 4}]})
    (cell,) = instance_cells(legacy)
    assert (cell.host_cell, cell.shared, cell.memory_mb, cell.pagesize) == (1, 2, 64, 4)
    # until 1.5 the vCPUs of a dedicated guest stood in cpuset
    text = guest(cpuset=[0, 1], cpu_policy="dedicated", cpu_pinning_raw={"0": 4, "1": 5})
    before = json.loads(text)
    inner = before["nova_object.data"]["cells"][0]
    inner["nova_object.version"] = "1.4"
    del inner["nova_object.data"]["pcpuset"]
    (cell,) = instance_cells(json.dumps(before))
    assert (cell.shared, cell.pinned) == (0, {4, 5})
    isolated = guest(
        cpu_policy="dedicated",
        cpu_thread_policy="isolate",
        cpu_pinning_raw={"0": 4},
        cpuset_reserved=[6],
    )
    (cell,) = instance_cells(isolated)
    assert (cell.pinned, cell.isolated) == ({4, 6}, True)


@pytest.mark.parametrize(
    ("topology", "key"),
    [
        ("{", "numa_topology"),
        ('{"cells": 3}', "numa_topology.cells"),
        (json.dumps({"cells": [{"id": "x"}]}), "numa_topology.cells[0].id"),
    ],
)
def test_a_bad_row_is_named(make: Make, topology: str, key: str) -> None:
    url = make([node(1, topology)])
    with pytest.raises(InputError) as error:
        read_nova_db(url)
    assert error.value.file == url
    assert error.value.key is not None
    assert error.value.key.startswith(f"compute_nodes of h1.{key}")
    url = make([], [("a", "h1", "active", topology, None, 0)], "other.db")
    with NovaDb(url) as database, pytest.raises(InputError, match="instance_extra of a"):
        database.differences()


def test_what_is_no_cell_database(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database, but a text of some length" * 40)
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        connection.execute("CREATE TABLE cell_mappings (id INTEGER)")
    for name in ("text.db", "empty.db", "absent.db", ""):
        with pytest.raises(InputError):
            read_nova_db(f"sqlite:///{tmp_path}/{name}")
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nova",
        "sqlite://",
        "oracle://u:geheim@h/db",
        "mysql://u:geheim@[/db",
        "mysql://u:geheim@127.0.0.1:1/db",
        "postgresql://u:geheim@127.0.0.1:1/db",
        "mysql://u:geheim@h:port/db",
    ],
)
def test_urls_that_lead_nowhere(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError) as error:
        read_nova_db(url)
    assert "geheim" not in str(error.value)
    flavors = str(ROWS.parents[3] / "examples" / "flavors.json")
    assert main(["fit", flavors, "--nova-db", url]) == 2
    errors = capsys.readouterr().err
    assert "geheim" not in errors
    assert errors.count("\n") == 1


def test_mangled_databases(make: Make, tmp_path: Path) -> None:
    rows = nova_rows()
    url = make([node(n, row["numa_topology"], row["pci_stats"]) for n, row in enumerate(rows)])
    file = Path(url.removeprefix("sqlite:///"))
    data = file.read_bytes()
    chance = random.Random(11)
    for _ in range(60):
        mangled = bytearray(data[: chance.choice([len(data), chance.randint(1, len(data))])])
        for _ in range(chance.randint(1, 40)):
            mangled[chance.randrange(len(mangled))] = chance.randrange(256)
        file.write_bytes(bytes(mangled))
        with suppress(InputError):
            assert isinstance(read_nova_db(url), list)


def test_why_a_database_cannot_be_reached_stands_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--nova-db", "mysql://u:geheim@127.0.0.1:1/db"]) == 2
    error = capsys.readouterr().err
    assert "Connection refused" in error
    assert error.endswith("expected a cell database of nova\n")


def test_a_variable_that_is_not_set_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NOPE", raising=False)
    assert main(["show", "--nova-db", "env:NOPE"]) == 2
    assert capsys.readouterr().err.endswith("NOPE is not set.\n")
    monkeypatch.setenv("NOPE", "")
    assert main(["show", "--nova-db", "env:NOPE"]) == 2
    assert capsys.readouterr().err.endswith("NOPE is empty.\n")
