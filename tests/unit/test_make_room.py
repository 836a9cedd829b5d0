"""Room by moves: no step that breaks a guest, and what is said of the answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numafit import Claim, Flavor, Fleet, HostCell, HostInfo, InvalidValue, Request, StalePlacement
from numafit.planning.make_room import make_room

Run = Callable[..., Any]
EXAMPLES = Path(__file__).parents[2] / "examples" / "planning"


def host(name: str, cpus: int, cells: int = 1) -> HostInfo:
    return HostInfo(
        cells=[
            HostCell(n, (), range(n * cpus, n * cpus + cpus), 1 << 20, page_pools=())
            for n in range(cells)
        ],
        name=name,
    )


def pinned(cpus: int, memory_mb: int = 64) -> Request:
    return Request(
        Request.for_server(Flavor("", cpus, memory_mb, {"hw:cpu_policy": "dedicated"})).guest
    )


def test_no_step_takes_a_cpu_that_a_running_guest_has() -> None:
    dice = random.Random(3)
    fleet = Fleet([host(f"h{n}", 24, cells=2) for n in range(12)])
    claims: dict[str, Claim] = {}
    for n in range(120):
        try:
            claims[f"g{n}"] = fleet.claim(pinned(dice.choice([2, 3, 4, 8])), dice.randrange(12))
        except StalePlacement:
            continue
    asks = pinned(16)
    found = make_room(fleet, asks, None, claims, most_moves=12, seconds=1)
    at = {
        name: (one.host, {cpu for cell in one.placement.cells for cpu in cell.pinning.values()})
        for name, one in claims.items()
    }
    assert found.steps
    for step in found.steps:
        got = {cpu for cell in step.placement.cells for cpu in cell.pinning.values()}
        assert len(got) == len(at[step.guest][1])
        assert not any(got & cpus for where, cpus in at.values() if where == step.target_host)
        at[step.guest] = (step.target_host, got)
    # the fragment rate of VMR2L: free CPUs of a cell that no guest of 16 can use, over all free
    free = [
        24 - sum(len([c for c in cpus if c // 24 == cell]) for w, cpus in at.values() if w == h)
        for h in range(12)
        for cell in (0, 1)
    ]
    assert found.fragments is not None
    assert found.fragments[1] == pytest.approx(sum(one % 16 for one in free) / sum(free))
    assert found.fragments[1] < found.fragments[0]
    assert len(found.steps) <= 12
    assert (
        found.after
        == sum(one // 16 for one in free)
        == found.before + sum(step.gain or 0 for step in found.steps)
    )


def test_there_is_room_already_and_nothing_to_gain() -> None:
    fleet = Fleet([host("a", 8), host("b", 8)])
    claims = {"web": fleet.claim(pinned(4), 0)}
    there = make_room(fleet, pinned(4), 3, claims)
    assert (str(there), there.steps) == ("there is room already: 3 guests fit", ())
    none = make_room(fleet, pinned(4), None, claims, most_moves=3)
    assert (bool(none), none.steps) == (False, ())
    assert str(none).startswith("nothing to gain")


def test_what_cannot_be_is_said_to_be_proven() -> None:
    fleet = Fleet([host("a", 8), host("b", 8)])
    claims = {"one": fleet.claim(pinned(4), 0), "two": fleet.claim(pinned(4), 1)}
    never = make_room(fleet, pinned(8), 3, claims)
    assert (bool(never), never.fewest, never.bound) == (False, True, None)
    assert str(never).startswith("no moves make room for 3: ")
    assert make_room(fleet, pinned(8), 1, claims)
    stays = make_room(fleet, pinned(8), 1, claims, stay=["one", "two"])
    assert (bool(stays), stays.fewest) == (False, True)
    none = make_room(fleet, pinned(8), 1, claims, most_moves=0)
    assert not none
    assert str(none).startswith("no moves, 0 at most, make room for 1: ")
    with pytest.raises(InvalidValue, match="a number of moves"):
        make_room(fleet, pinned(8), None, claims)


def test_the_command_answers_as_text_and_json(numafit: Run) -> None:
    asked = ("plan-moves", EXAMPLES / "flavors.json", *sorted((EXAMPLES / "rack").iterdir()),
             "--claims", EXAMPLES / "rack-claims.jsonl", "--for", "p8")  # fmt: skip
    done = numafit(*asked, "--room", "1", "--format", "json")
    answer = json.loads(done.out)
    assert (done.status, answer["before"], answer["after"]) == (0, 0, 1)
    assert len(answer["steps"]) == answer["bound"] == 1
    assert numafit(*asked, "--room", "6", "--seconds", "0.1").status == 1
    assert numafit(*asked).status == 2
    assert numafit(*asked[:-1], "p9", "--room", "1").status == 2
