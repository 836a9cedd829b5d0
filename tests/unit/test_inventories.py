"""Inventories that follow from a host where its source has none: nova-compute's own figures.

Counts marked "whole nova" are those of nova 34 with placement, on its fake libvirt.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Fleet, Host, Limits, Request, with_inventories
from numafit.model.hostinfo import HostInfo
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources
from numafit.readers.hostfile import host_from_mapping
from numafit.readers.nova_conf import read_nova_conf
from numafit.readers.nova_rows import host_from_nova, read_nova_rows
from numafit.rules.nova_config import NovaConfig, apply_config

ROWS = Path(__file__).parent / "data" / "nova_rows.json"
Run = Callable[..., Any]
SMT = {
    "id": 0,
    "cpus": "0-7",
    "memory_mb": 8192,
    "siblings": ["0,4", "1,5", "2,6", "3,7"],
    "pages": [{"size": "4KiB", "total": 2097152}],
}
PINNED = {"hw:cpu_policy": "dedicated"}


def host(*cells: dict[str, Any], **more: Any) -> HostInfo:
    return host_from_mapping({"version": 1, "name": "h", "cells": list(cells) or [SMT], **more})


def units(info: HostInfo) -> dict[str, tuple[Any, ...]]:
    """class -> total, reserved, ratio, used"""
    assert info.provider is not None
    return {
        name: (one.total, one.reserved, one.allocation_ratio, one.used)
        for name, one in info.provider.inventories.items()
    }


def test_a_host_without_cpu_sets_has_vcpus_alone() -> None:
    found = with_inventories(host())
    assert units(found) == {"VCPU": (8, 0, 4.0, 0), "MEMORY_MB": (8192, 512, 1.0, 0)}
    assert found.provider is not None
    assert all(one.derived for one in found.provider.inventories.values())
    assert found.provider.inventories["VCPU"].max_unit == 8


def test_cpu_sets_make_pcpus_and_vcpus() -> None:
    cell = {**SMT, "dedicated_cpus": "2-7", "shared_cpus": "0-1", "pinned": "2,6"}
    found = with_inventories(
        host({**cell, "shared_cpu_usage": 3, "memory_used_mb": 700}),
        ratios=Limits(cpu_allocation_ratio=16.0, ram_allocation_ratio=1.5),
    )
    assert units(found) == {
        "VCPU": (2, 0, 16.0, 3),
        "PCPU": (6, 0, 1.0, 2),
        "MEMORY_MB": (8192, 512, 1.5, 700),
    }


def test_memory_that_is_not_known_is_not_judged() -> None:
    cells = tuple(replace(cell, memory_mb=None) for cell in host().cells)
    assert units(with_inventories(HostInfo(cells))) == {"VCPU": (8, 0, 4.0, 0)}


def test_a_host_without_cells_of_which_nothing_is_told_is_not_judged() -> None:
    bare = with_inventories(HostInfo((), name="bare"))
    assert units(bare) == {}
    assert Host(bare).scan(Request.for_server(Flavor("f", 4000, 512)))
    assert Fleet([HostInfo(())]).with_inventories().hostinfo(0).provider == bare.provider


def test_allocations_may_add_up_to_more_than_32_bits_hold() -> None:
    units = Inventory((1 << 31) - 1, allocation_ratio=16.0, used=(1 << 31) - 4)
    cell = {"id": 0, "cpus": "0-3", "memory_mb": 64}
    host = replace(
        host_from_mapping({"version": 1, "name": "h", "cells": [cell]}),
        provider=Provider({"CUSTOM_X": units}),
    )
    eight = Resources((ResourceGroup(resources={"CUSTOM_X": 8}),))
    fleet = Fleet([host])
    fleet.claim(Request(None, resources=eight, pci=[]), 0)
    now = fleet.hostinfo(0).provider
    assert now is not None
    assert now.inventories["CUSTOM_X"].used == (1 << 31) + 4
    file = {"version": 1, "cells": [cell], "resources": {"CUSTOM_X": {"total": 9, "used": 1 << 32}}}
    told = host_from_mapping(file).provider
    assert told is not None
    assert told.inventories["CUSTOM_X"].used == 1 << 32


def test_what_a_source_told_stays() -> None:
    told = host(resources={"VCPU": 3})
    assert with_inventories(told) is told


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        # whole nova: 4 guests of 1 GiB
        (
            NovaConfig(cpu_dedicated_set=frozenset(range(8)), reserved_host_memory_mb=4096),
            {"PCPU": (8, 0, 1.0, 0), "MEMORY_MB": (8192, 4096, 1.0, 0)},
        ),
        (
            NovaConfig(
                cpu_shared_set=frozenset(range(4)), cpu_allocation_ratio=16.0,
                ram_allocation_ratio=1.5, reserved_host_memory_mb=0,
            ),
            {"VCPU": (4, 0, 16.0, 0), "MEMORY_MB": (8192, 0, 1.5, 0)},
        ),
        (
            NovaConfig(vcpu_pin_set=frozenset(range(2, 8)), initial_cpu_allocation_ratio=2.0),
            {"VCPU": (6, 0, 2.0, 0), "MEMORY_MB": (8192, 512, 1.0, 0)},
        ),
        (
            NovaConfig(reserved_host_cpus=2),
            {"VCPU": (8, 2, 4.0, 0), "MEMORY_MB": (8192, 512, 1.0, 0)},
        ),
    ],
)  # fmt: skip
def test_options_count(config: NovaConfig, wanted: dict[str, Any]) -> None:
    assert units(with_inventories(apply_config(host(), config), config)) == wanted


def test_rows_of_compute_nodes_tell_what_the_whole_host_has() -> None:
    # a guest of 2 vCPUs, 2048 MiB and 20 GiB is on each; 512 MiB are kept
    memory, disk = (16780000, 512, 1.0, 2048), (128, 0, 1.0, 20)
    hugepages, pinned, plain = map(units, read_nova_rows(ROWS))
    assert hugepages == {"VCPU": (16, 0, 4.0, 2), "MEMORY_MB": memory, "DISK_GB": disk}
    assert pinned == {"PCPU": (8, 0, 1.0, 2), "MEMORY_MB": memory, "DISK_GB": disk}
    assert plain == {"VCPU": (16, 0, 4.0, 2), "MEMORY_MB": memory, "DISK_GB": disk}


def test_disk_that_is_not_known_is_not_judged() -> None:
    asked = Request.for_server(Flavor("f", 1, 512, {}, disk_gb=10**6))
    assert Host(with_inventories(host())).scan(asked)
    node = {"vcpus": 8, "memory_mb": 8192, "local_gb": 20}
    refused = Host(host_from_nova(None, name="h", node=node)).explain(asked)
    assert str(refused) == "DISK_GB: 1000000 wanted, one guest may have 1 to 20 at once"


def rows() -> list[dict[str, Any]]:
    return [row for case in json.loads(ROWS.read_text()).values() for row in case["compute_nodes"]]


def test_the_fast_way_derives_the_same() -> None:
    fast = Fleet.from_nova_rows(rows())
    assert [one.provider for one in fast.hostinfos()] == [
        one.provider for one in read_nova_rows(ROWS)
    ]


def test_a_fleet_without_inventories_gets_those_of_its_hosts() -> None:
    hosts = [
        host(),
        host({**SMT, "dedicated_cpus": "2-7", "shared_cpus": "0-1", "pinned": "2,6"}),
        host(resources={"VCPU": 3}),
        host(SMT, {"id": 1, "cpus": "8-15", "dedicated_cpus": "8-15", "memory_mb": 100}),
    ]
    fleet = Fleet(hosts).with_inventories()
    assert [one.provider for one in fleet.hostinfos()] == [
        with_inventories(one).provider for one in hosts
    ]
    assert fleet.check() is None
    assert fleet.with_inventories() is fleet


def test_saved_fleets_keep_that_they_were_derived(tmp_path: Path) -> None:
    fleet = Fleet([host()]).with_inventories()
    fleet.save(tmp_path / "f.npz")
    (again,) = Fleet.load(tmp_path / "f.npz").hostinfos()
    (before,) = fleet.hostinfos()
    assert again.provider == before.provider
    assert again.provider is not None
    assert again.provider.inventories["VCPU"].derived


# --- on the command line


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def flavor(name: str, vcpus: int, memory: int, specs: dict[str, str] | None = None) -> Any:
    return {"name": name, "vcpus": vcpus, "memory_mb": memory, "extra_specs": specs or {}}


def counted(numafit: Run, *arguments: object) -> dict[str, Any]:
    answer = json.loads(numafit("capacity", *arguments, "--format", "json").out)
    return {one["flavor"]: one.get("counts", one.get("error")) for one in answer["flavors"]}


HOST = {"version": 1, "name": "h", "cells": [SMT]}
RATIOS = "cpu_allocation_ratio=16\nram_allocation_ratio=1.5\n"


@pytest.mark.parametrize(
    ("specs", "vcpus", "conf", "wanted"),
    [
        # whole nova's counts of guests with 1 GiB
        (PINNED, 1, "reserved_host_memory_mb=4096\n[compute]\ncpu_dedicated_set=0-7", 4),
        (PINNED, 1, "reserved_host_memory_mb=0\n[compute]\ncpu_dedicated_set=0-7", 8),
        ({"hw:numa_nodes": "1"}, 1, f"{RATIOS}[compute]\ncpu_shared_set=0-7", 11),
        ({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-1"}, 4, "", 0),
        ({}, 400, "[compute]\ncpu_dedicated_set=0-7", 0),
    ],
)
def test_whole_novas_counts(
    numafit: Run,
    files: Callable[..., Path],
    specs: dict[str, str],
    vcpus: int,
    conf: str,
    wanted: int,
) -> None:
    pytest.importorskip("oslo_config")
    config = files("nova.conf", f"[DEFAULT]\n{conf}\n")
    flavors = files("flavors.json", [flavor("f", vcpus, 1024, specs)])
    found = counted(numafit, flavors, files("h.json", HOST), "--config", config)
    assert found == {"f": [wanted]}


def test_a_flavor_of_4000_vcpus_does_not_fit(numafit: Run, files: Callable[..., Path]) -> None:
    flavors = files("flavors.json", [flavor("monster", 4000, 1024)])
    done = numafit("fit", flavors, files("h.json", HOST))
    assert done.status == 1
    said = "monster on h: does not fit: VCPU: 4000 wanted, one guest may have 1 to 8 at once\n"
    assert done.out.startswith(said)


def test_devices_without_a_topology_have_a_count(numafit: Run, files: Callable[..., Path]) -> None:
    pools = [{"vendor_id": "10de", "product_id": "20b5", "count": 3, "numa_node": 0}]
    path = files("h.json", {**HOST, "pci": pools})
    flavors = files(
        "flavors.json",
        [
            flavor("one", 1, 512, {"pci_passthrough:alias": "a:1"}),
            flavor("two", 1, 512, {"pci_passthrough:alias": "a:1,b:1"}),
        ],
    )
    aliases = [
        word
        for name in "ab"
        for word in (
            "--alias",
            json.dumps({"name": name, "vendor_id": "10de", "product_id": "20b5"}),
        )
    ]
    # 'two' takes the last device of three only where it finds one for each of its aliases
    assert counted(numafit, flavors, path, *aliases) == {"one": [3], "two": [1]}


def test_a_flavor_that_takes_nothing_has_room_without_end(
    numafit: Run, files: Callable[..., Path]
) -> None:
    ironic = {"resources:VCPU": "0", "resources:MEMORY_MB": "0", "resources:CUSTOM_GOLD": "1"}
    flavors = files("flavors.json", [flavor("metal", 8, 512, ironic)])
    assert counted(numafit, flavors, files("h.json", HOST), "--cap", "7") == {"metal": [7]}


def test_a_broken_flavor_hides_nothing(numafit: Run, files: Callable[..., Path]) -> None:
    flavors = files(
        "flavors.json",
        [
            flavor("good", 1, 1024),
            {"name": "bad", "vcpus": "four", "memory_mb": 512},
            flavor("odd", 1, 1024, {"hw:cpu_policy": "sometimes"}),
            flavor("gpu", 1, 1024, {"pci_passthrough:alias": "nowhere:1"}),
            flavor("other", 2, 1024),
        ],
    )
    path = files("h.json", HOST)
    found = counted(numafit, flavors, path)
    assert list(found) == ["good", "bad", "odd", "gpu", "other"]
    assert (found["good"], found["other"]) == ([7], [7])
    assert "[1].vcpus: got 'four', expected a whole number" in found["bad"]
    assert "hw:cpu_policy" in found["odd"]
    assert "nowhere" in found["gpu"]
    table = numafit("capacity", flavors, path)
    assert table.status == 2
    lines = {line.split()[0]: line for line in table.out.splitlines() if line.startswith(" ")}
    assert lines["good"].split()[1:] == ["7", "1", "7"]
    assert lines["bad"].split()[1:] == ["-", "-", "-"]
    assert "bad: " in table.out
    done = numafit("fit", flavors, path)
    assert done.status == 2
    assert "good on h: fits" in done.out
    assert "other on h: fits" in done.out
    assert "odd: flavor odd: " in done.out
    answers = json.loads(numafit("fit", flavors, path, "--format", "json").out)
    assert [one["flavor"] for one in answers if "error" in one] == ["bad", "odd", "gpu"]
    csv = numafit("capacity", flavors, path, "--format", "csv").out.splitlines()
    assert csv[1] == "good,h,7,0,"
    assert csv[2].startswith("bad,,,,")
    alone = numafit("fit", flavors, path, "--flavor", "bad")
    assert (alone.status, alone.out) == (2, "")
    assert "[1].vcpus" in alone.err
    # not asked about, not told of
    assert numafit("fit", flavors, path, "--flavor", "good").status == 0


def database(path: Path, services: list[tuple[Any, ...]]) -> str:
    totals = "vcpus INTEGER, memory_mb INTEGER, vcpus_used INTEGER, memory_mb_used INTEGER"
    topology = rows()[1]["numa_topology"]
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"""
            CREATE TABLE compute_nodes(id INTEGER, host TEXT, hypervisor_hostname TEXT,
              numa_topology TEXT, pci_stats TEXT, cpu_allocation_ratio REAL,
              ram_allocation_ratio REAL, deleted INTEGER, {totals});
            CREATE TABLE instances(uuid TEXT, host TEXT, node TEXT, vm_state TEXT, task_state TEXT,
              deleted INTEGER);
            CREATE TABLE instance_extra(instance_uuid TEXT, numa_topology TEXT,
              migration_context TEXT, deleted INTEGER);
            CREATE TABLE services(id INTEGER, host TEXT, binary TEXT, disabled INTEGER,
              disabled_reason TEXT, forced_down INTEGER, deleted INTEGER);
        """)
        for n in range(1, 5):
            node = (n, f"c{n}", f"c{n}.example", topology, None, 1.0, 1.0, 0, 0, 9000, 2, 512)
            connection.execute(f"INSERT INTO compute_nodes VALUES ({','.join('?' * 12)})", node)
        connection.executemany("INSERT INTO services VALUES (?,?,?,?,?,?,?)", services)
        connection.commit()
    return f"sqlite:///{path}"


def test_services_that_take_no_guests(
    numafit: Run, files: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("sqlalchemy")
    compute = "nova-compute"
    url = database(
        tmp_path / "cell.db",
        [
            (1, "c1", compute, 0, None, 0, 0),
            (2, "c2", compute, 1, "new\n disk", 0, 0),
            (3, "c3", compute, 0, None, 1, 0),
            (4, "c4", "nova-conductor", 0, None, 0, 0),
            (5, "c4", compute, 0, None, 0, 5),
        ],
    )
    flavors = files("flavors.json", [flavor("f", 2, 1000, PINNED)])
    asked = (flavors, "--nova-db", url)
    counts = counted(numafit, *asked)["f"]
    assert counts[1:] == [0, 0, 0]
    assert counts[0] == 3  # 6 of 8 CPUs are free
    done = numafit("fit", *asked)
    said = "does not fit: the compute service takes no guests: "
    assert f"c2.example: {said}disabled, new disk" in done.out
    assert f"c3.example: {said}forced down" in done.out
    named = "take no guests: c2.example (disabled, new disk), c3.example (forced down), c4.example"
    assert named in numafit("capacity", *asked).out
    answer = json.loads(numafit("capacity", *asked, "--format", "json").out)
    assert answer["disabled"]["c3.example"] == "forced down"
    assert counted(numafit, *asked, "--count-disabled") == {"f": [3, 3, 3, 3]}
    assert f"c4.example: {said}nova knows of no nova-compute there" in done.out


def test_a_database_that_knows_of_no_service_rules_no_host_out(
    numafit: Run, files: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("sqlalchemy")
    url = database(tmp_path / "cell.db", [(4, "c4", "nova-conductor", 0, None, 0, 0)])
    flavors = files("flavors.json", [flavor("f", 2, 1000, PINNED)])
    asked = (flavors, "--nova-db", url)
    assert counted(numafit, *asked) == {"f": [3, 3, 3, 3]}
    said = (
        "numafit: not judged: whether the hosts' compute services take guests: the database has no "
        "nova-compute services\n"
    )
    config = files("nova.conf", "[DEFAULT]\ncpu_allocation_ratio=2\n")
    for more in ((), ("--config", config)):
        assert numafit("capacity", *asked, *more).err.count(said) == 1
    assert said not in numafit("capacity", *asked, "--count-disabled").err
    with closing(sqlite3.connect(tmp_path / "cell.db")) as connection:
        connection.execute("DROP TABLE services")
    assert numafit("fit", *asked).err.count(said) == 1
    alive = database(
        tmp_path / "2.db", [(n, f"c{n}", "nova-compute", 0, None, 0, 0) for n in range(1, 5)]
    )
    assert said not in numafit("capacity", flavors, "--nova-db", alive).err


def test_hosts_that_are_given_twice_are_named(numafit: Run, files: Callable[..., Path]) -> None:
    flavors = files("flavors.json", [flavor("f", 1, 64)])
    some = files("rows.json", [{"host": f"c{n}", **BARE} for n in range(5)])
    one, other = files("h.json", HOST), files("g.json", {**HOST, "name": "g"})
    said = "numafit: {} given more than once, and counted each time: {}\n"
    twice = (flavors, "--nova-rows", some, "--nova-rows", some)
    many = said.format("5 hosts are", "c0, c1, c2 and 2 more")
    assert numafit("capacity", *twice).err == many
    assert counted(numafit, *twice) == {"f": [32] * 10}
    assert numafit("capacity", *twice, "--count-disabled").err == many
    single = said.format("this host is", "h")
    assert numafit("fit", flavors, one, other, one).err == single
    assert numafit("show", one, one, other).err == single
    assert numafit("capacity", flavors, one, other, "--nova-rows", some).err == ""


def test_options_on_top_of_what_was_told_change_what_they_set() -> None:
    told = host(resources={"VCPU": 8, "MEMORY_MB": {"total": 8192, "reserved": 100, "used": 7}})
    assert with_inventories(told, NovaConfig()).provider == told.provider
    kept = with_inventories(told, NovaConfig(reserved_host_memory_mb=4096))
    assert units(kept) == {"VCPU": (8, 0, 1.0, 0), "MEMORY_MB": (8192, 4096, 1.0, 7)}
    config = NovaConfig(cpu_dedicated_set=frozenset(range(2, 8)), ram_allocation_ratio=2.0)
    split = with_inventories(apply_config(told, config), config)
    assert units(split) == {"PCPU": (6, 0, 1.0, 0), "MEMORY_MB": (8192, 100, 2.0, 7)}
    refused = Host(split).explain(Request.for_server(Flavor("f", 1, 512)))
    assert str(refused) == "VCPU: 1 wanted, the host has no inventory of it"


BARE = {
    "numa_topology": None, "cpu_allocation_ratio": 1.0, "vcpus": 32, "vcpus_used": 0,
    "memory_mb": 65536, "memory_mb_used": 512, "running_vms": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("conf", "plain", "pinned", "said"),
    [
        # nova-compute reports the size of each set, whether the host has a NUMA topology or not
        ("cpu_shared_set=0-3", 4, 0, "changes [compute] cpu_shared_set of 1 host; the rest"),
        ("cpu_dedicated_set=4-9", 0, 6, "changes [compute] cpu_dedicated_set of 1 host; the rest"),
        (
            "cpu_shared_set=0-3\ncpu_dedicated_set=4-9", 4, 6,
            "changes [compute] cpu_dedicated_set of 1 host, [compute] cpu_shared_set of 1 host;",
        ),
        ("cpu_shared_set=0-31", 32, 0, "changes nothing on 1 host\n"),
    ],
)  # fmt: skip
def test_cpu_sets_count_on_a_host_without_a_topology(
    numafit: Run, files: Callable[..., Path], conf: str, plain: int, pinned: int, said: str
) -> None:
    pytest.importorskip("oslo_config")
    config = files("nova.conf", f"[compute]\n{conf}\n")
    flavors = files("flavors.json", [flavor("f", 1, 64)])
    asked = (flavors, "--nova-rows", files("rows.json", [{"host": "bare", **BARE}]))
    assert counted(numafit, *asked) == {"f": [32]}
    done = numafit("capacity", *asked, "--config", config, "--format", "json")
    assert f"nova.conf {said}" in done.err
    assert "no bearing" not in done.err
    assert json.loads(done.out)["flavors"][0]["counts"] == [plain]
    stored = read_nova_rows(files("rows.json", [{"host": "bare", **BARE}]))[0]
    found = units(with_inventories(stored, read_nova_conf(config)))
    assert found.get("PCPU", (0,))[0] == pinned


def test_sets_that_overlap_are_refused_of_a_host_without_a_topology(
    numafit: Run, files: Callable[..., Path]
) -> None:
    pytest.importorskip("oslo_config")
    config = files("nova.conf", "[compute]\ncpu_shared_set=0-3\ncpu_dedicated_set=3-9\n")
    flavors = files("flavors.json", [flavor("f", 1, 64)])
    bare = files("h.json", {"version": 1, "name": "bare", "cells": []})
    done = numafit("capacity", flavors, bare, "--config", config)
    assert done.status == 2
    assert "cpu_dedicated_set on bare: got '3-9', expected no CPU of cpu_shared_set" in done.err


def test_a_line_says_what_options_changed(numafit: Run, files: Callable[..., Path]) -> None:
    pytest.importorskip("oslo_config")
    config = files("nova.conf", "[DEFAULT]\nreserved_host_memory_mb=4096\nreserved_host_disk_mb=9")
    flavors = files("flavors.json", [flavor("f", 1, 1024)])
    done = numafit("capacity", flavors, files("h.json", HOST), "--config", config)
    assert "nova.conf changes [DEFAULT] reserved_host_memory_mb of 1 host; the rest" in done.err


def test_an_option_of_sets_and_of_inventories_changes_a_host_once(
    numafit: Run, files: Callable[..., Path]
) -> None:
    pytest.importorskip("oslo_config")
    config = files("nova.conf", "[DEFAULT]\nvcpu_pin_set=2-7\nreserved_host_cpus=1")
    done = numafit("capacity", files("flavors.json", [flavor("f", 1, 1024)]),
                   files("h.json", HOST), "--config", config)  # fmt: skip
    assert "reserved_host_cpus of 1 host" in done.err, done.err


def test_where_figures_come_from_makes_no_other_inventory() -> None:
    told = Inventory(100, 10)
    assert told == Inventory(100, 10, derived=True) == Inventory(100, 10, split_known=False)
    assert told != Inventory(100, 11)
