"""What is stranded, worked out by hand: how much, for want of what, and what would free it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    MisuseError,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources
from numafit.planning.stranded import Stranded, stranded
from numafit.planning.stranded_course import stranded_over

GIB_PAGES = "pages of 1 GiB"


def cell(number: int, cpus: int, pages: int, cores: int = 0, pinned: int = 0) -> HostCell:
    """``cpus`` dedicated CPUs, of which ``pinned`` are taken, two to a core for the first
    ``cores`` cores; 64 GiB in small pages and ``pages`` of 1 GiB."""
    ids = [100 * number + n for n in range(cpus)]
    return HostCell(
        number,
        frozenset(),
        frozenset(ids),
        (64 + pages) * 1024,
        siblings=[frozenset(ids[2 * n : 2 * n + 2]) for n in range(cores)],
        pinned_cpus=frozenset(ids[:pinned]),
        page_pools=(PagePool(4, 16 << 20), PagePool(1 << 20, pages)),
    )


def pinned(vcpus: int, gib: int, threads: str | None = None, **others: Any) -> Request:
    """One cell of dedicated vCPUs, its memory in pages of 1 GiB."""
    one = GuestCell(frozenset(), frozenset(range(vcpus)), gib * 1024, 1 << 20, "dedicated", threads)
    return Request(GuestTopology((one,)), pci=others.pop("pci", []), **others)


def of(found: Stranded, kind: str) -> tuple[int, int]:
    at = found.kinds.index(kind)
    return int(found.free_in_all[at]), int(found.in_all[at])


def causes(found: Stranded, kind: str) -> list[tuple[str, int, str]]:
    return [(one.lacks, one.units, one.freed_by) for one in found.causes if one.kind == kind]


# 8 CPUs beside one page of 1 GiB; 3 CPUs beside ten
LOPSIDED = HostInfo([cell(0, 8, 1), cell(1, 3, 10)], name="lopsided")


def test_cpus_without_pages_and_pages_without_cpus() -> None:
    found = stranded(Fleet([LOPSIDED]), {"p2": pinned(2, 2)})
    # one guest, on cell 1: it leaves 8 CPUs and a page on cell 0, a CPU and 8 pages on cell 1
    assert of(found, "dedicated CPUs") == (11, 9)
    assert of(found, GIB_PAGES) == (11, 9)
    assert causes(found, "dedicated CPUs") == [
        (GIB_PAGES, 8, "1 more on a cell"),
        ("dedicated CPUs", 1, "1 more on a cell"),
    ]
    assert causes(found, GIB_PAGES) == [
        ("dedicated CPUs", 8, "1 more on a cell"),
        (GIB_PAGES, 1, "1 more on a cell"),
    ]
    assert found.index_of("dedicated CPUs") == pytest.approx(9 / 11)
    assert str(found) == (
        "9 of 11 free dedicated CPUs are stranded on 1 host: 8 lack pages of 1 GiB."
    )


def test_what_is_said_to_free_them_does() -> None:
    more = HostInfo([cell(0, 8, 2), cell(1, 4, 10)])
    found = stranded(Fleet([more]), {"p2": pinned(2, 2)})
    # a page more lets a guest on cell 0, a CPU more another on cell 1
    assert of(found, "dedicated CPUs") == (12, 6)


def test_the_flavor_that_leaves_least_counts_and_the_index_is_an_average() -> None:
    catalogue = {"p2": pinned(2, 2), "p1": pinned(1, 1)}
    found = stranded(Fleet([LOPSIDED]), catalogue)
    # p1: one guest on cell 0, three on cell 1: 7 CPUs are left
    at = found.kinds.index("dedicated CPUs")
    assert found.unreached[at].tolist() == [9, 7]
    assert of(found, "dedicated CPUs") == (11, 7)
    assert found.table()["best"].tolist()[at] == "p1"
    assert found.index[at] == pytest.approx((9 + 7) / 2 / 11)
    shares = stranded(Fleet([LOPSIDED]), catalogue, shares={"p2": 3, "p1": 1})
    assert shares.index[at] == pytest.approx((3 * 9 + 7) / 4 / 11)
    assert shares.in_all.tolist() == found.in_all.tolist()


def test_a_mix_takes_what_its_flavors_take_in_turns() -> None:
    catalogue = {"p2": pinned(2, 2), "p1": pinned(1, 1)}
    # p2 on cell 1, p1 on cell 0 (most CPUs free), p2 finds none, p1 takes the last CPU of cell 1
    found = stranded(Fleet([LOPSIDED]), catalogue, mixed=True)
    assert of(found, "dedicated CPUs") == (11, 7)
    assert of(found, GIB_PAGES) == (11, 7)
    assert causes(found, "dedicated CPUs") == [(GIB_PAGES, 7, "1 more on a cell")]
    assert found.table()["best"][found.kinds.index("dedicated CPUs")] == "p1"
    assert found.index_of() == pytest.approx(7 / 11)


def test_odd_threads() -> None:
    # a thread of each of two cores is taken
    half = replace(cell(0, 8, 64, cores=4), pinned_cpus=frozenset({0, 2}))
    found = stranded(Fleet([HostInfo([half])]), {"whole": pinned(2, 2, "require")})
    assert of(found, "dedicated CPUs") == (6, 2)
    assert [one[0] for one in causes(found, "dedicated CPUs")] == ["cores with siblings free"]


def test_devices_on_the_wrong_node() -> None:
    pools = [PciPool("8086", "1889", node, 3, {"dev_type": "type-VF"}) for node in (0, 1)]
    host = HostInfo([cell(0, 4, 64), cell(1, 4, 64, pinned=4)], pci_pools=pools)
    near = PciRequest(1, [{"vendor_id": "8086", "product_id": "1889"}], "required")
    found = stranded(Fleet([host]), {"nic": pinned(2, 2, pci=[near])})
    vfs = "devices 8086:1889 type-VF"
    assert of(found, vfs) == (6, 4)
    assert causes(found, vfs) == [("dedicated CPUs", 4, "2 more on a cell")]
    host = HostInfo([cell(0, 8, 64), cell(1, 4, 64, pinned=4)], pci_pools=pools[:1])
    found = stranded(Fleet([host]), {"nic": pinned(2, 2, pci=[near])})
    assert causes(found, "dedicated CPUs") == [("devices", 2, "1 more on a cell")]


def test_placement_and_what_no_flavor_asks_for() -> None:
    provider = Provider({"PCPU": Inventory(4)}, elsewhere=frozenset())
    pools = [PciPool("15b3", "101e", 0, 5, {"dev_type": "type-VF"})]
    host = HostInfo([cell(0, 8, 64)], provider=provider, pci_pools=pools)
    asked = Resources((ResourceGroup("", {"PCPU": 2}),))
    found = stranded(Fleet([host]), {"p2": pinned(2, 2, resources=asked)})
    assert causes(found, "dedicated CPUs") == [("PCPU of placement", 4, "2 more on a host")]
    vfs = "devices 15b3:101e type-VF"
    assert of(found, vfs) == (5, 5)
    assert causes(found, vfs) == [("no flavor asks for it", 5, "a flavor that asks for it")]
    assert found.table()["best"][found.kinds.index(vfs)] is None
    assert found.index_of(vfs) == 1.0


def test_shared_vcpus_are_those_of_placement() -> None:
    provider = Provider({"VCPU": Inventory(5)}, elsewhere=frozenset())
    shared = HostCell(0, frozenset(range(8)), frozenset(), 65536)
    asked = Resources((ResourceGroup("", {"VCPU": 2}),))
    found = stranded(
        Fleet([HostInfo([shared], provider=provider)]),
        {"m1": Request(None, pci=[], resources=asked)},
    )
    assert of(found, "shared vCPUs") == (5, 1)
    assert causes(found, "shared vCPUs") == [("VCPU of placement", 1, "1 more on a host")]


def test_nothing_is_stranded_where_the_smallest_flavor_takes_all() -> None:
    even = HostInfo([cell(0, 4, 4), cell(1, 4, 4)])
    small = GuestCell(frozenset(), frozenset({0}), 1024, 1 << 20, "dedicated")
    found = stranded(Fleet([even]), {"p1": Request(GuestTopology((small,)), pci=[])})
    assert of(found, "dedicated CPUs") == (8, 0)
    assert of(found, GIB_PAGES) == (8, 0)
    assert found.index_of() == 0.0
    small = GuestCell(frozenset(), frozenset({0}), 16384, None, "dedicated")
    memory = Request(GuestTopology((small,)), pci=[])
    both = stranded(Fleet([even]), {"p1": pinned(1, 1), "ram": memory})
    assert both.in_all.tolist() == [0] * len(both.kinds)
    assert str(both) == "Nothing is stranded on 1 host."


def test_fleets_with_other_kinds_of_things_are_one_answer() -> None:
    bare = HostInfo([HostCell(0, frozenset(), frozenset({0, 1, 2}), 4096)])
    fleets = [Fleet([LOPSIDED]), Fleet([bare])]
    plain = GuestCell(frozenset(), frozenset({0, 1}), 1024, None, "dedicated")
    catalogue = {"p2": pinned(2, 2), "plain": Request(GuestTopology((plain,)), pci=[])}
    found = stranded(fleets, catalogue)
    assert found.hosts == ("lopsided", "")
    at = found.kinds.index(GIB_PAGES)
    assert found.free[at].tolist() == [11, 0]
    at = found.kinds.index("dedicated CPUs")
    # without pages of 1 GiB, plain takes 4 + 1 guests of lopsided, and one of the bare host
    assert found.stranded[at].tolist() == [1, 1]


def test_over_time() -> None:
    catalogue = {"p2": pinned(2, 2)}
    even = HostInfo([cell(0, 4, 4), cell(1, 4, 4)])
    series = (("monday", Fleet([even])), ("tuesday", Fleet([LOPSIDED])))
    course = stranded_over(series, catalogue)
    table = course.of()
    assert table["moment"].tolist() == ["monday", "tuesday"]
    assert table["free"].tolist() == [8, 11]
    assert table["stranded"].tolist() == [0, 9]
    assert table["index"].tolist() == [0.0, pytest.approx(9 / 11)]
    assert course.of("devices x")["free"].tolist() == [0, 0]
    assert str(course) == (
        "From monday to tuesday the fragmentation of dedicated CPUs went from 0.00 to 0.82, the "
        "stranded ones from 0 of 8 to 9 of 11."
    )
    above, below = course.picture().axes
    assert below.get_lines()[0].get_ydata().tolist() == [0.0, pytest.approx(9 / 11)]
    assert above.get_ylabel() == "dedicated CPUs"
    assert course.frame("pandas")["stranded"].tolist() == [0, 9]
    with pytest.raises(MisuseError, match="at least one moment"):
        stranded_over([], catalogue)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library: str) -> None:
    frame = stranded(Fleet([LOPSIDED]), {"p2": pinned(2, 2)}).frame(library)
    assert list(frame.columns) == ["kind", "unit", "host", "free", "stranded", "best"]
    assert frame["kind"].to_list() == ["dedicated CPUs", "memory", GIB_PAGES]
    assert frame["best"].to_list()[::2] == ["p2", "p2"]


def test_picture_stacks_what_is_lacking() -> None:
    found = stranded(Fleet([LOPSIDED]), {"p2": pinned(2, 2)})
    (axes,) = found.picture().axes
    _handles, labels = axes.get_legend_handles_labels()
    assert labels == [
        "in reach of some flavor",
        "lacks pages of 1 GiB",
        "lacks dedicated CPUs",
        "no flavor asks for it",
    ]


def test_what_the_cap_leaves_is_said_as_that() -> None:
    found = stranded(Fleet([HostInfo([cell(0, 8, 8)])]), {"p1": pinned(1, 1)}, cap=3)
    assert str(found).endswith(
        "stranded on 1 host: all of them are beyond the cap, at which filling stopped."
    )


def test_only_the_relation_of_shares_counts_however_large_they_are() -> None:
    fleet, catalogue = Fleet([LOPSIDED]), {"p1": pinned(1, 1), "p2": pinned(2, 2)}
    small = stranded(fleet, catalogue, shares={"p1": 1, "p2": 0.5})
    with warnings.catch_warnings(action="error"):
        large = stranded(fleet, catalogue, shares={"p1": 1.6e308, "p2": 0.8e308})
    assert large.index.tolist() == pytest.approx(small.index.tolist())


@pytest.mark.parametrize("shares", [{"p2": 0}, {"p1": 1}, {}, {"p2": 1, "p1": 1}, 3])
def test_shares_are_of_the_catalogue(shares: Any) -> None:
    with pytest.raises(MisuseError, match="a share above 0 for each of p2"):
        stranded(Fleet([LOPSIDED]), {"p2": pinned(2, 2)}, shares=shares)
