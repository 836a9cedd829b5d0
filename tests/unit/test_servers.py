"""Servers that exist: who sits where, may one move, and does a resize fit beside its old claim."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Fleet, Image, InputError, Networks, Placement, PlacementCell, Refusal
from numafit.cli import COMMANDS
from numafit.errors import MisuseError
from numafit.model.server import HeldDevice, Server
from numafit.moves import moves
from numafit.readers.nova_db import NovaDb
from numafit.readers.nova_db_servers import read_servers
from numafit.readers.server_show import read_server
from numafit.rules.moved_server import request_of_server
from tests.unit.nova_tables import SPECS, cells_text, flavor_text, host_row, write_db

Run = Callable[..., Any]
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "command-line.md"
EXAMPLES = Path(__file__).parents[2] / "examples"

PORTS = [{"network": {"meta": {"physical_network": "left", "tunneled": False, "mtu": 1500}}}]
PCI = [
    {"count": 1, "spec": [{"vendor_id": "8086"}], "alias_name": "qat", "is_new": False,
     "numa_policy": None, "request_id": "r1", "requester_id": None},
    {"count": 1, "spec": [{"physical_network": "left"}], "alias_name": None, "is_new": False,
     "numa_policy": None, "request_id": "r2", "requester_id": "port"},
]  # fmt: skip


@pytest.fixture
def cell(tmp_path: Path) -> str:
    """xeon-1 has "web" on CPUs 0-3 in 2 MiB pages and "plain" without a topology; xeon-2 nothing,
    in 1 GiB pages; xeon-3 nothing, as xeon-1."""
    file = tmp_path / "cell.db"
    rows: dict[str, list[tuple[Any, ...]]] = {
        "compute_nodes": [host_row(1, range(4)), host_row(2, (), 1 << 20), host_row(3, ())],
        "instances": [
            ("u-web", "xeon-1", "xeon-1", "web", "active", None, 0),
            ("u-plain", "xeon-1", "xeon-1", "plain", "active", None, 0),
            ("u-gone", "xeon-1", "xeon-1", "gone", "active", None, 7),
            ("u-error", None, None, "error", "error", None, 0),
        ],
        "instance_extra": [
            ("u-web", cells_text(range(4)), None, flavor_text(), None, 0),
            ("u-plain", None, None, flavor_text(name="m1", vcpus=2, extra_specs={}), "{}", 0),
        ],
        "instance_system_metadata": [
            ("u-web", "image_hw_vif_multiqueue_enabled", "true", 0),
            ("u-web", "image_min_ram", "512", 0),
            ("u-web", "owner", "somebody", 0),
            ("u-web", "image_hw_cpu_policy", "shared", 9),
        ],
        "instance_info_caches": [("u-web", json.dumps(PORTS), 0), ("u-plain", None, 0)],
        "pci_devices": [
            ("u-web", "0000:81:00.1", "8086", "1889", 0, 0),
            ("u-plain", "0000:82:00.0", "10de", "1eb8", None, 0),
            (None, "0000:81:00.2", "8086", "1889", 0, 0),
        ],
    }
    return write_db(file, rows)


def changed(cell: str, statement: str, *values: object) -> str:
    with closing(sqlite3.connect(cell.removeprefix("sqlite:///"))) as connection:
        assert connection.execute(statement, values).rowcount == 1
        connection.commit()
    return cell


def servers(cell: str) -> dict[str, Server]:
    with NovaDb(cell) as database:
        return {one.name: one for one in read_servers(database)}


def test_a_server_is_what_it_was_started_with_and_what_it_holds(cell: str) -> None:
    found = servers(cell)
    assert list(found) == ["plain", "web"]
    web = found["web"]
    assert web == Server(
        "u-web",
        "web",
        "xeon-1",
        Flavor("p4", 4, 2048, SPECS, 10),
        Image("", {"hw_vif_multiqueue_enabled": "true"}),
        Placement(
            [
                PlacementCell(
                    0,
                    pcpuset=frozenset(range(4)),
                    pinning={n: n for n in range(4)},
                    pagesize=2048,
                    memory_mb=2048,
                    cpu_policy="dedicated",
                )
            ],
            host_name="xeon-1",
        ),
        Networks(frozenset({"left"})),
        (),
        (HeldDevice("0000:81:00.1", "8086:1889", 0),),
        state="active",
        vnic_types=("normal",),
    )
    assert found["plain"].placement == Placement(host_name="xeon-1")
    assert found["plain"].moving


SEATS = """\
xeon-1: 2 servers
 cell   server   CPUs   floating   memory   pages   devices
 ───────────────────────────────────────────────────────────────
    0   web      0-3           -    2 GiB    2MiB   0000:81:00.1
    -   plain*   -             2    2 GiB       -   0000:82:00.0

