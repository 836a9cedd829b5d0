"""Files and databases that vanish, are locked or break off in the middle of reading: an error that
names them, status 2 on the command line, and no host of which half was read."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pymysql
import pytest
import sqlalchemy

from numafit import Fleet, InputError
from numafit.cli import main
from numafit.columns import npz
from numafit.readers import database
from numafit.readers.database import Database
from numafit.readers.nova_db import NovaDb
from numafit.readers.textfile import read_text
from tests.faults.fleets import make_fleet, make_request

NODES = (
    "id INTEGER PRIMARY KEY, host TEXT, hypervisor_hostname TEXT, numa_topology TEXT, "
    "pci_stats TEXT, cpu_allocation_ratio FLOAT, ram_allocation_ratio FLOAT, deleted INTEGER"
)
TABLES = {
    "compute_nodes": NODES,
    "instances": "uuid TEXT, host TEXT, node TEXT, vm_state TEXT, task_state TEXT, deleted INTEGER",
    "instance_extra": (
        "instance_uuid TEXT, numa_topology TEXT, migration_context TEXT, deleted INTEGER"
    ),
}
CELL = {"id": 0, "cpuset": [0, 1], "pcpuset": [], "memory": 512, "cpu_usage": 0, "memory_usage": 0}
CELL |= {"pinned_cpus": [], "siblings": [], "mempages": []}


def written(kind: str, version: str, data: dict[str, Any]) -> dict[str, Any]:
    """As nova writes its objects."""
    about = {"name": kind, "namespace": "nova", "version": version, "data": data}
    return {f"nova_object.{key}": value for key, value in about.items()}


TOPOLOGY = json.dumps(written("NUMATopology", "1.2", {"cells": [written("NUMACell", "1.4", CELL)]}))


def make_database(file: Path, hosts: int) -> str:
    with closing(sqlite3.connect(file)) as connection:
        for table, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {table} ({columns})")
        rows = ((n, "h", "h", TOPOLOGY + " " * 3000, None, None, None, 0) for n in range(hosts))
        connection.executemany("INSERT INTO compute_nodes VALUES (?,?,?,?,?,?,?,?)", rows)
        connection.commit()
    return f"sqlite:///{file}"


def test_a_sqlite_file_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "cell.db"
    url = make_database(file, 3000)
    with NovaDb(url) as database:
        rows = database.rows()
        next(rows)
        os.truncate(file, 1 << 20)
        with pytest.raises(InputError, match=r"malformed|disk I/O"):
            Fleet.from_nova_rows(rows)


def test_a_sqlite_file_that_another_program_has_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cell.db"
    url = make_database(file, 2)
    connect = sqlite3.connect
    monkeypatch.setattr(
        database.sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0.1})
    )
    with closing(connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert main(["show", "--nova-db", url]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "database is locked" in said.err
    assert "ask again later, or give a copy" in said.err


@pytest.mark.parametrize(
    ("ends", "said"), [(KeyboardInterrupt, KeyboardInterrupt), (AssertionError, None)]
)
def test_a_connection_is_closed_however_sqlalchemy_ends(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ends: type[BaseException],
    said: type[BaseException] | None,
) -> None:
    """Ctrl-C halfway through its own notes is an AssertionError of SQLAlchemy's later."""

    def ended(_connection: object) -> None:
        raise ends

    opened = NovaDb(make_database(tmp_path / "cell.db", 2))
    raw = opened._raw
    assert raw.execute("SELECT 1").fetchone() == (1,)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(type(opened._connection), "close", ended)
        with pytest.raises(said) if said else nullcontext():
            opened.close()
    with pytest.raises(sqlite3.ProgrammingError):
        raw.execute("SELECT 1")


class Cursor:
    """As much of PyMySQL's as SQLAlchemy asks for, of a server that is killed while it answers."""

    answers = {"VERSION": "10.11.6-MariaDB", "lower_case": 0, "isolation": "REPEATABLE-READ"}  # noqa: RUF012
    arraysize = 1
    rowcount = -1
    lastrowid = None

    def __init__(self, *_kind: object) -> None:
        self.description: Any = None
        self.left: Iterator[tuple[Any, ...]] = iter(())

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def close(self) -> None:
        pass

    def execute(self, query: str, _arguments: object = None) -> None:
        if "FROM compute_nodes" in query:
            self.description = [(name, 253, None, None, None, None, True) for name in "abcdef"]
            self.left = self.hosts()
            assert query.count(",") == 5, query
        else:
            self.description = [("one", 253, None, None, None, None, True)]
            found = [value for word, value in self.answers.items() if word in query]
            self.left = iter([(found[0] if found else "",)])

    def hosts(self) -> Iterator[tuple[Any, ...]]:
        for n in range(700):
            yield (f"h{n}", f"h{n}", TOPOLOGY, None, None, None)
        raise lost()

    def fetchone(self) -> Any:
        return next(self.left, None)

    def fetchmany(self, size: int = 1) -> Any:
        return [row for _n, row in zip(range(size), self.left, strict=False)]

    def fetchall(self) -> Any:
        return list(self.left)


