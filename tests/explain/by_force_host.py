"""Every change to a small host that docs/guide/why-not.md lists, made without a look at
``numafit.planning``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from numafit import FitOptions, HostCell, HostInfo, PagePool, PciPool, Request

Make = Callable[[HostInfo], HostInfo]


class Change(NamedTuple):
    """One part. ``place``: no two parts of a set are of the same."""

    place: tuple[object, ...]
    units: int
    make: Make


def changes(info: HostInfo, request: Request, options: FitOptions) -> Iterator[Change]:
    for at, cell in enumerate(info.cells):
        yield from of_cpus(at, cell)
        yield from of_pages(at, cell, request)
        for n in range(1, cell.memory_usage + 1):
            yield Change((at, "memory"), n, on(at, lambda c, n=n: less_memory(c, n)))
        for n in range(1, cell.cpu_usage + 1):
            yield Change((at, "floating"), n, on(at, lambda c, n=n: less_floating(c, n)))
        yield from of_networks(at, cell, info, request, options)
    yield from of_devices(info, request)
    yield from of_units(info)


def on(at: int, make: Callable[[HostCell], HostCell]) -> Make:
    """Who gives CPUs, memory and pages back gives back what placement counts of them; CPUs of a
    set are counted there, too."""

    def made(info: HostInfo) -> HostInfo:
        cells = list(info.cells)
        before = cells[at]
        cells[at] = after = make(before)
        pages = {pool.size_kib: pool.used for pool in after.page_pools}
        returned = {
            "PCPU": len(before.pinned_cpus) - len(after.pinned_cpus),
            "VCPU": before.cpu_usage - after.cpu_usage,
            "MEMORY_MB": before.memory_usage
            - after.memory_usage
            + sum((p.used - pages[p.size_kib]) * p.size_kib // 1024 for p in before.page_pools),
        }
        added = {
            "PCPU": len(after.pcpuset) - len(before.pcpuset),
            "VCPU": len(after.cpuset) - len(before.cpuset),
        }
        return counted(replace(info, cells=tuple(cells)), returned, added)

    return made


def counted(info: HostInfo, returned: dict[str, int], added: dict[str, int]) -> HostInfo:
    if info.provider is None:
        return info
    inventories = {
        name: replace(
            one,
            used=max(one.used - returned.get(name, 0), 0),
            total=max(one.total + added.get(name, 0), 0),
        )
        for name, one in info.provider.inventories.items()
    }
    return replace(info, provider=replace(info.provider, inventories=inventories))


def of_units(info: HostInfo) -> Iterator[Change]:
    """Units that are free: of those in use, and of memory and shared vCPUs also more than that."""
    for name, one in () if info.provider is None else info.provider.inventories.items():
        for n in range(1, one.used + (0 if name == "PCPU" else 6) + 1):
            freed = min(n, one.used)
            given = {name: freed}, {name: n - freed}
            yield Change(("units", name), n, lambda i, given=given: counted(i, *given))


def less_memory(cell: HostCell, n: int) -> HostCell:
    return replace(cell, memory_usage=cell.memory_usage - n)


def less_floating(cell: HostCell, n: int) -> HostCell:
    return replace(cell, cpu_usage=cell.cpu_usage - n)


def of_cpus(at: int, cell: HostCell) -> Iterator[Change]:
    held = sorted(cell.pinned_cpus & cell.pcpuset)
    for n in range(1, len(held) + 1):
        for some in combinations(held, n):
            gone = frozenset(some)
            make = on(at, lambda c, gone=gone: replace(c, pinned_cpus=c.pinned_cpus - gone))
            yield Change((at, "free"), n, make)
    cpus = [cpu for core in cell.siblings for cpu in sorted(core)]
    if not cell.siblings:
        cpus = sorted(cell.cpuset | cell.pcpuset)
    for which, others in (("pcpuset", cell.cpuset), ("cpuset", cell.pcpuset)):
        mine = getattr(cell, which)
        new = [cpu for cpu in cpus if cpu not in mine and cpu not in cell.pinned_cpus]
        new = [c for c in new if c not in others] + [c for c in new if c in others]
        for n in range(1, len(new) + 1):
            some = frozenset(new[:n])
            yield Change((at, which), n, on(at, lambda c, w=which, s=some: moved(c, w, s)))


def moved(cell: HostCell, which: str, some: frozenset[int]) -> HostCell:
    other = "cpuset" if which == "pcpuset" else "pcpuset"
    return replace(cell, **{which: getattr(cell, which) | some, other: getattr(cell, other) - some})


def of_pages(at: int, cell: HostCell, request: Request) -> Iterator[Change]:
    sizes = {pool.size_kib for pool in cell.page_pools}
    assert request.guest is not None
    for guest in request.guest.cells:
        if guest.pagesize is not None and guest.pagesize > 0:
            sizes.add(guest.pagesize)
        elif guest.pagesize == -2 and sizes and len(sizes) == 1:
            sizes.add(2048)
    for size in sizes:
        for n in range(1, most_pages(cell, size) + 1):
            yield Change((at, "pages", size), n, on(at, lambda c, s=size, n=n: more_pages(c, s, n)))


def most_pages(cell: HostCell, size: int) -> int:
    used = sum(pool.used for pool in cell.page_pools if pool.size_kib == size)
    if not cell.page_pools:
        return max((cell.memory_mb or 0) - cell.memory_usage, 0) * 1024 // size
    small = min(cell.page_pools, key=lambda pool: pool.size_kib)
    if size <= small.size_kib:
        return used
    free = max(small.total - small.used - small.reserved, 0)
    return used + free * small.size_kib // size


def more_pages(cell: HostCell, size: int, n: int) -> HostCell:
    pools = {pool.size_kib: pool for pool in cell.page_pools}
    small = min(pools, default=size)
    pool = pools.get(size, PagePool(size, 0))
    freed = min(n, pool.used)
    pools[size] = replace(pool, used=pool.used - freed, total=pool.total + n - freed)
    if small < size:
        gone = -(-(n - freed) * size // small)
        pools[small] = replace(pools[small], total=max(pools[small].total - gone, 0))
    return replace(cell, page_pools=tuple(pools.values()))


def of_networks(
    at: int, cell: HostCell, info: HostInfo, request: Request, options: FitOptions
) -> Iterator[Change]:
    nets = request.networks
    if nets is None:
        return
    for name in nets.physnets:
        somewhere = any(name in one.physnets for one in info.cells)
        if options.physnet_affinity == "all" and name in cell.physnets:
            make = on(at, lambda c, name=name: replace(c, physnets=c.physnets - {name}))
            yield Change((at, "net", name), 1, make)
        if options.physnet_affinity == "any" and somewhere and name not in cell.physnets:
            make = on(at, lambda c, name=name: replace(c, physnets=c.physnets | {name}))
            yield Change((at, "net", name), 1, make)
    if nets.tunneled and any(one.tunneled for one in info.cells):
        far = options.physnet_affinity == "all"
        if cell.tunneled == far:
            make = on(at, lambda c: replace(c, tunneled=not c.tunneled))
            yield Change((at, "tunnel"), 1, make)


def of_devices(info: HostInfo, request: Request) -> Iterator[Change]:
    pools = info.pci_pools or ()
    most = sum(max(asked.count, 1) for asked in request.pci)
    for at in range(len(pools)) if request.pci else ():
        for n in range(1, most + 1):
            yield Change(("pool", at), n, lambda i, at=at, n=n: fuller(i, at, n))
    for number, asked in enumerate(request.pci):
        spec = dict(asked.spec[0])
        for cell in info.cells:
            pool = PciPool(spec.pop("vendor_id", "8086"), spec.pop("product_id", "1"), cell.id, 0,
                           {"dev_type": "type-VF", **spec})  # fmt: skip
            spec = dict(asked.spec[0])
            for n in range(1, most + 1):
                new = replace(pool, count=n)
                yield Change(("new", number, cell.id), n, lambda i, new=new: with_pool(i, new))


def fuller(info: HostInfo, at: int, n: int) -> HostInfo:
    pools = list(info.pci_pools or ())
    pools[at] = replace(pools[at], count=pools[at].count + n)
    return replace(info, pci_pools=tuple(pools))


def with_pool(info: HostInfo, pool: PciPool) -> HostInfo:
    return replace(info, pci_pools=(*(info.pci_pools or ()), pool))
