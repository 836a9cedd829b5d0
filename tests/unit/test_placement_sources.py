"""Placement's database, and what its tools print: what they say of hosts, and what is refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from numafit.model.resources import Inventory, Provider
from numafit.readers.placement_db import read_placement_db
from numafit.readers.placement_facts import SHARES, PlacementFacts
from numafit.readers.placement_json import read_placement_file, read_placement_folder

Run = Callable[..., Any]
CELL = {"id": 0, "cpus": "0-7", "memory_mb": 8192}
C1, C2, GPU, NFS, FAR = (f"00000000-0000-4000-8000-{n:012d}" for n in range(5))
GOLD = {"trait:CUSTOM_GOLD": "required"}
FLAVORS = [
    {"name": "cpu", "vcpus": 1, "memory_mb": 512},
    {"name": "gold", "vcpus": 1, "memory_mb": 512, "extra_specs": GOLD},
    {"name": "gpu", "vcpus": 1, "memory_mb": 512, "extra_specs": {"resources:VGPU": "1"}},
    {"name": "disk", "vcpus": 1, "memory_mb": 512, "disk_gb": 5},
    {"name": "fpga", "vcpus": 1, "memory_mb": 512, "extra_specs": {"resources:FPGA": "1"}},
]  # fmt: skip


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.fixture
def hosts(tmp_path: Path) -> list[Path]:
    return [
        write(tmp_path / f"{name}.yaml", {"version": 1, "name": name, "cells": [CELL]})
        for name in ("c1.example", "c2.example")
    ]


@pytest.fixture
def flavors(tmp_path: Path) -> Path:
    return write(tmp_path / "flavors.json", FLAVORS)


@pytest.fixture
def database(tmp_path: Path) -> str:
    """c1 has a nested provider with a VGPU, c2 shares an NFS pool; another pool is far away."""
    path = tmp_path / "placement.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            CREATE TABLE resource_providers(id INTEGER, uuid TEXT, name TEXT, generation INTEGER,
              root_provider_id INTEGER, parent_provider_id INTEGER);
            CREATE TABLE inventories(id INTEGER PRIMARY KEY, resource_provider_id INTEGER,
              resource_class_id INTEGER, total INTEGER, reserved INTEGER, min_unit INTEGER,
              max_unit INTEGER, step_size INTEGER, allocation_ratio FLOAT);
            CREATE TABLE allocations(id INTEGER PRIMARY KEY, resource_provider_id INTEGER,
              consumer_id TEXT, resource_class_id INTEGER, used INTEGER);
            CREATE TABLE resource_classes(id INTEGER, name TEXT);
            CREATE TABLE traits(id INTEGER, name TEXT);
            CREATE TABLE resource_provider_traits(trait_id INTEGER, resource_provider_id INTEGER);
            CREATE TABLE resource_provider_aggregates(resource_provider_id INTEGER,
              aggregate_id INTEGER);
            CREATE TABLE placement_aggregates(id INTEGER, uuid TEXT);
        """)

        def rows(table: str, *values: tuple[Any, ...]) -> None:
            marks = ",".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)

        rows(
            "resource_providers",
            (1, C1, "c1.example", 3, 1, None),
            (2, C2, "c2.example", 3, 2, None),
            (3, GPU, "c1.example_pci_0000_81_00_0", 1, 1, 1),
            (4, NFS, "nfs", 1, 4, None),
            (5, FAR, "far", 1, 5, None),
        )
        classes = ("VCPU", "MEMORY_MB", "DISK_GB", "VGPU", "FPGA")
        rows("resource_classes", *enumerate(classes))
        rows(
            "inventories",
            (None, 1, 0, 8, 1, 1, 8, 1, 2.0),
            (None, 1, 1, 8192, 512, 1, 8192, 1, 1.5),
            (None, 1, 2, 40, 0, 1, 40, 1, 1.0),
            (None, 2, 0, 4, 0, 1, 4, 1, 1.0),
            (None, 2, 1, 4096, 0, 1, 4096, 1, 1.0),
            (None, 3, 3, 2, 0, 1, 2, 1, 1.0),
            (None, 4, 2, 900, 0, 1, 900, 1, 1.0),
            (None, 5, 4, 900, 0, 1, 900, 1, 1.0),
        )
        rows("allocations", (None, 1, "a", 0, 3), (None, 1, "b", 0, 2), (None, 2, "c", 1, 512))
        rows("traits", (1, "CUSTOM_GOLD"), (2, SHARES), (3, "CUSTOM_SLICED"))
        rows("resource_provider_traits", (1, 1), (2, 4), (2, 5), (3, 3))
        rows("placement_aggregates", (1, "agg-near"), (2, "agg-far"))
        rows("resource_provider_aggregates", (2, 1), (4, 1), (5, 2))
        connection.commit()
    return f"sqlite:///{path}"


