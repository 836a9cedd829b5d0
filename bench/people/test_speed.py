"""For people: ``make bench-people`` keeps each run as JSON, and compares it with the one before."""

from __future__ import annotations

from typing import Any

import pytest

from bench import cases
from bench.wide import wide
from numafit import Fleet, Host, Limits, Placement

LIMITS = Limits(16.0, 1.5)


@pytest.fixture(scope="module")
def host() -> Host:
    return Host.from_nova(cases.topology(5, cpus=32, used=0.25), cases.pools(5, count=16))


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return wide(10_000, nets=True, pools=4).fleet


@pytest.mark.parametrize("name", ["PINNED_4", "TWO_16", "TOO_LARGE"])
def test_fit(benchmark: Any, host: Host, name: str) -> None:
    request = cases.request(getattr(cases, name))
    benchmark(host.fit, request)


def test_fit_and_read(benchmark: Any, host: Host) -> None:
    request = cases.request(cases.PINNED_4)
    assert benchmark(lambda: host.fit(request).cells)  # type: ignore[union-attr]


def test_claim_and_release(benchmark: Any, host: Host) -> None:
    placement = host.fit(cases.request(cases.PINNED_4))
    assert isinstance(placement, Placement)
    benchmark(lambda: host.release(host.claim(placement)))


@pytest.mark.parametrize("flavor", cases.MIX, ids=lambda flavor: flavor["name"])
def test_scan(benchmark: Any, fleet: Fleet, flavor: Any) -> None:
    assert len(benchmark(fleet.scan, cases.request(flavor))) == 10_000


def test_scan_near_networks_and_devices(benchmark: Any, fleet: Fleet) -> None:
    device = {"count": 1, "spec": [{"product_id": "1501"}], "numa_policy": "legacy"}
    request = cases.request(cases.PINNED_8_GIANT, ("net0", "net1"), [device])
    assert benchmark(fleet.scan, request).any()


@pytest.mark.parametrize("name", list(cases.CAPACITY))
def test_capacity(benchmark: Any, fleet: Fleet, name: str) -> None:
    request = cases.request(cases.CAPACITY[name])
    assert benchmark(fleet.capacity, request, limits=LIMITS).any()


def test_schedule(benchmark: Any, fleet: Fleet) -> None:
    request = cases.request(cases.PINNED_4)

    def decide() -> None:
        (claim,) = fleet.schedule([request], choose="spread")
        assert claim is not None
        fleet.release(claim)

    benchmark(decide)


def test_from_nova_rows(benchmark: Any) -> None:
    rows = [(f"compute{n}", cases.topology(n), None) for n in range(100)]
    assert len(benchmark(Fleet.from_nova_rows, rows)) == 100
