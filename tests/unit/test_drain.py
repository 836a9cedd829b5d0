"""Emptying a host: each step by a plain model of pins, and what cannot be by trying all."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations, product
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
    StalePlacement,
)
from numafit.model.server import Server
from numafit.planning.drain import Drain, drain
from numafit.planning.move_plan import Step

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


def model_of(claims: dict[str, Claim]) -> dict[str, tuple[int, set[int]]]:
    """Name -> host and its CPUs there."""
    return {name: (one.host, pins(one.placement)) for name, one in claims.items()}


def pins(placement: Placement) -> set[int]:
    return {cpu for cell in placement.cells for cpu in cell.pinning.values()}


def walk(
    infos: list[HostInfo], claims: dict[str, Claim], steps: tuple[Step, ...]
) -> dict[str, tuple[int, set[int]]]:
    """Where the guests are in the end; at each step a guest that moves is on both hosts."""
    at = model_of(claims)
    wanted = {name: [len(c.pinning) for c in one.placement.cells] for name, one in claims.items()}
    for step in steps:
        source, _ = at[step.guest]
        assert (step.source_host, step.target_host) == (source, infos_index(infos, step.target))
        assert step.source_host != step.target_host
        got = pins(step.placement)
        assert [len(cell.pinning) for cell in step.placement.cells] == wanted[step.guest]
        for cell in step.placement.cells:
            there = infos[step.target_host].cells[cell.host_cell]
            assert set(cell.pinning.values()) <= set(there.pcpuset)
        taken = [cpus for where, cpus in at.values() if where == step.target_host]
        assert not any(got & cpus for cpus in taken), step
        at[step.guest] = (step.target_host, got)
    return at


def infos_index(infos: list[HostInfo], name: str) -> int:
    return [one.name for one in infos].index(name)


def crowd(dice: random.Random) -> tuple[list[HostInfo], Fleet, dict[str, Claim]]:
    """2 or 3 hosts with one or two cells of 4 to 8 CPUs, up to 7 guests, most of the first."""
    shapes = [[dice.randint(4, 8) for _ in range(dice.randint(1, 2))] for _ in range(3)]
    infos = [host(f"h{n}", *cells) for n, cells in enumerate(shapes[: dice.randint(2, 3)])]
    fleet = Fleet(infos)
    claims: dict[str, Claim] = {}
    for n in range(dice.randint(3, 7)):
        try:
            request = pinned(dice.choice([1, 2, 3, 4, 5, 6, 7]))
            claims[f"g{n}"] = fleet.claim(request, dice.choice([0, *range(len(infos))]))
        except StalePlacement:
            continue
    return infos, fleet, claims


def could_be(infos: list[HostInfo], claims: dict[str, Claim]) -> bool:
    """Is there a way to put all guests, each of one cell, so that the first host has none, whatever
    the moves?"""
    sizes = [len(pins(one.placement)) for one in claims.values()]
    cells = [len(cell.pcpuset) for info in infos[1:] for cell in info.cells]
    for seats in product(range(len(cells)), repeat=len(sizes)):
        room = list(cells)
        for seat, size in zip(seats, sizes, strict=True):
            room[seat] -= size
        if min(room) >= 0:
            return True
    return False


def direct(infos: list[HostInfo], claims: dict[str, Claim]) -> bool:
    """Is there a way in which only the guests of the first host move, each once?"""
    at = model_of(claims)
    cells = []
    for n, info in enumerate(infos[1:], 1):
        used = set().union(*(cpus for where, cpus in at.values() if where == n))
        cells += [len(set(cell.pcpuset) - used) for cell in info.cells]
    sizes = [len(cpus) for where, cpus in at.values() if where == 0]
    for order in set(permutations(sizes)):
        for seats in product(range(len(cells)), repeat=len(order)):
            room = list(cells)
            for seat, size in zip(seats, order, strict=True):
                room[seat] -= size
            if min(room) >= 0:
                return True
    return False


def test_no_step_breaks_a_running_guest_and_what_is_proven_is_so() -> None:
    seen = {"emptied": 0, "proven": 0, "ejected": 0}
    for seed in range(400):
        infos, fleet, claims = crowd(random.Random(seed))
        before = fleet.usage(0)
        found = drain(fleet, 0, claims, seconds=0.05)
        assert fleet.usage(0) == before
        at = walk(infos, claims, found.steps)
        there = {name for name, (where, _cpus) in at.items() if where == 0}
        assert there == {one.guest for one in found.left}
        if found:
            seen["emptied"] += 1
            seen["ejected"] += any(step.source_host != 0 for step in found.steps)
        elif found.proven:
            seen["proven"] += 1
            assert not could_be(infos, claims), seed
        else:
            assert not direct(infos, claims), seed
    assert min(seen["emptied"], seen["proven"]) >= 10, seen
    assert seen["ejected"] >= 3, seen


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
    assert (found.bound, found.moved_mb) == (1, 128)


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
    found = drain(fleet, 0, {"web": fleet.claim(asks, 0)}, seconds=0.05)
    assert (bool(found), found.proven) == (False, False)
    assert str(found).startswith("no way to empty a was found, which is no proof: web")


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
