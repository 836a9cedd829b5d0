"""Fleet: what its verbs take, what they refuse, and what they keep true under threads and forks."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from numafit import (
    Claim,
    Fleet,
    GuestCell,
    GuestTopology,
    Host,
    HostCell,
    HostInfo,
    Limits,
    MisuseError,
    Networks,
    PagePool,
    PciPool,
    PciRequest,
    Placement,
    Request,
    StalePlacement,
)


def make_host(n: int, devices: int = 0) -> HostInfo:
    cells = [
        HostCell(
            id=node,
            cpuset=range(node * 8, node * 8 + 2),
            pcpuset=range(node * 8 + 2, node * 8 + 8 - n % 2),
            memory_mb=8192,
            memory_usage=16 * n,
            cpu_usage=n,
            siblings=[{node * 8 + core, node * 8 + core + 4} for core in range(4)],
            pinned_cpus={node * 8 + 3} if n % 3 == 0 else (),
            page_pools=[PagePool(4, 1 << 20, 7, 3), PagePool(2048, 1024 + n, n)],
            physnets={f"net{n % 3}"} if node else (),
            tunneled=not node,
            socket=node if n % 2 else None,
        )
        for node in (0, 1)
    ]
    address = f"0000:{n:02x}:00.0"
    pools = [
        PciPool("8086", "1528", None, 3, {"dev_type": "type-PCI", "physical_network": None}),
        PciPool(
            "8086",
            "1515",
            n % 2,
            max(devices, 2),
            {"dev_type": "type-VF", "parent_addr": address},
            devices=[f"0000:{n:02x}:10.{d}" for d in range(devices)],
        ),
    ]
    return HostInfo(cells, f"host{n}", pools, 4.0, 1.5, ((10, 21), (21, 10)) if n % 2 else ())


@pytest.fixture
def fleet() -> Fleet:
    return Fleet([make_host(n) for n in range(10)])


def pinned(vcpus: int = 2, pci: int = 0, networks: Networks | None = None) -> Request:
    guest = GuestTopology([GuestCell((), range(vcpus), 512, 2048, "dedicated")])
    spec = [{"vendor_id": "8086", "product_id": "1515"}]
    return Request(guest, networks, [PciRequest(pci, spec)] if pci else [])


SHARED = Request(GuestTopology([GuestCell(range(2), (), 512, None, "shared")]))
DEVICES_ONLY = Request(None, pci=[PciRequest(1, [{"vendor_id": "8086"}])])
NOTHING = Request(None, pci=[PciRequest(0, [{"vendor_id": "8086"}])])


def same(a: Fleet, b: Fleet, generations: bool = True) -> None:
    ours, theirs = a.c_columns(), b.c_columns()
    for field, value in ours.items():
        if generations or field != "host_generation":
            np.testing.assert_array_equal(theirs[field], value, err_msg=field)


def test_hosts_come_back_as_they_were_given() -> None:
    given = [make_host(n, devices=3) for n in range(7)]
    fleet = Fleet(given)
    found = list(fleet.hostinfos())
    for before, after in zip(given, found, strict=True):
        assert after.cells == before.cells
        assert after.name == before.name
        assert after.distances == before.distances
        assert sorted(after.pci_pools or (), key=repr) == sorted(before.pci_pools or (), key=repr)
    same(fleet, Fleet(found))
    assert [info.name for info in fleet.hostinfos([6, 0, 6])] == ["host6", "host0", "host6"]


def test_hostinfo_is_the_host_as_it_is_now_and_stays_so() -> None:
    fleet, host = Fleet([make_host(0, devices=3)]), Host(make_host(0, devices=3))
    before = fleet.hostinfo(0)
    fleet.claim(pinned(pci=2), host=0)
    placement = host.fit(pinned(pci=2))
    assert isinstance(placement, Placement)
    host.claim(placement)
    now = fleet.hostinfo(0)
    assert now.cells == host.hostinfo.cells
    assert now.pci_pools == host.hostinfo.pci_pools
    assert now.pci_pools is not None
    assert before.pci_pools is not None
    assert [pool.count for pool in before.pci_pools] == [3, 3]
    assert [pool.count for pool in now.pci_pools] == [3, 1]
    assert [len(pool.devices) for pool in now.pci_pools] == [0, 1]


def test_index_of_a_name(fleet: Fleet) -> None:
    again = Fleet([*fleet.hostinfos(), make_host(1), make_host(10), HostInfo((), "")])
    assert [again.index(f"host{n}") for n in (0, 1, 9, 10)] == [0, 1, 9, 11]
    assert again.index("") == 12
    for name in ("host", "ost1", "host11", "host1host10"):
        with pytest.raises(MisuseError, match=name):
            again.index(name)


@pytest.mark.parametrize("hosts", [range(2, 8, 2), [2, 4, 6], np.array([2, 4, 6], np.int8)])
def test_hosts_are_ranges_or_indices(fleet: Fleet, hosts: Any) -> None:
    request = pinned()
    assert fleet.scan(request, hosts=hosts).tolist() == fleet.scan(request)[2:8:2].tolist()
    assert fleet.capacity(request, hosts=hosts).tolist() == fleet.capacity(request)[2:8:2].tolist()
    found = fleet.fit(request, hosts=hosts)
    assert [(p.host, p.host_name) for p in found] == [(n, f"host{n}") for n in (2, 4, 6)]
    assert [p.host for p in fleet.fit(request, hosts=hosts, limit=2)] == [2, 4]
    assert [c.host for c in fleet.schedule([request], hosts=hosts) if c] == [2]


def test_hosts_twice_none_and_many_threads(fleet: Fleet) -> None:
    request = pinned()
    assert fleet.scan(request, hosts=[3, 3, 1]).tolist() == [True] * 3
    assert fleet.capacity(request, hosts=[1, 1], threads=2).tolist() == [4, 4]
    assert fleet.scan(request, hosts=[]).tolist() == []
    assert fleet.fit(request, limit=0) == []
    whole = fleet.capacity(request)
    for threads in (2, 3, 10, 64):
        assert fleet.capacity(request, threads=threads).tolist() == whole.tolist()


BAD_CALLS = [
    (lambda f: f.scan(pinned(), hosts=[-1]), "hosts"),
    (lambda f: f.scan(pinned(), hosts=[10]), "hosts"),
    (lambda f: f.scan(pinned(), hosts=[1.5]), "hosts"),
    (lambda f: f.scan(pinned(), hosts=[[1]]), "hosts"),
    (lambda f: f.scan(pinned(), hosts=np.ones(10, bool)), "hosts"),
    (lambda f: f.fit(pinned(), hosts=[-1], limit=1), "hosts"),
    (lambda f: f.fit(pinned(), limit=-1), "limit"),
    (lambda f: f.scan(pinned(), threads=0), "threads"),
    (lambda f: f.scan(pinned(), threads=1.0), "threads"),
    (lambda f: f.scan(pinned(), strategy="best"), "strategy"),
    (lambda f: f.scan(pinned(), limits="none"), "limits"),
    (lambda f: f.explain(pinned(), -1), "host"),
    (lambda f: f.explain(pinned(), 10), "host"),
    (lambda f: f.usage(-1), "host"),
    (lambda f: f.hostinfo(2**40), "host"),
    (lambda f: f.hostinfo("a"), "host"),
    (lambda f: f.claim(pinned()), "host"),
    (lambda f: f.claim(pinned(), host=-1), "host"),
    (lambda f: f.claim(Placement([])), "host"),
    (lambda f: f.claim_all([Placement([])], hosts=[1, 2]), "hosts"),
    (lambda f: f.capacity(NOTHING), "capacity"),
    (lambda f: f.capacity(f.prepare(NOTHING)), "capacity"),
    (lambda f: f.capacity(pinned(), cap=-1), "cap"),
    (lambda f: f.schedule([pinned()], choose="best"), "choose"),
    (lambda f: f.schedule([pinned()], choose=[1.0] * 10), "choose"),
    (lambda f: f.schedule([pinned()], choose=np.ones(9)), "choose"),
    (lambda f: f.scan(Fleet([make_host(0)]).prepare(pinned())), "prepared"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "word"), BAD_CALLS)
def test_calls_that_make_no_sense(fleet: Fleet, call: Any, word: str) -> None:
    before = fleet.c_columns()
    with pytest.raises(MisuseError, match=word):
        call(fleet)
    for field, value in fleet.c_columns().items():
        np.testing.assert_array_equal(before[field], value, err_msg=field)


def test_every_verb_takes_a_prepared_request(fleet: Fleet) -> None:
    request = pinned(networks=Networks({"net1"}))
    ready = fleet.prepare(request)
    assert fleet.scan(ready).tolist() == fleet.scan(request).tolist()
    assert fleet.capacity(ready).tolist() == fleet.capacity(request).tolist()
    assert fleet.fit(ready) == fleet.fit(request)
    assert fleet.explain(ready, 0) == fleet.explain(request, 0)
    claims = [fleet.claim(ready, host=1), *fleet.schedule([ready, ready])]
    assert all(isinstance(claim, Claim) for claim in claims)


def test_a_batch_is_taken_as_a_whole_or_not_at_all(fleet: Fleet) -> None:
    request = pinned(4)
    both = [fleet.fit(request, hosts=[2])[0] for _ in range(2)]  # both on the same CPUs
    other = fleet.fit(request, hosts=[4])[0]
    before = fleet.c_columns()
    with pytest.raises(StalePlacement, match="host2"):
        fleet.claim_all([other, *both])
    for field, value in fleet.c_columns().items():
        if field != "host_generation":
            np.testing.assert_array_equal(before[field], value, err_msg=field)
    claims = fleet.claim_all([other, both[0]])
    with pytest.raises(StalePlacement):
        fleet.claim(both[1])
    fleet.release(claims)
    for claim in claims:
        with pytest.raises(MisuseError, match="released before"):
            fleet.release(claim)
    for field, value in fleet.c_columns().items():
        if field != "host_generation":
            np.testing.assert_array_equal(before[field], value, err_msg=field)


def test_a_stale_placement_is_judged_again_limits_included(fleet: Fleet) -> None:
    ratios = Limits(1.0, 1.5)
    first = fleet.fit(SHARED, hosts=[0], limits=ratios, limit=1)[0]
    again = fleet.fit(SHARED, hosts=[0], limits=ratios, limit=1)[0]
    fleet.claim(first)
    with pytest.raises(StalePlacement):  # physically there is room, within the limits none
        fleet.claim(again)


def test_a_batch_that_cannot_be_released_is_still_held(fleet: Fleet) -> None:
    mine = fleet.claim(pinned(), host=0)
    foreign = Fleet([make_host(0)]).claim(pinned(), host=0)
    with pytest.raises(MisuseError, match="another"):
        fleet.release([mine, foreign])
    fleet.release(mine)
    assert fleet.check() is None


def test_threads_never_hold_a_device_or_a_cpu_twice() -> None:
    fleet = Fleet([make_host(n, devices=4) for n in range(3)])
    start = Fleet(list(fleet.hostinfos()))
    requests = [pinned(1, pci=1), pinned(2), SHARED, pinned(1, pci=2)]
    held: set[tuple[int, str]] = set()
    guard, errors = threading.Lock(), []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        mine: list[Claim] = []
        try:
            for _ in range(400):
                if mine and rng.random() < 0.5:
                    claim = mine.pop(rng.randrange(len(mine)))
                    with guard:
                        held.difference_update(names(claim))
                    fleet.release(claim)
                    continue
                choose = rng.choice(["first", "spread", "pack"])
                for claim in fleet.schedule([rng.choice(requests)], choose=choose):
                    if claim is None:
                        continue
                    assert sum(len(a.devices) for a in claim.pci) == sum(a.count for a in claim.pci)
                    with guard:
                        assert held.isdisjoint(names(claim)), "taken twice"
                        held.update(names(claim))
                    mine.append(claim)
            for claim in mine:
                with guard:
                    held.difference_update(names(claim))
                fleet.release(claim)
        except BaseException as error:
            errors.append(error)

    def names(claim: Claim) -> set[tuple[int, str]]:
        cpus = {f"cpu {cpu}" for cell in claim.placement.cells for cpu in cell.pinning.values()}
        devices = {address for found in claim.pci for address in found.devices}
        return {(claim.host, name) for name in cpus | devices}

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert not errors
    assert not held
    assert fleet.check() is None
    same(fleet, start, generations=False)


FORK = """
import os, sys, threading
from numafit import Fleet, GuestCell, GuestTopology, Host, HostCell, HostInfo, Request
cells = [HostCell(id=0, cpuset=(), pcpuset=range(8), memory_mb=4096)]
fleet = Fleet([HostInfo(cells, str(n)) for n in range(200_000)])
request = Request(GuestTopology([GuestCell((), range(2), 64, None, "dedicated")]))
stop = False
def scan():
    while not stop:
        fleet.scan(request)
