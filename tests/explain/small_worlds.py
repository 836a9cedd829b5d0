"""Hosts and guests so small that every set of changes can be tried."""

from __future__ import annotations

from random import Random
from typing import Any

from numafit import (
    FitOptions,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    Limits,
    Networks,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)
from numafit.model.resources import Inventory, Provider, ResourceGroup, Resources

SMALL, LARGE = 1024, 2048  # KiB of a page
POLICIES = ("dedicated", "dedicated", "dedicated", "mixed", "shared", None)
THREADS = (None, None, "prefer", "isolate", "require")


def host(rng: Random) -> HostInfo:
    """One or two cells of up to four CPUs and 6 MiB."""
    numbers = rng.choice((1, 2, 2))
    cells = tuple(_cell(rng, n) for n in range(numbers))
    pools = None
    if rng.random() < 0.4:
        pools = tuple(_pool(rng, numbers) for _ in range(rng.randint(1, 2)))
    ratios: Any = rng.choice(((None, None), (1.0, 1.0), (2.0, 1.5)))
    provider = _provider(rng, cells) if rng.random() < 0.3 else None
    return HostInfo(cells, "small", pools, *ratios, provider=provider)


def _provider(rng: Random, cells: tuple[HostCell, ...]) -> Provider:
    """What is in use by placement's count is about what is in use on the cells."""
    used = {
        "PCPU": sum(len(cell.pinned_cpus) for cell in cells),
        "VCPU": sum(cell.cpu_usage for cell in cells),
        "MEMORY_MB": sum(cell.memory_usage for cell in cells),
    }
    total = {
        "PCPU": sum(len(cell.pcpuset) for cell in cells),
        "VCPU": sum(len(cell.cpuset) for cell in cells),
        "MEMORY_MB": sum(cell.memory_mb or 0 for cell in cells),
    }
    return Provider(
        {
            name: Inventory(total[name], used=max(used[name] + rng.choice((-1, 0, 0, 1)), 0))
            for name in total
        },
        elsewhere=frozenset(),
    )


def asked_of_placement(guest: GuestTopology) -> Resources:
    emulator = guest.emulator_threads_policy == "isolate"
    amounts = {
        "PCPU": sum(len(cell.pcpuset) for cell in guest.cells) + emulator,
        "VCPU": sum(len(cell.cpuset) for cell in guest.cells),
        "MEMORY_MB": sum(cell.memory_mb for cell in guest.cells),
    }
    return Resources((ResourceGroup("", {name: n for name, n in amounts.items() if n}),))


def _cell(rng: Random, n: int) -> HostCell:
    width = rng.choice((1, 2, 2))
    cpus = [8 * n + k for k in range(rng.choice((2, 2, 4)))]
    siblings = tuple(frozenset(cpus[k : k + width]) for k in range(0, len(cpus), width))
    way = rng.choice(("same", "same", "dedicated", "dedicated", "split", "some"))
    if way == "same":
        shared = dedicated = cpus
    elif way == "dedicated":
        shared, dedicated = [], cpus
    else:
        cut = rng.randint(0, len(cpus))
        shared, dedicated = cpus[:cut], cpus[cut + (way == "some") :]
    memory = rng.randint(2, 6)
    pages: tuple[PagePool, ...] = ()
    if rng.random() < 0.7:
        large = rng.randint(0, memory // 2)
        pages = tuple(
            PagePool(size, total, rng.randint(0, total), rng.choice((0, 0, 0, 1)))
            for size, total in ((SMALL, memory - 2 * large), (LARGE, large))
            if size == SMALL or rng.random() < 0.8
        )
    return HostCell(
        n,
        frozenset(shared),
        frozenset(dedicated),
        memory,
        cpu_usage=rng.choice((0, 0, 1, 2, 3)),
        memory_usage=rng.randint(0, memory),
        pinned_cpus=frozenset(cpu for cpu in dedicated if rng.random() < 0.6),
        siblings=siblings if rng.random() < 0.9 else (),
        page_pools=pages,
        physnets=frozenset(net for net in ("foo", "bar") if rng.random() < 0.4),
        tunneled=rng.random() < 0.4,
    )


def _pool(rng: Random, cells: int) -> PciPool:
    tags = {"dev_type": "type-VF"}
    if rng.random() < 0.3:
        tags["physical_network"] = "foo"
    node = rng.choice((*range(cells), None))
    return PciPool("8086", rng.choice(("1", "2")), node, rng.randint(0, 2), tags)


def request(rng: Random, info: HostInfo) -> Request:
    count = rng.randint(1, len(info.cells))
    cells = []
    vcpus = 0
    alike = rng.random() < 0.7
    for _ in range(count):
        if cells and alike:
            first = cells[0]
            shared, dedicated = len(first.cpuset), len(first.pcpuset)
            kept = (first.memory_mb, first.pagesize, first.cpu_policy, first.cpu_thread_policy)
        else:
            kept, shared, dedicated = _wanted(rng, rng.choice(info.cells))
        ids = range(vcpus, vcpus + shared + dedicated)
        vcpus += len(ids)
        cells.append(GuestCell(frozenset(ids[:shared]), frozenset(ids[shared:]), *kept))
    emulator = rng.choice((None, None, None, "isolate")) if cells[0].pcpuset else None
    networks = None
    if rng.random() < 0.35:
        nets = frozenset(net for net in ("foo", "bar") if rng.random() < 0.4)
        networks = Networks(nets, rng.random() < 0.3)
    pci = [_device(rng) for _ in range(rng.choice((1, 1, 2)))] if rng.random() < 0.35 else []
    guest = GuestTopology(tuple(cells), emulator)
    resources = None if info.provider is None else asked_of_placement(guest)
    return Request(guest, networks, pci, resources=resources)


def _wanted(rng: Random, cell: HostCell) -> tuple[Any, int, int]:
    """Mostly what this host cell could give were it empty."""
    aimed = rng.random() < 0.85
    policy = rng.choice(POLICIES)
    if aimed and not cell.pcpuset:
        policy = "shared"
    elif aimed and not cell.cpuset:
        policy = "dedicated"
    shared = 0 if policy == "dedicated" else rng.randint(1, 2)
    dedicated = rng.randint(1, 3) if policy in ("dedicated", "mixed") else 0
    size = rng.choice((None, None, SMALL, LARGE, -1, -2, -3))
    threads = rng.choice(THREADS) if dedicated else None
    memory = rng.randint(1, 5)
    if aimed:
        size = rng.choice((None, *(pool.size_kib for pool in cell.page_pools)))
        shared = min(shared, len(cell.cpuset))
        dedicated = min(dedicated, len(cell.pcpuset))
        if dedicated + shared == 0:
            shared, dedicated = int(policy != "dedicated"), int(policy == "dedicated")
        if cell.cpuset != cell.pcpuset and threads == "isolate":
            threads = None
        if size == LARGE:
            memory = rng.choice((2, 4))
    return (memory, size, policy, threads), shared, dedicated


def _device(rng: Random) -> PciRequest:
    spec = {"vendor_id": "8086", "product_id": rng.choice(("1", "2"))}
    if rng.random() < 0.2:
        spec["physical_network"] = "foo"
    policy = rng.choice((None, "legacy", "required", "preferred"))
    return PciRequest(rng.choice((1, 1, 2)), [spec], policy)


def options(rng: Random) -> FitOptions:
    return FitOptions(
        strategy=rng.choice(("spread", "pack")),
        limits=rng.choice(("host", None, Limits(1.0, 1.0))),
        physnet_affinity=rng.choice(("any", "any", "all")),
        pci_matching="exact",
    )
