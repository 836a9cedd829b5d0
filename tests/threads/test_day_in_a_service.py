"""A day in a service, in fast motion: guests come and go, hosts change, come and go, readers look
on; each "hour" the process is killed and starts again from its file and its journal. At the end of
each the fleet is the one that is built anew from the same truth.

NUMAFIT_DAY_HOSTS (default: 500) and NUMAFIT_DAY_SECONDS of an hour (default: 0.6) make it longer:
10000 hosts and 8 seconds are a run of minutes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    PagePool,
    PciPool,
    PciRequest,
    Request,
    StalePlacement,
)
from numafit.journal import Journal

HOSTS = int(os.environ.get("NUMAFIT_DAY_HOSTS", "500"))
SECONDS = float(os.environ.get("NUMAFIT_DAY_SECONDS", "0.6"))
HOURS = 8
NIC = {"dev_type": "type-VF", "physical_network": "data"}
REQUESTS = [
    Request(GuestTopology((GuestCell((), {0, 1}, 1024, 1048576, "dedicated"),))),
    Request(GuestTopology((GuestCell({0, 1}, (), 512, None, "shared"),))),
    Request(
        GuestTopology((GuestCell((), {0}, 512, None, "dedicated", "isolate"),)),
        pci=[PciRequest(1, [{"product_id": "154c"}])],
    ),
]


def host_of(name: str, version: int) -> HostInfo:
    """The same for the same name and version, so that who starts again knows it."""
    rng = random.Random(f"{name} {version}")
    cells = []
    for node in range(rng.choice([1, 2, 2, 2, 4])):
        first, cores = 64 * node, rng.choice([8, 12, 16])
        cpus = list(range(first, first + 2 * cores))
        kept = rng.choice([0, 2, 4])
        cells.append(
            HostCell(
                node,
                cpus[:kept],  # type: ignore[arg-type]
                cpus[kept:],  # type: ignore[arg-type]
                65536,
                siblings=tuple(frozenset(cpus[n : n + 2]) for n in range(0, 2 * cores, 2)),
                page_pools=(PagePool(4, 8 << 20), PagePool(1048576, rng.choice([8, 16, 32]))),
            )
        )
    devices = tuple(f"0000:05:{n:02x}.1" for n in range(rng.choice([0, 4, 8])))
    pools = (PciPool("8086", "154c", 0, len(devices), NIC, devices),) if devices else ()
    return HostInfo(tuple(cells), name, pools)


def tell(pipe: int, **said: Any) -> None:
    os.write(pipe, json.dumps(said).encode() + b"\n")


class Service:
    """One life of the process: from its file and its journal until it is killed."""

    def __init__(self, folder: Path, truth: dict[str, int], pipe: int, seed: int) -> None:
        self.folder, self.pipe = folder, pipe
        self.rng = random.Random(seed)
        self.journal = Journal(folder / "claims")
        self.fleet = Fleet.load(folder / "fleet.npz")
        found = self.fleet.adopt(self.journal)
        follow(self.fleet, truth)
        again = self.fleet.adopt(found.lost, usage="on top")
        self.journal.forget([one.number for one in again.lost if one.number])
        self.truth = dict(truth)
        self.count = seed * 1_000_000

    def save(self) -> None:
        self.fleet.save(self.folder / "fleet.npz")
        self.journal.trim()

    def live(self) -> None:
        for _ in range(2):
            threading.Thread(target=self.look_on, daemon=True).start()
        while True:
            event = self.rng.random()
            if event < 0.55:
                self.claim()
            elif event < 0.85:
                self.release()
            elif event < 0.97:
                self.change()
            elif event < 0.985:
                self.add()
            elif event < 0.999:
                self.remove()
            else:
                self.save()

    def claim(self) -> None:
        names = self.rng.sample(sorted(self.truth), 5)
        hosts = [self.fleet.index(name) for name in names]
        request = self.rng.choice(REQUESTS)
        for host in np.array(hosts)[self.fleet.scan(request, hosts=hosts)].tolist()[:1]:
            try:
                made = self.fleet.claim(request, host=host)
            except StalePlacement:
                continue
            tell(self.pipe, claimed=made.to_json())

    def release(self) -> None:
        name = self.rng.choice(sorted(self.truth))
        held = self.fleet.claims([self.fleet.index(name)])
        if held:
            gone = self.rng.choice(held)
            tell(self.pipe, releasing=gone.to_json())
            self.fleet.release(gone)
            tell(self.pipe, released=True)

    def change(self) -> None:
        name = self.rng.choice(sorted(self.truth))
        self.count += 1
        tell(self.pipe, host=name, version=self.count)
        lost = self.fleet.replace(name, host_of(name, self.count), claims="on top").lost
        self.truth[name] = self.count
        tell(self.pipe, lost=[claim.to_json() for claim in lost])

    def add(self) -> None:
        self.count += 1
        name = f"host{self.count}"
        tell(self.pipe, host=name, version=self.count)
        self.fleet.add(host_of(name, self.count))
        self.truth[name] = self.count
        tell(self.pipe, lost=[])

    def remove(self) -> None:
        name = self.rng.choice(sorted(self.truth))
        tell(self.pipe, host=name, version=None)
        lost = self.fleet.remove(name).lost
        del self.truth[name]
        tell(self.pipe, lost=[claim.to_json() for claim in lost])

    def look_on(self) -> None:
        rng = random.Random(self.count)
        while True:
            host = rng.randrange(len(self.fleet))
            info = self.fleet.hostinfo(host)
            assert len(self.fleet.usage(host)) >= 0
            assert all(cell.pinned_cpus <= cell.pcpuset for cell in info.cells)
            request = rng.choice(REQUESTS)
            fits = self.fleet.scan(request)
            assert len(fits) <= len(self.fleet)


def follow(fleet: Fleet, truth: dict[str, int]) -> None:
    """What a look into nova's database does: hosts that are others than the fleet has."""
    names = set(fleet.names) - {""}
    fleet.remove(sorted(names - truth.keys()))
    for name, version in truth.items():
        if name not in names:
            fleet.add(host_of(name, version))
        elif unlike(fleet.hostinfo(fleet.index(name)), host_of(name, version)):
            fleet.replace(name, host_of(name, version), claims="on top")


