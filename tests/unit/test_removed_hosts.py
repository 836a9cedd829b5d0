"""Hosts that were removed from a fleet are counted in no answer about it."""

from __future__ import annotations

import pytest

from numafit import (
    Flavor,
    Fleet,
    HostCell,
    HostInfo,
    MisuseError,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)
from numafit.model.resources import Inventory, Provider
from numafit.planning.cells import cells
from numafit.planning.drain import drain
from numafit.planning.explain import explain
from numafit.planning.explain_fleet import explain_fleet
from numafit.planning.headroom import headroom
from numafit.planning.headroom_words import ends
from numafit.planning.stranded import stranded
from numafit.reporting.findings import findings
from numafit.reporting.page import page
from numafit.serving.counts import count
from numafit.serving.families import families
from numafit.serving.reading import Reading, Wanted
from tests.reports import parse


def host(name: str) -> HostInfo:
    provider = Provider({"PCPU": Inventory(16), "MEMORY_MB": Inventory(8192)})
    return HostInfo([HostCell(0, (), range(8), 8192)], name, zone="az1", provider=provider)


def pinned(vcpus: int) -> Request:
    return Request.for_server(Flavor("p", vcpus, 1024, {"hw:cpu_policy": "dedicated"}))


def two_of_four() -> Fleet:
    fleet = Fleet(map(host, "abcd"))
    fleet.remove(["b", "c"])
    return fleet


def test_headroom_counts_the_hosts_that_are_there() -> None:
    found = headroom(two_of_four(), {"p3": pinned(3)})
    assert str(found).startswith("1 flavor on 2 hosts: each of them has room")
    assert found.there.tolist() == [True, False, False, True]
    assert found.ended_by("p3") == {"dedicated CPUs": 2}
    assert ends(found, "p3") == "dedicated CPUs (2)"
    assert [(one.name, one.hosts.tolist()) for one in found.by("zone")] == [("az1", [0, 3])]
    assert [one.hosts.tolist() for one in found.by("kind")] == [[0, 3]]
    assert [(one.name, one.hosts.tolist()) for one in found.by("aggregate")] == [("", [0, 3])]


def test_ends_of_thousands_of_hosts_have_separators() -> None:
    found = headroom(Fleet.of(host("a"), 1200), {"p3": pinned(3)})
    assert ends(found, "p3") == "dedicated CPUs (1,200)"


def test_stranded_counts_the_hosts_that_are_there() -> None:
    found = stranded(two_of_four(), {"p3": pinned(3)})
    assert found.there.tolist() == [True, False, False, True]
    assert "stranded on 2 hosts" in str(found)
    assert [(one.units, one.hosts) for one in found.causes if one.kind == "dedicated CPUs"] == [
        (4, 2)
    ]
    fleet = Fleet([HostInfo([HostCell(0, (), range(8), 8192)], name) for name in "ab"])
    fleet.remove("a")
    all_of_it = Request.for_server(Flavor("p", 8, 8192, {"hw:cpu_policy": "dedicated"}))
    assert str(stranded(fleet, {"p8": all_of_it})) == "Nothing is stranded on 1 host."


def test_cells_are_those_of_the_hosts_that_are_there() -> None:
    found = cells(two_of_four())
    assert "are used on 2 hosts" in str(found)
    axes = found.picture().axes[0]
    assert axes.images[0].get_array().shape == (1, 2)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "d"]


def test_metrics_count_the_hosts_that_are_there() -> None:
    big = pinned(9)
    counts = count(Reading([two_of_four()], [Wanted("p9", big)], 0.0))
    assert dict(counts.flavors[0].verdicts) == {"never": 2}
    assert sum(counts.flavors[0].refused.values()) == 2
    of = {one.name: one for one in families(counts)}
    assert [sample.value for sample in of["numafit_hosts"].samples] == [2]
    assert of["openstack_free_capacity_hypervisor_by_flavor"].samples == []
    limits = of["openstack_hypervisor_placement_allocatable_capacity"].samples
    assert {sample.labels["hypervisor"] for sample in limits} == {"a", "d"}


def test_a_report_has_the_hosts_that_are_there() -> None:
    fleet = two_of_four()
    claim = fleet.claim(pinned(6), 3)
    found = findings([fleet], {"p3": pinned(3)}, guests=[claim])
    assert found.hosts == 2
    ((flavor, why),) = found.refusals
    assert (flavor, why.hosts, why.fitting) == ("p3", 2, 1)
    # the claim is that of the host's index in the fleet as it was given
    assert [one.kind for one in why.nearest[0].suggestions].count("guest") == 1
    assert [row[0] for row in parse(page(found)).tables["host-table"][1:]] == ["a", "d"]


def test_rows_that_a_removed_host_leaves_behind_are_nobody_s() -> None:
    """Its pages and devices are no kinds of things that the fleet has, nor those that a flavor can
    take: what it leaves of alike devices is then not asked for by any flavor."""

    def with_devices(name: str, pages: int, tag: str) -> HostInfo:
        pools = (PagePool(4, 1 << 20), PagePool(1 << 20, pages)) if pages else ()
        cell = HostCell(0, (), range(8), 8192, page_pools=pools)
        vfs = PciPool("8086", "1889", 0, 2, {"dev_type": "type-VF", "trusted": tag})
        return HostInfo([cell], name, pci_pools=(vfs,))

    asks = Request.for_server(Flavor("p", 2, 64, {"hw:cpu_policy": "dedicated"}))
    spec = [{"vendor_id": "8086", "product_id": "1889", "trusted": "true"}]
    asks = Request(asks.guest, pci=[PciRequest(1, spec)])
    fleet = Fleet([with_devices("a", 0, "false"), with_devices("b", 4, "true")])
    fleet.remove("b")
    alone = stranded(Fleet([with_devices("a", 0, "false")]), {"p": asks})
    found = stranded(fleet, {"p": asks})
    assert found.kinds == alone.kinds
    assert "pages of 1 GiB" not in found.kinds
    assert found.causes == alone.causes
    devices = [one for one in found.causes if one.kind.startswith("devices")]
    assert [one.lacks for one in devices] == ["no flavor asks for it"]
    none = Request(None, pci=[PciRequest(0, spec)])
    fleet = Fleet([with_devices("a", 0, "true"), with_devices("b", 0, "true")])
    fleet.remove("b")
    assert headroom(fleet, {"p": none}, cap=5).most.tolist() == [[5], [0]]


def test_a_host_that_was_removed_is_no_host_to_ask_about() -> None:
    fleet = two_of_four()
    for ask in (lambda: drain(fleet, 1, []), lambda: explain(fleet, pinned(3), 1)):
        with pytest.raises(MisuseError, match="host=1: it was removed from the fleet"):
            ask()
    assert explain_fleet(fleet, pinned(9)).hosts == 2
