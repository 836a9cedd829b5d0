"""No move wins more room than the bound says, whatever was moved before."""

from __future__ import annotations

import random
from collections import Counter

from numafit import Claim, Flavor, Fleet, HostCell, HostInfo, PagePool, Request, StalePlacement
from numafit.model.options import FitOptions
from numafit.planning.movers import movers_of
from numafit.planning.moving import Moving
from numafit.planning.room_bound import _most_by_move
from numafit.planning.room_gains import emptied, room


def host(name: str, dice: random.Random) -> HostInfo:
    cells = []
    for n in range(dice.choice([1, 2, 2, 3])):
        cpus = range(20 * n, 20 * n + dice.randint(4, 12))
        memory = dice.choice([1024, 2048])
        both = (PagePool(4, memory * 128), PagePool(2048, memory // 4))
        pages = both if dice.random() < 0.7 else ()
        pairs = [cpus[at : at + 2] for at in range(0, len(cpus), 2)] if dice.random() < 0.5 else []
        cells.append(HostCell(n, (), cpus, memory, siblings=pairs, page_pools=pages))
    return HostInfo(cells, name)


def asks(dice: random.Random, most: int, wide: float, units: bool) -> Request:
    cells = 2 if dice.random() < wide else 1
    specs = {"hw:cpu_policy": "dedicated", "hw:numa_nodes": str(cells)}
    if dice.random() < 0.4:
        specs["hw:mem_page_size"] = dice.choice(["2048", "small"])
    if dice.random() < 0.2:
        specs["hw:cpu_thread_policy"] = dice.choice(["prefer", "require", "isolate"])
    vcpus = cells * dice.randint(1, most)
    made = Request.for_server(Flavor("", vcpus, cells * dice.choice([64, 128, 256]), specs))
    return made if units else Request(made.guest)


def test_no_move_wins_more_than_is_said() -> None:
    seen: Counter[str] = Counter()
    for seed in range(500):
        dice = random.Random(seed)
        units = dice.random() < 0.5
        fleet = Fleet([host(f"h{n}", dice) for n in range(3)])
        fleet = fleet.with_inventories() if units else fleet
        claims: dict[str, Claim] = {}
        for n in range(12):
            try:
                claims[f"g{n}"] = fleet.claim(asks(dice, 5, 0.3, units), dice.randrange(3))
            except StalePlacement:
                continue
        wanted = asks(dice, 5, 0.0, units)
        moving = Moving(fleet, movers_of(fleet, claims), FitOptions())
        everywhere = bool((emptied(moving, wanted) > 0).all())
        bound = _most_by_move(moving, wanted, everywhere)
        if bound is None:
            seen["not known"] += 1
            continue
        seen["known"] += 1
        now = int(room(moving, wanted).sum())
        won = []
        for _ in range(60):
            n = dice.choice([*moving.claims] or [0])
            if n in moving.claims and moving.move(n, [dice.randrange(3)]):
                after = int(room(moving, wanted).sum())
                won.append(after - now)
                now = after
        assert max(won, default=0) <= bound, seed
        seen["moves"] += len(won)
        seen["reached"] += max(won, default=-1) == bound
        seen["everywhere"] += everywhere
    assert seen["known"] >= 250, seen
    assert seen["moves"] >= 1000, seen
    assert seen["reached"] >= 20, seen
    assert seen["everywhere"] >= 100, seen
