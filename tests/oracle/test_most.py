"""Headroom beside the oracle: what the scheduler reaches, and the most that any order does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from numafit import (
    FitOptions,
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    Networks,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)
from numafit.planning.headroom import headroom
from numafit.planning.stranded import stranded

from .fit import capacity
from .most import most
from .placement import with_inventories, with_resources
from .state import HostState
from .worlds import world

SEED = 31
CAP = 5


def asked(kind: str, hosts: int) -> Iterator[tuple[str, HostInfo, Request, FitOptions]]:
    """Questions about so many random hosts of small worlds, none about what nothing ends."""
    number = count = 0
    while count < hosts:
        made = world(kind, SEED, number)
        for host in made.hosts:
            count += 1
            for ask in made.asks:
                for request in ask.requests:
                    if request.guest is not None or any(one.count > 0 for one in request.pci):
                        yield made.name, host, request, ask.options
        number += 1


def test_reached_is_repeated_fitting_on_2000_random_hosts() -> None:
    for name, host, request, options in asked("capacity", 2000):
        found = headroom(Fleet([host]), {"one": request}, options, cap=12)
        expected = capacity(HostState(host), request, options, 12)
        assert found.reached.tolist() == [[expected]], name


@pytest.mark.parametrize(
    ("kind", "hosts", "exact"),
    [
        ("capacity", 400, 0.9),
        ("siblings", 300, 0.95),
        ("unlike", 150, 0.8),
        ("pci", 300, 0.8),
        ("wide", 8, 0.5),
    ],
)
def test_the_most_is_what_trying_all_orders_reaches(kind: str, hosts: int, exact: float) -> None:
    seen: Counter[str] = Counter()
    for name, host, request, options in asked(kind, hosts):
        found = headroom(Fleet([host]), {"one": request}, options, cap=CAP)
        best, upper = most(HostState(host), request, options, CAP), int(found.most[0, 0])
        assert int(found.reached[0, 0]) <= best <= upper, name
        if found.exact[0, 0]:
            assert best == upper, name
            seen["exact"] += 1
        seen["all"] += 1
        seen["lost"] += best > int(found.reached[0, 0])
    assert seen["exact"] >= exact * seen["all"]


def test_headroom_is_bounded_by_what_placement_counts_too() -> None:
    """Inventories with units reserved, in steps, with least and most amounts, and traits."""
    seen: Counter[str] = Counter()
    for kind in ("capacity", "pci", "unlike", "siblings"):
        for name, host, request, options in asked(kind, 150):
            rng = Random(f"{name} {host.name}")
            told, wants = with_inventories(rng, host), with_resources(rng, request)
            found = headroom(Fleet([told]), {"one": wants}, options, cap=CAP)
            before = HostState(told)
            reached = capacity(before, wants, options, CAP)
            best, upper = most(before, wants, options, CAP), int(found.most[0, 0])
            assert int(found.reached[0, 0]) == reached, name
            assert reached <= best <= upper, name
            if found.exact[0, 0]:
                assert best == upper, name
            seen["some"] += reached > 0
            seen["fewer than without"] += reached < capacity(HostState(host), request, options, CAP)
    assert min(seen["some"], seen["fewer than without"]) >= 100, seen


def test_devices_of_which_placement_chose_some_bound_no_more_than_those() -> None:
    """nova takes a device of each provider that the mapping names and the host has: here one of the
    two that are asked for, and four guests fit where there are two pairs, until one is left."""
    pool = PciPool("15b3", "154c", None, 4, {"rp_uuid": "u2"})
    spec = [{"vendor_id": "15b3", "product_id": "154c"}]
    pair = PciRequest(2, spec, alias_name="a", request_id="r")
    request = Request(None, pci=[pair], provider_mapping={"r-0": ["u3"], "r-1": ["u2"]})
    host = HostInfo([HostCell(0, frozenset(), frozenset(range(4)), 64)], pci_pools=(pool,))
    found = headroom(Fleet([host]), {"one": request}, cap=CAP)
    assert capacity(HostState(host), request, FitOptions(), CAP) == int(found.reached[0, 0]) == 3
    assert int(found.most[0, 0]) >= 3


def lopsided(rng: Random) -> HostInfo:
    """A host of three or four cells, each with another number of CPUs free."""
    cells = []
    for number in range(rng.choice((3, 3, 4))):
        cpus = range(8 * number, 8 * number + rng.randint(1, 6))
        pages = rng.randint(2, 8)
        cores = [frozenset(cpus[n : n + 2]) for n in range(0, len(cpus), 2)]
        cells.append(
            HostCell(
                number,
                frozenset(),
                frozenset(cpus),
                pages * 1024,
                # without any, each CPU is a core; with some, the others are given to nobody
                siblings=cores[: rng.randint(1, 3)] if rng.random() < 0.3 else (),
                pinned_cpus=frozenset(cpu for cpu in cpus if rng.random() < 0.1),
                page_pools=(PagePool(1 << 20, pages),) if rng.random() < 0.8 else (),
                physnets=frozenset(net for net in ("foo", "bar") if rng.random() < 0.5),
            )
        )
    return HostInfo(cells)


def several_cells(rng: Random) -> Request:
    alike = rng.random() < 0.5
    first = rng.randint(1, 2)
    cells = []
    for number in range(rng.choice((2, 2, 2, 3))):
        vcpus = first if alike else rng.randint(1, 3)
        ids = frozenset(range(4 * number, 4 * number + vcpus))
        memory = 1024 * (1 if alike else rng.randint(1, 2))
        cells.append(GuestCell(frozenset(), ids, memory, None, "dedicated", None))
    nets = frozenset(net for net in ("foo", "bar") if rng.random() < 0.4)
    policy = "isolate" if rng.random() < 0.1 else None
    return Request(GuestTopology(tuple(cells), policy), Networks(nets) if nets else None, pci=[])


def test_answers_about_a_fleet_that_has_changed_are_those_of_one_made_anew() -> None:
    """Hosts that were removed, replaced by others and added lie anywhere in the columns."""
    rng = Random(SEED)

    def host(name: str) -> HostInfo:
        vfs = PciPool("8086", "1889", 0, rng.randint(1, 3), {"dev_type": "type-VF"})
        return replace(lopsided(rng), name=name, pci_pools=(vfs,))

    fleet = Fleet(host(f"h{n}") for n in range(12))
    fleet.remove([3, 7])
    for n in (1, 5, 9):
        fleet.replace(n, host(f"other{n}"))
    fleet.add([host("more"), host("most")])
    there = [n for n in range(len(fleet)) if n not in (3, 7)]
    anew = Fleet(fleet.hostinfos(there))
    catalogue = {str(n): several_cells(rng) for n in range(10)}
    room, same = headroom(fleet, catalogue), headroom(anew, catalogue)
    for name in ("reached", "most", "exact"):
        assert getattr(room, name)[there].tolist() == getattr(same, name).tolist()
    assert room.most[[3, 7]].tolist() == [[0] * 10] * 2
    ends = room.table()["ended_by"].reshape(-1, 10)
    assert ends[there].ravel().tolist() == same.table()["ended_by"].tolist()
    lost, again = stranded(fleet, catalogue), stranded(anew, catalogue)
    assert lost.free[:, there].tolist() == again.free.tolist()
    assert lost.stranded[:, there].tolist() == again.stranded.tolist()
    assert (lost.causes, lost.index.tolist()) == (again.causes, again.index.tolist())


def test_room_that_the_scheduler_loses_is_found_exactly() -> None:
    """On hosts whose cells are unlike in what is free, guests of several cells lose room by order:
    nova's order is compared with all orders."""
    rng = Random(SEED)
    seen: Counter[str] = Counter()
    for number in range(400):
        host, request = lopsided(rng), several_cells(rng)
        affinity = "all" if rng.random() < 0.3 else "any"
        options = FitOptions(
            strategy=rng.choice(("spread", "pack")), limits=None, physnet_affinity=affinity
        )
        found = headroom(Fleet([host]), {"one": request}, options, cap=7)
        best, upper = most(HostState(host), request, options, 7), int(found.most[0, 0])
        reached = int(found.reached[0, 0])
        assert reached <= best <= upper, number
        if found.exact[0, 0]:
            assert best == upper, number
            seen["lost, and known to be"] += best > reached
        seen["exact"] += int(found.exact[0, 0])
        seen["lost"] += best > reached
    assert seen["exact"] >= 300
    assert seen["lost"] >= 55
    assert seen["lost, and known to be"] >= 40
