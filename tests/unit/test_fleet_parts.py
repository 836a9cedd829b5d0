"""Sums and parts of fleets are the fleets that their hosts make when they are built one by one."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    Host,
    HostCell,
    HostInfo,
    InputError,
    MisuseError,
    PagePool,
    Request,
)
from numafit.columns import slabs
from tests.unit.travelling import REQUEST, make_fleet, make_host


def other_host(n: int) -> HostInfo:
    """Of one to three cells, with CPUs, page sizes, networks and devices that no other has."""
    own = make_host(100 + n)
    cells = [
        HostCell(
            id=node,
            cpuset=range(64 * node, 64 * node + 70 * (n % 2)),
            pcpuset=range(64 * node + 70, 64 * node + 140 + n),
            memory_mb=8192,
            siblings=[set(range(64 * node + 70 + 4 * c, 64 * node + 74 + 4 * c)) for c in range(4)],
            page_pools=[
                PagePool(4, 1 << 20),
                PagePool(2048, 900),
                PagePool(1048576 << n % 2, 16, 3),
            ],
            physnets={"net", f"net{node}", f"far{n % 70}"},
        )
        for node in range(1 + n % 3)
    ]
    return HostInfo(cells, f"other {n}", own.pci_pools, 2.0, 1.5, zone="zone 3",
                    provider=None if own.provider is None else replace(
                        own.provider, inventories={
                            "DISK_GB": own.provider.inventories["VCPU"],
                            "MEMORY_MB": own.provider.inventories["MEMORY_MB"],
                            "PCPU": own.provider.inventories["PCPU"],
                        }, absent=frozenset()))  # fmt: skip


def alike(made: Fleet, hosts: list[HostInfo], folder: Path) -> None:
    """By all that can be asked, by what is saved, and by what becomes of it."""
    assert made.check() is None
    assert list(made.hostinfos()) == hosts
    assert made.names == [host.name for host in hosts]
    built = Fleet(hosts)
    plain = Request(GuestTopology([GuestCell((), range(3), 64, 2048, "dedicated")]))
    for request in (REQUEST, plain):
        assert made.capacity(request).tolist() == built.capacity(request).tolist()
        for h in range(len(hosts)):
            assert str(made.explain(request, h)) == str(built.explain(request, h))
    made.save(folder / "made")
    loaded = Fleet.load(folder / "made")
    assert list(loaded.hostinfos()) == hosts
    claims = [claim for claim in made.schedule([REQUEST] * 30) if claim]
    assert [claim.host for claim in claims] == [
        claim.host for claim in built.schedule([REQUEST] * 30) if claim
    ]
    made.release(claims)
    assert list(made.hostinfos()) == hosts


@pytest.fixture(params=[0, 1 << 60])
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slabs, "FROM", request.param)


@pytest.fixture
def both(small: None) -> tuple[Fleet, Fleet]:
    fleet, other = make_fleet(9), Fleet([other_host(n) for n in range(7)])
    for one in (fleet, other):
        assert len([claim for claim in one.schedule([REQUEST] * 3, choose="spread") if claim]) == 3
    return fleet, other


def test_parts_of_a_fleet(both: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    rng = random.Random(5)
    mixed = both[0] + both[1]
    everything = list(mixed.hostinfos())
    for _ in range(12):
        chosen = [rng.randrange(16) for _ in range(rng.randrange(12))]
        alike(mixed[chosen], [everything[n] for n in chosen], tmp_path)
    alike(mixed[3:12:2], everything[3:12:2], tmp_path)
    alike(mixed[:], everything, tmp_path)
    can = mixed.scan(REQUEST)
    alike(mixed[can], [everything[n] for n in np.flatnonzero(can)], tmp_path)
    part = mixed[[1]]
    part.claim(REQUEST, 0)
    assert list(mixed.hostinfos()) == everything


def test_sums_of_fleets(both: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    fleet, other = both
    ours, theirs = list(fleet.hostinfos()), list(other.hostinfos())
    alike(fleet + other, ours + theirs, tmp_path)
    alike(other + fleet, theirs + ours, tmp_path)
    alike(fleet + fleet, ours + ours, tmp_path)
    alike(fleet + Fleet([]), ours, tmp_path)
    alike(Fleet([]) + other, theirs, tmp_path)
    alike(fleet + other + fleet[[0, 0]], [*ours, *theirs, ours[0], ours[0]], tmp_path)
    assert (list(fleet.hostinfos()), list(other.hostinfos())) == (ours, theirs)


def test_devices_that_are_taken_keep_their_names(both: tuple[Fleet, Fleet]) -> None:
    fleet = make_fleet(3)
    claim = fleet.claim(REQUEST, 1)
    for made, host in ((fleet[[2, 1]], 1), (make_fleet(5) + fleet, 6)):
        taken = made.claim(REQUEST, host).pci[0].devices
        assert set(taken).isdisjoint(claim.pci[0].devices)
        assert made.pools(host)[0].vendor_id == "8086"


def test_hosts_that_are_all_alike(small: None, tmp_path: Path) -> None:
    host = Host(make_host(1))
    host.claim(REQUEST)
    info = host.hostinfo
    made = Fleet.of(info, 5)
    alike(made, [replace(info, name=f"höst 1-000{n}") for n in range(1, 6)], tmp_path)
    alike(Fleet.of(host, 2, ["a", "b"]), [replace(info, name=n) for n in "ab"], tmp_path)
    assert Fleet.of(replace(info, name=""), 1).names == ["host-0001"]
    assert len(Fleet.of(info, 0)) == 0
    assert Fleet.of(info, 12_345).names[-1] == "höst 1-12345"
    more = make_fleet(2).with_hosts(info, 3)
    assert more.names == ["höst 0", "höst 1", "höst 1-0001", "höst 1-0002", "höst 1-0003"]
    assert more.capacity(REQUEST).tolist() == [2, 2, 1, 1, 1]


def test_a_large_fleet_of_alike_hosts() -> None:
    fleet = Fleet.of(make_host(1), 20_000)
    assert fleet._columns.slab is not None
    assert fleet.capacity(REQUEST).sum() == 40_000
    assert fleet.index("höst 1-20000") == 19_999


@pytest.mark.parametrize("hosts", [3, "höst 1", None, [99], [-1], [0.5], np.array([True, False])])
def test_what_names_no_hosts_is_refused(hosts: object) -> None:
    with pytest.raises(MisuseError, match="hosts"):
        make_fleet(4)[hosts]  # type: ignore[index]


def test_a_fleet_and_a_host_are_not_added() -> None:
    with pytest.raises(TypeError):
        make_fleet(1) + make_host(2)  # type: ignore[operator]


def test_numbers_and_names_of_alike_hosts_are_checked() -> None:
    for words in ((-1,), ("x",), (2, ["a"]), (1, [7])):
        with pytest.raises(MisuseError):
            Fleet.of(make_host(1), *words)  # type: ignore[arg-type]
    with pytest.raises(MisuseError, match="a HostInfo, or a Host"):
        Fleet.of("host", 3)


def test_more_page_sizes_than_a_fleet_may_have() -> None:
    fleets = [
        Fleet([HostInfo([HostCell(0, (), {0}, 1 << 20, page_pools=[
            PagePool(4 * (n + 20 * k + 1), 1) for n in range(20)])], "h")])
        for k in range(2)
    ]  # fmt: skip
    with pytest.raises(InputError, match="at most 32 page sizes"):
        fleets[0] + fleets[1]


def test_hosts_that_were_removed_are_left_out(both: tuple[Fleet, Fleet], tmp_path: Path) -> None:
    fleet, other = both
    fleet.remove([2, 5])
    fleet.replace("höst 3", replace(make_host(9), name="höst 3"))
    fleet.add([replace(make_host(4), name="new")])
    there = [n for n in range(10) if n not in (2, 5)]
    ours = [fleet.hostinfo(n) for n in there]
    alike(fleet[:], ours, tmp_path)
    alike(fleet[np.ones(10, bool)], ours, tmp_path)
    alike(fleet[[9, 3, 3]], [ours[7], ours[2], ours[2]], tmp_path)
    alike(fleet + other, ours + list(other.hostinfos()), tmp_path)
    alike(other + fleet, list(other.hostinfos()) + ours, tmp_path)
    with pytest.raises(MisuseError, match="hosts: 5 was removed"):
        fleet[[1, 5]]