thread = threading.Thread(target=scan)
thread.start()
children = []
for n in range(20):
    child = os.fork()
    if not child:
        claims = [fleet.claim(request, host=host) for host in range(0, 200_000, 500)]
        fleet.release(claims)
        os._exit(0 if fleet.check() is None else 1)
    children.append(child)
status = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
stop = True
thread.join()
sys.exit(max(status))
"""


def test_a_child_of_a_fork_finds_no_lock_held() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], timeout=120, check=False)
    assert done.returncode == 0


MIX = [
    pinned(2),
    SHARED,
    pinned(1, pci=1),
    Request(GuestTopology([GuestCell((), range(n, n + 1), 512, 4, "dedicated") for n in (0, 1)])),
]


def arrivals(host: Host, requests: list[Request], weights: list[float], cap: int) -> list[int]:
    """The rule in plain words: fit and claim on one host, in turns."""
    counts, gone = [0] * len(requests), [False] * len(requests)
    while not all(gone):
        turn = min(
            (n for n in range(len(requests)) if not gone[n]),
            key=lambda n: ((counts[n] + 1) / weights[n], n),
        )
        placement = host.fit(requests[turn]) if counts[turn] < cap else None
        if isinstance(placement, Placement):
            host.claim(placement)
            counts[turn] += 1
        else:
            gone[turn] = True
    return counts


@pytest.mark.parametrize("weights", [[1, 1, 1, 1], [5, 1, 0.5, 2], [1, 100, 1, 1]])
@pytest.mark.parametrize("cap", [500, 2, 0])
def test_a_mix_is_what_arrives_in_turns(fleet: Fleet, weights: list[float], cap: int) -> None:
    before = fleet.c_columns()
    counts = fleet.capacity(MIX, weights=weights, cap=cap)
    assert counts.shape == (len(fleet), len(MIX))
    for n, info in enumerate(fleet.hostinfos()):
        assert counts[n].tolist() == arrivals(Host(info), MIX, weights, cap)
    again = fleet.capacity(MIX, weights=weights, cap=cap, threads=3, hosts=range(9, -1, -1))
    np.testing.assert_array_equal(again[::-1], counts)
    for field, value in fleet.c_columns().items():
        np.testing.assert_array_equal(before[field], value, err_msg=field)


def test_a_mix_of_one_is_the_request_alone(fleet: Fleet) -> None:
    for request in MIX:
        assert fleet.capacity([request])[:, 0].tolist() == fleet.capacity(request).tolist()
    ready = [fleet.prepare(request) for request in MIX]
    np.testing.assert_array_equal(fleet.capacity(ready), fleet.capacity(MIX))


@pytest.mark.parametrize("weights", [[1], [1, 0, 1, 1], [1, -1, 1, 1], [1, 1, 1, float("inf")],
                                     [1, 1, 1, float("nan")]])  # fmt: skip
def test_weights_are_numbers_above_zero(fleet: Fleet, weights: list[float]) -> None:
    with pytest.raises(MisuseError, match="weights"):
        fleet.capacity(MIX, weights=weights)


def test_mixes_that_make_no_sense(fleet: Fleet) -> None:
    with pytest.raises(MisuseError, match="at least one"):
        fleet.capacity([])
    with pytest.raises(MisuseError, match="nothing that runs out"):
        fleet.capacity([pinned(), NOTHING])
    with pytest.raises(MisuseError, match="list of requests"):
        fleet.capacity(pinned(), weights=[1])


def test_guests_of_devices_alone_are_counted_by_their_devices() -> None:
    pools = (PciPool("8086", "1515", 0, 3), PciPool("8086", "1521", None, 2))
    fleet = Fleet([HostInfo((), pci_pools=pools), HostInfo((), pci_pools=())])
    assert fleet.capacity(DEVICES_ONLY).tolist() == [5, 0]
    two = Request(None, pci=[PciRequest(2, [{"vendor_id": "8086"}])])
    assert fleet.capacity(two).tolist() == [2, 0]
    assert fleet.capacity([DEVICES_ONLY, two], cap=9).tolist() == [[3, 1], [0, 0]]


def test_what_is_in_use_stays_a_number_however_much_is_overcommitted() -> None:
    """Shared guests may overcommit a cell, yet not beyond what can be counted."""
    most = 1 << 50
    fleet = Fleet([HostInfo([HostCell(0, {0}, (), most)])])
    guest = Request(GuestTopology([GuestCell({0}, (), most, None, "shared")]))
    claim = fleet.claim(guest, host=0, limits=None)
    with pytest.raises(StalePlacement):
        fleet.claim(guest, host=0, limits=None)
    assert fleet.check() is None
    assert fleet.hostinfo(0).cells[0].memory_usage == most
    fleet.release(claim)
    assert fleet.usage(0)[0]["memory_usage"] == 0
