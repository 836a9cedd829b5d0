"""Guests that would have to leave: by the names of servers, or by claims."""

from __future__ import annotations

from dataclasses import replace

from numafit import (
    Flavor,
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    Image,
    PciPool,
    PciRequest,
    Placement,
    PlacementCell,
    Request,
)
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources
from numafit.model.server import HeldDevice, Server
from numafit.planning.explain import explain


def host(pinned: range, pools: tuple[PciPool, ...] | None = None) -> HostInfo:
    """Eight CPUs on one cell, each a core; as many units of PCPU are in use as CPUs are pinned."""
    cell = HostCell(0, (), range(8), 64, memory_usage=8, pinned_cpus=pinned)
    units = {"PCPU": Inventory(8, used=len(pinned)), "MEMORY_MB": Inventory(64, used=8)}
    return HostInfo([cell], "xeon", pools, provider=Provider(units))


def server(name: str, first: int, vcpus: int, on: str = "xeon", **fields: object) -> Server:
    flavor = Flavor("pinned", vcpus, 1, {"hw:cpu_policy": "dedicated"})
    cell = PlacementCell(
        0,
        pcpuset=range(vcpus),
        pinning={n: first + n for n in range(vcpus)},
        memory_mb=1,
        cpu_policy="dedicated",
    )
    return Server(f"id-{name}", name, on, flavor, Image(), Placement([cell]), **fields)


def wanting(vcpus: int, **asked: object) -> Request:
    if asked:
        cell = GuestCell((), range(vcpus), 1, cpu_policy="dedicated")
        return Request(GuestTopology((cell,)), **asked)
    return Request.for_server(Flavor("p", vcpus, 1, {"hw:cpu_policy": "dedicated"}))


SERVERS = [server("large", 0, 3), server("small", 3, 1), server("medium", 4, 2)]


def leaving(found: object) -> list[list[str]]:
    return [[part.subject for part in one.parts] for one in found.of("guest")]


def test_one_guest_is_named_the_smallest_that_will_do_first() -> None:
    # six of eight CPUs are pinned: two are free, and one or two more are wanted
    one_more = explain(host(range(6)), wanting(3), guests=SERVERS)
    assert leaving(one_more) == [["small"], ["medium"], ["large"]]
    assert str(one_more.of("guest")[0]) == "small leaves (1 vCPU, 1 MiB)"
    two_more = explain(host(range(6)), wanting(4), guests=SERVERS)
    assert leaving(two_more) == [["medium"], ["large"]]


def test_several_leave_where_one_is_not_enough() -> None:
    found = explain(host(range(6)), wanting(7), guests=SERVERS)
    # five CPUs more: the large one with the medium one, and no other pair has as many
    assert leaving(found) == [["large", "medium"]]
    assert found.of("guest")[0].size == (2, 5)
    assert found.of("guest")[0].placement.cells[0].host_cell == 0


def test_guests_of_other_hosts_stay() -> None:
    elsewhere = [server("other", 0, 6, on="epyc")]
    assert leaving(explain(host(range(6)), wanting(3), guests=elsewhere)) == []


def test_a_guest_that_the_host_does_not_know_is_passed_over() -> None:
    # its CPUs are not pinned on the host: giving them back would be making them up
    stranger = server("stranger", 6, 2)
    found = explain(host(range(6)), wanting(3), guests=[stranger, SERVERS[1]])
    assert leaving(found) == [["small"]]


def test_devices_of_a_server_come_back_where_one_pool_is_theirs() -> None:
    pool = PciPool("8086", "154c", 0, 0, {"dev_type": "type-VF"})
    held = HeldDevice("0000:02:01.0", "8086:154c", 0)
    asked = wanting(1, pci=[PciRequest(1, [{"product_id": "154c"}], "required")])
    owner = server("owner", 0, 1, devices=(held,))
    found = explain(host(range(6), (pool,)), asked, guests=[owner, SERVERS[2]])
    assert leaving(found) == [["owner"]]
    # of two pools it is not known which of them the device was of
    twins = (pool, PciPool("8086", "154c", 0, 0, {"dev_type": "type-VF", "label": "b"}))
    assert leaving(explain(host(range(6), twins), asked, guests=[owner])) == []


def test_claims_of_a_fleet_leave_by_their_names_or_numbers() -> None:
    fleet = Fleet([host(range(0)), host(range(0))])
    claims = [fleet.claim(wanting(n), 1) for n in (2, 5)]
    assert leaving(explain(fleet, wanting(2), 1, guests=claims)) == [["claim 0"], ["claim 1"]]
    named = dict(zip(("web", "db"), claims, strict=True))
    assert leaving(explain(fleet, wanting(4), 1, guests=named)) == [["db"]]
    # nothing is given back: it was asked what would be
    assert len(fleet.hostinfo(1).cells[0].pinned_cpus) == 7


def test_a_claim_gives_placement_s_units_back_also_once_its_host_has_changed() -> None:
    provider = Provider({"PCPU": Inventory(8)}, elsewhere=frozenset())
    fleet = Fleet([replace(host(range(0)), provider=provider)])

    def asks(vcpus: int) -> Request:
        units = Resources((ResourceGroup("", {"PCPU": vcpus}),))
        return Request(wanting(vcpus).guest, resources=units)

    claim = fleet.claim(asks(5), 0)
    for change in (lambda: None, lambda: fleet.replace(0, fleet.hostinfo(0))):
        change()
        assert leaving(explain(fleet, asks(4), guests=[claim])) == [["claim 0"]]


def test_many_guests_end_the_search_before_its_end() -> None:
    crowd = [server(f"s{n}", n, 1) for n in range(8)]
    found = explain(host(range(8)), wanting(6), guests=crowd, budget=20)
    assert [len(one.parts) for one in found.of("guest")] == [6]
    assert not found.of("guest")[0].smallest
    assert "guest" not in found.ended
