"""Whole fleets in one call against host after host: scan, schedule and capacity take short cuts
over columns, fit and claim (proven against nova) take none."""

from __future__ import annotations

import random
from typing import Any

import pytest

from numafit import Fleet, Host, Placement, Request, StalePlacement
from tests.property.worlds import make_host, make_options, make_request

SEEDS = range(8)
HOSTS, REQUESTS = 70, 60


def by_fitting(host: Host, request: Request, options: dict[str, Any], cap: int) -> int:
    count = 0
    while count < cap:
        placement = host.fit(request, **options)
        if not isinstance(placement, Placement):
            break
        try:
            host.claim(placement)
        except StalePlacement:
            break
        count += 1
    return count


@pytest.mark.parametrize("seed", SEEDS)
def test_a_scan_says_of_each_host_what_a_fit_says(seed: int) -> None:
    rng = random.Random(seed)
    infos = [make_host(rng, plain=seed % 2 == 0) for _ in range(HOSTS)]
    fleet, hosts = Fleet(infos), [Host(info) for info in infos]
    some = [rng.randrange(HOSTS) for _ in range(20)] + list(range(30, 60))
    can = 0
    for number in range(REQUESTS):
        request, options = make_request(rng, tied=number % 2 == 1), make_options(rng)
        one_by_one = [bool(host.fit(request, **options)) for host in hosts]
        assert fleet.scan(request, **options).tolist() == one_by_one, (request, options)
        chosen = fleet.scan(request, hosts=some, **options).tolist()
        assert chosen == [one_by_one[host] for host in some], (request, options)
        can += sum(one_by_one)
    assert HOSTS < can < HOSTS * REQUESTS - HOSTS  # both answers are there in numbers


def takes(fleet: Fleet, request: Request, host: int, options: dict[str, Any]) -> bool:
    """nova too fits some guests that it then cannot take."""
    try:
        fleet.release(fleet.claim(request, host, **options))
    except StalePlacement:
        return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_the_host_chosen_is_the_best_that_can(seed: int) -> None:
    rng = random.Random(100 + seed)
    fleet = Fleet(make_host(rng, plain=seed % 2 == 0) for _ in range(HOSTS))
    for number in range(REQUESTS):
        request, options = make_request(rng, tied=number % 3 == 1), make_options(rng)
        can = [host for host in range(HOSTS) if fleet.scan(request, hosts=[host], **options)[0]]
        can = [host for host in can if takes(fleet, request, host, options)]
        pins = request.guest is not None and request.guest.cells[0].pcpuset
        columns, room = fleet.c_columns(), []
        for host in range(HOSTS):
            cells = slice(columns["host_first_cell"][host], columns["host_end_cell"][host])
            left = columns["cell_memory"][cells] - columns["cell_memory_used"][cells]
            room.append(int((columns["cell_free"][cells] if pins else left).sum()))
        expected = {
            "first": can[0] if can else None,
            "spread": max(can, key=lambda host: (room[host], -host), default=None),
            "pack": min(can, key=lambda host: (room[host], host), default=None),
        }
        if request.guest is not None and request.guest.cells[0].cpu_policy == "mixed":
            expected = {"first": expected["first"]}
        for choose, host in expected.items():
            (claim,) = fleet.schedule([request], choose=choose, **options)
            assert (claim and claim.host) == host, (choose, request, options)
            if claim:
                fleet.release(claim)


@pytest.mark.parametrize("seed", SEEDS)
def test_capacity_is_the_count_of_fits_and_claims(seed: int) -> None:
    rng = random.Random(200 + seed)
    infos = [make_host(rng, plain=seed % 2 == 0) for _ in range(HOSTS // 2)]
    fleet = Fleet(infos)
    most = 0
    for number in range(REQUESTS // 3):
        request, options = make_request(rng, tied=number % 4 == 1), make_options(rng)
        counts = fleet.capacity(request, cap=40, **options).tolist()
        one_by_one = [by_fitting(Host(info), request, options, 40) for info in infos]
        assert counts == one_by_one, (request, options)
        most = max([most, *(count for count in counts if count < 40)])
    assert most > 2
    assert fleet.check() is None
