"""Hosts that come, change and go while others claim from them and read them."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from numafit import Claim, Fleet, HostInfo, MisuseError, StalePlacement
from tests.property.test_living import assert_alike, built_anew, some_host
from tests.property.worlds import make_request

SECONDS = float(os.environ.get("NUMAFIT_SECONDS", "6"))
N = 24


class World:
    """What was done, by those who did it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.versions = [[some_host(self.rng, f"h{host}") for _ in range(4)] for host in range(N)]
        self.truth: list[HostInfo | None] = [versions[0] for versions in self.versions]
        self.fleet = Fleet(versions[0] for versions in self.versions)
        self.until = time.monotonic() + SECONDS
        self.failed: list[BaseException] = []
        self.made: list[Claim] = []
        self.given: list[Claim] = []
        self.lost: list[Claim] = []

    def run(self, *works: Callable[[random.Random], None]) -> None:
        def guarded(work: Callable[[random.Random], None], seed: int) -> None:
            rng = random.Random(seed)
            try:
                while time.monotonic() < self.until and not self.failed:
                    work(rng)
            except BaseException as error:
                self.failed.append(error)

        threads = [threading.Thread(target=guarded, args=(work, n)) for n, work in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failed:
            raise self.failed[0]

    def claim(self, rng: random.Random) -> None:
        host = rng.randrange(N)
        try:
            found = self.fleet.fit_on(make_request(rng, rng.random() < 0.5), host)
            if found:
                self.made.append(self.fleet.claim(found))  # type: ignore[arg-type]
            else:
                assert isinstance(str(found), str)
        except StalePlacement:
            pass
        if rng.random() < 0.5:
            held = self.fleet.claims()
            if held:
                gone = rng.choice(held)
                try:
                    self.fleet.release(gone)
                    self.given.append(gone)
                except MisuseError:
                    pass  # another thread was faster, or its host changed

    def change(self, rng: random.Random) -> None:
        host = rng.randrange(N)
        if rng.random() < 0.2 and self.truth[host] is not None:
            result = self.fleet.remove(host)
            self.truth[host] = None
        else:
            new = rng.choice(self.versions[host])
            if rng.random() < 0.1:
                new = some_host(rng, f"h{host}")  # the tables learn new numbers
                self.versions[host].append(new)
            result = self.fleet.replace(host, new, claims="on top")
            self.truth[host] = new
        self.lost += result.lost

    def read(self, rng: random.Random) -> None:
        host = rng.randrange(N)
        info = self.fleet.hostinfo(host)
        if info.name:
            seen = shape(info)
            assert any(shape(version) == seen for version in list(self.versions[host])), info
        request = make_request(rng, rng.random() < 0.5)
        assert len(self.fleet.scan(request)) == N
        self.fleet.capacity(request, cap=2)
        self.fleet.explain(request, host)
        self.fleet.usage(host)
        self.fleet.pools(host)
        if rng.random() < 0.1:
            fork = self.fleet.fork()
            assert fork.check() is None
            assert self.fleet.check() is None


def shape(info: HostInfo) -> object:
    """What claims do not change."""
    cells = [
        (cell.id, cell.cpuset, cell.pcpuset, cell.memory_mb, cell.physnets, cell.socket)
        for cell in info.cells
    ]
    return cells, info.zone, info.disabled, info.distances, info.cpu_allocation_ratio


def test_what_is_left_is_the_fleet_that_is_built_anew() -> None:
    world = World(3)
    world.run(world.claim, world.change, world.read, world.claim)
    held = world.fleet.claims()
    assert {*held, *world.given, *world.lost} == set(world.made)
    assert len(held) + len(world.given) + len(world.lost) == len(world.made)
    assert world.lost, "no claim was lost: the test shows little"
    assert world.given
    named = [replace(info) if info is not None else None for info in world.truth]
    assert_alike(world.fleet, built_anew(named, held), world.rng)
