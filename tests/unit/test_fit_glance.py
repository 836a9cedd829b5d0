"""``numafit fit`` of many hosts: a summary with reasons and the nearest miss."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Flavor, Fleet, Host, PciRequest, Refusal, Request, guest_topology
from numafit._engine import reasons as engine_reasons
from numafit.model.hostinfo import HostCell, HostInfo, PagePool, PciPool
from numafit.model.resources import Inventory, Provider
from numafit.rules.network import Port
from numafit.views.refused import reasons

Run = Callable[..., Any]
CPUS = frozenset(range(16))
TOLD = {
    "resources": {"VCPU": 4, "MEMORY_MB": 4096, "DISK_GB": 9},
    "traits": [],
    "aggregates": [],
}
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "command-line.md"


def host(name: str, free: int = 16, cells: int = 1, pages: int = 64) -> HostInfo:
    """Cells of 16 CPUs without SMT; ``free`` of each are not pinned, ``pages`` of 1 GiB free."""
    return HostInfo(
        cells=tuple(
            HostCell(
                id=n,
                cpuset=frozenset(),
                pcpuset=frozenset(cpu + 16 * n for cpu in CPUS),
                memory_mb=65536,
                pinned_cpus=frozenset(range(16 * n, 16 * n + 16 - free)),
                page_pools=(PagePool(1 << 20, 64, 64 - pages),),
            )
            for n in range(cells)
        ),
        name=name,
        pci_pools=(),
    )


def flavors(path: Path, cells: int = 1) -> Path:
    specs = {
        "hw:cpu_policy": "dedicated",
        "hw:mem_page_size": "1GB",
        "hw:numa_nodes": str(cells),
    }
    one = {"name": "p8", "vcpus": 8, "ram": 8192, "disk": 1, "extra_specs": specs}
    made = path / "flavors.json"
    made.write_text(json.dumps([one]))
    return made


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """2,000 hosts: 1,200 lack CPUs (the nearest 2 of them), 500 pages (the nearest 3 GiB), 200
    have no topology; 100 take the flavor."""
    hosts = [host(f"xeon-{n:04}", free=6 if n == 5 else n % 6) for n in range(1200)]
    hosts += [host(f"gold-{n:04}", pages=5 if n == 77 else 1) for n in range(500)]
    hosts += [HostInfo(cells=(), name=f"bare-{n:04}") for n in range(200)]
    hosts += [host(f"free-{n:04}") for n in range(100)]
    path = tmp_path / "fleet.npz"
    Fleet(hosts).save(path)
    return path


SUMMARY = """\
p8: fits on 100 of 2,000 hosts: free-0000, free-0001, free-0002 and 97 more
 hosts   why not                                 nearest miss
 ─────────────────────────────────────────────────────────────────────────
  1200   PCPU: too little free                   2 PCPU short on xeon-0005
   500   too little free memory in 1 GiB pages   3 GiB short on gold-0077
   200   the host has no NUMA topology           -

