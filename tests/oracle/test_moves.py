"""Plans of moves beside the oracle: no step breaks a running guest, and no fewer moves do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from numafit import (
    FitOptions,
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    PagePool,
    Request,
)
from numafit.claims import Claim
from numafit.planning.drain import drain
from numafit.planning.make_room import make_room

from .claims import claim_one
from .moves import Guest, Running, fewest_to_empty, most_room
from .placement import with_inventories, with_resources
from .state import HostState
from .worlds import Ask, world

CASES = 200
WORLDS = 500
TRIED = 3
"""Moves up to which all are tried by force."""


def running(
    hosts: list[HostInfo], asked: list[tuple[Request, int]], options: FitOptions
) -> tuple[Fleet, dict[str, Claim], Running]:
    """Those that fit run, each on its host, by the engine's and the oracle's account."""
    fleet = Fleet(hosts)
    first = fleet.columns(copy=False)["host_first_pool"].tolist()
    states = [HostState(host, pool) for host, pool in zip(hosts, first, strict=True)]
    claims: dict[str, Claim] = {}
    guests: dict[str, Guest] = {}
    for n, (request, host) in enumerate(asked):
        taken = claim_one(fleet, host, states[host], request, Ask("claims", [request], options))
        if taken is not None:
            claims[f"g{n}"], _request, found = taken
            guests[f"g{n}"] = Guest(request, host, found)
    free = [name for name, claim in claims.items() if not claim.pci]
    return fleet, claims, Running(states, guests, options, free)


def small(dice: Random) -> tuple[list[HostInfo], list[tuple[Request, int]], FitOptions, Request]:
    """2 or 3 hosts, most of two cells; 4 to 7 guests, pinned or shared, of one cell or two, some in
    huge pages; the options, and what room is wanted for."""
    hosts = []
    for n in range(dice.choice([2, 2, 3])):
        cpus = [dice.randint(3, 7) for _ in range(dice.choice([1, 2, 2, 2]))]
        threads = dice.choice([1, 1, 2])
        cells = []
        for cell, many in enumerate(cpus):
            ids = list(range(10 * cell, 10 * cell + many))
            siblings = [frozenset(ids[at : at + 2]) for at in range(0, many, 2)]
            pages = (PagePool(4, 4096), PagePool(2048, dice.choice([4, 8])))
            cells.append(
                HostCell(
                    cell, ids, ids, 32, siblings=siblings if threads == 2 else (), page_pools=pages
                )
            )
        hosts.append(HostInfo(cells, f"h{n}"))
    asked = [(guest(dice), dice.randrange(len(hosts))) for _ in range(dice.randint(4, 7))]
    options = FitOptions(strategy=dice.choice(["spread", "spread", "pack"]))
    return hosts, asked, options, guest(dice, most=5, wide=0.4, shared=0)


def guest(dice: Random, most: int = 4, wide: float = 0.2, shared: float = 0.2) -> Request:
    two = dice.random() < wide
    cpus = dice.randint(1, most) if not two else dice.randint(1, 3)
    policy = "dedicated" if dice.random() >= shared else None
    size = dice.choice([None, None, 2048])
    threads = dice.choice([None, None, None, "prefer", "require", "isolate"]) if policy else None
    cells = []
    for n in range(1 + two):
        ids = range(n * cpus, n * cpus + cpus)
        own = ((), ids) if policy else (ids, ())
        cells.append(
            GuestCell(
                *map(frozenset, own),
                memory_mb=dice.choice([2, 4]) if not cells else cells[0].memory_mb,
                pagesize=size,
                cpu_policy=policy,
                cpu_thread_policy=threads,
            )
        )
    return Request(GuestTopology(tuple(cells)))


def test_200_small_cases_are_solved_with_as_few_moves_as_trying_all_orders() -> None:
    seen: Counter[str] = Counter()
    number = 0
    while seen["solved"] < CASES:
        dice = Random(f"moves {number}")
        number += 1
        hosts, asked, options, wanted = small(dice)
        fleet, claims, oracle = running(hosts, asked, options)
        rooms = most_room(oracle, wanted, TRIED)
        now = rooms[0]
        found = make_room(fleet, wanted, now + 1, claims, options, most_moves=TRIED, seconds=60)
        fewest = next((moves for moves, room in enumerate(rooms) if room > now), None)
        assert found.fewest, number
        assert (found.before, bool(found)) == (now, fewest is not None), number
        oracle.walk(found.steps)
        assert oracle.room(wanted) == found.after, number
        if fewest is None:
            seen["out of reach"] += 1
            continue
        assert len(found.steps) == fewest, number
        assert found.bound is not None
        assert found.bound <= fewest, number
        seen["solved"] += 1
        seen[f"{fewest} moves"] += 1
        seen["two cells"] += any(len(host.cells) == 2 for host in hosts)
    assert seen["2 moves"] >= 20, seen
    assert seen["out of reach"] >= 20, seen
    assert seen["two cells"] >= CASES // 2, seen


def test_the_most_room_by_so_many_moves_is_what_trying_all_reaches() -> None:
    seen: Counter[int] = Counter()
    for number in range(150):
        dice = Random(f"rate {number}")
        hosts, asked, options, wanted = small(dice)
        fleet, claims, oracle = running(hosts, asked, options)
        moves = dice.choice([1, 2, 3])
        rooms = most_room(oracle, wanted, moves)
        found = make_room(fleet, wanted, None, claims, options, most_moves=moves, seconds=60)
        oracle.walk(found.steps)
        assert (found.before, found.after, found.fewest) == (rooms[0], rooms[-1], True), number
        assert len(found.steps) == rooms.index(rooms[-1]), number
        assert oracle.room(wanted) == found.after, number
        seen[found.after - found.before] += 1
    assert seen[1] >= 30, seen


def test_200_small_hosts_are_emptied_by_as_few_moves_as_trying_all_orders() -> None:
    seen: Counter[str] = Counter()
    number = 0
    while seen["solved"] < CASES:
        dice = Random(f"drain {number}")
        number += 1
        hosts, asked, options, _wanted = small(dice)
        fewer = [(one, at if dice.random() < 0.6 else 0) for one, at in asked[:6]]
        fleet, claims, oracle = running(hosts, fewer, options)
        found = drain(fleet, 0, claims, options, seconds=60)
        fewest = fewest_to_empty(oracle, 0)
        oracle.walk(found.steps)
        if fewest is None:
            assert (bool(found), found.proven) == (False, True), number
            seen["never"] += 1
            continue
        assert (bool(found), len(found.steps), found.bound) == (True, fewest, fewest), number
        seen["solved"] += 1
        seen["others first"] += any(step.source_host for step in found.steps)
    assert seen["never"] >= 40, seen
    assert seen["others first"] >= 5, seen


def test_moves_are_as_few_and_as_sound_where_placement_counts_and_a_host_takes_no_guests() -> None:
    seen: Counter[str] = Counter()
    for number in range(250):
        dice = Random(f"placement {number}")
        hosts, asked, options, wanted = small(dice)
        hosts = [with_inventories(dice, host) for host in hosts]
        asked = [(with_resources(dice, one), at) for one, at in asked]
        wanted = with_resources(dice, wanted)
        fleet, claims, oracle = running(hosts, asked, options)
        if dice.random() < 0.3:
            resting = dice.randrange(len(hosts))
            fleet.replace(resting, replace(fleet.hostinfo(resting), disabled="maintenance"))
            oracle.hosts[resting].disabled = "maintenance"
            seen["resting"] += 1
        if number % 2:
            rooms = most_room(oracle, wanted, 2)
            fewest = next((moves for moves, room in enumerate(rooms) if room > rooms[0]), None)
            room = make_room(fleet, wanted, rooms[0] + 1, claims, options, most_moves=2, seconds=60)
            oracle.walk(room.steps)
            assert (room.before, bool(room)) == (rooms[0], fewest is not None), number
            assert oracle.room(wanted) == room.after, number
            seen["room"] += bool(fewest)
            assert fewest is None or len(room.steps) == fewest, number
            continue
        found = drain(fleet, 0, claims, options, seconds=60)
        fewest = fewest_to_empty(oracle, 0)
        oracle.walk(found.steps)
        assert bool(found) == (fewest is not None), number
        assert fewest is None or len(found.steps) == fewest, number
        seen["emptied" if fewest else "never or no need"] += 1
    assert min(seen.values()) >= 15, seen


def ends(request: Request) -> bool:
    """Is there an end to how many of it a host takes?"""
    cells = request.guest.cells if request.guest is not None else ()
    pinned = any(cell.pcpuset and cell.cpu_policy not in (None, "shared") for cell in cells)
    return pinned or any(one.count > 0 for one in request.pci)


def test_no_step_breaks_a_running_guest_on_500_random_worlds() -> None:
    seen: Counter[str] = Counter()
    for number in range(WORLDS):
        made = world(("pci", "capacity", "siblings", "unlike")[number % 4], 5, number)
        dice = Random(number)
        options = made.asks[0].options
        offered = [one for ask in made.asks for one in ask.requests]
        ending = [one for one in offered if ends(one)]
        if not ending:
            continue
        seen["worlds"] += 1
        asked = [(dice.choice(offered), dice.randrange(len(made.hosts))) for _ in range(16)]
        fleet, claims, oracle = running(made.hosts, asked, options)
        for claim in claims.values():
            seen["with devices"] += bool(claim.pci)
            for cell in claim.placement.cells:
                seen["pinned"] += bool(cell.pinning)
                seen["shared"] += bool(cell.cpuset)
                seen["huge pages"] += (cell.pagesize or 0) > 4
        wanted = dice.choice(ending)
        now = oracle.room(wanted)
        usage = [fleet.usage(host) for host in range(len(fleet))]
        room = make_room(fleet, wanted, now + 1, claims, options, most_moves=4, seconds=0.1)
        rate = make_room(fleet, wanted, None, claims, options, most_moves=3, seconds=0.1)
        emptied = drain(fleet, 0, claims, options, seconds=0.1)
        assert [fleet.usage(host) for host in range(len(fleet))] == usage, made.name
        for plan in (room, rate):
            after = oracle.copy()
            after.walk(plan.steps)
            assert (plan.before, plan.after) == (now, after.room(wanted)), made.name
            seen["steps for room"] += len(plan.steps)
        after = oracle.copy()
        after.walk(emptied.steps)
        there = {name for name, one in after.guests.items() if one.host == 0}
        assert {one.guest for one in emptied.left} == there, made.name
        seen["steps of drains"] += len(emptied.steps)
    assert seen["worlds"] >= 450, seen
    assert min(seen[kind] for kind in ("with devices", "pinned", "shared", "huge pages")) > 50, seen
    assert seen["steps for room"] >= 50, seen
    assert seen["steps of drains"] >= 200, seen