def lost() -> Exception:
    return pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query")


class Connection:
    server_version = "10.11.6-MariaDB"
    closed = False

    def get_server_info(self) -> str:
        return self.server_version

    def character_set_name(self) -> str:
        return "utf8mb4"

    def autocommit(self, _value: bool) -> None:
        pass

    def ping(self, *_arguments: object) -> None:
        pass

    def cursor(self, *kind: object) -> Cursor:
        return Cursor(*kind)

    def commit(self) -> None:
        raise lost()

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def dying_server(monkeypatch: pytest.MonkeyPatch) -> str:
    create = sqlalchemy.create_engine
    monkeypatch.setattr(
        sqlalchemy, "create_engine", lambda url, **k: create(url, creator=Connection, **k)
    )
    # only what is asked for by name is there: no other table, no other column
    monkeypatch.setattr(Database, "columns_of", lambda *_names: frozenset())
    return "mysql+pymysql://nova:secret@db/nova_cell1"


def test_a_server_that_is_killed_in_the_middle(dying_server: str) -> None:
    read: list[object] = []
    with NovaDb(dying_server) as database:
        with pytest.raises(InputError, match="Lost connection") as caught:
            read.extend(database.rows())
        assert "secret" not in str(caught.value)
    assert 500 <= len(read) < 700  # what came before the chunk in which it was killed


def test_a_server_that_is_killed_in_the_middle_of_a_command(
    dying_server: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NovaDb, "differences", lambda _self: [])
    assert main(["show", "--nova-db", dying_server]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert "Lost connection" in said.err
    assert "secret" not in said.err


def test_a_server_that_says_nothing_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It took the connection, and the network swallows the rest."""
    monkeypatch.setitem(database._PATIENCE["pymysql"], "read_timeout", 1)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"mysql://nova:secret@127.0.0.1:{mute.getsockname()[1]}/nova"
        began = time.monotonic()
        assert main(["capacity", "examples/flavors.json", "--nova-db", url]) == 2
        assert time.monotonic() - began < 20
        (line,) = capsys.readouterr().err.splitlines()
        assert "timed out" in line
        assert "secret" not in line
        # a URL may have more patience
        began = time.monotonic()
        with pytest.raises(InputError, match="timed out"):
            NovaDb(f"{url}?read_timeout=3")
        assert time.monotonic() - began >= 2.5


def test_a_full_disk_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    fleet, path = make_fleet(), tmp_path / "fleet.npz"
    fleet.save(path)
    before, size = path.read_bytes(), path.stat().st_size
    fleet.claim(make_request(), host=0)
    signals = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for limit in range(0, size, size // 40):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
            with pytest.raises(OSError, match="File too large"):
                fleet.save(path)
            assert path.read_bytes() == before
            assert [file.name for file in tmp_path.iterdir()] == ["fleet.npz"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, signals)


class BadDisk:
    """A file with one byte that cannot be read."""

    def __init__(self, stream: Any, bad: int) -> None:
        self.stream, self.bad = stream, bad

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __enter__(self) -> BadDisk:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stream.close()

    def read(self, size: int = -1) -> Any:
        start = self.stream.tell()
        found = self.stream.read(size)
        if start <= self.bad < start + len(found):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return found


def test_a_disk_that_fails_under_a_saved_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fleet.npz"
    make_fleet().save(path)
    opened = npz.open_regular
    size = path.stat().st_size
    # zipfile takes a file whose last bytes it cannot read for no archive
    for bad in range(0, size - 100, size // 20):
        monkeypatch.setattr(npz, "open_regular", lambda p, b=bad: BadDisk(opened(p), b))
        with pytest.raises(InputError, match="Input/output error"):
            Fleet.load(path)


def test_a_file_that_vanishes_or_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone.yaml"
    for arguments in (
        ["show", str(gone)],
        ["fit", str(gone), "examples/hosts/dual-xeon.yaml"],
        ["capacity", "examples/flavors.json", str(gone)],
        ["replay", str(gone)],
        ["check", "--sysfs", str(gone)],
        ["discover", "--sysfs", str(gone)],
        ["multiqueue", str(gone)],
    ):
        assert main(arguments) == 2, arguments
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1, said.err
        assert "gone.yaml" in said.err
    with pytest.raises(InputError, match="Input/output error"):
        read_text("/proc/self/mem")  # the first page of a process is never there