"""


def test_two_thousand_hosts_are_summed_up_with_reasons_and_the_nearest_miss(
    numafit: Run, tmp_path: Path, many: Path
) -> None:
    done = numafit("fit", flavors(tmp_path), "--fleet", many)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(SUMMARY)
    assert SUMMARY in GUIDE.read_text(encoding="utf-8")


def test_a_summary_of_two_thousand_hosts_takes_less_than_a_second(
    tmp_path: Path, many: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from numafit.cli.glance import Glance, print_summary
    from numafit.model.options import FitOptions
    from numafit.readers.flavors import read_flavors

    (flavor,) = read_flavors(flavors(tmp_path))
    fleet = Fleet.load(many)
    start = time.perf_counter()
    asked = Glance().hosts([fleet], {}).asked(Request.for_server(flavor), FitOptions())
    print_summary(flavor.name, asked, Glance())
    assert time.perf_counter() - start < 1.0
    assert "on 100 of 2,000 hosts" in capsys.readouterr().out


def test_only_one_kind_of_answer(numafit: Run, tmp_path: Path, many: Path) -> None:
    asked = ("fit", flavors(tmp_path), "--fleet", many, "--only")
    first, after = numafit(*asked, "fits").out.split("\n", 1)
    assert first == SUMMARY.split("\n", 1)[0]
    assert after.startswith("not judged: ")
    assert numafit(*asked, "refused").out.startswith(
        SUMMARY.replace(": free-0000, free-0001, free-0002 and 97 more", "")
    )


def test_few_answers_have_lines_of_their_own(numafit: Run, tmp_path: Path, many: Path) -> None:
    asked = ("fit", flavors(tmp_path), "--fleet", many, "--match")
    done = numafit(*asked, "xeon-0001", "--match", "free-000[0-9]")
    assert done.out.count("p8 on ") == 11
    assert "p8 on xeon-0001: does not fit: PCPU: 8 wanted, 1 free of 16" in done.out
    only = numafit(*asked, "xeon-0001", "--match", "free-000[0-9]", "--only", "refused")
    assert only.out.count(" on ") == 1
    assert only.status == 0  # it fits on hosts that are not shown
    assert numafit(*asked, "xeon-*").status == 1
    assert numafit(*asked, "xeon-*").out.startswith("p8: fits on 0 of 1,200 hosts\n")


def test_every_host_where_that_is_asked_for(numafit: Run, tmp_path: Path, many: Path) -> None:
    asked = ("fit", flavors(tmp_path), "--fleet", many, "--match", "gold-*", "--by-host")
    assert numafit(*asked).out.count("p8 on gold-") == 500


def test_json_has_every_answer(numafit: Run, tmp_path: Path, many: Path) -> None:
    asked = ("fit", flavors(tmp_path), "--fleet", many, "--format", "json")
    answers = json.loads(numafit(*asked).out)
    assert len(answers) == 2000
    assert sum(answer["fits"] for answer in answers) == 100
    assert answers[5]["refusal"]["message"] == "PCPU: 8 wanted, 6 free of 16"
    fitting = json.loads(numafit(*asked, "--only", "fits").out)
    assert fitting == [answer for answer in answers if answer["fits"]]


def test_a_pattern_that_matches_no_host_says_which_there_are(
    numafit: Run, tmp_path: Path, many: Path
) -> None:
    asked = ("fit", flavors(tmp_path), "--fleet", many, "--match")
    done = numafit(*asked, "xenon-0001")
    assert done.status == 2
    assert "--match 'xenon-0001': no host matches. Did you mean 'xeon-0001'?" in done.err
    assert "There are xeon-0000, xeon-0001, xeon-0002, ..." in numafit(*asked, "zz*").err


def test_the_nearest_miss_looks_at_guest_cells_that_no_cell_takes() -> None:
    # cell 0 takes a guest cell, cell 1 is 3 CPUs short; the guest's two cells are alike
    near = HostInfo((host("a", free=16).cells[0], host("a", free=5, cells=2).cells[1]), "near")
    # both guest cells lack CPUs: 7 on the one host cell, 4 on the other
    far = HostInfo((host("a", free=1).cells[0], host("a", free=4, cells=2).cells[1]), "far")
    specs = {"hw:cpu_policy": "dedicated", "hw:numa_nodes": "2"}
    request = Request.for_server(Flavor("f", 16, 2048, specs))
    fleet = Fleet([near, far])
    refused = [fleet.explain(request, n) for n in (0, 1)]
    found = reasons(one for one in refused if one is not None)
    assert {one.code: one.miss for one in found} == {
        "assignment": "1 cell short on near",
        "free_cpus": "4 dedicated CPUs short on far",
    }


@pytest.mark.parametrize("code", engine_reasons()[1:])
def test_every_reason_has_words_for_many_hosts(code: str) -> None:
    refused = Refusal(code, 4096, 2048, 2048, host=3, host_name="h3", subject="PCPU")
    (one,) = reasons([refused])
    assert one.words
    assert "{" not in one.words + one.miss
    assert one.miss == "" or one.miss.endswith(" short on h3")


def test_one_of_a_unit_is_singular_and_classes_stay_as_they_are() -> None:
    inventories = {"VCPU": Inventory(4), "CUSTOM_X": Inventory(3, used=2)}
    info = HostInfo(cells=(), name="v1", provider=Provider(inventories))
    specs = {"resources:CUSTOM_X": "3"}
    found = Host(info).fit(Request.for_server(Flavor("f", 1, 64, specs)))
    assert isinstance(found, Refusal)
    assert (found.reason, found.subject) == ("resource", "CUSTOM_X")
    (one,) = reasons([found])
    assert (one.words, one.miss) == ("CUSTOM_X: too little free", "2 CUSTOM_X short on v1")
    (cpu,) = reasons([Refusal("free_cpus", 3, 2, host=0)])
    assert cpu.miss == "1 dedicated CPU short on host 0"


def test_hosts_that_give_a_guest_too_little_at_once_are_one_reason() -> None:
    inventories = ({"VCPU": Inventory(n, max_unit=n)} for n in (4, 6, 8))
    hosts = [
        HostInfo((), f"v{n}", None, provider=Provider(one)) for n, one in enumerate(inventories)
    ]
    fleet = Fleet(hosts)
    request = Request.for_server(Flavor("f", 9, 64))
    refused = [fleet.explain(request, n) for n in range(3)]
    (one,) = reasons(found for found in refused if found is not None)
    assert (one.words, one.hosts, one.miss) == (
        "VCPU: more than one guest may have at once",
        3,
        "1 VCPU short on v2",
    )


GPU = PciPool("10de", "1eb8", 0, 1, {"dev_type": "type-PCI"})
VFS = PciPool("8086", "1889", 1, 8, {"dev_type": "type-VF", "physical_network": "left"})


def pci_refusal(pools: tuple[PciPool, ...], *wanted: PciRequest) -> Refusal:
    info = HostInfo(cells=host("h", cells=2).cells, name="h", pci_pools=pools)
    found = Host(info).fit(Request(None, pci=wanted))
    assert isinstance(found, Refusal)
    return found


def test_a_refusal_for_devices_names_the_alias_and_the_pools_that_there_are() -> None:
    spec = {"vendor_id": "10de", "product_id": "1eb8"}
    found = pci_refusal((GPU, VFS), PciRequest(2, [spec], "legacy", "gpu"))
    assert found.subject == "alias gpu (10de:1eb8)"
    assert found.message == (
        "alias gpu (10de:1eb8): 2 devices wanted, 1 matches; the host has 1 of 10de:1eb8 "
        "on node 0; 8 of 8086:1889 VF, physnet left, on node 1"
    )
    assert found.message in GUIDE.read_text(encoding="utf-8")


def test_a_refusal_for_a_port_names_its_physnet() -> None:
    port = Port(vnic_type="direct", physnet="right").pci_request()
    assert port is not None
    message = pci_refusal((GPU, VFS), port).message
    assert message.startswith("port on physnet right: 1 device wanted, 0 match; the host has ")
    assert pci_refusal((), port).message.endswith("; no free device of the host is known")


def test_pools_of_one_kind_and_place_are_counted_together_and_no_more_than_a_line_takes() -> None:
    port = Port(vnic_type="direct", physnet="right").pci_request()
    assert port is not None
    pools = tuple(
        PciPool("8086", "1889", n // 2, 2, {"address": f"0000:0{n}:00.0", "dev_type": "type-VF"})
        for n in range(20)
    )
    message = pci_refusal(pools, port).message
    assert "the host has 4 of 8086:1889 VF on node 0; 4 of" in message
    assert "on node 5; 4 more kinds; 40 of them lack" in message


def test_devices_that_are_taken_are_not_named_as_free() -> None:
    info = HostInfo(cells=(), name="h", pci_pools=(GPU, VFS))
    fleet = Fleet([info])
    request = Request(None, pci=[PciRequest(1, [{"vendor_id": "10de"}], None, "gpu")])
    fleet.claim(request, 0)
    found = fleet.explain(request, 0)
    assert found is not None
    assert found.message == (
        "alias gpu (10de): 1 device wanted, 0 match; "
        "the host has 8 of 8086:1889 VF, physnet left, on node 1"
    )


def test_devices_together_are_listed_with_their_policy() -> None:
    specs = [{"vendor_id": "10de", "product_id": "1eb8"}, {"vendor_id": "8086"}]
    wanted = [
        PciRequest(1, specs[:1], "required", "gpu"),
        PciRequest(1, specs[1:], "required", "nic"),
    ]
    guest = guest_topology(Flavor("f", 2, 1024, {"hw:cpu_policy": "dedicated"}))
    info = HostInfo(cells=host("h", cells=2).cells, name="h", pci_pools=(GPU, VFS))
    found = Host(info).fit(Request(guest, pci=wanted))
    assert isinstance(found, Refusal)
    assert found.reason == "pci_together"
    assert found.message == (
        "no choice of cells serves 1 of alias gpu (10de:1eb8, NUMA policy required), "
        "1 of alias nic (8086, NUMA policy required) at once; the host has 1 of 10de:1eb8 "
        "on node 0; 8 of 8086:1889 VF, physnet left, on node 1"
    )


def test_what_stands_below_is_of_the_hosts_that_were_asked(numafit: Run, tmp_path: Path) -> None:
    cell = {"id": 0, "cpus": "0-3", "memory_mb": 4096}
    hosts = []
    for name, more in (("a-1", {}), ("a-2", {"disabled": "forced down"}), ("b-1", TOLD)):
        hosts.append(tmp_path / f"{name}.json")
        hosts[-1].write_text(json.dumps({"version": 1, "name": name, "cells": [cell], **more}))
    flavors = tmp_path / "flavors.json"
    flavors.write_text(
        json.dumps({"name": "f", "vcpus": 1, "ram": 64, "disk": 1, "extra_specs": {}})
    )
    everywhere = numafit("fit", flavors, *hosts).out
    assert "take no guests: a-2 (forced down)\n" in everywhere
    assert "(on 1 host)" in everywhere
    assert "derived from the hosts" in everywhere
    on_one = numafit("fit", flavors, *hosts, "--match", "b-*").out
    assert on_one.splitlines()[1:] == [" 1 socket of 1 core of 1 thread"]
    on_other = numafit("fit", flavors, *hosts, "--match", "a-1").out
    assert "not judged: DISK_GB: the source of the host does not say\n" in on_other
    assert "take no guests" not in on_other
