"""Headroom, worked out by hand: what the scheduler reaches, the most, what ends it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    Limits,
    MisuseError,
    Networks,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)
from numafit._engine import reasons
from numafit.filled import REASON
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources
from numafit.planning.headroom import Headroom, headroom
from numafit.planning.headroom_most import closed_form
from numafit.planning.reasons import Words, lacks


def cell(number: int, cpus: int, pages: int | None = None, **others: Any) -> HostCell:
    """``cpus`` dedicated CPUs, 64 GiB, and ``pages`` of 1 GiB."""
    ids = frozenset(range(100 * number, 100 * number + cpus))
    pools = () if pages is None else (PagePool(4, 1 << 20), PagePool(1 << 20, pages))
    return HostCell(number, frozenset(), ids, 65536, page_pools=pools, **others)


def guest(*vcpus: int, pages: bool = False, **others: Any) -> Request:
    """A pinned cell of so many vCPUs and 1 GiB for each of these."""
    cells = [
        GuestCell(
            frozenset(),
            frozenset(range(10 * n, 10 * n + count)),
            1024,
            1 << 20 if pages else None,
            "dedicated",
        )
        for n, count in enumerate(vcpus)
    ]
    return Request(GuestTopology(tuple(cells)), pci=others.pop("pci", []), **others)


def ask(host: HostInfo, request: Request, **options: Any) -> Headroom:
    return headroom(Fleet([host]), {"it": request}, **options)


def figures(found: Headroom) -> tuple[int, int, bool]:
    return int(found.reached[0, 0]), int(found.most[0, 0]), bool(found.exact[0, 0])


def test_the_formula_on_cells_by_hand() -> None:
    # three places in one cell and one in each of three: three guests of two cells, if each of them
    # takes one of the three; two of three cells, for six places are enough for no more
    room = np.array([[1, 1, 1, 3], [5, 0, 0, 0], [4, 4, 4, 4], [2, 2, 0, 0]])
    assert closed_form(room, 2).tolist() == [3, 0, 8, 2]
    assert closed_form(room, 3).tolist() == [1, 0, 5, 0]
    assert closed_form(room, 4).tolist() == [1, 0, 4, 0]
    assert closed_form(room, 5).tolist() == [0, 0, 0, 0]


def test_packed_guests_of_two_cells_use_up_the_small_cells_together() -> None:
    host = HostInfo([cell(0, 2), cell(1, 2), cell(2, 2), cell(3, 6)])
    # packed: cells 0 and 1, then 2 and 3; spread: each time 3 and another
    assert figures(ask(host, guest(2, 2), strategy="pack")) == (2, 3, True)
    assert figures(ask(host, guest(2, 2), strategy="spread")) == (3, 3, True)


def test_guests_of_unlike_cells_lean_on_one_host_cell() -> None:
    host = HostInfo([cell(0, 6), cell(1, 6)])
    # nova tries the cells in their order: 1 + 2 CPUs three times, and 3 CPUs are left on cell 0.
    # Twice one way round and twice the other takes all 12
    assert figures(ask(host, guest(1, 2))) == (3, 4, True)


def test_as_many_guest_cells_as_host_cells_leave_no_choice() -> None:
    host = HostInfo([cell(0, 9), cell(1, 5)])
    assert figures(ask(host, guest(2, 2))) == (2, 2, True)


def test_a_network_that_few_cells_are_near_bounds_any_order() -> None:
    near = {"physnets": frozenset({"foo"})}
    host = HostInfo([cell(0, 2, **near), cell(1, 4), cell(2, 4)])
    foo = Networks(frozenset({"foo"}))
    assert figures(ask(host, guest(1, 1, networks=foo))) == (2, 2, True)
    both = HostInfo([cell(0, 2, **near), cell(1, 4, **near), cell(2, 4)])
    all_near = ask(both, guest(1, 1, networks=foo), physnet_affinity="all")
    assert figures(all_near) == (2, 2, True)


def test_placement_bounds_both() -> None:
    provider = Provider({"PCPU": Inventory(4)}, elsewhere=frozenset())
    host = HostInfo([cell(0, 8), cell(1, 8)], provider=provider)
    asked = guest(2, resources=Resources((ResourceGroup("", {"PCPU": 2}),)))
    found = ask(host, asked)
    assert figures(found) == (2, 2, True)
    assert found.ended_by("it") == {"PCPU of placement": 1}


VF = {"vendor_id": "8086", "product_id": "1889"}


def with_vfs(*nodes: int | None, count: int = 2) -> HostInfo:
    pools = [PciPool("8086", "1889", node, count, {"dev_type": "type-VF"}) for node in nodes]
    return HostInfo([cell(0, 8), cell(1, 8)], pci_pools=pools)


@pytest.mark.parametrize(
    ("host", "policy", "count", "expected"),
    [
        (with_vfs(0), "required", 1, (2, 2, True)),
        (with_vfs(0), "required", 2, (1, 1, True)),
        (with_vfs(0, 1), "legacy", 1, (4, 4, True)),
        (with_vfs(None, count=3), "legacy", 1, (3, 3, True)),
        (with_vfs(None), "required", 1, (0, 0, True)),
        (with_vfs(7, count=5), "preferred", 1, (5, 5, True)),
        (with_vfs(0, count=20), "required", 1, (4, 4, True)),
    ],
)
def test_devices_near_enough(
    host: HostInfo, policy: str, count: int, expected: tuple[int, int, bool]
) -> None:
    asked = guest(2, pci=[PciRequest(count, [VF], policy)])
    assert figures(ask(host, asked)) == expected


def test_what_is_no_more_than_a_bound_is_named_so() -> None:
    # two kinds of cells, one of which wants whole cores: amounts do not say what fits
    whole = GuestCell(frozenset(), frozenset({4, 5}), 1024, None, "dedicated", "require")
    plain = GuestCell(frozenset(), frozenset({0}), 1024, None, "dedicated")
    cells = [
        HostCell(
            n,
            frozenset(),
            frozenset(range(10 * n, 10 * n + 6)),
            65536,
            siblings=[frozenset({10 * n + 2 * k, 10 * n + 2 * k + 1}) for k in range(3)],
        )
        for n in (0, 1)
    ]
    found = ask(HostInfo(cells), Request(GuestTopology((plain, whole)), pci=[]))
    reached, most, exact = figures(found)
    assert (reached, most, exact) == (3, 3, True) or (reached < most and not exact)
    assert str(found).count("at most") == (0 if exact else 1)


def test_the_quantity_that_ends_it() -> None:
    host = HostInfo([cell(0, 8, 3), cell(1, 8, 3)])
    found = headroom(
        Fleet([host]),
        {
            "pages": guest(1, pages=True),
            "cpus": guest(3),
            "two": guest(4, 4),
            "wide": guest(1, 1, 1),
            "tiny": guest(1),
        },
        cap=8,
    )
    assert found.in_all.tolist() == [6, 4, 2, 0, 8]
    assert [list(found.ended_by(name)) for name in found.flavors] == [
        ["pages of 1 GiB"],
        ["dedicated CPUs"],
        ["dedicated CPUs"],
        ["NUMA cells"],
        ["the cap"],
    ]


def test_shared_guests_end_at_the_ratio() -> None:
    shared = HostCell(0, frozenset(range(4)), frozenset(), 65536)
    host = HostInfo([shared], cpu_allocation_ratio=2.0, ram_allocation_ratio=1.0)
    floating = GuestCell(frozenset({0, 1}), frozenset(), 1024)
    found = ask(host, Request(GuestTopology((floating,)), pci=[]))
    assert figures(found) == (4, 4, True)
    assert found.ended_by("it") == {"cpu_allocation_ratio": 1}
    limits = Limits(100.0, 0.03125)
    assert ask(host, Request(GuestTopology((floating,)), pci=[]), limits=limits).ended_by("it") == {
        "ram_allocation_ratio": 1
    }


def fleet_of_three() -> Fleet:
    old, new = [cell(0, 4)], [cell(0, 8), cell(1, 8)]
    groups = [frozenset({"a"}), frozenset({"a", "b"}), None]
    hosts = [
        HostInfo(
            cells,
            name=name,
            zone=zone,
            provider=None if group is None else Provider({}, aggregates=group),
        )
        for cells, name, zone, group in zip(
            (old, new, new), ("x", "y", "z"), ("z1", "z1", None), groups, strict=True
        )
    ]
    return Fleet(hosts)


def test_by_zone_aggregate_and_kind() -> None:
    found = headroom(fleet_of_three(), {"two": guest(2), "four": guest(4)})
    assert found.reached.tolist() == [[2, 1], [8, 4], [8, 4]]
    sums = {
        what: {
            group.name: (group.hosts.tolist(), group.reached.tolist()) for group in found.by(what)
        }
        for what in ("zone", "aggregate", "kind")
    }
    assert sums["zone"] == {"z1": ([0, 1], [10, 5]), "": ([2], [8, 4])}
    assert sums["aggregate"] == {
        "a": ([0, 1], [10, 5]),
        "b": ([1], [8, 4]),
        "": ([2], [8, 4]),
    }
    assert sums["kind"] == {
        "1 cell, 4 CPUs, 64 GiB": ([0], [2, 1]),
        "2 cells, 16 CPUs, 128 GiB": ([1, 2], [16, 8]),
    }
    with pytest.raises(MisuseError, match="expected one of aggregate, zone, kind"):
        found.by("rack")


def test_every_reason_of_refusal_has_a_class() -> None:
    found = np.zeros(len(reasons()), REASON)
    found["status"] = np.arange(len(found))
    words = Words()
    lacks(found, words, ["VCPU"], lambda number: "the host")
    assert "memory" in words.all
    assert "VCPU of placement" in words.all


def test_several_fleets_are_one_answer() -> None:
    whole = headroom(fleet_of_three(), {"two": guest(2)})
    infos = list(fleet_of_three().hostinfos())
    parts = headroom([Fleet(infos[:1]), Fleet(infos[1:])], {"two": guest(2)})
    assert parts.hosts == whole.hosts == ("x", "y", "z")
    assert parts.table()["ended_by"].tolist() == whole.table()["ended_by"].tolist()
    assert parts.reached.tolist() == whole.reached.tolist()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library: str) -> None:
    found = headroom(fleet_of_three(), {"two": guest(2), "four": guest(4)})
    frame = found.frame(library)
    assert list(frame.columns) == ["host", "flavor", "reached", "most", "exact", "ended_by"]
    assert frame["reached"].to_list() == [2, 1, 8, 4, 8, 4]
    assert frame["host"].to_list() == ["x", "x", "y", "y", "z", "z"]
    assert set(frame["ended_by"].to_list()) == {"dedicated CPUs"}
    assert "ended_by" not in found.frame(library, ends=False).columns


def test_picture_has_a_bar_for_each_flavor() -> None:
    host = HostInfo([cell(0, 6), cell(1, 6)])
    found = headroom(Fleet([host]), {"uneven": guest(1, 2), "even": guest(3, 3)})
    (axes,) = found.picture().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["uneven", "even"]
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == [3, 2, 1, 0]  # reached, then what is above it


def test_sentences() -> None:
    host = HostInfo([cell(0, 6), cell(1, 6)])
    assert str(headroom(Fleet([host]), {"uneven": guest(1, 2), "huge": guest(7)})) == (
        "2 flavors on 1 host: 1 of them has no room (huge); another order reaches more of 1 "
        "flavor, uneven above all (4 in place of 3)."
    )
    assert str(headroom(Fleet([host, host]), {"one": guest(1)})) == (
        "1 flavor on 2 hosts: each of them has room; no other order reaches more."
    )


def test_a_host_without_cells_has_no_room() -> None:
    found = ask(HostInfo([]), guest(1, 1))
    assert figures(found) == (0, 0, True)
    assert list(found.ended_by("it")) == ["NUMA cells"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("x", {}), "fleets"),
        ((Fleet([]), {}), "at least one"),
        ((Fleet([]), {"a": 3}), r"catalogue\['a'\]"),
        ((Fleet([]), ["a"]), "a mapping of names to Requests"),
    ],
)
def test_mistakes(arguments: tuple[Any, Any], words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        headroom(*arguments)


def test_a_flavor_that_is_not_there_is_named() -> None:
    with pytest.raises(MisuseError, match="flavor='x': expected one of it"):
        ask(HostInfo([cell(0, 1)]), guest(1)).ended_by("x")
