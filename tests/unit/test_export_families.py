"""What ``numafit export`` hands out equals numafit's own answers, worked out host by host here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition
from prometheus_client.openmetrics.parser import text_string_to_metric_families as strictly
from prometheus_client.parser import text_string_to_metric_families

from numafit import Flavor, Fleet, HostCell, HostInfo, PciPool, Placement, Request
from numafit.model.resources import Inventory, Provider
from numafit.planning.explain import explain
from numafit.rules.pci_alias import parse_aliases
from numafit.serving.counts import count
from numafit.serving.families import families, text_of
from numafit.serving.reading import Reading, Wanted

Series = dict[tuple[str, ...], float]


def host(name: str, pinned: int = 0, disabled: str = "", devices: int = 0, **more: Any) -> HostInfo:
    """Two cells of 8 dedicated CPUs and 16 GiB; so many of the first in use, from both alike."""
    cells = tuple(
        HostCell(
            n,
            frozenset(),
            frozenset(range(8 * n, 8 * n + 8)),
            16384,
            pinned_cpus=frozenset(range(8 * n, 8 * n + pinned)),
            memory_usage=1024 * pinned,
        )
        for n in range(2)
    )
    pools = (PciPool("8086", "1515", 0, devices),) if devices else ()
    return HostInfo(cells, name, pools, disabled=disabled, **more)


def flavor(name: str, vcpus: int, **specs: str) -> Flavor:
    return Flavor(name, vcpus, 1024 * vcpus, {"hw:cpu_policy": "dedicated", **specs})


ALIASES = parse_aliases(['{"name": "nic", "vendor_id": "8086", "product_id": "1515"}'])
FLAVORS = (
    flavor("p4", 4),
    replace(flavor("p8", 8), disk_gb=10),
    flavor("two", 8, **{"hw:numa_nodes": "2"}),
    flavor("huge", 32),
    flavor("nic", 2, **{"pci_passthrough:alias": "nic:1"}),
)
HOSTS = (
    host("free"),
    host("half", 5, devices=2),
    host("full", 8),
    host("resting", disabled="disabled, disk"),
    host("zoned", 2, zone="az1"),
)


def wanted() -> list[Wanted]:
    return [
        Wanted(one.name, Request.for_server(one, aliases=ALIASES), public)
        for one, public in zip(FLAVORS, (True, False, None, True, True), strict=True)
    ]


def reading(*hosts: HostInfo, **more: Any) -> Reading:
    return Reading([Fleet(hosts or HOSTS).with_inventories()], wanted(), 0.0, **more)


def series(found: Reading) -> dict[str, Series]:
    """Family -> values of labels, in the order of their names -> value; no series stands twice."""
    return read(text_of(families(count(found))).decode())


def read(text: str) -> dict[str, Series]:
    answer: dict[str, Series] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(value for _name, value in sorted(sample.labels.items()))
            known = answer.setdefault(sample.name, {})
            assert labels not in known, (sample.name, labels)
            known[labels] = sample.value
    return answer


def placed_one_by_one(fleet: Fleet, request: Request) -> list[int]:
    """Guests that each host takes until it refuses one."""
    copy, found = fleet.fork(), []
    for n in range(len(fleet)):
        placed = 0
        while isinstance(answer := copy.fit_on(request, n), Placement):
            copy.claim(answer)
            placed += 1
        found.append(placed)
    return found


def free_cpus(info: HostInfo) -> int:
    return sum(len(cell.pcpuset - cell.pinned_cpus) for cell in info.cells)


def test_room_is_what_placing_guests_one_by_one_reaches() -> None:
    found = reading()
    (fleet,) = found.fleets
    got = series(found)
    totals: Series = {}
    by_host: Series = {}
    for one in found.wanted:
        counts = placed_one_by_one(fleet, one.request)
        totals[one.name, {True: "True", False: "False", None: ""}[one.public]] = sum(counts)
        for name, number in zip(fleet.names, counts, strict=True):
            if number:
                zone = "az1" if name == "zoned" else ""
                by_host[zone, one.name, name, ""] = number
    # by hand: p4 twice in each of two free cells, and once in each with 6 free CPUs
    assert totals["p4", "True"] == 4 + 0 + 0 + 0 + 2
    assert totals["huge", "True"] == 0
    assert got["openstack_free_capacity_by_flavor_total"] == totals
    assert got["openstack_free_capacity_hypervisor_by_flavor"] == by_host


def test_refusals_and_verdicts_are_those_of_explain() -> None:
    found = reading()
    (fleet,) = found.fleets
    got = series(found)
    refused, verdicts = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for one in found.wanted:
        for n in range(len(fleet)):
            answer = fleet.explain(one.request, n)
            if answer is None:
                verdicts[one.name, "room"] += 1
                continue
            refused[one.name, answer.reason] += 1
            verdict = explain(fleet.hostinfo(n), one.request).verdict
            verdicts[one.name, verdict.replace(" ", "_")] += 1
    # by hand: 32 CPUs are on no host, not even on an empty one; who rests would take p8
    assert verdicts["huge", "never"] == 5
    assert verdicts["p8", "not_now"] == 4
    assert verdicts["nic", "open"] == 4
    shown = {labels: value for labels, value in got["numafit_flavor_hosts"].items() if value}
    assert shown == verdicts
    assert len(got["numafit_flavor_hosts"]) == 4 * len(FLAVORS)
    assert got["numafit_flavor_refused_hosts"] == refused


def test_stranded_cpus_are_those_that_no_flavor_reaches() -> None:
    found = reading()
    (fleet,) = found.fleets
    got = series(found)
    left = []
    for one in found.wanted:
        copy = fleet.fork()
        for n in range(len(fleet)):
            while isinstance(answer := copy.fit_on(one.request, n), Placement):
                copy.claim(answer)
        left.append([free_cpus(info) for info in copy.hostinfos()])
    key = ("dedicated CPUs", "CPU")
    assert got["numafit_stranded_units"][key] == sum(map(min, zip(*left, strict=True)))
    assert got["numafit_free_units"][key] == sum(map(free_cpus, HOSTS)) == 16 + 6 + 0 + 16 + 12
    causes = got["numafit_stranded_by_cause_units"]
    of_cpus = sum(value for (kind, _lacks), value in causes.items() if kind == key[0])
    assert of_cpus == got["numafit_stranded_units"][key]


def test_what_was_left_open_and_worked_out_is_told() -> None:
    got = series(reading(broken=["no.flavor"]))
    assert got["numafit_hosts"] == {(): 5}
    assert got["numafit_hosts_without_service"] == {(): 1}
    assert got["numafit_flavor_broken"] == {("no.flavor",): 1}
    assert set(got["numafit_inventory_derived"]) == {("MEMORY_MB",), ("PCPU",)}
    # a host whose service rests refuses, whatever its disk
    assert got["numafit_flavor_not_judged_hosts"] == {
        ("p8", "DISK_GB: the source of the host does not say"): 4
    }


def test_a_count_that_stopped_at_the_cap_is_told() -> None:
    got = series(replace(reading(), cap=2))
    assert got["openstack_free_capacity_by_flavor_total"]["p4", "True"] == 2 + 2
    assert got["numafit_flavor_hosts_at_cap"]["p4",] == 2


def test_units_of_placement_are_those_of_the_hosts() -> None:
    told = Provider({"VCPU": Inventory(64, reserved=4, allocation_ratio=2.0, used=7)})
    got = series(reading(host("told", provider=told), host("derived", 3)))
    limit = got["openstack_hypervisor_placement_allocatable_capacity"]
    used = got["openstack_hypervisor_placement_allocated"]
    assert limit["told", "VCPU"] == (64 - 4) * 2
    assert used["told", "VCPU"] == 7
    assert (limit["derived", "PCPU"], used["derived", "PCPU"]) == (16, 6)
    # a class that a host has no inventory of is not 0
    assert ("told", "PCPU") not in limit
    assert limit.keys() == used.keys()


def test_aggregates_that_are_for_projects_are_named() -> None:
    apart = {"free": "gold", "half": "multiple"}
    projects = {"gold": ["p1", "p2"], "silver": ["p1"]}
    got = series(reading(set_apart=apart, projects=projects))
    rows = got["openstack_free_capacity_hypervisor_by_flavor"]
    assert {name: project for _az, _flavor, name, project in rows}["free"] == "gold"
    assert got["openstack_project_filter_aggregate"] == {
        ("gold", "p1"): 1,
        ("gold", "p2"): 1,
        ("silver", "p1"): 1,
    }


def test_hosts_outside_every_zone_have_no_zone() -> None:
    """nova's own name for them is no aggregate's."""
    rows = series(reading(host("a", zone="nova")))["openstack_free_capacity_hypervisor_by_flavor"]
    assert {zone for zone, *_others in rows} == {""}


HOSTILE = ['a"b', "a\\", "a\nb", 'x"} 1\nevil{a="', "ü\u2028", "\x00\x07", "a\ud800", "{}", ""]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_one_series(name: str) -> None:
    found = reading(host(name), host("other"))
    found = replace(found, wanted=[replace(found.wanted[0], name=name)], broken=[name])
    got = series(found)
    shown = name.encode("utf-8", "replace").decode()
    assert got["openstack_free_capacity_by_flavor_total"] == {(shown, "True"): 8}
    rows = got["openstack_free_capacity_hypervisor_by_flavor"]
    assert rows == {("", shown, shown, ""): 4, ("", shown, "other", ""): 4}
    assert "evil" not in got


def test_hosts_of_one_name_share_a_series() -> None:
    got = series(reading(host("twin"), host("twin", 2)))
    assert got["openstack_free_capacity_hypervisor_by_flavor"]["", "p4", "twin", ""] == 4 + 2
    assert got["openstack_hypervisor_placement_allocatable_capacity"]["twin", "PCPU"] == 32


def test_several_fleets_are_one_answer() -> None:
    whole, parts = reading(), [Fleet(HOSTS[:2]), Fleet(HOSTS[2:])]
    split = replace(whole, fleets=[one.with_inventories() for one in parts])
    assert series(split) == series(whole)


def test_families_are_well_formed_for_openmetrics_too() -> None:
    class Registry:
        def collect(self) -> Iterator[Metric]:
            return families(count(reading(broken=["x"])))

    text = exposition.generate_latest(Registry()).decode()
    names = {family.name for family in strictly(text)}
    assert {"numafit_flavor_hosts", "openstack_free_capacity_by_flavor_total"} <= names