def test_a_database_tells_inventories_usage_traits_and_what_other_providers_have(
    database: str,
) -> None:
    found = read_placement_db(database)
    assert found["c1.example"] == Provider(
        {
            "VCPU": Inventory(8, 1, 2.0, max_unit=8, used=5),
            "MEMORY_MB": Inventory(8192, 512, 1.5, max_unit=8192),
            "DISK_GB": Inventory(40, max_unit=40),
        },
        traits=frozenset({"CUSTOM_GOLD"}),
        aggregates=frozenset(),
        elsewhere=frozenset({"VGPU"}),
        traits_elsewhere=frozenset({"CUSTOM_SLICED"}),
    )
    assert found["c2.example"] == Provider(
        {
            "VCPU": Inventory(4, max_unit=4),
            "MEMORY_MB": Inventory(4096, max_unit=4096, used=512),
        },
        traits=frozenset(),
        aggregates=frozenset({"agg-near"}),
        elsewhere=frozenset({"DISK_GB"}),
    )


def counts(numafit: Run, *arguments: object) -> dict[str, list[int]]:
    answer = json.loads(numafit("capacity", *arguments, "--format", "json").out)
    return {one["flavor"]: one["counts"] for one in answer["flavors"]}


def test_the_command_line_judges_by_it(
    numafit: Run, hosts: list[Path], flavors: Path, database: str
) -> None:
    asked = (flavors, *hosts, "--placement-db", database)
    # c1: (8 - 1) x 2 less 5; c2: 4, and (4096 - 512) MiB would do for 7
    assert counts(numafit, *asked) == {
        "cpu": [9, 4],
        "gold": [9, 0],
        "gpu": [9, 0],
        "disk": [8, 4],
        "fpga": [0, 0],
    }
    out = numafit("capacity", *asked).out
    assert "not judged: VGPU: another provider of the host may have it (gpu, on 1 host)" in out
    assert "not judged: DISK_GB: another provider of the host may have it (disk, on 1 host)" in out
    assert "derived" not in out
    fpga = numafit("fit", *asked, "--flavor", "fpga").out
    assert fpga.count("does not fit: FPGA: 1 wanted, the host has no inventory of it") == 2


def test_a_host_that_placement_does_not_know_gets_no_guests(
    numafit: Run, tmp_path: Path, flavors: Path, database: str
) -> None:
    host = write(tmp_path / "c3.yaml", {"version": 1, "name": "c1", "cells": [CELL]})
    done = numafit("fit", flavors, host, "--placement-db", database, "--flavor", "cpu")
    assert done.status == 1
    said = "c1: does not fit: placement has no resource provider of this name. It has 'c1.example'"
    assert said in done.out


