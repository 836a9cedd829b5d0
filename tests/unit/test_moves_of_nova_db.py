"""Drains and plans of moves from nova's own tables: names, pins, devices, and who cannot move."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.nova_tables import SPECS, cells_text, flavor_text, host_row, wrapped, write_db

Run = Callable[..., Any]
Row = dict[str, Any]
POLICY = {"hw:cpu_policy": "dedicated"}


def pools(count: int) -> str:
    """VFs of physical network "left", of which some may be migrated live."""
    tags = {"dev_type": "type-VF", "physical_network": "left", "live_migratable": "true"}
    pool = {
        "product_id": "1889",
        "vendor_id": "8086",
        "numa_node": 0,
        "count": count,
        "tags": tags | {"remote_managed": "false"},
    }
    listed = {"objects": [wrapped("PciDevicePool", "1.1", pool)] if count else []}
    return json.dumps(wrapped("PciDevicePoolList", "1.1", listed))


def port(vnic_type: str) -> Row:
    meta = {"physical_network": "left", "tunneled": False}
    return {"vnic_type": vnic_type, "network": {"meta": meta}}


def asked(alias: str | None, **spec: str) -> Row:
    return {
        "count": 1,
        "spec": [{"vendor_id": "8086"} | spec],
        "alias_name": alias,
        "numa_policy": None,
        "request_id": "r1",
    }


def cell(file: Path, **changes: Any) -> str:
    """xeon-1 has "web" on CPUs 0-3; xeon-2 nothing, and 2 VFs; xeon-3 nothing, and no VFs.
    ``changes``: of what stands about "web" in the columns of those names."""
    web: Row = {
        "vm_state": "active",
        "task_state": None,
        "flavor": flavor_text(),
        "numa_topology": cells_text(range(4)),
        "pci_requests": None,
        "migration_context": None,
        "network_info": None,
        "image": {},
        "device": False,
    } | changes
    nodes = [host_row(1, range(4)), host_row(2, ()), host_row(3, ())]
    rows = {
        "compute_nodes": [
            (*row[:4], pools(free), *row[5:]) for row, free in zip(nodes, (1, 2, 0), strict=True)
        ],
        "instances": [
            ("u-web", "xeon-1", "xeon-1", "web", web["vm_state"], web["task_state"], 0),
        ],
        "instance_extra": [
            (
                "u-web",
                web["numa_topology"],
                json.dumps(web["pci_requests"]) if web["pci_requests"] else None,
                web["flavor"],
                web["migration_context"],
                0,
            )
        ],
        "instance_system_metadata": [
            ("u-web", f"image_{key}", value, 0) for key, value in web["image"].items()
        ],
        "instance_info_caches": [("u-web", json.dumps(web["network_info"] or []), 0)],
        "pci_devices": [("u-web", "0000:81:00.1", "8086", "1889", 0, 0)] if web["device"] else [],
    }
    return write_db(file / "cell.db", rows)


def drained(numafit: Run, url: str, *more: str) -> Row:
    done = numafit("drain", "xeon-1", "--nova-db", url, "--format", "json", *more)
    answer: Row = json.loads(done.out)
    assert done.status == (0 if answer["can_be_emptied"] else 1)
    return answer


def test_a_server_goes_by_its_name_to_cpus_that_are_free(numafit: Run, tmp_path: Path) -> None:
    (step,) = drained(numafit, cell(tmp_path))["steps"]
    assert (step["guest"], step["from"], step["memory_mb"]) == ("web", "xeon-1", 2048)
    assert step["to"] in ("xeon-2", "xeon-3")
    assert step["cells"] == [{"host_cell": 0, "cpus": [0, 1, 2, 3]}]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"flavor": flavor_text(extra_specs=SPECS | {"hw:pmem": "6GB"})}, "vPMEM"),
        ({"flavor": flavor_text(extra_specs=SPECS | {"hw:tpm_version": "2.0"})}, "vTPM"),
        ({"image": {"hw_tpm_version": "1.2"}}, "vTPM"),
        ({"image": {"hw_mem_encryption": "true"}}, "encrypted memory"),
        (
            {"flavor": flavor_text(extra_specs=SPECS | {"accel:device_profile": "x"})},
            "accelerators",
        ),
        ({"network_info": [port("accelerator-direct")]}, "accelerators"),
        ({"vm_state": "stopped"}, "it is stopped"),
        ({"vm_state": "resized"}, "between two hosts"),
        ({"task_state": "migrating"}, "between two hosts"),
        ({"migration_context": "{}"}, "between two hosts"),
        (
            {"pci_requests": [asked(None)], "network_info": [port("direct")], "device": True},
            "SR-IOV ports",
        ),
        (
            {
                "pci_requests": [asked(None), asked(None)],
                "network_info": [port("macvtap"), port("direct")],
                "device": True,
            },
            "SR-IOV ports",
        ),
        ({"pci_requests": [asked("qat")], "device": True}, "PCI devices"),
        ({"device": True}, "PCI devices"),
        ({"pci_requests": [asked(None)], "device": True}, "PCI devices"),
    ],
)
def test_who_cannot_be_migrated_live_stays_and_says_why(
    changes: Row, why: str, numafit: Run, tmp_path: Path
) -> None:
    answer = drained(numafit, cell(tmp_path, **changes))
    (left,) = answer["left"]
    assert (left["guest"], left["proven"], answer["steps"]) == ("web", True, [])
    assert why in left["why"]
    assert answer["sentence"] == "xeon-1 cannot be emptied: web would stay"


@pytest.mark.parametrize(
    "changes",
    [
        {"network_info": [port("normal")]},
        {"vm_state": "paused"},
        {"flavor": flavor_text(
            extra_specs=SPECS | {"hw:tpm_version": "2.0", "hw:tpm_secret_security": "host"}
        )},
    ],
)  # fmt: skip
def test_who_can_is_moved(changes: Row, numafit: Run, tmp_path: Path) -> None:
    assert drained(numafit, cell(tmp_path, **changes))["can_be_emptied"]


@pytest.mark.parametrize(
    "changes",
    [
        {"pci_requests": [asked(None)], "network_info": [port("macvtap"), port("normal")]},
        # the provider is the one on xeon-1
        {"pci_requests": [asked("vf", live_migratable="true", rp_uuids="u1")]},
    ],
)
def test_macvtap_and_migratable_devices_need_one_at_the_destination(
    changes: Row, numafit: Run, tmp_path: Path
) -> None:
    url = cell(tmp_path, device=True, **changes)
    (step,) = drained(numafit, url)["steps"]
    assert step["to"] == "xeon-2"


def test_what_it_leaves_is_taken_until_the_end(numafit: Run, tmp_path: Path) -> None:
    """xeon-1 has "web" with its last VF, xeon-2 "db" with one of two: "db" could follow where "web"
    has gone, if it were known which VF that gave back."""
    ports = json.dumps([port("macvtap")])
    nodes = [host_row(1, range(4)), host_row(2, range(4))]
    rows = {
        "compute_nodes": [
            (*row[:4], pools(free), *row[5:]) for row, free in zip(nodes, (0, 1), strict=True)
        ],
        "instances": [
            (f"u-{name}", host, host, name, "active", None, 0)
            for name, host in (("web", "xeon-1"), ("db", "xeon-2"))
        ],
        "instance_extra": [
            (f"u-{name}", cells_text(range(4)), json.dumps([asked(None)]), flavor_text(), None, 0)
            for name in ("web", "db")
        ],
        "instance_info_caches": [(f"u-{name}", ports, 0) for name in ("web", "db")],
    }
    url = write_db(tmp_path / "cell.db", rows)
    done = numafit("drain", "xeon-2", "--nova-db", url, "--seconds", "0.1", "--format", "json")
    answer = json.loads(done.out)
    (left,) = answer["left"]
    assert (done.status, left["guest"], left["proven"]) == (1, "db", False)
    assert drained(numafit, url)["can_be_emptied"]


def test_a_host_whose_service_is_disabled_is_emptied_and_takes_no_guest(
    numafit: Run, tmp_path: Path
) -> None:
    url = cell(tmp_path)
    services = [(f"xeon-{n}", "nova-compute", n != 3, "broken", 0, 0, 68) for n in (1, 2, 3)]
    with closing(sqlite3.connect(tmp_path / "cell.db")) as connection:
        connection.execute(
            "CREATE TABLE services (host TEXT, binary TEXT, disabled INTEGER, "
            "disabled_reason TEXT, forced_down INTEGER, deleted INTEGER, version INTEGER)"
        )
        connection.executemany("INSERT INTO services VALUES (?,?,?,?,?,?,?)", services)
        connection.commit()
    (step,) = drained(numafit, url)["steps"]
    assert step["to"] == "xeon-3"


def test_servers_stay_by_name_or_uuid(numafit: Run, tmp_path: Path) -> None:
    url = cell(tmp_path)
    for name in ("web", "u-web"):
        (left,) = drained(numafit, url, "--stay", name)["left"]
        assert left["why"] == "named as one that stays"
    assert numafit("drain", "xeon-1", "--nova-db", url, "--stay", "wbe").status == 2


def test_room_is_made_for_a_flavor(numafit: Run, tmp_path: Path) -> None:
    """Each host has 8 CPUs; a guest of 8 wants one host more than there is without "web"."""
    flavors = tmp_path / "flavors.json"
    sizes = {"p8": 8, "p4": 4}
    flavors.write_text(
        json.dumps(
            [
                {"name": name, "vcpus": n, "ram": 64, "properties": POLICY}
                for name, n in sizes.items()
            ]
        )
    )
    two = [host_row(1, range(4)), host_row(2, range(4))]
    rows = {
        "compute_nodes": two,
        "instances": [(f"u{n}", f"xeon-{n}", f"xeon-{n}", f"web{n}", "active", None, 0)
                      for n in (1, 2)],
        "instance_extra": [(f"u{n}", cells_text(range(4)), None, flavor_text(), None, 0)
                           for n in (1, 2)],
    }  # fmt: skip
    url = write_db(tmp_path / "cell.db", rows)
    done = numafit(
        "plan-moves", flavors, "--nova-db", url, "--for", "p8", "--room", "1", "--format", "json"
    )
    answer = json.loads(done.out)
    assert (done.status, answer["before"], answer["after"]) == (0, 0, 1)
    assert (answer["bound"], answer["proven"]) == (1, True)
    (step,) = answer["steps"]
    assert step["guest"] in ("web1", "web2")
    assert step["cells"] == [{"host_cell": 0, "cpus": [4, 5, 6, 7]}]
    assert answer["counts"] == [
        {"flavor": "p8", "before": 0, "after": 1},
        {"flavor": "p4", "before": 2, "after": 2},
    ]
    held = numafit("plan-moves", flavors, "--nova-db", url, "--for", "p8", "--room", "1",
                   "--stay", "web1", "--stay", "u2")  # fmt: skip
    assert held.status == 1
    assert "no moves make room for 1" in held.out
