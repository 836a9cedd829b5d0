"""A world on which engine and oracle differ, made smaller for as long as they still do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

from numafit import (
    FitOptions,
    GuestCell,
    GuestTopology,
    HostCell,
    HostInfo,
    PagePool,
    PciPool,
    PciRequest,
    Request,
)

from .agree import DifferenceError
from .compare import compare
from .worlds import Ask, World

T = TypeVar("T")
PLAIN = FitOptions(limits=None)
SIMPLER: dict[type, dict[str, Any]] = {
    HostInfo: {
        "name": "", "cpu_allocation_ratio": None, "ram_allocation_ratio": None,
        "distances": (), "pci_pools": None,
    },
    HostCell: {
        "cpu_usage": 0, "memory_usage": 0, "pinned_cpus": frozenset(), "siblings": (),
        "physnets": frozenset(), "tunneled": False, "socket": None, "page_pools": (),
        "memory_mb": 0, "cpuset": frozenset(), "pcpuset": frozenset(),
    },
    PagePool: {"used": 0, "reserved": 0},
    PciPool: {"numa_node": None, "count": 1, "devices": ()},
    GuestCell: {
        "pagesize": None, "cpu_policy": None, "cpu_thread_policy": None, "memory_mb": 0,
        "cpuset": frozenset(), "pcpuset": frozenset(),
    },
    FitOptions: {
        "strategy": "spread", "limits": None, "physnet_affinity": "any", "pci_matching": "nova",
    },
}  # fmt: skip


def difference(world: World) -> str | None:
    try:
        compare(world.hosts, world.asks)
    except DifferenceError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def reduced(world: World) -> World:
    """The smallest world that a greedy search finds, with a difference of the same sort."""
    sort = _sort(world)
    going = True
    while going:
        going = False
        for candidate in _smaller(world):
            if _sort(candidate) == sort:
                world, going = candidate, True
                break
    return world


def _sort(world: World) -> list[str]:
    """What is different, without the quantities."""
    words = (difference(world) or "").split(":")
    return words[:1] if words[0] != "reason" else [words[0], words[2].split("(")[0]]


def _without(parts: list[T] | tuple[T, ...]) -> Iterator[list[T]]:
    for n in range(len(parts)):
        yield [*parts[:n], *parts[n + 1 :]]


def _each(parts: list[T] | tuple[T, ...], smaller: Any) -> Iterator[list[T]]:
    for n, part in enumerate(parts):
        for other in smaller(part):
            yield [*parts[:n], other, *parts[n + 1 :]]


def _simpler(value: Any) -> Iterator[Any]:
    for name, plain in SIMPLER[type(value)].items():
        if getattr(value, name) != plain:
            yield replace(value, **{name: plain})


def _smaller(world: World) -> Iterator[World]:
    for asks in _without(world.asks):
        yield World(world.name, world.hosts, asks)
    for hosts in _without(world.hosts):
        yield World(world.name, hosts, world.asks)
    for asks in _each(world.asks, _smaller_ask):
        yield World(world.name, world.hosts, asks)
    for hosts in _each(world.hosts, _smaller_host):
        yield World(world.name, hosts, world.asks)


def _smaller_ask(ask: Ask) -> Iterator[Ask]:
    for steps in _without(ask.steps):
        yield replace(ask, steps=steps)
    if ask.cap > 1:
        yield replace(ask, cap=ask.cap - 1)
    if ask.weights:
        yield replace(ask, weights=None)
    if len(ask.requests) > 1:
        for n, requests in enumerate(_without(ask.requests)):
            steps = [
                (what, which - (what != "release" and which > n))
                for what, which in ask.steps
                if what == "release" or which != n
            ]
            weights = ask.weights and [*ask.weights[:n], *ask.weights[n + 1 :]]
            yield replace(ask, requests=requests, steps=steps, weights=weights)
    for options in _simpler(ask.options):
        yield replace(ask, options=options)
    for requests in _each(ask.requests, _smaller_request):
        yield replace(ask, requests=requests)


def _smaller_request(request: Request) -> Iterator[Request]:
    guest, nets, pci, mapping = (
        request.guest, request.networks, request.pci, request.provider_mapping
    )  # fmt: skip
    if nets:
        yield Request(guest, None, pci, mapping)
        if nets.tunneled and nets.physnets:
            yield Request(guest, replace(nets, tunneled=False), pci, mapping)
    if mapping:
        yield Request(guest, nets, pci)
        for group in mapping:
            yield Request(guest, nets, pci, {g: u for g, u in mapping.items() if g != group})
    for fewer in _without(pci):
        yield Request(guest, nets, fewer, mapping)
    for other in _each(pci, _smaller_pci):
        yield Request(guest, nets, other, mapping)
    if guest is None:
        return
    yield Request(None, nets, pci, mapping)
    policy = guest.emulator_threads_policy
    if policy:
        yield Request(GuestTopology(guest.cells), nets, pci, mapping)
    for cells in _without(guest.cells):
        if cells:
            yield Request(GuestTopology(tuple(cells), policy), nets, pci, mapping)
    for cells in _each(guest.cells, _smaller_guest):
        yield Request(GuestTopology(tuple(cells), policy), nets, pci, mapping)


def _smaller_guest(cell: GuestCell) -> Iterator[GuestCell]:
    yield from _simpler(cell)
    for name in ("cpuset", "pcpuset"):
        for ids in _without(sorted(getattr(cell, name))):
            yield replace(cell, **{name: frozenset(ids)})


def _smaller_pci(one: PciRequest) -> Iterator[PciRequest]:
    def other(**changed: Any) -> PciRequest:
        names = ("count", "spec", "numa_policy", "alias_name", "request_id")
        return PciRequest(**{name: getattr(one, name) for name in names} | changed)

    if one.numa_policy:
        yield other(numa_policy=None)
    if one.count > 1:
        yield other(count=1)
    for specs in _without(one.spec):
        if specs:
            yield other(spec=specs)
    for specs in _each(one.spec, lambda spec: (dict(keys) for keys in _without([*spec.items()]))):
        yield other(spec=specs)
    if one.alias_name:
        yield other(alias_name=None)


def _smaller_host(host: HostInfo) -> Iterator[HostInfo]:
    for n, cells in enumerate(_without(host.cells)):
        rows = [[*row[:n], *row[n + 1 :]] for row in host.distances]
        yield replace(
            host, cells=tuple(cells), distances=tuple(map(tuple, rows[:n] + rows[n + 1 :]))
        )
    for pools in _without(host.pci_pools or ()):
        yield replace(host, pci_pools=tuple(pools))
    yield from _simpler(host)
    for cells in _each(host.cells, _smaller_cell):
        yield replace(host, cells=tuple(cells))
    for pools in _each(host.pci_pools or (), _smaller_pool):
        yield replace(host, pci_pools=tuple(pools))


def _smaller_cell(cell: HostCell) -> Iterator[HostCell]:
    yield from _simpler(cell)
    for pages in _without(cell.page_pools):
        yield replace(cell, page_pools=tuple(pages))
    for pages in _each(cell.page_pools, _simpler):
        yield replace(cell, page_pools=tuple(pages))
    for cores in _without(cell.siblings):
        yield replace(cell, siblings=tuple(cores))
    for name in ("cpuset", "pcpuset", "pinned_cpus"):
        for ids in _without(sorted(getattr(cell, name))):
            yield replace(cell, **{name: frozenset(ids)})


def _smaller_pool(pool: PciPool) -> Iterator[PciPool]:
    for tags in _without([*pool.tags.items()]):
        yield replace(pool, tags=dict(tags))
    if not pool.devices or pool.count == len(pool.devices):
        for simpler in _simpler(pool):
            if simpler.devices:
                simpler = replace(simpler, devices=simpler.devices[: simpler.count])
            yield simpler