def test_a_password_does_not_stand_in_the_command_and_not_in_errors(
    numafit: Run,
    hosts: list[Path],
    flavors: Path,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLACEMENT", database)
    conf = write(tmp_path / "placement.conf", f"[placement_database]\nconnection = {database}\n")
    for source in ("env:PLACEMENT", conf):
        assert counts(numafit, flavors, *hosts, "--placement-db", source)["cpu"] == [9, 4]
    for wrong, said in (
        ("mysql://placement:secret@", "placement's database"),
        (write(tmp_path / "empty.conf", "[database]\nconnection = x\n"), "placement_database"),
        ("env:NOTHING", "this variable of the environment. NOTHING is not set."),
        ("nowhere", "placement.conf"),
        ("sqlite:////nowhere/p.db", "the path of a SQLite file"),
    ):
        done = numafit("fit", flavors, *hosts, "--placement-db", wrong)
        assert done.status == 2
        assert said in done.err
        assert "secret" not in done.err


def test_another_database_is_refused(
    numafit: Run, hosts: list[Path], flavors: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cell.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE compute_nodes(id INTEGER)")
    done = numafit("fit", flavors, *hosts, "--placement-db", f"sqlite:///{path}")
    assert done.status == 2
    assert "expected placement's database. Give placement's own database, not nova_api" in done.err


# --- what the openstack client prints

INVENTORY = [
    {"resource_class": "VCPU", "allocation_ratio": 2.0, "min_unit": 1, "max_unit": 8,
     "reserved": 1, "step_size": 1, "total": 8, "used": 0},
    {"resource_class": "MEMORY_MB", "allocation_ratio": 1.5, "min_unit": 1, "max_unit": 8192,
     "reserved": 512, "step_size": 1, "total": 8192},
]  # fmt: skip
USAGE = [{"resource_class": "VCPU", "usage": 5}, {"resource_class": "MEMORY_MB", "usage": 0}]
TRAITS = [{"name": "CUSTOM_GOLD"}]
PROVIDERS = [
    {"uuid": C1, "name": "c1.example", "generation": 3, "root_provider_uuid": C1,
     "parent_provider_uuid": None},
    {"uuid": GPU, "name": "gpu", "generation": 3, "root_provider_uuid": C1,
     "parent_provider_uuid": C1},
]  # fmt: skip
CANDIDATES = [
    {
        "#": 1,
        "allocation": "VCPU=1,MEMORY_MB=512",
        "resource provider": C1,
        "inventory used/capacity": "VCPU=5/14,MEMORY_MB=0/11520",
        "traits": "CUSTOM_GOLD,COMPUTE_TRUSTED_CERTS",
    }
]
OWN = {
    "VCPU": Inventory(8, 1, 2.0, max_unit=8, used=5),
    "MEMORY_MB": Inventory(8192, 512, 1.5, max_unit=8192),
}


def folder(path: Path, **files: Any) -> Path:
    path.mkdir()
    for name, content in files.items():
        write(path / f"{name.replace('__', '.')}.json", content)
    return path


def read(*files: Path | tuple[str, Path]) -> Any:
    facts = PlacementFacts()
    for one in files:
        if isinstance(one, tuple):
            read_placement_file(facts, str(one[1]), one[0])
        elif one.is_dir():
            read_placement_folder(facts, str(one))
        else:
            read_placement_file(facts, str(one))
    return facts.hosts()


def test_files_are_told_by_their_keys_and_providers_by_the_files_names(tmp_path: Path) -> None:
    made = folder(
        tmp_path / "p",
        c1__example__inventory=INVENTORY,
        c1__example__usage=USAGE,
        c1__example__traits=TRAITS,
        c1__example__aggregates=[{"uuid": "agg-1"}],
    )
    assert read(made) == {
        "c1.example": Provider(OWN, frozenset({"CUSTOM_GOLD"}), frozenset({"agg-1"}), None)
    }


def test_a_list_of_providers_gives_uuids_their_names_and_the_tree(tmp_path: Path) -> None:
    listed = write(tmp_path / "list.json", PROVIDERS)
    own = (C1, write(tmp_path / "i.json", INVENTORY))
    usage = ("c1.example", write(tmp_path / "u.json", USAGE))
    gpu = (GPU, write(tmp_path / "g.json", [{"resource_class": "VGPU", "total": 2}]))
    assert read(own, usage, listed, gpu)["c1.example"] == Provider(
        OWN, elsewhere=frozenset({"VGPU"})
    )
    # the nested provider's classes are not known without its file
    assert read(own, usage, listed)["c1.example"] == Provider(OWN)


def test_candidates_tell_what_is_in_use_of_the_classes_that_were_asked_for(tmp_path: Path) -> None:
    listed = write(tmp_path / "list.json", PROVIDERS)
    found = read(listed, write(tmp_path / "candidates.json", CANDIDATES))["c1.example"]
    assert dict(found.inventories) == {"VCPU": Inventory(14, used=5), "MEMORY_MB": Inventory(11520)}
    assert found.traits == {"CUSTOM_GOLD", "COMPUTE_TRUSTED_CERTS"}


def test_empty_lists_say_by_their_names_what_they_are_of(tmp_path: Path) -> None:
    made = folder(tmp_path / "p", c1__traits=[], c1__inventory=INVENTORY[:1])
    assert read(made)["c1"].traits == frozenset()


def test_hosts_of_which_nothing_was_given_stay_as_they_are(
    numafit: Run, hosts: list[Path], flavors: Path, tmp_path: Path
) -> None:
    inventory = write(tmp_path / "i.json", INVENTORY)
    usage = write(tmp_path / "u.json", USAGE)
    named = [word for one in (inventory, usage) for word in ("--placement", f"c1.example={one}")]
    # c2 has 8 CPUs at nova's initial ratio, and memory for 15
    assert counts(numafit, flavors, *hosts, *named, "--flavor", "cpu") == {"cpu": [9, 15]}
    traits = write(tmp_path / "t.json", [{"name": "CUSTOM_IRON"}])
    only = ("--placement", f"c1.example={traits}")
    # traits alone leave inventories to the host
    assert counts(numafit, flavors, *hosts, *only) == {
        "cpu": [15, 15], "gold": [0, 15], "gpu": [15, 15], "disk": [15, 15], "fpga": [15, 15],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"inventories": {}}, "the keys inventories"),
        ([{"class": "VCPU"}], "[0]: got 'the keys class'"),
        ([3], "[0]: got 3, expected a row"),
        ([], "a row at least, or a file called HOST.inventory.json"),
        ([{"resource_class": "VCPUS", "total": 1}], "[0].resource_class: got 'VCPUS'"),
        ([{"resource_class": "VCPU", "total": "many"}], "[0].total: got 'many'"),
        ([{"resource_class": "VCPU", "total": 1, "min_unit": 0}], "[0].min_unit: got 0"),
        ([{"resource_class": "VCPU", "usage": -1}], "[0].usage: got -1"),
        ([*INVENTORY, {"resource_class": "VGPU"}], "[2].total: got None"),
        ([{"name": 3}], "[0].name: got 3"),
        (
            [{"resource provider": "x", "inventory used/capacity": "VCPU=1"}],
            "[0].inventory used/capacity: got 'VCPU=1', expected CLASS=USED/CAPACITY",
        ),
        ("{", "x.json"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    numafit: Run, hosts: list[Path], flavors: Path, tmp_path: Path, content: Any, said: str
) -> None:
    path = write(tmp_path / "x.json", content)
    done = numafit("fit", flavors, *hosts, "--placement", f"c1.example={path}")
    assert done.status == 2
    assert str(path) in done.err
    assert said in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("=x.json", "expected FILE, HOST=FILE or a folder"),
        ("c1.example=/nowhere/x.json", "/nowhere/x.json"),
    ],
)
def test_mistakes(numafit: Run, hosts: list[Path], flavors: Path, option: str, said: str) -> None:
    done = numafit("fit", flavors, *hosts, "--placement", option)
    assert done.status == 2
    assert said in done.err


