"""A fork is the fleet of one moment: alike at first, and each goes its own way from then on."""

from __future__ import annotations

import copy
import gc
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    PciPool,
    PciRequest,
    Request,
)
from numafit.columns import slabs
from numafit.errors import MisuseError, StalePlacement

VF = {"vendor_id": "8086", "product_id": "154c"}


def host(name: str) -> HostInfo:
    cells = [
        HostCell(n, frozenset(range(64 * n, 64 * n + 4)), frozenset(range(64 * n + 4, 64 * n + 36)),
                 65536) for n in range(2)
    ]  # fmt: skip
    devices = tuple(f"0000:3b:00.{n}" for n in range(8))
    pools = (PciPool(*VF.values(), 0, 8, {"dev_type": "type-VF"}, devices),)
    return HostInfo(cells, name, pools, 16.0, 1.5)


def request(cpus: int = 4, devices: int = 0) -> Request:
    guest = GuestTopology([GuestCell((), range(cpus), 512, None, "dedicated")])
    return Request(guest, pci=[PciRequest(devices, [VF])] if devices else ())


@pytest.fixture(params=["slab", "arrays"])
def fleet(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """In one block of memory, as large fleets are, and in arrays that stand alone."""
    monkeypatch.setattr(slabs, "FROM", 0 if request.param == "slab" else 1 << 60)
    made = Fleet([host(f"host{n}") for n in range(300)])
    assert (made._columns.slab is not None) == (request.param == "slab")
    yield made
    assert made.check() is None


def same(one: Fleet, other: Fleet) -> bool:
    ours, theirs = one.columns(), other.columns()
    return one.names == other.names and all(
        np.array_equal(ours[name], theirs[name], equal_nan=ours[name].dtype.kind == "f")
        for name in ours
    )


def test_a_fork_equals_the_original_and_each_goes_its_own_way(fleet: Fleet) -> None:
    claims = [fleet.claim(request(devices=1), n) for n in (0, 7, 299)]
    fork = fleet.fork()
    assert same(fleet, fork)
    assert fork.hostinfo(7) == fleet.hostinfo(7)
    fleet.release(claims[0])
    ours = fork.claim(request(devices=2), 7)
    # by hand: 32 dedicated CPUs a cell; host 0 is empty again, and was not when it was forked
    assert [len(cell["pinned_cpus"]) for cell in fleet.usage(0)] == [0, 0]
    assert [len(cell["pinned_cpus"]) for cell in fork.usage(0)] == [4, 0]
    assert [len(cell["pinned_cpus"]) for cell in fleet.usage(7)] == [4, 0]
    assert [len(cell["pinned_cpus"]) for cell in fork.usage(7)] == [8, 0]
    # devices by name: nova hands out the last first
    assert fleet.pools(0)[0].count == 8
    assert fork.pools(0)[0].devices == tuple(f"0000:3b:00.{n}" for n in range(7))
    assert ours.pci[0].devices == ("0000:3b:00.6", "0000:3b:00.5")
    assert fleet.claim(request(devices=1), 7).pci[0].devices == ("0000:3b:00.6",)
    fork.release(ours)
    assert fork.check() is None
    assert fleet.check() is None


def test_forks_of_forks(fleet: Fleet) -> None:
    chain = [fleet]
    for n in range(10):
        chain.append(chain[-1].fork())
        chain[-1].claim(request(), n)
    for n, fork in enumerate(chain):
        taken = [sum(len(cell["pinned_cpus"]) for cell in fork.usage(h)) for h in range(11)]
        assert taken == [4] * n + [0] * (11 - n)
        assert fork.check() is None
    middle = chain[5].fork()
    del chain
    gc.collect()
    assert sum(len(cell["pinned_cpus"]) for h in range(11) for cell in middle.usage(h)) == 20


def test_a_fork_of_a_fleet_that_has_changed_everywhere(fleet: Fleet) -> None:
    """It is moved to a file of its own, and what was forked before stays as it was."""
    before = fleet.fork()
    for h in range(300):
        fleet.claim(request(), h)
    forks = [fleet.fork() for _ in range(6)]
    assert before.capacity(request()).tolist() == [16] * 300
    for fork in forks:
        assert same(fork, fleet)
        fork.claim(request(), 5)
    assert fleet.capacity(request()).tolist() == [15] * 300
    assert before.capacity(request()).tolist() == [16] * 300
    assert forks[5].capacity(request(), hosts=[4, 5]).tolist() == [15, 14]


def test_what_was_prepared_here_is_good_in_a_fork(fleet: Fleet) -> None:
    ready = fleet.prepare(request(devices=1))
    fork = fleet.fork()
    assert fork.scan(ready).all()
    assert fleet.scan(fork.prepare(request())).all()
    other = Fleet(fleet.hostinfos())
    with pytest.raises(MisuseError, match="prepared for another fleet"):
        other.scan(ready)


def test_copies_by_the_module_copy(fleet: Fleet) -> None:
    fleet.claim(request(devices=1), 3)
    for made in (copy.copy(fleet), copy.deepcopy(fleet), fleet.copy()):
        assert same(made, fleet)
        made.claim(request(), 3)
    assert fleet.capacity(request(), hosts=[3]).tolist() == [15]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def mappings() -> int:
    with open("/proc/self/maps", encoding="ascii") as maps:
        return sum("numafit" in line for line in maps if "memfd" in line)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_thousand_forks_leave_nothing_behind(fleet: Fleet) -> None:
    gc.collect()
    before = open_files(), mappings()
    for n in range(1000):
        fork = fleet.fork()
        fork.claim(request(), n % 300)
        if n % 100 == 0:
            for h in range(300):
                fleet.claim(request(1), h)
    assert mappings() <= before[1] + 1
    del fork
    gc.collect()
    assert (open_files(), mappings()) == before


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_many_forks_at_once_need_one_file(fleet: Fleet) -> None:
    before = open_files()
    forks = [fleet.fork() for _ in range(500)]
    assert open_files() == before
    assert all(fork.scan(request(), hosts=[0])[0] for fork in forks)


def test_forks_beside_threads_that_claim(fleet: Fleet) -> None:
    """Each shows one moment: every claim takes a host's both cells alike, and two hosts at once."""
    guest = GuestTopology([GuestCell((), {n}, 64, None, "dedicated") for n in range(2)])
    pair = Request(guest, pci=[PciRequest(1, [VF], "preferred")])
    stop, failed = threading.Event(), []

    def work(first: int) -> None:
        try:
            while not stop.is_set():
                places = [fleet.fit_on(pair, h) for h in (first, 299 - first)]
                claims = fleet.claim_all(places)
                fleet.release(claims)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        seen = set()
        for n in range(60):
            fork = fleet.fork()
            if n % 10 == 0:
                assert fork.check() is None
            used = [[len(cell["pinned_cpus"]) for cell in fork.usage(h)] for h in range(300)]
            assert all(one == other for one, other in used)
            assert used == used[::-1]
            for h in range(3):
                # devices that are counted are those that are named
                assert all(len(pool.devices) == pool.count for pool in fork.pools(h))
            seen.add(tuple(one for one, _ in used[:3]))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed
    assert len(seen) > 1, "no fork hit a claim"
    assert fleet.capacity(request(), hosts=[0]).tolist() == [16]


def test_a_claim_of_the_original_is_usage_in_a_fork(fleet: Fleet) -> None:
    claim = fleet.claim(request(), 0)
    fork = fleet.fork()
    for _ in range(15):
        fork.claim(request(), 0)
    with pytest.raises(StalePlacement):
        fork.claim(request(), 0)
    fleet.release(claim)
    assert fleet.capacity(request(), hosts=[0]).tolist() == [16]


def test_in_a_child_process_a_fork_shows_what_was_claimed_before(fleet: Fleet) -> None:
    fleet.claim(request(), 0)
    child = os.fork()
    if not child:
        status = 1
        try:
            fork = fleet.fork()
            fork.claim(request(), 0)
            if (fleet.capacity(request())[0], fork.capacity(request())[0]) == (15, 14):
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert fleet.capacity(request())[0] == 15


def test_where_the_kernel_does_not_tell_what_changed_all_is_copied(fleet: Fleet) -> None:
    fleet.claim(request(), 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.open("/proc/self/pagemap", os.O_RDONLY)
        fork = fleet.fork()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert same(fleet, fork)
    fork.claim(request(), 0)
    assert (fleet.capacity(request())[0], fork.capacity(request())[0]) == (15, 14)
