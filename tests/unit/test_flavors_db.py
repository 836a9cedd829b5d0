"""Flavors of nova's API database, in SQLite tables made here; nova's own are in tests/nova."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor
from numafit.errors import InputError
from numafit.readers.flavors import BrokenFlavor, flavors_from
from numafit.readers.flavors_db import is_database, read_flavors_db

HOST = Path(__file__).parents[2] / "examples" / "hosts" / "dual-xeon.yaml"
FLAVORS = (
    "id INTEGER PRIMARY KEY, name TEXT, vcpus INTEGER, memory_mb INTEGER, root_gb INTEGER, "
    "ephemeral_gb INTEGER, swap INTEGER, is_public BOOLEAN"
)
SPECS = "id INTEGER PRIMARY KEY, flavor_id INTEGER, key TEXT, value TEXT"


@pytest.fixture
def database(tmp_path: Path) -> Callable[..., str]:
    def made(flavors: list[tuple[Any, ...]], specs: list[tuple[Any, ...]] = ()) -> str:
        file = tmp_path / "api.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(f"CREATE TABLE flavors ({FLAVORS})")
            connection.execute(f"CREATE TABLE flavor_extra_specs ({SPECS})")
            connection.executemany("INSERT INTO flavors VALUES (?,?,?,?,?,?,?,?)", flavors)
            connection.executemany("INSERT INTO flavor_extra_specs VALUES (?,?,?,?)", specs)
            connection.commit()
        return f"sqlite:///{file}"

    return made


def test_flavors_come_with_their_specs_and_whether_they_are_public(
    database: Callable[..., str],
) -> None:
    url = database(
        [(2, "pinned", 4, 8192, 20, 5, 512, 0), (1, "small", 1, 512, 0, 0, 0, 1)],
        [(1, 2, "hw:cpu_policy", "dedicated"), (2, 2, "hw:numa_nodes", "2")],
    )
    specs = {"hw:cpu_policy": "dedicated", "hw:numa_nodes": "2"}
    found = read_flavors_db(url)
    assert found == [Flavor("small", 1, 512), Flavor("pinned", 4, 8192, specs, 20, 5, 512)]
    assert [one.public for one in found] == [True, False]


def test_a_row_that_is_no_flavor_is_told_apart(database: Callable[..., str]) -> None:
    url = database([(1, "none", 0, 512, 0, 0, 0, 1), (2, "one", 1, 512, 0, 0, 0, None)])
    with pytest.raises(InputError, match="vcpus"):
        read_flavors_db(url)
    broken: list[BrokenFlavor] = []
    assert [(one.name, one.public) for one in read_flavors_db(url, broken)] == [("one", None)]
    assert [(one.place, one.name) for one in broken] == [(0, "none")]


def test_a_database_that_has_no_flavors_says_which_one_has(tmp_path: Path) -> None:
    file = tmp_path / "cell.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE compute_nodes (id INTEGER)")
    with pytest.raises(InputError, match="Give nova_api, not the database of a cell"):
        read_flavors_db(f"sqlite:///{file}")


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("mysql://nova:pw@db/nova_api", True),
        ("env:NOVA_API", True),
        ("/etc/nova/nova.conf", True),
        ("flavors.json", False),
        ("-", False),
        ("environment.yaml", False),
    ],
)
def test_what_names_a_database(source: str, answer: bool) -> None:
    assert is_database(source) is answer


def test_every_command_takes_flavors_of_the_database(
    database: Callable[..., str], numafit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [(1, 1, "hw:cpu_policy", "dedicated")]
    monkeypatch.setenv("NOVA_API", database([(1, "pinned", 4, 8192, 0, 0, 0, 1)], specs))
    done = numafit("capacity", "env:NOVA_API", HOST, "--format", "csv")
    assert done.out.splitlines()[1].startswith("pinned,dual-xeon,"), done
    assert done.status == 0


def test_a_file_tells_whether_a_flavor_is_public() -> None:
    listed = {"Name": "a", "VCPUs": 1, "RAM": 512, "Properties": {}}
    shown = {"name": "b", "vcpus": 1, "ram": 512, "properties": ""}
    found = flavors_from(
        [
            {**listed, "Is Public": True},
            {**listed, "Name": "c", "Is Public": "False"},
            {**listed, "Name": "d"},
            {**shown, "os-flavor-access:is_public": False},
        ]
    )
    assert [one.public for one in found] == [True, False, None, False]
    with pytest.raises(InputError, match="Is Public: got 'maybe', expected true or false"):
        flavors_from([{**listed, "Is Public": "maybe"}])