def unlike(one: HostInfo, other: HostInfo) -> bool:
    def shape(info: HostInfo) -> Any:
        cells = [
            (cell.id, cell.cpuset, cell.pcpuset, cell.memory_mb, cell.siblings)
            for cell in info.cells
        ]
        pages = [(pool.size_kib, pool.total) for cell in info.cells for pool in cell.page_pools]
        return cells, pages, len(info.pci_pools or ())

    return bool(shape(one) != shape(other))


def assert_is_built_anew(fleet: Fleet, truth: dict[str, int]) -> None:
    assert fleet.check() is None
    assert set(fleet.names) - {""} == truth.keys()
    order = [name for name in fleet.names if name]
    anew = Fleet(host_of(name, truth[name]) for name in order)
    found = anew.adopt([claim.to_json() for claim in fleet.claims()], usage="on top")
    assert not found.lost, found.lost[:3]
    there = [n for n, name in enumerate(fleet.names) if name]
    step = max(1, len(there) // 500)
    for n, host in list(enumerate(there))[::step]:
        assert fleet.hostinfo(host).cells == anew.hostinfo(n).cells
    for request in REQUESTS:
        assert fleet.scan(request)[there].tolist() == anew.scan(request).tolist()
        assert fleet.capacity(request)[there].tolist() == anew.capacity(request).tolist()


def test_each_hour_ends_with_the_fleet_that_is_built_anew(tmp_path: Path) -> None:
    truth = {f"host{n}": 0 for n in range(HOSTS)}
    held: Counter[str] = Counter()  # guests that float are alike
    with Journal(tmp_path / "claims") as journal:
        fleet = Fleet(host_of(name, 0) for name in truth)
        fleet.adopt(journal)
        fleet.save(tmp_path / "fleet.npz")
    events = 0
    for hour in range(1, HOURS + 1):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(read)
                Service(tmp_path, truth, write, hour).live()
            except BaseException as error:
                tell(write, failed=repr(error))
            finally:
                os._exit(1)
        os.close(write)
        killer = threading.Timer(SECONDS, os.kill, (child, signal.SIGKILL))
        killer.start()
        unsure: Counter[str] = Counter()
        pending: dict[str, int] = {}
        with open(read) as told:
            for line in told:
                if not line.endswith("\n"):
                    break
                said = json.loads(line)
                events += 1
                assert "failed" not in said, said
                if "claimed" in said:
                    held[said["claimed"]] += 1
                elif "releasing" in said:
                    held[said["releasing"]] -= 1
                    unsure[said["releasing"]] += 1
                elif "host" in said:
                    pending = {said["host"]: said["version"]}
                    if said["version"] is None:
                        truth.pop(said["host"])
                    else:
                        truth.update(pending)
                else:
                    unsure.clear()
                    held -= Counter(said.get("lost", ()))
                    pending = {}
        os.waitpid(child, 0)
        killer.join()
        read, write = os.pipe()
        service = Service(tmp_path, truth, write, hour)
        ours = Counter(claim.to_json() for claim in service.fleet.claims())
        assert_is_built_anew(service.fleet, truth)
        # the last host to change may have lost claims that nobody was told of any more
        gone = [one for one in held - ours if json.loads(one)["host"] not in pending]
        assert gone == []
        assert (ours - held - unsure).total() <= 1
        held = ours
        service.save()
        service.journal.close()
        os.close(read)
        os.close(write)
    print(f"{events} events", file=sys.stderr)
    assert events > HOURS * 20