*: between two hosts, or waiting for its resize to be confirmed
"""


def test_who_sits_where(numafit: Run, cell: str) -> None:
    done = numafit("servers", "--nova-db", cell)
    assert (done.status, done.err) == (0, "")
    assert done.out == SEATS
    assert SEATS.rstrip() in GUIDE.read_text(encoding="utf-8")
    web, plain = json.loads(numafit("servers", "--nova-db", cell, "--format", "json").out)
    assert (web["server"], web["cell"], web["cpus"]) == ("u-web", 0, [0, 1, 2, 3])
    assert (web["pagesize_kib"], web["devices"]) == (2048, ["0000:81:00.1"])
    assert (plain["cell"], plain["floating"], plain["moving"]) == (None, 2, True)


def test_emulator_threads_and_devices_of_another_node_are_named(cell: str, numafit: Run) -> None:
    text = cells_text(range(2), [5])
    changed(cell, "UPDATE instance_extra SET numa_topology = ? WHERE flavor LIKE '%p4%'", text)
    changed(cell, "UPDATE pci_devices SET numa_node = 3 WHERE address LIKE '%81:00.1'")
    found = json.loads(numafit("servers", "--nova-db", cell, "--format", "json").out)
    web = [seat for seat in found if seat["name"] == "web"]
    assert [(seat["cell"], seat["cpus"], seat["emulator"]) for seat in web] == [
        (0, [0, 1, 5], [5]),
        (3, [], []),
    ]
    assert [seat["devices"] for seat in web] == [[], ["0000:81:00.1"]]
    assert " 0-1,5 (5 emulator) " in numafit("servers", "--nova-db", cell).out


def test_hosts_by_pattern(numafit: Run, cell: str) -> None:
    assert numafit("servers", "--nova-db", cell, "--match", "xeon-1").out == SEATS
    done = numafit("servers", "--nova-db", cell, "--match", "xeon-2")
    assert done.status == 2
    assert "no host with servers matches. Did you mean 'xeon-1'?" in done.err


def test_a_server_moves_to_hosts_with_room_and_never_to_its_own(numafit: Run, cell: str) -> None:
    asked = ("move", "web", "--nova-db", cell)
    done = numafit(*asked, "--format", "json")
    answers = json.loads(done.out)
    assert [(one["host"], one["fits"]) for one in answers] == [("xeon-2", True), ("xeon-3", True)]
    assert all(one["server"] == "u-web" and not one["own_host"] for one in answers)
    assert done.status == 0
    own = numafit(*asked, "--to", "xeon-1")
    assert own.status == 2
    assert "web is on xeon-1: name another host by --to." in own.err


def test_a_host_that_is_not_there_is_a_fault_of_the_option_that_named_it(
    numafit: Run, cell: str
) -> None:
    done = numafit("move", "web", "--nova-db", cell, "--to", "xeon-9")
    assert done.status == 2
    assert "numafit: --to 'xeon-9': no host matches." in done.err


def test_hosts_are_named_by_their_compute_services_too(numafit: Run, cell: str) -> None:
    for n in (1, 2, 3):
        changed(cell, "UPDATE compute_nodes SET host = 'svc-' || id WHERE id = ?", n)
    done = numafit("move", "web", "--nova-db", cell, "--to", "svc-2", "--format", "json")
    assert [one["host"] for one in json.loads(done.out)] == ["xeon-2"]
    done = numafit("show", "--nova-db", cell, "--match", "svc-3")
    assert done.out.startswith("xeon-3\n")
    assert "compute service svc-3" in done.out
    assert numafit("move", "web", "--nova-db", cell, "--to", "svc-9").status == 2


def test_nothing_is_remarked_of_hosts_that_are_not_asked(numafit: Run, cell: str) -> None:
    changed(cell, "UPDATE compute_nodes SET numa_topology = ? WHERE id = 2", host_row(2, [5])[3])
    asked = ("move", "web", "--nova-db", cell)
    both, one = numafit(*asked), numafit(*asked, "--to", "xeon-3")
    assert "xeon-2: cell 0: pinned_cpus: stored 5" in both.err
    assert "DISK_GB: the source of the host does not say\n" in both.out
    assert "xeon-2" not in one.err
    # what is left is of the database as a whole: this one has no table of services
    assert one.err.splitlines() == [
        "numafit: not judged: whether the hosts' compute services take guests: the database has no "
        "nova-compute services"
    ]


def test_a_live_migration_keeps_the_size_of_pages(numafit: Run, cell: str) -> None:
    done = numafit("move", "u-web", "--nova-db", cell, "--live")
    assert done.out.startswith(
        "web on xeon-2: does not fit: pages of 1 GiB there, it has 2 MiB: a live migration keeps "
        "them\n"
    )
    assert "web on xeon-3: fits" in done.out


def test_answers_for_programs_name_the_flavor_and_the_server(
    numafit: Run, cell: str, tmp_path: Path
) -> None:
    asked = ("move", "web", "--nova-db", cell, "--format", "json", "--to", "xeon-3")
    (own,) = json.loads(numafit(*asked).out)
    assert (own["flavor"], own["server"], own["server_name"]) == ("p4", "u-web", "web")
    (new,) = json.loads(numafit(*asked, "--resize", flavor_file(tmp_path, 2)).out)
    assert (new["flavor"], new["server_name"]) == ("big", "web")


def flavor_file(path: Path, vcpus: int) -> Path:
    made = path / "flavors.json"
    one = {"name": "big", "vcpus": vcpus, "ram": 2048, "properties": SPECS}
    made.write_text(json.dumps([one]))
    return made


def test_servers_that_would_have_to_leave_are_named(
    numafit: Run, cell: str, tmp_path: Path
) -> None:
    asked = ("explain", flavor_file(tmp_path, 6), "--nova-db", cell, "--match", "xeon-1")
    done = numafit(*asked, "--change", "guest", "--format", "json")
    (answer,) = json.loads(done.out)
    (host,) = answer["nearest"]
    # "plain" has no CPUs of its own to give back
    assert [one["text"] for one in host["suggestions"]] == ["web leaves (4 vCPUs, 2 GiB)"]
    assert (done.status, host["host"], host["verdict"]) == (1, "xeon-1", "not now")


def test_a_resize_on_its_own_host_stands_beside_the_old_claim(
    numafit: Run, cell: str, tmp_path: Path
) -> None:
    pytest.importorskip("oslo_config")
    config = tmp_path / "nova.conf"
    config.write_text("[DEFAULT]\nallow_resize_to_same_host = true\n")
    asked = ("move", "web", "--nova-db", cell, "--config", config, "--to", "xeon-1", "--resize")
    done = numafit(*asked, flavor_file(tmp_path, 6))
    assert done.status == 1
    assert done.out.splitlines()[0].startswith("web with big on xeon-1: does not fit: ")
    assert done.out.splitlines()[-1] == (
        "Without what it has there, which counts until then, it would fit."
    )
    fits = numafit(*asked, flavor_file(tmp_path, 4))
    assert fits.status == 0
    assert "It fits beside what it has there, which counts until the resize" in fits.out
    never = numafit(*asked, flavor_file(tmp_path, 10))
    assert "it would not fit either: " in never.out
    (answer,) = json.loads(numafit(*asked, flavor_file(tmp_path, 6), "--format", "json").out)
    assert (answer["own_host"], answer["fits"], answer["fits_without_old"]) == (True, False, True)


@pytest.mark.parametrize("conf", [None, "", "allow_resize_to_same_host = false\n"])
def test_a_resize_leaves_the_own_host_out_unless_nova_is_told_otherwise(
    numafit: Run, cell: str, tmp_path: Path, conf: str | None
) -> None:
    asked: list[object] = ["move", "web", "--nova-db", cell, "--resize", flavor_file(tmp_path, 4)]
    if conf is not None:
        pytest.importorskip("oslo_config")
        config = tmp_path / "nova.conf"
        config.write_text(f"[DEFAULT]\n{conf}")
        asked += ["--config", config]
    own = numafit(*asked, "--to", "xeon-1")
    assert own.status == 1
    assert own.out == (
        "web with big on xeon-1: does not fit: nova does not resize on the same host unless "
        "allow_resize_to_same_host is set\n"
    )
    (answer,) = json.loads(numafit(*asked, "--to", "xeon-1", "--format", "json").out)
    assert (answer["own_host"], answer["fits"], answer["fits_without_old"]) == (True, False, None)
    others = json.loads(numafit(*asked, "--format", "json").out)
    assert [one["fits"] for one in others] == [False, True, True]


def test_the_same_in_python(cell: str) -> None:
    web = servers(cell)["web"]
    with NovaDb(cell) as database:
        fleet = Fleet(database.hosts())
    assert [(one.host_name, bool(one)) for one in moves(fleet, web)] == [
        ("xeon-2", True),
        ("xeon-3", True),
    ]
    big = request_of_server(web, Flavor("big", 6, 2048, SPECS))
    (left_out,) = moves(fleet, web, big, hosts=[fleet.index("xeon-1")])
    assert isinstance(left_out.found, Refusal)
    assert left_out.found.reason == "same_host"
    with pytest.raises(MisuseError, match="live or resized, not both"):
        next(moves(fleet, web, big, live=True, resized=True))
    (own,) = moves(fleet, web, big, hosts=[fleet.index("xeon-1")], same_host=True)
    assert own.own
    assert not own
    assert isinstance(own.found, Refusal)
    assert str(own.found) == "6 dedicated CPUs wanted, 4 free"
    assert own.after
    # the fleet is as it was
    assert fleet.hostinfo(0).cells[0].pinned_cpus == {0, 1, 2, 3}


def test_a_resize_keeps_the_devices_of_ports_and_asks_for_those_of_the_new_flavor(
    cell: str,
) -> None:
    changed(
        cell,
        "UPDATE instance_extra SET pci_requests = ? WHERE flavor LIKE '%p4%'",
        json.dumps(PCI),
    )
    web = servers(cell)["web"]
    assert [one.alias_name for one in request_of_server(web).pci] == ["qat", None]
    alias = '{"name": "gpu", "vendor_id": "10de", "product_id": "1eb8"}'
    resized = Flavor("gpu", 4, 2048, {**SPECS, "pci_passthrough:alias": "gpu:1"})
    asked = request_of_server(web, resized, aliases=[alias])
    assert [one.alias_name for one in asked.pci] == ["gpu", None]
    assert asked.networks == Networks(frozenset({"left"}))
    assert asked.resources is not None
    assert asked.resources.amounts == {"PCPU": 4, "MEMORY_MB": 2048}


@pytest.mark.parametrize(
    ("column", "text", "key"),
    [
        ("flavor", '{"cur": 3}', "instance_extra of u-web.flavor.cur"),
        ("flavor", "{", "instance_extra of u-web.flavor[line 1, column 2]"),
        ("pci_requests", '[{"count": "x"}]', "instance_extra of u-web.pci_requests[0].count"),
        (
            "pci_requests",
            '[{"count": 1, "numa_policy": "near"}]',
            "instance_extra of u-web.pci_requests[0].numa_policy",
        ),
        (
            "numa_topology",
            '{"cells": [{"id": "x"}]}',
            "instance_extra of u-web.numa_topology.cells[0].id",
        ),
    ],
)
def test_a_column_that_cannot_be_read_is_named(cell: str, column: str, text: str, key: str) -> None:
    changed(cell, f"UPDATE instance_extra SET {column} = ? WHERE instance_uuid = 'u-web'", text)
    with pytest.raises(InputError) as error:
        servers(cell)
    assert error.value.key == key


def test_a_cell_that_was_never_placed_holds_nothing(cell: str) -> None:
    text = cells_text(range(4), id=-1)
    changed(cell, "UPDATE instance_extra SET numa_topology = ? WHERE instance_uuid = 'u-web'", text)
    assert servers(cell)["web"].placement == Placement(host_name="xeon-1")


def test_a_server_that_is_not_there_or_twice(numafit: Run, cell: str) -> None:
    done = numafit("move", "wab", "--nova-db", cell)
    assert done.status == 2
    assert "expected the uuid or name of a server on some host. Did you mean 'web'?" in done.err
    changed(cell, "UPDATE instances SET display_name = 'web' WHERE uuid = 'u-plain'")
    done = numafit("move", "web", "--nova-db", cell)
    assert "expected one server, 2 have this name: u-plain, u-web" in done.err


def test_a_server_as_the_client_prints_it(tmp_path: Path) -> None:
    found = read_server(EXAMPLES / "server.json")
    assert (found.name, found.host, found.placement, found.pci) == (
        "router-1",
        "edge-gold",
        None,
        None,
    )
    assert found.flavor.vcpus == 8
    assert found.flavor.extra_specs["hw:mem_page_size"] == "1GB"
    text = json.loads((EXAMPLES / "server.json").read_text())
    old = tmp_path / "old.json"
    for flavor in ("nfv.large (7)", {**text["flavor"], "extra_specs": None}):
        old.write_text(json.dumps({**text, "flavor": flavor}))
        with pytest.raises(InputError, match=r"--os-compute-api-version 2\.61 server show"):
            read_server(old)


def test_mistakes_of_the_command_line(numafit: Run) -> None:
    hosts = sorted((EXAMPLES / "hosts").iterdir())
    asked = ("move", EXAMPLES / "server.json", *hosts)
    flavors = EXAMPLES / "flavors.json"
    for more, words in (
        (("--flavor", "x"), "--flavor goes with --resize"),
        (("--resize", flavors), "has 12 flavors: name one by --flavor."),
        (("--resize", flavors, "--flavor", "nfv.hug"), "Did you mean 'nfv.huge'?"),
        (("--to", "xean"), "no host matches."),
        (("--live", "--resize", flavors, "--flavor", "nfv.large"), "resizes no server live"),
    ):
        done = numafit(*asked, *more)
        assert done.status == 2
        assert words in done.err
        assert done.err.count("\n") == 1


def test_many_hosts_are_summed_up(numafit: Run) -> None:
    hosts = [EXAMPLES / "hosts" / "epyc-nps4.yaml"] * 30
    done = numafit("move", EXAMPLES / "server.json", *hosts)
    assert done.status == 1
    assert done.out.startswith("router-1: can go to 0 of 30 hosts\n")
    assert "30   no 1 GiB pages in a cell that would do" in done.out


def examples_of_a_database(numafit: Run) -> list[list[str]]:
    """Of all help texts, split into words."""
    texts = [numafit(name, "--help").out for name in COMMANDS]
    lines = [line for text in texts for line in re.findall(r"^ +numafit (.*env:.*)$", text, re.M)]
    # of nova's API there is no database here
    return [
        shlex.split(one) for one in lines if set(re.findall(r"env:(\w+)", one)) == {"NOVA_CELL1"}
    ]


def test_examples_of_help_texts_that_ask_a_database_run(
    numafit: Run, cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOVA_CELL1", cell)
    asked = examples_of_a_database(numafit)
    assert {words[0] for words in asked} >= {"servers", "drain"}
    for words in asked:
        done = numafit(*words)
        assert (done.status, bool(done.out)) == (0, True), f"{words}\n{done.err}"


@pytest.mark.parametrize("width", [40, 60])
def test_servers_on_a_narrow_terminal_have_a_block_each(
    numafit: Run, cell: str, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = numafit("servers", "--nova-db", cell).out.splitlines()
    assert " cell       0" in lines
    assert " devices    0000:81:00.1" in lines


def test_servers_of_two_cells_stand_below_each_other(numafit: Run, cell: str) -> None:
    once = numafit("servers", "--nova-db", cell, "--format", "json")
    twice = numafit("servers", "--nova-db", cell, "--nova-db", cell, "--format", "json")
    assert len(json.loads(twice.out)) == 2 * len(json.loads(once.out)) > 0
