"""Hosts that stand elsewhere in the columns, with void rows between them, answer as before."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numafit import Claim, Fleet, Host, Placement, Refusal, Request, StalePlacement
from tests.property.moved import moved
from tests.property.worlds import make_host, make_options, make_request
from tests.unit.saved_files import REQUESTS as RICH_REQUESTS
from tests.unit.saved_files import rich_fleet

HOSTS, REQUESTS = 60, 40
SEEDS = range(8)
SHARES = (1.0, 0.05, 0.5, 0.0)
"""How many of the hosts have moved."""

Asked = list[tuple[Request, dict[str, Any]]]


def two_fleets(seed: int) -> tuple[Fleet, Fleet, Asked]:
    rng = random.Random(seed)
    if seed == 7:  # devices by name, PFs that hide VFs, inventories
        fleet = rich_fleet()
        asked = [(request, {"limits": None}) for request in RICH_REQUESTS]
    else:
        fleet = Fleet(make_host(rng, plain=seed % 2 == 0) for _ in range(HOSTS))
        asked = [(make_request(rng, tied=n % 2 == 1), make_options(rng)) for n in range(REQUESTS)]
    return fleet, moved(fleet, rng, SHARES[seed % 4]), asked


def told(answer: Placement | Refusal | Claim | None) -> Any:
    """All of an answer but where the host stands in the columns."""
    if isinstance(answer, Refusal):
        return answer.reason, answer.wanted, answer.available, answer.message, answer.cells
    if answer is None:
        return None
    if isinstance(answer, Claim):
        answer = answer.placement
    devices = [(one.request, one.count, one.devices, one.info, one.distance) for one in answer.pci]
    return answer.host, answer.cells, devices


def scheduled(fleet: Fleet, request: Request, options: dict[str, Any], choose: str) -> Any:
    """The claim, None, or what is said where nova too fits a guest that it then cannot take."""
    try:
        (claim,) = fleet.schedule([request], choose=choose, **options)
    except StalePlacement as error:
        return str(error)
    return claim


@pytest.mark.parametrize("seed", SEEDS)
def test_every_verb_that_asks_says_the_same(seed: int) -> None:
    fleet, other, asked = two_fleets(seed)
    some = [3, 1, 2, 2, len(fleet) - 1, *range(len(fleet) // 2)] if len(fleet) > 3 else [1, 0]
    fits = 0
    for request, options in asked:
        scanned = fleet.scan(request, **options)
        assert np.array_equal(other.scan(request, **options), scanned), (request, options)
        assert np.array_equal(
            other.scan(request, hosts=some, **options), fleet.scan(request, hosts=some, **options)
        )
        assert np.array_equal(
            other.capacity(request, cap=30, **options), fleet.capacity(request, cap=30, **options)
        )
        for host in range(len(fleet)):
            one = fleet.fit_on(request, host, **options)
            assert told(other.fit_on(request, host, **options)) == told(one), (host, request)
        fits += int(scanned.sum())
    mix = [request for request, _options in asked[:6:2]]
    assert np.array_equal(other.capacity(mix, cap=20), fleet.capacity(mix, cap=20))
    assert 0 < fits < len(asked) * len(fleet)
    assert other.check() is None


@pytest.mark.parametrize("seed", SEEDS)
def test_claims_go_where_they_would_and_leave_nothing(seed: int) -> None:
    fleet, other, asked = two_fleets(seed)
    before = list(other.hostinfos())
    assert before == list(fleet.hostinfos())
    claims: list[tuple[Any, Any]] = []
    for request, options in asked:
        for choose in ("first", "spread", "pack"):
            made = [scheduled(one, request, options, choose) for one in (fleet, other)]
            if isinstance(made[0], str):
                assert made[1] == made[0]
                continue
            assert told(made[0]) == told(made[1]), (choose, request, options)
            if made[0] is not None:
                claims.append((made[0], made[1]))
    assert len(claims) > 5
    assert other.check() is None
    assert list(other.hostinfos()) == list(fleet.hostinfos()) != before
    for one, two in claims:
        fleet.release(one)
        other.release(two)
    assert list(other.hostinfos()) == before
    assert other.check() is None


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_copied_saved_or_given_to_arrow_is_as_before(seed: int, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    fleet, other, asked = two_fleets(seed)
    other.save(tmp_path / "moved")
    fleet.save(tmp_path / "built")
    assert list(Fleet.load(tmp_path / "moved").hostinfos()) == list(fleet.hostinfos())
    assert list(Fleet.load(tmp_path / "built").hostinfos()) == list(fleet.hostinfos())
    assert pyarrow.table(other).equals(pyarrow.table(fleet))
    assert other.usage(0) == fleet.usage(0)
    inventories = [one.with_inventories().hostinfo(0).provider for one in (fleet, other)]
    assert inventories[0] == inventories[1]
    for request, options in asked[:10]:
        alone = Host(other.hostinfo(1)).fit(request, **options)
        one = fleet.fit_on(request, 1, **options)
        assert bool(alone) == bool(one)
