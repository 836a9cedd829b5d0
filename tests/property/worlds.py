"""Random hosts, guests and options that mix everything at once, for tests that ask twice."""

from __future__ import annotations

import random
from typing import Any

from numafit import Limits, Networks, PciRequest, Request
from numafit.model.guest import GuestCell, GuestTopology
from numafit.model.hostinfo import HostCell, HostInfo, PagePool, PciPool

POLICIES = ("required", "socket", "legacy", "preferred")
SIZES = (4, 2048, 1048576)
CPU_POLICIES = ("dedicated", "dedicated", "shared", "mixed")
THREADS = (None, None, "prefer", "isolate", "require")


def make_cell(rng: random.Random, n: int, plain: bool) -> HostCell:
    threads = 2 if plain else rng.choice([1, 2, 2, 4])
    cores = rng.randint(2, 12)
    cpus = [n * 100 + cpu for cpu in range(cores * threads)]
    siblings = [frozenset(cpus[c * threads : (c + 1) * threads]) for c in range(cores)]
    loose = 0 if plain or rng.random() < 0.8 else rng.randint(1, 3)
    extra = [n * 100 + 90 + k for k in range(loose)]
    if plain or rng.random() < 0.8:
        shared = frozenset(cpus[: rng.randint(0, 3)])
        dedicated = frozenset(cpus[len(shared) :]) | frozenset(extra)
    else:
        shared = dedicated = frozenset(cpus)
    everything = sorted(dedicated)
    pinned = frozenset(rng.sample(everything, rng.randint(0, len(everything))))
    if not plain and rng.random() < 0.1:
        pinned |= frozenset(cpus[:1])
    sizes = SIZES if plain else rng.choice([SIZES, SIZES[:1], SIZES[1:], SIZES[1:2], ()])
    pools = tuple(
        PagePool(
            size,
            total := rng.randint(0, 16 * 1048576 // size),
            rng.randint(0, total + (0 if plain else 3)),
            rng.choice([0, 0, 1]),
        )
        for size in sizes
    )
    memory = rng.randint(0, 32) * 1024
    return HostCell(
        n,
        shared,
        dedicated,
        memory,
        cpu_usage=rng.randint(0, 20),
        memory_usage=rng.randint(0, memory + 1024),
        pinned_cpus=pinned,
        siblings=() if not plain and rng.random() < 0.1 else tuple(siblings),
        page_pools=pools,
        physnets=frozenset(rng.sample(["a", "b", "c"], rng.randint(0, 2))),
        tunneled=rng.random() < 0.3,
        socket=None if rng.random() < 0.05 else n // 2,
    )


def make_host(rng: random.Random, plain: bool) -> HostInfo:
    n_cells = 2 if plain or rng.random() < 0.5 else rng.choice([0, 1, 2, 3, 4])
    pools = [
        PciPool(
            "8086",
            rng.choice(["10ed", "154c"]),
            rng.choice([None, *range(n_cells + 1)]),
            rng.randint(0, 4),
            {"dev_type": rng.choice(["type-VF", "type-VF", "type-PF"]), "net": rng.choice("ab")},
        )
        for _ in range(rng.randint(0, 5))
    ]
    ratios = rng.choice([(None, None), (16.0, 1.5), (0.5, 1.0), (1.0, 1000.0)])
    return HostInfo(
        tuple(make_cell(rng, n, plain) for n in range(n_cells)),
        pci_pools=tuple(pools),
        cpu_allocation_ratio=ratios[0],
        ram_allocation_ratio=ratios[1],
    )


def make_guest_cell(rng: random.Random, policy: str, threads: str | None) -> GuestCell:
    n = rng.choice([0, 1, 2, 2, 3, 4, 6]) if policy == "mixed" else rng.choice([1, 2, 2, 3, 4, 6])
    dedicated = frozenset(range(n)) if policy in ("dedicated", "mixed") else frozenset[int]()
    floating = frozenset(range(10, 10 + n)) if policy in ("shared", "mixed") else frozenset[int]()
    return GuestCell(
        floating,
        dedicated,
        rng.choice([0, 1, 512, 1024, 2048, 4096]),
        pagesize=rng.choice([None, None, -1, -2, -3, 4, 2048, 1048576, 16]),
        cpu_policy=policy,
        cpu_thread_policy=threads if dedicated or policy == "mixed" else None,
    )


def make_request(rng: random.Random, tied: bool) -> Request:
    policy = rng.choice(CPU_POLICIES)
    threads = rng.choice(THREADS)
    cells = [make_guest_cell(rng, policy, threads)] * rng.choice([1, 1, 1, 2, 2, 3])
    if rng.random() < 0.4:
        cells = [make_guest_cell(rng, policy, threads) for _ in cells]
    elif rng.random() < 0.4:  # cells that differ in their policies too
        cells = [make_guest_cell(rng, rng.choice(CPU_POLICIES), rng.choice(THREADS)) for _ in cells]
    pci = []
    for _ in range(rng.choice([0, 1, 1, 2]) if tied else 0):
        spec: dict[str, Any] = {"vendor_id": "8086"}
        if rng.random() < 0.5:
            spec[rng.choice(["product_id"])] = rng.choice(["10ed", "154c"])
        if rng.random() < 0.3:
            spec["dev_type"] = rng.choice(["type-VF", "type-PF"])
        pci.append(PciRequest(rng.randint(0, 3), [spec], rng.choice(POLICIES)))
    networks = None
    if tied and rng.random() < 0.6:
        networks = Networks(frozenset(rng.sample("abc", rng.randint(0, 2))), rng.random() < 0.3)
    emulator = "isolate" if threads and policy != "shared" and rng.random() < 0.3 else None
    return Request(GuestTopology(tuple(cells), emulator), networks=networks, pci=pci)


def make_options(rng: random.Random) -> dict[str, Any]:
    return {
        "strategy": rng.choice(["spread", "pack"]),
        "limits": rng.choice(["host", "host", None, Limits(4.0, 1.2), Limits(1e17, 1e300)]),
        "physnet_affinity": rng.choice(["any", "any", "all"]),
    }
