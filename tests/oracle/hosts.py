"""Random small hosts that mix everything: odd cores, pages, usage, networks, devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from numafit import HostCell, HostInfo, PagePool, PciPool
from numafit.model.guest import MAX_MEMORY_MB
from numafit.model.hostinfo import max_pages

from .dials import Dials

SIZES = (4, 64, 2048, 3072, 16384, 1048576)
"""KiB of a page. 3072 divides no power of two; memory is often no whole number of the larger."""
USUAL_SIZES = ((4,), (4, 2048), (4, 2048), (4, 2048), (4, 2048, 1048576), (64, 16384), (3072, 4))
PHYSNETS = ("foo", "bar", "baz")
PARENTS = ("0000:02:00.0", "0000:03:00.0", "0000:81:00.1")
VENDORS, PRODUCTS = ("8086", "15b3"), ("154c", "1572", "101e")
PROVIDERS = ("u1", "u2", "u3", "u10")
RATIOS = (0.0, 0.5, 1.0, 1.0, 1.5, 2.0, 2.0, 4.0, 16.0, 16.0, 1e18)


def host(rng: Random, dials: Dials, name: str, sizes: Sequence[int]) -> HostInfo:
    """``sizes``: of pages, that most hosts of a world have."""
    count = rng.choice(dials.host_cells)
    ids = rng.sample(range(6), count) if rng.random() < 0.3 else list(range(count))
    numbers = list(range(128))
    if rng.random() < 0.3:
        rng.shuffle(numbers)
    sockets = rng.choice(("none", "one", "pairs", "pairs", "some"))
    if count and rng.random() < dials.large:
        numbers = list(range(400 * count))
        dials = replace(dials, cores=range(20, 80))
    scale = 1 if rng.random() >= dials.huge else rng.choice((1 << 20, 1 << 40, 1 << 44))
    sizes = sizes if rng.random() < 0.9 else ()
    cells = [
        _cell(rng, dials, ids[n], numbers, _socket(rng, sockets, n), scale, sizes)
        for n in range(count)
    ]
    pools = None
    if rng.random() < dials.devices:
        pools = _pools(rng, dials, ids)
    elif rng.random() < 0.5:
        pools = ()
    ratios: Sequence[float | None] = (None, None)
    if rng.random() < 0.6:
        ratios = rng.choice(RATIOS), rng.choice(RATIOS)
        if rng.random() < 0.1:
            ratios = rng.choice(((None, ratios[1]), (ratios[0], None)))
    return HostInfo(tuple(cells), name, pools, *ratios, distances=_distances(rng, count))


def like(rng: Random, dials: Dials, other: HostInfo, name: str) -> HostInfo:
    """A host of the same make with another usage."""
    cells = [
        replace(cell, **_used(rng, dials, cell.memory_mb or 0, sorted(cell.pcpuset)))
        for cell in other.cells
    ]
    return replace(other, cells=tuple(cells), name=name)


def _used(rng: Random, dials: Dials, memory: int, dedicated: list[int]) -> dict[str, Any]:
    """What is in use of a cell; now and then more memory than there is."""
    if rng.random() >= dials.usage:
        return {"cpu_usage": 0, "memory_usage": 0, "pinned_cpus": frozenset()}
    often = rng.choice((0.2, 0.5))
    most = min(memory + memory // 8, MAX_MEMORY_MB) if rng.random() < 0.2 else memory
    return {
        "cpu_usage": rng.randrange(6),
        "memory_usage": rng.randrange(most + 1) // rng.choice((1, 2, 4)),
        "pinned_cpus": frozenset(cpu for cpu in dedicated if rng.random() < often),
    }


def _socket(rng: Random, sockets: str, at: int) -> int | None:
    if sockets == "none" or (sockets == "some" and rng.random() < 0.3):
        return None
    return 0 if sockets == "one" else at // 2


def _distances(rng: Random, count: int) -> tuple[tuple[int, ...], ...]:
    if rng.random() < 0.3:
        return ()
    rows = [[10 if a == b else rng.choice((10, 12, 20, 21, 31)) for a in range(count)]
            for b in range(count)]  # fmt: skip
    if rng.random() < 0.7:
        rows = [[rows[min(a, b)][max(a, b)] for a in range(count)] for b in range(count)]
    return tuple(map(tuple, rows))


def _cell(
    rng: Random,
    dials: Dials,
    cell: int,
    numbers: list[int],
    socket: int | None,
    scale: int,
    sizes: Sequence[int],
) -> HostCell:
    cores = _cores(rng, dials, numbers)
    loose = [numbers.pop() for _ in range(rng.choice(dials.loose))]
    cpus = [cpu for core in cores for cpu in core] + loose
    shared, dedicated = _sets(rng, dials, cores, cpus)
    siblings = () if rng.random() < 0.1 else tuple(map(frozenset, cores))
    memory = scale * rng.choice((0, 4, 6, 16, 30, 64, 64, 64))
    if sizes and rng.random() < 0.1:
        sizes = rng.sample(SIZES, rng.choice((1, 2, 3)))
    pages = _pages(rng, dials, memory, sizes)
    used = _used(rng, dials, memory, dedicated)
    if used["pinned_cpus"] and rng.random() < 0.1:  # others than are given out, too
        used["pinned_cpus"] |= {cpu for cpu in cpus if rng.random() < 0.2}
    return HostCell(
        id=cell,
        cpuset=frozenset(shared),
        pcpuset=frozenset(dedicated),
        memory_mb=memory,
        siblings=siblings,
        page_pools=tuple(pages),
        physnets=frozenset(n for n in PHYSNETS[:2] if rng.random() < 0.3),
        tunneled=rng.random() < 0.3,
        socket=socket,
        **used,
    )


def _cores(rng: Random, dials: Dials, numbers: list[int]) -> list[list[int]]:
    if rng.random() < 0.04:
        return []
    width = rng.choice(dials.widths)
    return [
        [numbers.pop() for _ in range(width or rng.randint(1, 4))]
        for _ in range(rng.choice(dials.cores) * (2 if width == 1 else 1))
    ]


def _sets(
    rng: Random, dials: Dials, cores: list[list[int]], cpus: list[int]
) -> tuple[list[int], list[int]]:
    """CPUs for shared and for dedicated vCPUs."""
    way = rng.choice(dials.sets)
    if way == "same":
        return cpus, cpus
    if way == "dedicated":
        return [], cpus
    if way == "shared":
        return cpus, []
    if way == "cores":
        cut = rng.randint(0, len(cores))
        shared = [cpu for core in cores[:cut] for cpu in core]
        return shared, [cpu for cpu in cpus if cpu not in shared]
    if way == "split":
        shared = [cpu for cpu in cpus if rng.random() < 0.4]
        return shared, [cpu for cpu in cpus if cpu not in shared]
    odd = [[cpu for cpu in cpus if rng.random() < 0.7] for _ in range(2)]
    return odd[0], odd[0] if rng.random() < 0.3 else odd[1]


def _pages(rng: Random, dials: Dials, memory: int, sizes: Sequence[int]) -> list[PagePool]:
    pools = []
    for size in rng.sample(sizes, len(sizes)):
        total = memory * 1024 // size
        if rng.random() < 0.25:
            total = rng.choice((rng.randrange(12), 4096 // size))
        total = min(total, max_pages(size))
        used = reserved = 0
        if rng.random() < dials.usage:
            used = rng.randrange(total + 1) // rng.choice((1, 3))
            reserved = min(rng.choice((0, 0, 1, 2)), total)
        pools.append(PagePool(size, total, used, reserved))
    return pools


def _pools(rng: Random, dials: Dials, ids: list[int]) -> tuple[PciPool, ...]:
    lists = rng.choice(("none", "none", "all", "all", "some"))
    nodes = [*ids, *ids, *ids, *ids, None, None, 9, -1]
    pools = []
    unlike = rng.random() < 0.2
    for at in range(rng.randint(1, 6)):
        count = rng.choice((0, 1, 1, 1, 2, 2, 3, 4))
        tags: dict[str, Any] = {}
        for key, often, values in (
            ("dev_type", 0.9, ("type-PCI", "type-PF", "type-VF", "type-VF", "type-VF", "vdpa")),
            ("address", dials.families, PARENTS),
            ("physical_network", 0.2, ("foo", "FOO", "bar", None)),
            ("remote_managed", 0.15, ("true", "True", "false")),
            ("live_migratable", 0.1, ("true", "false")),
            ("rp_uuid", 0.3, PROVIDERS),
        ):
            if rng.random() < often:
                tags[key] = rng.choice(values)
        listed = lists == "all" or (lists == "some" and rng.random() < 0.5)
        devices = tuple(f"0000:1{at}:00.{n}" for n in range(count)) if listed else ()
        vendor = rng.choice(VENDORS) if unlike else VENDORS[0]
        pools.append(
            PciPool(vendor, rng.choice(PRODUCTS[:2]), rng.choice(nodes), count, tags, devices)
        )
    return tuple(pools)