@pytest.mark.parametrize("name", ["c1.exampel", "C1.example"])
def test_a_file_for_a_host_that_is_not_there_is_an_error(
    numafit: Run, hosts: list[Path], flavors: Path, tmp_path: Path, name: str
) -> None:
    traits = write(tmp_path / "t.json", TRAITS)
    done = numafit("capacity", flavors, *hosts, "--placement", f"{name}={traits}")
    assert (done.status, done.out) == (2, "")
    said = f"--placement '{name}'=...: no host matches. Did you mean 'c1.example'?"
    assert said in done.err


def test_a_file_may_be_for_a_provider_of_the_list_that_is_no_host(
    numafit: Run, hosts: list[Path], flavors: Path, tmp_path: Path
) -> None:
    listed = write(tmp_path / "list.json", PROVIDERS)
    own, gpu = write(tmp_path / "i.json", INVENTORY), write(tmp_path / "t.json", TRAITS)
    for host, nested in ((C1, GPU), ("c1.example", "gpu")):
        files = (listed, f"{host}={own}", f"{nested}={gpu}")
        named = [word for one in files for word in ("--placement", one)]
        done = numafit("capacity", flavors, *hosts, *named)
        assert (done.status, done.err) == (0, "")


def test_hosts_whose_inventories_placement_does_not_tell_are_named(
    numafit: Run, hosts: list[Path], flavors: Path, tmp_path: Path
) -> None:
    both = [*PROVIDERS[:1], {"uuid": C2, "name": "c2.example", "root_provider_uuid": C2}]
    listed = ("--placement", write(tmp_path / "list.json", both))
    own = ("--placement", f"c1.example={write(tmp_path / 'i.json', INVENTORY)}")
    said = "numafit: placement: no inventory was given of {}: what {} counts\n"
    one = said.format("c2.example", "the host itself shows")
    assert numafit("capacity", flavors, *hosts, *listed, *own).err == one
    # nor is it known of a host for which there is no file at all
    assert numafit("fit", flavors, *hosts, *own).err == one
    none = numafit("capacity", flavors, *hosts, *listed).err
    assert none == said.format("c1.example, c2.example", "the hosts show")


def test_a_folder_without_files_is_refused(
    numafit: Run, hosts: list[Path], flavors: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    done = numafit("fit", flavors, *hosts, "--placement", tmp_path / "empty")
    assert done.status == 2
    assert "expected files that end in .json" in done.err
