"""Stranded units beside their definition: fill a host with each flavor, take the least that any of
them leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from numafit import FitOptions, Fleet, HostInfo, Request
from numafit.planning.stranded import stranded

from .fit import fit
from .placement import with_inventories, with_resources
from .state import HostState
from .worlds import world

SEED, WORLDS, CAP = 7, 500, 12
Free = Callable[[HostState], int]


def filled(host: HostState, request: Request, options: FitOptions) -> HostState:
    """As the scheduler leaves the host when it refuses one more."""
    trial = host.copy()
    for _ in range(CAP):
        found = fit(trial, request, options)
        if found is None or not trial.claim(request, found):
            break
    return trial


def filled_in_turns(host: HostState, requests: list[Request], options: FitOptions) -> HostState:
    """The same of all of them together, of each one after the other in equal shares."""
    trial = host.copy()
    counts, coming = [0] * len(requests), list(range(len(requests)))
    while coming:
        number = min(coming, key=lambda one: counts[one])
        found = fit(trial, requests[number], options)
        if found is None or not trial.claim(requests[number], found):
            coming.remove(number)
            continue
        counts[number] += 1
        if counts[number] == CAP:
            coming.remove(number)
    return trial


def cpus(host: HostState) -> int:
    return sum(len(cell.free) for cell in host.cells)


def memory(host: HostState) -> int:
    """MiB in pages of each cell's smallest size, or of the cell where it has none."""
    there = 0
    for cell in host.cells:
        if cell.sizes:
            there += max(cell.pages_kib(cell.sizes[0], True), 0) // 1024
        else:
            there += max(cell.memory_free, 0)
    return there


def pages(size: int) -> Free:
    def there(host: HostState) -> int:
        large = [cell for cell in host.cells if size in cell.sizes[1:]]
        return sum(max(cell.pages_kib(size, True), 0) // size for cell in large)

    return there


def devices(words: str) -> Free:
    def there(host: HostState) -> int:
        return sum(pool.count for pool in host.open_pools() if label(pool.props) == words)

    return there


def label(props: dict[str, Any]) -> str:
    tags = [str(props[tag]) for tag in ("dev_type", "physical_network") if props.get(tag)]
    return " ".join([f"devices {props['vendor_id']}:{props['product_id']}", *tags])


def measures(host: HostInfo) -> dict[str, Free]:
    sizes = {pool.size_kib for cell in host.cells for pool in cell.page_pools}
    found: dict[str, Free] = {"dedicated CPUs": cpus, "memory": memory}
    words = {n: f"{n // 1024} MiB" if n % 1024 == 0 else f"{n} KiB" for n in sizes}
    words |= {n: f"{n >> 20} GiB" for n in sizes if n % (1 << 20) == 0}
    found |= {f"pages of {words[n]}": pages(n) for n in sizes}
    pools = [pool.as_dict() for pool in host.pci_pools or ()]
    # a PF that a claim of its VFs hides is not free, and not in reach of anybody either
    if not any(pool.devices for pool in host.pci_pools or ()):
        found |= {label(pool): devices(label(pool)) for pool in pools}
    if host.provider is not None:
        found["shared vCPUs"] = vcpus
    return found


def vcpus(host: HostState) -> int:
    one = host.provider.inventories.get("VCPU") if host.provider else None
    if one is None:
        return 0
    return max(int((one.total - one.reserved) * one.allocation_ratio) - host.units["VCPU"], 0)


def check(host: HostInfo, requests: list[Request], options: FitOptions, name: str) -> list[str]:
    """AssertionError where it is not by the definition; kinds of which some is stranded and some is
    not."""
    catalogue = {str(n): request for n, request in enumerate(requests)}
    found = stranded(Fleet([host]), catalogue, options, cap=CAP)
    before = HostState(host)
    after = [filled(before, request, options) for request in requests]
    mixed = found
    together = None
    if all(one.guest is not None for one in requests):
        mixed = stranded(Fleet([host]), catalogue, options, cap=CAP, mixed=True)
        together = filled_in_turns(before, requests, options)
    partly = []
    for kind, free in measures(host).items():
        if kind not in found.kinds:
            assert free(before) == 0, (name, kind)
            continue
        at = found.kinds.index(kind)
        left = [free(one) for one in after]
        assert int(found.free[at, 0]) == free(before), (name, kind)
        least = min([free(before), *left])
        assert int(found.stranded[at, 0]) == least, (name, kind)
        causes = [one for one in found.causes if one.kind == kind]
        assert sum(one.units for one in causes) == least, (name, kind)
        if together is not None:
            assert int(mixed.stranded[at, 0]) == min(free(before), free(together)), name
        if 0 < least < free(before):
            partly.append(kind if kind in ("dedicated CPUs", "memory") else kind.split()[0])
    return partly


def asked(number: int, rng: Random) -> tuple[HostInfo, list[Request], FitOptions, str]:
    made = world(("capacity", "pci")[number % 2], SEED, number)
    host = rng.choice([one for one in made.hosts if one.cells] or made.hosts)
    requests = [request for ask in made.asks for request in ask.requests]
    return host, requests, made.asks[0].options, made.name


def test_stranded_is_the_least_that_any_flavor_leaves() -> None:
    rng = Random(SEED)
    some = Counter(kind for n in range(WORLDS) for kind in check(*asked(n, rng)))
    assert some["devices"] >= 5
    assert min(some[kind] for kind in ("dedicated CPUs", "memory", "pages")) >= 20, some


def test_stranded_is_what_placement_keeps_from_every_flavor_too() -> None:
    rng = Random(SEED)
    some: Counter[str] = Counter()
    for number in range(WORLDS // 2):
        host, requests, options, name = asked(number, rng)
        told = with_inventories(rng, host)
        some.update(check(told, [with_resources(rng, one) for one in requests], options, name))
    assert min(some[kind] for kind in ("dedicated CPUs", "memory", "shared")) >= 10, some
