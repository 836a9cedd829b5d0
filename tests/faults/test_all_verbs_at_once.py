"""Every verb, from several threads at once, on hosts with lists of devices: the fleet and a plain
model of what claims hold agree, and no device is given twice. NUMAFIT_ROUNDS says how many rounds
(default: 4)."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow
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
    StalePlacement,
)
from numafit.claims import Claim

ROUNDS = int(os.environ.get("NUMAFIT_ROUNDS", "4"))
THREADS, STEPS, HOSTS, CPUS, DEVICES = 4, 40, 3, 16, 8


def make_fleet() -> Fleet:
    def info(n: int) -> HostInfo:
        cells = tuple(
            HostCell(c, frozenset(), frozenset(range(CPUS * c, CPUS * c + CPUS)), 8192)
            for c in range(2)
        )
        pools = tuple(
            PciPool("8086", "154c", c, DEVICES, {}, tuple(f"0000:{n}{c}:00.{d}" for d in range(8)))
            for c in range(2)
        )
        return HostInfo(cells, f"h{n}", pci_pools=pools)

    return Fleet(map(info, range(HOSTS)))


def make_request(rng: random.Random) -> Request:
    size = rng.choice([1, 2, 4])
    cells = tuple(
        GuestCell((), range(size * c, size * c + size), 512, None, "dedicated")
        for c in range(rng.choice([1, 1, 2]))
    )
    policy = rng.choice(["required", "preferred", "legacy"])
    wanted = [PciRequest(rng.choice([1, 2]), [{"vendor_id": "8086"}], policy)]
    return Request(GuestTopology(cells), pci=wanted if rng.random() < 0.7 else [])


class Worker:
    """Does one thing after the other; ``held`` are its claims."""

    def __init__(self, fleet: Fleet, seed: int, folder: Path) -> None:
        self.fleet, self.rng = fleet, random.Random(seed)
        self.file = folder / f"{seed % THREADS}.npz"
        self.held: list[Claim] = []
        self.did: Counter[str] = Counter()

    def work(self) -> None:
        verbs = {
            name: verb for name, verb in vars(Worker).items() if name.startswith(("do_", "ask_"))
        }
        for _ in range(STEPS):
            name = self.rng.choice(list(verbs))
            try:
                verbs[name](self)
                self.did[name] += 1
            except StalePlacement:
                self.did["stale"] += 1

    def do_claim(self) -> None:
        host = self.rng.randrange(HOSTS)
        self.held.append(self.fleet.claim(make_request(self.rng), host=host))

    def do_claim_all(self) -> None:
        self.held += self.fleet.claim_all(self.fleet.fit(make_request(self.rng)))

    def do_schedule(self) -> None:
        choose = self.rng.choice(["first", "spread", "pack"])
        requests = [make_request(self.rng) for _ in range(2)]
        # one by one: what was taken before an error is held
        for claim in self.fleet.schedule(requests, choose):
            if claim is not None:
                self.held.append(claim)

    def do_release(self) -> None:
        going = self.rng.sample(self.held, self.rng.randint(0, len(self.held)))
        self.fleet.release(going)
        self.held = [claim for claim in self.held if claim not in going]

    do_release_again = do_release

    def ask_scan(self) -> None:
        assert self.fleet.scan(make_request(self.rng), threads=2).shape == (HOSTS,)

    def ask_capacity(self) -> None:
        assert (self.fleet.capacity(make_request(self.rng), cap=9) <= 9).all()

    def ask_mix(self) -> None:
        kinds = [make_request(self.rng) for _ in range(2)]
        assert (self.fleet.capacity(kinds, cap=5) <= 5).all()

    def ask_saved(self) -> None:
        self.fleet.save(self.file)
        whole(Fleet.load(self.file))

    def ask_arrow(self) -> None:
        whole(Fleet.from_arrow(pyarrow.table(self.fleet)))

    def ask_hosts(self) -> None:
        whole(Fleet(self.fleet.hostinfos()))


def whole(fleet: Fleet) -> None:
    """No host of the copy was caught in the middle of a claim: what is there adds up."""
    assert fleet.check() is None
    for host in range(HOSTS):
        for pool in fleet.pools(host):
            assert len(pool.devices) == pool.count


def agrees(fleet: Fleet, held: list[Claim]) -> None:
    """Usage is the sum of the claims: CPUs, memory, and devices by their names."""
    assert fleet.check() is None
    whole(fleet)
    for host in range(HOSTS):
        mine = [claim for claim in held if claim.host == host]
        for cell in fleet.usage(host):
            placed = [c for one in mine for c in one.placement.cells if c.host_cell == cell["id"]]
            pinned = sorted(cpu for one in placed for cpu in one.pinning.values())
            assert sorted(cell["pinned_cpus"]) == pinned
            assert cell["memory_usage"] == sum(one.memory_mb for one in placed)
        named = [device for one in mine for drawn in one.pci for device in drawn.devices]
        free = [device for pool in fleet.pools(host) for device in pool.devices]
        assert len(named) == sum(drawn.count for one in mine for drawn in one.pci)
        assert len(set(named)) == len(named), "a device was given twice"
        assert sorted(named + free) == sorted(
            f"0000:{host}{c}:00.{d}" for c in range(2) for d in range(DEVICES)
        )


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_verbs_from_several_threads_agree_with_a_plain_model(seed: int, tmp_path: Path) -> None:
    fleet = make_fleet()
    empty = {name: a.copy() for name, a in fleet.columns().items() if name != "host_generation"}
    workers = [Worker(fleet, seed * THREADS + n, tmp_path) for n in range(THREADS)]
    failed: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(one.work,)) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
    agrees(fleet, [claim for one in workers for claim in one.held])
    assert sum((one.did for one in workers), Counter())["do_schedule"]
    for one in workers:
        fleet.release(one.held)
    agrees(fleet, [])
    for name, column in empty.items():
        assert fleet.columns()[name].tobytes() == column.tobytes(), name
    assert not list(tmp_path.glob(".*draft"))


def test_verbs_one_after_the_other_agree_with_a_plain_model(tmp_path: Path) -> None:
    for seed in range(ROUNDS):
        fleet = make_fleet()
        worker = Worker(fleet, 1000 + seed, tmp_path)
        verbs = [verb for name, verb in vars(Worker).items() if name.startswith(("do_", "ask_"))]
        for _ in range(STEPS):
            before = list(worker.held)
            try:
                worker.rng.choice(verbs)(worker)
            except StalePlacement:
                assert worker.held[: len(before)] == before
            agrees(fleet, worker.held)
