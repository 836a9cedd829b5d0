"""Emptying a host: who goes where, who stays and why, and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from numafit import (
    Claim,
    Flavor,
    Fleet,
    HostCell,
    HostInfo,
    Image,
    InvalidValue,
    PagePool,
    PciRequest,
    Placement,
    Request,
)
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources
from numafit.model.server import Server
from numafit.planning.drain import Drain, drain

Run = Callable[..., Any]


def host(name: str, *cpus: int, pages: tuple[PagePool, ...] = ()) -> HostInfo:
    first = [sum(cpus[:n]) for n in range(len(cpus))]
    return HostInfo(
        cells=[
            HostCell(n, (), range(start, start + many), 8192, page_pools=pages)
            for n, (start, many) in enumerate(zip(first, cpus, strict=True))
        ],
        name=name,
    )


def pinned(cpus: int, memory_mb: int = 64, cells: int = 1, **specs: str) -> Request:
    extra = {"hw:cpu_policy": "dedicated", "hw:numa_nodes": str(cells)}
    extra |= {key.replace("_", ":", 1): value for key, value in specs.items()}
    return Request(Request.for_server(Flavor("", cpus, memory_mb, extra)).guest)


def test_another_host_s_guest_makes_room_first() -> None:
    # b has 4 + 4 free, c 8 where a guest of 4 stands beside one of 4: 8 fit on c once one of
    # them went to b
    fleet = Fleet([host("a", 8), host("b", 4), host("c", 12)])
    claims = {
        "big": fleet.claim(pinned(8), 0),
        "small": fleet.claim(pinned(4), 2),
        "stays": fleet.claim(pinned(4), 2),
    }
    found = drain(fleet, 0, claims, stay=["stays"])
    assert [(one.guest, one.source, one.target) for one in found.steps] == [
        ("small", "c", "b"),
        ("big", "a", "c"),
    ]
    assert str(found) == "a can be emptied: 2 moves, 0.125 GiB"
    assert (found.bound, found.moved_mb) == (2, 128)


def test_who_cannot_move_is_named_with_the_reason() -> None:
    fleet = Fleet([host("a", 8), host("b", 8)])
    claims = {"one": fleet.claim(pinned(2), 0), "two": fleet.claim(pinned(2), 0)}
    found = drain(fleet, 0, claims, stay=["two"])
    assert [(one.guest, one.why, one.proven) for one in found.left] == [
        ("two", "named as one that stays", True)
    ]
    assert [one.guest for one in found.steps] == ["one"]
    assert str(found) == "a cannot be emptied: two would stay"
    with pytest.raises(InvalidValue, match="the name of one of the guests"):
        drain(fleet, 0, claims, stay=["three"])


def server(name: str, claim: Claim, **changes: Any) -> Server:
    specs = {"hw:cpu_policy": "dedicated", "hw:numa_nodes": "1"}
    held = Placement(claim.placement.cells, host_name="a")
    base = Server(name, name, "a", Flavor("f", 2, 64, specs), Image("", {}), held, pci=())
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pci": (PciRequest(1, [{"vendor_id": "8086"}]),)}, "PCI devices"),
        ({"moving": True}, "between two hosts"),
        ({"placement": None}, "does not tell"),
        ({"flavor": Flavor("f", 2, 64, {"hw:cpu_policy": "dedicated", "hw:pmem": "6GB"})}, "PMEM"),
        ({"image": Image("", {"hw_mem_encryption": "true"})}, "encrypted"),
    ],
)
def test_a_server_that_nova_does_not_migrate_stays(changes: dict[str, Any], why: str) -> None:
    fleet = Fleet([host("a", 8), host("b", 8)])
    claim = fleet.claim(pinned(2), 0)
    assert drain(fleet, 0, [server("web", claim)])
    found = drain(fleet, 0, [server("web", claim, **changes)])
    (left,) = found.left
    assert (left.guest, left.proven, why in left.why) == ("web", True, True), left


def test_pages_keep_their_size() -> None:
    """On b the guest would get pages of 1 GiB, of which it has none on a."""
    four, two, large = PagePool(4, 1048576), PagePool(2048, 1024), PagePool(1048576, 2)
    fleet = Fleet([host("a", 8, pages=(four, two)), host("b", 8, pages=(four, two, large))])
    asks = pinned(2, 1024, hw_mem_page_size="large")
    found = drain(fleet, 0, {"web": fleet.claim(asks, 0)})
    assert (bool(found), found.proven) == (False, True)
    (left,) = found.left
    assert left.why == "no order of moves brings it away with all others"


def with_traits(name: str, *traits: str) -> HostInfo:
    provider = Provider({"PCPU": Inventory(8)}, frozenset(traits), elsewhere=frozenset())
    return replace(host(name, 8), provider=provider)


def test_a_guest_is_asked_for_as_before_where_its_host_has_changed_meanwhile() -> None:
    """Its claim is then known by what it holds, and yet it goes to no host with a trait that is
    forbidden to it."""
    fleet = Fleet([with_traits("a"), with_traits("b", "CUSTOM_B")])
    forbids = ResourceGroup("", {"PCPU": 2}, forbidden=frozenset(("CUSTOM_B",)))
    request = Request(pinned(2).guest, resources=Resources((forbids,)))
    claim = fleet.claim(request, 0)
    for change in (lambda: None, lambda: fleet.replace(0, fleet.hostinfo(0)), fleet.compact):
        change()
        assert claim.state == "held"
        assert claim.placement.asked == request
        assert not drain(fleet, 0, [claim])
        assert fleet.fork().hostinfo(0) == fleet.hostinfo(0)


def test_a_host_that_takes_no_guests_takes_none_that_say_nothing_of_placement() -> None:
    resting = replace(host("b", 8), disabled="maintenance")
    fleet = Fleet([host("a", 8), resting])
    bare = fleet.claim(Request(pinned(2).guest), 0)
    assert bare.placement.asked is not None
    assert bare.placement.asked.resources is None
    found = drain(fleet, 0, [bare])
    assert not found
    assert [one.proven for one in found.left] == [True]
    busy = fleet.hostinfo(0)
    assert drain(Fleet([busy, host("b", 8)]), 0, [bare.holding()])
    assert not drain(Fleet([busy, resting]), 0, [bare.holding()])


def test_an_empty_host_needs_no_move() -> None:
    found = drain(Fleet([host("a", 8), host("b", 8)]), 0, {})
    assert bool(found)
    assert (str(found), found.steps) == ("a is empty already", ())


def test_the_command_reads_a_saved_fleet_and_its_claims(numafit: Run, tmp_path: Path) -> None:
    fleet = Fleet([host("a", 8), host("b", 8)])
    claims = [fleet.claim(pinned(2), 0), fleet.claim(pinned(4), 0)]
    fleet.save(tmp_path / "f.npz")
    lines = tmp_path / "claims.jsonl"
    lines.write_text("".join(f"{one.to_json()}\n" for one in claims))
    asked = ("drain", "a", "--fleet", tmp_path / "f.npz", "--claims", lines)
    done = numafit(*asked, "--format", "json")
    answer = json.loads(done.out)
    assert done.status == 0, done
    assert [(one["guest"], one["to"]) for one in answer["steps"]] == [
        ("line 2", "b"),
        ("line 1", "b"),
    ]
    assert [len(one["cells"][0]["cpus"]) for one in answer["steps"]] == [4, 2]
    open_ = "not judged: traits, aggregates, zone and networks: a claim does not tell"
    assert open_ in done.err
    assert open_ in numafit(*asked).out
    assert open_ not in numafit(*asked, "--stay", "line 1", "--stay", "line 2").out
    assert numafit(*asked, "--stay", "line 1").status == 1
    assert numafit(*asked, "--stay", "line 9").status == 2
    assert numafit("drain", "c", *asked[2:]).status == 2
    assert numafit("drain", "a", *asked[2:4]).status == 2
    lines.write_text("{}\n")
    assert "line 1" in numafit(*asked).err


def test_the_answer_is_a_frame() -> None:
    fleet = Fleet([host("a", 8), host("b", 8)])
    found: Drain = drain(fleet, 0, {"web": fleet.claim(pinned(2), 0)})
    frame = found.frame("polars")
    assert frame.rows() == [(1, "web", "a", "b", 64, None)]
