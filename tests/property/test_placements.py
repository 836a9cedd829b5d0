"""100,000 random guests: every placement is checked by rules written down here, not by the engine.

The rules are those of nova's documentation of CPU policies, thread policies, emulator threads, huge
pages and NUMA affinity of networks. Hosts fill up and empty while guests come and go.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, replace

from numafit import (
    Fleet,
    GuestCell,
    GuestTopology,
    Host,
    HostCell,
    HostInfo,
    Limits,
    Networks,
    PagePool,
    Placement,
    PlacementCell,
    Request,
    StalePlacement,
)

GUESTS = 20_000 if os.environ.get("NUMAFIT_FEWER") else 100_000
GUESTS_PER_HOST = 25
PINS = ("dedicated", "mixed")


@dataclass(frozen=True)
class Question:
    request: Request
    strategy: str
    limits: Limits | None
    affinity: str


class Dice(random.Random):
    def some(self, values: range | tuple[str, ...], chance: float) -> list:
        return [value for value in values if self.random() < chance]

    def host(self) -> HostInfo:
        threads = self.choice((1, 2, 2, 2, 4))
        kind = self.choice(("pin set", "dedicated", "split", "split", "shared"))
        sizes = self.choice(((4,), (4, 2048), (4, 2048, 1048576), (64,), ()))
        cells = [
            self.cell(n, threads, kind, sizes) for n in range(self.choice((1, 2, 2, 3, 4, 6, 8)))
        ]
        if self.random() < 0.2:
            self.shuffle(cells)
        distances = tuple(
            tuple(10 if a == b else 12 + 2 * (abs(a - b) % 4) for b in range(len(cells)))
            for a in range(len(cells))
        )
        return HostInfo(cells, distances=distances)

    def cell(self, n: int, threads: int, kind: str, sizes: tuple[int, ...]) -> HostCell:
        count = self.randint(1, 10)
        first = 200 * n
        cores = [frozenset(first + c + t * count for t in range(threads)) for c in range(count)]
        if self.random() < 0.2:  # a thread is offline
            cores[0] = frozenset([first])
        cpus = frozenset().union(*cores)
        if kind == "pin set":
            shared = dedicated = cpus
        elif kind == "dedicated":
            shared, dedicated = frozenset(), cpus
        elif kind == "shared":
            shared, dedicated = cpus, frozenset()
        else:
            dedicated = frozenset(cpu for cpu in cpus if self.random() < 0.7)
            shared = cpus - dedicated
        memory = self.choice((512, 2048, 8192))
        pools = []
        for size in sizes:
            total = memory * 1024 // size // len(sizes)
            used = self.randint(0, total) if self.random() < 0.4 else 0
            pools.append(PagePool(size, total, used, self.randint(0, (total - used) // 4)))
        return HostCell(
            id=n,
            cpuset=shared,
            pcpuset=dedicated,
            memory_mb=memory,
            cpu_usage=self.randint(0, 4),
            memory_usage=self.randint(0, memory // 2),
            pinned_cpus=frozenset(cpu for cpu in dedicated if self.random() < 0.2),
            siblings=tuple(cores),
            page_pools=tuple(pools),
            physnets=frozenset(self.some(("a", "b", "c"), 0.35)),
            tunneled=self.random() < 0.4,
        )

    def question(self) -> Question:
        policy = self.choice(("dedicated", "dedicated", "mixed", "shared", None))
        threads = self.choice((None, None, "prefer", "isolate", "require"))
        pages = self.choice((None, None, -1, -2, -3, 4, 2048))
        cells, vcpu = [], 0
        alike = self.random() < 0.6
        count, memory = self.randint(1, 5), self.choice((4, 64, 64, 128, 256, 1024, 63))
        for _ in range(self.choice((1, 1, 1, 2, 2, 3, 4))):
            if not alike:
                count, memory = self.randint(1, 5), self.choice((4, 64, 128, 256))
            vcpus = range(vcpu, vcpu + count)
            vcpu += count
            pinned = set(vcpus) if policy == "dedicated" else set()
            if policy == "mixed":
                pinned = set(self.sample(vcpus, max(1, count // 2)))
            cells.append(
                GuestCell(
                    frozenset(vcpus) - pinned,
                    frozenset(pinned),
                    memory,
                    pages,
                    policy,
                    threads if policy in PINS else None,
                )
            )
        emulator = "isolate" if policy in PINS and self.random() < 0.25 else None
        networks = None
        if self.random() < 0.4:
            networks = Networks(
                frozenset(self.some(("a", "b", "c", "nowhere"), 0.3)), self.random() < 0.3
            )
        return Question(
            Request(GuestTopology(tuple(cells), emulator), networks),
            self.choice(("spread", "spread", "pack", "closest")),
            None if self.random() < 0.2 else Limits(self.choice((1.0, 4.0)), 1.5),
            self.choice(("any", "any", "all")),
        )


def check(host: HostInfo, q: Question, placement: Placement) -> list[str]:
    """What is wrong with a placement on a host as it was before."""
    guest = q.request.guest
    assert guest is not None
    cells = {cell.id: cell for cell in host.cells}
    chosen = [cell.host_cell for cell in placement.cells]
    wrong = []
    if len(chosen) != len(guest.cells) or len(set(chosen)) != len(chosen):
        return [f"host cells {chosen}"]
    taken: list[int] = []
    for n, (wanted, got) in enumerate(zip(guest.cells, placement.cells, strict=True)):
        there = cells[got.host_cell]
        reserve = guest.emulator_threads_policy == "isolate" and n == 0
        wrong += check_cpus(there, wanted, got, reserve) + check_memory(there, wanted, got)
        if q.limits and wanted.cpu_policy != "dedicated":
            wrong += check_limits(there, wanted, q.limits)
        taken += [*got.pinning.values(), *got.reserved]
    if len(set(taken)) != len(taken):
        wrong.append(f"CPUs taken twice: {sorted(taken)}")
    if q.request.networks:
        wrong += check_networks(host, q.request.networks, set(chosen), q.affinity)
    return wrong


def check_cpus(there: HostCell, wanted: GuestCell, got: PlacementCell, reserve: bool) -> list[str]:
    wrong = []
    if (got.cpuset, got.pcpuset) != (wanted.cpuset, wanted.pcpuset):
        wrong.append("vCPUs of another guest")
    if len(wanted.cpuset) > len(there.cpuset):
        wrong.append("overcommits the cell by itself")
    if wanted.cpu_policy not in PINS:
        return wrong + (["pins a floating guest"] if got.pinning or got.reserved else [])
    if set(got.pinning) != wanted.pcpuset or len(got.reserved) != reserve:
        return [*wrong, f"pins {dict(got.pinning)}, reserves {set(got.reserved)}"]
    free = there.pcpuset - there.pinned_cpus
    pins = set(got.pinning.values())
    if not pins | got.reserved <= free:
        wrong.append("takes CPUs that are not free")
    cores = [core for core in there.siblings if core & pins]
    widest = max(map(len, there.siblings))
    if wanted.cpu_thread_policy == "isolate":
        if any(len(core & pins) > 1 or core & got.reserved for core in cores):
            wrong.append("isolate: shares a core with itself")
        if any(core & there.pinned_cpus for core in cores):
            wrong.append("isolate: shares a core with another guest")
        if widest > 1 and there.cpuset != there.pcpuset:
            wrong.append("isolate: beside shared CPUs on a host with SMT")
    if wanted.cpu_thread_policy == "require":
        if widest < 2:
            wrong.append("require: no SMT")
        if any(len(core & free) < 2 for core in cores):
            wrong.append("require: a core without a free sibling")
        if sum(len(core & pins) == 1 for core in cores) > 1:
            wrong.append("require: more than one core with a lone thread")
    return wrong


def check_memory(there: HostCell, wanted: GuestCell, got: PlacementCell) -> list[str]:
    kib = wanted.memory_mb * 1024
    pools = {pool.size_kib: pool for pool in there.page_pools}
    if wanted.pagesize is None:
        if got.pagesize is not None:
            return ["gives pages that nobody asked for"]
        if not pools:
            left = there.memory_mb - there.memory_usage
            enough = left if wanted.cpu_policy in PINS else there.memory_mb
            return [] if wanted.memory_mb <= enough else ["too little memory"]
        pool = pools[min(pools)]
        free = pool.total - pool.used - pool.reserved
        enough = free if wanted.cpu_policy in PINS else pool.total
        good = kib % pool.size_kib == 0 and kib // pool.size_kib <= enough
        return [] if good else ["too little memory in the smallest pages"]
    allowed = {
        -1: {min(pools, default=0)},
        -2: set(pools) - {min(pools, default=0)},
        -3: set(pools),
    }.get(wanted.pagesize, {wanted.pagesize})
    if got.pagesize not in allowed or got.pagesize not in pools:
        return [f"pages of {got.pagesize} KiB for {wanted.pagesize}"]
    for size in sorted(allowed, reverse=True):
        pool = pools[size]
        if kib % size == 0 and kib // size <= pool.total - pool.used - pool.reserved:
            return [] if size == got.pagesize else [f"larger pages of {size} KiB were free"]
    return ["no size has enough pages"]


def check_limits(there: HostCell, wanted: GuestCell, limits: Limits) -> list[str]:
    wrong = []
    if there.cpu_usage + len(wanted.cpuset) > len(there.cpuset) * limits.cpu_allocation_ratio:
        wrong.append("cpu_allocation_ratio")
    if there.memory_usage + wanted.memory_mb > there.memory_mb * limits.ram_allocation_ratio:
        wrong.append("ram_allocation_ratio")
    return wrong


def check_networks(host: HostInfo, nets: Networks, chosen: set[int], affinity: str) -> list[str]:
    near = {name: {c.id for c in host.cells if name in c.physnets} for name in nets.physnets}
    if nets.tunneled:
        near["the tunnel"] = {c.id for c in host.cells if c.tunneled}
    return [
        f"not near {name}"
        for name, cells in near.items()
        if cells and not (cells <= chosen if affinity == "all" else cells & chosen)
    ]


def fitted(host: Host | Fleet, q: Question) -> dict[str, object]:
    return {"strategy": q.strategy, "limits": q.limits, "physnet_affinity": q.affinity}


def test_placements_keep_the_rules() -> None:
    dice = Dice(2026)
    seen: Counter[str] = Counter()
    for _ in range(GUESTS // GUESTS_PER_HOST):
        host = Host(dice.host())
        first = before = host.hostinfo
        claims = []
        for _ in range(GUESTS_PER_HOST):
            q = dice.question()
            options = fitted(host, q)
            found = host.fit(q.request, **options)
            if not isinstance(found, Placement):
                seen["refused"] += 1
                if claims and dice.random() < 0.5:
                    host.release(claims.pop(dice.randrange(len(claims))))
                    before = host.hostinfo
                continue
            seen["placed"] += 1
            wrong = check(before, q, found)
            assert not wrong, f"{wrong}\n{before}\n{q}\n{found}"
            if dice.random() < 0.6:
                try:
                    claims.append(host.claim(found))
                except StalePlacement:
                    # nova too finds placements for isolate that cannot be taken
                    assert q.request.guest.cells[0].cpu_thread_policy == "isolate"
                    assert host.hostinfo == before
                    seen["cannot be claimed"] += 1
                before = host.hostinfo
        assert host.check() is None
        for claim in claims:
            host.release(claim)
        assert host.hostinfo == first
    print(dict(seen))
    assert seen.total() - seen["cannot be claimed"] == GUESTS // GUESTS_PER_HOST * GUESTS_PER_HOST
    assert seen["placed"] > GUESTS // 6
    assert seen["refused"] > GUESTS // 6


def test_fleets_say_what_hosts_say() -> None:
    """Many hosts at once, by the loops that never place, and on two threads."""
    dice = Dice(7)
    infos = [replace(dice.host(), cpu_allocation_ratio=2.0, ram_allocation_ratio=1.5) for _ in
             range(300)]  # fmt: skip
    hosts, fleet = [Host(info) for info in infos], Fleet(infos)
    fits = 0
    for _ in range(150):
        q = dice.question()
        limits = "host" if dice.random() < 0.5 else q.limits
        options = fitted(fleet, q) | {"limits": limits}
        answers = [host.fit(q.request, **options) for host in hosts]
        wanted = [isinstance(answer, Placement) for answer in answers]
        fits += sum(wanted)
        assert fleet.scan(q.request, **options).tolist() == wanted
        assert fleet.scan(q.request, **options, threads=2).tolist() == wanted
        placements = [answer for answer in answers if isinstance(answer, Placement)]
        cells = [p.cells for p in fleet.fit(q.request, **options)]
        assert cells == [p.cells for p in placements]
        some = dice.sample(range(300), 20)
        picked = fleet.scan(q.request, **options, hosts=some).tolist()
        assert picked == [wanted[n] for n in some]
    assert fits > 4000


def test_capacity_is_fitting_until_refusal() -> None:
    dice = Dice(99)
    infos = [dice.host() for _ in range(400)]
    fleet = Fleet(infos)
    total = 0
    for _ in range(30):
        q = dice.question()
        options = fitted(fleet, q)
        chosen = dice.sample(range(400), 40)
        counts = fleet.capacity(q.request, **options, hosts=chosen, cap=30)
        for n, count in zip(chosen, counts.tolist(), strict=True):
            host, fit = Host(infos[n]), 0
            while fit < 30 and (placement := host.fit(q.request, **options)):
                try:
                    host.claim(placement)
                except StalePlacement:
                    break
                fit += 1
            assert count == fit, f"{infos[n]}\n{q}"
            total += count
    assert total > 500
